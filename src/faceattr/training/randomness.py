"""Random numbers that depend on nothing but (seed, epoch, position, purpose).

Neither the number of workers or processes nor the order of work changes them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["epoch_generator", "epoch_seed", "uniforms"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


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
        SplitMix64 (Steele et al. 2014) of the four numbers.
    """
    key = _mix(_mix(np.array([seed], np.uint64)) + np.uint64(epoch))
    rows = _mix(key + positions.astype(np.uint64))
    cells = _mix(rows[:, None] + np.arange(columns, dtype=np.uint64)[None, :] * _GOLDEN)
    return (cells >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator that shuffles an epoch."""
    return np.random.default_rng([seed, epoch])


def epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """Return the seed of a process's dropout in an epoch."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        values = values + _GOLDEN
        values = (values ^ (values >> np.uint64(30))) * _MIX_1
        values = (values ^ (values >> np.uint64(27))) * _MIX_2
    mixed: npt.NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
