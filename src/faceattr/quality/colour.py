"""Colour: whether there is any, and how many colours there are."""

from __future__ import annotations

import math
import threading

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image
from faceattr.quality.metric import Complaint, quality_metric
from faceattr.quality.reduced import small_chroma
from faceattr.quality.views import shared_view

__all__ = ["grayscale", "is_monochrome", "unique_colours"]

_NEUTRAL = 128
_SPREAD = 2.5
"""Standard deviation of chroma, 0-255, that scans and JPEG give to a picture without colour."""

_COLOURFUL = 12.0
"""Spread of chroma that no tint has."""

_FLAT = 4.0
"""Standard deviation of the luma below which tint and colour cannot be told apart."""

_MOST_PIXELS = 2**16
_COLOURS = 2**24
_scratch = threading.local()
_ORDER = np.arange(_MOST_PIXELS, dtype=np.uint16)


@quality_metric(
    "grayscale",
    label="Without colour",
    range=(0, 1),
    worse="high",
    source="spread of the chroma (ITU-R BT.601) that the luma does not explain, at 50 pixels",
    complaints=(
        Complaint("in colour", "use a picture without colour"),
        Complaint("without colour", "use a colour picture"),
    ),
)
def grayscale(image: UInt8Image) -> float:
    """Return 1.0 for a picture without colour, or of one tint such as sepia; 0.0 for others."""
    return float(is_monochrome(image))


@shared_view
def is_monochrome(image: UInt8Image) -> bool:
    """Return whether gray values alone explain the colours of an image.

    In a tinted picture chroma follows the luma; what a line through them leaves of it is noise.
    """
    chroma = small_chroma(image)
    (luma, red, blue), spread = (column.ravel().tolist() for column in cv2.meanStdDev(chroma))
    if math.hypot(spread[1], spread[2]) < _SPREAD:
        offset = math.hypot(red - _NEUTRAL, blue - _NEUTRAL)
        return spread[0] >= _FLAT or offset < _SPREAD
    if spread[0] < _FLAT or math.hypot(spread[1], spread[2]) > _COLOURFUL:
        return False
    return _unexplained(chroma, (luma, red, blue)) < _SPREAD


def _unexplained(chroma: UInt8Image, mean: tuple[float, float, float]) -> float:
    """Return the spread of the chroma around its best line of the luma."""
    pixels = chroma.reshape(-1, 3)
    squares = cv2.mulTransposed(pixels, True, dtype=cv2.CV_64F) / len(pixels)
    luma, red, blue = (squares - np.outer(mean, mean)).tolist()
    left = red[1] + blue[2] - (luma[1] ** 2 + luma[2] ** 2) / luma[0]
    return math.sqrt(max(0.0, left))


@quality_metric(
    "unique_colours",
    label="Different colours",
    range=(1, _COLOURS),
    worse="low",
    source="number of different RGB triplets",
    complaints=(
        Complaint("few colours", "use the original picture in colour, not a drawing or a GIF"),
        Complaint("many colours", "use more light, so that the camera adds less noise"),
    ),
)
def unique_colours(image: UInt8Image) -> float:
    """Return the number of different RGB triplets."""
    packed = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).reshape(-1).view("<u4")
    if len(packed) > _MOST_PIXELS:
        return float(_count_in_parts(packed))
    # Each pixel writes its number at its colour; the last one of a colour finds its own there.
    # What stood in the table before does not matter.
    place, order, table = _places(packed), _ORDER[: len(packed)], _table()
    table[place] = order
    return float(np.count_nonzero(table[place] == order))


def _count_in_parts(packed: npt.NDArray[np.uint32]) -> int:
    seen = np.zeros(_COLOURS, dtype=np.bool_)
    for start in range(0, len(packed), _MOST_PIXELS):
        seen[_places(packed[start : start + _MOST_PIXELS])] = True
    return int(np.count_nonzero(seen))


def _places(packed: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
    """Return a number below 2**24 for each colour, near each other for shades of one hue.

    It is R, G - R and B - G, which tells as much as the colour itself and needs less of the cache.
    """
    red_green = packed << 8
    red_green &= 0xFFFF00
    packed = packed - red_green
    packed &= _COLOURS - 1
    return packed.astype(np.intp)


def _table() -> npt.NDArray[np.uint16]:
    """Return this thread's table of all colours: 32 MB, used as far as colours occur."""
    table: npt.NDArray[np.uint16] | None = getattr(_scratch, "table", None)
    if table is None:
        table = _scratch.table = np.empty(_COLOURS, dtype=np.uint16)
    return table
