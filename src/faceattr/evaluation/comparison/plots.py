"""The figure of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from faceattr.evaluation.comparison.figures import OVER
from faceattr.evaluation.comparison.text import main_metric
from faceattr.evaluation.metrics import OVERALL
from faceattr.report import new_figure, plot_differences
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.comparison.result import Comparison

__all__ = ["plot_comparison"]


def plot_comparison(comparison: Comparison, tasks: Sequence[str]) -> Figure:
    """Draw a row of panels a task, one a column grouped by."""
    columns = comparison.columns or (OVERALL,)
    bins = max(len(_rows(comparison, comparison.tasks[name], c)) for name in tasks for c in columns)
    height = max(2.5, 1.2 + 0.32 * bins)
    figure, panels = new_figure(len(tasks), len(columns), width=6.0, height=height)
    for name, row in zip(tasks, panels, strict=True):
        task = comparison.tasks[name]
        metric = comparison.metrics[name][main_metric(comparison, task)]
        unit = f" ({task.unit})" if isinstance(task, RegressionTask) and task.unit else ""
        for column, ax in zip(columns, row, strict=True):
            plot_differences(
                ax,
                _rows(comparison, task, column),
                label=f"{name} {metric.label}{unit if metric.in_units else ''}",
                better=metric.better,
                confidence=comparison.confidence,
            )
    return figure


def _rows(comparison: Comparison, task: Task, column: str) -> pd.DataFrame:
    rows = comparison.frame
    rows = rows[(rows["task"] == task.name) & (rows["metric"] == main_metric(comparison, task))]
    whole, bins = rows[rows["by"] == OVERALL], rows[rows["by"] == column]
    bins = bins[~bins["bin"].str.startswith(OVER) | bins["bin"].isin([f"{OVER}mean"])]
    return whole if column == OVERALL else pd.concat([whole, bins], ignore_index=True)
