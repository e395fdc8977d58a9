"""What is checked before a training starts, so that it fails at once or not at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._ranges import known_rows
from faceattr.data import Dataset
from faceattr.data._aligning import in_table_order
from faceattr.data.sampling import Plan
from faceattr.evaluation.metrics import CLASSIFICATION_METRICS, REGRESSION_METRICS
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError, TrainingError
from faceattr.models import Model
from faceattr.tasks import ClassificationTask, RegressionTask
from faceattr.training.config import TrainConfig

__all__ = [
    "check_calls",
    "check_fit",
    "check_plan",
    "check_sample_weight",
    "check_sampler",
    "check_share",
]

_log = logging.getLogger(__name__)


def check_fit(model: Model, train: Dataset, valid: Dataset | None, config: TrainConfig) -> None:
    """Check that the model can be trained on these data under this configuration.

    Raises
    ------
    InvalidTypeError, InvalidArgumentError, DataError, TrainingError
        With what does not fit, and how to mend it.
    """
    _check_types(model, train, valid)
    check_share(train, config, 1)
    _check_apart(train, valid)
    for name, task in model.tasks.items():
        _check_task(model, train, name, "train")
        _check_labels(train, name, "train")
        _tell_useless_ranges(model, train, name)
        if valid is not None:
            _check_task(model, valid, name, "valid")
        if isinstance(task, ClassificationTask):
            _check_two_classes(train, name)
    if valid is not None:
        _check_any_label(model, valid)
    _check_names(config.loss_weights, model)
    _check_monitor(model, valid, config)


def check_calls(sampler: object, on_epoch: object) -> None:
    """Check that what will be called during the training can be called."""
    if sampler is not None and not callable(getattr(sampler, "plan", None)):
        raise InvalidTypeError(
            "not a sampler",
            argument="sampler",
            expected="an object with a method plan(epoch)",
            found=type(sampler).__name__,
        )
    if on_epoch is not None and not callable(on_epoch):
        raise InvalidTypeError(
            "cannot be called",
            argument="on_epoch",
            expected="a function of an epoch's row",
            found=type(on_epoch).__name__,
        )


def check_sampler(sampler: object, train: Dataset) -> None:
    """Ask a sampler whether it was made for these data, where it can tell.

    Raises
    ------
    InvalidArgumentError
        If it was made for others.
    """
    check = getattr(sampler, "check_dataset", None)
    if callable(check):
        check(train)


def check_share(train: Dataset, config: TrainConfig, world_size: int) -> None:
    """Check that each of the batches that a step has over all processes gets two images."""
    batches = config.accumulate * world_size
    if config.batch_size < 2 * batches:
        raise InvalidArgumentError(
            "too small: it counts the images of a step over all processes",
            argument="batch_size",
            expected=f"at least {2 * batches}, two for each of {config.accumulate} batches in "
            f"{world_size} processes",
            found=str(config.batch_size),
        )
    if len(train) < 2 * batches:
        raise DataError(
            "too few images to train on",
            argument="train",
            expected=f"at least {2 * batches}, two for each of the {batches} batches of a step",
            found=str(len(train)),
        )


def check_sample_weight(
    weight: Sequence[float] | pd.Series | str | None, train: Dataset
) -> npt.NDArray[np.float32] | None:
    """Return how much each image counts, float32 ``(n,)`` with a mean of 1.

    Parameters
    ----------
    weight : sequence of float, Series, str or None
        A number of at least 0 an image, in the table's order, or, of a Series with another index
        than 0, 1, ..., by ``sample_id``; or the column that holds them.
    train : Dataset
        Of n images.

    Raises
    ------
    InvalidArgumentError
        If there is no such column, or the values are not n finite numbers of at least 0 with one
        above it.
    """
    if weight is None:
        return None
    values = _weight_values(weight, train)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(values) != len(train) or len(bad) or not values.any():
        ids = train.table["sample_id"]
        raise InvalidArgumentError(
            "not weights of these images",
            argument="sample_weight",
            rows=[str(ids.iloc[row]) for row in bad if row < len(ids)],
            expected=f"{len(train)} finite numbers of at least 0, not all of them 0",
            found=f"{len(values)} values, {len(bad)} of them missing, infinite or below 0",
        )
    return np.asarray(values / values.mean(), dtype=np.float32)


def _weight_values(weight: object, train: Dataset) -> npt.NDArray[np.float64]:
    if isinstance(weight, str):
        if weight not in train.table:
            raise InvalidArgumentError(
                "no such column",
                argument="sample_weight",
                expected=f"one of {list(train.table.columns)}, or a number for each image",
                found=repr(weight),
            )
        weight = train.table[weight]
    if isinstance(weight, pd.Series):
        weight = in_table_order(weight, train.table["sample_id"], "sample_weight")
    array = np.asarray(weight)
    if array.ndim != 1:
        raise InvalidTypeError(
            "not a number for each image",
            argument="sample_weight",
            expected=f"{len(train)} numbers in the table's order, a Series by sample_id, or the "
            "name of a column",
            found=f"{type(weight).__name__} of shape {array.shape}",
        )
    return pd.to_numeric(pd.Series(array), errors="coerce").to_numpy(np.float64)


def check_plan(plan: object, n: int, least: int) -> Plan:
    """Return a sampler's plan, int64 ``(M, 2)`` with indices below `n` and M at least `least`."""
    try:
        array = np.asarray(plan)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    fits = array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind in "iu"
    indices = array[:, 0] if fits else np.empty(0, np.int64)
    outside = np.flatnonzero((indices < 0) | (indices >= n))
    if not fits or len(array) < least or len(outside):
        found = f"{array.dtype} of shape {array.shape}"
        raise InvalidArgumentError(
            "not a plan for this data set",
            argument="sampler.plan(epoch)",
            rows=[f"row {row}: index {indices[row]}" for row in outside],
            expected=f"an int64 array (M, 2) of image index (0 to {n - 1}) and repeat, with M at "
            f"least {least}, two images for each batch of a step",
            found=found,
        )
    return array.astype(np.int64)


