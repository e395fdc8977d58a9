"""From the arguments of an evaluation to what is computed: checked, sorted, grouped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from faceattr._grouping import Grouping
from faceattr._validation import check_integer, check_number
from faceattr.binning import BinSpec
from faceattr.evaluation.chosen import MetricChoice, choose_metrics
from faceattr.evaluation.groups import By, check_by, column_name, flat_columns, group_tables
from faceattr.evaluation.metrics import OVERALL, Metric
from faceattr.evaluation.rows import TaskRows, task_rows, tasks_of
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.tables.schema import check_frame
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = [
    "Prepared",
    "Settings",
    "check_predictions",
    "in_order",
    "prepare",
    "read_tasks",
    "usable",
]


class Settings(Protocol):
    """The arguments of a `BinnedEvaluator`."""

    by: By
    bins: Mapping[str, BinSpec] | None
    n_boot: int
    confidence: float
    seed: int
    tasks: TaskSet | Task | Iterable[Task] | None
    min_count: int
    metrics: MetricChoice


@dataclass(frozen=True, eq=False)
class Prepared:
    """What an evaluation rests on.

    Attributes
    ----------
    table : pandas.DataFrame of n rows
        The predictions in the order of their ids.
    tasks : TaskSet
    by : tuple of str
        The columns that are grouped by, each once.
    columns : tuple of str
        What the groupings are called; of crossed columns ``"age / gender"``.
    groupings : list of Grouping
        Of all rows, then of each of the columns.
    parts : dict of str to TaskRows
        By task.
    metrics : dict of str to list of Metric
        By task; those that the table holds enough for.
    """

    table: pd.DataFrame
    tasks: TaskSet
    by: tuple[str, ...]
    columns: tuple[str, ...]
    groupings: list[Grouping]
    parts: dict[str, TaskRows]
    metrics: dict[str, list[Metric]]


def prepare(
    settings: Settings, predictions: pd.DataFrame, quality: pd.DataFrame | None
) -> Prepared:
    """Check everything and read the table; the errors are those of `BinnedEvaluator.evaluate`."""
    check_predictions(predictions, "predictions")
    check_integer(settings.n_boot, "n_boot", low=0, high=1_000_000)
    check_integer(settings.seed, "seed", low=0)
    check_number(settings.confidence, "confidence", low=0, high=1, low_open=True)
    check_integer(settings.min_count, "min_count", low=1)
    columns = check_by(settings.by, settings.bins, predictions, quality)
    tasks = read_tasks(settings, predictions)
    metrics = choose_metrics(settings.metrics, tasks)
    table = in_order(predictions)
    parts = {name: task_rows(table, task) for name, task in tasks.items()}
    return Prepared(
        table,
        tasks,
        tuple(flat_columns(columns)),
        tuple(map(column_name, columns)),
        group_tables(table, quality, columns, settings.bins, tasks),
        parts,
        {
            name: usable(own, [parts[name]], asked=settings.metrics is not None)
            for name, own in metrics.items()
        },
    )


def usable(metrics: Sequence[Metric], parts: Sequence[TaskRows], *, asked: bool) -> list[Metric]:
    """Return the metrics that all tables of a task hold enough for.

    Raises
    ------
    TableError
        If one that is asked for needs columns that a table lacks.
    """
    found = [metric for metric in metrics if all(metric.can_use(part.data) for part in parts)]
    missing = [metric for metric in metrics if metric not in found]
    if asked and missing:
        task = parts[0].task.name
        needed = (
            f"{task}_low and {task}_high" if missing[0].needs_limits else f"{task}_prob_<class>"
        )
        raise TableError(
            f"the metric {missing[0].name!r} needs columns that are missing",
            argument="metrics",
            expected=f"the columns {needed} in the predictions",
            found=f"none of task {task!r}",
        )
    return found


def check_predictions(predictions: object, argument: str) -> pd.DataFrame:
    """Return a table; refuse what is none, or has two columns of one name."""
    table = check_frame(predictions, argument)
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise TableError(
            "columns have the same name", argument=argument, found=repr(list(repeated))
        )
    return table


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order of their ids, where they have any."""
    if "sample_id" in table.columns:
        table = table.sort_values("sample_id", kind="stable", key=lambda ids: ids.astype(str))
    return table.reset_index(drop=True)


def read_tasks(settings: Settings, predictions: pd.DataFrame) -> TaskSet:
    """Return the tasks of a table: those that are given, or else told from its columns."""
    tasks = tasks_of(predictions, settings.tasks)
    for task in tasks.values():
        if isinstance(task, ClassificationTask) and OVERALL in task.classes:
            raise InvalidArgumentError(
                "a class has the name of the figures over all classes",
                argument=f"classes of task {task.name!r}",
                found=repr(OVERALL),
                hint="rename the class",
            )
    return tasks
