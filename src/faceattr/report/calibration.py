"""Figures of calibration: reliability of probabilities, coverage of intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.report.panels import bin_ticks
from faceattr.report.style import COLOURS, INK, need_columns, styled, tidy

__all__ = ["plot_coverage", "plot_reliability"]

_MARKS = ("o", "s", "D", "^", "v", "P")
_SPAN = 0.6
"""How far the marks of one group reach to both sides together."""


@styled
def plot_reliability(ax: Axes, curves: Mapping[str, pd.DataFrame], *, name: str = "") -> Axes:
    """Draw how often predictions are right over how sure they are.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    curves : mapping of str to pandas.DataFrame
        Tables of `faceattr.evaluation.reliability` of the same rows by their names, such as
        "before" and "after". Bars are the intervals of the shares; empty bins are left out.
    name : str
        Of the attribute.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    InvalidArgumentError
        If there is no curve.
    """
    _check_curves(curves)
    sides: list[npt.NDArray[np.float64]] = []
    for place, (label, rows) in enumerate(curves.items()):
        need_columns(rows, ["n", "mean_confidence", "share", "ci_low", "ci_high"], label)
        some = rows[rows["n"] > 0]
        x, y, low, high = (
            some[column].to_numpy(dtype=np.float64)
            for column in ("mean_confidence", "share", "ci_low", "ci_high")
        )
        reach = np.maximum([y - low, high - y], 0.0)
        ax.errorbar(x, y, yerr=reach, label=label, **_line(place), capsize=2, elinewidth=0.9)
        sides += [x, low, high]
    edge = float(min((side.min() for side in sides if len(side)), default=0.0))
    edge = max(np.floor(20 * edge) / 20, 0.0)
    ax.plot([edge, 1], [edge, 1], color=INK, linewidth=1, linestyle="--", label="as it should be")
    ax.set(xlim=(edge, 1.01), ylim=(edge, 1.01), aspect="equal")
    ax.set(xlabel="predicted probability, mean of the bin", ylabel="share that is right")
    n = max(int(rows["n"].sum()) for rows in curves.values())
    ax.legend(loc="lower right")
    ax.set_title(f"{name or 'Classes'}: reliability (n = {n:,})")
    return tidy(ax, grid="both")


@styled
def plot_coverage(
    ax: Axes,
    methods: Mapping[str, pd.DataFrame],
    *,
    level: float,
    by: str = "",
    name: str = "",
    what: str = "middle 95 % of the splits",
) -> Axes:
    """Draw the share of truths that intervals hold, group by group, beside what was asked for.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    methods : mapping of str to pandas.DataFrame
        By the name of each method, a row a group in the same order, with the columns ``bin``,
        ``n``, ``coverage``, ``coverage_low`` and ``coverage_high``, as `coverage_over_splits` of
        ``faceattr.evaluation`` gives them.
    level : float
        The share asked for.
    by, name : str
        Of the column grouped by, and of the attribute.
    what : str
        What the bars are, for the axis.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing, or the methods have different groups.
    InvalidArgumentError
        If there is no method.
    """
    _check_curves(methods)
    first = next(iter(methods.values()))
    step = _SPAN / len(methods)
    for place, (label, rows) in enumerate(methods.items()):
        need_columns(rows, ["bin", "n", "coverage", "coverage_low", "coverage_high"], label)
        if list(rows["bin"]) != list(first["bin"]):
            raise TableError(
                "other groups than the first method's",
                argument=f"methods[{label!r}]",
                expected=f"{list(first['bin'])}",
                found=f"{list(rows['bin'])}",
            )
        y, low, high = (
            rows[column].to_numpy(dtype=np.float64)
            for column in ("coverage", "coverage_low", "coverage_high")
        )
        x = np.arange(len(rows)) + (place - (len(methods) - 1) / 2) * step
        reach = np.nan_to_num([y - low, high - y]).clip(min=0)
        style = _line(place) | {"linestyle": "none"}
        ax.errorbar(x, y, yerr=reach, label=label, **style, capsize=3, elinewidth=1.2)
    ax.axhline(level, color=INK, linewidth=1, linestyle="--", label=f"asked for: {level:g}")
    bin_ticks(ax, by, [str(label) for label in first["bin"]], [int(n) for n in first["n"]])
    ax.set_ylabel(f"coverage ({what})")
    ax.legend(loc="best")
    title = f"{name or 'Intervals'}: coverage by {by or 'group'} (n = {int(first['n'].sum()):,})"
    ax.set_title(title)
    return tidy(ax)


def _line(place: int) -> dict[str, Any]:
    colour, mark = COLOURS[place % len(COLOURS)], _MARKS[place % len(_MARKS)]
    return {"color": colour, "marker": mark, "markersize": 4.5, "linewidth": 1.2}


def _check_curves(curves: Mapping[str, pd.DataFrame]) -> None:
    if not isinstance(curves, Mapping) or not curves:
        raise InvalidArgumentError(
            "nothing to draw",
            argument="curves",
            expected='tables by name, such as {"before": table}',
            found=type(curves).__name__,
        )
