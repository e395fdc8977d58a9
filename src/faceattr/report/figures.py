"""Figures of a training run and of images."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from faceattr.exceptions import InvalidArgumentError
from faceattr.report.style import COLOURS, need_columns, new_figure, styled, tidy

__all__ = ["gallery", "plot_history", "plot_image", "plot_learning_rate", "plot_losses"]

_ABBREVIATIONS = frozenset({"mae", "mse", "rmse", "mape", "r2", "roc", "auc", "f1"})


@styled
def plot_losses(ax: Axes, history: pd.DataFrame, *, task: str = "") -> Axes:
    """Draw training and validation loss over epochs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    history : pandas.DataFrame
        With the columns ``epoch`` and ``train_loss``, ``valid_loss`` or both; for one task
        ``train_<task>_loss``, ``valid_<task>_loss``.
    task : str, optional
        Draw this task's part of the loss.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    name = f"{task}_loss" if task else "loss"
    both = [f"train_{name}", f"valid_{name}"]
    need_columns(history, ["epoch", *([] if both[1] in history else both[:1])], "history")
    _plot_lines(ax, history, both)
    ax.set_title(f"{task} loss ({_epochs(history)})" if task else f"Loss ({_epochs(history)})")
    return tidy(ax)


@styled
def plot_learning_rate(ax: Axes, history: pd.DataFrame) -> Axes:
    """Draw the learning rate over epochs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    history : pandas.DataFrame
        With the columns ``epoch`` and ``lr``.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(history, ["epoch", "lr"], "history")
    _plot_lines(ax, history, ["lr"])
    ax.set_ylim(bottom=0)
    ax.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
    ax.set_title(f"Learning rate ({_epochs(history)})")
    return tidy(ax)


@styled
def plot_history(history: pd.DataFrame) -> Figure:
    """Draw a training run: losses, learning rate, and every validated metric.

    Parameters
    ----------
    history : pandas.DataFrame
        A row an epoch: ``epoch``, ``train_loss``, ``lr``, the losses of single tasks
        ``train_<task>_loss`` and ``valid_<task>_loss``, and any ``valid_<task>_<metric>``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TableError
        If a column is missing.
    """
    need_columns(history, ["epoch", "train_loss"], "history")
    valid = [str(name) for name in history.columns if str(name).startswith("valid_")]
    drawn = ["train_loss", *(["lr"] if "lr" in history else [])]
    drawn += [name for name in valid if name != "valid_loss"]
    columns = min(3, len(drawn))
    figure, panels = new_figure(-(-len(drawn) // columns), columns, width=3.8, height=2.7)
    flat = [ax for row in panels for ax in row]
    for ax, name in zip(flat, drawn, strict=False):
        task = name.removeprefix("valid_").removesuffix("_loss")
        if name == "lr":
            plot_learning_rate(ax, history)
        elif name == "train_loss":
            plot_losses(ax, history)
        elif f"train_{task}_loss" in history and name == f"valid_{task}_loss":
            plot_losses(ax, history, task=task)
        else:
            _plot_lines(ax, history, [name])
            tidy(ax).set_title(f"{_readable(name)} ({_epochs(history)})")
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
        text = textwrap.fill(f"{title} (n = {len(images)})", width=18 * columns)
        figure.suptitle(text, fontsize=10, fontweight="bold")
    return figure


def _plot_lines(ax: Axes, history: pd.DataFrame, columns: Sequence[str]) -> None:
    shown = [name for name in columns if name in history]
    marker = "o" if len(history) < 30 else None
    for name in shown:
        valid = name.startswith("valid_")
        ax.plot(
            history["epoch"],
            history[name],
            color=COLOURS[1] if valid else COLOURS[0],
            label="validation" if valid else "training",
            marker=marker,
            markersize=3,
        )
    if shown != ["lr"]:
        ax.legend(loc="best")
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(history) == 1:
        epoch = float(history["epoch"].iloc[0])
        ax.set_xlim(epoch - 1, epoch + 1)


def _epochs(history: pd.DataFrame) -> str:
    return f"{len(history)} epoch" + ("" if len(history) == 1 else "s")


def _readable(column: str) -> str:
    words = column.removeprefix("valid_").split("_")
    return " ".join(word.upper() if word in _ABBREVIATIONS else word for word in words)
