"""From photos to faces: a table of them and their chips, photo by photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from faceattr._parallel import map_threads
from faceattr._requests import ImagesInput, Requests, gather_requests, text_array
from faceattr.exceptions import (
    ImageReadError,
    InvalidArgumentError,
    InvalidTypeError,
    TableError,
)
from faceattr.faces.alignment import align_face
from faceattr.faces.detector import Detector, Face, FaceDetector, as_detector
from faceattr.faces.template import LANDMARKS
from faceattr.images import UInt8Image

__all__ = ["FACE_COLUMNS", "NO_FACE", "FaceRows", "Searched", "find_faces", "search_photos"]

FACE_COLUMNS = ("face", "box_x", "box_y", "box_w", "box_h", "detector_score")
"""The columns that say where a face was found."""

NO_FACE = "no face was found"

_POINT_COLUMNS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")


@dataclass(frozen=True)
class Searched:
    """A photo that was searched.

    Attributes
    ----------
    photo : int
        Its position in the request.
    faces : list of Face
    chips : list of numpy.ndarray of uint8, shape (size, size, 3)
        One a face, aligned, but for those in `unaligned`; empty where none were asked for.
    error : str
        Why there is no face; empty where there is one.
    unaligned : mapping of int to str
        Why a face has no chip, by its number.
    """

    photo: int
    faces: Sequence[Face]
    chips: Sequence[UInt8Image]
    error: str
    unaligned: Mapping[int, str] = field(default_factory=dict)


def search_photos(
    requests: Requests, detector: Detector, size: int | None = None
) -> Iterator[Searched]:
    """Search photos with all cores, in order and a few photos ahead.

    Of a photo only the chips are kept, `size` pixels a side (none where it is None).
    """
    if isinstance(detector, FaceDetector):
        detector.check()  # a missing file is an error now, not one a photo
    yield from map_threads(partial(_search, requests, detector, size), range(len(requests)))


def _search(requests: Requests, detector: Detector, size: int | None, photo: int) -> Searched:
    try:
        image = requests.read(photo)
    except (ImageReadError, InvalidTypeError) as error:
        found = "" if error.found is None else f" ({error.found})"
        return Searched(photo, [], [], error.problem + found)
    faces = _check_faces(detector.detect(image), f"{type(detector).__name__}.detect")
    if size is None:
        return Searched(photo, faces, [], "" if faces else NO_FACE)
    chips: list[UInt8Image] = []
    unaligned: dict[int, str] = {}
    for number, face in enumerate(faces):
        try:
            chips.append(align_face(image, face.landmarks, size))
        except InvalidArgumentError as error:  # points that no detector should give
            unaligned[number] = f"a face cannot be aligned: {error.problem}"
    return Searched(photo, faces, chips, "" if faces else NO_FACE, unaligned)


def _check_faces(faces: object, argument: str) -> Sequence[Face]:
    """Return what a detector found, which may be anybody's."""
    if not isinstance(faces, Sequence):
        raise InvalidTypeError(
            "a detector's answer is no sequence of faces",
            argument=argument,
            expected="a list of Face, empty where there is none",
            found=repr(faces),
        )
    for number, face in enumerate(faces):
        if not isinstance(face, Face) or np.shape(face.box) != (4,):
            raise InvalidTypeError(
                "a detector found something that is no face",
                argument=f"{argument}[{number}]",
                expected="a faceattr.faces.Face with a box (left, top, width, height)",
                found=repr(face)[:200],
            )
        points = face.landmarks
        if not isinstance(points, np.ndarray) or points.shape != (len(LANDMARKS), 2):
            raise InvalidTypeError(
                "a detector's face has other landmarks",
                argument=f"{argument}[{number}].landmarks",
                expected=f"an array of shape ({len(LANDMARKS)}, 2): {', '.join(LANDMARKS)}",
                found=f"shape {np.shape(points)} ({type(points).__name__})",
            )
    return faces


