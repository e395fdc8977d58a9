"""Names of columns, and checks of tables against them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from faceattr.exceptions import InvalidTypeError, TableError
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

_log = logging.getLogger(__name__)

__all__ = [
    "check_ids",
    "pred_column",
    "prediction_columns",
    "prob_column",
    "tasks_from_predictions",
]


def pred_column(task: str) -> str:
    """Return the name of the column that holds a task's predictions.

    Examples
    --------
    >>> from faceattr.tables import pred_column
    >>> pred_column("age")
    'age_pred'
    """
    return f"{task}_pred"


def prob_column(task: str, cls: str) -> str:
    """Return the name of the column that holds the probability of a class.

    Examples
    --------
    >>> from faceattr.tables import prob_column
    >>> prob_column("gender", "female")
    'gender_prob_female'
    """
    return f"{task}_prob_{cls}"


def prediction_columns(tasks: Mapping[str, Task]) -> list[str]:
    """Return the columns that every predictions table of these tasks has, in order.

    Heads that predict a distribution add ``<task>_std``, ``<task>_q05`` and ``<task>_q95``.

    Examples
    --------
    >>> from faceattr import RegressionTask, TaskSet
    >>> from faceattr.tables import prediction_columns
    >>> prediction_columns(TaskSet([RegressionTask("age")]))
    ['sample_id', 'path', 'age', 'age_pred', 'error']
    """
    names = ["sample_id", "path"]
    for task in tasks.values():
        names += [task.name, pred_column(task.name)]
        if isinstance(task, ClassificationTask):
            names += [prob_column(task.name, label) for label in task.classes]
    return [*names, "error"]


def check_ids(table: pd.DataFrame, argument: str, *, allow_repeats: bool = False) -> pd.Series:
    """Return the column ``sample_id`` of a table after checking it.

    Parameters
    ----------
    table : pandas.DataFrame
        The table.
    argument : str
        Its name in the caller's signature, for errors.
    allow_repeats : bool, default False
        Accept an id on several rows, as in predictions of an image that was asked for twice.

    Returns
    -------
    pandas.Series of str

    Raises
    ------
    InvalidTypeError
        If `table` is not a DataFrame.
    TableError
        If the column is absent, an id is not text or is missing, or one is repeated.
    """
    if not isinstance(table, pd.DataFrame):
        raise InvalidTypeError(
            "not a table",
            argument=argument,
            expected="a pandas DataFrame",
            found=type(table).__name__,
        )
    if "sample_id" not in table.columns:
        raise TableError(
            "a column is missing",
            argument=argument,
            expected="a column 'sample_id'",
            found=f"the columns {list(table.columns)}",
        )
    ids = table["sample_id"]
    _check_text(ids, f"{argument}, column 'sample_id'")
    repeated = ids[ids.duplicated()].unique()
    if len(repeated) and not allow_repeats:
        raise TableError(
            "an id stands on more than one row",
            argument=f"{argument}, column 'sample_id'",
            rows=[str(value) for value in repeated],
            expected="unique ids",
            hint="table.drop_duplicates('sample_id') keeps the first row of each",
        )
    return ids


def _check_text(ids: pd.Series, argument: str) -> None:
    strange = [position for position, value in enumerate(ids) if not isinstance(value, str)]
    if strange:
        raise TableError(
            "an id is missing or not text",
            argument=argument,
            rows=[str(position) for position in strange],
            expected="text",
            found=repr(ids.iloc[strange[0]]),
            hint="table['sample_id'] = table['sample_id'].astype(str)",
        )


def tasks_from_predictions(table: pd.DataFrame) -> TaskSet:
    """Tell from its columns which tasks a predictions table is about.

    A column ``<x>`` with a column ``<x>_pred`` is a task; a log warning names predictions without
    their ``<x>``. It is one of classes where columns
    ``<x>_prob_<class>`` exist (their order is the classes' order; a single one stands for the last
    of two classes) or where either column holds text or booleans (classes are the labels that
    occur, sorted); else it is a number. Classes written as
    integers without probabilities look like numbers: such tasks must be given.

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
        If no task is found, or a task of text has fewer than two labels.
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
    if not classes and not any(_is_label(column) for column in columns):
        return RegressionTask(name)
    if len(classes) < 2:  # one probability of two says the other
        labels = {str(label) for column in columns for label in column.dropna()}
        classes = [*sorted(labels - set(classes)), *classes]
    if len(classes) < 2:
        raise TableError(
            "classes cannot be told from a single label",
            argument=f"predictions, task {name!r}",
            expected="two labels or more, or columns of probabilities",
            found=repr(classes),
            hint=f"tasks=ClassificationTask({name!r}, classes=(...))",
        )
    return ClassificationTask(name, classes=tuple(classes))


def _is_label(column: pd.Series) -> bool:
    dtype = column.dtype
    values = column.cat.categories.to_series() if dtype == "category" else column
    if pd.api.types.is_bool_dtype(values.dtype) or isinstance(values.dtype, pd.StringDtype):
        return True
    return bool(values.dtype == object and values.map(lambda item: isinstance(item, str)).any())
