"""Augmentation of whole batches, each image by its own random numbers.

A policy is a frozen set of strengths; the numbers it needs come from `randomness.uniforms`, so an
image at a place of an epoch is always changed in the same way. Geometry is one affine resampling,
colour one affine map of RGB: both cost a fraction of the network's own step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from faceattr._validation import check_number
from faceattr.registry import Registry

__all__ = ["POLICIES", "AugmentPolicy", "augment", "register_policy"]

_GRAY = (0.299, 0.587, 0.114)
RANDOM_COLUMNS = 14


@dataclass(frozen=True)
class AugmentPolicy:
    """How strongly images are changed; all zeros change nothing.

    Parameters
    ----------
    flip : float
        Share of images mirrored left to right, in [0, 1].
    rotation : float
        Largest angle in degrees, either way, in [0, 180].
    scale : float
        Largest relative change of size, either way, in [0, 0.9].
    shift : float
        Largest shift in each direction as a share of the side, in [0, 0.5].
    brightness, contrast, saturation : float
        Largest relative change, either way, in [0, 1].
    grayscale : float
        Share of images turned gray, in [0, 1].
    erase : float
        Share of images in which a rectangle is painted over with the mean colour, in [0, 1].
    erase_area : float
        Largest share of the image that the rectangle covers, in [0, 0.5].
    """

    flip: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    grayscale: float = 0.0
    erase: float = 0.0
    erase_area: float = 0.2

    def __post_init__(self) -> None:
        highest = {"rotation": 180.0, "scale": 0.9, "shift": 0.5, "erase_area": 0.5}
        for name in self.__dataclass_fields__:
            check_number(getattr(self, name), name, low=0, high=highest.get(name, 1.0))


POLICIES: Registry[AugmentPolicy] = Registry("augmentation policy")


def register_policy(name: str, policy: AugmentPolicy) -> AugmentPolicy:
    """Make a policy known by name, for ``TrainConfig(augment=name)``."""
    return POLICIES.register(name, policy)


register_policy("none", AugmentPolicy())
# The study's notebook mentions gray images and no other transform: mild ones of the usual kinds.
register_policy(
    "study",
    AugmentPolicy(flip=0.5, rotation=10, brightness=0.2, contrast=0.2, grayscale=0.1),
)
register_policy(
    "light", AugmentPolicy(flip=0.5, rotation=8, scale=0.05, shift=0.04, brightness=0.1)
)
register_policy(
    "strong",
    AugmentPolicy(
        flip=0.5,
        rotation=18,
        scale=0.15,
        shift=0.08,
        brightness=0.3,
        contrast=0.3,
        saturation=0.4,
        grayscale=0.1,
        erase=0.4,
        erase_area=0.2,
    ),
)


def augment(images: Tensor, policy: AugmentPolicy, numbers: Tensor) -> Tensor:
    """Change every image of a batch in its own way.

    Parameters
    ----------
    images : torch.Tensor of uint8 or float, shape (N, 3, H, W)
        RGB in 0-255.
    policy : AugmentPolicy
        Strengths.
    numbers : torch.Tensor of float32, shape (N, RANDOM_COLUMNS)
        Uniform in [0, 1).

    Returns
    -------
    torch.Tensor of float32, shape (N, 3, H, W)
        RGB in 0-255, channels-last in memory.
    """
    changed = images.to(torch.float32)
    if policy.flip or policy.rotation or policy.scale or policy.shift:
        changed = _move(changed, policy, numbers[:, 0:5])
    if policy.brightness or policy.contrast or policy.saturation or policy.grayscale:
        changed = _recolour(changed, policy, numbers[:, 5:9])
    if policy.erase:
        changed = _erase(changed, policy, numbers[:, 9:14])
    return changed.contiguous(memory_format=torch.channels_last)


def _move(images: Tensor, policy: AugmentPolicy, numbers: Tensor) -> Tensor:
    flip, angle, scale, right, down = numbers.unbind(1)
    turn = (2 * angle - 1) * math.radians(policy.rotation)
    zoom = 1 + (2 * scale - 1) * policy.scale
    mirror = torch.where(flip < policy.flip, -1.0, 1.0)
    cos, sin = turn.cos() / zoom, turn.sin() / zoom
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin, (4 * right - 2) * policy.shift], dim=1),
            torch.stack([sin * mirror, cos, (4 * down - 2) * policy.shift], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _recolour(images: Tensor, policy: AugmentPolicy, numbers: Tensor) -> Tensor:
    """Apply brightness, contrast, saturation and gray as one 3 x 3 matrix and offset an image."""
    brightness, contrast, saturation, gray = numbers.unbind(1)
    bright = 1 + (2 * brightness - 1) * policy.brightness
    contrasted = 1 + (2 * contrast - 1) * policy.contrast
    colour = 1 + (2 * saturation - 1) * policy.saturation
    colour = torch.where(gray < policy.grayscale, 0.0, colour)
    luma = torch.tensor(_GRAY, device=images.device)
    to_gray = luma.expand(3, 3)
    mix = colour[:, None, None] * torch.eye(3, device=images.device)
    mix = mix + (1 - colour)[:, None, None] * to_gray
    matrix = (bright * contrasted)[:, None, None] * mix
    mean = bright * (images.mean(dim=(2, 3)) @ luma)
    offset = (1 - contrasted) * mean
    n, _, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(n, height * width, 3)
    changed = torch.baddbmm(offset[:, None, None], pixels, matrix.transpose(1, 2))
    return changed.clamp_(0, 255).view(n, height, width, 3).permute(0, 3, 1, 2)


def _erase(images: Tensor, policy: AugmentPolicy, numbers: Tensor) -> Tensor:
    chosen, area, aspect, top, left = numbers.unbind(1)
    height, width = images.shape[2:]
    share = (0.02 + area * (policy.erase_area - 0.02)).clamp(min=0.0)
    ratio = (math.log(3.0) * (2 * aspect - 1)).exp().sqrt()
    half_high = (share.sqrt() * ratio * height / 2).clamp(max=height / 2)
    half_wide = (share.sqrt() / ratio * width / 2).clamp(max=width / 2)
    rows = torch.arange(height, device=images.device) + 0.5
    columns = torch.arange(width, device=images.device) + 0.5
    within_rows = (rows - (top * height)[:, None]).abs() < half_high[:, None]
    within_columns = (columns - (left * width)[:, None]).abs() < half_wide[:, None]
    within = within_rows[:, :, None] & within_columns[:, None, :]
    within &= (chosen < policy.erase)[:, None, None]
    fill = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(within[:, None], fill, images)
