"""SplitMix64, a hash from whole numbers to random bits, by which random numbers need no state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["GOLDEN", "mix", "to_unit"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)


def mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return 64 random bits for each number (Steele et al. 2014, "Fast splittable PRNGs").

    Integer arithmetic alone, so the bits are the same on every machine.
    """
    mixed = values + GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MULTIPLIER_2
    hashed: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return hashed


def to_unit(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return random bits as uniform numbers in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
