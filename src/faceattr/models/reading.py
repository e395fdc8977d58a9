"""Images read by all cores, a few batches ahead of the network."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from faceattr._parallel import cores
from faceattr._requests import Requests, StackedImages
from faceattr.exceptions import ImageReadError, InvalidTypeError
from faceattr.images import UInt8Image, resize_image

__all__ = ["read_batches"]

_log = logging.getLogger(__name__)

_BATCHES_AHEAD = 2
# Images a thread reads in one go: fewer cost more in hand-overs than they gain in balance.
_PIECE = 8
# So few images are read sooner than threads are started.
_FEW = 4


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
    with ThreadPoolExecutor(cores() if stacked is None else 1) as pool:
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
