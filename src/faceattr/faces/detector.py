"""Faces in photos, found by YuNet at several scales."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt

from faceattr._validation import check_integer, check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.faces._yunet import YuNet, read_weights
from faceattr.faces.alignment import similarity_transform, warp
from faceattr.faces.template import template_points
from faceattr.images import ImageSource, UInt8Image, read_image

__all__ = ["Detector", "Face", "FaceDetector", "as_detector"]

Rows: TypeAlias = npt.NDArray[np.float64]

# YuNet was trained on faces of about 10 to 300 pixels. Halving a photo down to this side brings
# every face into that range at one scale or another.
_SMALLEST_SIDE = 320
# Beyond the photo, so that a face at its border is seen as one in the middle is.
_MARGIN = 32
_NOTHING = 1e-9
# A box of which more lies within a better one is no other face: at the largest scale YuNet takes
# parts of a large face for faces, 0.7 to 1 of which lie within its box.
_MOST_INSIDE = 0.65
# The second look: the face on a chip of this side with this frame around it, as the template was
# measured. A face that it finds further off than this share of the chip is another one.
_LOOK_SIDE, _LOOK_FRAME = 200, 60
_MOST_MOVED = 0.25


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a photo.

    Attributes
    ----------
    box : tuple of float
        Left, top, width and height in pixels of the upright photo, cut at its border.
    landmarks : numpy.ndarray of float64, shape (5, 2)
        x and y in pixels of left eye, right eye, tip of the nose, left and right corner of the
        mouth; left as in the picture. They may lie outside of it.
    score : float
        How sure the detector is, 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: npt.NDArray[np.float64]
    score: float


@runtime_checkable
class Detector(Protocol):
    """Anything that finds faces: a `FaceDetector`, or an object of one's own."""

    def detect(self, photo: UInt8Image, /) -> Sequence[Face]:
        """Return the faces of a photo, in the order of their numbers.

        Called by several threads at once, with an upright photo, uint8 RGB ``(H, W, 3)``.
        """
        ...


