"""Labels that are probably wrong, by predictions of models that have not seen them."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._ranges import range_ends
from faceattr.data.audit.conflicts import range_text
from faceattr.data.audit.label_errors import check_installed, score_classes, score_numbers
from faceattr.exceptions import DataError, TableError
from faceattr.tables import check_ids, pred_column, prob_column
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

_log = logging.getLogger(__name__)

__all__ = ["Suspects", "find_suspects", "no_suspects"]

_TYPES = {
    "task": "str", "sample_id": "str", "label": "str", "prediction": "str", "score": "float64",
    "is_issue": "bool", "rank": "int64",
}  # fmt: skip
_OUTLIER = 3.5
_NORMAL = 0.6745  # the median of the absolute value of a standard normal number
_WINDOW = 301
_LEAST_WINDOW = 20

Numbers = npt.NDArray[np.float64]


class Suspects(NamedTuple):
    """What the predictions say of the labels.

    Attributes
    ----------
    table : pandas.DataFrame
        See `find_suspects`.
    unpredicted : int
        Images of the data set without any prediction.
    """

    table: pd.DataFrame
    unpredicted: int


def no_suspects() -> Suspects:
    """Return what is known without predictions."""
    return Suspects(pd.DataFrame(columns=list(_TYPES)).astype(_TYPES), 0)


def find_suspects(table: pd.DataFrame, tasks: TaskSet, predictions: pd.DataFrame) -> Suspects:
    """Rank the labels of a data set by how much out-of-fold predictions speak against them.

    Classes are scored by the probability of the label, and are an issue by confident learning.

    Numbers are scored by ``exp(-d)``, where d is how far the prediction lies from the label (or
    from its range) in units of the usual error: the predicted ``<task>_std`` where it is there,
    else the median error of the 301 images with the nearest predictions, because ages of the old
    are harder to tell than those of babies. The unit is set so that the median of d is 0.67, as it
    is for errors of a normal distribution; beyond 3.5 it is an issue (Iglewicz and Hoaglin 1993,
    "How to Detect and Handle Outliers"). Against planted errors this found more than cleanlab's own
    scores "outre" and "residual", which rank large errors at hard ages first.

    Parameters
    ----------
    table : pandas.DataFrame
        An index table; its labels are those that are judged.
    tasks : TaskSet
    predictions : pandas.DataFrame
        ``sample_id`` (unique) and the columns of one task or more.

    Returns
    -------
    Suspects
        Table: a row for each label with a prediction: ``task``, ``sample_id``, ``label`` and
        ``prediction`` (text), ``score`` (float64, 0-1, lower is more suspect), ``is_issue`` (bool),
        ``rank`` (int64 from 1, of the task; issues first, each by score). Sorted by task and rank.

    Raises
    ------
    MissingDependencyError
        Without cleanlab.
    TableError
        If ids are repeated, there is no prediction of any task, or the columns are no predictions.
    DataError
        If not one prediction is of this data set.
    """
    ids = check_ids(predictions, "predictions")
    check_installed()
    _check_overlap(table["sample_id"], ids)
    aligned = predictions.set_index("sample_id").reindex(table["sample_id"])
    present = [task for task in tasks.values() if _predicted(task, aligned)]
    if not present:
        names = " or ".join(repr(pred_column(name)) for name in tasks)
        raise TableError(
            "no prediction of a task of this data set",
            argument="predictions",
            expected=f"a column {names}, with probabilities for classes",
            found=f"the columns {list(predictions.columns)}",
        )
    parts, seen = [no_suspects().table], np.zeros(len(table), dtype=np.bool_)
    for task in present:
        part, predicted = _classes(task, table, aligned) if isinstance(
            task, ClassificationTask
        ) else _numbers(task, table, aligned)  # fmt: skip
        parts.append(_ranked(task.name, part))
        seen |= predicted
    return Suspects(pd.concat(parts, ignore_index=True).astype(_TYPES), int((~seen).sum()))


def _check_overlap(own: pd.Series, ids: pd.Series) -> None:
    if not ids.isin(own).any():
        raise DataError(
            "not one prediction is of this data set",
            argument="predictions",
            rows=ids.tolist()[:2],
            expected=f"ids such as {own.tolist()[:2]}",
            hint="sample_id is the path relative to the data set's folder",
        )


def _predicted(task: Task, aligned: pd.DataFrame) -> bool:
    names = [pred_column(task.name)]
    if isinstance(task, ClassificationTask):
        names += [prob_column(task.name, label) for label in task.classes]
    return any(name in aligned.columns for name in names)


def _classes(
    task: ClassificationTask, table: pd.DataFrame, aligned: pd.DataFrame
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    names = [prob_column(task.name, label) for label in task.classes]
    absent = [name for name in names if name not in aligned.columns]
    if absent:
        raise TableError(
            "probabilities are missing",
            argument="predictions",
            rows=absent,
            expected=f"the columns {names}",
            hint=f"leave out {pred_column(task.name)!r} to pass over this task",
        )
    shares = np.column_stack([_column(aligned, name) for name in names])
    predicted = np.asarray(np.isfinite(shares).all(axis=1), dtype=np.bool_)
    _check_probabilities(shares, predicted, table["sample_id"], task.name)
    codes = task.encode(table[task.name])
    rows = np.flatnonzero(predicted & (codes >= 0))
    scores, issues = score_classes(codes[rows], shares[rows])
    classes = np.array(task.classes, dtype=object)
    found = pd.DataFrame(
        {
            "sample_id": table["sample_id"].to_numpy(dtype=object)[rows],
            "label": classes[codes[rows]],
            "prediction": classes[shares[rows].argmax(axis=1)],
            "score": scores,
            "is_issue": issues,
        }
    )
    return found, predicted


def _check_probabilities(
    shares: Numbers, predicted: npt.NDArray[np.bool_], ids: pd.Series, task: str
) -> None:
    with np.errstate(invalid="ignore"):
        inside = ((shares >= 0) & (shares <= 1 + 1e-6)).all(axis=1)
        fits = inside & (np.abs(shares.sum(axis=1) - 1) < 0.01)
    wrong = np.flatnonzero(predicted & ~fits)
    if len(wrong):
        raise TableError(
            f"not probabilities of {task!r}",
            argument="predictions",
            rows=[str(ids.iloc[row]) for row in wrong],
            expected="numbers from 0 to 1 that sum to 1",
            found=str(shares[wrong[0]].tolist()),
        )


def _numbers(
    task: RegressionTask, table: pd.DataFrame, aligned: pd.DataFrame
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    prediction = _column(aligned, pred_column(task.name))
    low, high = range_ends(table, task)
    predicted = np.isfinite(prediction)
    rows = np.flatnonzero(predicted & ~np.isnan(low + high))
    own = prediction[rows]
    distance = np.maximum(np.maximum(low[rows] - own, own - high[rows]), 0.0)
    spread = f"{task.name}_std"
    known = _column(aligned, spread)[rows] if spread in aligned.columns else None
    ids = table["sample_id"].to_numpy(dtype=object)[rows]
    usual = _usual_error(distance, own, ids)
    deviations = _deviations(distance, usual, known)
    pairs = zip(low[rows].tolist(), high[rows].tolist(), strict=True)
    found = pd.DataFrame(
        {
            "sample_id": ids,
            "label": [range_text(*pair) for pair in pairs],
            "prediction": [f"{value:.1f}" for value in own.tolist()],
            "score": score_numbers(deviations),
            "is_issue": deviations > _OUTLIER,
        }
    )
    return found, predicted


def _deviations(distance: Numbers, usual: Numbers, spread: Numbers | None) -> Numbers:
    """Return distances in units of the expected error, of which half are below 0.67."""
    if not distance.any():
        return np.zeros(len(distance))
    # What lies within its range says little about the usual error.
    overall = float(np.median(distance[distance > 0])) / _NORMAL
    scale = usual
    if spread is not None:
        known = np.isfinite(spread) & (spread > 0)
        scale = np.where(known, spread, usual)
        if not known.all():
            _log.warning(
                "%d of %d predictions have no deviation above 0: the usual error of images with "
                "like predictions stands for it",
                int((~known).sum()),
                len(known),
            )
    scaled = distance / np.maximum(scale, 0.05 * overall)
    return np.asarray(scaled * _NORMAL / np.median(scaled[scaled > 0]), dtype=np.float64)


def _usual_error(distance: Numbers, prediction: Numbers, ids: npt.NDArray[np.object_]) -> Numbers:
    """Return the median distance of images with like predictions, in years or the like.

    Images with the same prediction have the same, whatever the order of the rows: they stand in the
    window in an order that their ids decide, and share the mean of what it gives.
    """
    if not distance.any():
        return distance
    window = int(np.clip(len(distance) // 10, _LEAST_WINDOW, _WINDOW))
    order = np.lexsort([pd.util.hash_array(ids), prediction])
    medians = pd.Series(distance[order]).rolling(window, center=True, min_periods=1).median()
    shared = medians.groupby(prediction[order]).transform("mean")
    usual = np.empty(len(distance))
    usual[order] = shared.to_numpy()
    return np.maximum(usual, 0.25 * float(np.median(distance[distance > 0])))


def _column(aligned: pd.DataFrame, name: str) -> Numbers:
    try:
        return aligned[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise TableError(
            "not numbers", argument="predictions", rows=[name], expected="a column of numbers"
        ) from error


def _ranked(task: str, part: pd.DataFrame) -> pd.DataFrame:
    ranked = part.assign(task=task, _first=~part["is_issue"]).sort_values(
        ["_first", "score"], kind="stable", ignore_index=True
    )
    ranked["rank"] = np.arange(1, len(ranked) + 1)
    return ranked[list(_TYPES)]
