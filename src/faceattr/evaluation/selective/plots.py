"""The figure of risk-coverage curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from faceattr.evaluation.selective.inputs import IDEAL
from faceattr.evaluation.selective.text import error_label
from faceattr.report import new_figure, plot_risk_coverage
from faceattr.report.selective import share_legend

if TYPE_CHECKING:
    from faceattr.evaluation.selective.result import RiskCoverage

__all__ = ["plot_curves"]

_COLUMNS = 4


def plot_curves(result: RiskCoverage, task: str) -> Figure:
    """Draw a panel a quality metric, all with the same axes."""
    frame = result.frame[result.frame["task"] == task]
    metrics = list(result.scores.columns)
    columns = min(_COLUMNS, len(metrics))
    rows = -(-len(metrics) // columns)
    width = 3.4 if columns > 1 else 5.0
    figure, panels = new_figure(rows, columns, width=width, height=2.6 + 1.2 / rows)
    flat = [ax for row in panels for ax in row]
    unfiltered, n = float(result.unfiltered(task)["value"]), int(result.unfiltered(task)["n"])
    ideal = frame[frame["by"] == IDEAL]
    limits = _limits(frame[frame["worst"] != ""], unfiltered)
    for ax, name in zip(flat, metrics, strict=False):
        lines = frame[frame["by"] == name]
        plot_risk_coverage(ax, lines, unfiltered=unfiltered, ideal=ideal, name=name)
        ax.set_ylim(*limits)
    for ax in flat[len(metrics) :]:
        ax.remove()
    for row in panels:
        row[0].set_ylabel(error_label(result, task))
    share_legend(
        figure,
        flat[: len(metrics)],
        f"{error_label(result, task)} of the images that are left "
        f"(n\u00a0=\u00a0{n:,} before dropping)",  # never broken within
        result.confidence if frame["ci_low"].notna().any() else None,
    )
    return figure


def _limits(rows: pd.DataFrame, unfiltered: float) -> tuple[float, float]:
    """Return an axis on which the metrics can be told apart; the ideal curve may leave it."""
    band = unfiltered + rows[["difference_low", "difference_high"]].to_numpy(dtype=np.float64)
    values = np.append(rows["value"].to_numpy(dtype=np.float64), band)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin
