"""The image at fixed sizes, shared by metrics: gray at 200 pixels, colour at 50."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image, resize_image
from faceattr.quality.views import gray, shared_view

__all__ = ["SHARPNESS_SIDE", "SMALL_SIDE", "gray_square", "small_chroma", "small_image"]

SHARPNESS_SIDE = 200
"""Side length in pixels at which sharpness is measured, whatever the size of the file."""

SMALL_SIDE = 50
"""Longest side in pixels of what colour is measured on: small enough to average JPEG noise away."""


@shared_view
def gray_square(image: UInt8Image) -> npt.NDArray[np.uint8]:
    """Return the centred square of the luma at 200 pixels, uint8 (200, 200), 0-255.

    Cut and scaled as `faceattr.images.resize_image` does it.
    """
    return resize_image(gray(image), SHARPNESS_SIDE)


@shared_view
def small_image(image: UInt8Image) -> UInt8Image:
    """Return the whole image with sides of at most 50 pixels each, uint8 (h, w, 3) RGB.

    Areas are averaged. Proportions are given up; sides that are short already are kept.
    """
    height, width = image.shape[:2]
    small = image
    while min(height, width) >= 2 * SMALL_SIDE and height % 2 == 0 == width % 2:
        height, width = height // 2, width // 2  # halving is much faster than any other ratio
        small = _scaled(small, height, width)
    if max(height, width) > SMALL_SIDE:
        small = _scaled(small, min(height, SMALL_SIDE), min(width, SMALL_SIDE))
    return small


@shared_view
def small_chroma(image: UInt8Image) -> UInt8Image:
    """Return luma and chroma (Y, Cr, Cb; ITU-R BT.601) of the small image, uint8 (h, w, 3).

    Chroma is 128 where there is no colour.
    """
    return np.asarray(cv2.cvtColor(small_image(image), cv2.COLOR_RGB2YCrCb), dtype=np.uint8)


def _scaled(image: UInt8Image, height: int, width: int) -> UInt8Image:
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
