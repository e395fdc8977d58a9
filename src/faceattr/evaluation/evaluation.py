"""What an evaluation found: one long frame of figures, and views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr._grouping import Grouping
from faceattr._validation import check_choice
from faceattr.evaluation.cells import VALUE
from faceattr.evaluation.metrics import (
    OVERALL,
    ClassificationData,
    FloatArray,
    Metric,
    RegressionData,
    ratio,
)
from faceattr.evaluation.over_bins import OVER_BINS, STATISTICS
from faceattr.evaluation.rows import TaskRows
from faceattr.evaluation.summary import summarise
from faceattr.exceptions import InvalidArgumentError
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MAIN_METRICS", "Evaluation"]

MAIN_METRICS: Mapping[str, tuple[str, ...]] = {
    "regression": ("mae", "rmse", "mape", "bias", "within_5"),
    "classification": ("accuracy", "f1", "roc_auc", "log_loss"),
}
"""Metrics of the table by bins, where none are asked for."""

_COUNTS = ("support", "n_missing_label", "n_failed")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of one evaluation; made by `BinnedEvaluator.evaluate`.

    Attributes
    ----------
    frame : pandas.DataFrame
        See `to_frame`.
    tasks : TaskSet
        What was evaluated.
    columns : tuple of str
        What the rows were grouped by; of crossed columns ``"age / gender"``.
    table : pandas.DataFrame
        The predictions, in the order of their ids.
    parts : mapping of str to TaskRows
        Of each task the labels and predictions, and which rows of the table they are.
    groupings : mapping of str to Grouping
        Of each column the bin of every row of the table.
    confidence : float
        Of the intervals.
    min_count : int
        Rows that a figure of a bin needs.
    metrics : mapping of str to mapping of str to Metric
        Of each task those that were computed, by name.
    """

    frame: pd.DataFrame = field(repr=False)
    tasks: TaskSet
    columns: tuple[str, ...]
    table: pd.DataFrame = field(repr=False)
    parts: Mapping[str, TaskRows] = field(repr=False)
    groupings: Mapping[str, Grouping] = field(repr=False)
    confidence: float
    min_count: int
    metrics: Mapping[str, Mapping[str, Metric]] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return all figures as one long table.

        Returns
        -------
        pandas.DataFrame
            The columns ``task``, ``metric``, ``class`` (a class, "overall" for a figure over all
            classes, "" for tasks of numbers), ``by`` and ``bin`` (both "overall" for all rows),
            ``bin_index`` (order of the bins, from 0), ``stat``, ``value`` (NaN for a bin of fewer
            than `min_count` rows), ``n`` (rows that the figure rests on), ``ci_low`` and
            ``ci_high`` (NaN where there is no interval). The metrics ``n_missing_label`` and
            ``n_failed`` count the rows left out of the others; their ``n`` is the number of all
            rows.

            ``stat`` is "value" for the figures of a bin. Statistics over the bins have "mean",
            "difference", "ratio", "worst" or "best" there and the bin "over bins"; ``bin_index`` is
            that of the worst or best bin, else -1. See `BinnedEvaluator`.
        """
        return self.frame.copy()

    def value(
        self, key: str, *, by: str = OVERALL, label: str = OVERALL, stat: str = VALUE
    ) -> float:
        """Return one figure.

        Parameters
        ----------
        key : str
            ``"task/metric"``, or ``"task/metric/class"``: ``"age/mae"``, ``"gender/f1/female"``.
        by, label : str
            The column grouped by and one of its bins; by default all rows.
        stat : {"value", "mean", "difference", "ratio", "worst", "best"}
            Anything but "value" is over the bins of `by`, and takes no `label`.

        Raises
        ------
        InvalidArgumentError
            If there is no such figure.

        Examples
        --------
        >>> import pandas as pd
        >>> from faceattr import BinnedEvaluator
        >>> table = pd.DataFrame({"age": [20.0, 30.0], "age_pred": [21.0, 27.0]})
        >>> BinnedEvaluator(n_boot=0).evaluate(table).value("age/bias")
        -1.0
        """
        name, _, rest = key.partition("/")
        metric, _, cls = rest.partition("/")
        task = self._task(name, "key")
        label = label if stat == VALUE else OVER_BINS
        rows = self._rows(task, by, stat)
        cls = cls or (OVERALL if isinstance(task, ClassificationTask) else "")
        check_choice(metric, "metric of key", list(dict.fromkeys(rows["metric"])))
        check_choice(label, "label", list(dict.fromkeys(rows["bin"])))
        found = rows[(rows["metric"] == metric) & (rows["bin"] == label)].set_index("class")[
            "value"
        ]
        check_choice(cls, "class of key", list(found.index))
        return float(found[cls])

    def overall(self, task: str | None = None) -> pd.DataFrame:
        """Return a task's figures over all rows, a row a metric.

        Parameters
        ----------
        task : str, optional
            May be left out where there is only one.

        Returns
        -------
        pandas.DataFrame
            For numbers the columns ``value``, ``ci_low``, ``ci_high``, ``n``. For classes a column
            a class and ``overall``, with the interval and number of rows of the latter.

        Raises
        ------
        InvalidArgumentError
            If there is no such task.
        """
        chosen = self._task(task, "task")
        rows = self._rows(chosen, OVERALL)
        if isinstance(chosen, RegressionTask):
            return rows.set_index("metric")[["value", "ci_low", "ci_high", "n"]]
        order = list(dict.fromkeys(rows["metric"]))
        wide = rows.pivot_table(
            index="metric", columns="class", values="value", sort=False, dropna=False
        ).reindex(index=order, columns=[*chosen.classes, OVERALL])
        wide.columns.name = None
        last = rows[rows["class"] == OVERALL].set_index("metric")
        return wide.join(last[["ci_low", "ci_high", "n"]])

    def by(
        self, column: str, *, task: str | None = None, metrics: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return a task's figures for each bin of a column, a row a bin.

        Parameters
        ----------
        column : str
            One of those that the evaluator grouped by.
        task : str, optional
            May be left out where there is only one.
        metrics : sequence of str, optional
            By default the main ones. For classes they are those over all classes.

        Returns
        -------
        pandas.DataFrame
            ``n``; mean and standard deviation of the labels (``truth_mean``, ``truth_std``), or for
            classes the share of the positive one, or of each where there are more than two
            (``share_<class>``); ``<metric>``, ``<metric>_low`` and ``<metric>_high``;
            ``n_missing_label`` and ``n_failed``.

        Raises
        ------
        InvalidArgumentError
            If there is no such column, task or metric.
        """
        chosen = self._task(task, "task")
        rows = self._rows(chosen, column)
        known = list(dict.fromkeys(rows["metric"]))
        if metrics is None:
            metrics = main_metrics(chosen, known)
        cls = "" if isinstance(chosen, RegressionTask) else OVERALL
        names = list(dict.fromkeys(rows["bin"]))
        table = pd.DataFrame(index=pd.CategoricalIndex(names, names, ordered=True, name=column))
        table["n"] = _column(rows, "support", cls, "n").astype(np.int64)
        for name, values in _labels(rows, chosen).items():
            table[name] = values
        for metric in metrics:
            check_choice(metric, "metrics", known)
            for suffix, source in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high")):
                table[metric + suffix] = _column(rows, metric, cls, source)
        for metric in ("n_missing_label", "n_failed"):
            table[metric] = _column(rows, metric, cls, "value").astype(np.int64)
        return table

    def over_bins(
        self, column: str, *, task: str | None = None, metrics: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return how a task's figures differ between the bins of a column, a row a metric.

        Parameters
        ----------
        column : str
            One of those that the evaluator grouped by.
        task : str, optional
            May be left out where there is only one.
        metrics : sequence of str, optional
            By default the main ones. For classes they are those over all classes.

        Returns
        -------
        pandas.DataFrame
            ``mean``, ``difference``, ``ratio``, ``worst`` and ``best`` of the bins, each with
            ``<statistic>_low`` and ``<statistic>_high``; ``worst_bin`` and ``best_bin``, None where
            no bin has enough rows.

        Raises
        ------
        InvalidArgumentError
            If there is no such column, task or metric.
        """
        chosen = self._task(task, "task")
        rows = self.frame[(self.frame["task"] == chosen.name) & (self.frame["by"] == column)]
        self._rows(chosen, column)
        rows = rows[(rows["bin"] == OVER_BINS) & rows["class"].isin(["", OVERALL])]
        known = list(dict.fromkeys(rows["metric"]))
        wanted = main_metrics(chosen, known) if metrics is None else list(metrics)
        for metric in wanted:
            check_choice(metric, "metrics", known)
        table = pd.DataFrame(index=pd.Index(wanted, name="metric", dtype="str"))
        for stat in STATISTICS:
            own = rows[rows["stat"] == stat].set_index("metric").reindex(wanted)
            for suffix, source in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high")):
                table[stat + suffix] = own[source]
            if stat in {"worst", "best"}:
                table[f"{stat}_bin"] = self._bins(column, own["bin_index"])
        return table

    def _bins(self, column: str, places: pd.Series) -> list[str | None]:
        names = self.groupings[column].names
        return [names[int(place)] if place >= 0 else None for place in places]

    def summary(self) -> str:
        """Return the main figures as text for a terminal, at most 100 characters wide."""
        return summarise(self)

    def plot(self, task: str | None = None) -> Figure:
        """Draw predictions against labels, and the main metric by bins.

        Parameters
        ----------
        task : str, optional
            By default all, a row of panels each.

        Returns
        -------
        matplotlib.figure.Figure
            Not attached to any window; ``figure.savefig("evaluation.png")`` writes it.

        Raises
        ------
        InvalidArgumentError
            If there is no such task.
        """
        from faceattr.evaluation.plots import plot_evaluation  # late: figures are not always drawn

        chosen = list(self.tasks) if task is None else [self._task(task, "task").name]
        return plot_evaluation(self, chosen)

    @property
    def data(self) -> dict[str, RegressionData | ClassificationData]:
        """Labels and predictions of each task, of the rows that have both."""
        return {name: part.data for name, part in self.parts.items()}

    def _task(self, name: str | None, argument: str) -> Task:
        if name is None and len(self.tasks) == 1:
            return next(iter(self.tasks.values()))
        return self.tasks[check_choice(name, argument, list(self.tasks))]

    def _rows(self, task: Task, by: str, stat: str = VALUE) -> pd.DataFrame:
        if by != OVERALL and by not in self.columns:
            raise InvalidArgumentError(
                "the evaluation is not grouped by this column",
                argument="by",
                expected=f"one of {[OVERALL, *self.columns]}",
                found=repr(by),
                hint=f"BinnedEvaluator(by=[..., {by!r}])",
            )
        check_choice(stat, "stat", (VALUE, *STATISTICS) if by != OVERALL else (VALUE,))
        rows = self.frame[(self.frame["task"] == task.name) & (self.frame["by"] == by)]
        return rows[rows["stat"] == stat]


def main_metrics(task: Task, known: Sequence[str]) -> list[str]:
    """Return those of `MAIN_METRICS` that are known of a task, or all that are if none is."""
    kind = "regression" if isinstance(task, RegressionTask) else "classification"
    found = [name for name in MAIN_METRICS[kind] if name in known]
    return found or [name for name in known if name not in _COUNTS]


def _column(rows: pd.DataFrame, metric: str, cls: str, source: str) -> FloatArray:
    chosen = rows[(rows["metric"] == metric) & (rows["class"] == cls)]
    return chosen[source].to_numpy(dtype=np.float64)


def _labels(rows: pd.DataFrame, task: Task) -> dict[str, FloatArray]:
    if isinstance(task, RegressionTask):
        return {name: _column(rows, name, "", "value") for name in ("truth_mean", "truth_std")}
    total = _column(rows, "support", OVERALL, "value")
    shown = task.classes if len(task.classes) > 2 else (task.positive,)
    return {f"share_{cls}": ratio(_column(rows, "support", cls, "value"), total) for cls in shown}
