"""From the numbers that a head puts out to columns of the predictions table; without torch.

The heads decode by these functions, and so does a model that left Python as an ONNX file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, RegressionTask

__all__ = [
    "DECODERS",
    "Columns",
    "class_columns",
    "distribution_columns",
    "number_columns",
]

Columns: TypeAlias = dict[str, npt.NDArray[np.float64] | npt.NDArray[np.object_]]
_Values: TypeAlias = npt.NDArray[np.float64]

_QUANTILES = {"q05": 0.05, "q95": 0.95}


def class_columns(task: ClassificationTask, probabilities: _Values) -> Columns:
    """Return ``<task>_pred`` and a ``<task>_prob_<class>`` for every class.

    Parameters
    ----------
    task : ClassificationTask
    probabilities : numpy.ndarray of float64, shape (N, classes)
        0 to 1.
    """
    names = np.array(task.classes, dtype=object)
    columns: Columns = {pred_column(task.name): names[probabilities.argmax(axis=1)]}
    for position, label in enumerate(task.classes):
        columns[prob_column(task.name, label)] = probabilities[:, position]
    return columns


def number_columns(task: RegressionTask, values: _Values) -> Columns:
    """Return ``<task>_pred``, held within the task's bounds.

    Parameters
    ----------
    task : RegressionTask
    values : numpy.ndarray of float64, shape (N,)
        In the task's unit.
    """
    return {pred_column(task.name): values if task.bounds is None else values.clip(*task.bounds)}


def distribution_columns(
    task: RegressionTask, support: _Values, probabilities: _Values, *, level: float | None = None
) -> Columns:
    """Return ``<task>_pred`` (expected value or quantile), ``_std``, ``_q05`` and ``_q95``.

    Parameters
    ----------
    task : RegressionTask
    support : numpy.ndarray of float64, shape (K,)
        Evenly spaced values in the task's unit.
    probabilities : numpy.ndarray of float64, shape (N, K)
        0 to 1.
    level : float, optional
        Which quantile is predicted, 0 to 1: 0.5 for the median. The expected value by default.
    """
    mean = np.clip(probabilities @ support, support[0], support[-1])
    variance = probabilities @ support**2 - mean**2
    columns: Columns = {
        pred_column(task.name): (
            mean if level is None else _quantiles(probabilities, support, level)
        ),
        f"{task.name}_std": np.sqrt(np.maximum(variance, 0.0)),
    }
    for suffix, share in _QUANTILES.items():
        columns[f"{task.name}_{suffix}"] = _quantiles(probabilities, support, share)
    return columns


def _quantiles(probabilities: _Values, support: _Values, level: float) -> _Values:
    """Return where each distribution reaches `level`, its mass spread evenly over a step."""
    cumulated = np.cumsum(probabilities, axis=1)
    first = np.minimum((cumulated < level).sum(axis=1), len(support) - 1)
    rows = np.arange(len(probabilities))
    mass = np.maximum(probabilities[rows, first], np.finfo(np.float64).tiny)
    share = 1 - (cumulated[rows, first] - level) / mass
    step = support[1] - support[0]
    reached: _Values = support[first] + (np.clip(share, 0, 1) - 0.5) * step
    bounded: _Values = np.clip(reached, support[0], support[-1])
    return bounded


def _softmax(outputs: _Values) -> _Values:
    raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares: _Values = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _sigmoid(outputs: _Values) -> _Values:
    small = np.exp(-np.abs(outputs))
    return np.where(outputs >= 0, 1 / (1 + small), small / (1 + small))


Constants: TypeAlias = Mapping[str, Any]
"""A head's constants by name: the numbers of its buffers, as JSON holds them."""


def _decode_distribution(task: Any, constants: Constants, outputs: _Values) -> Columns:
    support = np.array(constants["support"], dtype=np.float64)
    level = constants.get("predicted")
    return distribution_columns(task, support, _softmax(outputs), level=level)


def _decode_linear(task: Any, constants: Constants, outputs: _Values) -> Columns:
    values = outputs[:, 0] * float(constants["scale"]) + float(constants["center"])
    return number_columns(task, values)


def _decode_softmax(task: Any, constants: Constants, outputs: _Values) -> Columns:
    return class_columns(task, _softmax(outputs))


def _decode_logit(task: Any, constants: Constants, outputs: _Values) -> Columns:
    second = _sigmoid(outputs[:, 0])
    return class_columns(task, np.stack([1 - second, second], axis=1))


DECODERS: dict[str, Callable[[Any, Constants, _Values], Columns]] = {
    "distribution": _decode_distribution,
    "median": _decode_distribution,
    "linear": _decode_linear,
    "softmax": _decode_softmax,
    "logit": _decode_logit,
}
"""By kind of head: task, constants and float64 outputs (N, K) to columns. A head of one's own is
not among them; its own class decodes."""
