"""Reliability: how often predictions of a certain confidence are right."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.evaluation.calibration.reading import check_table, classes_of
from faceattr.evaluation.classification import ECE_BINS, confidence_bins
from faceattr.evaluation.metrics import ClassificationData, FloatArray, ratio
from faceattr.evaluation.rows import tasks_of
from faceattr.evaluation.shares import share_interval
from faceattr.exceptions import InvalidArgumentError
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = ["reliability"]


def reliability(
    predictions: pd.DataFrame,
    task: str | Task,
    *,
    label: str | None = None,
    n_bins: int = ECE_BINS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare probabilities with what came true, bin by bin: the reliability curve.

    Of good probabilities every ``share`` is near its ``mean_confidence``. The sum of
    ``n / n.sum() * |share - mean_confidence|`` is the metric ``ece`` of the evaluator, for 15 bins.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of labelled rows, calibrated or not.
    task : str or ClassificationTask
        One of classes; by its name, where it can be told from the columns.
    label : str, optional
        A class: its probability against the share of rows that are of it. By default the
        probability of the predicted class against the share of right predictions.
    n_bins : int, default 15
        Bins of equal width from 0 to 1, right-closed.
    confidence : float, default 0.95
        Of the intervals (Wilson 1927) around the shares.

    Returns
    -------
    pandas.DataFrame
        A row a bin, also the empty ones: ``low``, ``high``, ``n``, ``mean_confidence``, ``share``,
        ``ci_low``, ``ci_high``; NaN where a bin is empty.

    Raises
    ------
    TableError
        If there are no probabilities.
    InvalidArgumentError, InvalidTypeError
        If there is no such task or class, or another argument is outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import ClassificationTask
    >>> from faceattr.evaluation import reliability
    >>> table = pd.DataFrame({"sex": ["f", "f", "m", "f"], "sex_pred": "f", "sex_prob_f": 0.9})
    >>> rows = reliability(table, ClassificationTask("sex", ("m", "f")), n_bins=5)
    >>> rows[rows["n"] > 0][["low", "high", "n", "mean_confidence", "share"]]
       low  high  n  mean_confidence  share
    4  0.8   1.0  4              0.9   0.75
    """
    check_integer(n_bins, "n_bins", low=1, high=1000)
    check_number(confidence, "confidence", low=0, high=1, low_open=True)
    chosen = _task(check_table(predictions), task)
    part, probabilities = classes_of(predictions, chosen)
    sure, right = _pairs(part.data, probabilities, chosen, label)  # type: ignore[arg-type]
    bins = confidence_bins(sure, n_bins)
    inside = np.equal(bins[:, None], np.arange(n_bins)).astype(np.float64)
    n: FloatArray = inside.sum(axis=0)
    mean, share = ratio(sure @ inside, n), ratio(right @ inside, n)
    low, high = share_interval(share, n, confidence)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    columns = {"low": edges[:-1], "high": edges[1:], "n": n.astype(np.int64)}
    return pd.DataFrame(
        {**columns, "mean_confidence": mean, "share": share, "ci_low": low, "ci_high": high}
    )


def _task(predictions: pd.DataFrame, task: str | Task) -> ClassificationTask:
    if isinstance(task, str):
        tasks = tasks_of(predictions, None)
        task = tasks[check_choice(task, "task", list(tasks))]
    found = TaskSet(task)[task.name]
    if not isinstance(found, ClassificationTask):
        raise InvalidArgumentError(
            "a task of numbers has no probabilities",
            argument="task",
            expected="a task of classes",
            found=repr(found.name),
            hint="the metrics 'coverage' and 'interval_width' are for numbers",
        )
    return found


def _pairs(
    data: ClassificationData,
    probabilities: FloatArray,
    task: ClassificationTask,
    label: str | None,
) -> tuple[FloatArray, FloatArray]:
    if label is None:
        chosen = probabilities[np.arange(len(data)), data.prediction]
        return chosen, (data.truth == data.prediction).astype(np.float64)
    place = task.classes.index(check_choice(label, "label", task.classes))
    return probabilities[:, place], (data.truth == place).astype(np.float64)
