"""The evaluator: every metric, for all rows and for each group, with counts and intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._grouping import MISSING, NOT_SCORED, Grouping, group_rows, join_quality
from faceattr._validation import check_integer, check_number, check_unique
from faceattr.binning import BinSpec
from faceattr.evaluation.bootstrap import percentile_intervals, resampled_counts
from faceattr.evaluation.evaluation import Evaluation
from faceattr.evaluation.metrics import (
    CLASSIFICATION_METRICS,
    OVERALL,
    REGRESSION_METRICS,
    ClassificationData,
    FloatArray,
    Metric,
    RegressionData,
)
from faceattr.evaluation.rows import TaskRows, task_rows
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables import tasks_from_predictions
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = ["BinnedEvaluator"]

_AGE = "age"


class BinnedEvaluator:
    """Evaluate predictions overall and by groups, with counts and bootstrap intervals.

    Parameters
    ----------
    by : str or sequence of str, optional
        Columns to group by, one at a time: of the predictions or of the quality table. By default
        "age" where either has such a column. An empty sequence gives the overall figures alone.
    bins : mapping of str to edges or int, optional
        Bins of columns of numbers: edges (right-closed, the lowest included, None for an open
        end) or a number of bins with about as many rows each. Without it, ``age`` goes to the usual
        age groups, other numbers to five quantiles; text, booleans, categories and whole numbers
        with at most ten values make a group a value.
    n_boot : int, default 1000
        Resamples of the bootstrap; 0 for no intervals.
    confidence : float, default 0.95
        Share of the resampled figures that an interval spans.
    seed : int, default 0
        Of the bootstrap.
    tasks : TaskSet, task or sequence of tasks, optional
        What the predictions are about. Without it tasks are told from the columns, see
        `faceattr.tables.tasks_from_predictions`.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import BinnedEvaluator
    >>> predictions = pd.DataFrame({"age": [2.0, 30.0, 50.0], "age_pred": [4.0, 29.0, 56.0]})
    >>> evaluation = BinnedEvaluator(n_boot=0).evaluate(predictions)
    >>> evaluation.value("age/mae")
    3.0
    >>> evaluation.value("age/mae", by="age", label="0-4")
    2.0
    """

    def __init__(
        self,
        by: str | Sequence[str] | None = None,
        bins: Mapping[str, BinSpec] | None = None,
        *,
        n_boot: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        tasks: TaskSet | Task | Iterable[Task] | None = None,
    ) -> None:
        self.by = by
        self.bins = bins
        self.n_boot = n_boot
        self.confidence = confidence
        self.seed = seed
        self.tasks = tasks

    def evaluate(
        self, predictions: pd.DataFrame, quality: pd.DataFrame | None = None
    ) -> Evaluation:
        """Compute all figures.

        Figures rest on the rows that have both a label and a prediction. The others are counted:
        ``n_failed`` rows have no prediction, ``n_missing_label`` have one but no label. The order
        of the rows changes nothing where they have a ``sample_id``.

        Parameters
        ----------
        predictions : pandas.DataFrame
            For each task the columns ``<task>`` and ``<task>_pred``, for classes also
            ``<task>_prob_<class>`` where known; without these the metrics that need them are left
            out. See the documentation of tables.
        quality : pandas.DataFrame, optional
            Further columns to group by, with a unique ``sample_id``; a column that the predictions
            have too is taken from these. Every prediction is kept: rows that the quality table does
            not know make the bin "not scored".

        Returns
        -------
        Evaluation

        Raises
        ------
        TableError
            If a column is missing or holds what it should not, or the tables share no id.
        InvalidArgumentError, InvalidTypeError
            If an argument of the evaluator is outside its limits.
        """
        by = self._check(predictions, quality)
        tasks = self._tasks(predictions)
        table, joined = join_quality(predictions, quality, by)
        if "sample_id" in table.columns:
            table = table.sort_values("sample_id", kind="stable", key=lambda ids: ids.astype(str))
        table = table.reset_index(drop=True)
        groupings = [Grouping(OVERALL, (OVERALL,), np.zeros(len(table), dtype=np.intp))]
        for column in by:
            missing = NOT_SCORED if column in joined else MISSING
            groupings.append(group_rows(table, column, self.bins or {}, tasks, missing))
        parts = [task_rows(table, task) for task in tasks.values()]
        cells = [cell for part in parts for cell in _cells(part, groupings)]
        for counts in resampled_counts(len(table), self.n_boot, self.seed):
            for cell in cells:
                cell.resample(counts)
        rows = [row for cell in cells for row in cell.figures(self.confidence)]
        data = {part.task.name: part.data for part in parts}
        return Evaluation(_frame(rows), tasks, by, data, float(self.confidence))

    def _check(self, predictions: object, quality: pd.DataFrame | None) -> tuple[str, ...]:
        if not isinstance(predictions, pd.DataFrame):
            raise InvalidTypeError(
                "not a table",
                argument="predictions",
                expected="a pandas DataFrame",
                found=type(predictions).__name__,
            )
        repeated = predictions.columns[predictions.columns.duplicated()]
        if len(repeated):
            raise TableError(
                "columns have the same name", argument="predictions", found=repr(list(repeated))
            )
        check_integer(self.n_boot, "n_boot", low=0, high=1_000_000)
        check_integer(self.seed, "seed", low=0)
        check_number(self.confidence, "confidence", low=0, high=1, low_open=True)
        by = self._columns(predictions, quality)
        check_unique(by, "by")
        stray = [name for name in self.bins or {} if name not in by]
        if stray or OVERALL in by:
            raise InvalidArgumentError(
                "bins of a column that is not grouped by" if stray else "a reserved name",
                argument="bins" if stray else "by",
                expected=f"columns among by={by}" if stray else None,
                found=repr(stray[0] if stray else OVERALL),
            )
        return by

    def _columns(self, *tables: pd.DataFrame | None) -> tuple[str, ...]:
        if self.by is None:
            found = any(isinstance(table, pd.DataFrame) and _AGE in table for table in tables)
            return (_AGE,) if found else ()
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

    def _tasks(self, predictions: pd.DataFrame) -> TaskSet:
        if self.tasks is None:
            tasks = tasks_from_predictions(predictions)
        else:
            tasks = self.tasks if isinstance(self.tasks, TaskSet) else TaskSet(self.tasks)
        for task in tasks.values():
            if isinstance(task, ClassificationTask) and OVERALL in task.classes:
                raise InvalidArgumentError(
                    "a class has the name of the figures over all classes",
                    argument=f"classes of task {task.name!r}",
                    found=repr(OVERALL),
                    hint="rename the class",
                )
        return tasks


@dataclass(eq=False)
class _Cell:
    """One task in one bin: what its figures are computed from, and the resamples so far."""

    task: Task
    grouping: Grouping
    index: int
    data: RegressionData | ClassificationData
    rows: npt.NDArray[np.intp]
    n_failed: int
    n_unlabelled: int
    samples: list[FloatArray] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        if isinstance(self.task, ClassificationTask):
            return (*self.task.classes, OVERALL)
        return ("",)

    def metrics(self) -> list[Metric]:
        if isinstance(self.data, RegressionData):
            found = [REGRESSION_METRICS.get(name, argument="metric") for name in REGRESSION_METRICS]
            return [metric for metric in found if metric.fits(self.task)]
        found = [
            CLASSIFICATION_METRICS.get(name, argument="metric") for name in CLASSIFICATION_METRICS
        ]
        known = self.data.probabilities is not None
        return [metric for metric in found if known or not metric.needs_probabilities]

    def resample(self, counts: FloatArray) -> None:
        # One row is no sample: it would come back unchanged and feign certainty.
        if len(self.data) > 1:
            chosen = counts[:, self.rows]
            wanted = [metric for metric in self.metrics() if metric.interval]
            self.samples.append(np.hstack([self._compute(metric, chosen) for metric in wanted]))

    def figures(self, confidence: float) -> Iterator[dict[str, Any]]:
        ones = np.ones((1, len(self.data)))
        width = len(self.classes)
        samples = np.vstack(self.samples) if self.samples else np.empty((0, 0))
        limits = np.array(percentile_intervals(samples, confidence))
        done = 0
        for metric in self.metrics():
            values = self._compute(metric, ones)[0]
            interval = np.full((2, width), np.nan)
            if metric.interval and self.samples:
                interval = limits[:, done : done + width]
                done += width
            rows = self._rests_on(metric)
            for column, label in enumerate(self.classes):
                n = int(rows[column])
                low, high = interval[:, column] if n > 1 else (np.nan, np.nan)
                yield self._row(metric.name, label, float(values[column]), n) | {
                    "ci_low": float(low),
                    "ci_high": float(high),
                }
        total = len(self.data) + self.n_failed + self.n_unlabelled
        for name, count in (("n_missing_label", self.n_unlabelled), ("n_failed", self.n_failed)):
            yield self._row(name, self.classes[-1], float(count), total)

    def _compute(self, metric: Metric, counts: FloatArray) -> FloatArray:
        if not len(self.data):
            empty = 0.0 if metric.name == "support" else np.nan
            return np.full((len(counts), len(self.classes)), empty)
        values = metric.function(self.data, counts)  # type: ignore[arg-type]
        return values.reshape(len(counts), len(self.classes))

    def _rests_on(self, metric: Metric) -> npt.NDArray[np.int64]:
        width = len(self.classes)
        if metric.rows is None:
            return np.full(width, len(self.data), dtype=np.int64)
        rows = metric.rows(self.data)  # type: ignore[arg-type]
        counted: npt.NDArray[np.int64] = rows.reshape(len(self.data), width).sum(axis=0)
        return counted

    def _row(self, metric: str, label: str, value: float, n: int) -> dict[str, Any]:
        return {
            "task": self.task.name,
            "metric": metric,
            "class": label,
            "by": self.grouping.column,
            "bin": self.grouping.names[self.index],
            "bin_index": self.index,
            "stat": "value",
            "value": value,
            "n": n,
            "ci_low": np.nan,
            "ci_high": np.nan,
        }


def _cells(part: TaskRows, groupings: Sequence[Grouping]) -> Iterator[_Cell]:
    for grouping in groupings:
        for index in range(len(grouping.names)):
            inside = grouping.codes == index
            chosen = np.flatnonzero(inside[part.used])
            yield _Cell(
                part.task,
                grouping,
                index,
                part.data.take(chosen),
                part.used[chosen],
                int((part.failed & inside).sum()),
                int((part.unlabelled & inside).sum()),
            )


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    texts = dict.fromkeys(["task", "metric", "class", "by", "bin", "stat"], "str")
    return frame.astype(texts | {"bin_index": "int64", "n": "int64"})
