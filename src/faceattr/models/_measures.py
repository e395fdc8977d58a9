"""What one network needs: multiply-adds, memory, file, seconds."""

from __future__ import annotations

import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from faceattr.models.pretrained import write_weights

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = [
    "count_multiply_adds",
    "count_parameters",
    "file_bytes",
    "memory_bytes",
    "time_rounds",
    "torch_threads",
]

FEWEST_ROUNDS = 3


def count_parameters(module: nn.Module) -> int:
    """Count the parameters, trained or frozen; one that is used twice counts once."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_multiply_adds(model: Model) -> int:
    """Count the multiply-adds of one image in convolutions, matrix products and attention."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # Plain attention is made of matrix products; the fused one of CPUs is not counted by torch.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(_images_tensor(model, 1))
    operations: int = counter.get_total_flops()
    return operations // 2


def memory_bytes(model: Model, batch_size: int) -> int:
    """Return weights, images and the largest sum of live tensors of one forward pass, in bytes.

    What kernels take for themselves is not in it, nor are Python and the libraries.
    """
    tensors = [*model.parameters(), *model.buffers()]
    weights = {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in tensors}
    images = _images_tensor(model, batch_size)
    live = _LiveMemory()
    # Not in inference mode, in which parts of an operation would not be seen one by one.
    with torch.no_grad(), live:
        model(images)
    return live.peak + images.untyped_storage().nbytes() + sum(w.nbytes() for w in weights.values())


def file_bytes(model: Model) -> int:
    """Return the size of the weights file that `Model.save_pretrained` writes, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write_weights(model, path)
        return path.stat().st_size


def time_rounds(works: Sequence[Callable[[], object]], seconds: float) -> npt.NDArray[np.float64]:
    """Time some works in turns, each round beginning with the next one.

    Parameters
    ----------
    works : sequence of callable
        Each is called once before anything is timed.
    seconds : float
        No further round begins after this time; three are made in any case.

    Returns
    -------
    numpy.ndarray of float64, shape (rounds, len(works))
        Seconds of each call.
    """
    for work in works:
        work()
    rounds: list[list[float]] = []
    end = time.perf_counter() + seconds
    while len(rounds) < FEWEST_ROUNDS or time.perf_counter() < end:
        taken = [0.0] * len(works)
        for step in range(len(works)):
            place = (step + len(rounds)) % len(works)
            started = time.perf_counter()
            works[place]()
            taken[place] = time.perf_counter() - started
        rounds.append(taken)
    return np.array(rounds)


@contextmanager
def torch_threads(count: int | None) -> Iterator[int]:
    """Let torch compute with so many threads for a while; yield their number."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


class _LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that operations make, while they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {_key(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and _key(leaf) not in self._seen | given:
                self._add(leaf.untyped_storage())
        self.peak = max(self.peak, self._live)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._seen.add(key)
        self._live += size
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self._live -= size


def _key(tensor: Tensor) -> int:
    key: int = tensor.untyped_storage()._cdata
    return key


def _images_tensor(model: Model, count: int) -> Tensor:
    side = model.image_size
    images = torch.zeros((count, 3, side, side), dtype=torch.uint8, device=model.mean.device)
    return images.contiguous(memory_format=torch.channels_last)
