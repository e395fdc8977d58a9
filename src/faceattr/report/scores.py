"""Figures of scores: how they are spread, and images along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from faceattr.exceptions import InvalidArgumentError
from faceattr.report.style import ACCENT, COLOURS, INK, nothing_to_draw, styled, tidy

__all__ = ["fit_square", "plot_scores", "plot_strip"]

_MOST_BINS = 40
_SIDE = 160
_GAP = 8


@styled
def plot_scores(
    ax: Axes,
    values: npt.ArrayLike,
    *,
    label: str,
    unit: str = "",
    name: str = "",
    limits: tuple[float | None, float | None] = (None, None),
) -> Axes:
    """Draw a histogram of scores, with limits and in words how many lie beyond each.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    values : array-like of float, shape (n,)
        Missing and infinite ones are counted in the title, and not drawn. Where the largest are
        far above most others the scale is logarithmic.
    label, unit : str
        Of the score.
    name : str, optional
        A short name for the title; by default the label.
    limits : pair of float or None
        The lowest and highest value accepted; values equal to one are within.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    every = np.asarray(values, dtype=np.float64)
    known = every[np.isfinite(every)]
    low, high = limits
    beyond = np.zeros(len(known), dtype=np.bool_)
    beyond |= (known < low) if low is not None else False
    beyond |= (known > high) if high is not None else False
    if len(known):
        _draw_bars(ax, known, beyond)
    else:
        nothing_to_draw(ax, "no scores")
    for limit in limits:
        if limit is not None:
            ax.axvline(limit, color=INK, linewidth=1, linestyle="--")
    ax.set_xlabel(f"{label} ({unit})" if unit else label)
    ax.set_ylabel("images")
    missing = f", {len(every) - len(known):,} missing" if len(known) < len(every) else ""
    ax.set_title(f"{name or label} (n = {len(known):,}{missing})")
    words = _beyond_in_words(known, low, high)
    ax.set_ylim(top=ax.get_ylim()[1] * (1.3 if words else 1.1))
    if words:
        ax.text(
            1.0, 1.0, words, transform=ax.transAxes, ha="right", va="top", fontsize=8, color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 1.0, "pad": 1.5},
        )  # fmt: skip
    return tidy(ax)


@styled
def plot_strip(
    ax: Axes, images: Sequence[npt.NDArray[np.uint8]], captions: Sequence[str], *, title: str = ""
) -> Axes:
    """Draw images side by side in one panel, each with a caption under it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    images : sequence of numpy.ndarray of uint8, shape (H, W, 3)
        Each is fitted into a square, its proportions kept.
    captions : sequence of str
        One an image.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InvalidArgumentError
        If there is not a caption for each image.
    """
    if len(images) != len(captions):
        raise InvalidArgumentError(
            "not a caption for each image",
            argument="captions",
            expected=f"{len(images)} captions",
            found=f"{len(captions)}",
        )
    step = _SIDE + _GAP
    for position, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = position * step
        ax.imshow(fit_square(image), extent=(left, left + _SIDE, _SIDE, 0))
        ax.text(left + _SIDE / 2, _SIDE + 6, caption, ha="center", va="top", fontsize=8)
    ax.set(xlim=(0, max(len(images), 1) * step), ylim=(_SIDE + 30, 0), xticks=[], yticks=[])
    ax.set_aspect("equal", anchor="W")
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontweight="normal", fontsize=9)
    return ax


def _draw_bars(ax: Axes, known: npt.NDArray[np.float64], beyond: npt.NDArray[np.bool_]) -> None:
    """Draw the counts, those beyond the limits on top of the others."""
    edges = _edges(known)
    within, _ = np.histogram(known[~beyond], edges)
    others, _ = np.histogram(known[beyond], edges)
    shape: dict[str, Any] = {"width": np.diff(edges), "align": "edge"}
    ax.bar(edges[:-1], within, color=COLOURS[0], **shape)
    ax.bar(edges[:-1], others, bottom=within, color=ACCENT, **shape)
    if _skewed(known):
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _edges(known: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return edges of bins; whole numbers of a narrow range get a bin each."""
    low, high = float(known.min()), float(known.max())
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    if high - low < _MOST_BINS and np.array_equal(known, np.round(known)):
        values = np.arange(low, high + 1.0)  # a narrow bar each, with room between them
        return np.sort(np.concatenate([values - 0.25, values + 0.25]))
    count = int(np.clip(np.sqrt(len(known)), 8, _MOST_BINS))
    if _skewed(known):
        edges = np.geomspace(low, high, count + 1)
        edges[[0, -1]] = low, high  # which rounding may have moved
        return edges
    return np.linspace(low, high, count + 1)


def _skewed(known: npt.NDArray[np.float64]) -> bool:
    """Tell whether a few scores are so large that the others need a logarithmic scale."""
    return bool(known.min() > 0 and known.max() > 20 * np.median(known))


def _beyond_in_words(known: npt.NDArray[np.float64], low: float | None, high: float | None) -> str:
    lines = []
    if low is not None:
        lines.append(f"{_share(known < low)} below {low:.4g}")
    if high is not None:
        lines.append(f"{_share(known > high)} above {high:.4g}")
    return "\n".join(lines)


def _share(beyond: npt.NDArray[np.bool_]) -> str:
    count = int(beyond.sum())
    if not count:
        return "0"
    share = count / len(beyond)
    return f"{count:,} ({'below 0.1%' if share < 0.0005 else f'{share:.1%}'})"


def fit_square(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Scale an image to fit into a square, on white."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(image, size, interpolation=method)
    square = np.full((_SIDE, _SIDE, 3), 255, dtype=np.uint8)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square