class FaceDetector:
    """Finds faces with YuNet, whose file the user has.

    A photo is searched at several scales, from `max_side` down by halves, so that large and small
    faces are found alike. Each face is then looked at a second time, upright and at one size, from
    the photo's own pixels: its landmarks are those of the second look, and follow the template more
    closely. The network runs in OpenCV, on the CPU.

    Parameters
    ----------
    model_path : path
        The ONNX file of a YuNet, such as ``face_detection_yunet_2023mar.onnx`` of OpenCV's model
        zoo. `fetch_detector` downloads that one.
    min_score : float, default 0.6
        Faces of a lower score are left out, 0 to 1.
    min_size : float, default 16
        Faces whose box is lower or narrower than so many pixels of the photo are left out: there is
        too little of them to predict anything.
    max_side : int, default 1280
        Photos whose longer side is longer are scaled down to it for the search, 32 to 16384. The
        smallest face that can be found has about 10 pixels of what is searched, so of a photo of
        5,120 pixels 40. Time grows with its square.
    max_overlap : float, default 0.3
        Of two boxes that overlap more (intersection over union), only the better is kept; so it is
        where one lies within the other by two thirds.

    References
    ----------
    Wu, Peng and Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector".

    Examples
    --------
    >>> from faceattr.faces import FaceDetector
    >>> FaceDetector("yunet.onnx", min_size=40).min_size
    40
    """

    def __init__(
        self,
        model_path: str | Path,
        *,
        min_score: float = 0.6,
        min_size: float = 16,
        max_side: int = 1280,
        max_overlap: float = 0.3,
    ) -> None:
        self.model_path = model_path
        self.min_score = min_score
        self.min_size = min_size
        self.max_side = max_side
        self.max_overlap = max_overlap
        self._loaded = _Loaded()

    def detect(self, photo: ImageSource) -> list[Face]:
        """Find the faces of a photo.

        Parameters
        ----------
        photo : path, bytes, PIL image or array
            Read by `faceattr.images.read_image`: upright as its EXIF orientation says, RGB. Arrays
            are uint8 RGB ``(H, W, 3)`` or gray ``(H, W)``.

        Returns
        -------
        list of Face
            From left to right by the middle of the box, those at the same place from top to bottom;
            empty where there is none.

        Raises
        ------
        ImageReadError, InvalidTypeError
            If this is no image, or cannot be read.
        ModelFileError
            If the detector's file is missing, or no YuNet.
        InvalidArgumentError
            If a setting is outside its limits.
        """
        network = self._network()
        return self._faces(network, read_image(photo))

    def check(self) -> None:
        """Check the settings and load the network, so that nothing fails later.

        Raises
        ------
        ModelFileError
            If the detector's file is missing, or no YuNet.
        InvalidArgumentError, InvalidTypeError
            If a setting is outside its limits.
        """
        self._network()

    def _network(self) -> YuNet:
        settings = self._settings()
        if self._loaded.key != settings:  # also where a setting was changed after the first photo
            path, score, overlap = settings
            self._loaded.network = YuNet(read_weights(path), path, score, overlap)
            self._loaded.key = settings
        network: YuNet = self._loaded.network
        return network

    def _settings(self) -> tuple[str, float, float]:
        check_number(self.min_size, "min_size", low=0)
        check_integer(self.max_side, "max_side", low=32, high=16384)
        score = check_number(self.min_score, "min_score", low=0, high=1)
        overlap = check_number(self.max_overlap, "max_overlap", low=0, high=1)
        if not isinstance(self.model_path, str | Path):
            raise InvalidTypeError(
                "not a file",
                argument="model_path",
                expected="the path of a YuNet's ONNX file",
                found=type(self.model_path).__name__,
            )
        return str(self.model_path), score, overlap

    def _faces(self, network: YuNet, photo: UInt8Image) -> list[Face]:
        found = [_search(network, image, photo) for image in _scales(photo, self.max_side)]
        rows = _best(np.concatenate(found), self.max_overlap)
        rows = _cut_boxes(rows, photo)
        large = rows[rows[:, 2:4].min(axis=1, initial=np.inf) >= max(self.min_size, _NOTHING)]
        middles = large[:, :2] + large[:, 2:4] / 2
        ordered = large[np.lexsort((middles[:, 1], middles[:, 0]))]
        faces = (_look_again(network, photo, _face(row)) for row in ordered)
        return [face for face in faces if face is not None]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded network out: another process loads its own."""
        return {name: value for name, value in vars(self).items() if name != "_loaded"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _loaded=_Loaded())


def as_detector(faces: Detector | str | Path, argument: str = "faces") -> Detector:
    """Return a detector, given as such or as the path of its file; InvalidTypeError otherwise."""
    if isinstance(faces, str | Path):
        return FaceDetector(faces)
    if isinstance(faces, Detector):
        return faces
    raise InvalidTypeError(
        "not a face detector",
        argument=argument,
        expected="a FaceDetector, or the path of a YuNet's ONNX file",
        found=type(faces).__name__,
        hint=f'{argument}="face_detection_yunet_2023mar.onnx"',
    )


class _Loaded(threading.local):
    """The network of each thread, and the settings it was loaded with."""

    key: tuple[str, float, float] | None = None
    network: Any = None


def _scales(photo: UInt8Image, max_side: int) -> Iterator[UInt8Image]:
    """Yield a photo as BGR at the scales that are searched, the largest first."""
    image = np.ascontiguousarray(photo[:, :, ::-1])
    image = _shrink(image, max_side)
    yield image
    while max(image.shape[:2]) > _SMALLEST_SIDE:
        image = _shrink(image, max(_SMALLEST_SIDE, (max(image.shape[:2]) + 1) // 2))
        yield image


def _shrink(image: UInt8Image, side: int) -> UInt8Image:
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return image
    small = [max(1, round(length * side / longest)) for length in (width, height)]
    return np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _search(network: YuNet, image: UInt8Image, photo: UInt8Image) -> Rows:
    """Return what the network finds at one scale, in pixels of the photo."""
    margins = (_MARGIN, _MARGIN, _MARGIN, _MARGIN)
    framed = cv2.copyMakeBorder(image, *margins, cv2.BORDER_CONSTANT)
    rows = network.detect(np.asarray(framed, dtype=np.uint8))
    scale = np.array(photo.shape[1::-1]) / np.array(image.shape[1::-1])
    rows[:, :2] = (rows[:, :2] - _MARGIN) * scale
    rows[:, 2:4] *= scale
    points = rows[:, 4:14].reshape(-1, 5, 2)
    rows[:, 4:14] = ((points - _MARGIN) * scale).reshape(-1, 10)
    return rows


def _best(rows: Rows, max_overlap: float) -> Rows:
    """Keep the best of boxes that overlap, or of which one lies within the other."""
    waiting = rows[np.argsort(-rows[:, 14], kind="stable")]
    kept = []
    while len(waiting):
        kept.append(waiting[0])
        overlap, inside = _overlaps(waiting[0], waiting[1:])
        waiting = waiting[1:][(overlap <= max_overlap) & (inside <= _MOST_INSIDE)]
    return np.array(kept).reshape(-1, rows.shape[1])


def _overlaps(row: Rows, others: Rows) -> tuple[Rows, Rows]:
    """Return what a box shares with others, as parts of the union and of the smaller one."""
    low = np.maximum(row[:2], others[:, :2])
    high = np.minimum(row[:2] + row[2:4], others[:, :2] + others[:, 2:4])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:4], axis=1)
    area = np.prod(row[2:4])
    union = np.maximum(area + areas - common, _NOTHING)
    return common / union, common / np.maximum(np.minimum(area, areas), _NOTHING)


def _cut_boxes(rows: Rows, photo: UInt8Image) -> Rows:
    limits = np.array(photo.shape[1::-1])
    low = np.clip(rows[:, :2], 0, limits)
    high = np.clip(rows[:, :2] + rows[:, 2:4], 0, limits)
    return np.hstack([low, high - low, rows[:, 4:]])


def _look_again(network: YuNet, photo: UInt8Image, face: Face) -> Face | None:
    """Return a face with the landmarks of a second look; None if the first are no face's."""
    target = template_points(_LOOK_SIDE) + _LOOK_FRAME
    try:
        there = similarity_transform(face.landmarks, target)
    except InvalidArgumentError:
        return None
    image = warp(photo, there, _LOOK_SIDE + 2 * _LOOK_FRAME)
    rows = network.detect(np.ascontiguousarray(image[:, :, ::-1]))
    found = rows[:, 4:14].reshape(-1, 5, 2)
    away = np.abs(found - target).mean(axis=(1, 2))
    if not len(found) or away.min() > _MOST_MOVED * _LOOK_SIDE:
        return face
    points = found[away.argmin()]
    landmarks = (points - there[:, 2]) @ np.linalg.inv(there[:, :2]).T
    return replace(face, landmarks=landmarks)


def _face(row: Rows) -> Face:
    left, top, width, height = row[:4].tolist()
    return Face((left, top, width, height), row[4:14].reshape(5, 2).copy(), float(row[14]))
