"""Intervals of shares of rows, where resampling cannot give them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from faceattr.evaluation.metrics import FloatArray

__all__ = ["share_interval", "widen_at_ends"]


def share_interval(
    share: FloatArray, n: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Return the interval around shares of n rows each (Wilson 1927); NaN for no rows."""
    from scipy.stats import norm

    z = float(norm.ppf((1 + confidence) / 2)) if confidence < 1 else np.inf
    if np.isinf(z):
        return np.where(n > 0, 0.0, np.nan), np.where(n > 0, 1.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - reach, centre + reach


def widen_at_ends(
    share: FloatArray, n: npt.NDArray[np.int64], interval: FloatArray, confidence: float
) -> FloatArray:
    """Return the intervals of shares, with Wilson's (1927) where a share is 0 or 1.

    Where all rows are right, they are so in every resample: percentiles would say that nothing
    could be otherwise, of however few rows.

    Parameters
    ----------
    share : numpy.ndarray of float64, shape (w,)
    n : numpy.ndarray of int64, shape (w,)
        The rows of each.
    interval : numpy.ndarray of float64, shape (2, w)
        NaN where there is to be none.
    confidence : float
    """
    at_end = ((share == 0) | (share == 1)) & ~np.isnan(interval).any(axis=0)
    wilson = np.clip(share_interval(share, n.astype(np.float64), confidence), 0.0, 1.0)
    return np.where(at_end, wilson, interval)
