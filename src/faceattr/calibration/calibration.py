"""A calibration of one or several tasks, ready to be applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from faceattr._grouping import join_quality
from faceattr._validation import check_choice, check_unique
from faceattr.calibration.parts import (
    ClassCalibration,
    NumberCalibration,
    Part,
    part_for_task,
    part_from_dict,
)
from faceattr.exceptions import FaceAttrError, InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables.schema import check_frame
from faceattr.tasks import TaskSet

__all__ = ["Calibration"]

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Calibration:
    """What was learned from held-out rows about how far predictions can be trusted.

    `faceattr.evaluation.Calibrator` fits one. ``model.calibration = calibration`` makes a model
    apply and save it; `apply` is for tables.

    Attributes
    ----------
    parts : tuple of ClassCalibration and NumberCalibration
        One a task.
    fitted_on : frozenset of str
        The ids of the rows that it was fitted on, so that nobody shows figures on them by mistake.
        They are kept in memory alone: `to_dict` leaves them out.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import RegressionTask
    >>> from faceattr.calibration import Calibration, Interval, NumberCalibration
    >>> years = RegressionTask("age", bounds=(0, 116))
    >>> part = NumberCalibration(years, Interval(0.9, "absolute", quantile=8.5, n=500))
    >>> Calibration((part,)).apply(pd.DataFrame({"age_pred": [4.0, 30.0]}))
       age_pred  age_low  age_high  age_level
    0       4.0      0.0      12.5        0.9
    1      30.0     21.5      38.5        0.9
    """

    parts: tuple[Part, ...]
    fitted_on: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        for part in self.parts:
            if not isinstance(part, ClassCalibration | NumberCalibration):
                raise InvalidTypeError(
                    "not the calibration of a task",
                    argument="parts",
                    expected="ClassCalibration or NumberCalibration",
                    found=repr(part),
                )
        if not self.parts:
            raise InvalidArgumentError("no task", argument="parts", expected="at least one")
        check_unique([part.task.name for part in self.parts], "parts")

    @property
    def tasks(self) -> TaskSet:
        """The tasks that are calibrated."""
        return TaskSet([part.task for part in self.parts])

    @property
    def group_columns(self) -> tuple[str, ...]:
        """The columns by which rows are put into groups."""
        return tuple(dict.fromkeys(part.by for part in self.parts if part.by is not None))

    @property
    def new_columns(self) -> tuple[str, ...]:
        """The columns that `apply` adds to a table."""
        return tuple(name for part in self.parts for name in part.adds)

    def __getitem__(self, task: str) -> Part:
        """Return the calibration of a task, by its name."""
        names = [part.task.name for part in self.parts]
        return self.parts[names.index(check_choice(task, "task", names))]

    def apply(self, predictions: pd.DataFrame, quality: pd.DataFrame | None = None) -> pd.DataFrame:
        """Calibrate a table of predictions.

        Parameters
        ----------
        predictions : pandas.DataFrame
            Of the model that the calibration was fitted for, with the columns of its tasks. Not
            calibrated yet.
        quality : pandas.DataFrame, optional
            Where the columns to group by are that the predictions lack, by ``sample_id``. Rows of
            no known group get the quantile over all rows.

        Returns
        -------
        pandas.DataFrame
            A new table. Of classes, ``<task>_prob_<class>`` is rescaled and
            ``<task>_temperature`` says by what; ``<task>_pred`` stays. Of numbers, ``<task>_low``
            and ``<task>_high`` hold the truth with the chance ``<task>_level``, within the task's
            bounds; missing where there is no prediction. ``<task>_abstain``, a bool, where there is
            a rule: True for what should not be relied on, failed predictions among it.

        Raises
        ------
        TableError
            If a column is missing, or the table is calibrated already.
        """
        check_frame(predictions, "predictions")
        self._check_new(predictions)
        hint = "give the table that holds it: calibration.apply(predictions, quality)"
        joined, _ = join_quality(predictions, quality, self.group_columns, hint=hint)
        filled = {k: v for part in self.parts for k, v in part.fill(joined).items()}
        return predictions.assign(**filled)

    def for_tasks(self, tasks: TaskSet) -> Calibration:
        """Return the calibration for a model's own description of its tasks, such as its bounds.

        Raises
        ------
        InvalidArgumentError
            If it calibrates a task that the model lacks, or one of other classes.
        """
        found = [part_for_task(part, tasks.get(part.task.name)) for part in self.parts]
        return replace(self, parts=tuple(found))

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise unless columns are enough to apply it.

        Raises
        ------
        InvalidArgumentError
            With the missing columns in `rows`.
        """
        known = set(columns)
        needed = [name for part in self.parts for name in part.needs]
        absent = [name for name in (*self.group_columns, *needed) if name not in known]
        if absent:
            raise InvalidArgumentError(
                "needs columns that the model's own predictions lack",
                argument="calibration",
                rows=absent,
                expected=f"columns among {sorted(known)}",
                hint="apply it to the tables instead: calibration.apply(predictions, quality)",
            )

    def to_frame(self) -> pd.DataFrame:
        """Return what was fitted as a table.

        Returns
        -------
        pandas.DataFrame
            A row a temperature, interval and group: ``task``, ``kind`` ("temperature" or the
            interval's score), ``by``, ``bin`` ("overall" for all rows), ``n`` (rows it was fitted
            on), ``value`` (the temperature, or how far intervals are stretched) and ``own`` (False
            for a group with too few rows, which takes the value over all rows).
        """
        return pd.DataFrame([row for part in self.parts for row in _rows(part)])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types; `from_dict` makes it again, without `fitted_on`."""
        return {"format_version": FORMAT_VERSION, "tasks": [part.to_dict() for part in self.parts]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Make a calibration from what `to_dict` gave.

        Raises
        ------
        InvalidArgumentError
            If it does not describe a calibration, or one of a newer version.
        """
        try:
            if data["format_version"] != FORMAT_VERSION:
                raise InvalidArgumentError(
                    "has a form that this version does not read",
                    argument="format_version",
                    expected=str(FORMAT_VERSION),
                    found=repr(data["format_version"]),
                )
            return cls(tuple(part_from_dict(item) for item in data["tasks"]))
        except FaceAttrError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidArgumentError(
                "not the description of a calibration", argument="data", found=repr(error)
            ) from error

    def _check_new(self, predictions: pd.DataFrame) -> None:
        marks = [name for name in self.new_columns if name in predictions.columns]
        if marks:
            raise TableError(
                "the predictions are calibrated already",
                argument="predictions",
                rows=marks,
                expected="predictions as the model made them",
                hint="model.calibration = None, before model.predict",
            )


def _rows(part: Part) -> list[dict[str, Any]]:
    overall = {"task": part.task.name, "by": "overall", "bin": "overall"}
    if isinstance(part, ClassCalibration):
        return [_row(overall, "temperature", part.n, part.temperature)]
    interval = part.interval
    rows = [_row(overall, interval.score, interval.n, interval.quantile)]
    if interval.groups is not None:
        rule, counts = interval.groups.rule, interval.groups.counts
        for name, count, own in zip(rule.names, counts, interval.groups.quantiles, strict=True):
            place = overall | {"by": rule.column, "bin": name}
            value = interval.quantile if own is None else own
            rows.append(_row(place, interval.score, count, value) | {"own": own is not None})
    return rows


def _row(place: Mapping[str, str], kind: str, n: int, value: float) -> dict[str, Any]:
    ordered = {"task": place["task"], "kind": kind, "by": place["by"], "bin": place["bin"]}
    return {**ordered, "n": n, "value": float(np.float64(value)), "own": True}
