"""What an explanation method hands over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from faceattr.explain.scene import FloatArray

__all__ = ["Attribution"]


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each part of an image adds to each output.

    Attributes
    ----------
    weights : numpy.ndarray of float64, shape (K, S)
        A row an output, a column a part. Positive where showing the part raises the output.
    maps : numpy.ndarray of float64, shape (K, H, W), optional
        Finer than the parts, where the method has it.
    intercepts : numpy.ndarray of float64, shape (K,), optional
        Of a linear model: its value where all parts are hidden.
    r2 : numpy.ndarray of float64, shape (K,), optional
        How much of the variance of its samples the method's model explains.
    in_units : bool, default True
        Whether weights are in the unit of the outputs.
    n_samples : int, default 0
        The number of samples that the weights were learned from; 0 for none.
    refit : callable, optional
        Positions among the samples to the weights ``(K, S)`` that those alone give: by it the
        stability is graded.
    """

    weights: FloatArray
    maps: FloatArray | None = None
    intercepts: FloatArray | None = None
    r2: FloatArray | None = None
    in_units: bool = True
    n_samples: int = 0
    refit: Callable[[npt.NDArray[np.intp]], FloatArray] | None = None

    def without_samples(self) -> Attribution:
        """Return the same without what its samples hold in memory."""
        return replace(self, refit=None)
