"""The loss of a step: the weighted sum of the tasks' mean losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from faceattr.exceptions import InvalidArgumentError
from faceattr.models import Model
from faceattr.training.batches import Batch

__all__ = [
    "RunningLosses",
    "batch_losses",
    "decayed_parameters",
    "l1_norm",
    "loss_figures",
    "mean_losses",
    "weighted_sum",
]


def batch_losses(model: Model, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Return each task's loss of each image ``(N,)``; 0 where a label is missing.

    Where images are mixed, so is what their labels stand for; weights are multiplied in.
    """
    losses: dict[str, Tensor] = {}
    for name in model.tasks:
        head, labels = model.head(name), batch.labels[name]
        if batch.other is None or batch.share is None:
            loss = head.loss(outputs[name], labels)
        else:
            loss = head.mixed_loss(outputs[name], labels, batch.other[name], batch.share)
        _check_shape(loss, len(batch), name)
        losses[name] = loss if batch.weight is None else loss * batch.weight
    return losses


def _check_shape(loss: Tensor, n: int, task: str) -> None:
    if loss.shape != (n,):
        raise InvalidArgumentError(
            "the head does not give a loss for each image",
            argument=f"head of task {task!r}",
            expected=f"a tensor of shape ({n},)",
            found=str(tuple(loss.shape)),
            hint='a loss of torch wants reduction="none"',
        )


def mean_losses(losses: Mapping[str, Tensor], counts: Mapping[str, float]) -> dict[str, Tensor]:
    """Return each task's share of its mean loss: the sum of these images over the global count.

    A task without a label in the step costs 0.
    """
    return {name: loss.sum() / (counts[name] or 1.0) for name, loss in losses.items()}


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the total loss; tasks without a weight count 1."""
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()


def decayed_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights that decay and L1 act on: those of two or more dimensions."""
    return [parameter for parameter in model.parameters() if parameter.ndim >= 2]


def l1_norm(parameters: list[nn.Parameter]) -> Tensor:
    """Return the sum of absolute values."""
    return torch.stack([parameter.abs().sum() for parameter in parameters]).sum()


class RunningLosses:
    """Mean losses of an epoch so far, each label counting the same.

    Parameters
    ----------
    weights : mapping of str to float
        Loss weights by task.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, float] = {}

    def add(self, losses: Mapping[str, Tensor], counts: Mapping[str, float]) -> None:
        """Add a step's losses (this process's sums over global counts) and these counts."""
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(loss)) + loss * counts[name]
            self._counts[name] = self._counts.get(name, 0) + counts[name]

    def total(self) -> float:
        """Return the weighted sum over tasks, of this process's images alone."""
        shares = {name: value / (self._counts[name] or 1.0) for name, value in self._sums.items()}
        return float(weighted_sum(shares, self._weights))

    def means(
        self, gather: Callable[[dict[str, float]], list[dict[str, float]]]
    ) -> dict[str, float]:
        """Return ``train_loss`` and ``train_<task>_loss`` over all processes.

        A task of which no label was seen has NaN, and adds nothing to the total.
        """
        shares = gather({name: float(value) for name, value in self._sums.items()})
        means = {
            name: sum(share[name] for share in shares) / (self._counts[name] or math.nan)
            for name in self._sums
        }
        return loss_figures("train", means, self._weights)


def loss_figures(
    part: str, means: Mapping[str, float], weights: Mapping[str, float]
) -> dict[str, float]:
    """Return ``<part>_loss``, the weighted sum of what is known, and ``<part>_<task>_loss``."""
    known = {name: value for name, value in means.items() if not math.isnan(value)}
    total = sum(weights.get(name, 1.0) * value for name, value in known.items())
    total = total if known else math.nan
    return {f"{part}_loss": total} | {f"{part}_{name}_loss": v for name, v in means.items()}
