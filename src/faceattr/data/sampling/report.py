"""What a sampler does to the shares of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr._validation import check_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "SamplingReport"]

FIGURES = ("n", "share_before", "share_after", "images_per_epoch", "mean_repeats", "most_repeats")
"""Columns of figures in the table of cells."""

_MOST_DRAWN = 40
_MOST_LISTED = 12


@dataclass(frozen=True, eq=False)
class SamplingReport:
    """Shares of every cell before and after, and what they cost.

    Attributes
    ----------
    cells : pandas.DataFrame
        A row a cell, empty ones included: a column a grouping, ``n`` (images), ``share_before``,
        ``share_after`` (of an epoch's images, on average over epochs), ``images_per_epoch``,
        ``mean_repeats`` (how often an image of the cell stands in an epoch on average),
        ``most_repeats`` (how often at most), ``capped`` (whether `max_repeats` held it back).
    by : tuple of str
        The groupings.
    epoch_size : int
        Images an epoch shows.
    n_images : int
        Images there are.
    effective_sample_size : float
        Kish's: the square of the sum of an image's mean repeats over the sum of their squares. So
        many images, shown equally often, vary as little.
    largest_repeat : int
        How often the image that is shown most stands in an epoch.
    """

    cells: pd.DataFrame
    by: tuple[str, ...]
    epoch_size: int
    n_images: int
    effective_sample_size: float
    largest_repeat: int

    @property
    def empty(self) -> pd.DataFrame:
        """The cells without an image: what no sampler can balance."""
        return self.cells.loc[self.cells["n"] == 0, list(self.by)].reset_index(drop=True)

    def share(self, column: str) -> pd.DataFrame:
        """Return the shares of one column's bins, all other columns taken together.

        Parameters
        ----------
        column : str
            One of `by`.

        Returns
        -------
        pandas.DataFrame
            A row a bin: the column, ``n``, ``share_before``, ``share_after``,
            ``images_per_epoch``, ``mean_repeats``, ``most_repeats``.
        """
        check_choice(column, "column", self.by)
        groups = self.cells.groupby(column, observed=False, sort=False)
        summed = groups[["n", "share_before", "share_after", "images_per_epoch"]].sum()
        summed["mean_repeats"] = summed["images_per_epoch"] / summed["n"].where(summed["n"] > 0)
        summed["most_repeats"] = groups["most_repeats"].max()
        return summed.fillna({"mean_repeats": 0.0}).reset_index()

    def summary(self) -> str:
        """Return the shares as text: of every cell where they are few, else by column."""
        lines = [
            f"{self.epoch_size:,} images an epoch from {self.n_images:,}; effective sample size "
            f"{self.effective_sample_size:,.0f}; an image stands in an epoch at most "
            f"{self.largest_repeat} times",
            *self._tables(),
        ]
        capped = int(self.cells["capped"].sum())
        if capped:
            lines.append(f"max_repeats holds {capped} cells below the share that strength asks for")
        if len(self.empty):
            names = self._names(self.empty)
            more = len(names) - _MOST_LISTED
            rest = f", and {more:,} more (see `empty`)" if more > 0 else ""
            lines.append(
                f"no image in {len(names):,} cells: {', '.join(names[:_MOST_LISTED])}{rest}"
            )
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.summary()

    def plot(self) -> Figure:
        """Draw shares before and after: a panel a column, and one of all cells if they are few.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from faceattr.report.sampling import draw_shares

        tables = {column: self.share(column) for column in self.by}
        if len(self.by) > 1 and len(self.cells) <= _MOST_DRAWN:
            names = self._names(self.cells)
            tables[" / ".join(self.by)] = self.cells[list(FIGURES)].assign(cell=names)
        panels = {title: table.rename(columns={title: "cell"}) for title, table in tables.items()}
        return draw_shares(panels)

    def _names(self, cells: pd.DataFrame) -> list[str]:
        return [" / ".join(map(str, row)) for row in cells[list(self.by)].itertuples(index=False)]

    def _tables(self) -> list[str]:
        if len(self.cells) <= _MOST_DRAWN:
            return [_text(self.cells.drop(columns="capped"))]
        return [self._column_text(column) for column in self.by]

    def _column_text(self, column: str) -> str:
        table = self.share(column)
        if len(table) <= _MOST_DRAWN:
            return _text(table)
        return f"{column}: {len(table):,} bins, see share({column!r}) or plot()"


def _text(table: pd.DataFrame) -> str:
    shown = table[table["n"] > 0].copy()
    for name in ("share_before", "share_after"):
        shown[name] = [f"{100 * value:.1f} %" for value in shown[name]]
    shown["images_per_epoch"] = [f"{value:,.0f}" for value in shown["images_per_epoch"]]
    shown["mean_repeats"] = np.round(shown["mean_repeats"], 2)
    return shown.to_string(index=False)
