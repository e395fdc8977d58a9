"""What dropping images by quality does to the error, beside dropping at random and ideally."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import pandas as pd

from faceattr.evaluation.bootstrap import percentile_intervals, resampled_counts
from faceattr.evaluation.metrics import FloatArray, RegressionData, ratio
from faceattr.evaluation.rows import TaskRows, task_rows, tasks_of
from faceattr.evaluation.selective.dropping import Order, WorstEnd, kept_numbers, kept_sums
from faceattr.evaluation.selective.inputs import (
    IDEAL,
    RANDOM,
    Resampling,
    ResamplingOptions,
    check_coverages,
    check_tables,
    check_worst,
    join_scores,
)
from faceattr.evaluation.selective.result import RiskCoverage
from faceattr.exceptions import TableError
from faceattr.tasks import Task, TaskSet

__all__ = ["COVERAGES", "risk_coverage"]

COVERAGES: tuple[float, ...] = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
"""Shares of images to keep, where none are asked for."""

_ONE_SIDED: tuple[WorstEnd, ...] = ("high", "low")


def risk_coverage(
    predictions: pd.DataFrame,
    quality: pd.DataFrame,
    *,
    worst: Mapping[str, WorstEnd] | None = None,
    metrics: Sequence[str] | None = None,
    coverages: Sequence[float] = COVERAGES,
    tasks: TaskSet | Task | Iterable[Task] | None = None,
    **bootstrap: Unpack[ResamplingOptions],
) -> RiskCoverage:
    """Measure the error of the kept images as more and more of the worst ones are dropped.

    For each task and each quality metric: the mean absolute error of a number, in its unit, or the
    error rate of a class (1 - accuracy). Beside them stand ``random``, the error expected when
    images are dropped by chance, which is the unfiltered error at every coverage; and ``ideal``,
    the largest errors dropped first, which knows the truth and bounds what any filter can reach.
    An error among kept images is about easier images than the unfiltered one: give both.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``sample_id``, and for each task ``<task>`` and ``<task>_pred``. Rows that lack either are
        left out and counted. An id may stand on several rows.
    quality : pandas.DataFrame
        A unique ``sample_id``, and a column of numbers a metric, missing where not computed.
    worst : mapping of str to {"high", "low", "both"}, optional
        The end of each metric at which images are worse and are dropped first; "both" drops as many
        from either end, so that the middle stays. A metric that is not named gets two curves, one
        for each end: choosing the better end by the errors themselves would make a metric look
        useful that is not. Names that the quality table lacks do no harm.
    metrics : sequence of str, optional
        Columns of the quality table; booleans count as 0 and 1. By default all columns of numbers
        that the predictions do not have and that tell images apart; the others are named in the
        result's ``left_out``.
    coverages : sequence of float in (0, 1]
        Shares of images to keep; 1 is always among them. Kept are the fewest images that are at
        least this share. By default 1, 0.95, ..., 0.5.
    tasks : TaskSet, task or sequence of tasks, optional
        What the predictions are about. Without it tasks are told from the columns, see
        `faceattr.tables.tasks_from_predictions`.
    **bootstrap
        ``n_boot`` (1000): resamples of the images, 0 for no intervals. ``confidence`` (0.95):
        share of the resampled figures that an interval spans. ``seed`` (0). Each resample is ranked
        anew, and gives the difference to its own unfiltered error. Intervals are for one curve and
        coverage: of many, some exclude 0 by chance.

    Returns
    -------
    RiskCoverage

    Raises
    ------
    TableError
        If a table has no rows or lacks a column, the tables share no id, or a metric that was
        asked for has fewer than two values among the images.
    InvalidArgumentError, InvalidTypeError
        If a metric is not in the quality table, or another argument is outside its limits.

    Notes
    -----
    Images of equal quality are exchangeable: where only some of them are dropped, the figure is
    the expected one. Images without a value are kept until all others are gone, since no filter
    could reject them by this metric; ``n_not_scored`` counts them. So every curve starts from
    the same images and no image leaves unseen.

    Risk-coverage curves: El-Yaniv and Wiener, On the Foundations of Noise-free Selective
    Classification, JMLR 11, 2010; Geifman and El-Yaniv, Selective Classification for Deep Neural
    Networks, NeurIPS 2017. Rejecting by image quality: Grother and Tabassi, Performance of
    Biometric Quality Measures, IEEE TPAMI 29(4), 2007.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr.evaluation import risk_coverage
    >>> ids = ["a", "b", "c", "d"]
    >>> errors = [9.0, 1.0, 2.0, 0.0]
    >>> predictions = pd.DataFrame({"sample_id": ids, "age": 30.0, "age_pred": errors})
    >>> predictions["age_pred"] += predictions["age"]
    >>> quality = pd.DataFrame({"sample_id": ids, "blur": [0.9, 0.3, 0.2, 0.1]})
    >>> curves = risk_coverage(predictions, quality, worst={"blur": "high"}, n_boot=0)
    >>> float(curves.unfiltered("age")["value"])
    3.0
    >>> frame = curves.to_frame()
    >>> frame[(frame["by"] == "blur") & (frame["coverage"] == 0.75)]["value"].tolist()
    [1.0]
    """
    resampling = Resampling.of(bootstrap)
    shares, ends = check_coverages(coverages), check_worst(worst)
    check_tables(predictions, quality)
    table = predictions.sort_values("sample_id", kind="stable").reset_index(drop=True)
    scores, left_out = join_scores(table, quality, metrics)
    chosen = tasks_of(table, tasks)
    curves = [_TaskCurves(part, scores, ends, shares) for part in _parts(table, chosen)]
    for counts in resampled_counts(len(table), resampling.n_boot, resampling.seed):
        for curve in curves:
            curve.resample(counts)
    found = [curve.figures(resampling.confidence) for curve in curves]
    return RiskCoverage(
        frame=_frame([row for rows, _ in found for row in rows]),
        area_frame=_frame([row for _, rows in found for row in rows]),
        tasks=chosen,
        confidence=float(resampling.confidence),
        table=table,
        quality=quality,
        scores=scores,
        parts={curve.part.task.name: curve.part for curve in curves},
        left_out=left_out,
    )


def _parts(table: pd.DataFrame, tasks: TaskSet) -> list[TaskRows]:
    parts = [task_rows(table, task) for task in tasks.values()]
    for part in parts:
        if not len(part.used):
            raise TableError(
                "no row has both a label and a prediction",
                argument=f"predictions, task {part.task.name!r}",
                found=f"{int(part.failed.sum())} rows without a prediction, "
                f"{int(part.unlabelled.sum())} without a label",
                hint="tasks=[...] names the tasks to evaluate",
            )
    return parts


@dataclass(frozen=True, eq=False)
class _Curve:
    """One line of the frame's columns by and worst, and the place of its figures."""

    by: str
    worst: str
    n_not_scored: int


