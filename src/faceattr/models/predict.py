"""From images to the predictions table, whatever computes; torch is not loaded here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm.auto import tqdm

from faceattr._memory import keep_freed_memory
from faceattr._requests import ImagesInput, Known, Requests, gather_requests, text_array
from faceattr._validation import check_integer
from faceattr.exceptions import InvalidTypeError, TableError
from faceattr.faces.watching import watch_requests
from faceattr.images import UInt8Image
from faceattr.models.reading import ReadBatch, read_batches
from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, Task, TaskSet

if TYPE_CHECKING:
    from pathlib import Path

    from faceattr.faces import Detector
    from faceattr.models.runtimes import Outputs, Runtime

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "PredictionColumns",
    "predict",
    "predict_values",
    "predictions_table",
    "reading",
    "value_columns",
]

DEFAULT_BATCH_SIZE = 64
"""Images a forward pass: larger batches outgrow the allocator's reuse and run slower on a CPU."""

_MOST_BLOCKS = 50
_NO_NUMBER = (
    "the network put out no finite number: its weights or its mean and std are damaged, or too "
    "large for their precision"
)


def predict(
    runtime: Runtime,
    inputs: ImagesInput,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: bool = False,
    faces: Detector | str | Path | None = None,
) -> pd.DataFrame:
    """Predict images, or the faces in them; what `Model.predict` does."""
    if faces is not None:
        from faceattr.models.photos import predict_photos

        return predict_photos(runtime, inputs, faces, batch_size=batch_size, progress=progress)
    check_integer(batch_size, "batch_size", low=1)
    requests = gather_requests(inputs)
    columns = PredictionColumns(runtime, requests.known, len(requests))
    with reading(runtime, requests, batch_size, progress) as batches:
        for batch in batches:
            columns.errors.update(batch.errors)
            if len(batch.positions):
                columns.add(batch.positions, runtime.run(batch.images))
    return columns.to_table()


@contextmanager
def reading(
    runtime: Runtime, requests: Requests, batch_size: int, progress: bool
) -> Iterator[Iterator[ReadBatch]]:
    """Give the images of requests in batches, with the network at work until the end."""
    watched = watch_requests(requests)
    # One batch is done before keeping memory would pay.
    many = keep_freed_memory() if len(requests) > batch_size else nullcontext()
    with (
        many,
        runtime.working(),
        tqdm(total=len(requests), unit="image", disable=not progress) as bar,
    ):
        yield _counted(read_batches(watched, runtime.image_size, batch_size), bar)
    watched.tell()


def _counted(batches: Iterable[ReadBatch], bar: tqdm[Any]) -> Iterator[ReadBatch]:
    for batch in batches:
        yield batch
        bar.update(len(batch.positions) + len(batch.errors))


def predictions_table(
    runtime: Runtime,
    table: pd.DataFrame,
    positions: npt.NDArray[np.int64],
    outputs: Iterable[Outputs],
    errors: dict[int, str],
) -> pd.DataFrame:
    """Put outputs beside the rows that asked for them.

    Parameters
    ----------
    runtime : Runtime
        Says what the outputs mean.
    table : pandas.DataFrame of n rows
        What is known of each request.
    positions : numpy.ndarray of int64, shape (m,)
        The row that each output belongs to.
    outputs : iterable of mappings of str to tensors or arrays
        Raw outputs, batch by batch, m rows in all.
    errors : dict of int to str
        Reasons, by row, for what has no output.

    Returns
    -------
    pandas.DataFrame of n rows
    """
    columns = PredictionColumns(runtime, table, len(table))
    columns.errors.update(errors)
    done = 0
    for batch in outputs:
        rows = len(next(iter(batch.values())))
        columns.add(positions[done : done + rows], batch)
        done += rows
    return columns.to_table()


