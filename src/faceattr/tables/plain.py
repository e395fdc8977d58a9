"""CSV files without types beside them: whoever wrote them, every row must be as wide as the names.

pandas alone would take surplus values at the front of rows for an index, which moves all columns by
one without a word, and would fill rows that are cut short.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from faceattr.exceptions import TableError

__all__ = ["read_plain_csv", "row_lines"]


def read_plain_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Read a CSV file in UTF-8 with a line of names, all rows of the same width.

    Parameters
    ----------
    path : Path
        Lines without a value are passed over.
    **options
        Further ones of `pandas.read_csv`.

    Returns
    -------
    pandas.DataFrame
        Rows are numbered from 0.

    Raises
    ------
    TableError
        If a row has more or fewer values than there are names (the lines are named), or two columns
        have one name.
    OSError, ValueError, csv.Error
        If the file cannot be read.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        _check_widths(file, path)
    table: pd.DataFrame = pd.read_csv(
        path, keep_default_na=False, encoding="utf-8-sig", index_col=False, **options
    )
    return table


def row_lines(path: Path) -> list[int]:
    """Return the line of the file that each row of `read_plain_csv` starts in."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [line for line, _ in _numbered_rows(file)][1:]


def _check_widths(file: Iterable[str], path: Path) -> None:
    rows = _numbered_rows(file)
    _, names = next(rows, (1, []))
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:  # pandas would call the second one age.1
        raise TableError(
            "columns have the same name",
            argument="path",
            rows=repeated,
            expected="a name of its own for every column",
            found=f"{path.as_posix()}:1",
            hint="rename one of them, or leave it out",
        )
    wrong = [(line, len(cells)) for line, cells in rows if len(cells) != len(names)]
    if wrong:
        line, found = wrong[0]
        raise TableError(
            "rows have more or fewer values than there are names of columns",
            argument="path",
            rows=[f"{path.as_posix()}:{number}" for number, _ in wrong],
            expected=f"{len(names)} values in every row",
            found=f"{found} in line {line}",
            hint="rows that end in a comma have an empty value too many",
        )


def _numbered_rows(file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that pandas reads, with the line that each starts in."""
    reader = csv.reader(file)
    line = 1
    for cells in reader:
        if len(cells) > 1 or (cells and cells[0].strip()):
            yield line, cells
        line = reader.line_num + 1
