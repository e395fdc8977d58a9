"""Rows of images in one panel: samples of bins, or whatever else belongs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from faceattr.exceptions import InvalidArgumentError
from faceattr.report.scores import fit_square
from faceattr.report.style import nothing_to_draw, styled

__all__ = ["Strip", "plot_strips"]

_SIDE = 160
_GAP = 8
_STEP = _SIDE + _GAP
_LINE = 17
_LARGEST = 7.0
_WIDTH_OF_LETTER = 0.6

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
    lines = [text.split("\n") for strip in strips.values() for _, text in strip]
    height = _SIDE + _GAP + _LINE * max(map(len, lines), default=1)
    extent = (max(*map(len, strips.values()), 1) * _STEP, len(strips) * height)
    letters = max((len(line) for text in lines for line in text), default=0)
    size = _size_of_text(ax, extent, letters)
    for row, (name, strip) in enumerate(strips.items()):
        ax.text(-_GAP, row * height + _SIDE / 2, name, ha="right", va="center", fontsize=8)
        for column, (image, text) in enumerate(strip):
            left, bottom = column * _STEP, row * height + _SIDE
            ax.imshow(fit_square(image), extent=(left, left + _SIDE, bottom, bottom - _SIDE))
            middle = left + _SIDE / 2
            ax.text(middle, bottom + 4, text, ha="center", va="top", fontsize=size)
    ax.set(xlim=(0, extent[0]), ylim=(extent[1], 0))
    ax.set_aspect("equal", anchor="W")
    return ax if count else nothing_to_draw(ax, "no images")


def _size_of_text(ax: Axes, extent: tuple[int, int], letters: int) -> float:
    """Return how large a caption can be, in points, so that it stays under its image."""
    figure = ax.get_figure(root=True)
    if figure is None:
        return _LARGEST
    place = ax.get_position()
    width, height = (
        inches * share
        for inches, share in zip(figure.get_size_inches(), (place.width, place.height), strict=True)
    )
    scale = min(width / extent[0], height / extent[1])
    return float(min(_LARGEST, 72 * scale * _STEP / (_WIDTH_OF_LETTER * max(letters, 1))))
