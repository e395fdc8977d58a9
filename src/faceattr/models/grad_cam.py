"""Grad-CAM: which places of the last feature map an output rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models.torch_runtime import evaluation_mode, images_to_tensor

if TYPE_CHECKING:
    from faceattr.images import UInt8Image
    from faceattr.models.model import Model

__all__ = ["grad_cam"]


def grad_cam(model: Model, images: UInt8Image) -> dict[str, npt.NDArray[np.float32]]:
    """Return the maps of images, by task; what `Model.grad_cam` does."""
    _check_images(images)
    with evaluation_mode(model), torch.enable_grad():
        batch = images_to_tensor(np.ascontiguousarray(images), model.mean.device)
        stage = _last_stage(model, batch[:1])
        activations: list[Tensor] = []

        def cut(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
            # Gradients are wanted from here on alone, whatever is frozen before.
            activations.append(output.detach().requires_grad_())
            return activations[-1]

        handle = stage.register_forward_hook(cut)
        try:
            outputs = model(batch)
        finally:
            handle.remove()
        return {
            name: _maps(model.head(name).scores(outputs[name]), activations[-1])
            for name in model.tasks
        }


def _maps(scores: Tensor, activations: Tensor) -> npt.NDArray[np.float32]:
    """Return the map of each score, float32 (N, K, h, w)."""
    planes: list[Tensor] = []
    for column in range(scores.shape[1]):
        (gradient,) = torch.autograd.grad(
            scores[:, column].sum(), activations, retain_graph=True, allow_unused=True
        )
        if gradient is None:
            gradient = torch.zeros_like(activations)
        shares = gradient.mean(dim=(2, 3), keepdim=True)
        planes.append((shares * activations).sum(dim=1))
    stacked: npt.NDArray[np.float32] = torch.stack(planes, dim=1).detach().float().cpu().numpy()
    return stacked


def _last_stage(model: Model, image: Tensor) -> nn.Module:
    """Return the module of the backbone that puts out the last map (N, C, h, w)."""
    seen: list[tuple[nn.Module, tuple[int, ...]]] = []

    def note(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            seen.append((module, tuple(output.shape)))

    handles = [module.register_forward_hook(note) for module in model.backbone.modules()]
    try:
        with torch.no_grad():
            model.features(image)
    finally:
        for handle in handles:
            handle.remove()
    places = [n for n, (_, shape) in enumerate(seen) if len(shape) == 4 and min(shape[2:]) > 1]
    tokens = [n for n, (_, shape) in enumerate(seen) if len(shape) == 3]
    last_last = getattr(model.backbone, "output_fmt", "NCHW") == "NHWC"
    if not places or last_last or (tokens and tokens[-1] > places[-1]):
        raise InvalidArgumentError(
            "the backbone has no last feature map of places",
            argument="backbone",
            expected="a convolutional network, whose modules put out (N, C, h, w)",
            found=str(model.backbone_name or type(model.backbone).__name__),
            hint='Explainer(model, method="lime") explains any network',
        )
    return seen[places[-1]][0]


def _check_images(images: object) -> None:
    fits = isinstance(images, np.ndarray) and images.ndim == 4 and images.shape[3] == 3
    if (
        not isinstance(images, np.ndarray)
        or not fits
        or images.dtype != np.uint8
        or not len(images)
    ):
        shown = f"{images.dtype} of shape {images.shape}" if isinstance(images, np.ndarray) else ""
        raise InvalidTypeError(
            "not images",
            argument="images",
            expected="uint8 of shape (N, H, W, 3), RGB",
            found=shown or type(images).__name__,
        )
