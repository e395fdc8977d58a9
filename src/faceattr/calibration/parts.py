"""The calibration of one task: what it needs of a table, and what it writes into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer, check_number
from faceattr.calibration.abstention import Abstention
from faceattr.calibration.columns import (
    FloatArray,
    abstain_column,
    level_column,
    limit_columns,
    read_numbers,
    read_probabilities,
    temperature_column,
)
from faceattr.calibration.intervals import Interval, score_columns
from faceattr.calibration.temperature import scale_probabilities
from faceattr.exceptions import InvalidArgumentError
from faceattr.tables import prob_column
from faceattr.tasks import ClassificationTask, RegressionTask, Task, task_from_dict

__all__ = [
    "ClassCalibration",
    "NumberCalibration",
    "Part",
    "confidence_of",
    "part_for_task",
    "part_from_dict",
]

Filled: TypeAlias = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ClassCalibration:
    """The calibration of a task of classes.

    Attributes
    ----------
    task : ClassificationTask
    temperature : float
        What log probabilities are divided by, above 0; above 1 if the model is too sure of itself.
    n : int
        The rows that it was fitted on.
    abstention : Abstention, optional
    """

    task: ClassificationTask
    temperature: float
    n: int
    abstention: Abstention | None = None

    def __post_init__(self) -> None:
        check_number(self.temperature, "temperature", low=0, low_open=True)
        check_integer(self.n, "n", low=1)

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that a predictions table must have."""
        return tuple(prob_column(self.task.name, label) for label in self.task.classes)

    @property
    def by(self) -> str | None:
        """The column that groups are made by: none."""
        return None

    @property
    def adds(self) -> tuple[str, ...]:
        """The columns that it adds to a table."""
        rule = [] if self.abstention is None else [abstain_column(self.task.name)]
        return (temperature_column(self.task.name), *rule)

    def fill(self, table: pd.DataFrame) -> Filled:
        """Return the columns that are new or change, each of shape (n,)."""
        scaled = scale_probabilities(read_probabilities(table, self.task), self.temperature)
        names = dict(zip(self.needs, scaled.T, strict=True))
        filled: Filled = {name: column for name, column in names.items() if name in table}
        filled[temperature_column(self.task.name)] = np.full(len(table), self.temperature)
        if self.abstention is not None:
            refused = self.abstention.refuses(scaled.max(axis=1, initial=0.0))
            filled[abstain_column(self.task.name)] = refused
        return filled

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        rule = self.abstention and self.abstention.to_dict()
        fields = {"temperature": self.temperature, "n": self.n, "abstention": rule}
        return {"task": self.task.to_dict(), **fields}


@dataclass(frozen=True)
class NumberCalibration:
    """The calibration of a task of numbers.

    Attributes
    ----------
    task : RegressionTask
        Intervals are cut off at its bounds.
    interval : Interval
    abstention : Abstention, optional
    """

    task: RegressionTask
    interval: Interval
    abstention: Abstention | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that a predictions table must have."""
        names = score_columns(self.task.name, self.interval.score)
        more = [] if self.abstention is None else [f"{self.task.name}_std"]
        return tuple(dict.fromkeys([*names, *more]))

    @property
    def by(self) -> str | None:
        """The column that groups are made by."""
        return self.interval.by

    @property
    def adds(self) -> tuple[str, ...]:
        """The columns that it adds to a table."""
        name = self.task.name
        rule = [] if self.abstention is None else [abstain_column(name)]
        return (*limit_columns(name), level_column(name), *rule)

    def fill(self, table: pd.DataFrame) -> Filled:
        """Return the columns that are new, each of shape (n,)."""
        name = self.task.name
        low, high = self.interval.limits(table, name, self.task.bounds)
        filled: Filled = dict(zip(limit_columns(name), (low, high), strict=True))
        filled[level_column(name)] = np.where(np.isnan(low), np.nan, self.interval.level)
        if self.abstention is not None:
            filled[abstain_column(name)] = self.abstention.refuses(confidence_of(table, self.task))
        return filled

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        rule = self.abstention and self.abstention.to_dict()
        return {
            "task": self.task.to_dict(),
            "interval": self.interval.to_dict(),
            "abstention": rule,
        }


Part: TypeAlias = ClassCalibration | NumberCalibration


def confidence_of(table: pd.DataFrame, task: Task) -> FloatArray:
    """Return how sure a model is of each prediction, shape (n,), NaN where there is none.

    The largest probability of classes, as the table has them; minus the predicted standard
    deviation of a number.
    """
    if isinstance(task, ClassificationTask):
        largest: FloatArray = read_probabilities(table, task).max(axis=1, initial=-np.inf)
        return largest
    hint = "a distribution head predicts it; without it no prediction is surer than another"
    return -read_numbers(table, f"{task.name}_std", hint=hint)


def part_from_dict(data: Mapping[str, Any]) -> Part:
    """Make the calibration of a task from what its ``to_dict`` gave."""
    task, rule = task_from_dict(data["task"]), data["abstention"]
    abstention = None if rule is None else Abstention.from_dict(rule)
    if isinstance(task, ClassificationTask):
        return ClassCalibration(task, data["temperature"], data["n"], abstention)
    return NumberCalibration(task, Interval.from_dict(data["interval"]), abstention)


def part_for_task(part: Part, task: Task | None) -> Part:
    """Return the calibration with another description of the same task.

    Raises
    ------
    InvalidArgumentError
        If there is no such task, or it is of another kind or has other classes.
    """
    name = part.task.name
    if isinstance(part, ClassCalibration) and isinstance(task, ClassificationTask):
        if task.classes == part.task.classes:
            return replace(part, task=task)
    elif isinstance(part, NumberCalibration) and isinstance(task, RegressionTask):
        return replace(part, task=task)
    raise InvalidArgumentError(
        "fitted for another task",
        argument="calibration",
        expected=f"a task like {part.task!r}",
        found="no task of this name" if task is None else repr(task),
        hint=f"fit it on this model's own predictions of {name!r}",
    )
