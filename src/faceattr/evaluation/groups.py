"""The groups that figures are given for: bins of one column, or cells of several at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from faceattr._grouping import MISSING, NOT_SCORED, Grouping, group_rows, join_quality
from faceattr._validation import check_unique
from faceattr.binning import BinSpec
from faceattr.evaluation.metrics import OVERALL
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.tasks import TaskSet

__all__ = ["By", "Columns", "check_by", "column_name", "flat_columns", "group_tables"]

By: TypeAlias = str | Sequence[str | Sequence[str]] | None
"""Columns to group by, as users give them."""

Columns: TypeAlias = tuple[tuple[str, ...], ...]
"""What is grouped by: each a column, or several that are crossed."""

_AGE = "age"
_MAX_CELLS = 200


def check_by(by: By, bins: Mapping[str, BinSpec] | None, *tables: pd.DataFrame | None) -> Columns:
    """Return the columns to group by; by default age, where a table has it.

    Raises
    ------
    InvalidTypeError
        If `by` is not made of names.
    InvalidArgumentError
        If one is named twice or has a reserved name, or there are bins of another column.
    """
    if by is None:
        found = any(isinstance(table, pd.DataFrame) and _AGE in table for table in tables)
        columns: Columns = ((_AGE,),) if found else ()
    elif isinstance(by, str):
        columns = ((by,),)
    else:
        columns = _read_columns(by)
    names = [column_name(column) for column in columns]
    check_unique(names, "by")
    for column in columns:
        check_unique(column, "by")
    flat = flat_columns(columns)
    if bins is not None and not isinstance(bins, Mapping):
        raise InvalidTypeError(
            "not bins by column",
            argument="bins",
            expected='a mapping such as {"age": [0, 18, 60]}',
            found=repr(bins)[:120],
        )
    stray = [name for name in bins or {} if name not in flat]
    if stray or OVERALL in names or "" in names:
        raise InvalidArgumentError(
            "bins of a column that is not grouped by" if stray else "not a name to group by",
            argument="bins" if stray else "by",
            expected=f"columns among by={names}" if stray else None,
            found=repr(stray[0] if stray else next(n for n in names if n in {OVERALL, ""})),
        )
    return columns


def _read_columns(by: object) -> Columns:
    """Read a list of names, and of lists of names that are crossed."""
    items = list(by) if isinstance(by, Iterable) else [by]
    columns = [(item,) if isinstance(item, str) else _as_tuple(item) for item in items]
    if not isinstance(by, Iterable) or not all(
        isinstance(name, str) for column in columns for name in column
    ):
        raise InvalidTypeError(
            "not columns to group by",
            argument="by",
            expected="a name, a list of names, or in it lists of names that are crossed",
            found=repr(by),
        )
    return tuple(columns)


def _as_tuple(item: object) -> tuple[Any, ...]:
    return tuple(item) if isinstance(item, Iterable) else (item,)


def column_name(column: Sequence[str]) -> str:
    """Return what a column, or several crossed ones, are called in tables."""
    return " / ".join(column)


def group_tables(
    table: pd.DataFrame,
    quality: pd.DataFrame | None,
    columns: Columns,
    bins: Mapping[str, BinSpec] | None,
    tasks: TaskSet,
) -> list[Grouping]:
    """Group all rows, then by each of the columns.

    Raises
    ------
    TableError
        If a column is in neither table, or the tables share no id.
    InvalidArgumentError, InvalidTypeError
        If a column cannot be grouped by, or there are more than 200 groups.
    """
    flat = flat_columns(columns)
    joined, came = join_quality(table, quality, flat)
    groupings = {
        name: group_rows(joined, name, bins or {}, tasks, NOT_SCORED if name in came else MISSING)
        for name in flat
    }
    whole = Grouping(OVERALL, (OVERALL,), np.zeros(len(table), dtype=np.intp))
    return [whole, *(_cross([groupings[name] for name in column]) for column in columns)]


def flat_columns(columns: Columns) -> list[str]:
    """Return every column that is grouped by, once."""
    return list(dict.fromkeys(name for column in columns for name in column))


def _cross(groupings: Sequence[Grouping]) -> Grouping:
    """Make a cell of each combination; of those with a missing value only those seen, last."""
    if len(groupings) == 1:
        return groupings[0]
    regular = [len(grouping.names) - grouping.stray for grouping in groupings]
    _check_size(groupings, regular)
    codes = np.array([grouping.codes for grouping in groupings])
    inside = (codes < np.array(regular)[:, None]).all(axis=0)
    sizes = [len(grouping.names) for grouping in groupings]
    places = np.ravel_multi_index(tuple(codes), sizes)
    cells = np.ravel_multi_index(np.indices(regular).reshape(len(regular), -1), sizes)
    stray = np.unique(places[~inside])
    order = np.concatenate([cells, stray])
    position = np.zeros(prod(sizes), dtype=np.intp)
    position[order] = np.arange(len(order))
    names = [
        column_name([g.names[code] for g, code in zip(groupings, each, strict=True)])
        for each in zip(*np.unravel_index(order, sizes), strict=True)
    ]
    check_unique(names, "by")
    column = column_name([grouping.column for grouping in groupings])
    return Grouping(column, tuple(names), position[places], len(stray))


def _check_size(groupings: Sequence[Grouping], sizes: Sequence[int]) -> None:
    if prod(sizes) > _MAX_CELLS:
        each = [f"{g.column} ({size})" for g, size in zip(groupings, sizes, strict=True)]
        raise InvalidArgumentError(
            "too many groups",
            argument="by",
            expected=f"at most {_MAX_CELLS} of {column_name([g.column for g in groupings])}",
            found=f"{' x '.join(each)} = {prod(sizes):,}",
            hint=f"fewer bins: bins={{{groupings[0].column!r}: 3, ...}}",
        )
