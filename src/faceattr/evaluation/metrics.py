"""The frame of all metrics: what they are given, what they return, and where they are registered.

A metric is a pure function of labels, predictions and counts. Counts say how often each row stands
in a sample, one line a sample: all ones give the figure itself, resampled counts its bootstrap, by
the same code and for many resamples at once. Whoever needs another metric decorates a function;
tables, intervals and bins come with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError
from faceattr.registry import Registry
from faceattr.tasks import RegressionTask, Task

__all__ = [
    "CLASSIFICATION_METRICS",
    "OVERALL",
    "REGRESSION_METRICS",
    "Better",
    "ClassificationData",
    "FloatArray",
    "Metric",
    "RegressionData",
    "classification_metric",
    "higher_is_better",
    "ratio",
    "regression_metric",
    "sums_by_code",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
Better: TypeAlias = Literal["higher", "lower"]
Interval: TypeAlias = bool | Literal["share"]

OVERALL = "overall"
"""The group of all rows, and for tasks of classes the class of figures over all of them."""


@dataclass(frozen=True, eq=False)
class RegressionData:
    """Labelled and predicted numbers of a group of rows.

    Attributes
    ----------
    truth, prediction : numpy.ndarray of float64, shape (n,)
        Finite, in the task's unit.
    low, high : numpy.ndarray of float64, shape (n,), or None
        The ends of intervals, NaN where a row has none; None where there are no such columns.
    """

    truth: FloatArray
    prediction: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def error(self) -> FloatArray:
        """Prediction minus truth, shape (n,)."""
        return self.prediction - self.truth

    @cached_property
    def absolute_error(self) -> FloatArray:
        """Distance of prediction and truth, shape (n,)."""
        return np.abs(self.error)

    @cached_property
    def orders(self) -> dict[str, npt.NDArray[np.intp]]:
        """Rows in ascending order of "truth" and of "prediction", each shape (n,)."""
        columns = {"truth": self.truth, "prediction": self.prediction}
        return {name: np.argsort(values, kind="stable") for name, values in columns.items()}

    def take(self, rows: npt.NDArray[np.intp]) -> RegressionData:
        """Return the data of some rows."""
        low, high = (None if end is None else end[rows] for end in (self.low, self.high))
        return RegressionData(self.truth[rows], self.prediction[rows], low, high)


@dataclass(frozen=True, eq=False)
class ClassificationData:
    """Labelled and predicted classes of a group of rows.

    Attributes
    ----------
    truth, prediction : numpy.ndarray of int64, shape (n,)
        Positions of classes, 0 to ``n_classes - 1``.
    probabilities : numpy.ndarray of float64, shape (n, n_classes), or None
        One column a class; None where only labels are known.
    n_classes : int
    positive : int
        The class that ranking metrics of two classes are about.
    """

    truth: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    probabilities: FloatArray | None
    n_classes: int
    positive: int

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def rankings(self) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
        """Of each class the rows in descending order of its probability, and where steps start.

        A step is a run of rows of equal probability. Needs `probabilities`.
        """
        if self.probabilities is None:
            raise InvalidArgumentError("probabilities are needed", argument="data")
        found = []
        for scores in self.probabilities.T:
            order = np.argsort(-scores, kind="stable")
            ordered = scores[order]
            is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
            found.append((order, np.flatnonzero(is_first)))
        return found

    @cached_property
    def truth_probability(self) -> FloatArray | None:
        """Probability of the true class of each row, shape (n,); None without probabilities."""
        if self.probabilities is None:
            return None
        chosen = np.take_along_axis(self.probabilities, self.truth[:, None], axis=1)
        return np.asarray(chosen[:, 0], dtype=np.float64)

    def confusion(self, counts: FloatArray) -> FloatArray:
        """Count rows by true and predicted class in each sample.

        Several metrics ask for it in turn; what was computed for the same counts is kept.

        Parameters
        ----------
        counts : numpy.ndarray of float64, shape (B, n)

        Returns
        -------
        numpy.ndarray of float64, shape (B, n_classes, n_classes)
            True classes, then predicted ones.
        """
        known = self.__dict__.get("_confusion")
        if known is None or known[0] is not counts:
            pairs = self.truth * self.n_classes + self.prediction
            sums = sums_by_code(counts, pairs, self.n_classes**2)
            known = counts, sums.reshape(-1, self.n_classes, self.n_classes)
            self.__dict__["_confusion"] = known
        confusion: FloatArray = known[1]
        return confusion

    def take(self, rows: npt.NDArray[np.intp]) -> ClassificationData:
        """Return the data of some rows."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return ClassificationData(
            self.truth[rows], self.prediction[rows], probabilities, self.n_classes, self.positive
        )


