"""Bootstrap by counts: how often each row stands in a resample, for many resamples at once.

All tasks, groups and metrics share the same resamples of rows, so that their figures vary together
as they would with another sample of images (Efron and Tibshirani, An Introduction to the Bootstrap,
1993). Intervals are percentiles.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from faceattr.evaluation.metrics import FloatArray

__all__ = ["holding", "percentile_intervals", "resampled_counts"]

_CHUNK_CELLS = 1_000_000
"""Counts held at a time: 8 MB."""

_MIN_DEFINED = 0.5
"""Share of resamples that must give a figure for there to be an interval."""


def resampled_counts(n_rows: int, n_boot: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often each row stands in each resample, in chunks of bounded size.

    Parameters
    ----------
    n_rows : int
        Rows of the table; each resample draws as many, with replacement.
    n_boot : int
        Number of resamples.
    seed : int
        The same seed and number of rows give the same counts.

    Yields
    ------
    numpy.ndarray of float64, shape (b, n_rows)
        The b add up to `n_boot`; every line sums to `n_rows`.
    """
    generator = np.random.default_rng(seed)
    chunk = max(_CHUNK_CELLS // max(n_rows, 1), 1)
    for start in range(0, n_boot if n_rows else 0, chunk):
        size = min(chunk, n_boot - start)
        drawn = generator.integers(n_rows, size=(size, n_rows))
        drawn += np.arange(size)[:, None] * n_rows
        counts = np.bincount(drawn.ravel(), minlength=size * n_rows)
        yield counts.reshape(size, n_rows).astype(np.float64)


def percentile_intervals(samples: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the limits between which the middle of the resampled figures lies.

    Parameters
    ----------
    samples : numpy.ndarray of float64, shape (B, m)
        One column a figure; NaN where a resample does not define it, as a rate of a class that it
        did not draw. Such resamples are left out.
    confidence : float
        Share of resamples between the limits.

    Returns
    -------
    low, high : numpy.ndarray of float64, shape (m,)
        NaN where fewer than half of the resamples define the figure.
    """
    low, high = np.full((2, samples.shape[1]), np.nan)
    shares = [(1 - confidence) / 2, (1 + confidence) / 2]
    defined = ~np.isnan(samples)
    whole = defined.all(axis=0)
    if len(samples) and whole.any():
        low[whole], high[whole] = np.quantile(samples[:, whole], shares, axis=0)
    for column in np.flatnonzero(~whole & (defined.sum(axis=0) >= _MIN_DEFINED * len(samples))):
        known = samples[defined[:, column], column]
        low[column], high[column] = np.quantile(known, shares)
    return low, high


def holding(values: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Widen intervals until they hold their figures; where there is none, there is none still.

    Resampled figures may all lie on one side of the figure: the difference of two groups that are
    alike is larger in every resample. An interval beside its figure would look like a mistake.
    """
    return np.minimum(values, low), np.maximum(values, high)
