"""How many images there are of what: joint groups, classes, and labels that are missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from faceattr._grouping import MISSING, Grouping, JointGroups, group_rows
from faceattr._ranges import known_rows, with_middles
from faceattr._validation import check_names, check_no_text
from faceattr.binning import BinSpec
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.tasks import ClassificationTask, TaskSet

__all__ = ["cell_table", "class_table", "missing_table"]

MOST_CELLS = 1000
"""How many joint groups there may be at most."""

_MOST_BY_DEFAULT = 200
_FEW_VALUES = (2, 12)
_OWN = ("n", "share", "few")
_CLASSES = {"task": "str", "class": "str", "n": "int64", "share": "float64", "few": "bool"}
_MISSING = {"task": "str", "n": "int64", "share": "float64"}


def cell_table(
    table: pd.DataFrame,
    tasks: TaskSet,
    by: Sequence[str] | None,
    bins: Mapping[str, BinSpec],
    min_images: int,
) -> pd.DataFrame:
    """Count the images of every joint group of some columns.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
        An index table.
    tasks : TaskSet
    by : sequence of str, optional
        Columns; ``()`` for none. By default all tasks, then columns of text or truth values with
        2 to 12 values, each as long as there are at most 200 groups.
    bins : mapping of str to edges or int
        Of numbers; see `faceattr.binning`.
    min_images : int
        Groups with fewer images are few.

    Returns
    -------
    pandas.DataFrame
        A row a group, in the order of the bins, also the empty ones: a column for each of `by`
        (ordered category of bin names), ``n`` (int64), ``share`` (float64, of all images), ``few``
        (bool; never where a value is missing).

    Raises
    ------
    TableError
        If a column is missing.
    InvalidArgumentError
        If there are more than 1,000 groups, or a column cannot be grouped.
    """
    rows = with_middles(table, tasks)
    unknown = [name for name in bins if name not in table.columns]
    if by is not None:
        check_no_text(by, "by", "a sequence of columns")
        check_names(by, "by")
        unknown += [name for name in by if name not in table.columns or name in _OWN]
    if unknown:
        raise TableError(
            "no such column to group by",
            argument="by",
            rows=unknown,
            expected=f"among {[name for name in table.columns if name not in _OWN]}",
        )
    groups = _default_groups(rows, tasks, bins) if by is None else [
        group_rows(rows, name, bins, tasks, MISSING) for name in by
    ]  # fmt: skip
    _check_bins(groups, bins)
    _check_size(groups)
    return _count(groups, rows, min_images)


def _default_groups(
    rows: pd.DataFrame, tasks: TaskSet, bins: Mapping[str, BinSpec]
) -> list[Grouping]:
    groups: list[Grouping] = []
    others = [name for name in rows.columns if name not in tasks and _is_group(rows, str(name))]
    for name in [*tasks, *map(str, others)]:
        group = group_rows(rows, name, bins, tasks, MISSING)
        if math.prod(len(other.names) for other in [*groups, group]) <= _MOST_BY_DEFAULT:
            groups.append(group)
    return groups


def _is_group(rows: pd.DataFrame, column: str) -> bool:
    if column in {"sample_id", "path", "split", "fold", *_OWN}:
        return False
    dtype = rows[column].dtype
    words = pd.api.types.is_bool_dtype(dtype) or not pd.api.types.is_numeric_dtype(dtype)
    return words and _FEW_VALUES[0] <= rows[column].nunique() <= _FEW_VALUES[1]


def _check_bins(groups: Sequence[Grouping], bins: Mapping[str, BinSpec]) -> None:
    columns = [group.column for group in groups]
    stray = [name for name in bins if name not in columns]
    if stray:
        raise InvalidArgumentError(
            "bins of a column that is not counted",
            argument="bins",
            rows=stray,
            expected=f"among {columns}",
            hint=f"by={[*columns, *stray]}",
        )


def _check_size(groups: Sequence[Grouping]) -> None:
    count = math.prod(len(group.names) for group in groups)
    if count > MOST_CELLS:
        sizes = ", ".join(f"{group.column} {len(group.names)}" for group in groups)
        raise InvalidArgumentError(
            "too many joint groups",
            argument="by",
            expected=f"at most {MOST_CELLS:,}",
            found=f"{count:,} ({sizes})",
            hint="name fewer columns in by, or wider bins: bins={'age': [0, 18, 60, None]}",
        )


def _count(groups: Sequence[Grouping], rows: pd.DataFrame, min_images: int) -> pd.DataFrame:
    if not groups:
        types = {"n": "int64", "share": "float64", "few": "bool"}
        return pd.DataFrame(columns=list(types)).astype(types)
    joint = JointGroups(tuple(groups))
    counts, cells = joint.counts().ravel(), joint.labels()
    unknown = np.zeros(len(cells), dtype=np.bool_)
    for group in groups:
        gaps = group.codes[rows[group.column].isna().to_numpy(dtype=bool)]
        unknown |= np.isin(cells[group.column].cat.codes, gaps)
    cells["n"] = counts
    cells["share"] = counts / max(len(rows), 1)
    cells["few"] = (counts < min_images) & ~unknown
    return cells


def class_table(table: pd.DataFrame, tasks: TaskSet, min_images: int) -> pd.DataFrame:
    """Count the images of every class.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``class``, ``n`` (int64), ``share`` (float64, of the images with a label, 0 where
        there is none), ``few`` (bool: fewer than `min_images`).
    """
    rows = []
    for name, task in tasks.items():
        if isinstance(task, ClassificationTask):
            known = int(table[name].notna().sum())
            counts = table[name].value_counts()
            for label in task.classes:
                n = int(counts.get(label, 0))
                rows.append((name, label, n, n / max(known, 1), n < min_images))
    return pd.DataFrame(rows, columns=list(_CLASSES)).astype(_CLASSES)


def missing_table(table: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """Count the images that have neither a label nor a range, a row a task.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``n`` (int64), ``share`` (float64, of all images).
    """
    counts = [int((~known_rows(table, task)).sum()) for task in tasks.values()]
    rows = [(name, n, n / max(len(table), 1)) for name, n in zip(tasks, counts, strict=True)]
    return pd.DataFrame(rows, columns=list(_MISSING)).astype(_MISSING)
