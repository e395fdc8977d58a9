"""One quiet style for all figures, and figures that belong to no window.

Nothing here touches matplotlib's global state: a style holds while a figure is drawn, and figures
are made without pyplot, so that they cost no window and are freed like any other object. The
colours are those of Okabe and Ito, which people with colour vision deficiency can tell apart.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from faceattr.exceptions import TableError

__all__ = [
    "ACCENT",
    "COLOURS",
    "INK",
    "MUTED",
    "NotebookFigure",
    "Panel",
    "need_columns",
    "new_figure",
    "nothing_to_draw",
    "single_figure",
    "styled",
    "tidy",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""In the order in which series take them."""

ACCENT = COLOURS[1]
INK = "#262626"
MUTED = "#8C8C8C"

_WIDE = 5.0

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # names of classes and files may hold a $
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.6,
    "text.color": INK,
}

P = ParamSpec("P")
R = TypeVar("R")


class NotebookFigure(Figure):
    """A figure that notebooks show when it is the value of a cell."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in this style; what was set before holds again afterwards."""

    @wraps(function)
    def draw(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(_STYLE):
            return function(*args, **kwargs)

    return draw


@styled
def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = 4.6,
    height: float = 3.6,
    width_ratios: Sequence[float] | None = None,
) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of panels.

    Parameters
    ----------
    rows, columns : int
        Panels.
    width, height : float
        Of one panel, in inches.
    width_ratios : sequence of float, optional
        How the width of a row is divided among its panels; evenly by default.

    Returns
    -------
    figure : matplotlib.figure.Figure
    panels : list of rows of matplotlib.axes.Axes
    """
    figure = NotebookFigure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, width_ratios=width_ratios)
    return figure, [list(row) for row in grid]


class Panel(NamedTuple):
    """What can be drawn into a panel, and the inches that it takes."""

    draw: Callable[[Axes], Axes]
    width: float
    height: float

    @property
    def is_wide(self) -> bool:
        """Whether it would be too small to read on a narrow screen."""
        return self.width > _WIDE


def single_figure(panel: Panel) -> Figure:
    """Draw a panel as a figure of its own."""
    figure, [[ax]] = new_figure(width=panel.width, height=panel.height)
    panel.draw(ax)
    return figure


def nothing_to_draw(ax: Axes, text: str) -> Axes:
    """Say in the middle of a panel that there is nothing to draw; return it."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=MUTED)
    ax.set(xticks=[], yticks=[])
    return ax


def tidy(ax: Axes, *, grid: str = "y") -> Axes:
    """Take the box from a panel and lay a faint grid behind its marks; return it."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    if grid in {"x", "y", "both"}:
        ax.grid(True, axis=grid)  # type: ignore[arg-type]
    return ax


def need_columns(table: pd.DataFrame, names: Sequence[str], argument: str) -> None:
    """Raise TableError unless a table has these columns."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise TableError(
            "a column is missing",
            argument=argument,
            expected=f"the columns {list(names)}",
            found=f"the columns {list(table.columns)}",
        )
