"""From a CSV file to an index table."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from faceattr._ranges import known_rows, label_columns
from faceattr._validation import check_no_text
from faceattr.data.index import (
    Index,
    check_index,
    check_unique_paths,
    empty_rejects,
    full_path,
    needed_columns,
    sample_id_of,
)
from faceattr.exceptions import DataError, InvalidTypeError, TableError
from faceattr.tables.plain import read_plain_csv, row_lines
from faceattr.tasks import TaskSet

__all__ = [
    "NO_PATH",
    "group_columns",
    "index_csv",
    "infer",
    "names_of_rows",
    "read_text",
    "require_columns",
]

NO_PATH = "no path in this line"

# Not "007", which as a number would be the same group as "7", and not more digits than a float has.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")


def index_csv(
    path: str | Path,
    *,
    root: str | Path | None,
    tasks: TaskSet,
    path_column: str,
    groups: Sequence[str] | None,
) -> Index:
    """Read an index table from a CSV file; see `Dataset.from_csv`."""
    if groups is not None:
        check_no_text(groups, "groups", "a sequence of columns")
    if not isinstance(path, str | os.PathLike):
        raise InvalidTypeError(
            "not a file",
            argument="path",
            expected="the path of a CSV file",
            found=type(path).__name__,
            hint="Dataset(table, tasks=...) takes a pandas.DataFrame",
        )
    raw = read_text(Path(path))
    require_columns(raw, [path_column, *needed_columns(raw.columns, tasks), *(groups or ())])
    base = str(Path(path).parent if root is None else Path(root))
    blank = raw[path_column].str.strip() == ""
    rejects = _blank_rows(Path(path), blank)
    raw = raw[~blank].reset_index(drop=True)
    if raw.empty:
        raise DataError("not one row with a path", argument="path", found=str(path))
    paths = raw[path_column].tolist()
    ids = raw["sample_id"].tolist() if "sample_id" in raw else None
    table = pd.DataFrame(
        {
            "sample_id": ids or [sample_id_of(name, base) for name in paths],
            "path": [full_path(name, base) for name in paths],
        },
        dtype="str",
    )
    labels = [name for task in tasks.values() for name in label_columns(task, raw.columns)]
    for name in labels:
        if name in raw:
            table[name] = raw[name]
    for name in group_columns(raw, groups, {path_column, "sample_id", "path", *labels}):
        table[name] = infer(raw[name])
    checked = check_index(table, tasks)
    check_unique_paths(checked["path"])
    _require_labels(checked, tasks)
    return Index(checked, rejects)


def read_text(path: Path) -> pd.DataFrame:
    """Read a CSV file, all of it as text.

    Raises
    ------
    DataError
        If it cannot be read, or rows have more or fewer values than there are names.
    """
    # read_csv's own guesses would turn a class called "None" into no label.
    try:
        return read_plain_csv(path, dtype="str")
    except TableError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            "the table cannot be read",
            argument="path",
            expected="a CSV file in UTF-8 with a line of column names",
            found=f"{path} ({error})",
        ) from error


def require_columns(raw: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise DataError, with all names, where a column is missing."""
    missing = [name for name in wanted if name not in raw.columns]
    if missing:
        raise DataError(
            "the CSV file lacks a column",
            argument="path",
            expected=", ".join(map(repr, missing)),
            found=", ".join(map(repr, raw.columns)),
        )


def _require_labels(table: pd.DataFrame, tasks: TaskSet) -> None:
    for name, task in tasks.items():
        if not known_rows(table, task).any():
            raise DataError(
                "the column holds no label",
                argument=name,
                expected="a label in at least one row",
                found=f"{len(table)} rows, all empty",
                hint=f"fill the column, or leave {name!r} out of tasks",
            )


def _blank_rows(path: Path, blank: pd.Series) -> pd.DataFrame:
    """Return the rejects of rows without a path."""
    if not blank.any():
        return empty_rejects()
    names = names_of_rows(path, blank.index[blank])
    return pd.DataFrame({"path": names, "reason": NO_PATH}, dtype="str")


def names_of_rows(path: Path, rows: Iterable[int]) -> list[str]:
    """Return what rows of a CSV file are called: the file and the line."""
    lines = row_lines(path)
    return [f"{path.as_posix()}:{lines[row]}" for row in rows]


def group_columns(raw: pd.DataFrame, groups: Sequence[str] | None, taken: set[str]) -> list[str]:
    """Return the columns to group by: those named, or all that mean nothing else."""
    wanted = raw.columns.tolist() if groups is None else list(groups)
    return [name for name in wanted if name not in taken]


def infer(column: pd.Series) -> pd.Series:
    """Turn text into numbers if all of it is numbers; empty text becomes missing."""
    filled = column[column != ""]
    if len(filled) and all(_NUMBER.fullmatch(text) for text in filled):
        return pd.to_numeric(column.mask(column == ""))
    return column.mask(column == "")