class _TaskCurves:
    """All curves of one task, and their resamples so far."""

    def __init__(
        self,
        part: TaskRows,
        scores: pd.DataFrame,
        worst: Mapping[str, WorstEnd],
        coverages: FloatArray,
    ) -> None:
        self.part = part
        self.coverages = coverages
        data = part.data
        self.metric = "mae" if isinstance(data, RegressionData) else "error_rate"
        errors = data.prediction - data.truth
        self.losses = np.abs(errors if self.metric == "mae" else np.sign(errors)).astype(np.float64)
        self.orders: list[tuple[Order, tuple[WorstEnd, ...]]] = [(Order.of(self.losses), ("high",))]
        self.curves = [_Curve(RANDOM, "", 0), _Curve(IDEAL, "", 0)]
        for name in scores.columns:
            order = Order.of(scores[name].to_numpy()[part.used])
            ends = (worst[name],) if name in worst else _ONE_SIDED
            self.orders.append((order, ends))
            self.curves += [_Curve(name, end, len(order.unscored)) for end in ends]
        self.samples: list[FloatArray] = []

    def resample(self, counts: FloatArray) -> None:
        # One row is no sample: it would come back unchanged and feign certainty.
        if len(self.losses) > 1:
            self.samples.append(self._values(counts[:, self.part.used]))

    def figures(self, confidence: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return a row for each curve and coverage, and one for each curve's area."""
        values = self._values(np.ones((1, len(self.losses))))
        samples = np.concatenate(self.samples) if self.samples else np.empty((0, *values.shape[1:]))
        kept = kept_numbers(self.coverages, np.array([float(len(self.losses))]))[0].astype(int)
        points = _with_limits(values, samples, confidence)
        weights = _area_weights(self.coverages)
        areas = _with_limits(values @ weights, samples @ weights, confidence)
        rows, area_rows = [], []
        for place, curve in enumerate(self.curves):
            names = self._names(curve)
            for column, coverage in enumerate(self.coverages):
                n = int(kept[column])
                found = _limited(points[:, place, column], n)
                counted = {"n": n, "n_not_scored": curve.n_not_scored}
                rows.append(names | {"coverage": float(coverage)} | counted | found)
            counted = {"n": len(self.losses), "n_not_scored": curve.n_not_scored}
            span = {"coverage_low": float(self.coverages[-1])}
            area_rows.append(names | span | counted | _limited(areas[:, place], int(kept[-1])))
        return rows, area_rows

    def _names(self, curve: _Curve) -> dict[str, Any]:
        return {
            "task": self.part.task.name,
            "metric": self.metric,
            "by": curve.by,
            "worst": curve.worst,
        }

    def _values(self, counts: FloatArray) -> FloatArray:
        """Return the error of what is kept, shape (b, curves, coverages)."""
        totals = counts.sum(axis=1)
        kept = kept_numbers(self.coverages, totals)
        unfiltered = ratio(counts @ self.losses, totals)[:, None]
        values = np.empty((len(counts), len(self.curves), len(self.coverages)))
        values[:, 0] = unfiltered
        for place, sums in enumerate(self._sums(counts, kept), start=1):
            # What is not filtered is not summed in another order, so it differs in no digit.
            values[:, place] = np.where(kept >= totals[:, None], unfiltered, ratio(sums, kept))
        return values

    def _sums(self, counts: FloatArray, kept: FloatArray) -> Iterator[FloatArray]:
        for order, ends in self.orders:
            yield from kept_sums(order, self.losses, counts, kept, ends)


def _with_limits(values: FloatArray, samples: FloatArray, confidence: float) -> FloatArray:
    """Return value, its limits, difference to the random curve, and its limits.

    Takes (1, curves, ...) and (B, curves, ...), returns (6, curves, ...).
    """
    figures = []
    for value, sample in (
        (values, samples),
        (values - values[:, :1], samples - samples[:, :1]),
    ):
        flat = sample.reshape(len(sample), value[0].size)
        if len(sample):
            low, high = percentile_intervals(flat, confidence)
        else:
            low = high = np.full(value[0].size, np.nan)
        figures += [value[0], low.reshape(value[0].shape), high.reshape(value[0].shape)]
    return np.stack(figures)


def _limited(figures: FloatArray, n: int) -> dict[str, float]:
    names = ("value", "ci_low", "ci_high", "difference", "difference_low", "difference_high")
    found = dict(zip(names, map(float, figures), strict=True))
    if n < 2:
        found |= {name: np.nan for name in names if name.endswith(("_low", "_high"))}
    return found


def _area_weights(coverages: FloatArray) -> FloatArray:
    """Return what each coverage counts in the mean over all, by the trapezoidal rule."""
    if len(coverages) == 1:
        return np.ones(1)
    widths = -np.diff(coverages)
    both = np.append(widths, 0.0) + np.append(0.0, widths)
    weights: FloatArray = both / both.sum()
    return weights


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    texts = dict.fromkeys(["task", "metric", "by", "worst"], "str")
    return pd.DataFrame(rows).astype(texts | {"n": "int64", "n_not_scored": "int64"})
