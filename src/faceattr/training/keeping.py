"""Weights that are kept beside those in training: averages, the best, and the last whole epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from torch import Tensor

from faceattr.models import Model
from faceattr.training.config import TrainConfig
from faceattr.training.ema import EpochAverage, WeightAverage, clone_state

__all__ = ["Keeper"]

_log = logging.getLogger(__name__)

States = dict[str, dict[str, Tensor]]


class Keeper:
    """Keeps weights aside, and puts those into the model that ``config.restore`` asks for.

    Parameters
    ----------
    model : Model
        In training, on its device.
    config : TrainConfig

    Attributes
    ----------
    seen : Model
        What validation looks at: the running average where there is one, else the model itself.
    """

    def __init__(self, model: Model, config: TrainConfig) -> None:
        self._model = model
        self._config = config
        self._average = WeightAverage(model, config.ema_decay) if config.ema_decay else None
        self._best: dict[str, Tensor] = {}
        self._late = EpochAverage()
        self._last: States = {}
        self.seen: Model = model if self._average is None else self._average.model

    def after_step(self) -> None:
        """Take a step of the running average."""
        if self._average is not None:
            self._average.update()

    def after_epoch(self, epoch: int, *, improved: bool) -> None:
        """Look at the weights at the end of an epoch, counted from 1."""
        if improved and self._config.restore == "best":
            self._best = clone_state(self.seen.state_dict())
        if epoch > self._config.epochs - self._config.average_epochs:
            self._late.add(self.seen.state_dict())
        self._remember()

    def rewind(self) -> None:
        """Go back to the end of the last whole epoch; nothing happens before the first."""
        if self._last:
            self._model.load_state_dict(self._last["model"])
        if self._last and self._average is not None:
            self._average.model.load_state_dict(self._last["ema"])

    def choose(self) -> None:
        """Load the weights that are asked for into the model."""
        chosen: Mapping[str, Tensor] = {}
        if self._config.restore == "best":
            chosen = self._best
        elif self._config.restore == "average":
            chosen = self._late.state
        elif self._config.restore == "last":
            return
        if not chosen:
            if self._config.restore != "ema":
                _log.warning("restore=%r: no such epoch was reached", self._config.restore)
            chosen = self.seen.state_dict()
        self._model.load_state_dict(chosen)

    def states(self) -> States:
        """Return all that a checkpoint has to hold, by name."""
        states = {"model": self._model.state_dict(), "best": self._best, "late": self._late.state}
        if self._average is not None:
            states["ema"] = self._average.model.state_dict()
        return {name: state for name, state in states.items() if state}

    def load(self, states: Mapping[str, Mapping[str, Tensor]], epoch: int, step: int) -> None:
        """Take over what `states` gave after so many epochs and steps.

        Raises
        ------
        RuntimeError, KeyError
            If the states are those of another network.
        """
        device = self._model.mean.device
        self._model.load_state_dict(states["model"])
        if self._average is not None:
            self._average.model.load_state_dict(states["ema"])
            self._average.steps = step
        self._best = {key: value.to(device) for key, value in states.get("best", {}).items()}
        self._late.state = {key: value.to(device) for key, value in states.get("late", {}).items()}
        first = self._config.epochs - self._config.average_epochs
        self._late.epochs = max(epoch - first, 0)
        self._remember()

    def _remember(self) -> None:
        self._last = {"model": clone_state(self._model.state_dict())}
        if self._average is not None:
            self._last["ema"] = clone_state(self._average.model.state_dict())
