"""From the settings of a filter to the metrics that it scores, and to the limits in force."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from faceattr._validation import check_choice
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.quality import defaults, presets
from faceattr.quality.finding import WEIGHTS, find_metric, find_metrics, metric_tag
from faceattr.quality.flags import MISSING
from faceattr.quality.metric import QualityMetric
from faceattr.quality.thresholds import (
    Limits,
    Pair,
    Thresholds,
    check_quantiles,
    check_thresholds,
)

__all__ = ["check_settings", "limits_in_force", "tags_of", "versions_of", "wanted_metrics"]

_log = logging.getLogger(__name__)


def check_settings(*, missing: str, weights: str, cache: object) -> None:
    """Raise unless these can be used."""
    check_choice(missing, "missing", MISSING)
    check_choice(weights, "weights", WEIGHTS)
    if not isinstance(cache, bool):
        raise InvalidTypeError(
            "neither True nor False", argument="cache", expected="a bool", found=repr(cache)
        )


def wanted_metrics(
    metrics: Sequence[str] | None,
    thresholds: Thresholds | None,
    quantiles: Mapping[str, Pair] | None,
    weights: str,
) -> list[QualityMetric]:
    """Return what is to be scored: the metrics, and those that have a threshold or quantiles."""
    wanted = find_metrics(defaults.DEFAULT_METRICS if metrics is None else metrics, weights)
    further = dict.fromkeys(check_thresholds(thresholds))
    if quantiles is not None:
        further |= dict.fromkeys(check_quantiles(quantiles))
    known = {metric.name for metric in wanted}
    wanted += [find_metric(name, "thresholds", weights) for name in further if name not in known]
    if not wanted:
        raise InvalidArgumentError("nothing to score", argument="metrics", expected="a name")
    return wanted


def limits_in_force(
    thresholds: Thresholds | None,
    quantiles: Mapping[str, Pair] | None,
    learned: Mapping[str, Pair] | None,
    *,
    needed: bool,
) -> dict[str, Limits]:
    """Return the limits by metric: the learned ones where there are quantiles, else the given.

    Raises
    ------
    InvalidArgumentError
        If limits are needed and there are none, or they are not learned yet.
    """
    if quantiles is None:
        limits = check_thresholds(thresholds)
    elif learned is not None:
        limits = {name: Limits(*pair) for name, pair in learned.items()}
    elif needed:
        raise InvalidArgumentError(
            "the thresholds of these quantiles are not learned yet",
            argument="quantiles",
            hint="fit(quality) learns them",
        )
    else:
        limits = {}
    if needed and not limits:
        names = ", ".join(repr(name) for name in presets.PRESETS)
        raise InvalidArgumentError(
            "no threshold, so nothing says which images are good enough",
            argument="thresholds",
            expected=f"{{'brisque': (None, 64)}}, quantiles and fit, or one of {names}",
            found=repr(thresholds),
            hint="QualityFilter('standard')",
        )
    return limits


def tags_of(metrics: Sequence[QualityMetric], *, warn: bool) -> list[str | None]:
    """Return what scores of metrics are kept by, and say of which they are not kept."""
    tags = [metric_tag(metric) for metric in metrics]
    lost = [metric.name for metric, tag in zip(metrics, tags, strict=True) if tag is None]
    if lost and warn:
        _log.warning(
            "scores of %s are not kept: the function holds something of which cannot be told "
            "whether it has changed",
            ", ".join(lost),
        )
    return tags


def versions_of(metrics: Sequence[QualityMetric]) -> dict[str, str]:
    """Return, by metric, what its scores depend on, as far as it can be told."""
    return {
        metric.name: metric_tag(metric) or f"{metric.name}/{metric.version}" for metric in metrics
    }