class PredictionColumns:
    """The columns of a predictions table, filled batch by batch; raw outputs are not kept.

    Parameters
    ----------
    runtime : Runtime
        Says what the outputs mean.
    known : pandas.DataFrame, or dict of str to array
        What is known of each request: a table, or columns that nobody else holds.
    count : int
        The number of requests.

    Attributes
    ----------
    errors : dict of int to str
        Reasons, by row, for what has no output.
    """

    def __init__(self, runtime: Runtime, known: Known, count: int) -> None:
        self._runtime = runtime
        self._known = known
        self._count = count
        self._filled: dict[str, npt.NDArray[Any]] = {}
        self.errors: dict[int, str] = {}

    def add(self, positions: npt.NDArray[np.int64], outputs: Outputs) -> None:
        """Fill in rows.

        Parameters
        ----------
        positions : numpy.ndarray of int64, shape (m,)
            The row that each output belongs to.
        outputs : mapping of str to tensors or arrays of shape (m, K)
            Raw outputs by task.

        Raises
        ------
        TableError
            If a column of the table has the name of a prediction.
        """
        columns = self._runtime.columns(outputs)
        broken = _without_number(outputs, columns, self._runtime.tasks)
        if broken.any():  # else the first class would be the answer
            columns = {k: np.where(broken, np.nan, values) for k, values in columns.items()}
            self.errors.update(dict.fromkeys(positions[broken].tolist(), _NO_NUMBER))
        if not self._filled:
            _check_free([*columns, "error"], self._known)
            self._filled = {name: self._empty(values) for name, values in columns.items()}
        for name, values in columns.items():
            self._filled[name][positions] = values

    def to_table(self) -> pd.DataFrame:
        """Return the table: what is known, the predictions, and the column ``error``."""
        if not self._filled:  # no image, or none that can be read: the columns are there anyway
            self.add(np.empty(0, np.int64), self._runtime.join([]))
        reasons = np.full(self._count, "", dtype=object)
        for row, reason in self.errors.items():
            reasons[row] = reason
        arrays: dict[str, Any] = {
            name: text_array(values) if values.dtype == object else values
            for name, values in {**self._filled, "error": reasons}.items()
        }
        # A block a column, so that nothing is copied; very many of them would slow pandas down.
        copy = len(arrays) > _MOST_BLOCKS
        if isinstance(self._known, pd.DataFrame):
            known = self._known.reset_index(drop=True)
            own = pd.DataFrame(arrays, index=known.index, copy=copy)
            return self._calibrated(pd.concat([known, own], axis=1))
        return self._calibrated(pd.DataFrame({**self._known, **arrays}, copy=copy))

    def _calibrated(self, table: pd.DataFrame) -> pd.DataFrame:
        calibration = self._runtime.calibration
        if calibration is None:
            return table
        _check_free(calibration.new_columns, self._known)
        return calibration.apply(table)

    def _empty(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        dtype = object if values.dtype == object else np.float64
        return np.full(self._count, np.nan, dtype=dtype)


def _without_number(
    outputs: Outputs, columns: Mapping[str, npt.NDArray[Any]], tasks: TaskSet
) -> npt.NDArray[np.bool_]:
    """Tell in which rows an output is NaN or infinite, or what is predicted is no finite number.

    An output of minus infinity rules out a class, so it may be there.
    """
    sums = [values.sum(1).tolist() for values in outputs.values()]  # of tensors, or of arrays
    names = [name for task in tasks.values() for name in value_columns(task) if name in columns]
    found = [columns[name].astype(np.float64) for name in names]
    sound = np.all(np.array(sums) < np.inf, axis=0)
    for values in found:
        sound &= np.isfinite(values)
    broken: npt.NDArray[np.bool_] = ~sound
    return broken


def predict_values(
    runtime: Runtime, images: UInt8Image, batch_size: int
) -> dict[str, npt.NDArray[np.float64]]:
    """Return what is predicted of images at the model's size; what `Model.predict_values` does."""
    check_integer(batch_size, "batch_size", low=1)
    wanted = (runtime.image_size, runtime.image_size, 3)
    if (
        not isinstance(images, np.ndarray)
        or images.ndim != 4
        or images.shape[1:] != wanted
        or images.dtype != np.uint8
    ):
        raise InvalidTypeError(
            "not images of the model's size",
            argument="images",
            expected=f"uint8 of shape (n, {', '.join(map(str, wanted))})",
            found=f"{images.dtype} of shape {images.shape}"
            if isinstance(images, np.ndarray)
            else type(images).__name__,
            hint="faceattr.images.resize_image(image, model.image_size), or model.predict(images)",
        )
    starts = range(0, len(images), batch_size)
    with runtime.working():
        batches = [runtime.run(images[start : start + batch_size]) for start in starts]
    columns: dict[str, npt.NDArray[Any]] = {**runtime.columns(runtime.join(batches))}
    if runtime.calibration is not None:
        table = runtime.calibration.apply(pd.DataFrame(columns))
        columns = {str(name): table[name].to_numpy() for name in table}
    return {
        name: np.stack([columns[column].astype(np.float64) for column in value_columns(task)], 1)
        for name, task in runtime.tasks.items()
    }


def value_columns(task: Task) -> list[str]:
    """Return the columns of a predictions table that say what is predicted, in numbers."""
    if isinstance(task, ClassificationTask):
        return [prob_column(task.name, label) for label in task.classes]
    return [pred_column(task.name)]


def _check_free(names: Iterable[str], known: Known) -> None:
    taken = [name for name in names if name in known]
    if taken:
        raise TableError(
            "columns of the data set have the names of predictions",
            rows=taken,
            hint="rename these columns of the data set",
        )
