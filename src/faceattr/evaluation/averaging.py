"""The mean of several models' predictions of the same images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.evaluation.comparison.pairing import side_tables
from faceattr.evaluation.rows import finite_numbers, predicted_numbers, row_names, tasks_of
from faceattr.exceptions import TableError
from faceattr.tables import check_ids, pred_column, prob_column
from faceattr.tasks import RESERVED_SUFFIXES, ClassificationTask, Task, TaskSet

__all__ = ["average_predictions"]

_Floats = npt.NDArray[np.float64]


def average_predictions(
    tables: Sequence[pd.DataFrame],
    *,
    tasks: TaskSet | Task | Iterable[Task] | None = None,
) -> pd.DataFrame:
    """Average predictions of several models, as an ensemble does.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Predictions tables of the same images, in any order; each image once.
    tasks : TaskSet, task or iterable of tasks, optional
        What to average; by default what the columns of the first table tell.

    Returns
    -------
    pandas.DataFrame
        A row an image in the first table's order, with its columns that are no predictions.
        ``<task>_prob_<class>`` are means, and ``<task>_pred`` is the most probable class or the
        mean number. ``<task>_std`` is the deviation of the mixture of the models' distributions,
        where all tables have one (Lakshminarayanan et al. 2017, arXiv:1612.01474). Quantiles and
        what a calibration has added are left out, since means of them are none. An image that any
        model has not predicted is missing, with that model's ``error``.

    Raises
    ------
    InvalidTypeError, TableError
        If they are no predictions of the same images, or columns of a task are missing.

    Examples
    --------
    >>> import pandas as pd
    >>> a = pd.DataFrame({"sample_id": ["x"], "age": [30.0], "age_pred": [28.0]})
    >>> b = a.assign(age_pred=36.0)
    >>> float(average_predictions([a, b])["age_pred"].iloc[0])
    32.0
    """
    same = _same_rows(side_tables(tables, "tables"))
    chosen = tasks_of(same[0], tasks)
    added: dict[str, Any] = {}
    for task in chosen.values():
        added |= (
            _classes(same, task) if isinstance(task, ClassificationTask) else _number(same, task)
        )
    gone = [name for task in chosen.values() for name in _columns_of(same[0], task)]
    kept = same[0].drop(columns=[*gone, "error"], errors="ignore")
    return kept.assign(**added, **_errors(same))


def _same_rows(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return all tables in the order of the first."""
    ids = check_ids(tables[0], "tables[0]")
    ordered = [tables[0].reset_index(drop=True)]
    for number, table in enumerate(tables[1:], start=1):
        own = pd.Index(check_ids(table, f"tables[{number}]"))
        places = own.get_indexer(pd.Index(ids))
        if (places < 0).any() or len(own) != len(ids):
            lacking = ids[places < 0].tolist()
            raise TableError(
                "not the same images",
                argument=f"tables[{number}]",
                rows=lacking or own.difference(pd.Index(ids)).tolist(),
                expected=f"the {len(ids):,} images of tables[0]",
                found=f"{len(own):,} images, {len(ids) - len(lacking):,} of them the same",
            )
        ordered.append(table.iloc[places].reset_index(drop=True))
    return ordered


def _columns_of(table: pd.DataFrame, task: Task) -> list[str]:
    """Return the columns that are predictions of a task, or made of them."""
    known = [f"{task.name}{suffix}" for suffix in RESERVED_SUFFIXES]
    if isinstance(task, ClassificationTask):
        known += [prob_column(task.name, label) for label in task.classes]
    return [name for name in dict.fromkeys(known) if name in table]


def _mean(tables: Sequence[pd.DataFrame], task: Task) -> tuple[_Floats, _Floats]:
    """Return what all tables predict, ``(tables, rows, 1 or classes)``, and its mean."""
    every = np.stack(
        [predicted_numbers(table, task, f"tables[{n}]") for n, table in enumerate(tables)]
    )
    return every, every.mean(axis=0)


def _classes(tables: Sequence[pd.DataFrame], task: ClassificationTask) -> dict[str, Any]:
    _, mean = _mean(tables, task)
    known = ~np.isnan(mean).any(axis=1)
    best = np.full(len(mean), None, dtype=object)
    best[known] = np.array(task.classes, dtype=object)[mean[known].argmax(axis=1)]
    names = [prob_column(task.name, label) for label in task.classes]
    columns = {name: mean[:, place] for place, name in enumerate(names)}
    return {pred_column(task.name): pd.Series(best, dtype="str"), **columns}


def _number(tables: Sequence[pd.DataFrame], task: Task) -> dict[str, Any]:
    pred, std = pred_column(task.name), f"{task.name}_std"
    values, mean = _mean(tables, task)
    if not all(std in table for table in tables):
        return {pred: mean[:, 0]}
    widths = [
        finite_numbers(table[std], row_names(table), f"tables[{n}]")
        for n, table in enumerate(tables)
    ]
    within = np.square(widths).mean(axis=0)
    return {pred: mean[:, 0], std: np.sqrt(within + values[:, :, 0].var(axis=0))}


def _errors(tables: Sequence[pd.DataFrame]) -> dict[str, pd.Series]:
    """Return the first reason why an image has no prediction, where a table tells reasons."""
    reasons = [table["error"].fillna("").astype("str") for table in tables if "error" in table]
    if not reasons:
        return {}
    first = reasons[0]
    for other in reasons[1:]:
        first = first.where(first != "", other)
    return {"error": first}
