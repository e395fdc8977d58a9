"""One cartoon face: a drawing with the attributes of a face, in no way a photograph.

The parts are painted from back to front at twice the final size or more and averaged down. Light,
blur and grain come last, as a camera's would.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceattr.data.drawing import features, hair, head
from faceattr.data.drawing.canvas import Canvas
from faceattr.data.drawing.traits import Look, hsv, traits
from faceattr.data.variation import Variation, random_bytes
from faceattr.images import UInt8Image, resize_image

__all__ = ["render"]

_SMALLEST_CANVAS = 256
_GRAIN = 5


def render(look: Look, v: Variation, size: int) -> UInt8Image:
    """Draw a face.

    Parameters
    ----------
    look : Look
        The attributes.
    v : mapping of str to float
        What is individual about the drawing, from `faceattr.data.variation.variation`.
    size : int
        Side length in pixels.

    Returns
    -------
    numpy.ndarray of uint8, shape (size, size, 3)
        RGB.
    """
    side = max(_SMALLEST_CANVAS, 2 * size)
    face = traits(look, v)
    canvas = Canvas(_background(v, side))
    shift = (0.05 * v["x"], 0.02 + 0.04 * v["y"])
    scale = 0.97 * (1 + 0.045 * v["scale"])
    canvas.set_pose(yaw=0.3 * look.pose, scale=scale, shift=shift)
    head.paint_clothes(canvas, face, v)
    canvas.set_pose(yaw=look.pose, roll=3.0 * v["roll"], scale=scale, shift=shift)
    hair.paint_back_hair(canvas, face, v)
    head.paint_neck(canvas, face)
    head.paint_ears(canvas, face, v)
    head.paint_head(canvas, face, v)
    head.paint_wrinkles(canvas, face)
    hair.paint_beard(canvas, face, v)
    features.paint_mouth(canvas, face, v)
    features.paint_nose(canvas, face)
    for side_sign in (-1.0, 1.0):
        features.paint_eye(canvas, face, v, side_sign)
    hair.paint_front_hair(canvas, face, v)
    for side_sign in (-1.0, 1.0):
        features.paint_brow(canvas, face, v, side_sign)
    features.paint_glasses(canvas, face, v)
    return _photograph(canvas.pixels, look, v, size)


def _background(v: Variation, side: int) -> UInt8Image:
    near = np.array(hsv(v["back_hue"], 0.5 * v["back_saturation"], 0.25 + 0.7 * v["back_value"]))
    far = near * (0.75 + 0.5 * v["back_tilt"])
    across = near * (0.85 + 0.3 * v["back_side"])
    corners = np.array([[near, across], [across, far]])
    wide = cv2.resize(np.clip(corners, 0, 255), (side, side), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(wide.astype(np.uint8))


def _photograph(pixels: UInt8Image, look: Look, v: Variation, size: int) -> UInt8Image:
    small = resize_image(pixels, size)
    sigma = look.blur * size / 128
    if sigma > 0.15:
        small = cv2.GaussianBlur(small, (0, 0), sigma).astype(np.uint8, copy=False)
    noise = random_bytes(v["grain"], size * size).astype(np.int16).reshape(size, size, 1)
    grain = noise * (2 * _GRAIN + 1) // 256 - _GRAIN
    lit = cv2.convertScaleAbs(small, alpha=look.light).astype(np.int16)
    return np.asarray(np.clip(lit + grain, 0, 255), dtype=np.uint8)
