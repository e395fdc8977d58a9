"""The figure of differences between two models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from faceattr.report.style import COLOURS, MUTED, need_columns, styled, tidy

__all__ = ["plot_differences"]

_COLUMNS = ["bin", "n", "difference", "ci_low", "ci_high", "p_holm"]


@styled
def plot_differences(
    ax: Axes,
    rows: pd.DataFrame,
    *,
    label: str = "metric",
    better: str | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw the difference of each bin with its interval, one line a bin.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    rows : pandas.DataFrame
        A row a bin, in order: ``bin``, ``n``, ``difference`` (b - a), ``ci_low``, ``ci_high``,
        ``p_holm``. The title's n is that of the first one, which stands for all rows.
    label : str
        The metric's name with its unit.
    better : {"higher", "lower"}, optional
        Which way is better: where the corrected p is below 1 - confidence, the colour tells for
        which model it speaks.
    confidence : float, default 0.95
        Of the intervals.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(rows, _COLUMNS, "rows")
    values = rows[["difference", "ci_low", "ci_high", "p_holm"]].to_numpy(dtype=np.float64)
    ax.axvline(0, color=MUTED, linewidth=1, linestyle="--")
    for place, (value, low, high, p) in enumerate(values):
        colour = _colour(value, better) if p < 1.0 - confidence else MUTED
        if np.isfinite(value):
            ax.plot([value], [place], "o", color=colour, markersize=5)
            ax.plot([low, high], [place, place], color=colour, linewidth=1.6)
        else:
            ax.text(0, place, " too few rows", va="center", fontsize=8, color=MUTED)
    names = [f"{name} ({int(n):,})" for name, n in zip(rows["bin"], rows["n"], strict=True)]
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    total = int(rows["n"].iloc[0]) if len(rows) else 0
    ax.set_title(f"{label}: b - a (n = {total:,})")
    way = {"higher": "right of 0: b better", "lower": "left of 0: b better"}.get(better or "", "")
    interval = f"{confidence:.0%} interval" if np.isfinite(values[:, 1:3]).any() else ""
    ax.set_xlabel(", ".join(part for part in ("difference", interval, way) if part))
    return tidy(ax, grid="x")


def _colour(difference: float, better: str | None) -> str:
    if better is None:
        return MUTED
    return COLOURS[2] if (difference > 0) == (better == "higher") else COLOURS[1]
