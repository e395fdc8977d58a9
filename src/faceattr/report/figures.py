"""Figures: tables and arrays in, a drawn panel out.

Functions take a matplotlib panel (`Axes`) and return it; those that need several panels return a
figure. Every panel says how many rows it shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.report.style import ACCENT, COLOURS, INK, MUTED, new_figure, styled, tidy

__all__ = [
    "gallery",
    "plot_confusion",
    "plot_history",
    "plot_image",
    "plot_learning_rate",
    "plot_losses",
    "plot_metric_by_bin",
    "plot_residuals",
    "plot_true_and_predicted",
]

_WIDE_CAPTION = 18


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
        ax.plot(limits, limits, color=INK, linewidth=1, linestyle="--", label="equal")
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
    line = {"color": INK, "linewidth": 1}
    ax.boxplot(
        parts,
        positions=range(len(labels)),
        widths=0.6,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "#CFE3F1", "edgecolor": COLOURS[0]},
        medianprops={"color": ACCENT, "linewidth": 1.6},
        whiskerprops=line,
        capprops=line,
    )
    ax.axhline(0, color=INK, linewidth=1, linestyle="--")
    _bin_ticks(ax, labels, [len(part) for part in parts])
    ax.set_xlabel(by)
    ax.set_ylabel(_with_unit("prediction - truth", unit))
    total = sum(len(part) for part in parts)
    ax.set_title(f"{name or 'Prediction'}: errors by {by or 'bin'} (n = {total:,})")
    return tidy(ax)


@styled
def plot_metric_by_bin(
    ax: Axes, rows: pd.DataFrame, *, label: str, by: str = "", overall: float | None = None
) -> Axes:
    """Draw a metric for each bin with its interval.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    rows : pandas.DataFrame
        A row a bin, in order, with the columns ``bin``, ``value``, ``n``, ``ci_low``, ``ci_high``.
    label : str
        The metric's name with its unit.
    by : str
        What the bins are of.
    overall : float, optional
        The figure over all rows, drawn as a line.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    _need_columns(rows, ["bin", "value", "n", "ci_low", "ci_high"], "rows")
    values = rows["value"].to_numpy(dtype=np.float64)
    limits = rows[["ci_low", "ci_high"]].to_numpy(dtype=np.float64)
    reach = np.nan_to_num(np.abs(limits - values[:, None])).T
    if overall is not None and np.isfinite(overall):
        ax.axhline(
            overall, color=MUTED, linewidth=1, linestyle="--", label=f"overall {overall:.3g}"
        )
        ax.legend(loc="best")
    places = np.arange(len(rows))
    ax.errorbar(
        places,
        values,
        yerr=reach,
        fmt="o",
        markersize=5,
        color=COLOURS[0],
        capsize=3,
        linewidth=1.4,
    )
    _bin_ticks(ax, [str(name) for name in rows["bin"]], [int(n) for n in rows["n"]])
    ax.set_xlabel(by)
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
        Rows are true classes, columns predicted ones.
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
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(size, size):
        share = shares[row, column]
        percent = f"{share:.1%}" if totals[row, 0] else "-"
        ax.text(
            column,
            row,
            f"{matrix[row, column]:,.0f}\n{percent}",
            ha="center",
            va="center",
            fontsize=9 if size < 6 else 7,
            color="white" if share > 0.55 else INK,
        )
    ticks = range(size)
    ax.set_xticks(
        ticks, classes, rotation=0 if size < 4 else 40, ha="center" if size < 4 else "right"
    )
    ax.set_yticks(
        ticks, [f"{label}\n(n = {n:,.0f})" for label, n in zip(classes, totals[:, 0], strict=True)]
    )
    ax.set(xlabel=f"predicted {name}".strip(), ylabel=f"true {name}".strip())
    ax.set_title(f"{name or 'Classes'}: confusion (n = {matrix.sum():,.0f})")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


