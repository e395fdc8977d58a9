"""Where the regions of a face lie, drawn on the template that faces are aligned to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError
from faceattr.faces.template import template_points

__all__ = ["FACE_REGIONS", "TEMPLATE_POINTS", "LandmarkPoints", "face_labels"]

LandmarkPoints: TypeAlias = Sequence[tuple[float, float]]
"""Left eye, right eye, tip of the nose, left and right corner of the mouth, as shares of width and
height; left as in the picture."""

_SIDE = 200.0

TEMPLATE_POINTS: LandmarkPoints = [(x, y) for x, y in template_points(1).tolist()]
"""Median position in aligned chips (UTKFace, 200 pixels a side)."""

FACE_REGIONS = (
    "background",
    "hair",
    "forehead",
    "left temple",
    "right temple",
    "left brow",
    "right brow",
    "between the eyes",
    "left eye",
    "right eye",
    "nose",
    "left cheek",
    "right cheek",
    "upper lip",
    "mouth",
    "left jaw",
    "right jaw",
    "chin",
)
"""Their names; left and right are those of the picture."""

_MIDDLE = 99.0
Plane: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]


def face_labels(
    height: int, width: int, points: LandmarkPoints | None = None
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Return the region of each pixel, int32 (height, width), and the regions' names."""
    given = TEMPLATE_POINTS if points is None else _check_points(points)
    return _labels(height, width, tuple((float(x), float(y)) for x, y in given))


@lru_cache(maxsize=32)
def _labels(
    height: int, width: int, points: tuple[tuple[float, float], ...]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    across = (np.arange(width) + 0.5) / width
    down = (np.arange(height) + 0.5) / height
    grid = np.stack([*np.meshgrid(across, down), np.ones((height, width))], axis=-1)
    on_template = _SIDE * (grid @ _to_template(points))
    drawn = _draw(on_template[..., 0], on_template[..., 1])
    present, labels = np.unique(drawn, return_inverse=True)
    found = labels.reshape(height, width).astype(np.int32)
    found.setflags(write=False)  # it is shared by all images of this size
    return found, tuple(FACE_REGIONS[region] for region in present.tolist())


def _to_template(points: Sequence[tuple[float, float]]) -> Plane:
    """Return the affine map, (3, 2), that brings points to the template's, by least squares."""
    source = np.column_stack([np.asarray(points, dtype=np.float64), np.ones(len(points))])
    found: Plane = np.linalg.lstsq(source, np.asarray(TEMPLATE_POINTS), rcond=None)[0]
    return found


def _draw(x: Plane, y: Plane) -> npt.NDArray[np.int64]:
    """Paint the regions one over the other, in units of the 200-pixel template."""
    left = x < _MIDDLE
    face = _ellipse(x, y, (_MIDDLE, 86.0), (82.0, 110.0))
    regions = np.where(y < 78, 1, 0)
    regions[face & (y >= 10)] = 2
    sides: list[tuple[Mask, str]] = [
        (face & (y >= 28), "temple"),
        (face & (y >= 70), "cheek"),
        (face & (y >= 128), "jaw"),
        (_box(x, y, (28, 86), (28, 46), mirrored=True), "brow"),
        (_box(x, y, (30, 84), (46, 68), mirrored=True), "eye"),
    ]
    for mask, name in sides:
        regions[mask & left] = FACE_REGIONS.index(f"left {name}")
        regions[mask & ~left] = FACE_REGIONS.index(f"right {name}")
    half_nose = np.interp(y, [46, 68, 100, 118], [13, 15, 26, 30])
    middle: list[tuple[Mask, str]] = [
        (_box(x, y, (86, 112), (28, 56)), "between the eyes"),
        ((np.abs(x - _MIDDLE) < half_nose) & (y >= 56) & (y < 118), "nose"),
        (_box(x, y, (64, 134), (118, 128)), "upper lip"),
        (face & (np.abs(x - _MIDDLE) < 40) & (y >= 150), "chin"),
        (_ellipse(x, y, (100.0, 142.0), (44.0, 20.0)) & (y >= 128), "mouth"),
    ]
    for mask, name in middle:
        regions[mask] = FACE_REGIONS.index(name)
    return regions


def _ellipse(x: Plane, y: Plane, centre: tuple[float, float], half: tuple[float, float]) -> Mask:
    inside: Mask = ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 < 1
    return inside


def _box(
    x: Plane,
    y: Plane,
    across: tuple[float, float],
    down: tuple[float, float],
    *,
    mirrored: bool = False,
) -> Mask:
    inside = (x >= across[0]) & (x < across[1])
    if mirrored:
        other = 2 * _MIDDLE - x
        inside |= (other >= across[0]) & (other < across[1])
    found: Mask = inside & (y >= down[0]) & (y < down[1])
    return found


def _check_points(points: LandmarkPoints) -> LandmarkPoints:
    expected = "five (x, y): left eye, right eye, nose, left and right corner of the mouth"
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (5, 2) or not np.isfinite(array).all():
        raise InvalidArgumentError(
            "not the points of a face", argument="points", expected=expected, found=repr(points)
        )
    if np.linalg.matrix_rank(array - array.mean(axis=0), tol=1e-3) < 2 or np.abs(array).max() > 10:
        raise InvalidArgumentError(
            "points on one line, or not shares of width and height",
            argument="points",
            expected=expected + ", between 0 and 1",
            found=repr(points),
        )
    return points
