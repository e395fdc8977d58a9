"""Heads: from features to one task's outputs, their loss and their meaning.

All losses are per sample and of one order of magnitude, so that loss weights compare tasks and not
units: those of classes and distributions are in nats, those of numbers in units of the training
labels' mean absolute deviation from their median (a loss of 1 is the error of the best constant).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from faceattr.exceptions import InvalidArgumentError
from faceattr.registry import Registry
from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, RegressionTask, Task

__all__ = [
    "HEADS",
    "DistributionHead",
    "Head",
    "LinearHead",
    "LogitHead",
    "SoftmaxHead",
    "build_head",
    "register_head",
]

Columns: TypeAlias = dict[str, npt.NDArray[np.float64] | npt.NDArray[np.object_]]

_QUANTILES = {"q05": 0.05, "q95": 0.95}


class Head(nn.Module, ABC):
    """What every head does; derive from it and `register_head` to add one.

    Parameters
    ----------
    task : RegressionTask or ClassificationTask
        What the head predicts.
    num_features : int
        Length of the backbone's feature vectors.
    dropout : float
        Share of features dropped in training, in [0, 1).
    """

    task_type: ClassVar[type[RegressionTask] | type[ClassificationTask]]

    def __init__(self, task: Task, num_features: int, dropout: float) -> None:
        super().__init__()
        self.task = task
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(num_features, self.output_size(task))

    @classmethod
    @abstractmethod
    def output_size(cls, task: Task) -> int:
        """Return how many numbers the head puts out for one image."""

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``(N, F)`` to raw outputs ``(N, K)``."""
        outputs: Tensor = self.linear(self.dropout(features))
        return outputs

    def prepare(self, labels: Tensor) -> None:
        """Take constants from all labels of the first training, such as centre and scale."""

    @abstractmethod
    def encode(self, table: pd.DataFrame) -> Tensor:
        """Turn the task's columns of an index table into a tensor, a row an image."""

    @abstractmethod
    def labelled(self, labels: Tensor) -> Tensor:
        """Return a bool tensor ``(N,)``: which of the encoded labels are known."""

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each image ``(N,)``; 0 where the label is missing."""

    @abstractmethod
    def columns(self, outputs: Tensor) -> Columns:
        """Turn raw outputs ``(N, K)`` into the task's columns of a predictions table."""


class _RegressionHead(Head):
    task_type = RegressionTask
    task: RegressionTask
    center: Tensor
    scale: Tensor
    prepared: Tensor

    def __init__(self, task: Task, num_features: int, dropout: float) -> None:
        super().__init__(task, num_features, dropout)
        low, high = self.task.bounds or (-1.0, 1.0)
        self.register_buffer("center", torch.tensor((low + high) / 2))
        self.register_buffer("scale", torch.tensor((high - low) / 4))
        self.register_buffer("prepared", torch.tensor(False))

    def prepare(self, labels: Tensor) -> None:
        if bool(self.prepared):
            return  # a trained head keeps its constants: its weights mean nothing without them
        known = labels[self.labelled(labels)].double()
        center = known.median()
        spread = (known - center).abs().mean()
        self.center.copy_(center)
        self.scale.copy_(spread if spread > 0 else torch.ones_like(spread))
        self.prepared.fill_(True)

    def encode(self, table: pd.DataFrame) -> Tensor:
        return torch.from_numpy(table[self.task.name].to_numpy(dtype=np.float32, copy=True))

    def labelled(self, labels: Tensor) -> Tensor:
        return ~torch.isnan(labels)


class LinearHead(_RegressionHead):
    """One number, as in the reference study: output x spread + median of the training labels.

    The loss is the smooth L1 distance in units of the spread, quadratic below a quarter of it.
    """

    beta = 0.25

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

    def columns(self, outputs: Tensor) -> Columns:
        """Return ``<task>_pred``, held within the task's bounds."""
        values = outputs[:, 0].cpu().double() * float(self.scale) + float(self.center)
        if self.task.bounds is not None:
            values = values.clamp(*self.task.bounds)
        return {pred_column(self.task.name): values.numpy()}


