"""The rows that are most wrong: by one task, or by several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._grouping import Grouping
from faceattr._validation import check_choice, check_integer, check_unique
from faceattr.evaluation.losses import row_losses
from faceattr.evaluation.metrics import FloatArray, RegressionData
from faceattr.evaluation.rows import TaskRows
from faceattr.exceptions import InvalidArgumentError
from faceattr.tables import pred_column
from faceattr.tasks import RegressionTask

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["TasksInput", "Wrong", "probability_of_truth", "table_of_wrong"]

TasksInput = str | Sequence[str] | None
"""A task, several, or all."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Wrong:
    """The rows that are wrong in all of some tasks, the most wrong first.

    Attributes
    ----------
    evaluation : Evaluation
    parts : list of TaskRows
        Of the tasks.
    rows : numpy.ndarray of int, shape (m,)
        Positions in the table.
    scores : numpy.ndarray of float64, shape (m,)
        The mean over tasks of how high the row ranks among all rows that have every task, 0 to 1.
    """

    evaluation: Evaluation
    parts: list[TaskRows]
    rows: Rows
    scores: FloatArray

    @classmethod
    def of(cls, evaluation: Evaluation, task: TasksInput) -> Wrong:
        """Find the rows that are wrong in a task, in several, or in all."""
        parts = _parts(evaluation, task)
        common = reduce(np.intersect1d, [part.used for part in parts])
        scores, wrong = np.zeros(len(common)), np.ones(len(common), dtype=np.bool_)
        for part in parts:
            places = np.searchsorted(part.used, common)
            ranks = pd.Series(row_losses(part.data)[places]).rank(pct=True)
            scores += ranks.to_numpy(dtype=np.float64) / len(parts)
            wrong &= (part.data.truth != part.data.prediction)[places]
        order = np.argsort(-scores, kind="stable")
        order = order[wrong[order]]
        return cls(evaluation, parts, common[order], scores[order])

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks."""
        return tuple(part.task.name for part in self.parts)

    def of_bins(self, by: str, n: int) -> dict[str, Rows]:
        """Return the first n rows of each bin of a column that has any."""
        grouping = _grouping(self.evaluation, by)
        codes = grouping.codes[self.rows]
        found = {name: self.rows[codes == code][:n] for code, name in enumerate(grouping.names)}
        return {name: rows for name, rows in found.items() if len(rows)}


def table_of_wrong(
    evaluation: Evaluation, task: TasksInput, n: int, by: str | None
) -> pd.DataFrame:
    """Return the table; see `Evaluation.most_wrong`."""
    wrong = Wrong.of(evaluation, task)
    check_integer(n, "n", low=1)
    chosen = wrong.rows[:n]
    if by is not None:
        chosen = np.concatenate([chosen[:0], *wrong.of_bins(by, n).values()])
    known = [name for name in ("sample_id", "path") if name in evaluation.table.columns]
    table = evaluation.table.iloc[chosen][known].reset_index(drop=True)
    if "sample_id" not in known:
        table.insert(0, "row", chosen)
    if by is not None:
        grouping = _grouping(evaluation, by)
        names = pd.Index(grouping.names)
        table["bin"] = pd.Categorical.from_codes(grouping.codes[chosen], names, ordered=True)
    if len(wrong.parts) > 1:
        scores = np.full(len(evaluation.table), np.nan)
        scores[wrong.rows] = wrong.scores
        table["score"] = scores[chosen]
    for part in wrong.parts:
        for name, values in _columns(part, np.searchsorted(part.used, chosen)).items():
            table[name] = values
    return table


def probability_of_truth(part: TaskRows) -> FloatArray | None:
    """Return the probability of the true class of each row that is used, if any is known."""
    return None if isinstance(part.data, RegressionData) else part.data.truth_probability


def _grouping(evaluation: Evaluation, by: str) -> Grouping:
    return evaluation.groupings[check_choice(by, "by", list(evaluation.groupings))]


def _parts(evaluation: Evaluation, task: TasksInput) -> list[TaskRows]:
    known = list(evaluation.tasks)
    if task is None:
        return list(evaluation.parts.values())
    names = [task] if isinstance(task, str) else list(task)
    if not names:
        raise InvalidArgumentError("no task is named", argument="task", expected=f"of {known}")
    check_unique(names, "task")
    return [evaluation.parts[check_choice(name, "task", known)] for name in names]


def _columns(part: TaskRows, places: Rows) -> dict[str, pd.Series | FloatArray]:
    """Return a task's columns of the rows at some places of its data."""
    name, data = part.task.name, part.data
    if isinstance(data, RegressionData):
        truth, prediction = data.truth[places], data.prediction[places]
        return {name: truth, pred_column(name): prediction, f"{name}_error": prediction - truth}
    classes = () if isinstance(part.task, RegressionTask) else part.task.classes
    found: dict[str, pd.Series | FloatArray] = {
        column: pd.Series([classes[code] for code in codes[places]], dtype="str")
        for column, codes in ((name, data.truth), (pred_column(name), data.prediction))
    }
    probability = probability_of_truth(part)
    if probability is not None:
        found[f"{name}_prob_true"] = probability[places]
    return found
