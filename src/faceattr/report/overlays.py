"""Figures of explanations: an image with its parts in signed colours."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from faceattr.exceptions import InvalidArgumentError
from faceattr.report.style import COLOURS, INK, new_figure, styled

__all__ = ["Overlay", "blend_overlay", "plot_overlay", "plot_overlay_rows"]

SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[0], "white", COLOURS[1]])
"""Blue lowers, orange raises; people with colour vision deficiency can tell them apart."""

_STRONGEST = 0.8
_PER_LINE = 27


@dataclass(frozen=True, eq=False)
class Overlay:
    """An image, what is laid over it, and what is written to it.

    Attributes
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
    plane : numpy.ndarray of float, shape (H, W)
        Signed.
    caption : str, default ""
    """

    image: npt.NDArray[np.uint8]
    plane: npt.NDArray[np.float64]
    caption: str = ""


@styled
def plot_overlay(
    ax: Axes, overlay: Overlay, *, label: str = "", title: str = "", limit: float | None = None
) -> Axes:
    """Draw an image with its parts in signed colours, and a bar that tells their values.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    overlay : Overlay
        The image is drawn in gray, the stronger a value the more its colour covers it.
    label : str
        Of the bar, with the unit.
    title : str
    limit : float, optional
        The value of the strongest colour; the largest absolute one by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InvalidArgumentError
        If the plane has another size than the image.
    """
    scale = _scale([overlay], limit)
    _draw(ax, overlay, scale)
    bar = ax.figure.colorbar(ScalarMappable(scale, SIGNED), ax=ax, shrink=0.85, pad=0.03)
    bar.set_label(label)
    bar.outline.set_visible(False)
    ax.set_title(title, loc="left")
    return ax


@styled
def plot_overlay_rows(
    rows: Sequence[Sequence[Overlay]],
    *,
    label: str = "",
    title: str = "",
    headings: Sequence[str] = (),
) -> Figure:
    """Draw rows of images with one scale of colours and one bar for all.

    Parameters
    ----------
    rows : sequence of sequence of Overlay
        The last ones may be shorter.
    label : str
        Of the bar, with the unit.
    title : str
    headings : sequence of str
        Over the columns.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidArgumentError
        If there is no image, or a plane has another size than its image.
    """
    if not rows or not rows[0]:
        raise InvalidArgumentError("there is nothing to draw", argument="rows", expected="images")
    every = [overlay for row in rows for overlay in row]
    lines = max(_wrapped(overlay.caption).count("\n") + 1 for overlay in every)
    width = max(len(row) for row in rows)
    scale = _scale(every, None)
    figure, panels = new_figure(len(rows), width, width=1.75, height=1.65 + 0.17 * lines)
    # Room for the bar and the title, whatever the number of images.
    figure.set_size_inches(1.75 * width + 1.1, (1.65 + 0.17 * lines) * len(rows) + 0.6)
    for row, axes in zip(rows, panels, strict=True):
        for overlay, ax in zip(row, axes, strict=False):
            _draw(ax, overlay, scale)
        for ax in axes[len(row) :]:
            ax.set_visible(False)
    for heading, ax in zip(headings, panels[0], strict=False):
        ax.set_title(heading, loc="center", fontsize=9)
    flat = [ax for axes in panels for ax in axes]
    bar = figure.colorbar(
        ScalarMappable(scale, SIGNED), ax=flat, pad=0.02, fraction=0.05, shrink=0.9, aspect=30
    )
    bar.set_label(label)
    bar.outline.set_visible(False)
    if title:
        room = int(9.5 * figure.get_size_inches()[0])
        figure.suptitle(textwrap.fill(title, room), fontsize=10, fontweight="bold", color=INK)
    return figure


def blend_overlay(overlay: Overlay, limit: float | None = None) -> npt.NDArray[np.uint8]:
    """Return an image in gray with its parts in signed colours, as `plot_overlay` draws it.

    Parameters
    ----------
    overlay : Overlay
    limit : float, optional
        The value of the strongest colour; the largest absolute one by default.

    Returns
    -------
    numpy.ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    InvalidArgumentError
        If the plane has another size than the image.
    """
    return (255 * _blend(overlay, _scale([overlay], limit))).round().astype(np.uint8)


def _scale(overlays: Sequence[Overlay], limit: float | None) -> Normalize:
    if limit is None:
        limit = max(float(np.abs(overlay.plane).max(initial=0.0)) for overlay in overlays)
    reach = limit if limit > 0 else 1.0
    return Normalize(-reach, reach)


def _blend(overlay: Overlay, scale: Normalize) -> npt.NDArray[np.float64]:
    image, plane = overlay.image, overlay.plane
    if image.shape[:2] != plane.shape:
        raise InvalidArgumentError(
            "the values are those of an image of another size",
            argument="plane",
            expected=str(image.shape[:2]),
            found=str(plane.shape),
        )
    gray = image.astype(np.float64).mean(axis=2, keepdims=True) / 255
    colour = SIGNED(scale(plane))[..., :3]
    cover = _STRONGEST * np.clip(np.abs(plane) / float(scale.vmax or 1.0), 0, 1)[..., None] ** 0.7
    # The tint takes the image's light, so that the face stays visible under it.
    tint = colour * (0.35 + 0.65 * gray)
    blended: npt.NDArray[np.float64] = np.clip((1 - cover) * gray + cover * tint, 0, 1)
    return blended


def _draw(ax: Axes, overlay: Overlay, scale: Normalize) -> None:
    ax.imshow(_blend(overlay, scale), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_xlabel(_wrapped(overlay.caption), fontsize=8)


def _wrapped(caption: str) -> str:
    return "\n".join(textwrap.fill(line, _PER_LINE) for line in caption.split("\n"))
