"""Checkpoints on disk: written whole or not at all, checked before they are used, no pickle.

A checkpoint is a folder ``epoch-000012`` with safetensors files and ``state.json``, which holds
everything else and the SHA-256 of each file. It is written under another name, flushed to the disk,
and then renamed, so that a process may be killed at any moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from faceattr._validation import check_output_folder
from faceattr.exceptions import OutputError, TrainingError
from faceattr.tables._disk import file_digest, sync, try_lock

__all__ = ["Checkpoint", "CheckpointFolder"]

_log = logging.getLogger(__name__)

_FORMAT = "faceattr-checkpoint"
_VERSION = 1
_STATE = "state.json"
_NAME = re.compile(r"epoch-\d{6}")
_KEPT = 2
_PARTIAL = ".partial-"
_LOCK = ".lock"
_DAMAGED = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError),
    safetensors.SafetensorError,
)
"""What a damaged or hostile file makes of reading it."""


@dataclass(frozen=True)
class Checkpoint:
    """What a training was at the end of an epoch.

    Attributes
    ----------
    state : dict
        Plain JSON types.
    tensors : dict of str to dict of str to torch.Tensor
        By name of the part, such as "model" and "optimizer".
    """

    state: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]


class CheckpointFolder:
    """The checkpoints of one training; the last two are kept.

    Parameters
    ----------
    folder : path
        Made when the first one is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make sure that the folder can be written to and that no other training uses it.

        Raises
        ------
        OutputError
            If it cannot be written to.
        TrainingError
            If another training holds it.
        """
        check_output_folder(self.folder, "checkpoint_folder")
        with (self.folder / _LOCK).open("a+", encoding="utf-8") as file:
            if not try_lock(file):
                file.seek(0)
                raise TrainingError(
                    "another training uses this folder",
                    argument="checkpoint_folder",
                    found=f"{self.folder}, held by process {file.read() or 'unknown'}",
                    hint="give each training a folder of its own, or wait until that one has ended",
                )
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            self._remove_leftovers()
            yield

    def names(self) -> list[str]:
        """List the checkpoints, whole or damaged, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def write(self, epoch: int, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint and remove those that are not kept any more.

        Raises
        ------
        OutputError
            If it cannot be written; those before it are still there then.
        """
        target = self.folder / f"epoch-{epoch:06d}"
        partial = self.folder / f"{_PARTIAL}{os.getpid()}-{target.name}"
        with _write_errors(self.folder, partial):
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)  # of a process of the same number
            partial.mkdir()
            _fill(partial, checkpoint)
            _remove(target)
            partial.rename(target)
            sync(self.folder)
            for name in self.names()[:-_KEPT]:
                _remove(self.folder / name)
        return target

    def newest(self) -> Checkpoint | None:
        """Read the newest checkpoint that is whole; damaged ones are named in the log.

        Raises
        ------
        TrainingError
            If there are checkpoints and none can be used.
        """
        reasons: list[str] = []
        for name in reversed(self.names()):
            try:
                return _read(self.folder / name)
            except _DAMAGED as error:
                reasons.append(f"{self.folder / name}: {type(error).__name__}: {error}")
                _log.warning("a damaged checkpoint is not used: %s", reasons[-1])
        if reasons:
            raise TrainingError(
                "no checkpoint can be used",
                argument="checkpoint_folder",
                rows=reasons,
                hint="remove the folder to start from the beginning",
            )
        return None

    def clear(self) -> None:
        """Remove all checkpoints, the oldest first."""
        for name in self.names():
            _remove(self.folder / name)

    def _remove_leftovers(self) -> None:
        for path in self.folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(path, ignore_errors=True)


def _fill(folder: Path, checkpoint: Checkpoint) -> None:
    files: dict[str, str] = {}
    for part, tensors in checkpoint.tensors.items():
        path = folder / f"{part}.safetensors"
        save_file({key: _plain(value) for key, value in tensors.items()}, path)
        files[part] = file_digest(path)
        sync(path)
    state = {"format": _FORMAT, "version": _VERSION, "files": files, **checkpoint.state}
    path = folder / _STATE
    path.write_text(json.dumps({**state, "sha256": _state_digest(state)}), encoding="utf-8")
    sync(path)
    sync(folder)


def _read(folder: Path) -> Checkpoint:
    state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise ValueError(f"{_STATE} is not that of a checkpoint")
    if state["version"] != _VERSION:
        raise ValueError(f"version {state['version']!r} of the format; version {_VERSION} is read")
    if state.pop("sha256") != _state_digest(state):
        raise ValueError(f"{_STATE} is not what was written")
    tensors: dict[str, dict[str, Tensor]] = {}
    for part, digest in state["files"].items():
        if Path(part).name != part:
            raise ValueError(f"{part!r} is no name of a file")
        path = folder / f"{part}.safetensors"
        if file_digest(path) != digest:
            raise ValueError(f"{path.name} is not what was written")
        tensors[part] = load_file(path)
    return Checkpoint(state, tensors)


def _plain(value: Tensor) -> Tensor:
    # A copy: weights that share their memory cannot be written otherwise.
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def _remove(folder: Path) -> None:
    """Remove a checkpoint so that no half of it is ever seen under its name."""
    if folder.exists():
        doomed = folder.with_name(f"{_PARTIAL}{os.getpid()}-old-{folder.name}")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _state_digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _write_errors(folder: Path, partial: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not isinstance(error, OSError | safetensors.SafetensorError):
            raise
        raise OutputError(
            "a checkpoint cannot be written; those before it are still there",
            argument="checkpoint_folder",
            found=f"{folder} ({error})",
            hint="make room there, and go on with fit(..., resume=True)",
        ) from error
