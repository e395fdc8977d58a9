"""Which images to explain: the most wrong and the most improved ones of predictions tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer
from faceattr.exceptions import TableError
from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, Task

__all__ = ["most_improved", "most_wrong"]


def most_wrong(predictions: pd.DataFrame, task: Task, *, n: int = 12) -> pd.DataFrame:
    """Return the rows whose prediction is the farthest off.

    Parameters
    ----------
    predictions : pandas.DataFrame
        A predictions table with labels.
    task : RegressionTask or ClassificationTask
    n : int, default 12
        Rows at most. Those without a label or a prediction are passed over.

    Returns
    -------
    pandas.DataFrame
        Rows of the table, the worst first, with the column ``wrong``: the distance from the label
        in the task's unit, or 1 - the probability of the labelled class.

    Raises
    ------
    TableError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import RegressionTask
    >>> from faceattr.explain import most_wrong
    >>> table = pd.DataFrame({"sample_id": ["a", "b"], "age": [30, 40], "age_pred": [32, 61]})
    >>> most_wrong(table, RegressionTask("age"), n=1)["sample_id"].tolist()
    ['b']
    """
    return _largest(predictions.assign(wrong=_wrongness(predictions, task)), "wrong", n)


def most_improved(
    before: pd.DataFrame, after: pd.DataFrame, task: Task, *, n: int = 12
) -> pd.DataFrame:
    """Return the rows that a second model predicts so much better than a first one.

    Parameters
    ----------
    before, after : pandas.DataFrame
        Predictions tables of the two; rows are matched by ``sample_id``.
    task, n
        As in `most_wrong`.

    Returns
    -------
    pandas.DataFrame
        Rows of `after`, the most improved first, with the column ``improved``: how much less wrong
        they are. Turn the tables round for those that became worse.

    Raises
    ------
    TableError
        If a column is missing, an id is repeated, or no image is in both tables.
    """
    errors: list[pd.Series] = []
    for name, table in (("before", before), ("after", after)):
        wrong = _wrongness(table, task)
        ids = pd.Index(table["sample_id"])
        if not ids.is_unique:
            repeated = ids[ids.duplicated()].unique().astype(str).tolist()
            raise TableError("ids are repeated", argument=name, rows=repeated)
        errors.append(pd.Series(wrong, index=ids))
    common = after[after["sample_id"].isin(errors[0].index)]
    if common.empty:
        raise TableError(
            "no image is in both tables",
            argument="after",
            expected=f"ids as {errors[0].index[:2].tolist()}",
            found=str(errors[1].index[:2].tolist()),
        )
    ids = common["sample_id"]
    gain = errors[0].loc[ids].to_numpy() - errors[1].loc[ids].to_numpy()
    return _largest(common.assign(improved=gain), "improved", n)


def _largest(table: pd.DataFrame, column: str, n: int) -> pd.DataFrame:
    check_integer(n, "n", low=1)
    known = table[table[column].notna()]
    ranked = known.sort_values(column, ascending=False, kind="stable")
    return ranked.head(n).reset_index(drop=True)


def _wrongness(table: pd.DataFrame, task: Task) -> npt.NDArray[np.float64]:
    classes = task.classes if isinstance(task, ClassificationTask) else ()
    columns = [prob_column(task.name, cls) for cls in classes] or [pred_column(task.name)]
    missing = [name for name in ("sample_id", task.name, *columns) if name not in table]
    if missing:
        raise TableError(
            "columns are missing",
            argument="predictions",
            rows=missing,
            expected="a predictions table with labels",
        )
    if not isinstance(task, ClassificationTask):
        truth, predicted = (
            table[name].to_numpy(dtype=np.float64) for name in (task.name, *columns)
        )
        off: npt.NDArray[np.float64] = np.abs(predicted - truth)
        return off
    codes = task.encode(table[task.name])
    probabilities = table[columns].to_numpy(dtype=np.float64)
    wrong: npt.NDArray[np.float64] = 1 - probabilities[np.arange(len(codes)), codes]
    wrong[codes < 0] = np.nan
    return wrong
