"""Evaluate a table of predictions, whoever made it; torch is not needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._making import make_evaluator
from faceattr.jobs._targets import Targets
from faceattr.jobs.sections import EvaluateSection

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.evaluation import Evaluation
    from faceattr.tasks import Task, TaskSet

__all__ = ["missing_texts", "pick_tasks", "run_evaluation"]


def run_evaluation(
    predictions: str | Path,
    quality: str | Path | None = None,
    *,
    settings: EvaluateSection | None = None,
    tasks: Mapping[str, Sequence[str]] | None = None,
    output: str | Path | None = None,
    figure: str | Path | None = None,
) -> Evaluation:
    """Evaluate a file of predictions.

    Parameters
    ----------
    predictions : path
        A CSV or Parquet file with the columns ``<task>`` and ``<task>_pred``, and for classes
        ``<task>_prob_<class>`` where known.
    quality : path, optional
        A table of further columns to group by, keyed by ``sample_id``.
    settings : EvaluateSection, optional
        Columns to group by, bins, bootstrap.
    tasks : mapping of str to sequence of str, optional
        The tasks to evaluate and their classes; all that the columns tell by default. Without
        classes a task is what the columns make of it; classes that are written as numbers, without
        probabilities, have to be given.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table of metrics.
    figure : path, optional
        A ``.png``, ``.pdf`` or ``.svg`` file for `Evaluation.plot`.

    Returns
    -------
    Evaluation

    Raises
    ------
    TableError
        If a table cannot be read, lacks a column or holds what it should not.
    InvalidArgumentError, InvalidTypeError
        If a setting cannot be used, or there is no such task.
    OutputError
        If a file cannot be written.
    """
    from faceattr.tables import read_table

    settings = EvaluateSection() if settings is None else settings
    settings.check()
    targets = Targets.check(output, figure, [predictions, quality])
    table = read_table(predictions, missing=missing_texts(tasks))
    scores = None if quality is None else read_table(quality)
    evaluator = make_evaluator(settings, pick_tasks(table, tasks) if tasks else None)
    evaluation = evaluator.evaluate(table, scores)
    targets.write(evaluation)
    return evaluation


def missing_texts(tasks: Mapping[str, Sequence[str]] | None) -> list[str]:
    """Return what stands for a missing value in a CSV file: nothing that is named as a class."""
    from faceattr.tables import MISSING

    classes = {label for labels in (tasks or {}).values() for label in labels}
    return [text for text in MISSING if text not in classes]


def pick_tasks(table: pd.DataFrame, wanted: Mapping[str, Sequence[str]]) -> TaskSet:
    """Return the tasks that are asked for by name, with their classes where these are given."""
    from faceattr.tasks import TaskSet

    return TaskSet([_task(table, name, classes) for name, classes in wanted.items()])


def _task(table: pd.DataFrame, name: str, classes: Sequence[str]) -> Task:
    from faceattr.tables import pred_column, tasks_from_predictions
    from faceattr.tasks import ClassificationTask

    known, pred = list(_names(table)), pred_column(name)
    if name not in known:
        raise InvalidArgumentError(
            "no such task in the predictions",
            argument="tasks",
            expected=f"one of {known}" if known else f"the columns {name!r} and {pred!r}",
            found=repr(name),
        )
    if classes:
        return ClassificationTask(name, classes=tuple(classes))
    # The other columns are left out, so that a task that is not asked for cannot be at fault.
    own = [column for column in table.columns if _belongs(str(column), name)]
    return tasks_from_predictions(table[own])[name]


def _names(table: pd.DataFrame) -> Iterator[str]:
    from faceattr.tables import pred_column

    columns = [str(column) for column in table.columns]
    return (name for name in columns if pred_column(name) in columns)


def _belongs(column: str, task: str) -> bool:
    from faceattr.tables import pred_column, prob_column

    return column in (task, pred_column(task)) or column.startswith(prob_column(task, ""))
