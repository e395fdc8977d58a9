"""What every head does, and what those of numbers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from faceattr.exceptions import InvalidTypeError
from faceattr.models.decoding import Columns
from faceattr.tasks import ClassificationTask, RegressionTask, Task

__all__ = ["Columns", "Head", "RegressionHead"]


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

    Attributes
    ----------
    task_type : type
        The tasks that it serves; set by each class.
    supports_ranges : bool
        Whether it learns from numbers known as a range. Where it does not, an image with a range
        and no label counts as not labelled.
    supports_teacher : bool
        Whether it learns from predictions of other models (`soft_labels`).
    """

    task_type: ClassVar[type[RegressionTask] | type[ClassificationTask]]
    supports_ranges: ClassVar[bool] = False
    supports_teacher: ClassVar[bool] = False

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
        """Turn the task's columns of an index table into a tensor, a row an image.

        Shape ``(N,)``, or whatever the head's own `labelled` and `loss` understand; the first
        dimension is that of the table. Heads that support ranges find their ends in the columns
        ``task.range_columns``, where the table has them.
        """

    @abstractmethod
    def labelled(self, labels: Tensor) -> Tensor:
        """Return a bool tensor ``(N,)``: which of the encoded labels are known."""

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each image ``(N,)``; 0 where the label is missing."""

    def mixed_loss(self, outputs: Tensor, labels: Tensor, other: Tensor, share: Tensor) -> Tensor:
        """Return the loss of images that are blends of two (Zhang et al. 2018).

        Here it is the losses of both labels, weighted by their shares. For classes that is exactly
        the loss of the mixed label, since cross-entropy is linear in the target.

        Parameters
        ----------
        outputs : torch.Tensor, shape (N, K)
            Raw outputs of the blended images.
        labels, other : torch.Tensor, first dimension N
            Encoded labels of both images.
        share : torch.Tensor of float, shape (N,)
            Share of the image with `labels`, 0 to 1; the one with `other` has the rest.

        Returns
        -------
        torch.Tensor, shape (N,)
            A label that is missing adds nothing. With a share of 1 it is the `loss` of `labels`,
            with 0 that of `other`.

        References
        ----------
        Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization",
        arXiv:1710.09412.
        """
        return share * self.loss(outputs, labels) + (1 - share) * self.loss(outputs, other)

    def soft_labels(self, labels: Tensor, taught: pd.DataFrame, weight: float) -> Tensor:
        """Return labels that are in part what a teacher predicts (Hinton et al. 2015).

        What it returns takes the place of `labels` in `labelled`, `loss` and `mixed_loss`.

        Parameters
        ----------
        labels : torch.Tensor, first dimension N
            Encoded labels.
        taught : pandas.DataFrame of N rows
            The task's columns of a predictions table; NaN where there is no prediction.
        weight : float
            The teacher's part, in [0, 1]. It is 0 where there is no prediction, and 1 where there
            is no label.

        Returns
        -------
        torch.Tensor, first dimension N

        References
        ----------
        Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network",
        arXiv:1503.02531.

        Raises
        ------
        InvalidTypeError
            If the head does not learn from a teacher.
        """
        raise InvalidTypeError(
            "the head does not learn from a teacher",
            argument=type(self).__name__,
            expected="a method soft_labels, and supports_teacher = True",
            found=f"supports_teacher = {self.supports_teacher}",
        )

    def scores(self, outputs: Tensor) -> Tensor:
        """Return what Grad-CAM takes the gradient of, differentiable.

        Parameters
        ----------
        outputs : torch.Tensor, shape (N, K)
            Raw outputs.

        Returns
        -------
        torch.Tensor, shape (N, 1) or (N, classes)
            The predicted number in the task's unit, or a score for each class before they are made
            probabilities. Here the outputs themselves, where there are as many.

        Raises
        ------
        InvalidTypeError
            If there are not, so that the head has to say it itself.
        """
        wanted = len(self.task.classes) if isinstance(self.task, ClassificationTask) else 1
        if outputs.shape[1] != wanted:
            raise InvalidTypeError(
                "the head does not say which numbers its outputs stand for",
                argument=type(self).__name__,
                expected=f"a method scores that returns (N, {wanted})",
                found=f"outputs of shape {tuple(outputs.shape)}",
            )
        return outputs

    @abstractmethod
    def columns(self, outputs: Tensor) -> Columns:
        """Turn raw outputs ``(N, K)`` into the task's columns of a predictions table."""


class RegressionHead(Head):
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
        if len(known) == 0:
            return
        center = known.median()
        spread = (known - center).abs().mean()
        self.center.copy_(center)
        self.scale.copy_(spread if spread > 0 else torch.ones_like(spread))
        self.prepared.fill_(True)

    def encode(self, table: pd.DataFrame) -> Tensor:
        return torch.from_numpy(table[self.task.name].to_numpy(dtype=np.float32, copy=True))

    def labelled(self, labels: Tensor) -> Tensor:
        return ~torch.isnan(labels)
