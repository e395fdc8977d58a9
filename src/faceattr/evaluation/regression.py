"""Metrics of numbers, such as age.

Formulas are scikit-learn's, in float64. With ``w`` the counts of one line, ``t`` the truth and
``p`` the prediction, a mean is ``sum(w * x) / sum(w)``; it is NaN for no rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.evaluation.metrics import (
    FloatArray,
    RegressionData,
    ratio,
    regression_metric,
)
from faceattr.exceptions import InvalidArgumentError

__all__ = [
    "adult_at_18",
    "adult_at_21",
    "bias",
    "coverage",
    "interval_width",
    "log_mae",
    "mae",
    "mape",
    "mse",
    "r2",
    "rmse",
    "support",
    "within_5",
]

_Statistic: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]

_FLAT = 1e-13
"""Values whose spread is below this share of their size are taken for equal."""


@regression_metric("support", label="rows", better=None, interval=False)
def support(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Count the rows."""
    return np.asarray(counts.sum(axis=1), dtype=np.float64)


@regression_metric("mae", label="MAE", better="lower", in_units=True)
def mae(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Mean absolute error, in the task's unit."""
    return _mean(data.absolute_error, counts)


@regression_metric("mse", label="MSE", better="lower", in_units=True)
def mse(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Mean squared error, in the task's unit squared."""
    return _mean(data.error**2, counts)


@regression_metric("rmse", label="RMSE", better="lower", in_units=True)
def rmse(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Root of the mean squared error, in the task's unit."""
    return np.sqrt(mse(data, counts))


@regression_metric("r2", label="R2", better="higher")
def r2(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Coefficient of determination, at most 1; NaN where all truths are equal."""
    return 1.0 - ratio(counts @ data.error**2, _spread(data.truth, counts))


def _above_zero(data: RegressionData) -> npt.NDArray[np.bool_]:
    return data.truth > 0


@regression_metric("mape", label="MAPE (%)", better="lower", rows=_above_zero)
def mape(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Mean absolute error in percent of the truth, over truths above 0."""
    kept = _above_zero(data)
    # A truth that is hardly above 0 makes the figure infinite, which is no mistake.
    with np.errstate(over="ignore", invalid="ignore"):
        share = np.abs(data.error[kept]) / data.truth[kept]
        return 100.0 * _mean(share, counts[:, kept])


def _not_negative(data: RegressionData) -> npt.NDArray[np.bool_]:
    return data.truth >= 0


@regression_metric("log_mae", label="MAE of log(1 + x)", better="lower", rows=_not_negative)
def log_mae(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Mean absolute difference of log(1 + x), over truths of 0 and more.

    It weighs errors in proportion, so that two years count for more at 3 than at 60. Predictions
    below 0 are taken for 0.
    """
    kept = _not_negative(data)
    prediction = np.log1p(np.maximum(data.prediction[kept], 0.0))
    return _mean(np.abs(prediction - np.log1p(data.truth[kept])), counts[:, kept])


@regression_metric("bias", label="bias", better=None, in_units=True)
def bias(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Mean of prediction minus truth, in the task's unit; above 0 if predictions are too high."""
    return _mean(data.error, counts)


@regression_metric("within_5", label="within 5", better="higher", interval="share")
def within_5(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Share, 0 to 1, of predictions at most 5 units off (the cumulative score CS@5 of age)."""
    return _mean((data.absolute_error <= 5.0).astype(np.float64), counts)


def _below_18(data: RegressionData) -> npt.NDArray[np.bool_]:
    return data.truth < 18


@regression_metric(
    "adult_at_18",
    label="minors read as 18 or older",
    better="lower",
    interval="share",
    rows=_below_18,
    unit="years",
)
def adult_at_18(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Share, 0 to 1, of those truly below 18 who are predicted at 18 or above."""
    return _share_at_or_above(18.0, data, counts)


def _below_21(data: RegressionData) -> npt.NDArray[np.bool_]:
    return data.truth < 21


@regression_metric(
    "adult_at_21",
    label="under 21 read as 21 or older",
    better="lower",
    interval="share",
    rows=_below_21,
    unit="years",
)
def adult_at_21(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Share, 0 to 1, of those truly below 21 who are predicted at 21 or above."""
    return _share_at_or_above(21.0, data, counts)


def _has_limits(data: RegressionData) -> npt.NDArray[np.bool_]:
    low, high = _ends(data)
    return ~(np.isnan(low) | np.isnan(high))


@regression_metric(
    "coverage",
    label="coverage",
    better="higher",
    interval="share",
    rows=_has_limits,
    needs_limits=True,
)
def coverage(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Share, 0 to 1, of truths that lie within their interval, ends included.

    To be compared with the level of the intervals, and read together with their width: endless
    intervals cover everything.
    """
    low, high = _ends(data)
    kept = _has_limits(data)
    inside = (low <= data.truth) & (data.truth <= high)
    return _mean(inside[kept].astype(np.float64), counts[:, kept])


@regression_metric(
    "interval_width",
    label="width of intervals",
    better="lower",
    in_units=True,
    rows=_has_limits,
    needs_limits=True,
)
def interval_width(data: RegressionData, counts: FloatArray) -> FloatArray:
    """Mean width of the intervals, in the task's unit."""
    low, high = _ends(data)
    kept = _has_limits(data)
    return _mean((high - low)[kept], counts[:, kept])


def _ends(data: RegressionData) -> tuple[FloatArray, FloatArray]:
    if data.low is None or data.high is None:
        raise InvalidArgumentError("the ends of intervals are needed", argument="data")
    return data.low, data.high


def _share_at_or_above(age: float, data: RegressionData, counts: FloatArray) -> FloatArray:
    below = data.truth < age
    return _mean((data.prediction[below] >= age).astype(np.float64), counts[:, below])


def _mean(values: FloatArray, counts: FloatArray) -> FloatArray:
    return ratio(counts @ values, counts.sum(axis=1))


def _std(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Sample standard deviation (n - 1); NaN for fewer than two rows."""
    degrees = np.maximum(counts.sum(axis=1) - 1.0, 0.0)
    return np.sqrt(ratio(_spread(values, counts), degrees))


def _spread(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Sum of squared distances from the mean of each sample; 0 where all its values are equal."""
    centred = values - values.mean()
    squares = counts @ centred**2
    total = counts.sum(axis=1)
    spread = squares - ratio((counts @ centred) ** 2, total)
    # Rounding leaves a little of equal values: measured by the sums, and by the values themselves.
    rounding = np.maximum(1e-12 * squares, total * (_FLAT * np.abs(values).max()) ** 2)
    return np.where(spread > rounding, spread, 0.0)


def _median(values: FloatArray, order: npt.NDArray[np.intp], counts: FloatArray) -> FloatArray:
    reached = np.cumsum(counts[:, order], axis=1)
    total = counts.sum(axis=1)
    ordered = np.append(values[order], np.nan)  # the last one answers for samples without a row
    # Of an even number of rows the median lies between the two in the middle.
    lower = (reached < np.ceil(total / 2)[:, None]).sum(axis=1)
    upper = (reached < (np.floor(total / 2) + 1)[:, None]).sum(axis=1)
    return np.where(total > 0, (ordered[lower] + ordered[upper]) / 2, np.nan)


def _minimum(values: FloatArray, counts: FloatArray) -> FloatArray:
    lowest = np.where(counts > 0, values, np.inf).min(axis=1)
    return np.where(np.isfinite(lowest), lowest, np.nan)


def _maximum(values: FloatArray, counts: FloatArray) -> FloatArray:
    return -_minimum(-values, counts)


def _summary(
    side: str, function: _Statistic | None
) -> Callable[[RegressionData, FloatArray], FloatArray]:
    def summary(data: RegressionData, counts: FloatArray) -> FloatArray:
        values: FloatArray = getattr(data, side)
        if function is None:
            return _median(values, data.orders[side], counts)
        return function(values, counts)

    return summary


def _register_summaries() -> None:
    """Register mean, standard deviation, median, minimum and maximum of truth and prediction."""
    statistics: dict[str, _Statistic | None] = {"mean": _mean, "std": _std, "median": None}
    statistics |= {"min": _minimum, "max": _maximum}
    for side, noun in (("truth", "truth"), ("prediction", "predictions")):
        for name, function in statistics.items():
            label, interval = f"{name} of {noun}", name not in {"min", "max"}
            register = regression_metric(
                f"{side}_{name}", label=label, better=None, in_units=True, interval=interval
            )
            register(_summary(side, function))


_register_summaries()
