"""Shape parameters of generalised Gaussians, looked up by the moments that they determine.

The grid is that of the original implementation: 0.2 to 10 in steps of 0.001, the nearest is taken.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["GRID", "asymmetric_shape", "mean_factor", "symmetric_shape"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

GRID: FloatArray = np.arange(200, 10001) / 1000.0


def symmetric_shape(kurtosis: FloatArray) -> npt.NDArray[np.intp]:
    """Return where on `GRID` E[x²] / E[|x|]² has these values (Sharifi & Leon-Garcia 1995)."""
    return _nearest(-1.0 / _tables()[0], -kurtosis)


def asymmetric_shape(kurtosis: FloatArray) -> npt.NDArray[np.intp]:
    """Return where on `GRID` E[|x|]² / E[x²] has these values, corrected for asymmetry."""
    return _nearest(_tables()[0], kurtosis)


def mean_factor(index: npt.NDArray[np.intp]) -> FloatArray:
    """Return by what the difference of the deviations is multiplied to give the mean."""
    factors: FloatArray = _tables()[1][index]
    return factors


@cache
def _tables() -> tuple[FloatArray, FloatArray]:
    one, two, three = (
        np.array([math.lgamma(number / shape) for shape in GRID]) for number in (1, 2, 3)
    )
    return np.exp(2 * two - one - three), np.exp(two - (one + three) / 2)


def _nearest(table: FloatArray, values: FloatArray) -> npt.NDArray[np.intp]:
    """Return the index of the nearest entry of an ascending table; the last for NaN."""
    right = np.clip(np.searchsorted(table, values), 1, len(table) - 1)
    lower = values - table[right - 1] < table[right] - values
    return np.asarray(right - lower, dtype=np.intp)