def _check_types(model: Model, train: Dataset, valid: Dataset | None) -> None:
    if not isinstance(model, Model):
        raise InvalidTypeError(
            "not a model",
            argument="model",
            expected="a faceattr.Model",
            found=type(model).__name__,
            hint="Model(backbone=your_module, tasks=...) wraps a module of your own",
        )
    for argument, data in (("train", train), ("valid", valid)):
        if not isinstance(data, Dataset) and not (argument == "valid" and data is None):
            raise InvalidTypeError(
                "not a data set",
                argument=argument,
                expected="a faceattr.Dataset",
                found=type(data).__name__,
            )


def _check_apart(train: Dataset, valid: Dataset | None) -> None:
    if valid is None:
        return
    if len(valid) == 0:
        raise DataError("no image to validate on", argument="valid", hint="pass valid=None")
    shared = set(train.table["sample_id"]) & set(valid.table["sample_id"])
    if shared:
        raise DataError(
            "images are in both training and validation",
            argument="valid",
            rows=sorted(shared),
            hint="make both with dataset.split(...)",
        )


def _check_task(model: Model, data: Dataset, name: str, argument: str) -> None:
    if name not in data.tasks:
        raise InvalidArgumentError(
            "the data set has no labels for a task of the model",
            argument=argument,
            expected=f"task {name!r}",
            found=f"tasks {list(data.tasks)}",
            hint="Model(tasks=dataset.tasks)",
        )
    if data.tasks[name] != model.tasks[name]:
        raise InvalidArgumentError(
            "the data set and the model mean different things by a task",
            argument=argument,
            expected=repr(model.tasks[name]),
            found=repr(data.tasks[name]),
            hint="Model(tasks=dataset.tasks)",
        )


def _check_labels(data: Dataset, name: str, argument: str) -> None:
    if not known_rows(data.table, data.tasks[name]).any():
        raise DataError(
            f"no image of this part has a label for task {name!r}",
            argument=argument,
            hint="leave the task out",
        )


def _check_any_label(model: Model, valid: Dataset) -> None:
    if not any(known_rows(valid.table, task).any() for task in model.tasks.values()):
        raise DataError(
            "no image of this part has a label", argument="valid", hint="pass valid=None"
        )


def _check_measurable(valid: Dataset, monitor: str) -> None:
    if valid.table[monitor.split("/", maxsplit=1)[0]].isna().all():
        raise DataError(
            f"no image of this part has a label by which {monitor!r} is measured",
            argument="valid",
            expected="labels; a range is none",
            hint='monitor="loss" counts ranges too',
        )


def _tell_useless_ranges(model: Model, train: Dataset, name: str) -> None:
    if model.head(name).supports_ranges:
        return
    ranges = known_rows(train.table, train.tasks[name]) & train.table[name].isna().to_numpy()
    if ranges.any():
        _log.warning(
            "%d images have only a range for task %r, from which the head %r does not learn; "
            'heads={%r: "distribution"} does',
            int(ranges.sum()),
            name,
            model.head_kinds[name],
            name,
        )


def _check_two_classes(train: Dataset, name: str) -> None:
    seen = train.table[name].dropna().unique()
    if len(seen) < 2:
        raise TrainingError(
            f"all labels of task {name!r} are of one class, so there is nothing to tell apart",
            argument="train",
            expected="labels of two classes or more",
            found=f"only {str(seen[0])!r}",
            hint="leave the task out or add images of the other classes",
        )


def _check_names(weights: Mapping[str, float], model: Model) -> None:
    unknown = [name for name in weights if name not in model.tasks]
    if unknown:
        raise InvalidArgumentError(
            "names a task that the model does not have",
            argument="loss_weights",
            expected=f"keys among {list(model.tasks)}",
            found=repr(unknown[0]),
        )


def _check_monitor(model: Model, valid: Dataset | None, config: TrainConfig) -> None:
    needs = [
        f"{argument}={value!r}"
        for argument, value in (("restore", config.restore), ("schedule", config.schedule))
        if value in ("best", "plateau")
    ]
    if config.patience is not None:
        needs.append(f"patience={config.patience}")
    if needs and valid is None:
        raise InvalidArgumentError(
            f"{needs[0]} looks at validation, and there is none",
            argument="valid",
            expected="a Dataset",
            found="None",
            hint="pass valid=, or choose another setting",
        )
    if config.monitor != "loss":
        _check_metric(model, config.monitor)
        if valid is not None:
            _check_measurable(valid, config.monitor)


def _check_metric(model: Model, monitor: str) -> None:
    name, metric = monitor.split("/")
    if name not in model.tasks:
        raise InvalidArgumentError(
            "names a task that the model does not have",
            argument="monitor",
            expected=f"'loss' or one of {list(model.tasks)} and a metric, such as 'age/mae'",
            found=repr(monitor),
        )
    numbers = isinstance(model.tasks[name], RegressionTask)
    metrics = REGRESSION_METRICS if numbers else CLASSIFICATION_METRICS
    found = metrics.get(metric, argument="monitor")
    if found.needs_limits or found.better is None:
        raise InvalidArgumentError(
            "needs intervals, which a model has after its training"
            if found.needs_limits
            else "neither more nor less of this metric is better",
            argument="monitor",
            expected="such as 'age/mae' or 'gender/accuracy'",
            found=repr(monitor),
        )
