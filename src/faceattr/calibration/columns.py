"""Columns of a predictions table that calibration reads and writes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.exceptions import TableError
from faceattr.tables import prob_column
from faceattr.tasks import ClassificationTask

__all__ = [
    "FloatArray",
    "abstain_column",
    "level_column",
    "limit_columns",
    "read_numbers",
    "read_probabilities",
    "temperature_column",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]


def limit_columns(task: str) -> tuple[str, str]:
    """Return the names of the columns that hold the ends of a task's intervals."""
    return f"{task}_low", f"{task}_high"


def level_column(task: str) -> str:
    """Return the name of the column that holds the level of a task's intervals."""
    return f"{task}_level"


def temperature_column(task: str) -> str:
    """Return the name of the column that tells by which temperature probabilities were scaled."""
    return f"{task}_temperature"


def abstain_column(task: str) -> str:
    """Return the name of the column that tells which predictions are refused."""
    return f"{task}_abstain"


def read_numbers(table: pd.DataFrame, column: str, *, hint: str | None = None) -> FloatArray:
    """Return a column as float64, shape (n,), NaN where missing.

    Raises
    ------
    TableError
        If it is absent or holds no numbers.
    """
    if column not in table.columns:
        raise TableError(
            "a column is missing",
            argument="predictions",
            expected=f"a column {column!r}",
            found=f"the columns {list(table.columns)}",
            hint=hint,
        )
    values = table[column]
    if not pd.api.types.is_numeric_dtype(values.dtype) and values.notna().any():
        raise TableError(
            "not a column of numbers",
            argument=f"predictions, column {column!r}",
            expected="numbers; missing where not known",
            found=f"values such as {values.dropna().iloc[0]!r}",
            hint=f"predictions[{column!r}] = pandas.to_numeric(predictions[{column!r}])",
        )
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def read_probabilities(table: pd.DataFrame, task: ClassificationTask) -> FloatArray:
    """Return a task's probabilities, shape (n, n_classes), NaN where missing.

    One column of two classes says the other.

    Raises
    ------
    TableError
        If columns are absent or hold no numbers.
    """
    columns = [prob_column(task.name, label) for label in task.classes]
    present = [name for name in columns if name in table.columns]
    if len(columns) == 2 and len(present) == 1:
        known = read_numbers(table, present[0])
        both = (known, 1.0 - known) if present[0] == columns[0] else (1.0 - known, known)
        return np.column_stack(both)
    return np.column_stack([read_numbers(table, name) for name in columns])
