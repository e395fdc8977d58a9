"""From whatever a user hands over to a list of images that can be read one by one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from faceattr._folders import is_folder, is_there
from faceattr.exceptions import DataError, InvalidTypeError
from faceattr.images import (
    ImageSource,
    UInt8Image,
    image_names,
    is_image_name,
    key_of_bytes,
    read_bytes,
    read_image,
)

__all__ = [
    "FILES",
    "FileImages",
    "ImageTable",
    "ImagesInput",
    "Requests",
    "SourceReader",
    "StackedImages",
    "gather_requests",
    "text_array",
]


_NOT_THERE = "no such file or folder"
_SHOWN = 200
_FOREIGN = re.compile(r"(data:|https?://|s3://|gs://)", re.IGNORECASE)
_FIRST_DOWNLOAD = "download it first: nothing is fetched over a network"
_WAYS = {
    "data:": "base64.b64decode(text.partition(',')[2]) returns the bytes",
    **dict.fromkeys(["http://", "https://", "s3://", "gs://"], _FIRST_DOWNLOAD),
}


@runtime_checkable
class ImageTable(Protocol):
    """A data set as prediction and scoring see it: an index table and a way to read its images."""

    @property
    def table(self) -> pd.DataFrame:
        """The index table, a row an image."""
        ...

    def read(self, position: int) -> UInt8Image:
        """Return the image of a row, uint8 (H, W, 3)."""
        ...


class SourceReader(NamedTuple):
    """Two functions of an image's source: a path, bytes or pixels.

    Attributes
    ----------
    read : callable
        Returns the image, uint8 (H, W, 3), or raises ImageReadError.
    key : callable
        Returns 16 bytes that say what the image is, without decoding it, or raises ImageReadError;
        None for what is no file.
    portable : bool
        Whether both, and the sources, can be sent to another process.
    """

    read: Callable[[Any], UInt8Image]
    key: Callable[[Any], bytes | None]
    portable: bool = True


@runtime_checkable
class FileImages(ImageTable, Protocol):
    """A data set whose images are read by what stands in the column ``path``."""

    @property
    def reader(self) -> SourceReader:
        """How they are read."""
        ...


@runtime_checkable
class StackedImages(ImageTable, Protocol):
    """A data set whose images are decoded and square already, as in the image cache."""

    @property
    def size(self) -> int:
        """Side length in pixels."""
        ...

    def take(self, positions: Sequence[int]) -> UInt8Image:
        """Return the images of some rows, uint8 (n, size, size, 3)."""
        ...


ImagesInput: TypeAlias = ImageTable | ImageSource | Sequence[ImageSource] | pd.Series | pd.Index


Known: TypeAlias = pd.DataFrame | dict[str, pd.api.extensions.ExtensionArray]


@dataclass(frozen=True)
class Requests:
    """Images asked for, in order.

    Attributes
    ----------
    known : pandas.DataFrame, or dict of str to array
        ``sample_id``, ``path`` and what is known of each image, a row a request: a data set's
        table, or columns that were made for these requests alone.
    count : int
        Their number.
    source : callable
        Returns what the reader needs to know of the image at a position.
    reader : SourceReader
    stacked : StackedImages, optional
        Where all images are decoded already.
    """

    known: Known
    count: int
    source: Callable[[int], Any]
    reader: SourceReader
    stacked: StackedImages | None = None

    def __len__(self) -> int:
        return self.count

    def read(self, position: int) -> UInt8Image:
        """Return the image at a position, or raise ImageReadError."""
        return self.reader.read(self.source(position))


def gather_requests(inputs: ImagesInput, argument: str = "inputs") -> Requests:
    """List the images that `inputs` asks for; `argument` is what errors call it.

    Of a folder ids are names relative to it, of paths the paths as given, of data sets their own;
    arrays, PIL images and bytes are called ``item-000000`` and up, by position.

    Raises
    ------
    InvalidTypeError
        If something is no image, path or data set.
    DataError
        If a folder holds no image file, or a path is neither a file nor the name of an image, such
        as an address or an image as text.
    """
    if isinstance(inputs, str | Path) and is_folder(Path(inputs)):
        return _from_folder(Path(inputs), argument)
    if isinstance(inputs, str | Path):
        _check_name(inputs, argument)
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind not in "OUST":
        # Arrays of a wrong kind are a mistake in the call, so they fail at once.
        return _from_items(
            [read_image(image) for image in (inputs if inputs.ndim == 4 else [inputs])]
        )
    if isinstance(inputs, str | Path | bytes | bytearray | Image.Image):
        return _from_items([inputs])
    if isinstance(inputs, list | tuple | pd.Series | pd.Index | np.ndarray):
        items = inputs if isinstance(inputs, list | tuple) else list(inputs)
        return _from_items(items, argument)
    if isinstance(inputs, ImageTable):
        return _from_table(inputs)
    raise InvalidTypeError(
        "not images",
        argument=argument,
        expected="a path, folder, array, PIL image, bytes, Dataset, or a list of images",
        found=type(inputs).__name__,
    )


def _from_table(images: ImageTable) -> Requests:
    table = images.table
    if isinstance(images, FileImages):
        return Requests(
            table, len(table), np.asarray(table["path"], dtype=object).__getitem__, images.reader
        )
    stacked = images if isinstance(images, StackedImages) else None
    reader = SourceReader(images.read, lambda _: None, portable=False)
    return Requests(table, len(table), int, reader, stacked)


def _check_name(name: str | Path, argument: str) -> None:
    """Raise for a path that is no file and does not look like one: a folder that is misspelt."""
    path = Path(name)
    foreign = _FOREIGN.match(str(name))
    if is_there(path) or (is_image_name(path.name) and not foreign):
        return
    raise DataError(
        "an address, or an image as text, in place of a path" if foreign else _NOT_THERE,
        argument=argument,
        expected="a path, or the bytes of a file",
        found=repr(str(name)[:_SHOWN] + ("..." if len(str(name)) > _SHOWN else "")),
        hint=_WAYS[foreign.group(1).lower()] if foreign else None,
    )


def _from_folder(folder: Path, argument: str) -> Requests:
    names = image_names(folder)
    if not names:
        raise DataError("the folder holds no image", argument=argument, found=str(folder))
    start = str(folder / "_")[:-1]
    paths = text_array([start + name.replace("/", os.sep) for name in names])
    known = {"sample_id": text_array(names), "path": paths}
    return Requests(known, len(names), lambda position: str(paths[position]), FILES)


def _from_items(items: Sequence[ImageSource], argument: str = "inputs") -> Requests:
    allowed = str | Path | bytes | bytearray | memoryview | np.ndarray | Image.Image
    wrong = next((row for row, item in enumerate(items) if not isinstance(item, allowed)), None)
    if wrong is not None:
        raise InvalidTypeError(
            "not an image",
            argument=f"{argument}[{wrong}]",
            expected="a path, array, PIL image or bytes",
            found=type(items[wrong]).__name__,
        )
    names = np.empty(len(items), dtype=object)
    paths = np.empty(len(items), dtype=object)
    for row, item in enumerate(items):
        path = str(item) if isinstance(item, str | Path) else ""
        names[row] = path if isinstance(item, str | Path) else f"item-{row:06d}"
        paths[row] = path
    known = {"sample_id": text_array(names), "path": text_array(paths)}
    return Requests(known, len(items), items.__getitem__, FILES)


def _key_of(source: ImageSource) -> bytes | None:
    if isinstance(source, str | Path):
        return key_of_bytes(read_bytes(source))
    return (
        key_of_bytes(bytes(source)) if isinstance(source, bytes | bytearray | memoryview) else None
    )


FILES = SourceReader(read_image, _key_of)
"""Of image files, and of whatever else `read_image` takes."""


def text_array(values: Sequence[str] | npt.NDArray[Any]) -> pd.api.extensions.ExtensionArray:
    """Return text as a column of the table's type "str"."""
    try:
        return pd.array(values, dtype=pd.StringDtype(na_value=np.nan))
    except UnicodeEncodeError:  # a file's name that is no UTF-8, where pyarrow stores the text
        return pd.array(values, dtype=pd.StringDtype("python", na_value=np.nan))
