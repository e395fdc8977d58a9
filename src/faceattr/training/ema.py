"""Exponential moving average of a network's weights and batch-norm statistics."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

__all__ = ["WeightAverage"]

M = TypeVar("M", bound=nn.Module)


class WeightAverage(Generic[M]):
    """A running average of a network (Polyak and Juditsky 1992), in a copy that can be evaluated.

    Floating-point buffers are averaged like weights, others copied: batch-norm statistics that do
    not belong to the averaged weights spoil them.

    Parameters
    ----------
    model : torch.nn.Module
        What is averaged; the copy starts equal to it.
    decay : float
        Share of the average that a step keeps, in (0, 1); less at first: ``(1 + t) / (10 + t)``.
    """

    def __init__(self, model: M, decay: float) -> None:
        self.model: M = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take one step of the average."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        average = self.model.state_dict(keep_vars=True)
        current = model.state_dict(keep_vars=True)
        smooth = [key for key, value in average.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [average[key].detach() for key in smooth],
            [current[key].detach() for key in smooth],
            weight=1 - decay,
        )
        for key in average.keys() - set(smooth):
            average[key].copy_(current[key])
