"""The loss of a step: the weighted sum of the tasks' mean losses."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from faceattr.models import Model

__all__ = ["decayed_parameters", "l1_norm", "task_losses", "weighted_sum"]


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
