"""Conformal intervals of numbers: where the truth lies, with a rate that can be relied on.

How far predictions were off on rows set aside says how wide intervals must be, whatever the model:
if those rows and the new ones are exchangeable, an interval holds the truth with at least the
chance asked for, on average over draws of both (Vovk, Gammerman and Shafer 2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.calibration.columns import FloatArray, read_numbers
from faceattr.calibration.groups import GroupRule
from faceattr.exceptions import InvalidArgumentError
from faceattr.tables import pred_column

__all__ = [
    "SCORES",
    "Frame",
    "GroupQuantiles",
    "Interval",
    "Score",
    "conformal_quantile",
    "least_rows",
    "read_frame",
    "score_columns",
]

Score: TypeAlias = Literal["absolute", "normalized", "quantile"]
"""What an interval is stretched by."""

SCORES: tuple[Score, ...] = ("absolute", "normalized", "quantile")

_LEAST_STD = 1e-6
"""A distribution's standard deviation is taken for no less, so that nothing is divided by 0."""

_ROUNDING = 1e-9


def least_rows(level: float) -> int:
    """Return how many rows a quantile of a level needs.

    Examples
    --------
    >>> from faceattr.calibration.intervals import least_rows
    >>> least_rows(0.9), least_rows(0.95)
    (9, 19)
    """
    return max(math.ceil(level / (1 - level) - _ROUNDING), 1)


def conformal_quantile(scores: FloatArray, level: float) -> float:
    """Return the score that a new one stays within, with at least a certain chance.

    It is the k-th smallest of n scores with ``k = ceil((n + 1) * level)``.

    Parameters
    ----------
    scores : numpy.ndarray of float64, shape (n,)
    level : float
        The chance, between 0 and 1.

    Returns
    -------
    float
        Infinite where there are too few scores, k > n.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-Free Predictive Inference
    for Regression", JASA 113.

    Examples
    --------
    >>> import numpy as np
    >>> from faceattr.calibration import conformal_quantile
    >>> conformal_quantile(np.arange(1.0, 20.0), 0.9)
    18.0
    """
    place = max(math.ceil((len(scores) + 1) * level - _ROUNDING), 1)
    if place > len(scores):
        return math.inf
    return float(np.partition(scores, place - 1)[place - 1])


