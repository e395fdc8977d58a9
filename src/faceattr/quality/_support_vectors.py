"""The support-vector regression that turns scene statistics into BRISQUE's score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr._validation import check_choice

__all__ = ["BrisqueWeights", "SupportVectors", "support_vectors"]

BrisqueWeights: TypeAlias = Literal["bundled", "live"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Lowest and highest value of each feature over the LIVE data set, from the range file of the
# original implementation: both regressions were trained on features scaled by it to -1 to 1.
_LOWEST = [
    *(0.338, 0.017204, 0.236, -0.123884, 0.000155, 0.001122, 0.244, -0.123586, 0.000152),
    *(0.000975, 0.249, -0.135687, 0.000174, 0.000913, 0.258, -0.143408, 0.000179, 0.000888),
    *(0.471, 0.012809, 0.218, -0.094876, 0.000015, 0.001272, 0.222, -0.115772, 0.000016),
    *(0.001374, 0.227, -0.117188, 0.00003, 0.001122, 0.228, -0.12243, 0.000028, 0.001118),
]
_HIGHEST = [
    *(10, 0.806612, 1.642, 0.20293, 0.712298, 0.470257, 1.641, 0.179083, 0.710456),
    *(0.470984, 1.555, 0.100858, 0.684173, 0.534174, 1.561, 0.100486, 0.685696, 0.536508),
    *(3.264, 0.703171, 1.046, 0.187459, 0.442057, 0.40803, 1.042, 0.162604, 0.444362),
    *(0.40243, 0.996, 0.098323, 0.531903, 0.369589, 0.99, 0.098658, 0.530092, 0.370399),
]
_LOW, _HIGH = np.array(_LOWEST, dtype=np.float64), np.array(_HIGHEST, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class SupportVectors:
    """An epsilon-SVR with a radial kernel.

    Attributes
    ----------
    vectors : numpy.ndarray of float64, shape (k, 36)
        In scaled features.
    coefficients : numpy.ndarray of float64, shape (k,)
    rho, gamma : float
        Offset, and width of the kernel.
    """

    vectors: FloatArray
    coefficients: FloatArray
    rho: float
    gamma: float

    @cached_property
    def _squares(self) -> FloatArray:
        squares: FloatArray = (self.vectors**2).sum(axis=1)
        return squares

    def predict(self, features: FloatArray) -> FloatArray:
        """Return the scores of features, float64 (n, 36) unscaled; NaN where one is missing."""
        scaled = 2 * (features - _LOW) / (_HIGH - _LOW) - 1
        squares = (scaled**2).sum(axis=1)[:, None] + self._squares
        # Not by BLAS, whose last digits depend on how many images are scored together.
        distances = squares - 2 * np.einsum("nf,kf->nk", scaled, self.vectors)
        kernel = np.exp(-self.gamma * distances)
        scores: FloatArray = np.einsum("nk,k->n", kernel, self.coefficients) - self.rho
        return scores


def support_vectors(weights: BrisqueWeights) -> SupportVectors:
    """Return the bundled regression, or the original one, which piq downloads.

    Raises
    ------
    InvalidArgumentError
        If `weights` is neither "bundled" nor "live".
    WeightsError
        If the original cannot be downloaded.
    """
    check_choice(weights, "weights", list(_LOADERS))
    return _LOADERS[weights]()


@cache
def _bundled() -> SupportVectors:
    path = files("faceattr.quality") / "data" / "brisque-vectors.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return SupportVectors(
            stored["vectors"].astype(np.float64),
            stored["coefficients"].astype(np.float64),
            float(stored["rho"]),
            float(stored["gamma"]),
        )


@cache
def _live() -> SupportVectors:
    from faceattr.quality.piq_adaptor import live_support_vectors  # late: it loads torch

    vectors, coefficients, rho, gamma = live_support_vectors()
    return SupportVectors(vectors, coefficients, rho, gamma)


_LOADERS: dict[str, Callable[[], SupportVectors]] = {"bundled": _bundled, "live": _live}
