"""Tests of a difference between two models on the same images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from faceattr.evaluation.metrics import FloatArray

__all__ = ["bootstrap_p", "holm", "mcnemar_p"]


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p of McNemar's test.

    Were both models right equally often, an image that one alone has right would be as likely one
    of a as one of b (McNemar, Psychometrika 12, 1947; exact, from the binomial distribution).

    Parameters
    ----------
    only_a, only_b : int
        Images that only one model has right.

    Examples
    --------
    >>> from faceattr.evaluation.comparison.significance import mcnemar_p
    >>> round(mcnemar_p(2, 10), 4)
    0.0386
    >>> mcnemar_p(0, 0)
    1.0
    """
    from scipy.stats import binomtest  # late: slow to import

    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(int(only_a), int(only_a + only_b)).pvalue)


def bootstrap_p(samples: FloatArray) -> FloatArray:
    """Return the two-sided p of resampled differences: below 0.05 where the 95 % interval omits 0.

    The lesser share of resamples on one side of 0, doubled, one resample added to each side
    (Davison and Hinkley, Bootstrap Methods and their Application, 1997), so that it is at least
    2 / (B + 1).

    Parameters
    ----------
    samples : numpy.ndarray of float64, shape (B, m)
        One column a difference; NaN where a resample does not define it. Such are left out.

    Returns
    -------
    numpy.ndarray of float64, shape (m,)
        NaN where fewer than half of the resamples define the difference.
    """
    defined = ~np.isnan(samples)
    total = defined.sum(axis=0)
    below = ((samples <= 0) & defined).sum(axis=0) + 1
    above = ((samples >= 0) & defined).sum(axis=0) + 1
    p = np.minimum(2.0 * np.minimum(below, above) / (total + 1), 1.0)
    return np.where((total > 0) & (2 * total >= len(samples)), p, np.nan)


def holm(p: npt.ArrayLike) -> FloatArray:
    """Correct p-values for their number (Holm, Scandinavian Journal of Statistics 6, 1979).

    The smallest of m is multiplied by m, the next by m - 1 and so on; none is smaller than one
    before it, or above 1. The chance that any true null hypothesis is rejected stays at the level.

    Parameters
    ----------
    p : array-like of float, shape (m,)
        NaN counts for nothing and stays.

    Returns
    -------
    numpy.ndarray of float64, shape (m,)

    Examples
    --------
    >>> from faceattr.evaluation.comparison.significance import holm
    >>> holm([0.04, 0.01, 0.5]).tolist()
    [0.08, 0.03, 0.5]
    """
    values = np.asarray(p, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
