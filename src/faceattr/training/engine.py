"""Processes, devices and mixed precision: all that the loop needs of accelerate."""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["Engine"]

T = TypeVar("T")


class Engine:
    """One process's view of a training on one or many.

    Parameters
    ----------
    mixed_precision : {"no", "bf16", "fp16"}, default "no"
        Precision of the forward pass in training.
    parts_rest : bool, default False
        Whether some weights will get no gradient in some steps.

    Attributes
    ----------
    rank, world_size : int
        This process's number and how many there are.
    device : torch.device
    """

    def __init__(self, mixed_precision: str = "no", *, parts_rest: bool = False) -> None:
        # Late: accelerate takes as long to load as torch itself.
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import DistributedDataParallelKwargs

        # accelerate keeps the first precision for the life of the process unless told to forget it.
        AcceleratorState._reset_state(reset_partial_state=False)
        wrapping = DistributedDataParallelKwargs(find_unused_parameters=parts_rest)
        self._accelerator = Accelerator(mixed_precision=mixed_precision, kwargs_handlers=[wrapping])
        self.rank: int = self._accelerator.process_index
        self.world_size: int = self._accelerator.num_processes
        self.device: torch.device = self._accelerator.device
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

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of a loss that is already divided by global counts.

        Gradients are averaged over processes, so the loss is multiplied by their number first.
        """
        self._accelerator.backward(loss * self.world_size)

    def clip(self, model: nn.Module, norm: float) -> None:
        """Scale the gradients down to a largest norm."""
        self._accelerator.clip_grad_norm_(model.parameters(), norm)

    def gather(self, item: T) -> list[T]:
        """Return every process's item, in the order of ranks."""
        if self.world_size == 1:
            return [item]
        from accelerate.utils import gather_object

        gathered: list[T] = gather_object([item])
        return gathered

    def all_finite(self, value: Tensor) -> bool:
        """Tell whether a number is finite in every process, so that all stop or none."""
        finite = torch.isfinite(value.detach()).all()
        if self.world_size > 1:
            finite = self._accelerator.reduce(finite.float(), reduction="sum") >= self.world_size
        return bool(finite)

    def agree(self, *models: nn.Module) -> None:
        """Give every process the first one's buffers: batch norm sees another share in each."""
        if self.world_size == 1:
            return
        from accelerate.utils import broadcast

        for model in models:
            for buffer in model.buffers():
                buffer.copy_(broadcast(buffer.clone()))

    def finish(self, model: nn.Module) -> None:
        """Give the model back as it came; processes stay joined for the next training."""
        self._accelerator.unwrap_model(model, keep_fp32_wrapper=False)
        self._accelerator.free_memory()


@cache
def _part_at_exit() -> None:
    """Leave the group of processes when Python ends; without it they may abort at exit."""
    atexit.register(_part)


def _part() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
