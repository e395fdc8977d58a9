"""Label-distribution smoothing: neighbouring values of a number lend each other their counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer, check_number
from faceattr.binning import Bins
from faceattr.exceptions import InvalidArgumentError

__all__ = ["LabelDistributionSmoothing", "smooth_counts"]

_MOST_BINS = 1000


@dataclass(frozen=True)
class LabelDistributionSmoothing:
    """Balance a number finely, its counts smoothed over neighbouring values.

    Whoever is 61 looks like one who is 60: how rare an age is depends on its neighbours' counts
    too. The number is cut into narrow bins, ``(low, high]``; an image's weight is one over the
    smoothed count of its bin, to the power of `strength`.

    Parameters
    ----------
    width : float, default 1.0
        Of a bin, in the label's unit.
    sigma : float, default 2.0
        Standard deviation of the Gaussian kernel, in bins.
    kernel_size : int, default 5
        Odd number of bins that the kernel covers. At both ends of the range the part of the kernel
        that lies inside counts in full.

    References
    ----------
    Yang et al. 2021, "Delving into Deep Imbalanced Regression", arXiv:2102.09554.

    Examples
    --------
    >>> from faceattr.data.sampling import LabelDistributionSmoothing
    >>> LabelDistributionSmoothing(sigma=2.0).kernel().round(2).tolist()
    [0.15, 0.22, 0.25, 0.22, 0.15]
    """

    width: float = 1.0
    sigma: float = 2.0
    kernel_size: int = 5

    def __post_init__(self) -> None:
        check_number(self.width, "width", low=0, low_open=True)
        check_number(self.sigma, "sigma", low=0, low_open=True)
        size = check_integer(self.kernel_size, "kernel_size", low=1, high=_MOST_BINS + 1)
        if size % 2 == 0:
            raise InvalidArgumentError(
                "a kernel has a middle",
                argument="kernel_size",
                expected="an odd number",
                found=repr(size),
            )

    def kernel(self) -> npt.NDArray[np.float64]:
        """Return the weights, float64 of shape (kernel_size,), which sum to 1."""
        half = self.kernel_size // 2
        weights = np.exp(-0.5 * (np.arange(-half, half + 1) / self.sigma) ** 2)
        return np.asarray(weights / weights.sum())

    def bins(self, values: pd.Series, argument: str) -> Bins:
        """Return the narrow bins that hold the values.

        Raises
        ------
        InvalidArgumentError
            If there would be more than 1000 of them, or there is no value.
        """
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        finite = numbers[np.isfinite(numbers)]
        if not finite.size:
            raise InvalidArgumentError("no value to smooth", argument=argument)
        first, last = np.ceil(np.array([finite.min(), finite.max()]) / self.width)
        count = int(last - first) + 1
        if count > _MOST_BINS:
            raise InvalidArgumentError(
                "the bins are too narrow",
                argument=argument,
                expected=f"at most {_MOST_BINS} bins between {finite.min():g} and {finite.max():g}",
                found=f"{count} bins of width {self.width:g}",
                hint="LabelDistributionSmoothing(width=...) in the unit of the label",
            )
        edges = self.width * np.arange(first - 1, last + 1)
        # 3 x 0.3 is less than 0.9: rounding must leave no value outside.
        edges[0], edges[-1] = min(edges[0], finite.min()), max(edges[-1], finite.max())
        if self.width == 1 and not (finite % 1).any():
            return Bins(tuple(edges), tuple(f"{edge:g}" for edge in edges[1:]))
        return Bins(tuple(edges))


def smooth_counts(
    counts: npt.NDArray[np.float64], kernel: npt.NDArray[np.float64], axis: int, bins: int
) -> npt.NDArray[np.float64]:
    """Smooth an array of counts along the first `bins` places of an axis.

    The rest, as a bin of missing values, has no neighbours and stays as it is.
    """
    moved = np.moveaxis(counts.astype(np.float64), axis, 0).copy()
    inner = moved[:bins].reshape(bins, -1)
    half = len(kernel) // 2
    reach = np.abs(np.arange(bins)[:, None] - np.arange(bins)[None, :])
    weights = np.where(reach <= half, kernel[half + np.minimum(reach, half)], 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    moved[:bins] = (weights @ inner).reshape(moved[:bins].shape)
    return np.moveaxis(moved, 0, axis)
