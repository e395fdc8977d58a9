"""Skin tone: which pixels of a face are skin, and the individual typology angle of their colour.

The angle is measured on a picture, so it tells of the light and the camera as well as of the skin.
It says nothing about who somebody is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.exceptions import InvalidTypeError
from faceattr.images import UInt8Image, check_array
from faceattr.quality.colour import is_monochrome
from faceattr.quality.metric import NoScore, quality_metric
from faceattr.quality.reduced import small_chroma, small_image
from faceattr.quality.views import shared_view

__all__ = ["ITA_BANDS", "ita", "ita_band", "skin_mask"]

ITA_BANDS = ("dark", "brown", "tan", "intermediate", "light", "very light")
"""Bands of the individual typology angle, from low to high."""

_EDGES = (-30.0, 10.0, 28.0, 41.0, 55.0)

_SMALLEST = 16
_FEWEST = 0.04  # of all pixels
_SEEDS = 0.25  # of the pixels between the eyes and the mouth
_DARKEST, _BRIGHTEST = 20, 252  # luma of pixels that have a colour at all
_LEAST_RED, _MOST_BLUE = 129, 128  # chroma of skin under white light: more red, less blue than gray

_ABOVE_GRAY = 1e-6  # b* above that of gray, for which the angle is not defined
_LEAST_YELLOW = 3.0  # mean b* of skin: below it the light decides about the angle, not the skin

Bounds = tuple[tuple[float, float, float], tuple[float, float, float]]


@quality_metric(
    "ita",
    label="Skin tone (individual typology angle)",
    unit="degrees",
    range=(-90, 90),
    source="Chardon, Cretois & Hourseau, Skin colour typology and suntanning pathways, "
    "Int. J. Cosmetic Science 13, 1991",
)
def ita(image: UInt8Image) -> float:
    """Return the median typology angle of a face's skin pixels; high for light skin."""
    if min(image.shape[:2]) < _SMALLEST:
        return NoScore(f"smaller than {_SMALLEST} pixels")
    if is_monochrome(image):
        return NoScore("without colour")
    mask = _small_mask(image)
    if cv2.countNonZero(mask) < _FEWEST * mask.size:
        return NoScore("too little skin found")
    pixels = small_image(image).astype(np.float32) * np.float32(1 / 255)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab)
    if cv2.mean(lab, mask)[2] < _LEAST_YELLOW:
        return NoScore("skin without yellow: the light is tinted")
    slopes = (lab[..., 0] - 50) / np.maximum(lab[..., 2], _ABOVE_GRAY)
    return math.degrees(math.atan(_median(slopes[mask.view(np.bool_)])))


def ita_band(values: Sequence[float] | npt.NDArray[np.floating] | pd.Series) -> pd.Categorical:
    """Name the band of each individual typology angle.

    Very light above 55 degrees, light above 41, intermediate above 28, tan above 10, brown above
    -30, dark up to -30 (Chardon et al. 1991; Del Bino & Bernerd, British Journal of Dermatology
    169, 2013). The bands tell how light skin looks in a picture; they are no groups of people.

    Parameters
    ----------
    values : sequence of float
        Angles in degrees, NaN where there is none.

    Returns
    -------
    pandas.Categorical
        Ordered from ``"dark"`` to ``"very light"``, missing where the angle is.

    Raises
    ------
    InvalidTypeError
        If `values` is no sequence of numbers.

    Examples
    --------
    >>> from faceattr.quality import ita_band
    >>> list(ita_band([60.0, 41.0, -50.0]))
    ['very light', 'intermediate', 'dark']
    """
    angles = _angles(values)
    codes = np.digitize(angles, _EDGES, right=True)
    names = np.append(np.array(ITA_BANDS, dtype=object), np.nan)
    named = names[np.where(np.isnan(angles), len(ITA_BANDS), codes)]
    return pd.Categorical(named.tolist(), categories=list(ITA_BANDS), ordered=True)


def _angles(values: object) -> npt.NDArray[np.float64]:
    try:
        numbers = pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(
            "not angles",
            argument="values",
            expected="a sequence of numbers in degrees",
            found=repr(values)[:80],
        ) from error
    return np.asarray(numbers)


def skin_mask(image: UInt8Image) -> npt.NDArray[np.bool_]:
    """Find the skin of a face in the middle of an image.

    The colour between eyes and mouth is taken for that of the skin, if skin can have it; pixels
    of nearly that colour inside an oval around the middle are skin. It is found at 50 pixels a
    side, so borders are rough.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        RGB, a face that fills most of it.

    Returns
    -------
    numpy.ndarray of bool, shape (H, W)
        Nowhere true where no skin is found, as in a picture without colour.
    """
    image = check_array(image, "image")
    height, width = image.shape[:2]
    if is_monochrome(image):
        return np.zeros((height, width), dtype=np.bool_)
    mask = _small_mask(image)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.bool_)


@shared_view
def _small_mask(image: UInt8Image) -> npt.NDArray[np.uint8]:
    """Return the mask of the small image, uint8 (h, w), 0 or 1."""
    chroma = small_chroma(image)
    bounds = _skin_colours(chroma)
    oval = _oval(chroma.shape[:2])
    if bounds is None:
        return np.zeros_like(oval)
    like_skin = cv2.bitwise_and(cv2.inRange(chroma, *bounds), oval)
    return np.asarray(cv2.morphologyEx(like_skin, cv2.MORPH_OPEN, _BRUSH), dtype=np.uint8)


def _skin_colours(chroma: UInt8Image) -> Bounds | None:
    """Return the least and largest (Y, Cr, Cb) of this face's skin; None if it shows none."""
    height, width = chroma.shape[:2]
    rows = slice(int(0.34 * height), int(0.62 * height) + 1)
    columns = slice(int(0.3 * width), int(0.7 * width) + 1)
    seeds = chroma[rows, columns].reshape(-1, 3)
    possible = seeds.take(_possible_skin(seeds), axis=0)
    if len(possible) < max(1.0, _SEEDS * len(seeds)):
        return None
    luma, red, blue = (float(value) for value in _median(possible))
    away = 6 + luma / 20  # chroma grows with the light
    return (
        (max(0.62 * luma, _DARKEST), max(red - away, _LEAST_RED), blue - away),
        (min(1.45 * luma, _BRIGHTEST), red + away, min(blue + away, _MOST_BLUE)),
    )


def _possible_skin(seeds: UInt8Image) -> npt.NDArray[np.intp]:
    """Return which rows of (Y, Cr, Cb) have a colour that skin can have."""
    low, high = (_DARKEST, _LEAST_RED + 1, 0), (_BRIGHTEST, 255, _MOST_BLUE - 1)
    return np.flatnonzero(cv2.inRange(seeds[None], low, high))


def _median(rows: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return the (upper) median of each column."""
    middle = len(rows) // 2
    return np.asarray(np.partition(rows, middle, axis=0)[middle])


@lru_cache(maxsize=64)
def _oval(shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return where a face may be, uint8 (h, w), 0 or 1."""
    height, width = shape
    down = ((np.arange(height) + 0.5) / height - 0.52) / 0.5
    across = ((np.arange(width) + 0.5) / width - 0.5) / 0.46
    return (down[:, None] ** 2 + across**2 <= 1).astype(np.uint8)


_BRUSH = np.ones((3, 3), dtype=np.uint8)
