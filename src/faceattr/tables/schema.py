"""Names of columns, and checks of tables against them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from faceattr.exceptions import InvalidTypeError, TableError
from faceattr.tasks import ClassificationTask, Task

__all__ = [
    "check_frame",
    "check_ids",
    "pred_column",
    "prediction_columns",
    "prob_column",
]


def check_frame(
    table: object, argument: str, *, expected: str = "a pandas DataFrame", hint: str | None = None
) -> pd.DataFrame:
    """Return a table; InvalidTypeError if it is none."""
    if not isinstance(table, pd.DataFrame):
        raise InvalidTypeError(
            "not a table",
            argument=argument,
            expected=expected,
            found=type(table).__name__,
            hint=hint,
        )
    return table


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
    check_frame(table, argument)
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