RegressionFunction: TypeAlias = Callable[[RegressionData, FloatArray], FloatArray]
ClassificationFunction: TypeAlias = Callable[[ClassificationData, FloatArray], FloatArray]
RegressionRows: TypeAlias = Callable[[RegressionData], npt.NDArray[np.bool_]]
ClassificationRows: TypeAlias = Callable[[ClassificationData], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Metric:
    """A registered metric.

    Attributes
    ----------
    name : str
        Its name in tables.
    label : str
        Its name for people.
    better : {"higher", "lower"} or None
        Which way is better; None where neither is.
    in_units : bool
        Whether it is in the task's unit, or its square; else it is a rate or the like.
    interval : bool or "share"
        Whether a bootstrap interval means anything. That of the share of rows for which something
        holds gets Wilson's at 0 and 1, where all resamples are alike.
    needs_probabilities : bool
        Whether it is left out for tables without columns of probabilities.
    rows : callable, optional
        The rows it rests on, where these are not all: data to bool ``(n,)`` for numbers, or
        ``(n, n_classes + 1)`` for classes, with the columns of `function`.
    function : callable
        Data and counts float64 ``(B, n)`` to float64 ``(B,)`` for numbers, or
        ``(B, n_classes + 1)`` for classes, one column a class and the last for all of them.
        NaN where undefined.
    unit : str, default ""
        The unit of the tasks that it makes sense for, as "years"; "" for all tasks.
    needs_limits : bool, default False
        Whether it is left out for tables without columns of intervals.
    own : bool, default False
        Whether it is a plain function of the user's, which cannot be looked up by its name.
    """

    name: str
    label: str
    better: Better | None
    in_units: bool
    interval: Interval
    needs_probabilities: bool
    rows: RegressionRows | ClassificationRows | None
    function: RegressionFunction | ClassificationFunction
    unit: str = ""
    needs_limits: bool = False
    own: bool = False

    def fits(self, task: Task) -> bool:
        """Tell whether the metric makes sense for a task.

        Parameters
        ----------
        task : RegressionTask or ClassificationTask
            Of the kind that the metric is of. A task named "age" that says no unit, as one told
            from a table's columns, is in years.
        """
        if not self.unit or not isinstance(task, RegressionTask):
            return True
        return self.unit == (task.unit or ("years" if task.name == "age" else ""))

    def can_use(self, data: RegressionData | ClassificationData) -> bool:
        """Tell whether a table holds what the metric needs: probabilities, or ends of intervals."""
        if isinstance(data, RegressionData):
            return data.low is not None or not self.needs_limits
        return data.probabilities is not None or not self.needs_probabilities


REGRESSION_METRICS: Registry[Metric] = Registry("regression metric")
CLASSIFICATION_METRICS: Registry[Metric] = Registry("classification metric")


def regression_metric(
    name: str,
    *,
    label: str,
    better: Better | None,
    in_units: bool = False,
    interval: Interval = True,
    rows: RegressionRows | None = None,
    unit: str = "",
    needs_limits: bool = False,
) -> Callable[[RegressionFunction], RegressionFunction]:
    """Register a metric of numbers; the parameters are those of `Metric`.

    Raises
    ------
    InvalidArgumentError
        If the name is taken.
    """

    def register(function: RegressionFunction) -> RegressionFunction:
        metric = Metric(
            name,
            label,
            better,
            in_units,
            interval,
            False,
            rows,
            function,
            unit=unit,
            needs_limits=needs_limits,
        )
        REGRESSION_METRICS.register(name, metric)
        return function

    return register


def classification_metric(
    name: str,
    *,
    label: str,
    better: Better | None,
    interval: Interval = True,
    needs_probabilities: bool = False,
    rows: ClassificationRows | None = None,
) -> Callable[[ClassificationFunction], ClassificationFunction]:
    """Register a metric of classes; the parameters are those of `Metric`.

    Raises
    ------
    InvalidArgumentError
        If the name is taken.
    """

    def register(function: ClassificationFunction) -> ClassificationFunction:
        metric = Metric(name, label, better, False, interval, needs_probabilities, rows, function)
        CLASSIFICATION_METRICS.register(name, metric)
        return function

    return register


def higher_is_better(metric: str) -> bool | None:
    """Tell which way a metric is better, by its name.

    Parameters
    ----------
    metric : str
        As in tables: ``"mae"``.

    Returns
    -------
    bool or None
        None where neither way is better, as for the bias.

    Raises
    ------
    InvalidArgumentError
        If there is no such metric.

    Examples
    --------
    >>> from faceattr.evaluation import higher_is_better
    >>> higher_is_better("mae"), higher_is_better("roc_auc"), higher_is_better("bias")
    (False, True, None)
    """
    known = REGRESSION_METRICS if metric in REGRESSION_METRICS else CLASSIFICATION_METRICS
    better = known.get(metric, argument="metric").better
    return None if better is None else better == "higher"


def sums_by_code(values: FloatArray, codes: npt.NDArray[np.int64], n_codes: int) -> FloatArray:
    """Sum the columns of each code: values ``(B, n)`` to ``(B, n_codes)``."""
    sums = [np.bincount(codes, weights=line, minlength=n_codes) for line in values]
    return np.array(sums, dtype=np.float64).reshape(len(values), n_codes)


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; NaN where the denominator is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    result = np.full(shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