class DistributionHead(_RegressionHead):
    """Probabilities of evenly spaced values: whole years for ages.

    The prediction is the expected value, so it never leaves the bounds. The loss is the divergence
    from a normal distribution around the label plus the distance of the expected value in units of
    the training labels' spread (Gao et al. 2018, "Age Estimation Using Expectation of Label
    Distribution Learning"). The normal distribution widens with the value (one step and 4 % of the
    distance from the lower bound), as people's disagreement about ages does.
    """

    widening = 0.04
    support: Tensor

    def __init__(self, task: Task, num_features: int, dropout: float) -> None:
        super().__init__(task, num_features, dropout)
        low, high = _bounds(self.task)
        self.register_buffer("support", torch.linspace(low, high, self.output_size(task)))

    @classmethod
    def output_size(cls, task: Task) -> int:
        """Return the number of values: one a unit where that makes 3 to 512, otherwise 101."""
        low, high = _bounds(task)
        units = round(high - low) + 1
        whole = low.is_integer() and high.is_integer() and 3 <= units <= 512
        return units if whole else 101

    @property
    def step(self) -> float:
        """Distance between neighbouring values, in the task's unit."""
        return float(self.support[1] - self.support[0])

    def target(self, labels: Tensor) -> Tensor:
        """Return the distribution ``(N, K)`` that stands for labels ``(N,)``."""
        width = self.step + self.widening * (labels - self.support[0])
        distance = (self.support - labels[:, None]) / width[:, None]
        return torch.softmax(-0.5 * distance.square(), dim=1)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return divergence plus distance of the expected value, ``(N,)``."""
        known = self.labelled(labels)
        safe = torch.where(known, labels, self.support[0])
        log_probabilities = torch.log_softmax(outputs, dim=1)
        target = self.target(safe)
        divergence = (torch.xlogy(target, target) - target * log_probabilities).sum(dim=1)
        expected = (log_probabilities.exp() * self.support).sum(dim=1)
        return torch.where(known, divergence + (expected - safe).abs() / self.scale, 0.0)

    def columns(self, outputs: Tensor) -> Columns:
        """Return ``<task>_pred``, ``_std``, ``_q05`` and ``_q95``."""
        probabilities = torch.softmax(outputs.cpu().double(), dim=1).numpy()
        support = self.support.cpu().double().numpy()
        mean = np.clip(probabilities @ support, support[0], support[-1])
        variance = probabilities @ support**2 - mean**2
        columns: Columns = {
            pred_column(self.task.name): mean,
            f"{self.task.name}_std": np.sqrt(np.maximum(variance, 0.0)),
        }
        for suffix, level in _QUANTILES.items():
            columns[f"{self.task.name}_{suffix}"] = _quantiles(probabilities, support, level)
        return columns


class _ClassificationHead(Head):
    task_type = ClassificationTask
    task: ClassificationTask

    def encode(self, table: pd.DataFrame) -> Tensor:
        return torch.from_numpy(self.task.encode(table[self.task.name]))

    def labelled(self, labels: Tensor) -> Tensor:
        return labels >= 0

    @abstractmethod
    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class, ``(N, classes)`` of float64."""

    def columns(self, outputs: Tensor) -> Columns:
        """Return ``<task>_pred`` and a ``<task>_prob_<class>`` for every class."""
        probabilities = self.probabilities(outputs.cpu().double()).numpy()
        names = np.array(self.task.classes, dtype=object)
        columns: Columns = {pred_column(self.task.name): names[probabilities.argmax(axis=1)]}
        for position, label in enumerate(self.task.classes):
            columns[prob_column(self.task.name, label)] = probabilities[:, position]
        return columns


class SoftmaxHead(_ClassificationHead):
    """One output a class; cross-entropy in nats."""

    @classmethod
    def output_size(cls, task: Task) -> int:
        """Return the number of classes."""
        return len(_classes(task))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy, ``(N,)``; 0 where the label is missing."""
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
        target = labels.clamp(min=0).to(outputs.dtype)
        losses = functional.binary_cross_entropy_with_logits(
            outputs[:, 0], target, reduction="none"
        )
        return torch.where(known, losses, 0.0)

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
    if not issubclass(head, Head) or not hasattr(head, "task_type"):
        raise InvalidArgumentError(
            "not a head",
            argument="head",
            expected="a subclass of faceattr.models.Head with a task_type",
            found=repr(head),
        )
    return HEADS.register(name, head)


register_head("distribution", DistributionHead)
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


def _bounds(task: Task) -> tuple[float, float]:
    if not isinstance(task, RegressionTask) or task.bounds is None:
        raise InvalidArgumentError(
            "the distribution head needs to know the range of the labels",
            argument=f"task {task.name!r}",
            expected="bounds",
            found="none",
            hint=f'RegressionTask("{task.name}", bounds=(low, high)), or the head "linear"',
        )
    return task.bounds


def _classes(task: Task) -> tuple[str, ...]:
    return task.classes if isinstance(task, ClassificationTask) else ()


def _quantiles(
    probabilities: npt.NDArray[np.float64], support: npt.NDArray[np.float64], level: float
) -> npt.NDArray[np.float64]:
    """Return where each distribution reaches `level`, its mass spread evenly over a step."""
    cumulated = np.cumsum(probabilities, axis=1)
    first = np.minimum((cumulated < level).sum(axis=1), len(support) - 1)
    rows = np.arange(len(probabilities))
    mass = np.maximum(probabilities[rows, first], np.finfo(np.float64).tiny)
    share = 1 - (cumulated[rows, first] - level) / mass
    step = support[1] - support[0]
    reached: npt.NDArray[np.float64] = support[first] + (np.clip(share, 0, 1) - 0.5) * step
    bounded: npt.NDArray[np.float64] = np.clip(reached, support[0], support[-1])
    return bounded
