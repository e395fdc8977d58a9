"""Rows of images in one panel: samples of bins, or whatever else belongs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from faceattr.exceptions import InvalidArgumentError
from faceattr.report.scores import fit_square
from faceattr.report.style import INK, nothing_to_draw, styled

__all__ = ["Strip", "plot_strips"]

_SIDE = 160
_GAP = 8
_LINE = 24

Strip = Sequence[tuple[npt.NDArray[np.uint8], str]]
"""Images, each with its caption."""


@styled
def plot_strips(ax: Axes, strips: Mapping[str, Strip], *, title: str = "") -> Axes:
    """Draw a row of images for each group, its name at the left and a caption under each image.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Panels of about 1.1 inches for each image and 1.4 for each row suit; see `strips_size`.
    strips : mapping of str to sequence of (image, caption)
        Groups in order. Images are uint8, shape (H, W, 3), and fitted into a square. A group
        without images keeps its row.
    title : str, optional
        The number of images is added.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InvalidArgumentError
        If there is no group.
    """
    if not strips:
        raise InvalidArgumentError(
            "no strip can be drawn", argument="strips", expected="one group or more", found="none"
        )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    count = sum(map(len, strips.values()))
    ax.set_title(f"{title or 'Samples'} (n = {count:,})")
    lines = max(
        (caption.count("\n") + 1 for strip in strips.values() for _, caption in strip), default=1
    )
    step, height = _SIDE + _GAP, _SIDE + _GAP + _LINE * lines
    width = max(*map(len, strips.values()), 1) * step
    for row, (name, strip) in enumerate(strips.items()):
        top = row * height
        ax.text(-_GAP, top + _SIDE / 2, name, ha="right", va="center", fontsize=8, color=INK)
        for column, (image, caption) in enumerate(strip):
            left = column * step
            ax.imshow(fit_square(image), extent=(left, left + _SIDE, top + _SIDE, top))
            middle = left + _SIDE / 2
            ax.text(middle, top + _SIDE + 4, caption, ha="center", va="top", fontsize=7)
    ax.set(xlim=(0, width), ylim=(len(strips) * height, 0))
    ax.set_aspect("equal", anchor="W")
    return ax if count else nothing_to_draw(ax, "no images")
