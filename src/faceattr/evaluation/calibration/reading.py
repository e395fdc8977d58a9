"""A predictions table, checked and read for calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._grouping import join_quality
from faceattr.binning import BinSpec
from faceattr.calibration.columns import level_column, temperature_column
from faceattr.calibration.intervals import Frame, Score, read_frame
from faceattr.evaluation.metrics import ClassificationData, FloatArray, RegressionData
from faceattr.evaluation.prepared import check_predictions
from faceattr.evaluation.rows import TaskRows, row_names, task_rows
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables import prob_column
from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet

__all__ = [
    "ScoredRows",
    "check_by",
    "check_held_out",
    "check_new",
    "check_table",
    "classes_of",
    "join_groups",
    "read_scored",
]

_TRAIN = "train"


def check_table(predictions: object) -> pd.DataFrame:
    """Return the predictions if they are a table whose columns have different names.

    Raises
    ------
    InvalidTypeError, TableError
    """
    return check_predictions(predictions, "predictions")


def check_held_out(predictions: pd.DataFrame) -> None:
    """Raise if the column ``split`` says that rows were trained on.

    Raises
    ------
    TableError
    """
    if "split" not in predictions.columns:
        return
    trained = np.flatnonzero(predictions["split"].isin([_TRAIN]).to_numpy(dtype=bool))
    if len(trained):
        names = row_names(predictions)
        raise TableError(
            "the model was trained on these rows, and is surer of them than of others",
            argument="predictions, column 'split'",
            rows=[names[row] for row in trained],
            expected="held-out rows alone",
            hint="predictions[predictions['split'] != 'train']; of predictions by models that did "
            "not see them, as cross_validate gives: predictions.drop(columns='split')",
        )


def check_new(predictions: pd.DataFrame, tasks: TaskSet) -> None:
    """Raise if the predictions are calibrated already.

    Raises
    ------
    TableError
    """
    marks = [f(name) for name in tasks for f in (level_column, temperature_column)]
    found = [name for name in marks if name in predictions.columns]
    if found:
        raise TableError(
            "the predictions are calibrated already",
            argument="predictions",
            rows=found,
            expected="predictions as the model made them",
            hint="model.calibration = None, before model.predict",
        )


def check_by(by: object, bins: Mapping[str, BinSpec] | None, tasks: TaskSet) -> str | None:
    """Return the column to group by.

    Raises
    ------
    InvalidTypeError, InvalidArgumentError
        If it is no name, one of a label, or there are bins of another column.
    """
    if by is not None and not isinstance(by, str):
        raise InvalidTypeError(
            "not the name of a column", argument="by", expected="one name", found=repr(by)
        )
    if by is not None and by in tasks:
        raise InvalidArgumentError(
            "a label, which is not known when predicting",
            argument="by",
            expected="a column that every image has before anybody labels it",
            found=repr(by),
            hint=f"by={by + '_pred'!r}, the prediction",
        )
    stray = [name for name in bins or {} if name != by]
    if stray:
        raise InvalidArgumentError(
            "bins of a column that is not grouped by",
            argument="bins",
            expected=f"the column {by!r}",
            found=repr(stray[0]),
        )
    return by


def join_groups(
    predictions: pd.DataFrame, quality: pd.DataFrame | None, by: str | None
) -> pd.DataFrame:
    """Bring the column to group by.

    Raises
    ------
    TableError
        If it is in neither table, or they share no id.
    """
    hint = "give the table that holds it: fit(predictions, quality)"
    joined, _ = join_quality(predictions, quality, [] if by is None else [by], hint=hint)
    return joined


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The rows of a task of numbers that have a label and a prediction.

    Attributes
    ----------
    used : numpy.ndarray of int, shape (m,)
        Their positions in the table.
    truth : numpy.ndarray of float64, shape (m,)
    frame : Frame
        What their intervals start from.
    scores : numpy.ndarray of float64, shape (m,)
        The least stretch that makes each interval hold the truth.
    """

    used: npt.NDArray[np.intp]
    truth: FloatArray
    frame: Frame
    scores: FloatArray


def read_scored(table: pd.DataFrame, task: RegressionTask, score: Score) -> ScoredRows:
    """Read a task of numbers.

    Raises
    ------
    TableError
        If a column is absent, or a value of it missing where there is a prediction.
    """
    part = task_rows(table, task)
    frame = read_frame(table, task.name, score).take(part.used)
    truth = _numbers(part).truth
    scores = frame.scores(truth)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        names = row_names(table)
        raise TableError(
            "values are missing",
            argument=f"predictions, task {task.name!r}",
            rows=[names[part.used[row]] for row in bad],
            expected=f"what score={score!r} needs for every prediction",
        )
    return ScoredRows(part.used, truth, frame, scores)


def classes_of(table: pd.DataFrame, task: ClassificationTask) -> tuple[TaskRows, FloatArray]:
    """Read a task of classes: its rows, and their probabilities, shape (m, k).

    Raises
    ------
    TableError
        If there are no probabilities.
    """
    part = task_rows(table, task)
    data = part.data
    if not isinstance(data, ClassificationData) or data.probabilities is None:
        raise TableError(
            "there are no probabilities",
            argument=f"predictions, task {task.name!r}",
            expected=f"the columns {[prob_column(task.name, label) for label in task.classes]}",
            found=f"the columns {list(table.columns)}",
        )
    return part, data.probabilities


def _numbers(part: TaskRows) -> RegressionData:
    if not isinstance(part.data, RegressionData):
        raise InvalidTypeError("not a task of numbers", argument="task", found=repr(part.task))
    return part.data
