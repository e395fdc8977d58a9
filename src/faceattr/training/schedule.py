"""Learning rates as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceattr.training.config import TrainConfig

__all__ = ["learning_rate", "plateau_falls"]


def learning_rate(
    config: TrainConfig, step: int, steps_per_epoch: int, monitored: Sequence[float] = ()
) -> float:
    """Return the learning rate of a step.

    Parameters
    ----------
    config : TrainConfig
        ``schedule`` chooses the path: "one_cycle" rises and falls as a cosine (Smith 2018,
        arXiv:1803.09820; torch's OneCycleLR) within `cycle_epochs`, then stays at the final rate;
        "cosine" falls from the peak; "step" falls every `step_epochs`; "plateau" falls when
        `monitor` has not improved for `step_epochs`; "constant" stays.
    step : int
        From 0, counted over the whole training.
    steps_per_epoch : int
        Steps in an epoch.
    monitored : sequence of float
        The monitored value after each finished epoch, smaller being better; "plateau" needs it.

    Returns
    -------
    float
        In ``(0, config.lr]``.
    """
    cycle = (config.cycle_epochs or config.epochs) * steps_per_epoch
    final = config.lr / config.div_factor / config.final_div_factor
    if config.schedule == "one_cycle":
        return _one_cycle(config, step, cycle, final)
    if config.schedule == "cosine":
        return _cosine(config.lr, final, step / max(cycle - 1, 1))
    if config.schedule == "step":
        falls = step // steps_per_epoch // config.step_epochs
        return config.lr * config.step_factor**falls
    if config.schedule == "plateau":
        return config.lr * config.step_factor ** plateau_falls(monitored, config.step_epochs)
    return config.lr


def plateau_falls(monitored: Sequence[float], patience: int) -> int:
    """Count how often `patience` epochs in a row brought no smaller value."""
    best, waited, falls = math.inf, 0, 0
    for value in monitored:
        if value < best:
            best, waited = value, 0
            continue
        waited += 1
        if waited == patience:
            waited, falls = 0, falls + 1
    return falls


def _one_cycle(config: TrainConfig, step: int, cycle: int, final: float) -> float:
    first = config.lr / config.div_factor
    # As in torch, the peak lies between two steps where the share makes it so.
    peak = max(config.pct_start * cycle - 1, 0.0)
    if step < peak:
        return _cosine(first, config.lr, step / peak)
    return _cosine(config.lr, final, (step - peak) / max(cycle - 1 - peak, 1e-9))


def _cosine(start: float, end: float, share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
