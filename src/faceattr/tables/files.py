"""Tables on disk: CSV with a JSON of types beside it, or Parquet."""

from __future__ import annotations

import csv
import importlib.util
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from faceattr.exceptions import (
    InvalidArgumentError,
    InvalidTypeError,
    MissingDependencyError,
    TableError,
)
from faceattr.tables._disk import replace_file, types_path, write_lines, writing
from faceattr.tables.encoding import Cells, Entry, decode_column, encode_column
from faceattr.tables.plain import read_plain_csv
from faceattr.tables.schema import check_frame

__all__ = ["MISSING", "read_table", "write_table"]

_log = logging.getLogger(__name__)

_FORMAT = "faceattr-table"
_VERSION = 1
_TEXT_COLUMNS = ("sample_id", "path")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A")
"""What stands for a missing value in a plain CSV."""

_SPECIAL = frozenset(',"\r\n')
_HINT = "delete {types} to read the file as a plain CSV"


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """Write a table so that `read_table` gives it back unchanged.

    CSV (UTF-8) goes with ``<path>.types.json``, which holds the type of every column, the order of
    categories and the text that stands for a missing value. Both are written under a temporary
    name first, so that no half-written file is ever seen. Folders are made where needed.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of numbers, booleans, text or categories of these, also the nullable kinds. Column
        names are unique text. Rows are numbered afresh; an index with a meaning must become a
        column first.
    path : str or Path
        Ends in ``.csv`` or ``.parquet`` (needs the extra ``faceattr[parquet]``).

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    TableError
        If a column or the index cannot be kept.
    InvalidArgumentError, InvalidTypeError
        If `path` ends otherwise, or `table` is not a DataFrame.
    OutputError
        If the file cannot be written.
    MissingDependencyError
        If Parquet is asked for without pyarrow.
    """
    target = check_table_path(path, "path")
    _check_table(table)
    plain = table.reset_index(drop=True)
    if target.suffix.lower() == ".parquet":
        with writing(target):
            replace_file(target, lambda temporary: plain.to_parquet(temporary, index=False))
        return target
    encoded = [encode_column(plain[name], str(name)) for name in plain.columns]
    _check_lengths([list(map(str, plain.columns)), *[cells for _, cells in encoded]])
    token = missing_token(cell for _, cells in encoded for cell in cells)
    columns = [
        {"name": name} | entry for name, (entry, _) in zip(plain.columns, encoded, strict=True)
    ]
    rows = zip(*[cells for _, cells in encoded], strict=True)
    write_csv(
        target, csv_lines(list(plain.columns), rows, token), describe(columns, token, len(plain))
    )
    return target


def check_columns(table: pd.DataFrame) -> None:
    """Raise TableError for a column that `write_table` cannot keep, before there is a result."""
    for name in table.columns:
        known = table[name]
        encode_column(known if known.dtype == object else known.iloc[:0], str(name))


def describe(columns: Sequence[Entry], token: str, rows: int) -> dict[str, Any]:
    """Return what stands beside a CSV file: its columns, the missing value, its length."""
    known = {"format": _FORMAT, "version": _VERSION, "missing": token, "rows": rows}
    return known | {"columns": list(columns)}


def write_csv(target: Path, lines: Iterable[str], types: Mapping[str, Any]) -> None:
    """Write a CSV file and its types, each whole or not at all."""
    with writing(target):
        # The old types go first: a crash then leaves a plain CSV, never one with wrong types.
        types_path(target).unlink(missing_ok=True)
        replace_file(target, lambda temporary: write_lines(temporary, lines))
        text = json.dumps(types, indent=1)
        replace_file(types_path(target), lambda temporary: write_lines(temporary, [text, "\n"]))


def read_table(path: str | Path, *, missing: Collection[str] | None = None) -> pd.DataFrame:
    """Read a table that `write_table` wrote, or any CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        A ``.csv`` file is read by the ``<path>.types.json`` beside it. Without one it is a plain
        CSV: ``sample_id`` and ``path`` are text, the other types are guessed.
    missing : collection of str, optional
        What stands for a missing value in a plain CSV; `MISSING` by default: "", "NA", "NaN",
        "None", "null" and the like. A class of such a name has to be taken out; where one of them
        stands among text, the log tells how often.

    Returns
    -------
    pandas.DataFrame
        Rows are numbered from 0.

    Raises
    ------
    TableError
        If the file or its types cannot be read, or do not fit each other.
    InvalidArgumentError
        If `path` ends neither in ``.csv`` nor in ``.parquet``.
    MissingDependencyError
        If Parquet is asked for without pyarrow.
    """
    source = check_table_path(path, "path")
    if not source.is_file():
        raise TableError("no such file", argument="path", found=str(source))
    if source.suffix.lower() == ".parquet":
        with reading(source):
            return pd.read_parquet(source)
    if types_path(source).exists():
        with reading(source):
            return _read_typed(source)
    with reading(source):
        return _read_plain(source, MISSING if missing is None else tuple(missing))


def _read_plain(path: Path, missing: Sequence[str]) -> pd.DataFrame:
    header = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
    # An image may be called "NA": what names a row is never missing.
    gaps = {name: list(missing) for name in header if name not in _TEXT_COLUMNS}
    table = read_plain_csv(path, dtype=dict.fromkeys(_TEXT_COLUMNS, "str"), na_values=gaps)
    _tell_gaps(table, path)
    return table


