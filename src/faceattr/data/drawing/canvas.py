"""A small canvas on OpenCV: smooth filled shapes and lines in face coordinates.

Face coordinates run from -1 to 1 over the picture, x to the right, y downward. The canvas holds the
head's pose: a shape has a depth, and turning the head moves near shapes further than far ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image

__all__ = ["Canvas", "Colour", "Points", "mirrored"]

Colour: TypeAlias = tuple[float, float, float]
Points: TypeAlias = Sequence[tuple[float, float]]

_SHIFT = 4
"""Points are given to OpenCV in sixteenths of a pixel."""

_STEPS = 6
"""Straight pieces between two control points of a curve."""

_HEAD_RADIUS = 0.62


class Canvas:
    """Pixels and the pose with which shapes come onto them.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (S, S, 3)
        Painted upon in place.
    """

    def __init__(self, pixels: UInt8Image) -> None:
        self.pixels = pixels
        self.set_pose()

    def set_pose(
        self,
        *,
        yaw: float = 0.0,
        roll: float = 0.0,
        scale: float = 1.0,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Set how following shapes are turned (degrees), scaled and moved."""
        half = self.pixels.shape[0] / 2
        angle = math.radians(roll)
        unit = scale * half * (1 << _SHIFT)
        self._turn = math.sin(math.radians(yaw))
        self._narrow = math.cos(math.radians(yaw))
        self._across = unit * np.array([math.cos(angle), -math.sin(angle)])
        self._down = unit * np.array([math.sin(angle), math.cos(angle)])
        self._origin = (np.array([1 + shift[0], 1 + shift[1]]) * half - 0.5) * (1 << _SHIFT)
        self._unit = scale * half

    def shape(self, points: Points, colour: Colour, *, depth: float = 0.0) -> None:
        """Fill the smooth closed curve through `points`."""
        path = _spline_matrix(len(points), True) @ np.asarray(points, dtype=np.float64)
        cv2.fillPoly(self.pixels, [self._place(path, depth)], _bytes(colour), cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, colour: Colour, width: float, *, depth: float = 0.0) -> None:
        """Draw the smooth open curve through `points`, at least one pixel wide."""
        path = _spline_matrix(len(points), False) @ np.asarray(points, dtype=np.float64)
        thickness = max(1, round(width * self._unit))
        placed = [self._place(path, depth)]
        cv2.polylines(self.pixels, placed, False, _bytes(colour), thickness, cv2.LINE_AA, _SHIFT)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: Colour,
        *,
        depth: float = 0.0,
    ) -> None:
        """Fill an ellipse."""
        path = _unit_circle() * np.asarray(radii) + np.asarray(centre)
        cv2.fillPoly(self.pixels, [self._place(path, depth)], _bytes(colour), cv2.LINE_AA, _SHIFT)

    def _place(self, path: npt.NDArray[np.float64], depth: float) -> npt.NDArray[np.int32]:
        x = path[:, 0]
        if self._turn:
            # The head is about a ball: what lies on its front moves, what lies at its rim does not.
            inside = np.maximum(1 - (x / _HEAD_RADIUS) ** 2, 0.25)
            x = x * self._narrow + (depth * self._turn) * np.sqrt(inside)
        placed = x[:, None] * self._across + path[:, 1:] * self._down + self._origin
        return np.asarray(np.rint(placed), dtype=np.int32)


def mirrored(half: Points) -> list[tuple[float, float]]:
    """Complete the right half of an outline, from top to bottom, by its mirror image.

    Points on the axis (x = 0) are not repeated.
    """
    left = [(-x, y) for x, y in reversed(half) if x != 0.0]
    return [*half, *left]


@functools.lru_cache(maxsize=64)
def _spline_matrix(count: int, closed: bool) -> npt.NDArray[np.float64]:
    """Weights that turn control points into a Catmull-Rom curve."""
    pieces = count if closed else count - 1
    matrix = np.zeros((pieces * _STEPS + (not closed), count))
    for row in range(len(matrix)):
        piece, step = min(row // _STEPS, pieces - 1), row / _STEPS
        for offset, weight in zip(range(-1, 3), _catmull_rom(step - piece), strict=True):
            column = piece + offset
            column = column % count if closed else min(max(column, 0), count - 1)
            matrix[row, column] += weight
    return matrix


def _catmull_rom(t: float) -> tuple[float, float, float, float]:
    return (
        0.5 * (-t + 2 * t**2 - t**3),
        0.5 * (2 - 5 * t**2 + 3 * t**3),
        0.5 * (t + 4 * t**2 - 3 * t**3),
        0.5 * (t**3 - t**2),
    )


@functools.cache
def _unit_circle() -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _bytes(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = colour
    return round(red), round(green), round(blue)
