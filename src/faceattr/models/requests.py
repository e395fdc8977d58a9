"""From whatever a user hands to `predict` to a list of images that can be read one by one."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from faceattr.exceptions import ImageReadError, InvalidArgumentError, InvalidTypeError
from faceattr.images import ImageSource, UInt8Image, image_names, read_image, resize_image

__all__ = [
    "ImageTable",
    "PredictInput",
    "Requests",
    "StackedImages",
    "gather_requests",
    "read_batches",
]

_log = logging.getLogger(__name__)

_BATCHES_AHEAD = 2
# Images a thread reads in one go: fewer cost more in hand-overs than they gain in balance.
_PIECE = 8
# So few images are read sooner than threads are started.
_FEW = 4


@runtime_checkable
class ImageTable(Protocol):
    """A data set as prediction sees it: an index table and a way to read its images."""

    @property
    def table(self) -> pd.DataFrame:
        """The index table, a row an image."""
        ...

    def read(self, position: int) -> UInt8Image:
        """Return the image of a row, uint8 (H, W, 3)."""
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


PredictInput: TypeAlias = ImageTable | ImageSource | Sequence[ImageSource] | pd.Series | pd.Index


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
    read : callable
        Returns the image at a position, or raises ImageReadError.
    stacked : StackedImages, optional
        Where all images are decoded already.
    """

    known: Known
    count: int
    read: Callable[[int], UInt8Image]
    stacked: StackedImages | None = None

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True)
class ReadBatch:
    """Images read together.

    Attributes
    ----------
    positions : numpy.ndarray of int64
        Which requests the images belong to.
    images : numpy.ndarray of uint8, shape (len(positions), size, size, 3)
    errors : dict of int to str
        Reason by position, for the requests of this batch that could not be read.
    """

    positions: np.ndarray[Any, np.dtype[np.int64]]
    images: UInt8Image
    errors: dict[int, str]


_Ahead: TypeAlias = Callable[[], ReadBatch]
"""Waits for a batch that is being read, and returns it."""


def gather_requests(inputs: PredictInput) -> Requests:
    """List the images that `inputs` asks for.

    Raises
    ------
    InvalidTypeError
        If something is no image, path or data set.
    InvalidArgumentError
        If a folder holds no image file.
    """
    if isinstance(inputs, str | Path) and Path(inputs).is_dir():
        return _from_folder(Path(inputs))
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind not in "OUST":
        # Arrays of a wrong kind are a mistake in the call, so they fail at once.
        return _from_items(
            [read_image(image) for image in (inputs if inputs.ndim == 4 else [inputs])]
        )
    if isinstance(inputs, str | Path | bytes | bytearray | Image.Image):
        return _from_items([inputs])
    if isinstance(inputs, list | tuple | pd.Series | pd.Index | np.ndarray):
        return _from_items(inputs if isinstance(inputs, list | tuple) else list(inputs))
    if isinstance(inputs, ImageTable):
        stacked = inputs if isinstance(inputs, StackedImages) else None
        return Requests(inputs.table, len(inputs.table), inputs.read, stacked)
    raise InvalidTypeError(
        "cannot be predicted",
        argument="inputs",
        expected="a path, folder, array, PIL image, bytes, Dataset, CachedImages, or a list",
        found=type(inputs).__name__,
    )


def read_batches(requests: Requests, size: int, batch_size: int) -> Iterator[ReadBatch]:
    """Read, cut and scale images with all cores, a few batches ahead of who consumes them."""
    starts = range(0, len(requests), batch_size)
    chunks = (range(start, min(start + batch_size, len(requests))) for start in starts)
    stacked = _ready(requests, size)
    if stacked is None and len(requests) <= _FEW:
        for chunk in chunks:
            filling = _Filling(requests.read, chunk, size)
            filling.fill(chunk)
            yield filling.finish()
        return
    waiting: deque[_Ahead] = deque()
    with ThreadPoolExecutor(_cores() if stacked is None else 1) as pool:
        try:
            for chunk in chunks:
                if stacked is None:
                    waiting.append(_fill_ahead(pool, _Filling(requests.read, chunk, size), chunk))
                else:
                    waiting.append(_take_ahead(pool, stacked, chunk))
                if len(waiting) > _BATCHES_AHEAD:
                    yield waiting.popleft()()
            while waiting:
                yield waiting.popleft()()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Filling:
    """A batch that several threads fill, each some of its rows."""

    def __init__(self, read: Callable[[int], UInt8Image], chunk: range, size: int) -> None:
        self._read = read
        self._chunk = chunk
        self._images = np.empty((len(chunk), size, size, 3), dtype=np.uint8)
        self._errors: dict[int, str] = {}

    def fill(self, positions: range) -> None:
        size = self._images.shape[1]
        for position in positions:
            try:
                image = resize_image(self._read(position), size)
            except (ImageReadError, InvalidTypeError) as error:
                found = "" if error.found is None else f" ({error.found})"
                self._errors[position] = error.problem + found
            else:
                self._images[position - self._chunk.start] = image

    def finish(self) -> ReadBatch:
        positions = np.arange(self._chunk.start, self._chunk.stop, dtype=np.int64)
        if not self._errors:
            return ReadBatch(positions, self._images, {})
        good = np.array([position not in self._errors for position in self._chunk], dtype=np.bool_)
        errors = {row: self._errors[row] for row in sorted(self._errors)}
        return ReadBatch(positions[good], self._images[good], errors)


def _fill_ahead(pool: ThreadPoolExecutor, filling: _Filling, chunk: range) -> _Ahead:
    pieces = [chunk[start : start + _PIECE] for start in range(0, len(chunk), _PIECE)]
    futures = [pool.submit(filling.fill, piece) for piece in pieces]

    def finish() -> ReadBatch:
        for future in futures:
            future.result()
        return filling.finish()

    return finish


def _take_ahead(pool: ThreadPoolExecutor, stacked: StackedImages, chunk: range) -> _Ahead:
    future: Future[UInt8Image] = pool.submit(stacked.take, chunk)
    positions = np.arange(chunk.start, chunk.stop, dtype=np.int64)
    return lambda: ReadBatch(positions, future.result(), {})


def _ready(requests: Requests, size: int) -> StackedImages | None:
    stacked = requests.stacked
    if stacked is None or stacked.size == size:
        return stacked
    _log.warning(
        "cached images of %d pixels are scaled once more, to the %d of the model; "
        "results differ from those of the files",
        stacked.size,
        size,
    )
    return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _from_folder(folder: Path) -> Requests:
    names = image_names(folder)
    if not names:
        raise InvalidArgumentError(
            "the folder holds no image", argument="inputs", found=str(folder)
        )
    start = str(folder / "_")[:-1]
    paths = text_array([start + name.replace("/", os.sep) for name in names])
    known = {"sample_id": text_array(names), "path": paths}
    return Requests(known, len(names), lambda position: read_image(str(paths[position])))


def _from_items(items: Sequence[ImageSource]) -> Requests:
    allowed = str | Path | bytes | bytearray | memoryview | np.ndarray | Image.Image
    wrong = next((row for row, item in enumerate(items) if not isinstance(item, allowed)), None)
    if wrong is not None:
        raise InvalidTypeError(
            "not an image",
            argument=f"inputs[{wrong}]",
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
    return Requests(known, len(items), lambda position: read_image(items[position]))


def text_array(values: Sequence[str] | npt.NDArray[Any]) -> pd.api.extensions.ExtensionArray:
    """Return text as a column of the table's type "str"."""
    return pd.array(values, dtype=pd.StringDtype(na_value=np.nan))
