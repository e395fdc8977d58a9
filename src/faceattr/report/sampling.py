"""Figures of what a sampler does: shares of groups before and after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from faceattr.report.style import ACCENT, MUTED, need_columns, new_figure, styled, tidy

__all__ = ["draw_shares", "plot_shares"]

_COLUMNS = ["cell", "n", "share_before", "share_after", "mean_repeats"]
_MOST_BARS = 40
_BAR_HEIGHT = 0.26
_FIXED_HEIGHT = 1.3
_LEAST_HEIGHT = 2.8
_LEAST_ROWS = 6


@styled
def draw_shares(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the shares of several groupings, a panel each.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By title; as `plot_shares` takes them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    bars = max((len(table) for table in tables.values() if len(table) <= _MOST_BARS), default=0)
    height = max(_FIXED_HEIGHT + _BAR_HEIGHT * bars, _LEAST_HEIGHT)
    figure, panels = new_figure(1, len(tables), width=5.2, height=height)
    for ax, (title, table) in zip(panels[0], tables.items(), strict=True):
        plot_shares(ax, table, title=title, legend=False)
    marks, names = panels[0][0].get_legend_handles_labels()
    figure.legend(marks, names, loc="outside lower center", ncols=len(names))
    return figure


@styled
def plot_shares(ax: Axes, table: pd.DataFrame, *, title: str = "", legend: bool = True) -> Axes:
    """Draw the share of each group before and after sampling.

    Up to 40 groups are bars, with the images they have and how often each is shown; more of them,
    as of single years, are two lines.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    table : pandas.DataFrame
        A row a group, in order: ``cell`` (its name), ``n``, ``share_before``, ``share_after``,
        ``mean_repeats``.
    title : str
    legend : bool, default True

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(table, _COLUMNS, "table")
    draw = _bars if len(table) <= _MOST_BARS else _lines
    draw(ax, table)
    ax.set_title(f"{title} (n = {int(table['n'].sum()):,} images)")
    if legend:
        ax.legend(loc="best")
    return ax


def _bars(ax: Axes, table: pd.DataFrame) -> None:
    place = np.arange(len(table))
    before = table["share_before"].to_numpy(np.float64)
    after = table["share_after"].to_numpy(np.float64)
    ax.barh(place - 0.19, before, height=0.36, color=MUTED, label="images")
    ax.barh(place + 0.19, after, height=0.36, color=ACCENT, label="in an epoch")
    longest = float(np.maximum(before, after).max(initial=0.0)) or 1.0
    for row, (n, repeats) in enumerate(zip(table["n"], table["mean_repeats"], strict=True)):
        text = f"n = {int(n):,}, x {repeats:.2g}" if n else "no image"
        end = max(before[row], after[row]) + 0.015 * longest
        ax.text(end, row, text, va="center", fontsize=7.5)
    ax.set_yticks(place, [str(name) for name in table["cell"]])
    room = max(len(table), _LEAST_ROWS) - len(table)
    ax.set_ylim(len(table) - 0.5 + room / 2, -0.5 - room / 2)
    ax.set_xlim(0, 1.4 * longest)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("share")
    tidy(ax, grid="x")


def _lines(ax: Axes, table: pd.DataFrame) -> None:
    place = np.arange(len(table))
    ax.plot(place, table["share_before"], color=MUTED, label="images")
    ax.plot(place, table["share_after"], color=ACCENT, label="in an epoch")
    ticks = np.unique(np.linspace(0, len(table) - 1, 9).round().astype(int))
    ax.set_xticks(ticks, [str(table["cell"].iloc[tick]) for tick in ticks])
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylabel("share")
    tidy(ax)
