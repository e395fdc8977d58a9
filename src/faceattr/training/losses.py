"""The loss of a step: the weighted sum of the tasks' mean losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from faceattr.models import Model

__all__ = ["RunningLosses", "decayed_parameters", "l1_norm", "task_losses", "weighted_sum"]


def task_losses(
    model: Model,
    outputs: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    counts: Mapping[str, int],
) -> dict[str, Tensor]:
    """Return each task's loss: the sum over this process's images divided by the global count.

    Missing labels add nothing and are not counted; a task without a label in the batch costs 0.
    """
    return {
        name: model.head(name).loss(outputs[name], labels[name]).sum() / max(counts[name], 1)
        for name in model.tasks
    }


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
        self._counts: dict[str, int] = {}

    def add(self, losses: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Add a step's losses (this process's sums over global counts) and these counts."""
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(loss)) + loss * counts[name]
            self._counts[name] = self._counts.get(name, 0) + counts[name]

    def total(self) -> float:
        """Return the weighted sum over tasks, of this process's images alone."""
        shares = {name: value / max(self._counts[name], 1) for name, value in self._sums.items()}
        return float(weighted_sum(shares, self._weights))

    def means(
        self, gather: Callable[[dict[str, float]], list[dict[str, float]]]
    ) -> dict[str, float]:
        """Return ``train_loss`` and ``train_<task>_loss`` over all processes."""
        shares = gather({name: float(value) for name, value in self._sums.items()})
        means = {
            name: sum(share[name] for share in shares) / max(self._counts[name], 1)
            for name in self._sums
        }
        total = sum(self._weights.get(name, 1.0) * value for name, value in means.items())
        return {"train_loss": total} | {f"train_{name}_loss": v for name, v in means.items()}
