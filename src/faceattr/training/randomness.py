"""Random numbers that depend on nothing but (seed, epoch, position, purpose).

Neither the number of workers or processes nor the order of work changes them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from faceattr._hashing import GOLDEN, mix, to_unit

__all__ = ["MIXUP", "epoch_seed", "step_generator", "uniforms"]

AUGMENTATION, MIXUP = 0, 1
"""Purposes of random numbers."""


def uniforms(
    seed: int,
    epoch: int,
    positions: npt.NDArray[np.int64],
    columns: int,
    *,
    purpose: int = AUGMENTATION,
) -> npt.NDArray[np.float64]:
    """Return numbers in [0, 1) that belong to positions of an epoch.

    Parameters
    ----------
    seed, epoch : int
        Not negative.
    positions : numpy.ndarray of int64, shape (n,)
        Places in the epoch's plan.
    columns : int
        How many numbers a position gets.
    purpose : int, default AUGMENTATION
        Each has numbers of its own.

    Returns
    -------
    numpy.ndarray of float64, shape (n, columns)
        SplitMix64 of the five numbers.
    """
    key = mix(mix(np.array([seed], np.uint64)) + np.uint64(epoch))
    if purpose != AUGMENTATION:
        key = mix(key ^ mix(np.array([purpose], np.uint64)))
    rows = mix(key + positions.astype(np.uint64))
    cells = mix(rows[:, None] + np.arange(columns, dtype=np.uint64)[None, :] * GOLDEN)
    return to_unit(cells)


def step_generator(seed: int, epoch: int, place: int) -> np.random.Generator:
    """Return the generator that pairs the images of the step that starts at a place."""
    # The last number keeps it apart from the order of an epoch: trailing zeros change no generator.
    return np.random.default_rng([seed, epoch, place, 1])


def epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Return the seed of a process's dropout in an epoch."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)
