"""Averages of a network's weights and batch-norm statistics: over steps, and over late epochs.

Floating-point buffers are averaged like weights, others copied: batch-norm statistics that do not
belong to the averaged weights spoil them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["EpochAverage", "WeightAverage"]

M = TypeVar("M", bound=nn.Module)


class WeightAverage(Generic[M]):
    """A running average over steps (Polyak and Juditsky 1992), in a copy that can be evaluated.

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
        # Looked up once. The variables themselves: wrapping a model for several processes may move
        # them to other memory.
        self._pairs = _pair(self.model.state_dict(), model.state_dict(keep_vars=True))

    def update(self) -> None:
        """Take one step towards the model as it is now."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self._pairs.move(1 - decay)


class EpochAverage:
    """The mean of the networks at the ends of some epochs (Izmailov et al. 2018, arXiv:1803.05407).

    Attributes
    ----------
    state : dict of str to torch.Tensor
        The averaged weights and statistics; empty before the first epoch.
    epochs : int
        How many were averaged.
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}
        self.epochs = 0

    def add(self, state: Mapping[str, Tensor]) -> None:
        """Take the network at the end of an epoch into the mean."""
        self.epochs += 1
        if self.epochs == 1:
            self.state = clone_state(state)
        else:
            _pair(self.state, state).move(1 / self.epochs)


def clone_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a copy that later training does not change."""
    return {key: value.detach().clone() for key, value in state.items()}


class _Pairs(NamedTuple):
    """Averages and what they follow, in the same order."""

    averages: list[Tensor]
    current: list[Tensor]
    copies: list[tuple[Tensor, Tensor]]

    @torch.no_grad()
    def move(self, share: float) -> None:
        """Move the averages by a share of their distance; copy what is no number."""
        torch._foreach_lerp_(self.averages, self.current, weight=share)
        for average, value in self.copies:
            average.copy_(value)


def _pair(averages: Mapping[str, Tensor], current: Mapping[str, Tensor]) -> _Pairs:
    # Weights that share their memory have several names and are moved once.
    once = list({value.data_ptr() or key: key for key, value in averages.items()}.values())
    smooth = [key for key in once if averages[key].is_floating_point()]
    others = [key for key in once if not averages[key].is_floating_point()]
    return _Pairs(
        [averages[key] for key in smooth],
        [current[key] for key in smooth],
        [(averages[key], current[key]) for key in others],
    )
