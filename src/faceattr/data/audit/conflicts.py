"""Duplicates that are labelled differently: at least one of the labels is wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._ranges import range_ends
from faceattr.tasks import RegressionTask, Task, TaskSet

__all__ = ["conflict_table", "group_kinds", "members_of", "range_text"]

SEPARATOR = " | "
"""Between ids, and between labels, in the text of a cell."""

_TYPES = {
    "group": "int64", "kind": "str", "task": "str", "n": "int64", "labels": "str",
    "spread": "float64", "images": "str",
}  # fmt: skip


def members_of(table: pd.DataFrame, duplicates: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an index table that have a duplicate, with their ``group``, sorted by it.

    Of a column ``group`` that the table has itself nothing is kept.
    """
    own = table.drop(columns=["group", "kind"], errors="ignore")
    return duplicates[["sample_id", "group"]].merge(own, on="sample_id", how="left")


def group_kinds(
    table: pd.DataFrame, duplicates: pd.DataFrame, keys: npt.NDArray[np.uint8]
) -> pd.Series:
    """Tell of each group whether all of its files have the same bytes.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
    duplicates : pandas.DataFrame
        As `Dataset.duplicates` returns it.
    keys : numpy.ndarray of uint8, shape (n, 16)
        What each file holds.

    Returns
    -------
    pandas.Series of str, by group
        "identical" or "near".
    """
    rows = pd.Index(table["sample_id"]).get_indexer(pd.Index(duplicates["sample_id"]))
    contents = pd.Series([keys[row].tobytes() for row in rows], dtype=object)
    different = contents.groupby(duplicates["group"].to_numpy()).nunique()
    kinds = np.where(different.to_numpy() > 1, "near", "identical")
    return pd.Series(kinds, index=different.index, dtype="str")


def conflict_table(
    table: pd.DataFrame, tasks: TaskSet, duplicates: pd.DataFrame, kinds: pd.Series
) -> pd.DataFrame:
    """List the groups of duplicates whose known labels disagree.

    Numbers disagree where they differ, or where the ranges in which they lie have nothing in
    common.

    Parameters
    ----------
    table : pandas.DataFrame
        An index table.
    tasks : TaskSet
    duplicates : pandas.DataFrame
        As `Dataset.duplicates` returns it.
    kinds : pandas.Series
        As `group_kinds` returns it.

    Returns
    -------
    pandas.DataFrame
        A row a group and task: ``group`` (int64), ``kind`` ("identical", "near"), ``task``, ``n``
        (int64, images with a label), ``labels`` (text), ``spread`` (float64: highest less lowest
        number, or the number of different classes), ``images`` (ids as text). Classes stand before
        numbers; within both the largest spread is first, and identical files before others.
    """
    members = members_of(table, duplicates)
    rows = [row for task in tasks.values() for row in _conflicts_of(task, members, kinds)]
    found = pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)
    is_number = found["task"].map(lambda name: isinstance(tasks[name], RegressionTask))
    order = pd.DataFrame(
        {
            "number": is_number.astype(bool),
            "spread": -found["spread"],
            "near": found["kind"] == "near",
            "group": found["group"],
        }
    ).sort_values(["number", "spread", "near", "group"], kind="stable")
    return found.loc[order.index].reset_index(drop=True)


def _conflicts_of(task: Task, members: pd.DataFrame, kinds: pd.Series) -> list[tuple[object, ...]]:
    spread, texts = _number_spread(task, members) if isinstance(task, RegressionTask) else (
        _class_spread(task, members)
    )  # fmt: skip
    parts = members.assign(_label=texts)[texts != ""].groupby("group")
    rows: list[tuple[object, ...]] = []
    for group, difference in zip(spread.index.tolist(), spread.tolist(), strict=True):
        part = parts.get_group(group)
        labels = SEPARATOR.join(part["_label"])
        ids = SEPARATOR.join(part["sample_id"])
        rows.append((group, kinds[group], task.name, len(part), labels, difference, ids))
    return rows


def _class_spread(task: Task, members: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    labels = members[task.name]
    different = labels.groupby(members["group"]).nunique()
    return different[different > 1], labels.astype(object).where(labels.notna(), "")


def _number_spread(task: RegressionTask, members: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return by how much the highest low end lies above the lowest high end, where it does."""
    low, high = range_ends(members, task)
    ends = pd.DataFrame({"group": members["group"], "low": low, "high": high}).dropna()
    grouped = ends.groupby("group")
    spread = grouped["low"].max() - grouped["high"].min()
    texts = [range_text(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True)]
    return spread[spread > 0], pd.Series(texts, index=members.index, dtype=object)


def range_text(low: float, high: float) -> str:
    """Return a number, or a range of numbers, as text; empty where it is not known."""
    if np.isnan(low) or np.isnan(high):
        return ""
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
