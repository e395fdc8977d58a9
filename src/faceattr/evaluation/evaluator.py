"""The evaluator: every metric, for all rows and for each group, with counts and intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from faceattr.binning import BinSpec
from faceattr.evaluation.bootstrap import holding, resampled_counts
from faceattr.evaluation.cells import Cell, cells_of
from faceattr.evaluation.chosen import MetricChoice
from faceattr.evaluation.evaluation import Evaluation
from faceattr.evaluation.groups import By
from faceattr.evaluation.metrics import OVERALL
from faceattr.evaluation.over_bins import figures_over_bins
from faceattr.evaluation.prepared import prepare
from faceattr.tasks import Task, TaskSet

__all__ = ["BinnedEvaluator"]


class BinnedEvaluator:
    """Evaluate predictions overall and by groups, with counts and bootstrap intervals.

    Parameters
    ----------
    by : str or sequence of str or tuple of str, optional
        Columns to group by, one at a time: of the predictions or of the quality table. By default
        "age" where either has such a column. An empty sequence gives the overall figures alone.
        Columns in a tuple are crossed: ``[("age", "gender")]`` makes groups such as "0-4 / male"
        of a column "age / gender", at most 200.
    bins : mapping of str to edges or int, optional
        Bins of columns of numbers: edges (right-closed, the lowest included, None for an open
        end) or a number of bins with about as many rows each. Without it, ``age``, ``luminance``
        and ``brisque`` go to the reference study's bins (`faceattr.binning.USUAL_BINS`), other
        numbers to five quantiles; text, booleans, categories and whole numbers with at most ten
        values make a group a value.
    n_boot : int, default 1000
        Resamples of the bootstrap; 0 for no intervals.
    confidence : float, default 0.95
        Share of the resampled figures that an interval spans.
    seed : int, default 0
        Of the bootstrap.
    tasks : TaskSet, task or sequence of tasks, optional
        What the predictions are about. Without it tasks are told from the columns, see
        `faceattr.tables.tasks_from_predictions`.
    min_count : int, default 10
        A figure of a group that rests on fewer rows is NaN and takes no part in statistics over
        groups; its ``n`` is given all the same. Figures over all rows are always given.
    metrics : sequence of str or callable, or a mapping of task to such a sequence, optional
        By default all. A function of two arrays, truths and predictions, as scikit-learn has them,
        is a metric too, named as it is: classes come to it as their names. It is called for every
        group and resample, which takes its time; `regression_metric` and `classification_metric`
        of `faceattr.evaluation` register metrics that are fast and known everywhere. Counts, and
        mean and spread of the labels, are always given.

    Notes
    -----
    For each column grouped by there are statistics over its groups, told apart by ``stat``: "mean"
    is the plain mean, in which every group counts the same however few its rows (of the MAE by age
    it is the class-wise MAE); "difference" the largest value less the smallest; "ratio" the
    smallest over the largest; "worst" and "best" are values of single groups. In fairlearn's
    ``MetricFrame`` they are ``difference(method="between_groups")``,
    ``ratio(method="between_groups")`` and, by which way is better, ``group_min`` and ``group_max``.
    Of the bias, the worst is the one farthest from 0, and there is no ratio. Groups of rows without
    a value ("missing", "not scored") or beyond all edges ("outside") take no part.

    Intervals are percentiles of the resamples, widened where they would not hold their figure.
    Those of statistics come from the same resamples, in each of which the worst group is found
    anew. A largest difference grows with chance: of groups that are all alike, one is the worst in
    any sample, the more so the smaller they are. Such figures, and their intervals, lie too high.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import BinnedEvaluator
    >>> predictions = pd.DataFrame({"age": [2.0, 30.0, 50.0], "age_pred": [4.0, 29.0, 56.0]})
    >>> evaluation = BinnedEvaluator(n_boot=0, min_count=1).evaluate(predictions)
    >>> evaluation.value("age/mae")
    3.0
    >>> evaluation.value("age/mae", by="age", label="0-4")
    2.0
    >>> evaluation.value("age/mae", by="age", stat="worst")
    6.0
    """

    def __init__(
        self,
        by: By = None,
        bins: Mapping[str, BinSpec] | None = None,
        *,
        n_boot: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        tasks: TaskSet | Task | Iterable[Task] | None = None,
        min_count: int = 10,
        metrics: MetricChoice = None,
    ) -> None:
        self.by = by
        self.bins = bins
        self.n_boot = n_boot
        self.confidence = confidence
        self.seed = seed
        self.tasks = tasks
        self.min_count = min_count
        self.metrics = metrics

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
        ready = prepare(self, predictions, quality)
        groups = [
            cells
            for name, part in ready.parts.items()
            for cells in cells_of(part, ready.groupings, ready.metrics[name], self.min_count)
        ]
        for counts in resampled_counts(len(ready.table), self.n_boot, self.seed):
            for cell in chain.from_iterable(groups):
                cell.resample(counts)
        return Evaluation(
            frame=_frame([row for cells in groups for row in _figures(cells, self.confidence)]),
            tasks=ready.tasks,
            columns=ready.columns,
            table=ready.table,
            parts=ready.parts,
            groupings={each.column: each for each in ready.groupings if each.column != OVERALL},
            confidence=float(self.confidence),
            min_count=self.min_count,
            metrics={
                name: {each.name: each for each in own} for name, own in ready.metrics.items()
            },
        )


def _figures(cells: Sequence[Cell], confidence: float) -> Iterator[dict[str, Any]]:
    estimates = [cell.estimates() for cell in cells]
    for cell, own in zip(cells, estimates, strict=True):
        yield from cell.figures(own, confidence)
    if cells[0].grouping.column != OVERALL:
        yield from figures_over_bins(cells, estimates, confidence)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    columns = (frame[name].to_numpy(dtype="float64") for name in ("value", "ci_low", "ci_high"))
    frame["ci_low"], frame["ci_high"] = holding(*columns)
    texts = dict.fromkeys(["task", "metric", "class", "by", "bin", "stat"], "str")
    return frame.astype(texts | {"bin_index": "int64", "n": "int64"})
