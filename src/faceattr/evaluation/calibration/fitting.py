"""What a calibration is fitted by: a temperature, and conformal quantiles of groups."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.calibration import GroupQuantiles, GroupRule, Interval, conformal_quantile
from faceattr.calibration.intervals import SCORES, Score, least_rows
from faceattr.calibration.temperature import log_probabilities
from faceattr.evaluation.metrics import FloatArray
from faceattr.exceptions import InvalidArgumentError, TableError

__all__ = ["Settings", "check_settings", "fit_interval", "fit_temperature", "need_rows"]

_log = logging.getLogger(__name__)

_LOWEST, _HIGHEST = 0.01, 100.0
"""Temperatures beyond these are not looked for: predictions would be certain, or all alike."""


@dataclass(frozen=True)
class Settings:
    """What intervals are to be.

    Attributes
    ----------
    level : float
    score : {"absolute", "normalized", "quantile"}
    min_count : int
        Rows that a group needs for a quantile of its own.
    """

    level: float
    score: Score
    min_count: int

    @property
    def least(self) -> int:
        """The rows that a group needs, also for its quantile to exist."""
        return max(self.min_count, least_rows(self.level))


def check_settings(level: object, score: object, min_count: object) -> Settings:
    """Return what intervals are to be.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If a value is outside its limits.
    """
    share = check_number(level, "level", low=0, high=1, low_open=True)
    if share >= 1:
        raise InvalidArgumentError(
            "no interval but an endless one is always right",
            argument="level",
            expected="between 0 and 1",
            found=repr(level),
        )
    chosen = SCORES[SCORES.index(check_choice(score, "score", SCORES))]
    return Settings(share, chosen, check_integer(min_count, "min_count", low=1))


def fit_temperature(probabilities: FloatArray, truth: npt.NDArray[np.int64]) -> float:
    """Return the temperature that makes the log loss smallest.

    The loss is convex in 1/T, so that the one place where its slope is 0 is found, to about 12
    digits, and the order of the rows changes nothing.

    Parameters
    ----------
    probabilities : numpy.ndarray of float64, shape (n, k)
    truth : numpy.ndarray of int64, shape (n,)
        The right class of each row.

    Returns
    -------
    float
        0.01 to 100. Where the loss keeps falling towards an end of this range, there is no best
        one: of predictions that say nothing 100 is returned, which makes them all alike; of rows
        that are all right 1, since none of them says how often such predictions are wrong.
    """
    from scipy.optimize import brentq

    logs = log_probabilities(probabilities)
    order = np.lexsort([truth, *logs.T])
    logs, truth = logs[order], truth[order]
    own = logs[np.arange(len(logs)), truth]

    def slope(log_inverse: float) -> float:
        scaled = logs * np.exp(log_inverse)
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        expected = (weights * logs).sum(axis=1) / weights.sum(axis=1)
        return float((expected - own).mean())

    low, high = -np.log(_HIGHEST), -np.log(_LOWEST)
    if slope(low) >= 0:
        _log.warning("no temperature is best: the log loss falls up to %g", _HIGHEST)
        return _HIGHEST
    if slope(high) <= 0:
        _log.warning(
            "no temperature is best: the log loss of these %d rows falls down to %g, as where none "
            "is wrong; probabilities stay as they are, more held-out rows may tell",
            len(logs),
            _LOWEST,
        )
        return 1.0
    return float(np.exp(-brentq(slope, low, high, xtol=1e-13)))


def need_rows(n: int, least: int, task: str) -> None:
    """Raise unless a task has enough rows.

    Raises
    ------
    TableError
    """
    if n < least:
        raise TableError(
            "too few rows to fit a calibration on",
            argument=f"predictions, task {task!r}",
            expected=f"at least {least} rows with a label and a prediction",
            found=f"{n}",
            hint="more held-out rows, or a lower level",
        )


def fit_interval(
    scores: FloatArray,
    settings: Settings,
    groups: tuple[GroupRule, npt.NDArray[np.intp]] | None = None,
) -> Interval:
    """Return intervals from the scores of rows set aside.

    Parameters
    ----------
    scores : numpy.ndarray of float64, shape (n,)
        How far each interval would have had to be stretched; at least `least_rows` of them.
    settings : Settings
    groups : pair of GroupRule and numpy.ndarray of int, optional
        The group of each row, -1 for none.
    """
    whole = conformal_quantile(scores, settings.level)
    found: dict[str, Any] = {"level": settings.level, "score": settings.score}
    found |= {"quantile": whole, "n": len(scores)}
    if groups is None:
        return Interval(**found)
    rule, codes = groups
    counts = np.bincount(codes[codes >= 0], minlength=len(rule.names))
    own = [
        conformal_quantile(scores[codes == group], settings.level)
        if count >= settings.least
        else None
        for group, count in enumerate(counts)
    ]
    return Interval(**found, groups=GroupQuantiles(rule, tuple(own), tuple(map(int, counts))))
