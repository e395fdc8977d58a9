"""How far a training is, apart from its tensors; and the optimiser's tensors by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import torch
from torch import Tensor
from torch.optim import Optimizer

__all__ = ["Progress", "load_optimizer", "optimizer_tensors"]


@dataclass
class Progress:
    """What a run has done.

    Attributes
    ----------
    epoch : int
        Finished epochs.
    step : int
        Finished steps.
    scores : list of float
        The monitored value after each epoch, smaller being better.
    history : list of dict of str to float
        A row an epoch.
    stopped : str
        Why it ended: "epochs" (all done), "patience", "callback", "interrupt"; empty before that.
    """

    epoch: int = 0
    step: int = 0
    scores: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    stopped: str = ""

    def take(self, other: Progress) -> None:
        """Become equal to another one."""
        vars(self).update(vars(other))

    def waited(self) -> int:
        """Return how many epochs have passed since the best score."""
        best = min(range(len(self.scores)), key=self.scores.__getitem__, default=-1)
        return len(self.scores) - 1 - best

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make it from what `to_dict` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If something is missing or of another type.
        """
        history = [{str(k): float(v) for k, v in row.items()} for row in data["history"]]
        made = cls(
            epoch=int(data["epoch"]),
            step=int(data["step"]),
            scores=[float(score) for score in data["scores"]],
            history=history,
            stopped=str(data["stopped"]),
        )
        if len(history) != made.epoch or made.epoch < 1 or made.step < made.epoch:
            raise ValueError(f"{made.epoch} epochs, {made.step} steps, {len(history)} rows")
        return made


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's state as tensors named ``parameter.key``."""
    state = optimizer.state_dict()["state"]
    return {f"{row}.{key}": value for row, own in state.items() for key, value in own.items()}


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take over what `optimizer_tensors` gave.

    Raises
    ------
    ValueError, KeyError, IndexError
        If the names are not those of this optimiser's parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        row, _, key = name.partition(".")
        own = state.setdefault(int(row), {})
        own[key] = _ordered_like(value, parameters[int(row)])
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _ordered_like(value: Tensor, weight: Tensor) -> Tensor:
    """Return the value in the weight's own order in memory, which fused kernels rely on."""
    if value.shape != weight.shape:
        return value
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)
