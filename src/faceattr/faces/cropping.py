"""Chips of the faces in photos, as files to train on or to look at."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from faceattr._requests import ImagesInput, gather_requests, text_array
from faceattr._validation import check_integer, check_output_folder
from faceattr.exceptions import OutputError
from faceattr.faces.detector import Detector, as_detector
from faceattr.faces.searching import FaceRows, search_photos
from faceattr.images import UInt8Image

__all__ = ["crop_faces"]

_CHIP_NAME = re.compile(r"\d{6,}\.png", re.ASCII | re.IGNORECASE)


def crop_faces(
    photos: ImagesInput,
    output: str | Path,
    detector: Detector | str | Path,
    *,
    size: int = 200,
    progress: bool = False,
) -> pd.DataFrame:
    """Write the faces of photos as aligned chips, for training on them or looking at them.

    Each face becomes a PNG file in `output`, numbered in the order of the table: ``000000.png`` and
    up. The files show people: keep them as carefully as the photos.

    Parameters
    ----------
    photos : path, folder, array, PIL image, bytes, Dataset, or a sequence
        As `Model.predict` takes them.
    output : path
        A folder; made where it is missing. It may hold other files, but none of such a name: those
        may be photos, or chips that an earlier table speaks of.
    detector : FaceDetector, another Detector, or path
        A path is that of a YuNet's ONNX file.
    size : int, default 200
        Side length of the chips in pixels, 1 to 4096.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        That of `find_faces`, with the file of each chip in the column ``chip``, empty where no face
        was found. ``path`` remains that of the photo.

    Raises
    ------
    OutputError
        If the folder, or a file in it, cannot be written, or it holds numbered PNG files already.
    InvalidTypeError, InvalidArgumentError, ModelFileError, TableError
        As `find_faces`.
    """
    check_integer(size, "size", low=1, high=4096)
    requests = gather_requests(photos, "photos")
    rows = FaceRows(requests)
    finder = as_detector(detector, "detector")
    folder = check_output_folder(output, "output")
    _check_none_there(folder)
    files: dict[int, str] = {}
    found = search_photos(requests, finder, size)
    for searched in tqdm(found, total=len(requests), unit="photo", disable=not progress):
        for row, chip in zip(rows.add(searched), searched.chips, strict=True):
            files[row] = _write(chip, folder / f"{len(files):06d}.png")
    table = rows.to_table(landmarks=True)
    order = range(len(rows))
    chips, errors = ([column.get(row, "") for row in order] for column in (files, rows.errors))
    return table.assign(chip=text_array(chips), error=text_array(errors))


def _check_none_there(folder: Path) -> None:
    there = sorted(path.name for path in folder.iterdir() if _CHIP_NAME.fullmatch(path.name))
    if there:
        raise OutputError(
            "the folder holds files that chips would replace",
            argument="output",
            rows=there,
            expected="a folder without numbered PNG files",
            found=str(folder),
            hint="name another folder, or move these files away",
        )


def _write(chip: UInt8Image, path: Path) -> str:
    encoded = cv2.imencode(".png", np.ascontiguousarray(chip[:, :, ::-1]))[1]
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(
            "the file cannot be written", argument="output", found=f"{path} ({error})"
        ) from error
    return str(path)
