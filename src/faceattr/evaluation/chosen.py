"""Which metrics are computed: all registered ones, some of them, or plain functions of a user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from faceattr.evaluation.metrics import (
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
    ClassificationData,
    FloatArray,
    Metric,
    RegressionData,
)
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.registry import Registry
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = ["ALWAYS", "SUPPORT", "MetricChoice", "PlainFunction", "choose_metrics"]

PlainFunction: TypeAlias = Callable[[Any, Any], float]
"""A metric as scikit-learn has them: of an array of truths and one of predictions."""

MetricChoice: TypeAlias = (
    Sequence[str | PlainFunction] | Mapping[str, Sequence[str | PlainFunction]] | None
)

SUPPORT = "support"
"""The metric that counts rows."""

ALWAYS = (SUPPORT, "truth_mean", "truth_std")
"""What is told of every group, whichever metrics are asked for."""


def choose_metrics(choice: MetricChoice, tasks: TaskSet) -> dict[str, list[Metric]]:
    """Return the metrics of each task, the registered ones in their order, then functions.

    Parameters
    ----------
    choice : sequence of str or callable, or a mapping of task to such a sequence, optional
        None, or no entry for a task: all registered metrics.
    tasks : TaskSet

    Returns
    -------
    dict of str to list of Metric

    Raises
    ------
    InvalidArgumentError
        If there is no such task or metric, two have the same name, or it is unclear which of
        several tasks a function is of.
    InvalidTypeError
        If it is something else.
    """
    if choice is None:
        return {name: _registered(task) for name, task in tasks.items()}
    if isinstance(choice, str) or not isinstance(choice, Mapping | Sequence):
        raise InvalidTypeError(
            "not a choice of metrics",
            argument="metrics",
            expected="a sequence of names or functions, or a mapping of task to such sequences",
            found=repr(choice),
            hint=f"metrics=[{choice!r}]" if isinstance(choice, str) else None,
        )
    if isinstance(choice, Mapping):
        unknown = [name for name in choice if name not in tasks]
        if unknown:
            raise InvalidArgumentError(
                "metrics of an unknown task",
                argument="metrics",
                expected=f"tasks among {list(tasks)}",
                found=repr(unknown[0]),
            )
        return {
            name: _of_task(choice[name], task) if name in choice else _registered(task)
            for name, task in tasks.items()
        }
    return _of_all(choice, tasks)


def _of_all(choice: Sequence[str | PlainFunction], tasks: TaskSet) -> dict[str, list[Metric]]:
    functions = [each for each in choice if not isinstance(each, str)]
    if functions and len(tasks) > 1:
        raise InvalidArgumentError(
            "it is unclear which task a function is of",
            argument="metrics",
            expected="a mapping of task to metrics",
            found=repr(functions[0]),
            hint=f"metrics={{{next(iter(tasks))!r}: [...]}}",
        )
    known = {name for task in tasks.values() for name in _registry(task)}
    for name in choice:
        if isinstance(name, str) and name not in known:
            raise _unknown(name, known)
    return {
        key: _of_task([m for m in choice if not isinstance(m, str) or m in _registry(task)], task)
        for key, task in tasks.items()
    }


def _of_task(choice: Sequence[str | PlainFunction], task: Task) -> list[Metric]:
    if isinstance(choice, str) or not isinstance(choice, Sequence):
        raise InvalidTypeError(
            f"not a choice of metrics of task {task.name!r}",
            argument="metrics",
            expected="a sequence of names or functions",
            found=repr(choice),
        )
    registry = _registry(task)
    wanted = [each for each in choice if isinstance(each, str)]
    for name in wanted:
        if name not in registry:
            raise _unknown(name, set(registry))
    found = [metric for metric in _registered(task) if metric.name in (*ALWAYS, *wanted)]
    for function in choice:
        if not isinstance(function, str):
            found.append(_from_function(function, task, [metric.name for metric in found]))
    return found


def _registry(task: Task) -> Registry[Metric]:
    return CLASSIFICATION_METRICS if isinstance(task, ClassificationTask) else REGRESSION_METRICS


def _registered(task: Task) -> list[Metric]:
    registry = _registry(task)
    found = [registry.get(name, argument="metric") for name in registry]
    return [metric for metric in found if metric.fits(task)]


def _unknown(name: str, known: set[str]) -> InvalidArgumentError:
    return InvalidArgumentError(
        "no such metric",
        argument="metrics",
        expected=f"one of {sorted(known)}, or a function of truths and predictions",
        found=repr(name),
    )


def _from_function(function: PlainFunction, task: Task, taken: Sequence[str]) -> Metric:
    name = getattr(function, "__name__", None)
    if not callable(function) or not name or name == "<lambda>" or "/" in name:
        raise InvalidTypeError(
            "not a metric",
            argument="metrics",
            expected="a name, or a function with a name of its own: f(y_true, y_pred) -> float",
            found=repr(function),
            hint="def my_metric(y_true, y_pred): ...",
        )
    if name in taken or name in _registry(task):
        raise InvalidArgumentError(
            "a name is taken", argument="metrics", found=repr(name), hint="rename the function"
        )
    classes = task.classes if isinstance(task, ClassificationTask) else None
    repeated = _repeated(function, name, classes)
    return Metric(name, name.replace("_", " "), None, False, True, False, None, repeated, own=True)


def _repeated(
    function: PlainFunction, name: str, classes: tuple[str, ...] | None
) -> Callable[[Any, FloatArray], FloatArray]:
    """Call a function with the rows of each sample, repeated as often as they stand in it."""

    def metric(data: RegressionData | ClassificationData, counts: FloatArray) -> FloatArray:
        names = None if classes is None else np.array(classes, dtype=object)
        truth, prediction = (
            column if names is None else names[column] for column in (data.truth, data.prediction)
        )
        values = np.full((len(counts), 1 if classes is None else len(classes) + 1), np.nan)
        for line, count in enumerate(counts):
            rows = np.repeat(np.arange(len(data)), count.astype(np.intp))
            values[line, -1] = _call(function, name, truth[rows], prediction[rows])
        return values

    return metric


def _call(function: PlainFunction, name: str, truth: Any, prediction: Any) -> float:
    try:
        value = function(truth, prediction)
    except Exception as error:
        error.add_note(
            f"The metric {name!r} failed on {len(truth)} rows. It should return float('nan') where "
            "it is undefined, as for a bin that lacks a class."
        )
        raise
    if np.ndim(value) != 0:
        raise InvalidTypeError(
            f"the metric {name!r} gave no number",
            argument="metrics",
            expected="one number",
            found=repr(value)[:80],
        )
    return float(value)
