"""From the columns of a predictions table to the arrays that metrics are given."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_choice
from faceattr.evaluation.metrics import ClassificationData, FloatArray, RegressionData
from faceattr.exceptions import TableError
from faceattr.tables import pred_column, prob_column, tasks_from_predictions
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

__all__ = [
    "TaskRows",
    "finite_numbers",
    "pick_task",
    "predicted_numbers",
    "row_names",
    "task_rows",
    "tasks_of",
]

_log = logging.getLogger(__name__)

_PREDICTIONS = "predictions"
"""What errors call the table that is evaluated."""

_SUM_TOLERANCE = 0.01
"""Probabilities rounded in a file need not add up to 1 exactly."""


@dataclass(frozen=True, eq=False)
class TaskRows:
    """One task's labels and predictions.

    Attributes
    ----------
    task : RegressionTask or ClassificationTask
    data : RegressionData or ClassificationData
        Of the m rows that have both a label and a prediction.
    used : numpy.ndarray of int, shape (m,)
        Their positions in the table.
    failed, unlabelled : numpy.ndarray of bool, shape (n,)
        Rows of the table without a prediction; rows with a prediction but no label.
    """

    task: Task
    data: RegressionData | ClassificationData
    used: npt.NDArray[np.intp]
    failed: npt.NDArray[np.bool_]
    unlabelled: npt.NDArray[np.bool_]


def task_rows(table: pd.DataFrame, task: Task) -> TaskRows:
    """Read a task's columns.

    Raises
    ------
    TableError
        If a column is absent or a value is not what its column should hold.
    DataError
        If a label is neither a class nor a code of the task.
    """
    needed = [task.name, pred_column(task.name)]
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise TableError(
            f"columns of task {task.name!r} are missing",
            argument="predictions",
            expected=f"the columns {needed}",
            found=f"the columns {list(table.columns)}",
        )
    names = row_names(table)
    if isinstance(task, RegressionTask):
        truth, prediction = (finite_numbers(table[name], names) for name in needed)
        labelled, predicted = ~np.isnan(truth), ~np.isnan(prediction)
        used = np.flatnonzero(labelled & predicted)
        numbers = RegressionData(truth, prediction, *_limits(table, task, names)).take(used)
        return TaskRows(task, numbers, used, ~predicted, predicted & ~labelled)
    codes, guesses = (_codes(table[name], task, names) for name in needed)
    probabilities = _probabilities(table, task, names)
    labelled, predicted = codes >= 0, guesses >= 0
    if probabilities is not None:
        predicted &= ~np.isnan(probabilities).any(axis=1)
    used = np.flatnonzero(labelled & predicted)
    n_classes, positive = len(task.classes), task.classes.index(task.positive)
    classes = ClassificationData(codes, guesses, probabilities, n_classes, positive).take(used)
    return TaskRows(task, classes, used, ~predicted, predicted & ~labelled)


def predicted_numbers(table: pd.DataFrame, task: Task, argument: str) -> FloatArray:
    """Return what is predicted in numbers, missing where an image has no prediction.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
        A predictions table.
    task : RegressionTask or ClassificationTask
    argument : str
        What errors call the table.

    Returns
    -------
    numpy.ndarray of float64, shape (n, 1) or (n, classes)
        In the task's unit, or probabilities.

    Raises
    ------
    TableError
        If a column is absent, or a value is not what its column should hold.
    """
    names = row_names(table)
    if isinstance(task, RegressionTask):
        column = pred_column(task.name)
        found = finite_numbers(table[column], names, argument)[:, None] if column in table else None
        expected = [column]
    else:
        found = _probabilities(table, task, names, argument)
        expected = [prob_column(task.name, label) for label in task.classes]
    if found is None:
        raise TableError(
            f"columns of task {task.name!r} are missing",
            argument=argument,
            expected=f"the columns {expected}",
            found=f"the columns {list(table.columns)}",
        )
    return found


def tasks_of(predictions: pd.DataFrame, tasks: TaskSet | Task | Iterable[Task] | None) -> TaskSet:
    """Return the tasks given, or else those told from the columns of a table."""
    if tasks is None:
        return tasks_from_predictions(predictions)
    return tasks if isinstance(tasks, TaskSet) else TaskSet(tasks)


def pick_task(tasks: TaskSet, name: str | None, argument: str = "task") -> Task:
    """Return a task by its name, which may be left out where there is only one."""
    if name is None and len(tasks) == 1:
        return next(iter(tasks.values()))
    return tasks[check_choice(name, argument, list(tasks))]


def row_names(table: pd.DataFrame) -> list[str]:
    """Return what errors call the rows: their ids, or else their numbers."""
    if "sample_id" in table.columns:
        return [str(value) for value in table["sample_id"]]
    return [f"row {position}" for position in range(len(table))]


def finite_numbers(
    column: pd.Series, names: Sequence[str], argument: str = _PREDICTIONS
) -> FloatArray:
    """Return a column as numbers, missing where it has none; TableError for anything else.

    `names` are those of the rows and `argument` that of the table, for errors.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.isinf(values)
    else:
        read = pd.to_numeric(column.astype(object), errors="coerce")
        values = read.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.isinf(values) | (np.isnan(values) & column.notna().to_numpy(dtype=bool))
    _refuse(bad, column, names, "finite numbers; missing where not known", argument)
    return values


