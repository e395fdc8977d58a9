"""A run on disk: what a checkpoint holds of it, and going on from one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceattr.exceptions import InvalidArgumentError, TrainingError
from faceattr.training.checkpoints import Checkpoint, CheckpointFolder
from faceattr.training.loop import Run
from faceattr.training.progress import Progress, load_optimizer, optimizer_tensors

if TYPE_CHECKING:
    from faceattr.training.engine import Engine

__all__ = ["RunSaver", "forget_finished"]

_log = logging.getLogger(__name__)

_OPTIMIZER = "optimizer"


class RunSaver:
    """Writes a run's checkpoints, and lets another run go on from them.

    Parameters
    ----------
    folder : path
    identity : mapping
        What makes the run this one and no other, in nested plain JSON types: configuration,
        network, data.
    engine : Engine
        The main process writes; all get what it reads.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any], engine: Engine) -> None:
        self._checkpoints = CheckpointFolder(folder)
        self._identity = identity
        self._engine = engine

    def check_new(self) -> None:
        """Raise InvalidArgumentError if there are checkpoints of an earlier training."""
        names = self._engine.from_main(self._checkpoints.names())
        if names:
            raise InvalidArgumentError(
                "holds checkpoints already",
                argument="checkpoint_folder",
                rows=names,
                expected="a new or empty folder",
                found=str(self._checkpoints.folder),
                hint="resume=True (on the command line --resume) goes on; or name another folder",
            )

    def save(self, run: Run) -> None:
        """Write a checkpoint."""
        if not self._engine.is_main:
            return
        optimizer = optimizer_tensors(run.optimizer)
        state = {
            "identity": self._identity,
            "progress": run.progress.to_dict(),
            "scaler": self._engine.scaler_state(),
        }
        tensors = {**run.keeper.states(), **({_OPTIMIZER: optimizer} if optimizer else {})}
        self._checkpoints.write(run.progress.epoch, Checkpoint(state, tensors))

    def resume(self, run: Run) -> None:
        """Bring a run to where the newest whole checkpoint is; nothing happens without one.

        Raises
        ------
        TrainingError
            If the checkpoint belongs to another training; what differs is shown from both sides.
        """
        found = self._engine.from_main(self._read())
        if found is None:
            _log.info("no checkpoint in %s: starting anew", self._checkpoints.folder)
            return
        check_same(self._identity, found.state.get("identity"))
        try:
            run.progress = Progress.from_dict(found.state["progress"])
            run.keeper.load(found.tensors, run.progress.epoch, run.progress.step)
            load_optimizer(run.optimizer, found.tensors.get(_OPTIMIZER, {}))
            self._engine.load_scaler_state(found.state["scaler"])
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
            raise TrainingError(
                "the checkpoint does not fit the network or the optimiser",
                argument="resume",
                found=f"{type(error).__name__}: {error}",
                hint="resume with the network and the version that wrote it",
            ) from error
        _log.info("going on after epoch %d of %s", run.progress.epoch, self._checkpoints.folder)

    def _read(self) -> Checkpoint | None:
        return self._checkpoints.newest() if self._engine.is_main else None


def forget_finished(folder: str | Path) -> None:
    """Remove the checkpoints of a training that has ended; those of an unfinished one stay.

    Parameters
    ----------
    folder : path
        As given to `Trainer`; nothing else in it is touched.
    """
    checkpoints = CheckpointFolder(folder)
    found = checkpoints.newest()
    if found is not None and Progress.from_dict(found.state["progress"]).stopped:
        checkpoints.clear()


def check_same(wanted: Mapping[str, Any], found: object) -> None:
    """Compare two identities.

    Raises
    ------
    TrainingError
        With every key that differs in `rows`, and both values.
    """
    ours, theirs = _flat(wanted), _flat(found)
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    if keys:
        raise TrainingError(
            "the checkpoint is that of another training",
            argument="resume",
            rows=keys,
            expected=_shown(theirs, keys) + " (in the checkpoint)",
            found=_shown(ours, keys) + " (now)",
            hint="resume with the configuration, network and data of the checkpoint, or start anew "
            "in another checkpoint_folder",
        )


def _flat(data: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(data, Mapping):
        return {prefix: data}
    flat: dict[str, object] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _shown(values: Mapping[str, object], keys: list[str]) -> str:
    return ", ".join(f"{key} = {values.get(key, 'absent')!r}" for key in keys)
