"""What is left of a sum when the worst images of an order are dropped, for many resamples at once.

Images with the same value are exchangeable: where only some of them go, each goes with the same
chance, and what is returned is the expected sum. So nothing depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.evaluation.metrics import FloatArray, ratio

__all__ = ["ENDS", "Order", "WorstEnd", "kept_numbers", "kept_sums"]

WorstEnd: TypeAlias = Literal["high", "low", "both"]
"""The end of a metric from which images are dropped first."""

ENDS: tuple[WorstEnd, ...] = ("high", "low", "both")

_SHARE_FROM_BELOW = {"high": 0.0, "low": 1.0, "both": 0.5}
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Order:
    """Images in the order of a number.

    Attributes
    ----------
    rows : numpy.ndarray of int, shape (s,)
        Images that have the number, ascending.
    runs : numpy.ndarray of int, shape (r,)
        How many of these are passed at the end of each run of equal numbers, ascending; the last
        one is s.
    unscored : numpy.ndarray of int, shape (u,)
        Images without the number.
    """

    rows: npt.NDArray[np.intp]
    runs: npt.NDArray[np.intp]
    unscored: npt.NDArray[np.intp]

    @classmethod
    def of(cls, values: FloatArray) -> Order:
        """Order images by `values`, shape (n,), NaN where an image has none."""
        scored = np.flatnonzero(~np.isnan(values))
        rows = scored[np.argsort(values[scored], kind="stable")]
        ordered = values[rows]
        is_last = np.append(ordered[1:] != ordered[:-1], [True] * bool(len(rows)))
        return cls(rows, np.flatnonzero(is_last) + 1, np.flatnonzero(np.isnan(values)))


def kept_numbers(coverages: FloatArray, totals: FloatArray) -> FloatArray:
    """Return how many images are kept: the fewest that are at least the share asked for.

    Parameters
    ----------
    coverages : numpy.ndarray of float64, shape (c,)
        Shares in (0, 1].
    totals : numpy.ndarray of float64, shape (b,)
        Images of each resample.

    Returns
    -------
    numpy.ndarray of float64, shape (b, c)
        Whole numbers.
    """
    kept: FloatArray = np.ceil(totals[:, None] * coverages - _ROUNDING)
    return kept


def kept_sums(
    order: Order,
    losses: FloatArray,
    counts: FloatArray,
    kept: FloatArray,
    worst: Sequence[WorstEnd],
) -> FloatArray:
    """Sum the losses of the images that are kept.

    Images without a number are kept until all others are gone, and are exchangeable then.

    Parameters
    ----------
    order : Order
        Of n images.
    losses : numpy.ndarray of float64, shape (n,)
        What is summed.
    counts : numpy.ndarray of float64, shape (b, n)
        How often each image stands in each resample.
    kept : numpy.ndarray of float64, shape (b, c)
        How many images are kept, at most all of the resample.
    worst : sequence of {"high", "low", "both"}, length w
        The end from which images are dropped; with "both", half from each.

    Returns
    -------
    numpy.ndarray of float64, shape (w, b, c)
    """
    chosen = counts[:, order.rows]
    passed = _Passed(
        _running(chosen, order.runs), _running(chosen * losses[order.rows], order.runs)
    )
    scored = passed.counts[:, -1:]
    free = counts[:, order.unscored]
    n_free = free.sum(axis=1, keepdims=True)
    dropped = scored + n_free - kept
    from_scored = np.minimum(dropped, scored)
    share_left = np.nan_to_num(ratio(n_free - dropped + from_scored, n_free))
    rest = share_left * (free @ losses[order.unscored])[:, None]
    sums = np.empty((len(worst), *kept.shape))
    for position, end in enumerate(worst):
        below = _SHARE_FROM_BELOW[end] * from_scored
        above = from_scored - below
        sums[position] = passed.losses_of(scored - above) - passed.losses_of(below) + rest
    return sums


def _running(values: FloatArray, runs: npt.NDArray[np.intp]) -> FloatArray:
    """Sum along each line, and return the sums before the first and after each run."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    if len(runs) == values.shape[1]:
        return sums
    return sums[:, np.append(0, runs)]


class _Passed:
    """Images and losses passed from the lowest number up, of each resample."""

    def __init__(self, counts: FloatArray, losses: FloatArray) -> None:
        self.counts = counts
        self._losses = losses.ravel()
        # One ascending array of all lines, so that one search serves them all.
        self._starts = np.arange(len(counts))[:, None] * (counts[:, -1].max(initial=0.0) + 1.0)
        self._places = (counts + self._starts).ravel()

    def losses_of(self, numbers: FloatArray) -> FloatArray:
        """Return the expected losses of the first so many images, shape (b, c)."""
        wanted = numbers + self._starts
        after = np.searchsorted(self._places, wanted)
        before = np.maximum(after - 1, 0)
        # Where nothing is passed yet `before` lies in the line above, and is not looked at.
        inside = numbers > 0
        width = np.where(inside, self._places[after] - self._places[before], 1.0)
        share = np.where(inside, (wanted - self._places[before]) / width, 1.0)
        low = self._losses[before]
        return np.where(inside, low + share * (self._losses[after] - low), 0.0)
