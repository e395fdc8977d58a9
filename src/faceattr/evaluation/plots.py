"""The figure of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceattr.evaluation.metrics import OVERALL, ClassificationData
from faceattr.report import (
    new_figure,
    plot_confusion,
    plot_metric_by_bin,
    plot_true_and_predicted,
)
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["plot_evaluation"]


def plot_evaluation(evaluation: Evaluation, tasks: Sequence[str]) -> Figure:
    """Draw a row of panels a task: predictions against labels, then the main metric by bins."""
    columns = evaluation.columns
    figure, panels = new_figure(len(tasks), 1 + len(columns), width=5.0, height=4.0)
    for name, row in zip(tasks, panels, strict=True):
        task = evaluation.tasks[name]
        _plot_predictions(row[0], evaluation, task)
        for column, ax in zip(columns, row[1:], strict=True):
            _plot_bins(ax, evaluation, task, column)
    return figure


def _plot_predictions(ax: Axes, evaluation: Evaluation, task: Task) -> None:
    data = evaluation.data[task.name]
    if isinstance(data, ClassificationData):
        pairs = data.truth * data.n_classes + data.prediction
        counts = np.bincount(pairs, minlength=data.n_classes**2)
        classes = task.classes if not isinstance(task, RegressionTask) else ()
        plot_confusion(ax, counts.reshape(data.n_classes, data.n_classes), classes, name=task.name)
        return
    unit = task.unit if isinstance(task, RegressionTask) else ""
    plot_true_and_predicted(ax, data.truth, data.prediction, name=task.name, unit=unit)


def _plot_bins(ax: Axes, evaluation: Evaluation, task: Task, column: str) -> None:
    if isinstance(task, RegressionTask):
        metric, label = "mae", f"{task.name} MAE" + (f" ({task.unit})" if task.unit else "")
    else:
        metric, label = "accuracy", f"{task.name} accuracy"
    rows = evaluation.frame
    rows = rows[(rows["task"] == task.name) & (rows["by"] == column) & (rows["metric"] == metric)]
    rows = rows[rows["class"].isin(["", OVERALL])]
    overall = evaluation.value(f"{task.name}/{metric}")
    plot_metric_by_bin(
        ax, rows, label=label, by=column, overall=overall, confidence=evaluation.confidence
    )
