"""The tables of two models, row by row of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.evaluation.prepared import check_predictions, in_order
from faceattr.evaluation.rows import TaskRows, row_names
from faceattr.exceptions import InvalidTypeError, TableError
from faceattr.tables import check_ids

__all__ = ["Side", "check_columns", "common_rows", "pair_tables", "side_tables"]

Side = pd.DataFrame | Sequence[pd.DataFrame]
"""The predictions of a model, or of its trainings with several seeds."""


def side_tables(side: Side, argument: str) -> list[pd.DataFrame]:
    """Return the tables of a side.

    Raises
    ------
    InvalidTypeError, TableError
        If it is neither a table nor a sequence of tables, or is empty.
    """
    if isinstance(side, pd.DataFrame):
        check_predictions(side, argument)
        return [side]
    if isinstance(side, str) or not isinstance(side, Sequence) or not side:
        raise InvalidTypeError(
            "not predictions",
            argument=argument,
            expected="a pandas DataFrame, or one a seed in a sequence",
            found=type(side).__name__ if side else "an empty sequence",
            hint="faceattr.tables.read_table(path) reads a table",
        )
    for number, table in enumerate(side):
        check_predictions(table, f"{argument}[{number}]")
    return list(side)


def pair_tables(a: Sequence[pd.DataFrame], b: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the tables of a, then of b, with their rows in the same order.

    Tables without a ``sample_id`` are taken to be in the same order already.

    Raises
    ------
    TableError
        If they are not about the same images, or an id stands on several rows: nothing would say
        which of them belong together.
    """
    tables = [*a, *b]
    names = [_name("a", a, number) for number in range(len(a))]
    names += [_name("b", b, number) for number in range(len(b))]
    known = ["sample_id" in table.columns for table in tables]
    if any(known) and not all(known):
        # The error of a table without the column says which one.
        check_ids(tables[known.index(False)], names[known.index(False)], allow_repeats=True)
    ordered = [in_order(table) for table in tables]
    for name, table in zip(names[1:], ordered[1:], strict=True):
        if all(known):
            _check_same_ids(ordered[0], table, names[0], name)
        elif len(table) != len(ordered[0]):
            raise TableError(
                "not the same images",
                argument=name,
                expected=f"{len(ordered[0]):,} rows as in {names[0]}",
                found=f"{len(table):,} rows",
                hint="a column 'sample_id' in both tables lets rows be matched",
            )
    return ordered


def _name(side: str, tables: Sequence[pd.DataFrame], number: int) -> str:
    return side if len(tables) == 1 else f"{side}[{number}]"


def _check_same_ids(one: pd.DataFrame, other: pd.DataFrame, first: str, second: str) -> None:
    ids = [check_ids(one, first), check_ids(other, second)]
    if len(one) == len(other) and (ids[0].to_numpy() == ids[1].to_numpy()).all():
        return
    counts = [each.value_counts() for each in ids]
    change = counts[1].sub(counts[0], fill_value=0)
    missing, extra = sorted(change.index[change < 0]), sorted(change.index[change > 0])
    raise TableError(
        "not the same images",
        argument=second,
        rows=[*missing, *extra],
        expected=f"the {len(one):,} rows of {first}",
        found=f"{len(other):,} rows: {_listed('lacks', missing)}, {_listed('adds', extra)}",
        hint="shared = set(a['sample_id']) & set(b['sample_id']); "
        "a = a[a['sample_id'].isin(shared)], and b alike",
    )


def _listed(verb: str, ids: Sequence[str]) -> str:
    return f"{verb} {len(ids):,}" + (f" such as {ids[0]!r}" if ids else "")


def common_rows(parts: Sequence[TaskRows], table: pd.DataFrame) -> list[TaskRows]:
    """Keep the rows that have a label and a prediction in every table.

    Raises
    ------
    TableError
        If the labels of a row differ.
    """
    _check_labels(parts, table)
    keep = np.ones(len(table), dtype=np.bool_)
    for part in parts:
        used = np.zeros(len(table), dtype=np.bool_)
        used[part.used] = True
        keep &= used
    chosen = []
    for part in parts:
        inside = np.flatnonzero(keep[part.used])
        chosen.append(replace(part, data=part.data.take(inside), used=part.used[inside]))
    return chosen


def _check_labels(parts: Sequence[TaskRows], table: pd.DataFrame) -> None:
    labels = [_labels(part, len(table)) for part in parts]
    for other, part in zip(labels[1:], parts[1:], strict=True):
        known = ~(parts[0].failed | part.failed)
        differ = np.flatnonzero(known & (labels[0] != other) & ~(_absent(labels[0], other)))
        if len(differ):
            names = row_names(table)
            raise TableError(
                "the same image has different labels",
                argument=f"b, column {part.task.name!r}",
                rows=[names[row] for row in differ],
                expected=repr(_told(part, labels[0][differ[0]])),
                found=repr(_told(part, other[differ[0]])),
                hint="compare predictions of the same labels",
            )


def _labels(part: TaskRows, n_rows: int) -> npt.NDArray[np.float64]:
    labels = np.full(n_rows, np.nan)
    labels[part.used] = part.data.truth
    return labels


def _absent(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.isnan(one) & np.isnan(other)


def _told(part: TaskRows, label: float) -> Any:
    classes = getattr(part.task, "classes", None)
    if np.isnan(label):
        return None
    return float(label) if classes is None else classes[int(label)]


def check_columns(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> None:
    """Refuse to group by what differs from table to table, such as the prediction.

    Raises
    ------
    TableError
        If a column that is grouped by differs.
    """
    for column in columns:
        known = [table[column] for table in tables if column in table.columns]
        for values in known[1:]:
            same = (values == known[0]).fillna(False) | (values.isna() & known[0].isna())
            if not same.all():
                row = int(np.flatnonzero(~same.to_numpy(dtype=bool))[0])
                raise TableError(
                    "a column to group by differs between the tables",
                    argument="by",
                    rows=[row_names(tables[0])[row]],
                    expected=f"the same {column!r} in all tables",
                    found=" and ".join(repr(each.tolist()[row]) for each in (known[0], values)),
                    hint="group by labels or by a quality table; predictions differ by nature",
                )
