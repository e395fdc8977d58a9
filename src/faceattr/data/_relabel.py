"""Other labels for the same images, and several data sets as one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from faceattr.data.index import check_index, check_unique_ids
from faceattr.exceptions import DataError, InvalidArgumentError, TableError
from faceattr.tasks import TaskSet

__all__ = ["join_tables", "relabel", "with_prefix"]

_log = logging.getLogger(__name__)


def relabel(table: pd.DataFrame, labels: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """Return an index table with the columns of `labels` laid over its own; rows go by id."""
    if "sample_id" not in labels.columns:
        raise TableError("a column is missing", argument="table", expected="'sample_id'")
    new = labels.assign(sample_id=labels["sample_id"].astype("str")).drop(
        columns="path", errors="ignore"
    )
    check_unique_ids(new["sample_id"], "table")
    known = new["sample_id"].isin(table["sample_id"])
    _require_overlap(table, new, known)
    new = new[known]
    for name in tasks:
        if name in new.columns:
            new[name] = tasks[name].parse(new[name], new["sample_id"].tolist()).to_numpy()
    return check_index(_lay_over(table, new), tasks)


def _lay_over(table: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    values = new.set_index("sample_id")
    laid = table.copy()
    named = laid["sample_id"].isin(values.index)
    for column in values.columns:
        found = laid["sample_id"].map(values[column])
        laid[column] = found.where(named, laid[column]) if column in laid.columns else found
    return laid


def _require_overlap(table: pd.DataFrame, new: pd.DataFrame, known: pd.Series) -> None:
    unknown = int((~known).sum())
    if unknown == len(known):
        raise DataError(
            "not one id is in the data set",
            argument="table",
            rows=new["sample_id"].tolist()[:2],
            expected=f"ids such as {table['sample_id'].tolist()[:2]}",
            hint="sample_id is the path relative to the data set's folder",
        )
    if unknown:
        _log.warning("%d of %d ids are not in the data set; passed over", unknown, len(known))


def join_tables(tables: Sequence[pd.DataFrame], tasks: Sequence[TaskSet]) -> pd.DataFrame:
    """Return the rows of several index tables, one after another; codes of classes may differ."""
    if not tables:
        raise InvalidArgumentError("no data set", argument="datasets", expected="at least one")
    for other in tasks[1:]:
        if dict(other) != dict(tasks[0]):
            raise DataError(
                "the data sets have different tasks",
                argument="datasets",
                expected=str(list(tasks[0].values())),
                found=str(list(other.values())),
                hint="give them the same tasks with with_labels, or when they are read",
            )
    joined = pd.concat(tables, ignore_index=True)
    repeated = joined["sample_id"][joined["sample_id"].duplicated()].tolist()
    if repeated:
        raise DataError(
            "an id is in more than one data set",
            argument="datasets",
            rows=repeated,
            hint='Dataset.concat({"a": first, "b": second}) puts the names before the ids',
        )
    return joined


def with_prefix(tables: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the tables with ``NAME/`` before their ids."""
    return [
        table.assign(sample_id=(f"{name}/" + table["sample_id"]).astype("str"))
        for name, table in tables.items()
    ]