def _limits(
    table: pd.DataFrame, task: RegressionTask, names: Sequence[str]
) -> tuple[FloatArray, FloatArray] | tuple[None, None]:
    columns = [f"{task.name}_low", f"{task.name}_high"]
    if not all(name in table.columns for name in columns):
        return None, None
    low, high = (finite_numbers(table[name], names) for name in columns)
    _refuse(low > high, table[columns[0]], names, f"numbers not above those of {columns[1]!r}")
    return low, high


def _codes(
    column: pd.Series, task: ClassificationTask, names: Sequence[str]
) -> npt.NDArray[np.int64]:
    codes = task.encode(column)
    if ((codes < 0) & column.notna().to_numpy(dtype=bool)).any():
        codes = task.encode(task.parse(column, names))  # other spellings, or codes
    return codes


def _probabilities(
    table: pd.DataFrame,
    task: ClassificationTask,
    names: Sequence[str],
    argument: str = _PREDICTIONS,
) -> FloatArray | None:
    columns = [prob_column(task.name, label) for label in task.classes]
    present = [name for name in columns if name in table.columns]
    _tell_foreign(table, task, columns)
    if not present:
        return None
    known = {name: finite_numbers(table[name], names, argument) for name in present}
    for name, values in known.items():
        outside = (values < -_SUM_TOLERANCE) | (values > 1 + _SUM_TOLERANCE)
        _refuse(outside, table[name], names, "probabilities from 0 to 1", argument)
    if len(present) == 1 and len(columns) == 2:
        other = next(name for name in columns if name not in known)
        known[other] = 1.0 - known[present[0]]
    elif len(present) < len(columns):
        raise TableError(
            "probabilities of some classes are missing",
            argument=f"{argument}, task {task.name!r}",
            expected=f"the columns {columns}, or none of them",
            found=f"the columns {present}",
        )
    matrix = np.column_stack([known[name] for name in columns])
    sums = pd.Series(matrix.sum(axis=1))
    bad = (np.abs(sums - 1.0) > _SUM_TOLERANCE).to_numpy()
    expected = "probabilities that add up to 1"
    _refuse(bad, sums.rename(", ".join(columns)), names, expected, argument)
    return matrix


def _tell_foreign(table: pd.DataFrame, task: ClassificationTask, columns: Sequence[str]) -> None:
    """Warn of probabilities of what is no class, as of ``0`` where the class is called male."""
    prefix = prob_column(task.name, "")
    foreign = [str(name) for name in table if str(name).startswith(prefix) and name not in columns]
    if foreign:
        _log.warning(
            "passed over, since they belong to no class of task %r: the columns %s; probabilities "
            "are looked for in %s",
            task.name,
            foreign,
            list(columns),
        )


def _refuse(
    bad: npt.NDArray[np.bool_],
    column: pd.Series,
    names: Sequence[str],
    expected: str,
    argument: str = _PREDICTIONS,
) -> None:
    positions = [int(position) for position in np.flatnonzero(bad)]
    if positions:
        raise TableError(
            "values cannot be evaluated",
            argument=f"{argument}, column {column.name!r}",
            rows=[names[position] for position in positions],
            expected=expected,
            found=repr(column.iloc[positions[0]]),
        )
