"""The figures of an audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceattr.report import new_figure, plot_group_counts, plot_label_counts
from faceattr.tasks import ClassificationTask, RegressionTask

if TYPE_CHECKING:
    from faceattr.data.audit.audit import Audit

__all__ = ["plot_audit", "single_figure", "wanted_panels"]

Drawing = Callable[[Axes], Axes]

_WIDTH = 6.4
_ROW = 0.26
_LEAST_HEIGHT = 2.9


def plot_audit(audit: Audit) -> Figure:
    """Draw all panels below each other."""
    panels = wanted_panels(audit)
    height = max(panel_height for _, panel_height in panels.values())
    columns = min(2, len(panels))
    figure, axes = new_figure(-(-len(panels) // columns), columns, width=_WIDTH, height=height)
    flat = [ax for row in axes for ax in row]
    for (draw, _), ax in zip(panels.values(), flat, strict=False):
        draw(ax)
    for ax in flat[len(panels) :]:
        ax.set_visible(False)
    return figure


def single_figure(drawing: Drawing, height: float) -> Figure:
    """Draw a panel as a figure of its own."""
    figure, [[ax]] = new_figure(width=_WIDTH, height=height)
    drawing(ax)
    return figure


def wanted_panels(audit: Audit) -> dict[str, tuple[Drawing, float]]:
    """Return what can be drawn, and how high, by what it shows."""
    panels: dict[str, tuple[Drawing, float]] = {}
    for name, task in audit.dataset.tasks.items():
        if isinstance(task, RegressionTask):
            panels[f"labels: {name}"] = _labels(audit, task), _LEAST_HEIGHT
        else:
            panels[f"labels: {name}"] = _classes(audit, task), _height(len(task.classes))
    names = [name for name in audit.cells.columns if name not in {"n", "share", "few"}]
    if len(names) > 1:
        rows = max(audit.cells[name].nunique() for name in names)
        panels["images in joint groups"] = _cells(audit), _height(rows) + 1.0
    return panels


def _height(rows: int) -> float:
    return max(_LEAST_HEIGHT, 1.0 + _ROW * rows)


def _labels(audit: Audit, task: RegressionTask) -> Drawing:
    rows = audit.pile_ups[audit.pile_ups["task"] == task.name]
    labels = audit.dataset.table[task.name].to_numpy(dtype=np.float64)
    piles = rows["value"].tolist()
    return lambda ax: plot_label_counts(ax, labels, name=task.name, unit=task.unit, piles=piles)


def _classes(audit: Audit, task: ClassificationTask) -> Drawing:
    rows = audit.classes[audit.classes["task"] == task.name]
    groups = rows.rename(columns={"class": task.name})[[task.name, "n", "few"]]
    return lambda ax: plot_group_counts(ax, groups, least=audit.min_images)


def _cells(audit: Audit) -> Drawing:
    return lambda ax: plot_group_counts(ax, audit.cells, least=audit.min_images)