@dataclass(frozen=True, eq=False)
class Frame:
    """What the intervals of n rows start from: ``[low - q * unit, high + q * unit]``.

    Attributes
    ----------
    low, high, unit, predicted : numpy.ndarray of float64, shape (n,)
        The prediction, or two quantiles of it, what `q` counts, and the prediction, which no
        interval is without; NaN where not predicted.
    """

    low: FloatArray
    high: FloatArray
    unit: FloatArray
    predicted: FloatArray

    def scores(self, truth: FloatArray) -> FloatArray:
        """Return the least `q` whose interval holds the truth."""
        found: FloatArray = np.maximum(self.low - truth, truth - self.high) / self.unit
        return found

    def limits(
        self, stretch: float | FloatArray, bounds: tuple[float, float] | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return both ends within the bounds, drawn to the prediction where it lies outside."""
        low, high = self.low - stretch * self.unit, self.high + stretch * self.unit
        middle = (low + high) / 2
        crossed = low > high  # quantiles that were moved inward
        low, high = np.where(crossed, middle, low), np.where(crossed, middle, high)
        if bounds is not None:
            low, high = np.clip(low, *bounds), np.clip(high, *bounds)
        return np.minimum(low, self.predicted), np.maximum(high, self.predicted)

    def take(self, rows: npt.NDArray[np.intp]) -> Frame:
        """Return the frame of some rows."""
        return Frame(self.low[rows], self.high[rows], self.unit[rows], self.predicted[rows])


def score_columns(task: str, score: Score) -> tuple[str, ...]:
    """Return the columns of a predictions table that a score needs."""
    more = {"absolute": (), "normalized": ("_std",), "quantile": ("_q05", "_q95")}[score]
    return (pred_column(task), *(task + suffix for suffix in more))


def read_frame(table: pd.DataFrame, task: str, score: Score) -> Frame:
    """Read what a score needs.

    Raises
    ------
    TableError
        If a column is absent or holds no numbers.
    """
    hint = None if score == "absolute" else 'score="absolute" needs the predictions alone'
    first, *more = [read_numbers(table, name, hint=hint) for name in score_columns(task, score)]
    if score == "absolute":
        return Frame(first, first, np.ones(len(first)), first)
    if score == "normalized":
        return Frame(first, first, np.maximum(more[0], _LEAST_STD), first)
    return Frame(more[0], more[1], np.ones(len(first)), first)


@dataclass(frozen=True)
class GroupQuantiles:
    """How far intervals are stretched in each group (Mondrian conformal prediction).

    Attributes
    ----------
    rule : GroupRule
    quantiles : tuple of float or None, a group each
        None where a group had too few rows: the quantile over all rows serves there.
    counts : tuple of int, a group each
        The rows that the groups had.
    """

    rule: GroupRule
    quantiles: tuple[float | None, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantiles", tuple(self.quantiles))
        object.__setattr__(self, "counts", tuple(self.counts))
        for values, argument in ((self.quantiles, "quantiles"), (self.counts, "counts")):
            if len(values) != len(self.rule.names):
                raise InvalidArgumentError(
                    "not one for each group",
                    argument=argument,
                    expected=f"{len(self.rule.names)} values",
                    found=f"{len(values)}",
                )
        for number in self.quantiles:
            if number is not None:
                check_number(number, "quantiles")
        for count in self.counts:
            check_integer(count, "counts", low=0)

    @property
    def fallback(self) -> tuple[str, ...]:
        """The groups that had too few rows for a quantile of their own."""
        pairs = zip(self.rule.names, self.quantiles, strict=True)
        return tuple(name for name, quantile in pairs if quantile is None)


@dataclass(frozen=True)
class Interval:
    """The intervals of a task of numbers.

    Attributes
    ----------
    level : float
        The share of truths that intervals are to hold, between 0 and 1.
    score : {"absolute", "normalized", "quantile"}
        How intervals are shaped: as wide for everyone, ``pred - q`` to ``pred + q``; in proportion
        to the predicted standard deviation, ``pred - q * std`` to ``pred + q * std``; or as two
        predicted quantiles moved outward, ``q05 - q`` to ``q95 + q``. Where q is less than 0 they
        are moved inward, but not past the prediction.
    quantile : float
        The q over all rows, for those of no known group.
    n : int
        The rows that it was taken from.
    groups : GroupQuantiles, optional
        A q for each group.
    """

    level: float
    score: Score
    quantile: float
    n: int
    groups: GroupQuantiles | None = None

    def __post_init__(self) -> None:
        level = check_number(self.level, "level", low=0, high=1, low_open=True)
        check_choice(self.score, "score", SCORES)
        check_number(self.quantile, "quantile")
        check_integer(self.n, "n", low=1)
        if level >= 1:
            raise InvalidArgumentError(
                "no interval but an endless one is always right",
                argument="level",
                expected="between 0 and 1",
                found=repr(self.level),
            )

    @property
    def by(self) -> str | None:
        """The column that groups are made by."""
        return None if self.groups is None else self.groups.rule.column

    def stretch(self, table: pd.DataFrame) -> FloatArray:
        """Return the q of each row, shape (n,)."""
        if self.groups is None:
            return np.full(len(table), self.quantile)
        own = [self.quantile if q is None else q for q in self.groups.quantiles]
        # The last one answers for rows of no known group, whose code is -1.
        return np.array([*own, self.quantile])[self.groups.rule.assign(table)]

    def limits(
        self, table: pd.DataFrame, task: str, bounds: tuple[float, float] | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return both ends of each row's interval, shape (n,), NaN where not predicted.

        Raises
        ------
        TableError
            If a column is absent or holds no numbers.
        """
        return read_frame(table, task, self.score).limits(self.stretch(table), bounds)

    def to_dict(self) -> dict[str, Any]:
        """Return the intervals as plain JSON types."""
        groups = self.groups
        grouped = groups and {
            "rule": groups.rule.to_dict(),
            "quantiles": list(groups.quantiles),
            "counts": list(groups.counts),
        }
        own = {name: getattr(self, name) for name in ("level", "score", "quantile", "n")}
        return {**own, "groups": grouped}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Interval:
        """Make intervals from what `to_dict` gave."""
        fields = dict(data)
        grouped = fields.pop("groups")
        if grouped is None:
            return cls(**fields)
        rule = GroupRule.from_dict(grouped["rule"])
        groups = GroupQuantiles(rule, tuple(grouped["quantiles"]), tuple(grouped["counts"]))
        return cls(**fields, groups=groups)
