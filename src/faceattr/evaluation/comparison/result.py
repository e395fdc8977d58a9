"""What a comparison found: one frame of differences, and views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from faceattr._validation import check_choice, check_integer
from faceattr.evaluation.comparison.text import summarise_comparison
from faceattr.evaluation.metrics import OVERALL, Metric
from faceattr.evaluation.rows import pick_task
from faceattr.evaluation.views import main_metrics
from faceattr.exceptions import InvalidArgumentError
from faceattr.tasks import Task, TaskSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Differences of two models; made by `compare`.

    Attributes
    ----------
    frame : pandas.DataFrame
        See `to_frame`.
    tasks : TaskSet
        What was compared.
    columns : tuple of str
        What the rows were grouped by.
    sizes : tuple of int
        How many tables each side has.
    confidence : float
        Of the intervals.
    min_count : int
        Rows that a figure of a bin needs.
    left_out : pandas.DataFrame
        A row a task: ``n`` rows compared; ``n_failed_a`` and ``n_failed_b`` without a prediction in
        a table of that side, ``n_missing_label`` without a label.
    changes : mapping of str to pandas.DataFrame
        Of each task; see `improved`.
    decisions : pandas.DataFrame, optional
        See `mcnemar`.
    metrics : mapping of str to mapping of str to Metric
        Of each task those that were computed, by name.
    """

    frame: pd.DataFrame = field(repr=False)
    tasks: TaskSet
    columns: tuple[str, ...]
    sizes: tuple[int, int]
    confidence: float
    min_count: int
    left_out: pd.DataFrame = field(repr=False)
    changes: Mapping[str, pd.DataFrame] = field(repr=False)
    decisions: pd.DataFrame | None = field(repr=False)
    metrics: Mapping[str, Mapping[str, Metric]] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return all differences as one long table.

        Returns
        -------
        pandas.DataFrame
            The columns ``task``, ``metric``, ``by`` and ``bin`` (both "overall" for all rows; a
            statistic over the bins stands in a bin such as "over bins: mean"), ``n``, ``value_a``,
            ``value_b``, ``difference`` (b - a), ``ci_low`` and ``ci_high`` of the difference,
            ``p``, and ``p_holm``, corrected for the number of bins of the column. For classes all
            figures are over all classes. NaN for a bin of too few rows.
        """
        return self.frame.copy()

    def table(
        self,
        task: str | None = None,
        *,
        by: str | None = None,
        metrics: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return both models side by side.

        Parameters
        ----------
        task : str, optional
            May be left out where there is only one.
        by : str, optional
            A column that was grouped by: a row for each metric and bin. By default the figures over
            all rows, a row a metric.
        metrics : sequence of str, optional
            By default the main ones.

        Returns
        -------
        pandas.DataFrame
            ``n``, ``a``, ``b``, ``difference`` (b - a), ``low``, ``high``, ``percent`` (the
            difference in percent of a), ``p`` and ``p_holm``.

        Raises
        ------
        InvalidArgumentError
            If there is no such task, column or metric.
        """
        chosen = self._task(task)
        column = OVERALL if by is None else check_choice(by, "by", self.columns)
        rows = self.frame[(self.frame["task"] == chosen.name) & (self.frame["by"] == column)]
        known = list(dict.fromkeys(rows["metric"]))
        wanted = main_metrics(chosen, known) if metrics is None else list(metrics)
        for metric in wanted:
            check_choice(metric, "metrics", known)
        rows = pd.concat([rows[rows["metric"] == metric] for metric in wanted] or [rows[:0]])
        keys = ["metric"] if by is None else ["metric", "bin"]
        names = {"value_a": "a", "value_b": "b", "ci_low": "low", "ci_high": "high"}
        table = rows.rename(columns=names).set_index(keys)
        table["percent"] = 100.0 * table["difference"] / table["a"].abs().where(table["a"] != 0)
        return table[["n", "a", "b", "difference", "low", "high", "percent", "p", "p_holm"]]

    def mcnemar(self, task: str | None = None) -> pd.DataFrame:
        """Return who is right, over all rows and in each bin, with McNemar's exact test.

        Parameters
        ----------
        task : str, optional
            A task of classes.

        Returns
        -------
        pandas.DataFrame
            ``by``, ``bin``, ``n``, ``both_right``, ``only_a``, ``only_b``, ``both_wrong``, ``p``.

        Raises
        ------
        InvalidArgumentError
            If there is no such task of classes, or a side has several tables.
        """
        if self.decisions is None:
            raise InvalidArgumentError(
                "McNemar's test is of two tables",
                argument="a, b",
                expected="one table a side",
                found=f"{self.sizes[0]} and {self.sizes[1]} tables",
                hint="compare(a[0], b[0])",
            )
        known = list(dict.fromkeys(self.decisions["task"]))
        name = known[0] if task is None and len(known) == 1 else check_choice(task, "task", known)
        rows = self.decisions[self.decisions["task"] == name]
        return rows.drop(columns="task").reset_index(drop=True)

    def improved(self, task: str | None = None, n: int = 12) -> pd.DataFrame:
        """Return the images of which b is less wrong than a, the largest change first.

        Parameters
        ----------
        task : str, optional
            May be left out where there is only one.
        n : int, default 12
            At most so many.

        Returns
        -------
        pandas.DataFrame
            ``sample_id`` (the number of the row where there are no ids), ``<task>``, ``pred_a``,
            ``pred_b``, ``loss_a``, ``loss_b`` and ``change``, loss_b - loss_a. The loss is the
            absolute error of a number; of a class 1 less the probability of the true class, or 0
            and 1 without probabilities. Of several tables a side it is the mean.

        Raises
        ------
        InvalidArgumentError
            If there is no such task.
        """
        return self._changed(task, n, 1.0)

    def worsened(self, task: str | None = None, n: int = 12) -> pd.DataFrame:
        """Return the images of which b is more wrong than a; see `improved`."""
        return self._changed(task, n, -1.0)

    def summary(self) -> str:
        """Return the main differences as text for a terminal, at most 100 characters wide."""
        return summarise_comparison(self)

    def plot(self, task: str | None = None) -> Figure:
        """Draw the difference of the main metric over all rows and in each bin.

        Parameters
        ----------
        task : str, optional
            By default all, a row of panels each.

        Returns
        -------
        matplotlib.figure.Figure
            Not attached to any window; ``figure.savefig("comparison.png")`` writes it.
        """
        from faceattr.evaluation.comparison.plots import plot_comparison  # late: not always drawn

        return plot_comparison(self, list(self.tasks) if task is None else [self._task(task).name])

    def _changed(self, task: str | None, n: int, sign: float) -> pd.DataFrame:
        check_integer(n, "n", low=1)
        table = self.changes[self._task(task).name]
        order = (sign * table["change"]).argsort(kind="stable")
        chosen = table.iloc[order.to_numpy()[:n]]
        return chosen[sign * chosen["change"] < 0].reset_index(drop=True)

    def _task(self, name: str | None) -> Task:
        return pick_task(self.tasks, name)
