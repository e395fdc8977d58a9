"""Backbones: networks from normalised images to feature vectors, and their weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, WeightsError

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "BuiltBackbone",
    "build_backbone",
    "check_image_size",
    "published_parameters",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

TORCHVISION_DEFAULT = "mobilenet_v3_small"

_BATCH_NORM_MOMENTUM = 0.1
"""Torch's usual value; torchvision's 0.01 lags behind in trainings of a few hundred steps."""

_WAYS_OUT = (
    'give weights="path/to/file.safetensors" with the weights of this backbone, or weights=None to '
    "start from random ones"
)


@dataclass(frozen=True)
class BuiltBackbone:
    """A backbone with the constants that its weights were trained with.

    Attributes
    ----------
    module : torch.nn.Module
        Maps ``(N, 3, H, W)`` to ``(N, num_features)``.
    name : str or None
        What rebuilds it; None for a module of the user's own.
    num_features : int
        Length of a feature vector.
    mean, std : tuple of three floats
        Normalisation of RGB scaled to 0-1.
    """

    module: nn.Module
    name: str | None
    num_features: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD


class MobileNetFeatures(nn.Module):
    """Torchvision's MobileNetV3-Small up to the pooled features.

    The network is that of Howard et al. 2019, "Searching for MobileNetV3" (arXiv:1905.02244).

    The parameter names are torchvision's own (``features.*``), so its weights load unchanged.
    """

    num_features = 576

    def __init__(self) -> None:
        super().__init__()
        import torchvision  # late: it takes as long to load as torch itself

        network = torchvision.models.mobilenet_v3_small(weights=None)
        self.features = network.features
        for module in self.features.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = _BATCH_NORM_MOMENTUM

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` to ``(N, 576)``."""
        features: Tensor = self.features(images)
        return features.mean(dim=(2, 3))


def build_backbone(
    backbone: str | nn.Module, weights: str | Path | None, image_size: int
) -> BuiltBackbone:
    """Build a backbone and load its weights.

    Parameters
    ----------
    backbone : str or torch.nn.Module
        ``"mobilenet_v3_small"`` (torchvision), any timm model name, or a module with
        ``num_features`` that maps ``(N, 3, H, W)`` to ``(N, num_features)``.
    weights : {"imagenet", None} or path
        ``"imagenet"`` downloads the published weights (or takes them from the download cache), a
        path names a safetensors file, None leaves the weights as built.
    image_size : int
        Side length in pixels that the backbone must take.

    Raises
    ------
    InvalidArgumentError
        If the name is not known, a module has no `num_features`, or images of this size do not
        become vectors of that length.
    WeightsError
        If the weights cannot be had or do not fit.
    """
    if weights is not None and not isinstance(weights, str | Path):
        raise InvalidTypeError(
            "not weights",
            argument="weights",
            expected="'imagenet', a path or None",
            found=repr(weights),
        )
    if isinstance(backbone, nn.Module):
        built = _from_module(backbone)
    elif backbone == TORCHVISION_DEFAULT:
        built = _from_torchvision(download=weights == "imagenet")
    elif isinstance(backbone, str):
        built = _from_timm(backbone, image_size, download=weights == "imagenet")
    else:
        raise InvalidTypeError(
            "not a backbone",
            argument="backbone",
            expected="a name or a torch.nn.Module",
            found=type(backbone).__name__,
        )
    if weights is not None and weights != "imagenet":
        load_backbone_weights(built.module, Path(weights))
    check_image_size(built.module, built.num_features, image_size, "backbone")
    return built


def published_parameters(name: str) -> int:
    """Count the parameters of a named network with the classifier that it was published with.

    No memory is taken for them and nothing is downloaded.
    """
    with torch.device("meta"):
        if name == TORCHVISION_DEFAULT:
            import torchvision

            network: nn.Module = torchvision.models.mobilenet_v3_small(weights=None)
        else:
            import timm

            network = timm.create_model(name, pretrained=False)
    return sum(parameter.numel() for parameter in network.parameters())


def load_backbone_weights(module: nn.Module, path: Path) -> None:
    """Load a safetensors file into a backbone, strictly.

    A prefix ``backbone.`` (files of `Model.save_pretrained`) is taken off; classifier layers of the
    published network and heads of a saved model are passed over; anything else that is missing or
    extra is an error.

    Raises
    ------
    WeightsError
        If the file is missing, damaged or belongs to another network.
    """
    if not path.is_file():
        raise WeightsError("no such file", argument="weights", found=str(path), hint=_WAYS_OUT)
    try:
        state: Mapping[str, Tensor] = load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(
            "not a safetensors file", argument="weights", found=f"{path} ({error})", hint=_WAYS_OUT
        ) from error
    if any(key.startswith("backbone.") for key in state):
        state = {key: value for key, value in state.items() if key.startswith("backbone.")}
        state = {key.removeprefix("backbone."): value for key, value in state.items()}
    wanted = module.state_dict()
    passed_over = ("classifier.", "fc.", "head.", "heads.")
    extra = [key for key in state if key not in wanted and not key.startswith(passed_over)]
    missing = [key for key in wanted if key not in state]
    misshapen = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
    if extra or missing or misshapen:
        raise WeightsError(
            "the file holds the weights of another network",
            argument="weights",
            rows=[*missing, *extra, *misshapen],
            expected=f"{len(wanted)} tensors of this backbone",
            found=f"{len(missing)} missing, {len(extra)} extra, {len(misshapen)} of another shape",
        )
    module.load_state_dict({key: state[key] for key in wanted})


