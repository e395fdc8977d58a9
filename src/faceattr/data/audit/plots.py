"""The figures of an audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceattr.report import new_figure, plot_group_counts, plot_label_counts
from faceattr.report.style import Panel
from faceattr.tasks import ClassificationTask, RegressionTask

if TYPE_CHECKING:
    from faceattr.data.audit.audit import Audit

__all__ = ["plot_audit", "wanted_panels"]

_WIDTH = 4.2
_ROW = 0.26
_COLUMN = 0.5
_LEAST_HEIGHT = 2.7

Drawing = Callable[[Axes], Axes]


def plot_audit(audit: Audit) -> Figure:
    """Draw all panels, two in a row."""
    panels = list(wanted_panels(audit).values())
    columns = min(2, len(panels))
    figure, axes = new_figure(
        -(-len(panels) // columns),
        columns,
        width=max(panel.width for panel in panels),
        height=max(panel.height for panel in panels),
    )
    flat = [ax for row in axes for ax in row]
    for panel, ax in zip(panels, flat, strict=False):
        panel.draw(ax)
    for ax in flat[len(panels) :]:
        ax.set_visible(False)
    return figure


def wanted_panels(audit: Audit) -> dict[str, Panel]:
    """Return what can be drawn, by what it shows."""
    panels: dict[str, Panel] = {}
    for name, task in audit.dataset.tasks.items():
        if isinstance(task, RegressionTask):
            panels[f"labels: {name}"] = Panel(_labels(audit, task), _WIDTH, _LEAST_HEIGHT)
        else:
            height = _height(len(task.classes))
            panels[f"labels: {name}"] = Panel(_classes(audit, task), _WIDTH, height)
    names = [name for name in audit.cells.columns if name not in {"n", "share", "few"}]
    if len(names) > 1:
        rows = max(len(audit.cells[name].cat.categories) for name in names)
        width = max(_WIDTH, 1.4 + _COLUMN * min(len(audit.cells) // rows, 24))
        panels["images in joint groups"] = Panel(_cells(audit), width, _height(rows) + 1.0)
    return panels


def _height(rows: int) -> float:
    return max(_LEAST_HEIGHT, 1.0 + _ROW * min(rows, 40))


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
