"""Prediction by torch: from a model and uint8 images to raw outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from faceattr._requests import ImagesInput, gather_requests
from faceattr._validation import check_integer
from faceattr.images import UInt8Image
from faceattr.models.predict import DEFAULT_BATCH_SIZE, reading

if TYPE_CHECKING:
    from faceattr.calibration import Calibration
    from faceattr.models.decoding import Columns
    from faceattr.models.model import Model
    from faceattr.models.runtimes import Outputs
    from faceattr.tasks import TaskSet

__all__ = [
    "TorchRuntime",
    "concatenate_outputs",
    "evaluation_mode",
    "extract_features",
    "forward",
    "images_to_tensor",
]


@dataclass(frozen=True)
class TorchRuntime:
    """A model as prediction sees it.

    Attributes
    ----------
    model : Model
    """

    model: Model

    @property
    def tasks(self) -> TaskSet:
        """The model's tasks."""
        return self.model.tasks

    @property
    def image_size(self) -> int:
        """The model's image size in pixels."""
        return self.model.image_size

    @property
    def calibration(self) -> Calibration | None:
        """The model's calibration."""
        return self.model.calibration

    def working(self) -> AbstractContextManager[None]:
        """Set the model to evaluation for a while."""
        return evaluation_mode(self.model)

    def run(self, images: UInt8Image) -> Outputs:
        """Return raw outputs as tensors on the CPU."""
        return forward(self.model, images)

    def join(self, batches: Iterable[Outputs]) -> Outputs:
        """Put tensors of batches together."""
        return concatenate_outputs(self.model, [dict(batch) for batch in batches])

    def columns(self, outputs: Outputs) -> Columns:
        """Let the model's heads say what tensors mean."""
        columns: Columns = {}
        for name in self.model.tasks:
            columns.update(self.model.head(name).columns(outputs[name]))
        return columns


def extract_features(
    model: Model,
    inputs: ImagesInput,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Compute the backbone's feature vectors; what `Model.extract_features` does."""
    check_integer(batch_size, "batch_size", low=1)
    requests = gather_requests(inputs)
    features = np.full((len(requests), model.num_features), np.nan, dtype=np.float32)
    runtime = TorchRuntime(model)
    with reading(runtime, requests, batch_size, progress) as batches, torch.inference_mode():
        for batch in batches:
            if len(batch.positions):
                found = model.features(images_to_tensor(batch.images, model.mean.device))
                features[batch.positions] = found.float().cpu().numpy()
    return features


def concatenate_outputs(model: Model, outputs: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Put raw outputs of batches together; tensors of no rows where there is no batch."""
    batches = list(outputs)
    empty = {
        name: torch.empty(0, model.head(name).output_size(task))
        for name, task in model.tasks.items()
    }
    return {name: torch.cat([batch[name] for batch in batches] or [empty[name]]) for name in empty}


def images_to_tensor(images: UInt8Image, device: torch.device | None = None) -> Tensor:
    """View uint8 ``(N, H, W, 3)`` as a channels-last tensor ``(N, 3, H, W)``, without a copy."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return tensor if device is None else tensor.to(device, non_blocking=True)


def forward(model: Model, images: UInt8Image) -> dict[str, Tensor]:
    """Return raw outputs of uint8 images ``(N, H, W, 3)``, on the CPU."""
    with torch.inference_mode():
        outputs = model(images_to_tensor(images, model.mean.device))
    return {name: values.float().cpu() for name, values in outputs.items()}


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """Set a model to evaluation for a while, then every part of it back to what it was."""
    if not _trains(model):
        yield  # setting the mode of 200 modules takes a third of one image's time
        return
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _trains(module: nn.Module) -> bool:
    parts = module._modules.values()  # `children()` takes twice as long
    return module.training or any(_trains(part) for part in parts if part is not None)
