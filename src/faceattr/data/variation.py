"""Random numbers that are pure functions of (seed, index), and the words drawings use for them.

A counter-based hash (SplitMix64) instead of a generator with a state: any drawing can be made
alone, in any order, and a table of many is one vectorised call. Only integer arithmetic, sums and
products are used, so that the numbers are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr._hashing import GOLDEN, mix, to_unit

__all__ = [
    "LOOK_STREAM",
    "NOISE_STREAM",
    "Variation",
    "normals",
    "random_bytes",
    "uniforms",
    "variation",
]

Variation: TypeAlias = Mapping[str, float]
"""What makes one drawing differ from another of the same attributes, by name."""

LOOK_STREAM, VARIATION_STREAM, NOISE_STREAM = 1, 2, 3
"""Independent families of random numbers."""

_Floats: TypeAlias = npt.NDArray[np.float64]
_Indices: TypeAlias = Sequence[int] | npt.NDArray[np.integer]

_SUMMANDS = 4

# Errors with which each cue shows age and gender, and plain differences between people: about
# normal with mean 0 and standard deviation 1, within +-3.5.
_NORMALS = (
    *("age_head", "age_eyes", "age_wrinkles", "age_grey", "age_hairline", "age_sag", "age_mouth"),
    *("gender_hair", "gender_jaw", "gender_brows", "gender_lips", "gender_lashes", "gender_neck"),
    *("gender_nose", "face_width", "eye_distance", "eye_size", "nose_size", "mouth_width"),
    *("brow_height", "brow_tilt", "smile", "x", "y", "scale", "roll", "gaze", "ears", "volume"),
)
# Choices and colours: uniform in [0, 1).
_UNIFORMS = (
    *("hair_colour", "hair_shade", "grey_shade", "eye_colour", "cloth_hue", "cloth_value"),
    *("cloth_saturation", "collar", "back_hue", "back_value", "back_saturation", "back_tilt"),
    *(
        "back_side",
        "fringe",
        "parting",
        "waves",
        "beard",
        "beard_kind",
        "glasses",
        "glasses_colour",
    ),
    *("freckles", "open_mouth", "blush", "warmth", "shade_side", "bun", "lip_hue", "grain", "dye"),
)


def uniforms(stream: int, seed: int, indices: _Indices, channels: int) -> _Floats:
    """Return uniform numbers in [0, 1), float64 of shape (len(indices), channels)."""
    start = mix(mix(np.array([seed], dtype=np.uint64)) + np.uint64(stream))
    rows = mix(np.asarray(indices, dtype=np.uint64) ^ start)
    counter = np.arange(1, channels + 1, dtype=np.uint64) * GOLDEN
    bits = mix(rows[:, None] + counter)
    return to_unit(bits)


def normals(stream: int, seed: int, indices: _Indices, channels: int) -> _Floats:
    """Return about standard normal numbers within +-3.5, float64 of shape (n, channels)."""
    flat = uniforms(stream, seed, indices, channels * _SUMMANDS)
    summed = flat.reshape(len(flat), channels, _SUMMANDS).sum(axis=2)
    return np.asarray((summed - _SUMMANDS / 2) * (12 / _SUMMANDS) ** 0.5)


def random_bytes(start: float, count: int) -> npt.NDArray[np.uint8]:
    """Return `count` random bytes that depend on `start`, a number from 0 to 1."""
    counter = np.arange((count + 7) // 8, dtype=np.uint64) * GOLDEN
    words = mix(counter + np.uint64(round(start * 2**53)))
    return words.astype("<u8").view(np.uint8)[:count]


def variation(seed: int, index: int) -> Variation:
    """Return all that is individual in drawing `index`, apart from its attributes."""
    bells = normals(VARIATION_STREAM, seed, [index], len(_NORMALS))[0].tolist()
    flats = uniforms(VARIATION_STREAM + 7, seed, [index], len(_UNIFORMS))[0].tolist()
    names = (*_NORMALS, *_UNIFORMS)
    return MappingProxyType(dict(zip(names, (*bells, *flats), strict=True)))
