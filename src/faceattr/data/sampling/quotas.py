"""Quotas: how many images an epoch takes of each cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError

__all__ = ["cell_quotas"]

Floats = npt.NDArray[np.float64]


def cell_quotas(
    counts: npt.NDArray[np.int64],
    smoothed: Floats,
    *,
    strength: float,
    epoch_size: int,
    max_repeats: int | None,
) -> Floats:
    """Return how many images of each cell an epoch takes on average.

    An image weighs one over its cell's smoothed count to the power of `strength`, so without
    smoothing cells of n images get shares in proportion to ``n ** (1 - strength)`` (Kang et al.
    2020, "Decoupling Representation and Classifier for Long-Tailed Recognition", arXiv:1910.09217).

    Parameters
    ----------
    counts : numpy.ndarray of int64, shape (K,)
        Images of each cell; all above 0.
    smoothed : numpy.ndarray of float64, shape (K,)
    strength : float
        From 0, shares as they are, to 1.
    epoch_size : int
        Sum of the quotas.
    max_repeats : int, optional
        How often an image may stand in an epoch at most. What a cell may not have goes to the
        others in proportion.

    Returns
    -------
    numpy.ndarray of float64, shape (K,)

    Raises
    ------
    InvalidArgumentError
        If so long an epoch shows images more often than they may be shown.
    """
    weights = counts * smoothed**-strength
    if max_repeats is None:
        return np.asarray(epoch_size * weights / weights.sum())
    most = np.asarray(counts * float(max_repeats))
    if epoch_size > most.sum():
        raise InvalidArgumentError(
            "an epoch is longer than its images may be repeated",
            argument="epoch_size",
            expected=f"at most {int(most.sum()):,}, {max_repeats} times {int(counts.sum()):,} "
            "images",
            found=f"{epoch_size:,}",
            hint="a larger max_repeats, or a shorter epoch",
        )
    return _limited(weights, most, epoch_size)


def _limited(weights: Floats, most: Floats, total: int) -> Floats:
    """Share out a total by weights where none gets more than its most."""
    quotas = np.zeros(len(weights))
    free = np.ones(len(weights), dtype=np.bool_)
    while free.any():
        left = total - quotas[~free].sum()
        quotas[free] = left * weights[free] / weights[free].sum()
        over = free & (quotas > most)
        if not over.any():
            break
        quotas[over] = most[over]
        free &= ~over
    return quotas
