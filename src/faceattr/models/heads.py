"""Heads: from features to one task's outputs, their loss and their meaning.

All losses are per sample and of one order of magnitude, so that loss weights compare tasks and not
units: those of classes and distributions are in nats, those of numbers in units of the training
labels' mean absolute deviation from their median (a loss of 1 is the error of the best constant).
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from faceattr.exceptions import InvalidArgumentError
from faceattr.models._distribution import DistributionHead, MedianHead
from faceattr.models._head import Head, RegressionHead
from faceattr.models.decoding import Columns, class_columns, number_columns
from faceattr.registry import Registry
from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, Task

__all__ = [
    "HEADS",
    "DistributionHead",
    "Head",
    "LinearHead",
    "LogitHead",
    "MedianHead",
    "SoftmaxHead",
    "build_head",
    "register_head",
]


class LinearHead(RegressionHead):
    """One number, as in the reference study: output x spread + median of the training labels.

    The loss is the smooth L1 distance in units of the spread, quadratic below a quarter of it.
    """

    beta = 0.25
    supports_teacher = True

    @classmethod
    def output_size(cls, task: Task) -> int:
        """Return 1."""
        return 1

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return smooth L1 in units of the training labels' spread, ``(N,)``."""
        known = self.labelled(labels)
        target = torch.where(known, (labels - self.center) / self.scale, 0.0)
        losses = functional.smooth_l1_loss(outputs[:, 0], target, beta=self.beta, reduction="none")
        return torch.where(known, losses, 0.0)

    def soft_labels(self, labels: Tensor, taught: pd.DataFrame, weight: float) -> Tensor:
        """Return the mean of label and predicted number, by `weight`, ``(N,)``."""
        told = _numbers(taught, [pred_column(self.task.name)])[:, 0].to(labels.dtype)
        return torch.lerp(
            torch.where(torch.isnan(labels), told, labels),
            torch.where(torch.isnan(told), labels, told),
            weight,
        )

    def scores(self, outputs: Tensor) -> Tensor:
        """Return the number in the task's unit, ``(N, 1)``, not held within its bounds."""
        return outputs * self.scale + self.center

    def columns(self, outputs: Tensor) -> Columns:
        """Return ``<task>_pred``, held within the task's bounds."""
        values = outputs[:, 0].cpu().double() * float(self.scale) + float(self.center)
        return number_columns(self.task, values.numpy())


