"""Photos whose faces are known: drawings put somewhere, and a detector that remembers where."""

from __future__ import annotations

import math
from hashlib import blake2b

import cv2
import numpy as np

from faceattr import Dataset
from faceattr.faces import Face, template_points

SIDE = 200
ASTRONAUT = np.array(
    [(203.6, 101.0), (248.2, 103.6), (223.6, 126.4), (202.9, 142.1), (244.6, 140.0)]
)
"""Landmarks of scikit-image's astronaut, set by hand."""


def placing(scale: float, degrees: float, centre: tuple[float, float]) -> np.ndarray:
    """Return the map (2, 3) of a chip of 200 pixels into a photo."""
    angle = math.radians(degrees)
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    return np.column_stack([turn, np.array(centre) - turn @ np.full(2, SIDE / 2)])


def put(chip: np.ndarray, photo: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Paint a chip into a photo, averaging where it shrinks; return its landmarks there."""
    samples = 4  # the photo is painted finer and averaged down
    height, width = photo.shape[:2]
    wide = cv2.resize(photo, (width * samples, height * samples), interpolation=cv2.INTER_NEAREST)
    matrix = samples * place
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts from the middle of a pixel
    size = (width * samples, height * samples)
    border = cv2.BORDER_TRANSPARENT
    cv2.warpAffine(chip, matrix, size, wide, cv2.INTER_CUBIC, border)
    photo[:] = cv2.resize(wide, (width, height), interpolation=cv2.INTER_AREA)
    return template_points(SIDE) @ place[:, :2].T + place[:, 2]


class Remembered:
    """A detector that knows some photos by their pixels."""

    def __init__(self) -> None:
        self._faces: dict[bytes, list[Face]] = {}

    def add(self, photo: np.ndarray, landmarks: list[np.ndarray]) -> None:
        boxes = [(*points.min(axis=0), *np.ptp(points, axis=0)) for points in landmarks]
        self._faces[self._key(photo)] = [
            Face(tuple(map(float, box)), points, 0.9 - number / 100)
            for number, (box, points) in enumerate(zip(boxes, landmarks, strict=True))
        ]

    def detect(self, photo: np.ndarray, /) -> list[Face]:
        return self._faces.get(self._key(photo), [])

    def _key(self, photo: np.ndarray) -> bytes:
        return blake2b(photo.tobytes() + repr(photo.shape).encode()).digest()


def drawing(number: int) -> np.ndarray:
    return Dataset.synthetic(number + 1, seed=5, size=SIDE).read(number)
