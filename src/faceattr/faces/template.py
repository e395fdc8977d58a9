"""The places on a face chip that the five landmarks of a face are brought to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["CROP_TEMPLATE", "LANDMARKS", "template_points"]

LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner")
"""The landmarks of a face, in the order of all arrays of them; left and right as in the picture."""

_SIDE = 200
_POINTS = ((60, 57), (137, 56), (101, 100), (66, 135), (134, 134))

CROP_TEMPLATE: dict[str, int | list[int]] = {
    "size": _SIDE,
    **{name: list(point) for name, point in zip(LANDMARKS, _POINTS, strict=True)},
}
"""Median position (x, y) of the landmarks on a 200 x 200 UTKFace chip, as seen in the image."""


def template_points(size: int) -> npt.NDArray[np.float64]:
    """Return where the landmarks belong on a chip.

    Parameters
    ----------
    size : int
        Side length of the chip in pixels.

    Returns
    -------
    numpy.ndarray of float64, shape (5, 2)
        x and y in pixels, in the order of `LANDMARKS`. The chip spans 0 to `size`, so the middle of
        its first pixel is (0.5, 0.5).

    Examples
    --------
    >>> from faceattr.faces import template_points
    >>> template_points(100)[0].tolist()
    [30.0, 28.5]
    """
    return np.array(_POINTS, dtype=np.float64) * (size / _SIDE)
