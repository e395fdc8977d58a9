"""Numbers known as a range: the columns ``<task>_min`` and ``<task>_max`` of an index table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.exceptions import DataError
from faceattr.tasks import RESERVED_NAMES, RegressionTask, Task

__all__ = [
    "check_ranges",
    "known_rows",
    "label_columns",
    "present_columns",
    "range_ends",
    "with_middles",
]

Numbers = npt.NDArray[np.float64]


def present_columns(task: Task, columns: Iterable[object]) -> list[str]:
    """Return which columns give a task's range: both, none, or one where that is a mistake.

    A column alone is a mistake where its name is kept for ranges, as ``age_min`` is. Any other such
    name is a column like all others, until both are there.
    """
    if not isinstance(task, RegressionTask):
        return []
    there = set(columns)
    found = [name for name in task.range_columns if name in there]
    return found if len(found) == 2 or set(found) <= RESERVED_NAMES else []


def label_columns(task: Task, columns: Iterable[object]) -> list[str]:
    """Return the columns that hold a task's labels, in the order of an index table."""
    return [task.name, *present_columns(task, columns)]


def check_ranges(table: pd.DataFrame, task: RegressionTask, rows: Sequence[str]) -> pd.DataFrame:
    """Read the two columns of a task's range.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
        Both columns, and the task's own, which is read already.
    task : RegressionTask
    rows : sequence of str, length n
        Names of the rows, for errors.

    Returns
    -------
    pandas.DataFrame of n rows
        The two columns as float64; NaN where there is no range.

    Raises
    ------
    DataError
        If an end is no number, outside the bounds or missing beside the other, the ends are the
        wrong way round, or the row has a label that lies outside.
    """
    low_name, high_name = task.range_columns
    low = task.parse(table[low_name], rows, column=low_name)
    high = task.parse(table[high_name], rows, column=high_name)
    label = table[task.name].reset_index(drop=True)
    found = pd.DataFrame({low_name: low, high_name: high, task.name: label})
    for bad, problem, expected in (
        (low.isna() != high.isna(), "one end of a range is missing", "both ends or neither"),
        (low > high, "the ends of a range are the wrong way round", f"{low_name} <= {high_name}"),
        ((label < low) | (label > high), "a label outside its range", "a label within the range"),
    ):
        positions = [int(row) for row in np.flatnonzero(bad.to_numpy(dtype=bool))]
        if positions:
            first = found.iloc[positions[0]]
            raise DataError(
                problem,
                argument=task.name,
                rows=[str(rows[position]) for position in positions],
                expected=expected,
                found=", ".join(f"{name} {value:g}" for name, value in first.items()),
                hint="mend the values, or leave the label or both ends of the range empty",
            )
    return found[[low_name, high_name]]


def range_ends(table: pd.DataFrame, task: RegressionTask) -> tuple[Numbers, Numbers]:
    """Return the lowest and the highest value that the label of each row may have.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
        An index table.
    task : RegressionTask

    Returns
    -------
    low, high : numpy.ndarray of float64, shape (n,)
        Equal where there is a label, NaN where there is neither a label nor a range.
    """
    label = _numbers(table[task.name])
    if len(present_columns(task, table.columns)) < 2:
        return label, label.copy()
    unknown = np.isnan(label)
    low, high = (np.where(unknown, _numbers(table[name]), label) for name in task.range_columns)
    return low, high


def known_rows(table: pd.DataFrame, task: Task) -> npt.NDArray[np.bool_]:
    """Tell which rows of an index table have a label or a range of a task.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
    task : RegressionTask or ClassificationTask

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    if not isinstance(task, RegressionTask):
        return table[task.name].notna().to_numpy(dtype=bool)
    low, high = range_ends(table, task)
    known: npt.NDArray[np.bool_] = ~np.isnan(low + high)
    return known


def with_middles(table: pd.DataFrame, tasks: Mapping[str, Task]) -> pd.DataFrame:
    """Return an index table with the middle of the range in place of labels that are missing."""
    middles: dict[str, Numbers] = {}
    for name, task in tasks.items():
        if isinstance(task, RegressionTask) and present_columns(task, table.columns):
            low, high = range_ends(table, task)
            middles[name] = (low + high) / 2
    return table.assign(**middles)


def _numbers(column: pd.Series) -> Numbers:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
