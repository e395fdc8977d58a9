"""The figures of an evaluation: each a panel of its own, and the main ones together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceattr._validation import check_choice
from faceattr.binning import AGE_BINS, Bins
from faceattr.evaluation.calibration.reliability import reliability
from faceattr.evaluation.cells import VALUE
from faceattr.evaluation.metrics import OVERALL, Metric, RegressionData
from faceattr.evaluation.wrong import probability_of_truth
from faceattr.exceptions import InvalidArgumentError
from faceattr.report import (
    new_figure,
    plot_confusion,
    plot_errors,
    plot_metric_by_bin,
    plot_reliability,
    plot_residuals,
    plot_true_and_predicted,
    plot_true_probability,
)
from faceattr.report.style import Panel
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["Kind", "draw", "panels_by", "panels_of", "plot_evaluation"]

Kind: TypeAlias = Literal["predicted", "errors", "confusion", "reliability", "residuals", "metric"]
"""What can be drawn of a task; the last two by the bins of a column."""

_OF_NUMBERS = ("predicted", "errors", "confusion", "residuals", "metric")
_OF_CLASSES = ("confusion", "errors", "reliability", "metric")
_BY_BINS = frozenset({"residuals", "metric"})
_QUANTILES = 5
_WIDTH, _HEIGHT = 4.6, 3.7

_Codes: TypeAlias = npt.NDArray[np.int64]


def plot_evaluation(evaluation: Evaluation, tasks: Sequence[str]) -> Figure:
    """Draw a row of panels a task: predictions against labels, then the main metric by bins."""
    columns = evaluation.columns
    figure, panels = new_figure(len(tasks), 1 + len(columns), width=5.0, height=4.0)
    for name, row in zip(tasks, panels, strict=True):
        task = evaluation.tasks[name]
        draw(row[0], evaluation, task, "predicted" if _is_number(task) else "confusion")
        for column, ax in zip(columns, row[1:], strict=True):
            draw(ax, evaluation, task, "metric", by=column)
    return figure


def draw(
    ax: Axes,
    evaluation: Evaluation,
    task: Task,
    kind: str,
    *,
    by: str | None = None,
    metric: str | None = None,
) -> Axes:
    """Draw one figure of a task; see `Evaluation.draw`."""
    check_choice(kind, "kind", _OF_NUMBERS if _is_number(task) else _OF_CLASSES)
    _check_use(evaluation, task, kind, by, metric)
    if kind == "residuals":
        return _residuals(ax, evaluation, task, str(by))
    if kind == "metric":
        return _metric(ax, evaluation, task, str(by), metric)
    drawing = {
        "predicted": _predicted,
        "errors": _errors,
        "confusion": _confusion,
        "reliability": _reliability,
    }
    return drawing[kind](ax, evaluation, task)


def panels_of(evaluation: Evaluation, task: Task) -> dict[str, Panel]:
    """Return the figures of a task over all rows, by what they show."""
    kinds: list[str] = ["confusion"]
    if _is_number(task):
        kinds = ["predicted", "errors", "confusion"]
    elif probability_of_truth(evaluation.parts[task.name]) is not None:
        kinds += ["errors", "reliability"]
    return {f"{task.name}: {kind}": _panel(evaluation, task, kind) for kind in kinds}


def panels_by(evaluation: Evaluation, task: Task, column: str) -> dict[str, Panel]:
    """Return the figures of a task by the bins of a column, by what they show."""
    kinds = ["metric", "residuals"] if _is_number(task) else ["metric"]
    if _metric_drawn(evaluation, task) is None:
        kinds.remove("metric")
    return {
        f"{task.name}: {kind} by {column}": _panel(evaluation, task, kind, column) for kind in kinds
    }


def _panel(evaluation: Evaluation, task: Task, kind: str, by: str | None = None) -> Panel:
    width, height = _WIDTH, _HEIGHT
    if by is not None:
        names = evaluation.groupings[by].names
        longest = min(max(map(len, names), default=0), 24)
        width = max(width, 0.26 * len(names) + 1.2)
        height += 0.05 * max(longest - 8, 0)
    elif kind == "confusion":
        count = len(_classes_of(evaluation, task)[0])
        width = max(width, min(1.6 + 0.55 * count, 14.0))
        height = max(height, width - 0.4)
    return Panel(lambda ax: draw(ax, evaluation, task, kind, by=by), width, height)


def _check_use(
    evaluation: Evaluation, task: Task, kind: str, by: str | None, metric: str | None
) -> None:
    if kind in _BY_BINS:
        check_choice(by, "by", list(evaluation.groupings))
        if kind == "metric" and metric is not None:
            check_choice(metric, "metric", list(evaluation.metrics[task.name]))
    if (by is not None and kind not in _BY_BINS) or (metric is not None and kind != "metric"):
        raise InvalidArgumentError(
            "this figure takes no such argument",
            argument="metric" if kind in _BY_BINS else "by",
            expected="by for 'residuals' and 'metric', metric for 'metric' alone",
            found=repr(kind),
        )


def _predicted(ax: Axes, evaluation: Evaluation, task: Task) -> Axes:
    data = evaluation.data[task.name]
    return plot_true_and_predicted(
        ax, data.truth, data.prediction, name=task.name, unit=_unit(task)
    )


def _errors(ax: Axes, evaluation: Evaluation, task: Task) -> Axes:
    part = evaluation.parts[task.name]
    data = part.data
    if isinstance(data, RegressionData):
        return plot_errors(ax, data.prediction - data.truth, name=task.name, unit=_unit(task))
    known = probability_of_truth(part)
    probability = np.full(len(data), np.nan) if known is None else known
    return plot_true_probability(ax, probability, data.truth != data.prediction, name=task.name)


def _reliability(ax: Axes, evaluation: Evaluation, task: Task) -> Axes:
    curve = reliability(evaluation.table, task, confidence=evaluation.confidence)
    label = f"with {evaluation.confidence:.0%} interval"
    return plot_reliability(ax, {label: curve}, name=task.name)


def _residuals(ax: Axes, evaluation: Evaluation, task: Task, by: str) -> Axes:
    part, grouping = evaluation.parts[task.name], evaluation.groupings[by]
    names = pd.Index(grouping.names, dtype=object)
    groups = pd.Categorical.from_codes(grouping.codes[part.used], names, ordered=True)
    errors = (part.data.prediction - part.data.truth).astype(np.float64)
    return plot_residuals(ax, errors, groups, name=task.name, unit=_unit(task), by=by)


def _metric(ax: Axes, evaluation: Evaluation, task: Task, by: str, metric: str | None) -> Axes:
    name = metric or _metric_drawn(evaluation, task)
    if name is None:
        raise InvalidArgumentError("no metric was computed", argument="kind", found="'metric'")
    rows = evaluation.frame
    rows = rows[(rows["task"] == task.name) & (rows["by"] == by) & (rows["metric"] == name)]
    rows = rows[rows["class"].isin(["", OVERALL]) & (rows["stat"] == VALUE)]
    plot_metric_by_bin(
        ax,
        rows,
        label=_metric_label(evaluation.metrics[task.name][name], task),
        by=by,
        overall=evaluation.value(f"{task.name}/{name}"),
        confidence=evaluation.confidence,
    )
    return ax


def _metric_drawn(evaluation: Evaluation, task: Task) -> str | None:
    """Return the metric to draw by bins: the usual one, or else the first one there is."""
    first = "mae" if _is_number(task) else "accuracy"
    known = evaluation.metrics[task.name]
    others = [name for name, metric in known.items() if metric.better is not None or metric.own]
    return first if first in known else next(iter(others), None)


def _metric_label(metric: Metric, task: Task) -> str:
    unit = _unit(task) if metric.in_units and metric.name != "mse" else ""
    return f"{task.name} {metric.label}" + (f" ({unit})" if unit else "")


def _confusion(ax: Axes, evaluation: Evaluation, task: Task) -> Axes:
    classes, truth, prediction = _classes_of(evaluation, task)
    counts = np.bincount(truth * len(classes) + prediction, minlength=len(classes) ** 2)
    name = f"{task.name} group" if _is_number(task) else task.name
    return plot_confusion(ax, counts.reshape(len(classes), len(classes)), classes, name=name)


def _classes_of(evaluation: Evaluation, task: Task) -> tuple[list[str], _Codes, _Codes]:
    """Return classes, or the bins of a number, and which of them each row has and was given."""
    data = evaluation.data[task.name]
    if not isinstance(data, RegressionData):
        classes = [] if isinstance(task, RegressionTask) else list(task.classes)
        return classes, data.truth, data.prediction
    bins = _bins_of(evaluation, task, data)
    both = bins.assign(np.concatenate([data.truth, data.prediction]))
    codes = both.codes.astype(np.int64)
    return list(both.categories), codes[: len(data)], codes[len(data) :]


def _bins_of(evaluation: Evaluation, task: Task, data: RegressionData) -> Bins:
    """Return the bins that the evaluation groups a number by, or else the usual ones."""
    grouping = evaluation.groupings.get(task.name)
    if grouping is not None and grouping.edges is not None:
        return Bins(grouping.edges, grouping.names[: len(grouping.edges) - 1])
    if task.name == "age":
        return Bins(AGE_BINS)
    edges = Bins.quantiles(data.truth, _QUANTILES).edges
    return Bins((None, *edges[1:-1], None))  # so that every prediction has a place


def _is_number(task: Task) -> bool:
    return isinstance(task, RegressionTask)


def _unit(task: Task) -> str:
    return task.unit if isinstance(task, RegressionTask) else ""