class FaceRows:
    """The rows of a table of faces, filled photo by photo.

    A photo has a row a face, and one with the reason where it has none.

    Parameters
    ----------
    requests : Requests
        The photos.

    Attributes
    ----------
    errors : dict of int to str
        Reasons, by row, for photos without a face and faces without a chip.

    Raises
    ------
    TableError
        If the photos' table has columns of the names that are added here.
    """

    def __init__(self, requests: Requests) -> None:
        self._known = pd.DataFrame(requests.known)
        taken = [name for name in (*FACE_COLUMNS, "error") if name in self._known]
        if taken:
            raise TableError(
                "columns of the data set have the names of what is found",
                rows=taken,
                hint="rename these columns of the data set",
            )
        self._photos: list[int] = []
        self._numbers: list[int | None] = []
        self._faces: list[Face | None] = []
        self.errors: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._photos)

    def add(self, searched: Searched) -> list[int]:
        """Add the rows of a photo and return those of its faces, in the order of the chips."""
        start = len(self)
        self.errors |= {start + number: why for number, why in searched.unaligned.items()}
        if not searched.faces:
            self.errors[start] = searched.error
        found: Sequence[Face | None] = searched.faces or [None]
        self._photos += [searched.photo] * len(found)
        self._numbers += range(len(found)) if searched.faces else [None]
        self._faces += found
        numbers = range(len(searched.faces))
        return [start + number for number in numbers if number not in searched.unaligned]

    def to_table(self, *, landmarks: bool = False) -> pd.DataFrame:
        """Return what is known of each row's photo, and the columns of faces."""
        table = self._known.iloc[self._photos].reset_index(drop=True)
        ids = [
            str(photo) if number is None else f"{photo}#{number}"
            for photo, number in zip(table["sample_id"], self._numbers, strict=True)
        ]
        table["sample_id"] = text_array(ids)
        own: dict[str, Any] = {"face": pd.array(self._numbers, dtype="Int64")}
        own.update(zip(FACE_COLUMNS[1:], self._numbers_of_faces().T, strict=True))
        if landmarks:
            own.update(zip(_POINT_COLUMNS, self._points().T, strict=True))
        return pd.concat([table, pd.DataFrame(own, index=table.index)], axis=1)

    def _numbers_of_faces(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        values = [(*([np.nan] * 5),) if f is None else (*f.box, f.score) for f in self._faces]
        return np.array(values, dtype=np.float64).reshape(-1, 5)

    def _points(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        nothing = np.full(len(_POINT_COLUMNS), np.nan)
        values = [nothing if face is None else face.landmarks.reshape(-1) for face in self._faces]
        return np.array(values, dtype=np.float64).reshape(-1, len(_POINT_COLUMNS))


def find_faces(
    photos: ImagesInput, detector: Detector | str | Path, *, progress: bool = False
) -> pd.DataFrame:
    """Find the faces of photos, without predicting anything.

    Parameters
    ----------
    photos : path, folder, array, PIL image, bytes, Dataset, or a sequence
        As `Model.predict` takes them.
    detector : FaceDetector, another Detector, or path
        A path is that of a YuNet's ONNX file.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        A row a face, in the order of the photos and in each from left to right: ``sample_id`` (that
        of the photo, ``#`` and the face's number), ``path``, ``face`` (from 0), ``box_x``,
        ``box_y``, ``box_w``, ``box_h`` (pixels of the upright photo), ``detector_score`` (0-1), the
        ten columns of landmarks, ``left_eye_x`` to ``right_mouth_corner_y``, and ``error``. A photo
        without a face has one row, with its own id, missing numbers and the reason in ``error``.

    Raises
    ------
    InvalidTypeError
        If `photos` holds something that is no image, path or Dataset.
    DataError
        If a folder holds no image.
    InvalidArgumentError
        If a setting of the detector is outside its limits.
    ModelFileError
        If the detector's file is missing, or no YuNet.
    TableError
        If a data set has columns of these names.
    """
    requests = gather_requests(photos, "photos")
    rows = FaceRows(requests)
    found = search_photos(requests, as_detector(detector, "detector"))
    for searched in tqdm(found, total=len(requests), unit="photo", disable=not progress):
        rows.add(searched)
    table = rows.to_table(landmarks=True)
    errors = [rows.errors.get(row, "") for row in range(len(rows))]
    return table.assign(error=text_array(errors))
