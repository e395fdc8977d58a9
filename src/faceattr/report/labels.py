"""Figures of labels: how often each value occurs, and how many images each group has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from faceattr.report.style import (
    ACCENT,
    COLOURS,
    INK,
    need_columns,
    nothing_to_draw,
    styled,
    tidy,
)

__all__ = ["plot_group_counts", "plot_label_counts"]

_MOST_BARS = 400
_MOST_WITH_TEXT = 16
_MOST_MARKED = 8
_COUNTS = ["n", "few"]
_LEAST_ROWS = 4
_LIGHTER = 6
_FEW = "#FBDCC8"


@styled
def plot_label_counts(
    ax: Axes,
    labels: npt.ArrayLike,
    *,
    name: str = "label",
    unit: str = "",
    piles: Sequence[float] = (),
) -> Axes:
    """Draw how often each number occurs as a label, with pile-ups marked.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    labels : array-like of float, shape (n,)
        Missing ones are counted in the title. Whole numbers have a bar each, up to 400 of them;
        others are put into bins.
    name, unit : str
        Of the number.
    piles : sequence of float
        Values to mark, the most important first; the first eight have their value written on them.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    every = np.asarray(labels, dtype=np.float64)
    known = every[np.isfinite(every)]
    if len(known):
        _draw_counts(ax, known, list(piles))
    else:
        nothing_to_draw(ax, "no labels")
    ax.set_xlabel(f"{name} ({unit})" if unit else name)
    ax.set_ylabel("images")
    missing = f", {len(every) - len(known):,} missing" if len(known) < len(every) else ""
    ax.set_title(f"{name} (n = {len(known):,}{missing})")
    return tidy(ax)


def _draw_counts(ax: Axes, known: npt.NDArray[np.float64], piles: list[float]) -> None:
    low, high = float(known.min()), float(known.max())
    if not np.array_equal(known, np.round(known)) or high - low >= _MOST_BARS:
        ax.hist(known, bins=40, color=COLOURS[0])
        return
    values = np.arange(low, high + 1)
    counts = np.bincount((known - low).astype(np.int64), minlength=len(values))
    marked = np.isin(values, piles)
    ax.bar(values[~marked], counts[~marked], width=0.85, color=COLOURS[0])
    if marked.any():
        ax.bar(values[marked], counts[marked], width=0.85, color=ACCENT, label="pile-up")
        ax.legend(loc="upper right")
    for value in piles[:_MOST_MARKED]:
        count = int(counts[values == value].sum())
        if count:
            ax.annotate(
                f"{value:g}", (value, count), (0, 2), textcoords="offset points", ha="center",
                fontsize=8, color=ACCENT,
            )  # fmt: skip
    ax.set_ylim(top=max(counts.max(), 1) * 1.12)


@styled
def plot_group_counts(ax: Axes, groups: pd.DataFrame, *, least: int = 1) -> Axes:
    """Draw how many images there are of each group: bars for one column, else a heat map.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    groups : pandas.DataFrame
        A row a group: one column or more of names, ``n`` (the count) and ``few`` (whether it is
        marked, in orange). The column with most names runs downward, the others together to the
        right.
    least : int
        From how many images a group is not few; said in the title.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(groups, _COUNTS, "groups")
    columns = [str(name) for name in groups.columns if name not in {"n", "few", "share"}]
    few = int(groups["few"].sum())
    title = f"images by {', '.join(columns) or 'group'} (n = {int(groups['n'].sum()):,})"
    ax.set_title(f"{title}\n{few:,} of {len(groups):,} groups have fewer than {least:,}")
    if len(columns) == 1:
        return _bars(ax, groups, columns[0])
    return _heat_map(ax, groups, columns)


def _bars(ax: Axes, groups: pd.DataFrame, column: str) -> Axes:
    counts = groups["n"].to_numpy(dtype=np.float64)
    places = np.arange(len(counts))
    colours = [ACCENT if few else COLOURS[0] for few in groups["few"]]
    ax.barh(places, counts, height=0.75, color=colours)
    ax.set_yticks(places, [str(name) for name in groups[column]])
    ax.set_ylim(max(len(counts), _LEAST_ROWS) - 0.5, -0.5)  # so that two bars are no blocks
    for place, count in enumerate(counts):
        ax.text(count, place, f" {count:,.0f}", va="center", fontsize=8, color=INK)
    ax.set_xlim(right=max(float(counts.max(initial=1)), 1.0) * 1.15)
    ax.set(xlabel="images", ylabel=column)
    return tidy(ax, grid="x")


def _heat_map(ax: Axes, groups: pd.DataFrame, columns: Sequence[str]) -> Axes:
    down = max(columns, key=lambda name: groups[name].nunique())
    others = [name for name in columns if name != down]
    counts = groups.pivot_table(index=down, columns=others, values="n", sort=True, observed=False)
    few = groups.pivot_table(index=down, columns=others, values="few", sort=True, observed=False)
    numbers = counts.to_numpy(dtype=np.float64)
    most = max(float(numbers.max(initial=1)), 2.0)
    darkest = _LIGHTER * most  # so that counts can be read on it
    norm = LogNorm(vmin=1, vmax=darkest)
    ax.imshow(np.maximum(numbers, 1), cmap="Blues", norm=norm, aspect="auto")
    texts = [_joined(name) for name in counts.columns]
    turned = sum(len(text) + 2 for text in texts) > 60
    ax.set_xticks(range(len(texts)), texts, rotation=90 if turned else 0)
    ax.set_yticks(range(len(counts)), [str(name) for name in counts.index])
    ax.set(xlabel=", ".join(others), ylabel=down)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    marked = few.to_numpy(dtype=np.float64) > 0
    for row, column in np.argwhere(marked):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=_FEW, edgecolor="white"))
    if len(texts) <= _MOST_WITH_TEXT:
        _write_counts(ax, numbers, marked, float(darkest**0.65))
    return ax


def _write_counts(
    ax: Axes, numbers: npt.NDArray[np.float64], few: npt.NDArray[np.bool_], dark_from: float
) -> None:
    for row, column in np.ndindex(numbers.shape):
        count = numbers[row, column]
        colour = "white" if count > dark_from and not few[row, column] else INK
        ax.text(column, row, f"{count:,.0f}", ha="center", va="center", fontsize=7.5, color=colour)


def _joined(name: object) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
