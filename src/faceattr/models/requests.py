"""From whatever a user hands to `predict` to a list of images that can be read one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
from PIL import Image

from faceattr.exceptions import ImageReadError, InvalidArgumentError, InvalidTypeError
from faceattr.images import ImageSource, UInt8Image, find_images, read_image, resize_image

__all__ = ["ImageTable", "PredictInput", "Requests", "gather_requests", "read_batches"]

_BATCHES_AHEAD = 2


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


PredictInput: TypeAlias = ImageTable | ImageSource | Sequence[ImageSource] | pd.Series | pd.Index


@dataclass(frozen=True)
class Requests:
    """Images asked for, in order.

    Attributes
    ----------
    table : pandas.DataFrame
        ``sample_id``, ``path`` and what is known of each image, a row a request.
    read : callable
        Returns the image at a position, or raises ImageReadError.
    """

    table: pd.DataFrame
    read: Callable[[int], UInt8Image]

    def __len__(self) -> int:
        return len(self.table)


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


def gather_requests(inputs: PredictInput) -> Requests:
    """List the images that `inputs` asks for.

    Raises
    ------
    InvalidTypeError
        If something is no image, path or data set.
    InvalidArgumentError
        If a folder holds no image file.
    """
    if isinstance(inputs, ImageTable):
        return Requests(inputs.table.reset_index(drop=True), inputs.read)
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
        return _from_items(list(inputs))
    raise InvalidTypeError(
        "cannot be predicted",
        argument="inputs",
        expected="a path, folder, array, PIL image, bytes, Dataset, or a list of images",
        found=type(inputs).__name__,
    )


def read_batches(requests: Requests, size: int, batch_size: int) -> Iterator[ReadBatch]:
    """Read, cut and scale images with all cores, a few batches ahead of who consumes them."""
    chunks = (
        range(start, min(start + batch_size, len(requests)))
        for start in range(0, len(requests), batch_size)
    )

    def read(position: int) -> UInt8Image | str:
        try:
            return resize_image(requests.read(position), size)
        except (ImageReadError, InvalidTypeError) as error:
            return error.problem if error.found is None else f"{error.problem} ({error.found})"

    with ThreadPoolExecutor(max_workers=cpu_count() or 1) as pool:
        pending: list[tuple[range, list[Future[UInt8Image | str]]]] = []
        try:
            for chunk in chunks:
                pending.append((chunk, [pool.submit(read, position) for position in chunk]))
                if len(pending) > _BATCHES_AHEAD:
                    yield _collect(*pending.pop(0), size)
            while pending:
                yield _collect(*pending.pop(0), size)
        finally:
            for _, futures in pending:
                for future in futures:
                    future.cancel()


def _collect(chunk: range, futures: list[Future[UInt8Image | str]], size: int) -> ReadBatch:
    results = [(position, future.result()) for position, future in zip(chunk, futures, strict=True)]
    read = [(position, image) for position, image in results if not isinstance(image, str)]
    images = np.empty((len(read), size, size, 3), dtype=np.uint8)
    for row, (_, image) in enumerate(read):
        images[row] = image
    errors = {position: reason for position, reason in results if isinstance(reason, str)}
    return ReadBatch(np.array([position for position, _ in read], np.int64), images, errors)


def _from_folder(folder: Path) -> Requests:
    paths = find_images(folder)
    if not paths:
        raise InvalidArgumentError(
            "the folder holds no image", argument="inputs", found=str(folder)
        )
    ids = [path.relative_to(folder).as_posix() for path in paths]
    table = pd.DataFrame({"sample_id": ids, "path": [str(path) for path in paths]}, dtype="str")
    return Requests(table, lambda position: read_image(paths[position]))


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
    is_path = [isinstance(item, str | Path) for item in items]
    ids = [
        str(x) if p else f"item-{i:06d}"
        for i, (x, p) in enumerate(zip(items, is_path, strict=True))
    ]
    paths = [str(item) if path else "" for item, path in zip(items, is_path, strict=True)]
    table = pd.DataFrame({"sample_id": ids, "path": paths}, dtype="str")
    return Requests(table, lambda position: read_image(items[position]))
