"""The local model of LIME: a weighted ridge regression, for all outputs at once.

It is that of the lime package, whose distances, weights and regression (scikit-learn's `Ridge`) are
written out here, so that one factorisation serves every output and nothing is copied.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from faceattr.explain.sampling import Masks
from faceattr.explain.scene import FloatArray

__all__ = ["LinearFit", "fit_ridge", "proximity"]


class LinearFit(NamedTuple):
    """A linear model of each output.

    Attributes
    ----------
    weights : numpy.ndarray of float64, shape (K, S)
    intercepts : numpy.ndarray of float64, shape (K,)
    r2 : numpy.ndarray of float64, shape (K,)
        Weighted share of the variance that it explains; NaN where there is no variance.
    """

    weights: FloatArray
    intercepts: FloatArray
    r2: FloatArray


def proximity(masks: Masks, kernel_width: float) -> FloatArray:
    """Return lime's weight of each row: its cosine distance from the whole image, in a kernel.

    Parameters
    ----------
    masks : numpy.ndarray of 0 and 1, shape (n, S)
    kernel_width : float

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        In (0, 1].
    """
    share = masks.sum(axis=1, dtype=np.float64) / masks.shape[1]
    # Between a row of k ones and S ones the cosine is k / sqrt(k S).
    distance = 1.0 - np.sqrt(share)
    weights: FloatArray = np.sqrt(np.exp(-(distance**2) / kernel_width**2))
    return weights


def fit_ridge(masks: Masks, values: FloatArray, weights: FloatArray, alpha: float) -> LinearFit:
    """Fit weighted ridge regressions with an intercept that is not shrunk.

    Parameters
    ----------
    masks : numpy.ndarray, shape (n, S)
    values : numpy.ndarray of float64, shape (n, K)
    weights : numpy.ndarray of float64, shape (n,)
        Of the rows, positive.
    alpha : float
        Strength of the shrinkage, above 0.

    Returns
    -------
    LinearFit
    """
    shown = masks.astype(np.float64)
    total = weights.sum()
    shown_mean, value_mean = weights @ shown / total, weights @ values / total
    centred, rest = shown - shown_mean, values - value_mean
    weighted = centred * weights[:, None]
    gram = centred.T @ weighted
    gram.flat[:: len(gram) + 1] += alpha
    found = np.linalg.solve(gram, weighted.T @ rest)
    residual = weights @ (rest - centred @ found) ** 2
    spread = weights @ rest**2
    # Below this, differences are those of rounding.
    varies = spread > total * (1e-12 * (1.0 + np.abs(value_mean))) ** 2
    r2 = np.where(varies, 1 - residual / np.where(varies, spread, 1.0), np.nan)
    coefficients = np.where(varies, found, 0.0).T
    return LinearFit(coefficients, value_mean - coefficients @ shown_mean, r2)
