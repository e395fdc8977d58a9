"""Figures of errors: how large they are, and how sure a model was of the true class."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from faceattr.report.style import ACCENT, COLOURS, INK, MUTED, nothing_to_draw, styled, tidy

__all__ = ["plot_errors", "plot_true_probability"]

_MOST_BARS = 60
_SHOWN_SHARE = 99.0
_STEPS = 20


@styled
def plot_errors(ax: Axes, errors: npt.ArrayLike, *, name: str = "", unit: str = "") -> Axes:
    """Draw a histogram of errors with their median and their mean, the bias.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    errors : array-like of float, shape (n,)
        Predictions less the truth. Missing and infinite ones are left out. Where a hundredth of
        them lie far out, they are put into the outermost bars, and the axis says so.
    name, unit : str
        Of the number: ``"age"``, ``"years"``.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    every = np.asarray(errors, dtype=np.float64)
    known = every[np.isfinite(every)]
    label = "prediction - truth" + (f" ({unit})" if unit else "")
    ax.set_xlabel(label)
    ax.set_ylabel("rows")
    ax.set_title(f"{name or 'Prediction'}: errors (n = {len(known):,})")
    if not len(known):
        return nothing_to_draw(ax, "no errors")
    reach = _reach(known)
    count = int(np.clip(np.sqrt(len(known)), 9, _MOST_BARS)) // 2 * 2 + 1  # a bar around 0
    ax.hist(
        np.clip(known, -reach, reach),
        bins=np.linspace(-reach, reach, count + 1).tolist(),
        color=COLOURS[0],
    )
    beyond = int((np.abs(known) > reach).sum())
    if beyond:
        ax.set_xlabel(f"{label}\n(outermost bars: also {beyond:,} beyond {reach:.3g})")
    median, bias = float(np.median(known)), float(known.mean())
    ax.axvline(0, color=INK, linewidth=1, linestyle="--")
    ax.axvline(median, color=ACCENT, label=f"median {median:+.3g}")
    ax.axvline(bias, color=INK, linestyle=":", label=f"mean (bias) {bias:+.3g}")
    ax.set_ylim(top=ax.get_ylim()[1] * 1.25)
    ax.legend(loc="upper right")
    return tidy(ax)


@styled
def plot_true_probability(
    ax: Axes, probability: npt.ArrayLike, wrong: npt.ArrayLike, *, name: str = ""
) -> Axes:
    """Draw a histogram of the probability given to the true class, wrong predictions apart.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    probability : array-like of float, shape (n,)
        0 to 1. Missing ones are left out.
    wrong : array-like of bool, shape (n,)
        Whether another class was predicted.
    name : str
        Of the attribute.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    every = np.asarray(probability, dtype=np.float64)
    known = np.isfinite(every)
    values, mistaken = every[known], np.asarray(wrong, dtype=np.bool_)[known]
    ax.set_xlabel("probability of the true class")
    ax.set_ylabel("rows (logarithmic)")
    ax.set_title(f"{name or 'Classes'}: how sure (n = {len(values):,})")
    if not len(values):
        return nothing_to_draw(ax, "no probabilities")
    edges = np.linspace(0, 1, _STEPS + 1)
    style: dict[str, Any] = {"width": 1 / _STEPS, "align": "edge", "edgecolor": "white"}
    right, others = (np.histogram(values[mask], edges)[0] for mask in (~mistaken, mistaken))
    ax.bar(edges[:-1], right, color=COLOURS[0], label=f"right ({right.sum():,})", **style)
    ax.bar(
        edges[:-1], others, bottom=right, color=ACCENT, label=f"wrong ({others.sum():,})", **style
    )
    ax.set_yscale("log")
    highest = max(float((right + others).max()), 1.0)
    ax.set(xlim=(0, 1), ylim=(0.7, highest**1.3 * 2))
    ax.axvline(0.5, color=MUTED, linewidth=1, linestyle="--")
    ax.legend(loc="upper left")
    return tidy(ax)


def _reach(known: npt.NDArray[np.float64]) -> float:
    """Return how far the axis goes to both sides: over all errors, unless a few lie far out."""
    sizes = np.abs(known)
    most = float(sizes.max()) or 1.0
    usual = float(np.percentile(sizes, _SHOWN_SHARE))
    return most if most < 2 * usual or not usual else 1.25 * usual
