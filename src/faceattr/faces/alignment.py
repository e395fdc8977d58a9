"""Faces turned, scaled and moved to the template.

Points are given in pixels of an image that spans 0 to its width and 0 to its height: the middle of
the first pixel is (0.5, 0.5), so that a point keeps its place when the image is scaled.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr._validation import check_integer
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.faces.template import LANDMARKS, template_points
from faceattr.images import UInt8Image, check_array

__all__ = ["Points", "align_face", "similarity_transform"]

Points: TypeAlias = npt.NDArray[np.float64]

_LARGEST = 4096
_LEAST = 1e-9
# A chip is sampled at up to so many points a pixel and side; a face that shrinks more is averaged
# over whole pixels first.
_MOST_SAMPLES = 4


def similarity_transform(source: npt.ArrayLike, target: npt.ArrayLike) -> Points:
    """Find the rotation, scale and shift that bring points closest to others.

    Least squares in the target, without reflection: a face that is seen from the side is turned and
    scaled, and never mirrored.

    Parameters
    ----------
    source, target : array_like of float, shape (n, 2)
        Points, n at least 2, and where each belongs.

    Returns
    -------
    numpy.ndarray of float64, shape (2, 3)
        The map, ``source @ found[:, :2].T + found[:, 2]``.

    Raises
    ------
    InvalidTypeError
        If these are no two arrays of as many points.
    InvalidArgumentError
        If a number is not finite, or all points of one of the two are the same or so spread that no
        rotation and scale bring them nearer to the others than their mean does.

    References
    ----------
    Umeyama 1991, "Least-Squares Estimation of Transformation Parameters Between Two Point
    Patterns".

    Examples
    --------
    >>> from faceattr.faces import similarity_transform
    >>> similarity_transform([(0, 0), (1, 0)], [(5, 5), (5, 7)]).round(6).tolist()
    [[0.0, -2.0, 5.0], [2.0, 0.0, 5.0]]
    """
    first, second = _points(source, "source"), _points(target, "target")
    if first.shape != second.shape:
        raise InvalidTypeError(
            "not as many points as in source",
            argument="target",
            expected=f"shape {first.shape}",
            found=f"shape {second.shape}",
        )
    from_mean, to_mean = first.mean(axis=0), second.mean(axis=0)
    a, b = (first - from_mean).T, (second - to_mean).T
    # In the plane Umeyama's solution has this form: a number a + bi that is both, by least squares.
    turn = np.array([np.sum(a * b), np.sum(a[0] * b[1] - a[1] * b[0])])
    spread = np.sum(a * a)
    largest = math.sqrt(float(spread * np.sum(b * b)))
    if not np.hypot(*turn) > _LEAST * largest:
        raise InvalidArgumentError(
            "no rotation and scale bring these points to the others",
            argument="source",
            expected="points that differ, and in the order of the others",
            found=repr(first.tolist()),
        )
    cosine, sine = turn / spread
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([matrix, to_mean - matrix @ from_mean])


def align_face(
    image: UInt8Image,
    landmarks: npt.ArrayLike,
    size: int = 200,
    template: npt.ArrayLike | None = None,
) -> UInt8Image:
    """Turn, scale and move a face to the template, as prediction expects faces.

    Proportions are kept (`similarity_transform`). A face that shrinks is averaged over the area of
    each pixel, so that nothing of it flickers; one that grows is interpolated by cubics. What lies
    outside of the image is black, as it is in the chips of UTKFace.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3) or (H, W)
        RGB or gray, of any size.
    landmarks : array_like of float, shape (5, 2)
        x and y in pixels of left eye, right eye, tip of the nose, left and right corner of the
        mouth; left as in the picture. They may lie outside of it.
    size : int, default 200
        Side length of the chip in pixels, 1 to 4096.
    template : array_like of float, shape (5, 2), optional
        Where the landmarks belong on the chip, in its pixels; `template_points` by default.

    Returns
    -------
    numpy.ndarray of uint8, shape (size, size, 3)
        RGB.

    Raises
    ------
    InvalidTypeError
        If `image` is no image, or `landmarks` are not five points.
    InvalidArgumentError
        If the landmarks are not finite or fall together.
    """
    pixels = check_array(image, "image")
    check_integer(size, "size", low=1, high=_LARGEST)
    target = template_points(size) if template is None else _points(template, "template")
    found = _points(landmarks, "landmarks")
    if len(found) != len(LANDMARKS):
        raise InvalidTypeError(
            "not the landmarks of a face",
            argument="landmarks",
            expected=f"shape {(len(LANDMARKS), 2)}",
            found=f"shape {found.shape}",
        )
    return warp(pixels, similarity_transform(found, target), size)


def warp(image: UInt8Image, transform: Points, size: int) -> UInt8Image:
    """Return the square that a map (2, 3) fills with an image; pixels that shrink are averaged."""
    shrink = 1 / math.hypot(transform[0, 0], transform[1, 0])
    if shrink > _MOST_SAMPLES:
        part, left, top = _cut(image, transform, size)
        factor = max(1, min(math.ceil(shrink / _MOST_SAMPLES), *part.shape[:2]))
        height, width = (length // factor * factor for length in part.shape[:2])
        small = (width // factor, height // factor)
        image = _as_bytes(cv2.resize(part[:height, :width], small, interpolation=cv2.INTER_AREA))
        transform = _after(transform, factor, left, top)
        shrink /= factor
    samples = max(1, math.ceil(shrink - 1e-6))
    wide = _sample(image, transform * samples, size * samples, cubic=shrink <= 1)
    if samples == 1:
        return wide
    return _as_bytes(cv2.resize(wide, (size, size), interpolation=cv2.INTER_AREA))


def _cut(image: UInt8Image, transform: Points, size: int) -> tuple[UInt8Image, int, int]:
    """Return the part of an image that a chip shows, and where it begins (x, y)."""
    margin = 0.1 * size
    ends = np.array([(x, y) for x in (-margin, size + margin) for y in (-margin, size + margin)])
    corners = (ends - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    limits = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limits - 1).astype(int)
    high = np.maximum(np.clip(np.ceil(corners.max(axis=0)), 0, limits).astype(int), low + 1)
    return image[low[1] : high[1], low[0] : high[0]], int(low[0]), int(low[1])


def _after(transform: Points, factor: int, left: int, top: int) -> Points:
    """Return the map of an image that was cut at (left, top) and then shrunk."""
    shift = transform[:, :2] @ np.array([left, top]) + transform[:, 2]
    return np.column_stack([transform[:, :2] * factor, shift])


def _sample(image: UInt8Image, transform: Points, size: int, *, cubic: bool) -> UInt8Image:
    # OpenCV counts from the middle of the first pixel.
    half = np.array([0.5, 0.5])
    moved = transform[:, :2] @ half + transform[:, 2] - half
    matrix = np.column_stack([transform[:, :2], moved])
    method = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return _as_bytes(
        cv2.warpAffine(image, matrix, (size, size), flags=method, borderMode=cv2.BORDER_CONSTANT)
    )


def _as_bytes(pixels: object) -> UInt8Image:
    return np.asarray(pixels, dtype=np.uint8)


def _points(values: npt.ArrayLike, argument: str) -> Points:
    try:
        points = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(
            "not points", argument=argument, expected="numbers of shape (n, 2)", found=str(error)
        ) from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise InvalidTypeError(
            "not points",
            argument=argument,
            expected="shape (n, 2), n at least 2",
            found=f"shape {points.shape}",
        )
    if not np.isfinite(points).all():
        raise InvalidArgumentError(
            "a number is missing or infinite", argument=argument, found=repr(points.tolist())
        )
    return points
