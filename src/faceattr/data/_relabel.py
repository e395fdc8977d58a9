"""Other labels for the same images, and several data sets as one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pandas as pd

from faceattr._ranges import label_columns, present_columns
from faceattr.data.index import check_index, check_unique_ids, order_columns
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables.schema import check_frame
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

__all__ = [
    "check_datasets",
    "check_same_meaning",
    "join_tables",
    "relabel",
    "tasks_by_name",
    "union_of_tasks",
    "with_prefix",
]

_log = logging.getLogger(__name__)


def relabel(table: pd.DataFrame, labels: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """Return an index table with the columns of `labels` laid over its own; rows go by id."""
    check_frame(labels, "table", expected="a pandas DataFrame with the column 'sample_id'")
    if "sample_id" not in labels.columns:
        raise TableError("a column is missing", argument="table", expected="'sample_id'")
    new = labels.assign(sample_id=labels["sample_id"].astype("str")).drop(
        columns="path", errors="ignore"
    )
    check_unique_ids(new["sample_id"], "table")
    known = new["sample_id"].isin(table["sample_id"])
    _require_overlap(table, new, known)
    new = new[known]
    rows = new["sample_id"].tolist()
    for name, task in tasks.items():
        if name in new.columns:
            new[name] = task.parse(new[name], rows).to_numpy()
        if isinstance(task, RegressionTask):
            for end in present_columns(task, [*table.columns, *new.columns]):
                if end in new.columns:
                    new[end] = task.parse(new[end], rows, column=end).to_numpy()
    return check_index(_lay_over(table, new), tasks)


def _lay_over(table: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    values = new.set_index("sample_id")
    laid = dict(table.items())  # a frame that columns are added to one by one becomes slow
    named = table["sample_id"].isin(values.index)
    for column in values.columns:
        found = table["sample_id"].map(values[column])
        if column not in laid:
            laid[column] = found
        elif found.dtype == laid[column].dtype:
            laid[column] = found.where(named, laid[column])
        else:  # pandas mixes no categories with others
            laid[column] = _without_categories(found).where(
                named, _without_categories(laid[column])
            )
    return pd.DataFrame(laid, index=table.index)


def _without_categories(column: pd.Series) -> pd.Series:
    known = column.dtype
    if isinstance(known, pd.CategoricalDtype):
        return column.astype(known.categories.dtype)
    return column


def tasks_by_name(tasks: TaskSet | Task | Iterable[Task]) -> Mapping[str, Task]:
    """Return tasks, of which there may be none, by name."""
    if isinstance(tasks, TaskSet):
        return tasks
    single = isinstance(tasks, RegressionTask | ClassificationTask | str)
    given: Any = tasks if single else list(cast("Iterable[Task]", tasks))
    return TaskSet(given) if given else {}


def check_datasets(datasets: object, kind: type) -> None:
    """Raise InvalidTypeError unless these are data sets, in a sequence or a mapping of names."""
    parts = datasets.values() if isinstance(datasets, Mapping) else datasets
    if not isinstance(parts, Iterable) or not all(isinstance(part, kind) for part in parts):
        raise InvalidTypeError(
            "not data sets",
            argument="datasets",
            expected="a list of Dataset, or a mapping of names to them",
            found=repr(datasets)[:120],
        )


def _require_overlap(table: pd.DataFrame, new: pd.DataFrame, known: pd.Series) -> None:
    unknown = int((~known).sum())
    if unknown and unknown == len(known):
        raise DataError(
            "not one id is in the data set",
            argument="table",
            rows=new["sample_id"].tolist()[:2],
            expected=f"ids such as {table['sample_id'].tolist()[:2]}",
            hint="sample_id is the path relative to the data set's folder",
        )
    if unknown:
        _log.warning("%d of %d ids are not in the data set; passed over", unknown, len(known))


def join_tables(tables: Mapping[str, pd.DataFrame], tasks: TaskSet) -> pd.DataFrame:
    """Return the rows of several index tables, one after another; `tasks` are those of all."""
    joined = pd.concat(tables.values(), ignore_index=True)
    repeated = joined["sample_id"][joined["sample_id"].duplicated()].tolist()
    if repeated:
        raise DataError(
            "an id is in more than one data set",
            argument="datasets",
            rows=repeated,
            hint='Dataset.concat({"a": first, "b": second}) puts the names before the ids',
        )
    return order_columns(joined, tasks)


def union_of_tasks(tasks: Iterable[TaskSet]) -> TaskSet:
    """Return all tasks in the order in which they first appear; codes of classes may differ."""
    union: dict[str, Task] = {}
    for task_set in tasks:
        for name, task in task_set.items():
            if union.setdefault(name, task) != task:
                raise DataError(
                    "the data sets have different tasks of the same name",
                    argument="datasets",
                    expected=str(union[name]),
                    found=str(task),
                    hint="give them the same task with with_labels, or when they are read",
                )
    if not union:
        raise InvalidArgumentError("no data set", argument="datasets", expected="at least one")
    return TaskSet(union.values())


def check_same_meaning(
    tables: Mapping[str, pd.DataFrame], tasks: Iterable[TaskSet], union: TaskSet
) -> None:
    """Raise where a column holds labels in one table and something else in another one."""
    for (name, table), own in zip(tables.items(), tasks, strict=True):
        for task in union.values():
            odd = _odd_columns(task, table, own, tables.values())
            if odd:
                raise DataError(
                    f"columns to group by have the names of label columns of task {task.name!r}",
                    argument=name,
                    rows=odd,
                    expected=f"labels of {task} in every data set that has such columns",
                    hint="make it a task there, ds.with_labels(ds.table[['sample_id']], "
                    f"tasks=[...]), or leave the columns out, "
                    f"Dataset(ds.table.drop(columns={odd}), tasks=ds.tasks)",
                )


def _odd_columns(
    task: Task, table: pd.DataFrame, own: TaskSet, tables: Iterable[pd.DataFrame]
) -> list[str]:
    every = [column for other in tables for column in other.columns]
    labels = [column for column in label_columns(task, every) if column in table.columns]
    if task.name not in own:
        return labels
    # An end alone is no range here, but would become half of one beside the other's columns.
    ends = labels[1:]
    return ends if len(ends) == 1 else []


def with_prefix(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with ``NAME/`` before their ids."""
    return {
        name: table.assign(sample_id=(f"{name}/" + table["sample_id"]).astype("str"))
        for name, table in tables.items()
    }
