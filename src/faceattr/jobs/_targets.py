"""Where a job on tables writes what it found, checked before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faceattr.jobs._checks import FIGURE_SUFFIXES, check_file, check_no_input, table_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Targets"]

_DPI = 110


class Found(Protocol):
    """What can be written: an evaluation, or a comparison."""

    def to_frame(self) -> pd.DataFrame:
        """Return all figures."""
        ...

    def plot(self) -> Figure:
        """Draw the main ones."""
        ...


@dataclass(frozen=True)
class Targets:
    """A file for the table and one for the figure; None where none is wanted."""

    table: Path | None
    figure: Path | None

    @classmethod
    def check(
        cls,
        output: str | Path | None,
        figure: str | Path | None,
        inputs: Iterable[str | Path | None],
    ) -> Targets:
        """Return the files after checking that they can be written, and are none of the inputs.

        Raises
        ------
        InvalidArgumentError
            If a name has another ending than can be written, or is that of an input.
        OutputError
            If a folder cannot be written to.
        """
        if output is not None:
            check_no_input(output, inputs)
        return cls(
            None if output is None else table_file(output, "output"),
            None if figure is None else check_file(figure, "figure", FIGURE_SUFFIXES),
        )

    def write(self, found: Found) -> None:
        """Write what is wanted."""
        from faceattr.tables import write_table

        if self.table is not None:
            write_table(found.to_frame(), self.table)
        if self.figure is not None:
            found.plot().savefig(self.figure, dpi=_DPI)
