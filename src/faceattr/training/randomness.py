"""Random numbers that depend on nothing but (seed, epoch, position, purpose).

Neither the number of workers or processes nor the order of work changes them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from faceattr._hashing import GOLDEN, mix, to_unit

__all__ = ["epoch_generator", "epoch_seed", "uniforms"]


def uniforms(
    seed: int, epoch: int, positions: npt.NDArray[np.int64], columns: int
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

    Returns
    -------
    numpy.ndarray of float64, shape (n, columns)
        SplitMix64 of the four numbers.
    """
    key = mix(mix(np.array([seed], np.uint64)) + np.uint64(epoch))
    rows = mix(key + positions.astype(np.uint64))
    cells = mix(rows[:, None] + np.arange(columns, dtype=np.uint64)[None, :] * GOLDEN)
    return to_unit(cells)


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator that shuffles an epoch."""
    return np.random.default_rng([seed, epoch])


def epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Return the seed of a process's dropout in an epoch."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)
