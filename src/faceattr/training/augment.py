"""Augmentation of batches of pixels, each image by its own random numbers.

A policy is a frozen set of strengths; the numbers it needs come from `randomness.uniforms`, so an
image at a place of an epoch is always changed in the same way. Geometry is one affine resampling,
colour one affine map of RGB, both by OpenCV on bytes: about 0.1 ms for an image of 128 x 128.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr._validation import check_known, check_number
from faceattr.exceptions import InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.registry import Registry

__all__ = ["POLICIES", "AugmentPolicy", "as_policy", "augment", "register_policy"]

_GRAY = np.array([0.299, 0.587, 0.114])
RANDOM_COLUMNS = 14
_Floats: TypeAlias = npt.NDArray[np.float64]
_Boxes: TypeAlias = npt.NDArray[np.int64]
_Step: TypeAlias = Callable[[UInt8Image, int], None]


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

    @classmethod
    def from_dict(cls, data: Mapping[str, float], *, argument: str = "augment") -> Self:
        """Make a policy of its strengths by name.

        Raises
        ------
        InvalidArgumentError
            If a name is unknown; all unknown names are listed.
        """
        check_known(data, list(cls.__dataclass_fields__), argument, what="strengths")
        return cls(**data)


POLICIES: Registry[AugmentPolicy] = Registry("augmentation policy")


def register_policy(name: str, policy: AugmentPolicy) -> AugmentPolicy:
    """Make a policy known by name, for ``TrainConfig(augment=name)``."""
    return POLICIES.register(name, policy)


def as_policy(policy: str | AugmentPolicy, argument: str) -> AugmentPolicy:
    """Return a policy that is given by its name or as it is.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If no policy is registered by this name, or it is neither.
    """
    if isinstance(policy, AugmentPolicy):
        return policy
    if not isinstance(policy, str):
        raise InvalidTypeError(
            "not an augmentation policy",
            argument=argument,
            expected=f"one of {list(POLICIES)}, or an AugmentPolicy",
            found=repr(policy),
        )
    return POLICIES.get(policy, argument=argument)


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
# For repeats of images that are augmented strongly at their first appearance.
register_policy(
    "heavy",
    AugmentPolicy(
        flip=0.5,
        rotation=25,
        scale=0.22,
        shift=0.1,
        brightness=0.4,
        contrast=0.4,
        saturation=0.6,
        grayscale=0.2,
        erase=0.5,
        erase_area=0.25,
    ),
)


class _OneThread:
    """Holds OpenCV to one thread while anybody is inside, then sets again what was set before.

    To share out the rows of a small image costs more than it brings: the threads stay busy waiting
    for the next one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = cv2.getNumThreads()
                if self._before > 1:
                    cv2.setNumThreads(1)
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._before > 1:
                cv2.setNumThreads(self._before)


_one_thread = _OneThread()


def augment(images: UInt8Image, policy: AugmentPolicy, numbers: _Floats) -> UInt8Image:
    """Change every image of a batch in its own way.

    What becomes of an image does not depend on the rest of the batch. Works on one thread; several
    threads may call it at once.

    Parameters
    ----------
    images : numpy.ndarray of uint8, shape (N, H, W, 3)
        RGB, 0-255; not changed.
    policy : AugmentPolicy
        Strengths.
    numbers : numpy.ndarray of float64, shape (N, RANDOM_COLUMNS)
        Uniform in [0, 1).

    Returns
    -------
    numpy.ndarray of uint8, shape (N, H, W, 3)
        RGB, 0-255; a new array, C-contiguous.
    """
    changed = images.copy(order="C")
    steps = _steps(policy, numbers, images.shape[1], images.shape[2])
    with _one_thread:
        for i, pixels in enumerate(changed):
            for step in steps:
                step(pixels, i)
    return changed


