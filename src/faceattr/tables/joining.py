"""Tables put one after the other from disk to disk; one of them is in memory at a time."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from faceattr.exceptions import TableError
from faceattr.tables._disk import replace_file, types_path, writing
from faceattr.tables.encoding import Entry
from faceattr.tables.files import (
    check_table_path,
    csv_lines,
    describe,
    missing_token,
    read_table,
    read_types,
    reading,
    write_csv,
    write_table,
)

__all__ = ["join_tables"]

_LIKE_A_TOKEN = re.compile(r"(<NA[0-9]*>)?")


def join_tables(sources: Sequence[Path], path: str | Path) -> Path:
    """Write the rows of several tables as one table.

    A CSV file is, byte by byte, what `write_table` makes of the rows in one table. Tables whose
    columns have other types are put together in memory, as `pandas.concat` does it.

    Parameters
    ----------
    sources : sequence of Path
        ``.csv`` files with their types beside them, one or more, of the same columns.
    path : path
        Ends in ``.csv`` or ``.parquet``.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    TableError
        If a file cannot be read, or does not fit its types.
    OutputError
        If the file cannot be written.
    """
    target = check_table_path(path, "path")
    described = [_types_of(source) for source in sources]
    columns: list[Entry] = described[0]["columns"]
    alike = all(types["columns"] == columns for types in described)
    if not alike or any(entry["dtype"] == "object" for entry in columns):
        tables = [read_table(source) for source in sources]
        return write_table(pd.concat(tables, ignore_index=True), target)
    if target.suffix.lower() == ".parquet":
        return _join_parquet(sources, target)
    names = [entry["name"] for entry in columns]
    token = _common_token(sources, described)
    every = zip(sources, described, strict=True)
    rows = chain.from_iterable(_cells(source, types) for source, types in every)
    count = sum(types["rows"] for types in described)
    write_csv(target, csv_lines(names, rows, token), describe(columns, token, count))
    return target


def _types_of(source: Path) -> dict[str, Any]:
    with reading(source):
        return read_types(types_path(source))


def _common_token(sources: Sequence[Path], described: Sequence[dict[str, Any]]) -> str:
    """Return the text for missing values that the whole table would have."""
    tokens = {types["missing"] for types in described}
    if len(tokens) == 1:
        return str(tokens.pop())
    every = zip(sources, described, strict=True)
    cells = (cell for source, types in every for row in _cells(source, types) for cell in row)
    return missing_token(
        cell for cell in cells if cell is not None and _LIKE_A_TOKEN.fullmatch(cell)
    )


def _cells(source: Path, types: dict[str, Any]) -> Iterator[list[str | None]]:
    """Yield the rows of a CSV file, None for what is missing."""
    missing, width, left = types["missing"], len(types["columns"]), types["rows"]
    with reading(source), source.open(newline="", encoding="utf-8", errors="surrogatepass") as file:
        rows = csv.reader(file, strict=True)
        next(rows, None)
        for row in rows:
            if len(row) != width:
                break
            yield [None if cell == missing else cell for cell in row]
            left -= 1
        else:
            if left == 0:
                return
    raise TableError(
        "the file does not fit the types beside it; it was changed or cut short",
        argument="sources",
        rows=[str(source)],
        expected=f"{types['rows']:,} rows of {width} values",
    )


def _join_parquet(sources: Sequence[Path], target: Path) -> Path:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    def write(temporary: Path) -> None:
        schema = pa.Schema.from_pandas(read_table(sources[0]), preserve_index=False)
        with ParquetWriter(temporary, schema) as writer:
            for source in sources:
                table = read_table(source)
                writer.write_table(pa.Table.from_pandas(table, schema, preserve_index=False))

    with writing(target):
        replace_file(target, write)
    return target
