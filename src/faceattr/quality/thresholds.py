"""Where the line is drawn: limits of metrics, given, named or learned, and what is beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from faceattr._validation import check_choice, check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.quality import presets
from faceattr.quality.columns import as_one
from faceattr.quality.finding import find_metric
from faceattr.quality.metric import Complaint, NoScore, QualityMetric

__all__ = [
    "Limits",
    "Pair",
    "Thresholds",
    "check_quantiles",
    "check_thresholds",
    "complain",
    "learn",
    "number",
    "shown",
]

Pair: TypeAlias = tuple[float | None, float | None]
Thresholds: TypeAlias = Mapping[str, Pair] | str


class Limits(NamedTuple):
    """The values of a metric that are accepted, both ends included; None where there is no end."""

    low: float | None
    high: float | None


def check_thresholds(thresholds: Thresholds | None) -> dict[str, Limits]:
    """Return limits by metric, from a mapping or the name of a preset; none for None."""
    if thresholds is None:
        return {}
    if isinstance(thresholds, str):
        check_choice(thresholds, "thresholds", list(presets.PRESETS))
        thresholds = presets.PRESETS[thresholds]
    example = "{'brisque': (None, 64)}, or a preset's name"
    return _check_pairs(thresholds, "thresholds", example)


def check_quantiles(quantiles: object) -> dict[str, Limits]:
    """Return shares by metric, each from 0 to 1."""
    shares = _check_pairs(quantiles, "quantiles", "{'brisque': (None, 0.95)}", shares=True)
    if not shares:
        raise InvalidArgumentError(
            "none", argument="quantiles", expected="{'brisque': (None, 0.95)}"
        )
    return shares


def _check_pairs(
    given: object, argument: str, example: str, *, shares: bool = False
) -> dict[str, Limits]:
    """Return pairs by metric: known metrics, one end or two, in order, and possible values."""
    if not isinstance(given, Mapping):
        raise InvalidTypeError(
            "no pairs by metric", argument=argument, expected=example, found=repr(given)
        )
    limits = {}
    for name, pair in given.items():
        metric = find_metric(name, argument)
        low, high = (0.0, 1.0) if shares else (metric.low, metric.high)
        limits[name] = _check_pair(pair, f"{argument}[{name!r}]", low, high)
    return limits


def _check_pair(pair: object, argument: str, lowest: float, highest: float) -> Limits:
    expected = "(low, high), None for an end that is open"
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise InvalidTypeError("no pair", argument=argument, expected=expected, found=repr(pair))
    floor = None if math.isinf(lowest) else lowest
    ceiling = None if math.isinf(highest) else highest
    ends = [
        None if end is None else check_number(end, argument, low=floor, high=ceiling)
        for end in pair
    ]
    limits = Limits(*ends)
    upside_down = None not in limits and ends[0] > ends[1]  # type: ignore[operator]
    if upside_down or limits == (None, None):
        raise InvalidArgumentError(
            "nothing lies between the limits" if upside_down else "no limit",
            argument=argument,
            expected=expected,
            found=repr(pair),
        )
    return limits


def learn(table: pd.DataFrame, quantiles: Mapping[str, Limits]) -> dict[str, Limits]:
    """Return the values that these shares of a table's scores lie below."""
    learned = {}
    for name, shares in quantiles.items():
        values = table[name].to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if not len(values):
            raise TableError(
                "no scores to learn a threshold from", argument=f"quality, column {name!r}"
            )
        ends = (None if share is None else float(np.quantile(values, share)) for share in shares)
        learned[name] = Limits(*ends)
    return learned


def complain(
    metric: QualityMetric, value: float, limits: Limits, *, flag_missing: bool
) -> Complaint | None:
    """Return what to say of a score, with numbers where it is beyond its limits; None for nothing.

    Of a missing one it is the reason of the `NoScore`, if there is any, or nothing.
    """
    if math.isnan(value):
        why = f": {value.reason}" if isinstance(value, NoScore) and value.reason else ""
        reason = as_one(f"{metric.name} cannot be computed{why}")
        return Complaint(reason, "take another photo") if flag_missing else None
    if limits.low is not None and value < limits.low:
        said = metric.too_low or Complaint(f"{metric.label} too low", "")
        words, limit = "at least", limits.low
    elif limits.high is not None and value > limits.high:
        said = metric.too_high or Complaint(f"{metric.label} too high", "")
        words, limit = "at most", limits.high
    else:
        return None
    found, wanted = shown(value, limit)
    reason = f"{said.reason} ({metric.name} {found}, {words} {wanted})"
    return Complaint(as_one(reason), said.advice)


def shown(value: float, limit: float) -> tuple[str, str]:
    """Write a value and its limit with as many digits as it takes to see which is larger."""
    texts = ("", "")
    for digits in range(3, 17):
        texts = (number(value, digits), number(limit, digits))
        rounded = [float(text.replace(",", "")) for text in texts]
        if (rounded[0] < rounded[1]) == (value < limit) and rounded[0] != rounded[1]:
            break
    return texts


def number(value: float, digits: int) -> str:
    """Write a number with some significant digits, at least all before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = min(max(0, digits - 1 - math.floor(math.log10(abs(value)))), 20)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