def _from_module(module: nn.Module) -> BuiltBackbone:
    features = getattr(module, "num_features", None)
    if not isinstance(features, int) or features < 1:
        raise InvalidArgumentError(
            "the module does not say how long its feature vectors are",
            argument="backbone",
            expected="a module with an int attribute num_features that returns (N, num_features)",
            found=f"num_features = {features!r}",
        )
    mean = _three_numbers(module, "mean", IMAGENET_MEAN)
    std = _three_numbers(module, "std", IMAGENET_STD)
    return BuiltBackbone(module, None, features, mean, std)


def _three_numbers(
    module: nn.Module, name: str, default: tuple[float, ...]
) -> tuple[float, float, float]:
    """Return what a module says of its colours; of a tensor nobody knows who subtracts it."""
    values = getattr(module, name, default)
    # Some networks divide pixels by 256: a deviation of 256 / 255.
    least, most = (0.0, 1.0) if name == "mean" else (1e-6, 2.0)
    numbers = list(values) if isinstance(values, tuple | list | np.ndarray) else []
    sound = len(numbers) == 3 and all(
        isinstance(value, Real) and least <= float(value) <= most for value in numbers
    )
    if not sound:
        limits = "from 0 to 1" if name == "mean" else "above 0, to 2"
        raise InvalidArgumentError(
            f"the module's attribute {name!r} is not what images are normalised by",
            argument="backbone",
            expected=f"no such attribute, or three numbers {limits}",
            found=f"{name} = {values!r}"[:120],
            hint="Model normalises images before the module sees them: as in ImageNet, or by the "
            "module's mean and std, of pixels in 0-1; a module that does so itself needs "
            "mean = (0.0, 0.0, 0.0) and std = (1.0, 1.0, 1.0), and other names for its own",
        )
    red, green, blue = numbers
    return float(red), float(green), float(blue)


def _from_torchvision(*, download: bool) -> BuiltBackbone:
    module = MobileNetFeatures()
    if download:
        import torchvision

        published = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
        try:
            state = published.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise _no_download(TORCHVISION_DEFAULT, error) from error
        features = {key: value for key, value in state.items() if key.startswith("features.")}
        module.load_state_dict(features)
    return BuiltBackbone(module, TORCHVISION_DEFAULT, module.num_features)


def _from_timm(name: str, image_size: int, *, download: bool) -> BuiltBackbone:
    import timm

    if not timm.is_model(name):
        raise InvalidArgumentError(
            "unknown backbone",
            argument="backbone",
            expected=f"{TORCHVISION_DEFAULT!r}, a timm model name or a torch.nn.Module",
            found=repr(name),
            hint=f"timm.list_models('*{name[:4]}*') lists names that are near",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            module = _create(timm.create_model, name, image_size, download)
    except (OSError, RuntimeError, ValueError) as error:
        if not download:
            raise
        raise _no_download(name, error) from error
    constants: Mapping[str, Any] = cast("Mapping[str, Any]", module.pretrained_cfg)
    return BuiltBackbone(
        module,
        name,
        _feature_length(module),
        tuple(constants.get("mean", IMAGENET_MEAN)),
        tuple(constants.get("std", IMAGENET_STD)),
    )


def _create(
    create_model: Callable[..., nn.Module], name: str, image_size: int, download: bool
) -> nn.Module:
    try:
        # Transformers are built for one size and take another one only here.
        return create_model(name, pretrained=download, num_classes=0, img_size=image_size)
    except TypeError:
        return create_model(name, pretrained=download, num_classes=0)


def check_image_size(module: nn.Module, num_features: int, image_size: int, argument: str) -> None:
    """Send one image through, so that a backbone that does not fit fails here and not later.

    Raises
    ------
    InvalidArgumentError
        If it does not become a vector of `num_features`; `argument` is named.
    """
    wanted = f"features of shape (1, {num_features}) of an image of {image_size} pixels"
    first = next(module.parameters(), torch.zeros(0))
    image = torch.zeros(1, 3, image_size, image_size, dtype=first.dtype, device=first.device)
    try:
        with torch.no_grad(), _evaluating(module):
            features = module(image)
    except (AssertionError, RuntimeError, TypeError, ValueError, IndexError) as error:
        raise InvalidArgumentError(
            "the backbone does not take such images",
            argument=argument,
            expected=wanted,
            found=f"{type(error).__name__}: {error}",
            hint="choose another image_size or backbone",
        ) from error
    if not isinstance(features, Tensor) or features.shape != (1, num_features):
        found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise InvalidArgumentError(
            "the backbone puts out something else than it declares",
            argument=argument,
            expected=wanted,
            found=str(found),
        )


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Hold a module in evaluation mode, then let each of its parts be as it was."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _feature_length(module: nn.Module) -> int:
    # Some timm networks pool into another width than num_features; head_hidden_size tells it.
    return cast("int", getattr(module, "head_hidden_size", None) or module.num_features)


def _no_download(name: str, error: BaseException) -> WeightsError:
    return WeightsError(
        "the published weights cannot be downloaded",
        argument="weights",
        expected=f"a connection to the publisher of {name!r}, or the file in the download cache "
        f"({torch.hub.get_dir()})",
        found=f"{type(error).__name__}: {error}",
        hint=_WAYS_OUT,
    )