class _ClassificationHead(Head):
    """Labels are classes ``(N,)`` of int64, -1 where missing, or soft ones ``(N, classes)``."""

    task_type = ClassificationTask
    supports_teacher = True
    task: ClassificationTask

    def encode(self, table: pd.DataFrame) -> Tensor:
        return torch.from_numpy(self.task.encode(table[self.task.name]))

    def labelled(self, labels: Tensor) -> Tensor:
        return labels >= 0 if labels.ndim == 1 else ~torch.isnan(labels[:, 0])

    def soft_labels(self, labels: Tensor, taught: pd.DataFrame, weight: float) -> Tensor:
        """Return the probability of each class, ``(N, classes)``; NaN where nothing is known."""
        names = [prob_column(self.task.name, label) for label in self.task.classes]
        told = _numbers(taught, names)
        known = self.labelled(labels)[:, None]
        label = functional.one_hot(labels.clamp(min=0), len(names)).float()
        label = torch.where(known, label, told)
        return torch.lerp(label, torch.where(torch.isnan(told), label, told), weight)

    @abstractmethod
    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class, ``(N, classes)`` of float64."""

    def columns(self, outputs: Tensor) -> Columns:
        """Return ``<task>_pred`` and a ``<task>_prob_<class>`` for every class."""
        return class_columns(self.task, self.probabilities(outputs.cpu().double()).numpy())


class SoftmaxHead(_ClassificationHead):
    """One output a class; cross-entropy in nats."""

    @classmethod
    def output_size(cls, task: Task) -> int:
        """Return the number of classes."""
        return len(_classes(task))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy, ``(N,)``; 0 where the label is missing."""
        if labels.ndim == 2:
            known = self.labelled(labels)
            labels = torch.where(known[:, None], labels, 0.0)
            return functional.cross_entropy(outputs, labels, reduction="none")
        return functional.cross_entropy(outputs, labels, ignore_index=-1, reduction="none")

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the softmax of the outputs."""
        return torch.softmax(outputs, dim=1)


class LogitHead(_ClassificationHead):
    """A single logit, that of the second of two classes; binary cross-entropy in nats."""

    @classmethod
    def output_size(cls, task: Task) -> int:
        """Return 1; InvalidArgumentError unless the task has two classes."""
        if len(_classes(task)) != 2:
            raise InvalidArgumentError(
                "a single logit tells two classes apart",
                argument=f"head of task {task.name!r}",
                expected="a task of two classes",
                found=f"{len(_classes(task))} classes",
                hint='take the head "softmax"',
            )
        return 1

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the binary cross-entropy, ``(N,)``; 0 where the label is missing."""
        known = self.labelled(labels)
        second = labels.clamp(min=0) if labels.ndim == 1 else labels[:, 1].nan_to_num()
        target = second.to(outputs.dtype)
        losses = functional.binary_cross_entropy_with_logits(
            outputs[:, 0], target, reduction="none"
        )
        return torch.where(known, losses, 0.0)

    def scores(self, outputs: Tensor) -> Tensor:
        """Return the logit of each of the two classes, ``(N, 2)``."""
        return torch.cat([-outputs, outputs], dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probabilities of both classes."""
        second = torch.sigmoid(outputs[:, 0])
        return torch.stack([1 - second, second], dim=1)


HEADS: Registry[type[Head]] = Registry("head")


def register_head(name: str, head: type[Head]) -> type[Head]:
    """Make a head of one's own known by name, for ``Model(heads={"age": name})``.

    Raises
    ------
    InvalidArgumentError
        If the name is taken, or the class does not say which tasks it serves.
    """
    if not (isinstance(head, type) and issubclass(head, Head)) or not hasattr(head, "task_type"):
        raise InvalidArgumentError(
            "not a head",
            argument="head",
            expected="a subclass of faceattr.models.Head with a task_type",
            found=repr(head),
        )
    return HEADS.register(name, head)


register_head("distribution", DistributionHead)
register_head("median", MedianHead)
register_head("linear", LinearHead)
register_head("softmax", SoftmaxHead)
register_head("logit", LogitHead)


def default_head(task: Task) -> str:
    """Return the head that a task gets when none is named."""
    if isinstance(task, ClassificationTask):
        return "softmax"
    return "linear" if task.bounds is None else "distribution"


def build_head(kind: str, task: Task, num_features: int, dropout: float) -> Head:
    """Build the head registered as `kind` for a task.

    Raises
    ------
    InvalidArgumentError
        If there is no such head or it serves another type of task.
    """
    argument = f"heads[{task.name!r}]"
    head = HEADS.get(kind, argument=argument)
    if not isinstance(task, head.task_type):
        fitting = [
            name for name in HEADS if isinstance(task, HEADS.get(name, argument=argument).task_type)
        ]
        raise InvalidArgumentError(
            "this head serves another type of task",
            argument=argument,
            expected="one of " + ", ".join(map(repr, fitting)),
            found=repr(kind),
        )
    return head(task, num_features, dropout)


def _numbers(table: pd.DataFrame, columns: list[str]) -> Tensor:
    """Return columns as float32 ``(N, columns)``; a row with a missing number is NaN."""
    values = np.array(table[columns].to_numpy(dtype=np.float32, na_value=np.nan))
    values[np.isnan(values).any(axis=1)] = np.nan
    return torch.from_numpy(values)


def _classes(task: Task) -> tuple[str, ...]:
    return task.classes if isinstance(task, ClassificationTask) else ()
