"""A task in a bin: its figures, and the same figures of every resample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from faceattr._grouping import Grouping
from faceattr.evaluation.bootstrap import percentile_intervals
from faceattr.evaluation.chosen import SUPPORT
from faceattr.evaluation.metrics import (
    OVERALL,
    ClassificationData,
    FloatArray,
    Metric,
    RegressionData,
)
from faceattr.evaluation.rows import TaskRows
from faceattr.evaluation.shares import widen_at_ends
from faceattr.tasks import ClassificationTask, Task

__all__ = ["VALUE", "Cell", "Estimate", "cells_of", "compute"]

VALUE = "value"
"""The statistic of a bin's own figures."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A metric of a cell.

    Attributes
    ----------
    metric : Metric
    values : numpy.ndarray of float64, shape (w,)
        A column a class and one for all of them; for numbers one. NaN where too few rows.
    n : numpy.ndarray of int64, shape (w,)
        The rows that each rests on.
    samples : numpy.ndarray of float64, shape (B, w), or None
        The same figures of each resample.
    """

    metric: Metric
    values: FloatArray
    n: npt.NDArray[np.int64]
    samples: FloatArray | None


@dataclass(eq=False)
class Cell:
    """One task in one bin: what its figures are computed from, and the resamples so far."""

    task: Task
    grouping: Grouping
    index: int
    data: RegressionData | ClassificationData
    rows: npt.NDArray[np.intp]
    n_failed: int
    n_unlabelled: int
    min_count: int
    metrics: list[Metric]
    samples: list[FloatArray] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the figures."""
        if isinstance(self.task, ClassificationTask):
            return (*self.task.classes, OVERALL)
        return ("",)

    @property
    def stray(self) -> bool:
        """Whether the bin is one of rows without a value, or beyond all edges."""
        return self.index >= len(self.grouping.names) - self.grouping.stray

    def resample(self, counts: FloatArray) -> None:
        """Compute the figures of more resamples."""
        wanted = [metric for metric in self.metrics if metric.interval]
        # One row is no sample: it would come back unchanged and feign certainty.
        if len(self.data) > 1 and wanted:
            chosen = counts[:, self.rows]
            figures = [compute(metric, self.data, chosen) for metric in wanted]
            self.samples.append(np.hstack(figures))

    def estimates(self) -> list[Estimate]:
        """Return all metrics, with their resamples."""
        ones, width = np.ones((1, len(self.data))), len(self.classes)
        samples = np.vstack(self.samples) if self.samples else None
        found, done = [], 0
        for metric in self.metrics:
            values, n = compute(metric, self.data, ones)[0], self._rests_on(metric)
            if metric.name != SUPPORT:
                values = np.where(n >= self.min_count, values, np.nan)
            own = None
            if metric.interval and samples is not None:
                own = samples[:, done : done + width]
                done += width
            found.append(Estimate(metric, values, n, own))
        return found

    def figures(self, estimates: Sequence[Estimate], confidence: float) -> Iterator[dict[str, Any]]:
        """Yield a row of the frame a figure."""
        drawn = [estimate.samples for estimate in estimates if estimate.samples is not None]
        limits = np.array(percentile_intervals(np.hstack(drawn), confidence)) if drawn else None
        done, width = 0, len(self.classes)
        for estimate in estimates:
            interval = np.full((2, width), np.nan)
            if limits is not None and estimate.samples is not None:
                interval = limits[:, done : done + width]
                done += width
            known = (estimate.n > 1) & ~np.isnan(estimate.values)
            interval = np.where(known, interval, np.nan)
            if estimate.metric.interval == "share":
                interval = widen_at_ends(estimate.values, estimate.n, interval, confidence)
            for column, label in enumerate(self.classes):
                value, n = float(estimate.values[column]), int(estimate.n[column])
                yield self.row(estimate.metric.name, label, value, n) | {
                    "ci_low": float(interval[0, column]),
                    "ci_high": float(interval[1, column]),
                }
        total = len(self.data) + self.n_failed + self.n_unlabelled
        for name, count in (("n_missing_label", self.n_unlabelled), ("n_failed", self.n_failed)):
            yield self.row(name, self.classes[-1], float(count), total)

    def row(self, metric: str, label: str, value: float, n: int) -> dict[str, Any]:
        """Return a row of the frame without an interval."""
        return {
            "task": self.task.name,
            "metric": metric,
            "class": label,
            "by": self.grouping.column,
            "bin": self.grouping.names[self.index],
            "bin_index": self.index,
            "stat": VALUE,
            "value": value,
            "n": n,
            "ci_low": np.nan,
            "ci_high": np.nan,
        }

    def _rests_on(self, metric: Metric) -> npt.NDArray[np.int64]:
        width = len(self.classes)
        if metric.rows is None:
            return np.full(width, len(self.data), dtype=np.int64)
        rows = metric.rows(self.data)  # type: ignore[arg-type]
        counted: npt.NDArray[np.int64] = rows.reshape(len(self.data), width).sum(axis=0)
        return counted


def cells_of(
    part: TaskRows, groupings: Sequence[Grouping], metrics: Sequence[Metric], min_count: int
) -> Iterator[list[Cell]]:
    """Yield the cells of a task, a list a grouping; all rows together are never too few.

    The metrics must be computable from what is known of the task.
    """
    own = list(metrics)
    for grouping in groupings:
        least = 0 if grouping.column == OVERALL else min_count
        yield [_cell(part, grouping, index, own, least) for index in range(len(grouping.names))]


def _cell(
    part: TaskRows, grouping: Grouping, index: int, metrics: list[Metric], min_count: int
) -> Cell:
    inside = grouping.codes == index
    chosen = np.flatnonzero(inside[part.used])
    return Cell(
        part.task,
        grouping,
        index,
        part.data.take(chosen),
        part.used[chosen],
        int((part.failed & inside).sum()),
        int((part.unlabelled & inside).sum()),
        min_count,
        metrics,
    )


def compute(
    metric: Metric, data: RegressionData | ClassificationData, counts: FloatArray
) -> FloatArray:
    """Return a metric of each sample, shape (B, w): a column a class and one for all of them."""
    width = data.n_classes + 1 if isinstance(data, ClassificationData) else 1
    if not len(data):
        return np.full((len(counts), width), 0.0 if metric.name == SUPPORT else np.nan)
    values = metric.function(data, counts)  # type: ignore[arg-type]
    return values.reshape(len(counts), width)
