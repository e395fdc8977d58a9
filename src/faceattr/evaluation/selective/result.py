"""What dropping images by quality does: one long frame of figures, and views of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from faceattr._grouping import MISSING, NOT_SCORED, Grouping, group_rows, join_quality
from faceattr._validation import check_number
from faceattr.binning import BinSpec
from faceattr.evaluation.metrics import OVERALL
from faceattr.evaluation.rows import TaskRows, pick_task
from faceattr.evaluation.selective.dropping import ENDS, Order, WorstEnd, kept_numbers, kept_sums
from faceattr.evaluation.selective.inputs import RANDOM
from faceattr.evaluation.selective.text import summarise_curves
from faceattr.tasks import TaskSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RiskCoverage"]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Errors of the images that are kept; made by `risk_coverage`.

    Attributes
    ----------
    frame, area_frame : pandas.DataFrame
        See `to_frame` and `areas`.
    tasks : TaskSet
        What was evaluated.
    confidence : float
        Of the intervals.
    table, quality, scores : pandas.DataFrame
        The predictions, sorted by ``sample_id``; the quality table; and from it a column a metric
        with a row a prediction.
    parts : mapping of str to TaskRows
        The rows of each task.
    left_out : tuple of str
        Columns of numbers that tell no image from another, as sizes that are all equal.
    """

    frame: pd.DataFrame = field(repr=False)
    area_frame: pd.DataFrame = field(repr=False)
    tasks: TaskSet
    confidence: float
    table: pd.DataFrame = field(repr=False)
    quality: pd.DataFrame = field(repr=False)
    scores: pd.DataFrame = field(repr=False)
    parts: Mapping[str, TaskRows] = field(repr=False)
    left_out: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return all curves as one long table.

        Returns
        -------
        pandas.DataFrame
            ``task``; ``metric`` ("mae" or "error_rate"); ``by`` (a quality metric, "random" or
            "ideal"); ``worst`` (the end that is dropped first: "high", "low", "both", or "" for
            random and ideal); ``coverage``; ``n`` (images kept); ``n_not_scored`` (of all images,
            those without a value of this metric, which are kept longest); ``value`` with
            ``ci_low`` and ``ci_high``; ``difference`` to the unfiltered error, which is what
            dropping at random gives, with ``difference_low`` and ``difference_high``. Below zero,
            the kept images have a smaller error. Limits are NaN where there is no interval.
        """
        return self.frame.copy()

    def areas(self) -> pd.DataFrame:
        """Return the area under each curve, as the mean error over the coverages.

        It spans the coverages from the lowest one asked for, ``coverage_low``, to 1, by the
        trapezoidal rule, and is divided by that width, so it is in the unit of the error. With
        coverages down to nearly 0 it is the usual area under the risk-coverage curve (AURC);
        there, few images decide.

        Returns
        -------
        pandas.DataFrame
            A row a curve: ``task``, ``metric``, ``by``, ``worst``, ``coverage_low``, ``n`` (all
            images), ``n_not_scored``, and as in `to_frame` ``value``, ``difference`` and limits.
        """
        return self.area_frame.copy()

    def unfiltered(self, task: str | None = None) -> pd.Series:
        """Return the error over all images: the figure to report.

        Parameters
        ----------
        task : str, optional
            May be left out where there is only one.

        Returns
        -------
        pandas.Series of float64
            ``value``, ``ci_low``, ``ci_high``, ``n``, and the rows left out: ``n_failed`` without
            a prediction, ``n_missing_label`` without a label. Its name is that of the error.

        Raises
        ------
        InvalidArgumentError
            If there is no such task.
        """
        name = self._task(task)
        rows = self.frame[(self.frame["task"] == name) & (self.frame["by"] == RANDOM)]
        first, part = rows.iloc[0], self.parts[name]
        figures = {key: first[key] for key in ("value", "ci_low", "ci_high", "n")}
        figures |= {"n_failed": part.failed.sum(), "n_missing_label": part.unlabelled.sum()}
        return pd.Series(figures, dtype=np.float64, name=str(first["metric"]))

    def dropped_shares(
        self, by: str, *, coverage: float = 0.8, bins: BinSpec | None = None
    ) -> pd.DataFrame:
        """Return which share of each group is dropped; filters tend to drop some groups more.

        Parameters
        ----------
        by : str
            A column of the predictions or of the quality table.
        coverage : float, default 0.8
            Share of images to keep, in (0, 1].
        bins : edges or int, optional
            Of a column of numbers, as in `BinnedEvaluator`.

        Returns
        -------
        pandas.DataFrame
            A row for each task, quality metric, end and group: ``task``, ``by`` (the quality
            metric), ``worst``, ``coverage``, ``column`` (that of the groups), ``bin`` (the first is
            "overall"), ``n``, ``n_dropped`` (expected, so it may be broken where values are
            equal) and ``share`` of the group (NaN where it is empty).

        Raises
        ------
        TableError
            If there is no such column.
        InvalidArgumentError, InvalidTypeError
            If the coverage or the bins are outside their limits.
        """
        share = check_number(coverage, "coverage", low=0, high=1, low_open=True)
        joined, came = join_quality(self.table, self.quality, [by])
        missing = NOT_SCORED if by in came else MISSING
        chosen = {} if bins is None else {by: bins}
        groups = group_rows(joined, by, chosen, self.tasks, missing)
        rows = [row for name in self.tasks for row in self._dropped(name, groups, share)]
        return pd.DataFrame(rows).astype(dict.fromkeys(["task", "by", "worst", "bin"], "str"))

    def summary(self) -> str:
        """Return the main figures as text for a terminal, at most 100 characters wide.

        Each task starts with its unfiltered error.
        """
        return summarise_curves(self)

    def plot(self, task: str | None = None) -> Figure:
        """Draw a panel a quality metric: the error of what is kept over the share dropped.

        Parameters
        ----------
        task : str, optional
            May be left out where there is only one.

        Returns
        -------
        matplotlib.figure.Figure
            Not attached to any window; ``figure.savefig("curves.png")`` writes it.

        Raises
        ------
        InvalidArgumentError
            If there is no such task.
        """
        from faceattr.evaluation.selective.plots import plot_curves  # late: not always drawn

        return plot_curves(self, self._task(task))

    def _task(self, name: str | None) -> str:
        return pick_task(self.tasks, name).name

    def _dropped(self, task: str, groups: Grouping, coverage: float) -> Iterator[dict[str, Any]]:
        part = self.parts[task]
        codes = groups.codes[part.used]
        members = [np.ones(len(codes)), *(codes == index for index in range(len(groups.names)))]
        ones = np.ones((1, len(codes)))
        kept = kept_numbers(np.array([coverage]), np.array([float(len(codes))]))
        for by, ends in self._curves(task):
            order = Order.of(self.scores[by].to_numpy()[part.used])
            sums = [kept_sums(order, np.asarray(m, float), ones, kept, ends) for m in members]
            for place, end in enumerate(ends):
                for name, inside, left in zip((OVERALL, *groups.names), members, sums, strict=True):
                    n = int(inside.sum())
                    dropped = max(n - float(left[place, 0, 0]), 0.0)
                    yield {
                        "task": task,
                        "by": by,
                        "worst": end,
                        "coverage": coverage,
                        "column": groups.column,
                        "bin": name,
                        "n": n,
                        "n_dropped": dropped,
                        "share": dropped / n if n else np.nan,
                    }

    def _curves(self, task: str) -> Iterator[tuple[str, list[WorstEnd]]]:
        rows = self.frame[self.frame["task"] == task]
        for by in self.scores.columns:
            found = set(rows.loc[rows["by"] == by, "worst"])
            yield by, [end for end in ENDS if end in found]
