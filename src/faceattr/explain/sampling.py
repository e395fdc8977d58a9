"""Perturbed images: some parts shown, the others hidden, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError
from faceattr.explain.segments import Segments
from faceattr.images import UInt8Image, key_of_bytes

__all__ = ["HideColor", "Masks", "Perturber", "generator", "hidden_image", "perturbation_matrix"]

Masks: TypeAlias = npt.NDArray[np.uint8]
"""Of 0 (hidden) and 1 (shown), shape (n, parts): a row an image."""

HideColor: TypeAlias = int | Sequence[int] | None


def generator(seed: int, image: UInt8Image, purpose: int) -> np.random.Generator:
    """Return random numbers that depend on a seed, an image's pixels and a purpose alone.

    So an image has the same explanation whatever else is explained beside it.
    """
    key = int.from_bytes(key_of_bytes(np.ascontiguousarray(image).tobytes()), "little")
    return np.random.default_rng([seed, purpose, *image.shape, key])


def perturbation_matrix(num_samples: int, parts: int, rng: np.random.Generator) -> Masks:
    """Draw which parts are shown: each in half of the images, and all of them in the first.

    Parameters
    ----------
    num_samples, parts : int
        Rows and columns, at least 1.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of uint8, shape (num_samples, parts)
        0 or 1; the first row is all 1, as in lime.
    """
    matrix = rng.integers(0, 2, size=(num_samples, parts), dtype=np.uint8)
    matrix[0] = 1
    return matrix


def hidden_image(image: UInt8Image, segments: Segments, hide_color: HideColor = None) -> UInt8Image:
    """Return what is seen where a part is hidden.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
    segments : Segments
    hide_color : int or three ints, optional
        One colour for all parts, 0-255; the mean colour of each part by default, cut to whole
        numbers, as in lime.

    Returns
    -------
    numpy.ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    InvalidArgumentError
        If `hide_color` is no colour.
    """
    if hide_color is not None:
        return np.broadcast_to(_check_colour(hide_color), image.shape).copy()
    labels, sizes = segments.labels.ravel(), segments.sizes()
    sums = [
        np.bincount(labels, weights=image[..., channel].ravel(), minlength=len(segments))
        for channel in range(3)
    ]
    means = (np.stack(sums, axis=1) / sizes[:, None]).astype(np.uint8)
    hidden: UInt8Image = means[segments.labels]
    return hidden


def _check_colour(colour: int | Sequence[int]) -> npt.NDArray[np.uint8]:
    values = np.asarray(colour)
    fits = values.dtype.kind in "iu" and values.shape in {(), (3,)}
    if not fits or values.min() < 0 or values.max() > 255:
        raise InvalidArgumentError(
            "not a colour",
            argument="hide_color",
            expected="one whole number or three (red, green, blue), each 0 to 255, or None",
            found=repr(colour),
        )
    return values.astype(np.uint8)


class Perturber:
    """Makes images in which some parts are hidden.

    Parameters
    ----------
    image, hidden : numpy.ndarray of uint8, shape (H, W, 3)
        What is seen where a part is shown, and where it is not.
    segments : Segments
    """

    def __init__(self, image: UInt8Image, hidden: UInt8Image, segments: Segments) -> None:
        self._shape = image.shape
        self._places = segments.labels.ravel()
        self._hidden = hidden.reshape(-1)
        # Where bits of image and hidden image differ: switched by masks, no pixel is chosen twice.
        self._difference = (image ^ hidden).reshape(-1)

    def __call__(self, masks: Masks) -> UInt8Image:
        """Return the images of some masks, uint8 (n, H, W, 3)."""
        height, width, channels = self._shape
        switches = (0 - masks).astype(np.uint8)  # 255 where shown
        plane = np.take(switches, self._places, axis=1, mode="clip")
        # OpenCV repeats a value for three channels several times faster than NumPy does.
        flat = cv2.cvtColor(plane.reshape(len(masks) * height, width), cv2.COLOR_GRAY2RGB)
        pixels: UInt8Image = np.asarray(flat, dtype=np.uint8).reshape(len(masks), -1)
        pixels &= self._difference
        pixels ^= self._hidden
        return pixels.reshape(len(masks), height, width, channels)