def _steps(policy: AugmentPolicy, numbers: _Floats, height: int, width: int) -> list[_Step]:
    """Return what is done in place to image i, in order."""
    steps: list[_Step] = []
    if policy.flip or policy.rotation or policy.scale or policy.shift:
        places = _places(policy, numbers[:, 0:5], height, width)
        steps.append(lambda pixels, i: _move(pixels, places[i]))
    if policy.brightness or policy.contrast or policy.saturation or policy.grayscale:
        colours = _colours(policy, numbers[:, 5:9])
        steps.append(lambda pixels, i: _recolour(pixels, colours[i]))
    if policy.erase:
        boxes = _boxes(policy, numbers[:, 9:14], height, width)
        steps.append(lambda pixels, i: _erase(pixels, boxes[i]))
    return steps


def _places(policy: AugmentPolicy, numbers: _Floats, height: int, width: int) -> _Floats:
    """Return the 2 x 3 matrices that lead from a changed pixel to its place in the image."""
    flip, angle, scale = numbers[:, :3].T
    turn = (2 * angle - 1) * math.radians(policy.rotation)
    zoom = 1 + (2 * scale - 1) * policy.scale
    mirror = np.where(flip < policy.flip, -1.0, 1.0)
    cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
    # The turn is one of the unit square: an image that is not square is sheared a little.
    matrices = np.empty((len(numbers), 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cos * mirror, -sin * (width / height)
    matrices[:, 1, 0], matrices[:, 1, 1] = sin * mirror * (height / width), cos
    size = np.array([width, height])
    centre = (size - 1) / 2
    shift = (2 * numbers[:, 3:] - 1) * policy.shift * size
    matrices[:, :, 2] = centre + shift - (matrices[:, :, :2] * centre).sum(axis=2)
    return matrices


def _move(pixels: UInt8Image, place: _Floats) -> None:
    # OpenCV resamples four channels to the same values in two thirds of the time of three.
    padded = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    size = pixels.shape[1], pixels.shape[0]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(padded, place, size, flags=how, borderMode=cv2.BORDER_REFLECT)
    cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, dst=pixels)


def _colours(policy: AugmentPolicy, numbers: _Floats) -> _Floats:
    """Return 3 x 4 matrices; their last column is still to be multiplied with the mean's luma."""
    brightness, contrast, saturation, gray = numbers.T
    bright = 1 + (2 * brightness - 1) * policy.brightness
    contrasted = 1 + (2 * contrast - 1) * policy.contrast
    colour = 1 + (2 * saturation - 1) * policy.saturation
    colour = np.where(gray < policy.grayscale, 0.0, colour)[:, None, None]
    matrices = np.empty((len(numbers), 3, 4))
    mix = colour * np.eye(3) + (1 - colour) * _GRAY
    matrices[:, :, :3] = (bright * contrasted)[:, None, None] * mix
    matrices[:, :, 3] = ((1 - contrasted) * bright)[:, None]
    return matrices


def _recolour(pixels: UInt8Image, colour: _Floats) -> None:
    matrix = colour.copy()
    matrix[:, 3] *= _GRAY @ cv2.mean(pixels)[:3]
    cv2.transform(pixels, matrix, dst=pixels)


def _boxes(policy: AugmentPolicy, numbers: _Floats, height: int, width: int) -> _Boxes:
    """Return the rows and the columns to paint over, each as the first and the one after the last.

    A pixel is painted over if its centre lies within the rectangle.
    """
    chosen, area, aspect = numbers[:, :3].T
    size = np.array([height, width])
    share = np.sqrt(0.02 + area * (policy.erase_area - 0.02))[:, None]
    ratio = np.sqrt(np.exp(math.log(3.0) * (2 * aspect - 1)))
    half = np.minimum(share * np.stack([ratio, 1 / ratio], axis=1), 1) * size / 2
    centre = numbers[:, 3:] * size - 0.5
    edges = np.stack([np.floor(centre - half) + 1, np.ceil(centre + half)], axis=2)
    edges[chosen >= policy.erase] = 0
    boxes: _Boxes = np.clip(edges, 0, size[:, None]).astype(np.int64)
    return boxes


def _erase(pixels: UInt8Image, box: _Boxes) -> None:
    (top, bottom), (left, right) = box.tolist()
    if top < bottom and left < right:
        pixels[top:bottom, left:right] = np.rint(cv2.mean(pixels)[:3])
