"""Figures from tables and arrays, all in one style."""

from faceattr.report.calibration import plot_coverage, plot_reliability
from faceattr.report.costs import cost_summary, plot_cost
from faceattr.report.differences import plot_differences
from faceattr.report.errors import plot_errors, plot_true_probability
from faceattr.report.figures import (
    gallery,
    plot_history,
    plot_image,
    plot_learning_rate,
    plot_losses,
)
from faceattr.report.labels import plot_group_counts, plot_label_counts
from faceattr.report.overlays import Overlay, blend_overlay, plot_overlay, plot_overlay_rows
from faceattr.report.panels import (
    plot_confusion,
    plot_metric_by_bin,
    plot_residuals,
    plot_true_and_predicted,
)
from faceattr.report.scores import plot_scores, plot_strip
from faceattr.report.selective import plot_risk_coverage
from faceattr.report.strips import plot_strips
from faceattr.report.style import new_figure

__all__ = [
    "Overlay",
    "blend_overlay",
    "cost_summary",
    "gallery",
    "new_figure",
    "plot_confusion",
    "plot_cost",
    "plot_coverage",
    "plot_differences",
    "plot_errors",
    "plot_group_counts",
    "plot_history",
    "plot_image",
    "plot_label_counts",
    "plot_learning_rate",
    "plot_losses",
    "plot_metric_by_bin",
    "plot_overlay",
    "plot_overlay_rows",
    "plot_reliability",
    "plot_residuals",
    "plot_risk_coverage",
    "plot_scores",
    "plot_strip",
    "plot_strips",
    "plot_true_and_predicted",
    "plot_true_probability",
]