@styled
def plot_losses(ax: Axes, history: pd.DataFrame) -> Axes:
    """Draw training and validation loss over epochs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    history : pandas.DataFrame
        With the columns ``epoch``, ``train_loss`` and, where there was validation, ``valid_loss``.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    _need_columns(history, ["epoch", "train_loss"], "history")
    _plot_lines(ax, history, {"train_loss": "training", "valid_loss": "validation"})
    ax.set(ylabel="loss")
    ax.set_title(f"Loss ({len(history)} epochs)")
    return tidy(ax)


@styled
def plot_learning_rate(ax: Axes, history: pd.DataFrame) -> Axes:
    """Draw the learning rate over epochs, from the columns ``epoch`` and ``lr``.

    Raises
    ------
    TableError
        If a column is missing.
    """
    _need_columns(history, ["epoch", "lr"], "history")
    _plot_lines(ax, history, {"lr": ""})
    ax.set(ylabel="learning rate", ylim=(0, None))
    ax.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3), useMathText=True)
    ax.set_title(f"Learning rate ({len(history)} epochs)")
    return tidy(ax)


@styled
def plot_history(history: pd.DataFrame) -> Figure:
    """Draw a training run: losses, learning rate, and every validated metric.

    Parameters
    ----------
    history : pandas.DataFrame
        A row an epoch: ``epoch``, ``train_loss``, ``lr`` and any ``valid_<task>_<metric>``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If a column is missing.
    """
    _need_columns(history, ["epoch", "train_loss"], "history")
    names = [str(name) for name in history.columns]
    metrics = [name for name in names if name.startswith("valid_") and name != "valid_loss"]
    drawn = ["train_loss", *(["lr"] if "lr" in names else []), *metrics]
    columns = min(3, len(drawn))
    figure, panels = new_figure(-(-len(drawn) // columns), columns, width=3.8, height=2.7)
    flat = [ax for row in panels for ax in row]
    for ax, name in zip(flat, drawn, strict=False):
        if name == "train_loss":
            plot_losses(ax, history)
        elif name == "lr":
            plot_learning_rate(ax, history)
        else:
            _plot_lines(ax, history, {name: ""})
            tidy(ax).set_title(name.removeprefix("valid_").replace("_", " ") + ", validation")
    for ax in flat[len(drawn) :]:
        ax.set_visible(False)
    return figure


@styled
def plot_image(ax: Axes, image: npt.NDArray[np.uint8], caption: str = "") -> Axes:
    """Draw an image with a caption under it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    image : numpy.ndarray of uint8, shape (H, W, 3) or (H, W)
    caption : str

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_xlabel(caption, fontsize=8)
    return ax


@styled
def gallery(
    images: Sequence[npt.NDArray[np.uint8]],
    captions: Sequence[str],
    *,
    columns: int = 6,
    title: str = "",
) -> Figure:
    """Draw images in rows, each with its caption.

    Parameters
    ----------
    images : sequence of numpy.ndarray of uint8, shape (H, W, 3)
    captions : sequence of str
        One an image; several lines where needed.
    columns : int, default 6
        Images a row.
    title : str, optional
        Over all of them; the number of images is added.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidArgumentError
        If there is no image, or not a caption for each.
    """
    if not len(images) or len(images) != len(captions) or columns < 1:
        raise InvalidArgumentError(
            "no gallery can be drawn",
            argument="images",
            expected="one image or more, a caption for each, and one column or more",
            found=f"{len(images)} images, {len(captions)} captions, {columns} columns",
        )
    columns = min(columns, len(images))
    lines = max(caption.count("\n") + 1 for caption in captions)
    figure, panels = new_figure(
        -(-len(images) // columns), columns, width=1.6, height=1.55 + 0.16 * lines
    )
    flat = [ax for row in panels for ax in row]
    for ax, image, caption in zip(flat, images, captions, strict=False):
        plot_image(ax, image, caption)
    for ax in flat[len(images) :]:
        ax.set_visible(False)
    if title:
        figure.suptitle(f"{title} (n = {len(images)})", fontsize=10, fontweight="bold")
    return figure


def _plot_lines(ax: Axes, history: pd.DataFrame, columns: dict[str, str]) -> None:
    shown = {name: label for name, label in columns.items() if name in history}
    marker = "o" if len(history) < 30 else None
    for colour, (name, label) in zip(COLOURS, shown.items(), strict=False):
        ax.plot(
            history["epoch"], history[name], color=colour, label=label, marker=marker, markersize=3
        )
    if len(shown) > 1:
        ax.legend()
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _bin_ticks(ax: Axes, labels: Sequence[str], counts: Sequence[int]) -> None:
    texts = [f"{label}\n{count:,}" for label, count in zip(labels, counts, strict=True)]
    crowded = len(labels) > 6 or max(map(len, labels), default=0) > 10
    ax.set_xticks(
        range(len(labels)),
        texts,
        rotation=45 if crowded else 0,
        ha="right" if crowded else "center",
    )
    ax.set_xlim(-0.6, max(len(labels), 1) - 0.4)


def _need_columns(table: pd.DataFrame, names: Sequence[str], argument: str) -> None:
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise TableError(
            "a column is missing",
            argument=argument,
            expected=f"the columns {list(names)}",
            found=f"the columns {list(table.columns)}",
        )


def _with_unit(text: str, unit: str) -> str:
    return f"{text} ({unit})" if unit else text
