"""Checks of what a model is built from."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from faceattr._validation import check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models.heads import default_head
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

__all__ = ["check_dropout", "check_heads", "check_tasks"]


def check_tasks(tasks: TaskSet | Task | list[Task] | None) -> TaskSet:
    """Return tasks as a TaskSet whose names a module can have."""
    chosen = _as_task_set(tasks)
    # Heads are kept by name among the attributes of a module, where these are methods.
    empty = nn.ModuleDict()
    taken = [name for name in chosen if hasattr(empty, name)]
    if taken:
        raise InvalidArgumentError(
            "a name that torch's modules use themselves",
            argument="tasks",
            rows=taken,
            expected="another name",
            found=repr(taken[0]),
            hint=f"name the column and the task otherwise, such as 'face_{taken[0]}'",
        )
    return chosen


def _as_task_set(tasks: TaskSet | Task | list[Task] | None) -> TaskSet:
    if tasks is None:
        raise InvalidTypeError(
            "the model needs to know what to predict",
            argument="tasks",
            expected="a TaskSet",
            found="None",
            hint="Model(tasks=dataset.tasks)",
        )
    if isinstance(tasks, TaskSet):
        return tasks
    if isinstance(tasks, RegressionTask | ClassificationTask):
        return TaskSet(tasks)
    if isinstance(tasks, str) or not hasattr(tasks, "__iter__"):
        raise InvalidTypeError(
            "not tasks", argument="tasks", expected="a TaskSet or tasks", found=repr(tasks)
        )
    return TaskSet(tasks)


def check_dropout(dropout: float) -> float:
    """Return a share in [0, 1)."""
    value = check_number(dropout, "dropout", low=0)
    if value >= 1:
        raise InvalidArgumentError(
            "nothing would be left", argument="dropout", expected="[0, 1)", found=repr(dropout)
        )
    return value


def check_heads(heads: Mapping[str, str] | None, tasks: TaskSet) -> dict[str, str]:
    """Return the kind of head of every task."""
    if heads is not None and not isinstance(heads, Mapping):
        raise InvalidTypeError(
            "not heads by task", argument="heads", expected='{"age": "linear"}', found=repr(heads)
        )
    unknown = [name for name in heads or {} if name not in tasks]
    if unknown:
        raise InvalidArgumentError(
            "names a task that the model does not have",
            argument="heads",
            expected=f"keys among {list(tasks)}",
            found=repr(unknown[0]),
        )
    return {name: (heads or {}).get(name, default_head(task)) for name, task in tasks.items()}
