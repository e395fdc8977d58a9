"""Pictures for the tests of quality metrics: drawings, and ways to make them worse."""

from __future__ import annotations

import cv2
import numpy as np

from faceattr.data.synthetic import draw
from faceattr.images import UInt8Image


def drawing(index: int = 0, size: int = 200) -> UInt8Image:
    return draw(0, index, size)


def flat(colour: tuple[int, int, int], height: int = 64, width: int = 64) -> UInt8Image:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def noise(height: int = 64, width: int = 64, seed: int = 0) -> UInt8Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def as_gray(image: UInt8Image) -> UInt8Image:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def tinted(image: UInt8Image, tint: tuple[float, float, float]) -> UInt8Image:
    return np.clip(as_gray(image) * np.array(tint), 0, 255).astype(np.uint8)


def jpeg(image: UInt8Image, quality: int) -> UInt8Image:
    done, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def blurred(image: UInt8Image, strength: float) -> UInt8Image:
    return cv2.GaussianBlur(image, (0, 0), 4 * strength)


def compressed(image: UInt8Image, strength: float) -> UInt8Image:
    return jpeg(image, round(40 - 35 * strength))


def darker(image: UInt8Image, strength: float) -> UInt8Image:
    return (image * (1 - 0.8 * strength)).astype(np.uint8)


def brighter(image: UInt8Image, strength: float) -> UInt8Image:
    return (255 - (255 - image.astype(float)) * (1 - 0.8 * strength)).astype(np.uint8)


def paler(image: UInt8Image, strength: float) -> UInt8Image:
    """Lower the contrast."""
    return (128 + (image.astype(float) - 128) * (1 - 0.9 * strength)).astype(np.uint8)


def fewer_colours(image: UInt8Image, strength: float) -> UInt8Image:
    step = round(8 + 56 * strength)
    return (image // step * step).astype(np.uint8)


def smaller(image: UInt8Image, strength: float) -> UInt8Image:
    side = round(len(image) * (1 - 0.8 * strength))
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def with_black_border(image: UInt8Image, strength: float) -> UInt8Image:
    worse = image.copy()
    worse[:, : round(0.4 * strength * image.shape[1])] = 0
    return worse


def burnt_out(image: UInt8Image, strength: float) -> UInt8Image:
    return np.clip(image.astype(float) * (1 + 2 * strength), 0, 255).astype(np.uint8)


def without_colour(image: UInt8Image, strength: float) -> UInt8Image:
    gray = as_gray(image).astype(float)
    return (gray + (image - gray) * max(0.0, 1 - strength)).round().astype(np.uint8)
