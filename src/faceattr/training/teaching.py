"""Predictions of other models that a model learns from, beside its labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor

from faceattr.data import Dataset
from faceattr.evaluation.metrics import FloatArray
from faceattr.evaluation.rows import finite_numbers, predicted_numbers, row_names
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.models import Model
from faceattr.models.predict import value_columns
from faceattr.tasks import RegressionTask, Task

__all__ = ["Teacher", "check_teacher"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Teacher:
    """What other models predict of the training images.

    Attributes
    ----------
    predictions : pandas.DataFrame
        A row an image, in the data set's order: the columns of the tasks that are taught, in
        numbers.
    tasks : tuple of str
        These tasks.
    weight : float
        The teacher's part of each label, in [0, 1].
    """

    predictions: pd.DataFrame
    tasks: tuple[str, ...]
    weight: float

    def soften(self, labels: Mapping[str, Tensor], model: Model) -> dict[str, Tensor]:
        """Return encoded labels by task, those of taught tasks with the teacher's part in them."""
        return {
            name: model.head(name).soft_labels(values, self.predictions, self.weight)
            if name in self.tasks
            else values
            for name, values in labels.items()
        }

    def describe(self) -> dict[str, Any]:
        """Return what a model tells about its teacher."""
        return {"weight": self.weight, "tasks": list(self.tasks)}


def check_teacher(
    teacher: pd.DataFrame | None,
    weight: float,
    model: Model,
    train: Dataset,
    valid: Dataset | None,
) -> Teacher | None:
    """Return the teacher's predictions of the training images, in the data set's order.

    Parameters
    ----------
    teacher : pandas.DataFrame or None
        A predictions table with all training images, in any order.
    weight : float
        The teacher's part of each label, in [0, 1].
    model : Model
        Of which the teacher has predicted one task or more.
    train : Dataset
        Of n images.
    valid : Dataset or None
        Images that the teacher should not have seen.

    Returns
    -------
    Teacher or None

    Raises
    ------
    InvalidTypeError, InvalidArgumentError, TableError
        If it is no such table, or a head does not learn from a teacher.
    """
    if teacher is None:
        return None
    if not isinstance(teacher, pd.DataFrame) or "sample_id" not in teacher:
        raise InvalidTypeError(
            "not a predictions table",
            argument="teacher",
            expected="what Model.predict or cross_validate returns",
            found=type(teacher).__name__,
        )
    rows = _rows_of(teacher, train)
    taught = _taught(rows, model)
    columns: dict[str, FloatArray] = {}
    for task in taught:
        columns |= _numbers_of(rows, task)
    _tell_seen(teacher, valid)
    return Teacher(pd.DataFrame(columns), tuple(task.name for task in taught), weight)


def _taught(teacher: pd.DataFrame, model: Model) -> list[Task]:
    """Return the tasks that the teacher predicts."""
    taught = [task for task in model.tasks.values() if set(value_columns(task)) & set(teacher)]
    if not taught:
        raise TableError(
            "predicts none of the model's tasks",
            argument="teacher",
            expected=" or ".join(str(value_columns(task)) for task in model.tasks.values()),
            found=f"columns {list(teacher.columns)}",
        )
    for task in taught:
        if not model.head(task.name).supports_teacher:
            raise InvalidArgumentError(
                "the head does not learn from a teacher",
                argument="teacher",
                found=f"head {model.head_kinds[task.name]!r} of task {task.name!r}",
                hint=f"take {value_columns(task)} out of the table, or give the head a soft_labels",
            )
    for name in sorted(set(model.tasks) - {task.name for task in taught}):
        _log.info("the teacher does not predict task %r, which is learned from labels alone", name)
    return taught


def _numbers_of(teacher: pd.DataFrame, task: Task) -> dict[str, FloatArray]:
    """Return a task's columns in numbers, with the deviation where there is one."""
    values = predicted_numbers(teacher, task, "teacher")
    columns = dict(zip(value_columns(task), values.T, strict=True))
    std = f"{task.name}_std"
    if isinstance(task, RegressionTask) and std in teacher:
        columns[std] = finite_numbers(teacher[std], row_names(teacher), "teacher")
    return columns


def _rows_of(teacher: pd.DataFrame, train: Dataset) -> pd.DataFrame:
    ids = pd.Index(teacher["sample_id"].astype(str))
    if not ids.is_unique:
        raise TableError(
            "has an image twice",
            argument="teacher",
            rows=ids[ids.duplicated()].unique().tolist(),
            hint="average predictions of several models: average_predictions([a, b])",
        )
    places = ids.get_indexer(pd.Index(train.table["sample_id"].astype(str)))
    if (places < 0).any():
        raise InvalidArgumentError(
            "lacks training images",
            argument="teacher",
            rows=train.table.loc[places < 0, "sample_id"].tolist(),
            expected=f"{len(train)} images",
            found=f"{int((places >= 0).sum())} of them",
            hint="cross_validate(train, ...) predicts all",
        )
    return teacher.iloc[places].reset_index(drop=True)


def _tell_seen(teacher: pd.DataFrame, valid: Dataset | None) -> None:
    if valid is None:
        return
    seen = int(teacher["sample_id"].isin(valid.table["sample_id"]).sum())
    if seen:
        _log.warning(
            "the teacher has predicted %d of the validation images: if it was trained on them, "
            "validation is better than it should be",
            seen,
        )
