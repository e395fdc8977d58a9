"""Figures of what dropping images does to an error."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from faceattr.report.style import COLOURS, INK, MUTED, need_columns, styled, tidy

__all__ = ["plot_risk_coverage", "share_legend"]

_NAMES = {"high": "highest first", "low": "lowest first", "both": "both ends alike"}
_BAND = ["difference_low", "difference_high"]
_CHARACTERS_AN_INCH = 11
_COLOURS = {"high": COLOURS[0], "low": COLOURS[1], "both": COLOURS[2]}


@styled
def plot_risk_coverage(
    ax: Axes,
    rows: pd.DataFrame,
    *,
    unfiltered: float,
    ideal: pd.DataFrame | None = None,
    name: str = "",
) -> Axes:
    """Draw the error of the kept images over the share of images that is dropped.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    rows : pandas.DataFrame
        Of one quality metric, with the columns ``worst``, ``coverage``, ``n``, ``n_not_scored``,
        ``value``, ``difference_low`` and ``difference_high``; a line each value of ``worst``. The
        band is that of the difference to the unfiltered error: where it does not touch the line of
        the latter, the interval excludes 0.
    unfiltered : float
        The error over all images, which dropping at random leaves as it is.
    ideal : pandas.DataFrame, optional
        With the columns ``coverage`` and ``value``: the largest errors dropped first.
    name : str
        Of the quality metric.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(rows, ["worst", "coverage", "n", "n_not_scored", "value", *_BAND], "rows")
    ax.axhline(
        unfiltered,
        color=INK,
        linewidth=1,
        linestyle="--",
        label=f"unfiltered, as when dropped at random: {unfiltered:.3g}",
    )
    if ideal is not None:
        need_columns(ideal, ["coverage", "value"], "ideal")
        last = ideal.sort_values("coverage").iloc[0]
        reach = f"{last['value']:.3g} at {100 * (1 - last['coverage']):.0f} %"
        label = f"largest errors dropped first, the ideal: down to {reach}"
        dropped = 100 * (1 - ideal["coverage"])
        ax.plot(dropped, ideal["value"], color=MUTED, linewidth=1.2, linestyle=":", label=label)
    for end, line in rows.groupby("worst", sort=False):
        _draw_line(ax, str(end), line, unfiltered)
    ax.set_xlabel(f"worst images dropped (% of {_counts(rows)})")
    ax.set_title(name or "Dropped by quality")
    return tidy(ax)


@styled
def share_legend(
    figure: Figure, panels: Sequence[Axes], title: str, confidence: float | None = None
) -> Figure:
    """Give a figure of such panels a title and one legend for all; return it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    panels : sequence of matplotlib.axes.Axes
        Drawn by `plot_risk_coverage`.
    title : str
    confidence : float, optional
        Of the bands, where there are any.
    """
    found: dict[str, Line2D] = {}
    for ax in panels:
        found |= {str(line.get_label()): line for line in ax.get_lines()}
    order = list(_NAMES.values())
    labels = sorted(found, key=lambda label: order.index(label) if label in order else -1)
    width = int(_CHARACTERS_AN_INCH * figure.get_figwidth())
    text = textwrap.fill(title, width)
    figure.suptitle(text, x=0.01, ha="left", fontsize=11, fontweight="bold")
    band = (
        f"bands: {confidence:.0%} intervals of the difference to unfiltered" if confidence else ""
    )
    figure.legend(
        [found[label] for label in labels],
        labels,
        loc="outside lower left",
        ncols=2 if len(panels) > 1 else 1,
        title=band or None,
        alignment="left",
    )
    return figure


def _draw_line(ax: Axes, end: str, line: pd.DataFrame, unfiltered: float) -> None:
    colour = _COLOURS.get(end, COLOURS[3])
    dropped = (100 * (1 - line["coverage"])).to_numpy(dtype=np.float64)
    low, high = unfiltered + line[_BAND].to_numpy(dtype=np.float64).T
    ax.fill_between(dropped, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.plot(dropped, line["value"], color=colour, label=_NAMES.get(end, end))


def _counts(rows: pd.DataFrame) -> str:
    n, missing = int(rows["n"].max()), int(rows["n_not_scored"].max())
    return f"{n:,}" + (f"; {missing:,} not scored" if missing else "")
