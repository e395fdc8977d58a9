"""The tasks that the columns of a predictions table tell of."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from faceattr.exceptions import TableError
from faceattr.tables.schema import pred_column, prob_column
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet, value_text

__all__ = ["tasks_from_predictions"]

_log = logging.getLogger(__name__)

_CODES = 2

_FEW_CODES = 10
"""So many different numbers written as text may be codes of classes."""


def tasks_from_predictions(table: pd.DataFrame) -> TaskSet:
    """Tell from its columns which tasks a predictions table is about.

    A column ``<x>`` with a column ``<x>_pred`` is a task; a log warning names predictions without
    their ``<x>``. It is one of classes where columns
    ``<x>_prob_<class>`` exist (their order is the classes' order; a single one stands for the last
    of two classes) or where either column holds text or booleans (classes are the labels that
    occur, sorted, in whichever case); else it is a number, also where more than ten different
    numbers are written as text. Classes written as integers without probabilities look like
    numbers: such tasks must be given.

    Parameters
    ----------
    table : pandas.DataFrame
        Anyone's predictions.

    Returns
    -------
    TaskSet
        In the order of the columns. What a table does not say (units, bounds, codes) is left open.

    Raises
    ------
    TableError
        If no task is found, a task of text has fewer than two labels, its labels and predictions
        have none in common, or text stands among numbers.
    InvalidArgumentError
        If a task's column has a reserved name or is no plain word.
    """
    names = [str(name) for name in table.columns]
    found = [name for name in names if pred_column(name) in names and not name.endswith("_pred")]
    if not found:
        raise TableError(
            "no task found",
            argument="predictions",
            expected="for each task a column '<task>' (truth) and '<task>_pred' (prediction), and "
            "for classes '<task>_prob_<class>' where probabilities are known",
            found=f"the columns {names}",
            hint="predictions.rename(columns={'true_age': 'age', 'predicted_age': 'age_pred'})",
        )
    _tell_lone_columns(names, found)
    return TaskSet([_infer_task(table, name) for name in found])


def _tell_lone_columns(names: Sequence[str], found: Sequence[str]) -> None:
    """Warn of predictions that have no truth beside them: a misspelt name would hide a task."""
    wanted = {pred_column(name) for name in found}
    lone = [name for name in names if name.endswith("_pred") and name not in wanted]
    hints = {name.partition("_prob_")[0] for name in names if "_prob_" in name}
    lone += [
        f"{name}_prob_..." for name in sorted(hints - set(found)) if f"{name}_pred" not in lone
    ]
    if lone:
        _log.warning(
            "not evaluated, since a task needs the columns '<task>' and '<task>_pred': %s "
            "(tasks found: %s)",
            ", ".join(lone),
            ", ".join(found),
        )


def _infer_task(table: pd.DataFrame, name: str) -> Task:
    prefix = prob_column(name, "")
    classes = [str(column)[len(prefix) :] for column in table if str(column).startswith(prefix)]
    columns = [table[name], table[pred_column(name)]]
    if not classes and (not any(map(_is_label, columns)) or _are_numbers(table, columns)):
        _tell_codes(name, columns)
        return RegressionTask(name)
    if len(classes) < 2:  # one probability of two says the other
        known = [_spellings(column) for column in columns]
        _check_shared(name, *known)
        labels = {**known[1], **known[0]}  # where they differ in case, as the truth is written
        for given in classes:
            labels.pop(given.casefold(), None)
        classes = [*sorted(labels.values()), *classes]
    if len(classes) < 2:
        raise TableError(
            "classes cannot be told from a single label",
            argument=f"predictions, task {name!r}",
            expected="two labels or more, or columns of probabilities",
            found=repr(classes),
            hint=f"tasks=ClassificationTask({name!r}, classes=(...))",
        )
    return ClassificationTask(name, classes=tuple(classes))


def _tell_codes(name: str, columns: Sequence[pd.Series]) -> None:
    """Warn of two whole numbers that both columns share: they are rather codes of two classes."""
    truth, pred = (
        set(pd.to_numeric(column, errors="coerce").dropna().unique().tolist()) for column in columns
    )
    found = sorted(truth | pred)
    if len(found) == _CODES and truth & pred and all(float(value).is_integer() for value in found):
        low, high = (int(value) for value in found)
        _log.warning(
            "task %r has only the numbers %d and %d, and is evaluated as a number; for classes "
            "give --task %s=%d,%d, or tasks=ClassificationTask(%r, classes=('%d', '%d'))",
            *(name, low, high, name, low, high, name, low, high),
        )


def _is_label(column: pd.Series) -> bool:
    dtype = column.dtype
    values = column.cat.categories.to_series() if dtype == "category" else column
    if pd.api.types.is_bool_dtype(values.dtype) or isinstance(values.dtype, pd.StringDtype):
        return True
    kinds = str | bool | np.bool_  # a gap makes objects of booleans
    return bool(values.dtype == object and values.map(lambda item: isinstance(item, kinds)).any())


def _are_numbers(table: pd.DataFrame, columns: Sequence[pd.Series]) -> bool:
    """Tell whether columns of text are numbers, of which not all can be read.

    Raises
    ------
    TableError
        If most are numbers and some are not.
    """
    texts = [column.astype(object).map(value_text, na_action="ignore") for column in columns]
    read = [pd.to_numeric(text, errors="coerce") for text in texts]
    known = pd.concat(texts).notna().sum()
    numbers = pd.concat(read).dropna()
    if numbers.nunique() <= _FEW_CODES or 2 * len(numbers) <= known:
        return False
    for column, found in zip(columns, read, strict=True):
        bad = np.flatnonzero(column.notna().to_numpy() & found.isna().to_numpy())
        if len(bad):
            raise TableError(
                "text stands among numbers",
                argument=f"predictions, column {column.name!r}",
                rows=_names(table, bad),
                expected="numbers; missing where not known",
                found=repr(column.iloc[bad[0]]),
                hint="pd.to_numeric(column, errors='coerce') leaves out what is no number; "
                "tasks=ClassificationTask(...) where these are classes",
            )
    return True


def _names(table: pd.DataFrame, rows: Iterable[int]) -> list[str]:
    if "sample_id" in table.columns:
        return [str(table["sample_id"].iloc[row]) for row in rows]
    return [f"row {row}" for row in rows]


def _spellings(column: pd.Series) -> dict[str, str]:
    """Return the labels of a column by how they are compared: in any case."""
    texts = sorted({value_text(value).strip() for value in column.dropna()} - {""})
    return {text.casefold(): text for text in reversed(texts)}


def _check_shared(name: str, truth: dict[str, str], predicted: dict[str, str]) -> None:
    if not truth or not predicted or set(truth) & set(predicted):
        return
    if len(truth) + len(predicted) > 2:  # of two classes all may be wrong
        raise TableError(
            "labels and predictions have no class in common",
            argument=f"predictions, task {name!r}",
            expected=f"in column {pred_column(name)!r} the classes {sorted(truth.values())}",
            found=f"{sorted(predicted.values())}",
            hint=f"table[{pred_column(name)!r}].map({{'Man': 'male', 'Woman': 'female'}}) writes "
            "classes alike; tasks=ClassificationTask(...) names them all",
        )
