"""Images of an evaluation's rows, for a page: found by id or path, small, counted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from faceattr._requests import ImageTable
from faceattr.evaluation.rows import row_names
from faceattr.exceptions import (
    DataError,
    FaceAttrError,
    ImageReadError,
    InvalidTypeError,
    TableError,
)
from faceattr.images import ImageSource, UInt8Image, read_image
from faceattr.report.html import html_image

__all__ = ["Pictures", "PicturesInput"]

PicturesInput: TypeAlias = (
    ImageTable | str | Path | Mapping[str, ImageSource] | Callable[[str], ImageSource] | None
)
"""Where images are found."""

_SIDE = 144
_UNREADABLE = "cannot be read"
_Finder = Callable[[int], UInt8Image]


class Pictures:
    """Small pictures of rows, as long as there is room for more.

    Parameters
    ----------
    table : pandas.DataFrame
        The evaluated predictions.
    images : see `Evaluation.to_html`
    most : int
        How many pictures there may be.

    Attributes
    ----------
    shown : int
        Pictures made so far.
    failed : dict of str to str
        The names of rows whose image cannot be read, with the reason.
    """

    def __init__(self, table: pd.DataFrame, images: PicturesInput, most: int) -> None:
        self._names = row_names(table)
        self._find = _finder(table, self._names, images)
        self._most = most
        self.shown = 0
        self.failed: dict[str, str] = {}

    @property
    def available(self) -> bool:
        """Whether images can be looked for at all."""
        return self._find is not None and self._most > 0

    @property
    def room(self) -> int:
        """How many more there may be."""
        return max(self._most - self.shown, 0) if self.available else 0

    def name(self, row: int) -> str:
        """Return the id of a row, or what stands for it."""
        return self._names[row]

    def picture(self, row: int) -> str:
        """Return the picture of a row, or words where its image cannot be read."""
        self.shown += 1
        image = self.image(row)
        return _UNREADABLE if image is None else html_image(image, self._names[row], side=_SIDE)

    def image(self, row: int) -> UInt8Image | None:
        """Return the image of a row, uint8 (H, W, 3); None where it cannot be read."""
        if self._find is None:
            return None
        try:
            return self._find(row)
        except (FaceAttrError, LookupError, OSError, ValueError) as error:
            self.failed[self._names[row]] = _reason(error)
            return None


def _reason(error: Exception) -> str:
    if isinstance(error, FaceAttrError):
        return error.problem
    if isinstance(error, LookupError):
        return "not among the images"
    return str(error) or type(error).__name__


def _finder(table: pd.DataFrame, names: Sequence[str], images: PicturesInput) -> _Finder | None:
    if images is None:
        return _by_path(table)
    if not isinstance(images, ImageTable | str | Path | Mapping) and not callable(images):
        raise InvalidTypeError(
            "not a source of images",
            argument="images",
            expected="a Dataset, a folder, a mapping or a function of the id",
            found=type(images).__name__,
        )
    if "sample_id" not in table.columns:
        raise TableError(
            "images are found by their id, which the predictions lack",
            argument="images",
            expected="predictions with a column 'sample_id'",
            found=f"the columns {list(table.columns)}",
            hint="images=None opens what stands in a column 'path'",
        )
    if isinstance(images, str | Path):
        return _in_folder(Path(images), names)
    if isinstance(images, ImageTable):
        return _in_table(images, names)
    ids = table["sample_id"].tolist()
    if isinstance(images, Mapping):
        _check_shared(ids, images)
        return lambda row: read_image(images[ids[row]])
    return lambda row: read_image(images(ids[row]))


def _by_path(table: pd.DataFrame) -> _Finder | None:
    if "path" not in table.columns:
        return None
    paths = ["" if pd.isna(path) else str(path) for path in table["path"]]
    if not any(path and os.path.isfile(path) for path in paths):  # noqa: PTH113 - of very many
        return None
    return lambda row: read_image(paths[row])


def _in_folder(folder: Path, names: Sequence[str]) -> _Finder:
    if not folder.is_dir():
        raise DataError("no such folder", argument="images", found=str(folder))

    def find(row: int) -> UInt8Image:
        relative = Path(os.path.normpath(names[row]))
        if relative.is_absolute() or relative.parts[:1] == (os.pardir,):
            raise ImageReadError("not in the folder of images", argument="images")
        return read_image(folder / relative)

    return find


def _in_table(images: ImageTable, names: Sequence[str]) -> _Finder:
    positions = {str(name): row for row, name in enumerate(images.table["sample_id"])}
    _check_shared(names, positions)
    return lambda row: images.read(positions[names[row]])


def _check_shared(names: Sequence[str], known: Mapping[str, object]) -> None:
    if names and not any(name in known for name in names):
        raise DataError(
            "no id is shared with the images",
            argument="images",
            expected=f"ids such as {list(names[:2])}",
            found=f"ids such as {[str(name) for name in list(known)[:2]]}",
            hint="both must name a sample alike: by its path relative to the data's folder",
        )
