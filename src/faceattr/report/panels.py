"""Figures of predictions: tables and arrays in, a drawn panel out.

Functions take a matplotlib panel (`Axes`) and return it. Every panel says how many rows it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from faceattr.exceptions import InvalidArgumentError
from faceattr.report.style import ACCENT, COLOURS, INK, MUTED, need_columns, styled, tidy

__all__ = [
    "bin_ticks",
    "plot_confusion",
    "plot_metric_by_bin",
    "plot_residuals",
    "plot_true_and_predicted",
]

_LEAST_TEXT = 4.5
_WIDTH_OF_LETTER = 0.62
_LONGEST_NAME = 24
_TICK_CHARACTERS = 62
"""How many stand side by side under a panel before the labels are turned."""


@styled
def plot_true_and_predicted(
    ax: Axes, truth: npt.ArrayLike, prediction: npt.ArrayLike, *, name: str = "", unit: str = ""
) -> Axes:
    """Draw predicted numbers over true ones, with the line on which both are equal.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    truth, prediction : array-like of float, shape (n,)
        Pairs with a missing or infinite number are left out.
    name, unit : str
        Of the number: ``"age"``, ``"years"``.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    pairs = np.column_stack([np.asarray(truth, np.float64), np.asarray(prediction, np.float64)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    alpha = float(np.clip(60 / max(len(pairs), 1), 0.12, 0.8))
    ax.scatter(
        pairs[:, 0], pairs[:, 1], s=9, color=COLOURS[0], alpha=alpha, linewidths=0, rasterized=True
    )
    if len(pairs):
        low, high = float(pairs.min()), float(pairs.max())
        margin = 0.04 * (high - low) or 1.0
        limits = (low - margin, high + margin)
        ax.plot(limits, limits, color=INK, linewidth=1, linestyle="--", label="predicted = true")
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        ax.legend(loc="upper left")
    ax.set_xlabel(_with_unit(f"true {name}".strip(), unit))
    ax.set_ylabel(_with_unit(f"predicted {name}".strip(), unit))
    ax.set_title(f"{name or 'Prediction'}: predicted and true (n = {len(pairs):,})")
    return tidy(ax, grid="both")


@styled
def plot_residuals(
    ax: Axes,
    residuals: npt.ArrayLike,
    groups: pd.Categorical,
    *,
    name: str = "",
    unit: str = "",
    by: str = "",
) -> Axes:
    """Draw the spread of prediction minus truth for each bin: median, quartiles, 5 to 95 %.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    residuals : array-like of float, shape (n,)
    groups : pandas.Categorical, length n
        The bin of each; empty bins are shown empty.
    name, unit, by : str
        Of the number, and what the bins are of.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    values = np.asarray(residuals, dtype=np.float64)
    labels = [str(label) for label in groups.categories]
    parts = [values[(groups.codes == code) & np.isfinite(values)] for code in range(len(labels))]
    for place, part in enumerate(parts):
        if len(part):
            _draw_box(ax, place, part)
    ax.axhline(0, color=INK, linewidth=1, linestyle="--")
    bin_ticks(ax, by, labels, [len(part) for part in parts])
    ax.set_xlabel(f"{ax.get_xlabel()}\n(box: quartiles; whiskers: 5 to 95 %)")
    ax.set_ylabel(_with_unit("prediction - truth", unit))
    total = sum(len(part) for part in parts)
    ax.set_title(f"{name or 'Prediction'}: errors by {by or 'bin'} (n = {total:,})")
    return tidy(ax)


@styled
def plot_metric_by_bin(
    ax: Axes,
    rows: pd.DataFrame,
    *,
    label: str,
    by: str = "",
    overall: float | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw a metric for each bin with its interval.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    rows : pandas.DataFrame
        A row a bin, in order, with the columns ``bin``, ``value``, ``n``, ``ci_low``, ``ci_high``.
        A bin that has rows but no value is marked as too small.
    label : str
        The metric's name with its unit.
    by : str
        What the bins are of.
    overall : float, optional
        The figure over all rows, drawn as a line.
    confidence : float, default 0.95
        Of the intervals, for the legend.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(rows, ["bin", "value", "n", "ci_low", "ci_high"], "rows")
    values = rows["value"].to_numpy(dtype=np.float64)
    limits = rows[["ci_low", "ci_high"]].to_numpy(dtype=np.float64)
    reach = np.nan_to_num(np.abs(limits - values[:, None])).T
    if overall is not None and np.isfinite(overall):
        ax.axhline(
            overall, color=MUTED, linewidth=1, linestyle="--", label=f"all rows: {overall:.3g}"
        )
    drawn = bool(np.isfinite(limits).any())
    style: dict[str, Any] = {"color": COLOURS[0], "markersize": 5, "capsize": 3, "linewidth": 1.4}
    name = f"with {confidence:.0%} interval" if drawn else "each bin"
    ax.errorbar(np.arange(len(rows)), values, yerr=reach, fmt="o", label=name, **style)
    small = np.flatnonzero(~np.isfinite(values) & (rows["n"].to_numpy() > 0))
    if len(small):
        bottom = ax.get_xaxis_transform()
        places, name = np.full(len(small), 0.03), "no figure: too few rows, or undefined"
        ax.plot(small, places, "x", color=MUTED, transform=bottom, label=name)
    ax.legend(loc="best")
    bin_ticks(ax, by, [str(name) for name in rows["bin"]], [int(n) for n in rows["n"]])
    ax.set_ylabel(label)
    ax.set_title(f"{label} by {by or 'bin'} (n = {int(rows['n'].sum()):,})")
    return tidy(ax)


@styled
def plot_confusion(
    ax: Axes, counts: npt.ArrayLike, classes: Sequence[str], *, name: str = ""
) -> Axes:
    """Draw how often each class was taken for which, as counts and as percent of the true class.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    counts : array-like of int, shape (k, k)
        Rows are true classes, columns predicted ones. Where there are too many for text in the
        cells, colours alone show the percent.
    classes : sequence of str, length k
    name : str
        Of the attribute.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InvalidArgumentError
        If the shapes do not fit.
    """
    matrix = np.asarray(counts, dtype=np.float64)
    size = len(classes)
    if matrix.shape != (size, size):
        raise InvalidArgumentError(
            "not a count for each pair of classes",
            argument="counts",
            expected=f"shape {(size, size)}",
            found=f"shape {matrix.shape}",
        )
    _confusion_cells(ax, matrix)
    totals = matrix.sum(axis=1)
    ticks = range(size)
    names = [_short(label) for label in classes]
    ax.set_xticks(ticks, names, **_turned(sum(map(len, names)) > 40))
    ax.set_yticks(
        ticks, [f"{label}\n(n = {n:,.0f})" for label, n in zip(names, totals, strict=True)]
    )
    ax.set(xlabel=f"predicted {name}".strip(), ylabel=f"true {name}".strip())
    ax.set_title(f"{name or 'Classes'}: confusion (n = {matrix.sum():,.0f})")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _draw_box(ax: Axes, place: int, values: npt.NDArray[np.float64]) -> None:
    """Draw a box plot by hand, since matplotlib's own loads pyplot."""
    low, first, middle, third, high = np.percentile(values, [5, 25, 50, 75, 95])
    ax.vlines([place, place], [low, third], [first, high], color=INK, linewidth=1)
    ax.hlines([low, high], place - 0.15, place + 0.15, color=INK, linewidth=1)
    ax.bar(
        place, third - first, 0.6, bottom=first, color="#CFE3F1", edgecolor=COLOURS[0], linewidth=1
    )
    ax.hlines(middle, place - 0.3, place + 0.3, color=ACCENT, linewidth=1.6)


def _confusion_cells(ax: Axes, matrix: npt.NDArray[np.float64]) -> None:
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    picture = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = _size_of_text(ax, matrix)
    if size < _LEAST_TEXT:
        figure = ax.get_figure()
        if figure is not None:
            figure.colorbar(picture, ax=ax, label="share of the true class")
        return
    for row, column in np.ndindex(matrix.shape):
        share = shares[row, column]
        percent = f"{share:.1%}" if totals[row, 0] else "-"
        ax.text(
            column,
            row,
            f"{matrix[row, column]:,.0f}\n{percent}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if share > 0.66 else INK,
        )


def _size_of_text(ax: Axes, matrix: npt.NDArray[np.float64]) -> float:
    """Return how large the text of a cell can be, in points, before the panel is laid out."""
    figure = ax.get_figure(root=True)
    width = ax.get_position().width * figure.get_figwidth() if figure is not None else 0.0
    characters = max(len("100.0%"), len(f"{matrix.max(initial=0):,.0f}"))
    return min(9.0, 72 * width / max(len(matrix), 1) / (_WIDTH_OF_LETTER * (characters + 0.5)))


def bin_ticks(ax: Axes, by: str, labels: Sequence[str], counts: Sequence[int]) -> None:
    """Label the bins of a panel with their numbers of rows, turned where they are crowded."""
    pairs = list(zip(map(_short, labels), (f"{count:,}" for count in counts), strict=True))
    crowded = sum(max(map(len, pair)) + 1 for pair in pairs) > _TICK_CHARACTERS
    texts = [f"{label} ({count})" if crowded else f"{label}\n{count}" for label, count in pairs]
    ax.set_xticks(range(len(pairs)), texts, **_turned(crowded))
    ax.set_xlim(-0.6, max(len(pairs), 1) - 0.4)
    ax.set_xlabel(f"{by or 'bin'}, with number of rows")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _turned(crowded: bool) -> dict[str, Any]:
    return {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}


def _with_unit(text: str, unit: str) -> str:
    return f"{text} ({unit})" if unit else text
