"""What an evaluation found: one long frame of figures, and views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from faceattr._grouping import Grouping
from faceattr._validation import check_choice
from faceattr.evaluation.cells import VALUE
from faceattr.evaluation.metrics import (
    OVERALL,
    ClassificationData,
    Metric,
    RegressionData,
)
from faceattr.evaluation.over_bins import OVER_BINS, STATISTICS
from faceattr.evaluation.rows import TaskRows, pick_task
from faceattr.evaluation.summary import summarise
from faceattr.evaluation.views import MAIN_METRICS, table_of_all, table_of_bins, table_over_bins
from faceattr.evaluation.wrong import table_of_wrong
from faceattr.exceptions import InvalidArgumentError
from faceattr.tasks import ClassificationTask, Task, TaskSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from faceattr.evaluation.page.pictures import PicturesInput
    from faceattr.evaluation.plots import Kind

__all__ = ["MAIN_METRICS", "Evaluation"]


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
        return table_of_all(rows, chosen)

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
        return table_of_bins(rows, chosen, column, metrics)

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
        return table_over_bins(rows, chosen, self.groupings[column].names, metrics)

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

    def draw(
        self,
        ax: Axes,
        kind: Kind,
        *,
        task: str | None = None,
        by: str | None = None,
        metric: str | None = None,
    ) -> Axes:
        """Draw one figure into a panel.

        Parameters
        ----------
        ax : matplotlib.axes.Axes
        kind : {"predicted", "errors", "confusion", "reliability", "residuals", "metric"}
            Of numbers: "predicted" over true ones; a histogram of "errors"; the "confusion" of
            groups (the bins that this number is grouped by, else age groups or five quantiles); the
            spread of "residuals" by bins. Of classes: "confusion", "reliability", and as "errors"
            the probabilities of the true class. Of both: a "metric" by bins, with intervals.
        task : str, optional
            May be left out where there is only one.
        by : str, optional
            The column of "residuals" and "metric".
        metric : str, optional
            By default ``"mae"`` or ``"accuracy"``.

        Returns
        -------
        matplotlib.axes.Axes
            `ax`; its title says how many rows are drawn.

        Raises
        ------
        InvalidArgumentError, TableError
            If there is no such task, column, metric or figure of this task.

        Examples
        --------
        >>> import pandas as pd
        >>> from faceattr import BinnedEvaluator
        >>> from faceattr.report import new_figure
        >>> table = pd.DataFrame({"age": [20.0, 30.0], "age_pred": [21.0, 27.0]})
        >>> _, [[ax]] = new_figure()
        >>> BinnedEvaluator(n_boot=0).evaluate(table).draw(ax, "errors").get_title(loc="left")
        'age: errors (n = 2)'
        """
        from faceattr.evaluation.plots import draw

        return draw(ax, self, self._task(task, "task"), kind, by=by, metric=metric)

    def most_wrong(
        self, task: str | Sequence[str] | None = None, n: int = 24, by: str | None = None
    ) -> pd.DataFrame:
        """List the rows that are most wrong, worst first.

        Of a number those with the largest absolute errors. Of classes those where another class was
        predicted, the least probable true class first; without probabilities in the order of ids.
        Of several tasks the rows that are wrong in every one, ordered by the mean of their ranks: a
        rank is the share of rows (of those that have all these tasks) that are at most as wrong.

        Parameters
        ----------
        task : str or sequence of str, optional
            By default all tasks together.
        n : int, default 24
            At most so many rows, or with `by` so many of each bin.
        by : str, optional
            One of the columns grouped by: the most wrong of each bin, bin after bin.

        Returns
        -------
        pandas.DataFrame
            ``sample_id`` (without one ``row``, the position in `table`), ``path`` where known,
            ``bin`` with `by`, ``score`` (the mean rank, 0 to 1) of several tasks, and for each
            task ``<task>``, ``<task>_pred`` and ``<task>_error`` (prediction less truth) or
            ``<task>_prob_true`` (of the true class, where known). Right predictions are never
            listed, so there may be fewer rows.

        Raises
        ------
        InvalidTypeError, InvalidArgumentError
            If there is no such task or column, or `n` is below 1.

        Examples
        --------
        >>> import pandas as pd
        >>> from faceattr import BinnedEvaluator
        >>> table = pd.DataFrame({"age": [20.0, 30.0, 9.0], "age_pred": [21.0, 27.0, 9.0]})
        >>> BinnedEvaluator(n_boot=0).evaluate(table).most_wrong("age")
           row   age  age_pred  age_error
        0    1  30.0      27.0       -3.0
        1    0  20.0      21.0        1.0
        """
        return table_of_wrong(self, task, n, by)

    def draw_images(
        self,
        ax: Axes,
        images: PicturesInput = None,
        which: Literal["wrong", "random"] = "wrong",
        *,
        task: str | Sequence[str] | None = None,
        by: str | None = None,
        n: int = 6,
    ) -> Axes:
        """Draw faces with labels and predictions: the most wrong, or samples; a row of them a bin.

        Parameters
        ----------
        ax : matplotlib.axes.Axes
            About 1.1 inches wide an image, 1.7 high a row.
        images
            As in `to_html`; an image that cannot be read is drawn grey.
        which : {"wrong", "random"}
            Those of `most_wrong`, or some drawn by a fixed seed, which are of no task.
        task, by, n
            As in `most_wrong`.

        Returns
        -------
        matplotlib.axes.Axes
            `ax`; its title says how many images are drawn.

        Raises
        ------
        InvalidTypeError, InvalidArgumentError, TableError, DataError
            As in `most_wrong` and `to_html`, and if there are no images.
        """
        from faceattr.evaluation.page.faces import draw_images

        return draw_images(ax, self, images, which, task=task, by=by, n=n)

    def to_html(
        self,
        path: str | Path,
        images: PicturesInput = None,
        *,
        title: str = "Evaluation",
        worst: int = 24,
        samples: int = 6,
        max_images: int = 300,
    ) -> Path:
        """Write a page that needs no other file. It holds faces: keep it as private as they are.

        Parameters
        ----------
        path : str or Path
            Ends in ``.html``.
        images : Dataset, folder, mapping or callable, optional
            Where images are found by their ``sample_id``: a data set; the folder that ids are
            relative to; a mapping or a function of the id to an image (a path, array, PIL image or
            bytes). By default the column ``path``; where it leads to no file, there are tables of
            ids in place of images. One that cannot be read has words there, and is counted.
        title : str, default "Evaluation"
        worst : int, default 24
            Rows in each list of the most wrong; 0 for none.
        samples : int, default 6
            Images of each bin, drawn by a fixed seed; 0 for none.
        max_images : int, default 300
            At most so many in the page, the most wrong first; about 10 kB each.

        Returns
        -------
        pathlib.Path
            `path`.

        Raises
        ------
        InvalidTypeError, InvalidArgumentError
            If an argument is outside its limits, or the name does not end in ``.html``.
        TableError, DataError
            If images are to be found by ids and the table has none, or shares none with them.
        OutputError
            If the page cannot be written.
        """
        from faceattr.evaluation.page import PageSettings, write_page

        settings = PageSettings(title, worst, samples, max_images)
        return write_page(self, path, images, settings)

    @property
    def data(self) -> dict[str, RegressionData | ClassificationData]:
        """Labels and predictions of each task, of the rows that have both."""
        return {name: part.data for name, part in self.parts.items()}

    def _task(self, name: str | None, argument: str) -> Task:
        return pick_task(self.tasks, name, argument)

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
