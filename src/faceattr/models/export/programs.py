"""Files of torch.export, for programs that have torch and not this library."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from faceattr.models.torch_runtime import TorchRuntime, images_to_tensor

if TYPE_CHECKING:
    from faceattr.images import UInt8Image
    from faceattr.models.model import Model
    from faceattr.models.runtimes import Outputs

__all__ = ["SubstituteRuntime", "program_runtime"]


@dataclass(frozen=True)
class SubstituteRuntime(TorchRuntime):
    """A model whose forward pass something else computes; its heads decode.

    Attributes
    ----------
    compute : callable
        Maps uint8 images ``(N, H, W, 3)`` to raw outputs, tensors of float32 by task.
    """

    compute: Callable[[UInt8Image], dict[str, Tensor]]

    def run(self, images: UInt8Image) -> Outputs:
        """Return raw outputs as tensors on the CPU."""
        return self.compute(images)


def program_runtime(model: Model, source: Path | bytes) -> SubstituteRuntime:
    """Return a file of torch.export in the place of the model that wrote it."""
    content = source if isinstance(source, bytes) else source.read_bytes()
    network = torch.export.load(io.BytesIO(content)).module()

    def compute(images: UInt8Image) -> dict[str, Tensor]:
        with torch.inference_mode():
            found = network(images_to_tensor(images).contiguous())
        return dict(zip(model.tasks, found[: len(model.tasks)], strict=True))

    return SubstituteRuntime(model, compute)
