"""Processes, devices, mixed precision and trackers: all that the loop needs of accelerate."""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
from accelerate.utils import (
    DistributedDataParallelKwargs,
    broadcast,
    broadcast_object_list,
    gather_object,
    parse_flag_from_env,
)
from torch import Tensor, nn
from torch.optim import Optimizer

from faceattr._validation import check_choice, check_no_text
from faceattr.exceptions import InvalidArgumentError, MissingDependencyError, TrainingError

__all__ = ["Engine", "check_trackers"]

T = TypeVar("T")

_PROJECT = "faceattr"


class Engine:
    """One process's view of a training on one or many.

    Parameters
    ----------
    mixed_precision : {"no", "bf16", "fp16", "auto"}, default "no"
        Precision of the forward pass in training; "auto" is "bf16" on a CUDA device that computes
        in it, "fp16" on another one, and "no" on the CPU, which both make slower.
    parts_rest : bool, default False
        Whether some weights will get no gradient in some steps.
    trackers : sequence of str, default ()
        Names that `check_trackers` has let pass.
    tracker_folder : path, optional
        Where trackers that write files write them.

    Attributes
    ----------
    rank, world_size : int
        This process's number and how many there are.
    device : torch.device
    precision : {"no", "bf16", "fp16"}

    Raises
    ------
    InvalidArgumentError
        If the device does not compute in the precision.
    """

    def __init__(
        self,
        mixed_precision: str = "no",
        *,
        parts_rest: bool = False,
        trackers: Sequence[str] = (),
        tracker_folder: str | Path | None = None,
    ) -> None:
        # accelerate keeps the first precision for the life of the process unless told to forget it.
        AcceleratorState._reset_state(reset_partial_state=False)
        # Without it accelerate joins no processes on machines that have nothing but a CPU.
        cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
        self.device: torch.device = PartialState(cpu).device
        self.precision = _precision(mixed_precision, self.device)
        self._accelerator = Accelerator(
            cpu=cpu,
            mixed_precision=self.precision,
            log_with=list(trackers) or None,
            project_dir=None if tracker_folder is None else str(tracker_folder),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=parts_rest)],
        )
        self.rank: int = self._accelerator.process_index
        self.world_size: int = self._accelerator.num_processes
        _check_joined(self.world_size)
        if self.world_size > 1:
            _part_at_exit()

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that shows and writes things."""
        return self.rank == 0

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Any]:
        """Wrap a model and its optimiser for training."""
        model = model.to(self.device)
        prepared: tuple[nn.Module, Any] = self._accelerator.prepare(model, optimizer)
        return prepared

    def gradient_sync(self, model: nn.Module, *, enabled: bool) -> AbstractContextManager[Any]:
        """Return a context in which `backward` shares gradients, or only adds up this process's."""
        return nullcontext() if enabled else self._accelerator.no_sync(model)

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of a loss that is already divided by global counts.

        Gradients are averaged over processes, so the loss is multiplied by their number first; and
        accelerate divides by a number of steps that its environment may name.
        """
        shares = self.world_size * self._accelerator.gradient_accumulation_steps
        self._accelerator.backward(loss * shares)

    def clip(self, model: nn.Module, norm: float | None) -> bool:
        """Scale the gradients down to a largest norm; tell whether all of them are numbers.

        float16 is expected to overflow at times: its loss scale passes over such steps.
        """
        largest = math.inf if norm is None else norm
        found = self._accelerator.clip_grad_norm_(model.parameters(), largest)
        return self.precision == "fp16" or bool(torch.isfinite(torch.as_tensor(found)))

    def scaler_state(self) -> dict[str, Any]:
        """Return the state of float16's loss scale; empty in other precisions."""
        scaler = self._accelerator.scaler
        return {} if scaler is None else dict(scaler.state_dict())

    def load_scaler_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `scaler_state` gave."""
        if self._accelerator.scaler is not None and state:
            self._accelerator.scaler.load_state_dict(dict(state))

    def gather(self, item: T) -> list[T]:
        """Return every process's item, in the order of ranks."""
        if self.world_size == 1:
            return [item]
        gathered: list[T] = gather_object([item])
        return gathered

    def from_main(self, item: T) -> T:
        """Return the main process's item in all."""
        if self.world_size == 1:
            return item
        shared: list[T] = broadcast_object_list([item])
        return shared[0]

    def largest(self, value: int) -> int:
        """Return the largest of all processes' numbers, so that all act alike."""
        if self.world_size == 1:
            return value
        found = torch.tensor(value, device=self.device)
        torch.distributed.all_reduce(found, op=torch.distributed.ReduceOp.MAX)
        return int(found)

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._accelerator.wait_for_everyone()

    def agree(self, *models: nn.Module) -> None:
        """Give every process the first one's weights, and statistics of batch norm."""
        if self.world_size == 1:
            return
        for model in models:
            for value in model.state_dict().values():
                value.copy_(broadcast(value.clone()))

    def start_trackers(self, settings: Mapping[str, bool | int | float | str]) -> None:
        """Open the trackers and tell them the settings of the run."""
        self._accelerator.init_trackers(_PROJECT, config=dict(settings))

    def track(self, figures: Mapping[str, float], epoch: int) -> None:
        """Hand an epoch's figures to the trackers."""
        self._accelerator.log(dict(figures), step=epoch)

    def finish(self, model: nn.Module) -> None:
        """Give the model back as it came; processes stay joined for the next training."""
        if self.is_main:
            for tracker in self._accelerator.trackers:
                tracker.finish()
        self._accelerator.unwrap_model(model, keep_fp32_wrapper=False)
        self._accelerator.free_memory()


def check_trackers(names: Sequence[str], folder: str | Path | None) -> None:
    """Check names of trackers, which are accelerate's.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If there is no tracker of that name, or one that writes files has no folder.
    MissingDependencyError
        If its package is not installed.
    """
    check_no_text(names, "trackers", "a sequence of names")
    installed = [str(name) for name in get_available_trackers()]
    for name in names:
        check_choice(name, "trackers", sorted(LOGGER_TYPE_TO_CLASS))
        if name not in installed:
            raise MissingDependencyError(
                "the package of this tracker is not installed",
                argument="trackers",
                found=repr(name),
                hint=f"python -m pip install {name.replace('_', '-')}",
            )
        if LOGGER_TYPE_TO_CLASS[name].requires_logging_directory and folder is None:
            raise InvalidArgumentError(
                f"{name} writes files and needs a folder for them",
                argument="tracker_folder",
                expected="a path",
                found="None",
                hint=f'Trainer(trackers=["{name}"], tracker_folder="runs")',
            )


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == "auto":
        if device.type != "cuda":
            return "no"
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if wanted == "fp16" and device.type == "cpu":
        raise InvalidArgumentError(
            "float16 needs an accelerator",
            argument="mixed_precision",
            expected='"no", "bf16" or "auto" on the CPU',
            found="'fp16'",
        )
    return wanted


def _check_joined(world_size: int) -> None:
    """Raise where a launcher has started processes that do not know of each other."""
    launched = os.environ.get("WORLD_SIZE", "1")
    if world_size == 1 and launched.isdecimal() and int(launched) > 1:
        raise TrainingError(
            "the processes have not joined, so each would train alone",
            argument="WORLD_SIZE",
            expected=f"a group of {launched} processes",
            found="one process",
            hint="make the first Trainer of each process before anything else uses accelerate",
        )


@cache
def _part_at_exit() -> None:
    """Leave the group of processes when Python ends; without it they may abort at exit."""
    atexit.register(_part)


def _part() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