def _tell_gaps(table: pd.DataFrame, path: Path) -> None:
    """Warn of words among text that were taken for missing values: a class may be called so."""
    texts = [name for name in table if pd.api.types.is_string_dtype(table[name])]
    unsure = [name for name in texts if table[name].isna().any()]
    if not unsure:
        return
    raw = read_plain_csv(path, dtype="str", na_values=[""], usecols=unsure)
    for name in unsure:
        words = raw[name][table[name].isna() & raw[name].notna()]
        if len(words):
            counts = ", ".join(f"{word!r} {n} times" for word, n in words.value_counts().items())
            _log.warning(
                "%s: taken as missing in column %r: %s; where that is a class, name the classes: "
                "--task NAME=CLASS,CLASS, or read_table(path, missing=[''])",
                path.name,
                name,
                counts,
            )


def _read_typed(path: Path) -> pd.DataFrame:
    types = read_types(types_path(path))
    entries: list[Entry] = types["columns"]
    names = [entry["name"] for entry in entries]
    with path.open(newline="", encoding="utf-8", errors="surrogatepass") as file:
        rows = list(csv.reader(file, strict=True))
    header = rows.pop(0) if rows else []
    wide = [str(number) for number, row in enumerate(rows) if len(row) != len(names)]
    if header != names or len(rows) != types["rows"] or wide:
        raise TableError(
            "the file does not fit the types beside it; it was changed or cut short",
            argument=str(path),
            rows=wide,
            expected=f"{types['rows']} rows of the columns {names}",
            found=f"{len(rows)} rows of the columns {header}",
            hint=_HINT.format(types=types_path(path)),
        )
    data: dict[str, Any] = {}
    for position, entry in enumerate(entries):
        cells: Cells = [
            None if row[position] == types["missing"] else row[position] for row in rows
        ]
        values = _decode(entry, cells, path)
        data[names[position]] = pd.Series(values, dtype=values.dtype)  # objects stay objects
    return pd.DataFrame(data, columns=pd.Index(names), index=pd.RangeIndex(len(rows)))


def read_types(path: Path) -> dict[str, Any]:
    """Return what stands beside a CSV file; TableError, or a ValueError, if that is damaged."""
    types = json.loads(path.read_text(encoding="utf-8"))
    good = isinstance(types, dict) and types.get("format") == _FORMAT
    good = good and types.get("version") == _VERSION and isinstance(types.get("missing"), str)
    good = good and type(types.get("rows")) is int and isinstance(types.get("columns"), list)
    names = [
        entry.get("name") if isinstance(entry, dict) else None
        for entry in (types["columns"] if good else ())
    ]
    if not good or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise TableError(
            "not the description of a table",
            argument=str(path),
            expected=f"JSON of format {_FORMAT!r}, version {_VERSION}",
            hint=_HINT.format(types=path),
        )
    return dict(types)


def _decode(entry: Entry, cells: Cells, path: Path) -> Any:
    try:
        return decode_column(entry, cells)
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise TableError(
            f"a column cannot be read as the types beside the file say ({error!r})",
            argument=f"{path}, column {entry['name']!r}",
            expected=f"type {entry.get('dtype')!r}",
            hint=_HINT.format(types=types_path(path)),
        ) from error


def check_table_path(path: str | Path, argument: str) -> Path:
    """Return the path of a table, to be read or written; Parquet needs pyarrow."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidTypeError(
            "not a path", argument=argument, expected="a path", found=type(path).__name__
        )
    target = Path(path).expanduser()
    suffix = target.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        raise InvalidArgumentError(
            "not a kind of table file",
            argument=argument,
            expected="a name that ends in .csv or .parquet",
            found=str(path),
        )
    if suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingDependencyError(
            "Parquet files need pyarrow",
            argument=argument,
            hint="install faceattr[parquet], or choose a name that ends in .csv",
        )
    return target


def _check_table(given: object) -> None:
    table = check_frame(given, "table")
    names = list(table.columns)
    if (
        not names
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) < len(names)
    ):
        raise TableError(
            "column names cannot be kept",
            argument="table",
            expected="one column or more, with unique names that are text",
            found=repr(names),
        )
    index = table.index
    if (
        index.nlevels > 1
        or index.name is not None
        or not pd.api.types.is_integer_dtype(index.dtype)
    ):
        raise TableError(
            "an index with a meaning would be lost",
            argument="table",
            found=repr(index)[:200],
            hint="write_table(table.reset_index(), path)",
        )


def _check_lengths(columns: Iterable[Cells]) -> None:
    limit = csv.field_size_limit()
    longest = max((len(cell) for cells in columns for cell in cells if cell is not None), default=0)
    if longest > limit:
        raise TableError(
            "a value is too long for a CSV file",
            argument="table",
            expected=f"at most {limit} characters",
            found=f"{longest} characters",
        )


def missing_token(cells: Iterable[str | None]) -> str:
    """Return a text for missing values that no cell holds; the empty one where possible."""
    used = {cell for cell in cells if cell is not None}
    token, number = "", 0
    while token in used:
        token = f"<NA{number or ''}>"
        number += 1
    return token


def csv_lines(
    names: Sequence[str], rows: Iterable[Sequence[str | None]], token: str
) -> Iterator[str]:
    """Yield the lines of a CSV file; None is a missing value, for which `token` stands."""
    alone = len(names) == 1
    yield ",".join(_quote(name, alone=alone) for name in names) + "\n"
    for row in rows:
        cells = [
            _quote(token, alone=alone) if cell is None else _quote(cell, alone=alone or not cell)
            for cell in row
        ]
        yield ",".join(cells) + "\n"


def _quote(cell: str, *, alone: bool) -> str:
    # An empty line would be read as no row at all.
    if not _SPECIAL.isdisjoint(cell) or (alone and not cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a table is read into TableError."""
    # pandas' and csv's own errors of parsing are ValueErrors but for csv.Error.
    try:
        yield
    except TableError:
        raise
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise TableError(
            f"the table cannot be read ({error})", argument="path", found=str(path)
        ) from error
