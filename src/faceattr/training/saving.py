"""A run on disk: what a checkpoint holds of it, and going on from one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceattr.exceptions import FaceAttrError, InvalidArgumentError, TrainingError
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
    folder : path or None
        None keeps nothing.
    resume : bool
        Whether the run may go on from checkpoints that are there.
    """

    def __init__(self, folder: str | Path | None, *, resume: bool) -> None:
        self._checkpoints = None if folder is None else CheckpointFolder(folder)
        self._resume = resume
        self._identity: Mapping[str, Any] = {}

    @contextmanager
    def held(self, engine: Engine) -> Iterator[None]:
        """Hold the folder against other trainings; the main process does so for all.

        Raises
        ------
        OutputError
            If it cannot be written to.
        TrainingError
            If another training holds it.
        InvalidArgumentError
            If there are checkpoints of an earlier training and this one does not resume it.
        """
        with ExitStack() as stack:
            problem = None
            if self._checkpoints is not None and engine.is_main:
                problem = self._hold(self._checkpoints, stack)
            problem = engine.from_main(problem)
            if problem is not None:
                raise problem
            yield

    def _hold(self, checkpoints: CheckpointFolder, stack: ExitStack) -> FaceAttrError | None:
        try:
            stack.enter_context(checkpoints.locked())
        except FaceAttrError as error:
            return error
        names = checkpoints.names()
        if names and not self._resume:
            return InvalidArgumentError(
                "holds checkpoints already",
                argument="checkpoint_folder",
                rows=names,
                expected="a new or empty folder",
                found=str(checkpoints.folder),
                hint="resume=True (on the command line --resume) goes on; or name another folder",
            )
        return None

    def save(self, run: Run) -> None:
        """Write a checkpoint."""
        if self._checkpoints is None or not run.engine.is_main:
            return
        optimizer = optimizer_tensors(run.optimizer)
        state = {
            "identity": self._identity,
            "progress": run.progress.to_dict(),
            "scaler": run.engine.scaler_state(),
        }
        tensors = {**run.keeper.states(), **({_OPTIMIZER: optimizer} if optimizer else {})}
        self._checkpoints.write(run.progress.epoch, Checkpoint(state, tensors))

    def begin(self, run: Run, identify: Callable[[], Mapping[str, Any]]) -> None:
        """Bring a run to where the newest whole checkpoint is; nothing happens without one.

        Parameters
        ----------
        run : Run
        identify : callable
            Returns what makes the run this one and no other, in nested plain JSON types:
            configuration, network, data.

        Raises
        ------
        TrainingError
            If the checkpoint belongs to another training; what differs is shown from both sides.
        """
        if self._checkpoints is None:
            return
        self._identity = identify()
        found = run.engine.from_main(self._newest(self._checkpoints, run.engine))
        if isinstance(found, TrainingError):
            raise found
        if found is None:
            return
        check_same(self._identity, found.state.get("identity"))
        _take_over(run, found)
        _log.info("going on after epoch %d of %s", run.progress.epoch, self._checkpoints.folder)

    def _newest(
        self, checkpoints: CheckpointFolder, engine: Engine
    ) -> Checkpoint | TrainingError | None:
        if not (self._resume and engine.is_main):
            return None
        try:
            found = checkpoints.newest()
        except TrainingError as error:
            return error
        if found is None:
            _log.info("no checkpoint in %s: starting anew", checkpoints.folder)
        return found


def _take_over(run: Run, found: Checkpoint) -> None:
    try:
        progress = Progress.from_dict(found.state["progress"])
        run.keeper.load(found.tensors, progress.epoch, progress.step)
        load_optimizer(run.optimizer, found.tensors.get(_OPTIMIZER, {}))
        run.engine.load_scaler_state(found.state["scaler"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise TrainingError(
            "the checkpoint does not fit the network or the optimiser",
            argument="resume",
            found=f"{type(error).__name__}: {error}",
            hint="resume with the network and the version that wrote it",
        ) from error
    run.progress.take(progress)


def forget_finished(folder: str | Path) -> None:
    """Remove the checkpoints of a training that has ended; those of an unfinished one stay.

    Parameters
    ----------
    folder : path
        As given to `Trainer`; nothing else in it is touched.
    """
    checkpoints = CheckpointFolder(folder)
    if not checkpoints.names():
        return
    with checkpoints.locked():
        found = checkpoints.newest()
        if found is not None and Progress.from_dict(found.state["progress"]).stopped:
            checkpoints.clear()


def check_same(wanted: Mapping[str, Any], found: object, *, argument: str = "resume") -> None:
    """Compare two identities.

    Parameters
    ----------
    wanted : mapping
        Of what is to be run now.
    found : object
        Of what is on disk.
    argument : str, default "resume"
        The caller's argument, for errors: "resume", or the "folder" of several trainings.

    Raises
    ------
    TrainingError
        With every key that differs in `rows`, and both values.
    """
    ours, theirs = _flat(wanted), _flat(found)
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    if keys:
        noun, call = (
            ("checkpoint", "checkpoint_folder") if argument == "resume" else (argument,) * 2
        )
        raise TrainingError(
            f"the {noun} is that of another training",
            argument=argument,
            rows=keys,
            expected=_shown(theirs, keys) + f" (in the {noun})",
            found=_shown(ours, keys) + " (now)",
            hint=f"resume with the configuration, network and data of the {noun}, or start anew "
            f"in another {call}",
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
