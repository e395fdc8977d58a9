"""From names to metrics, and what kept scores of a metric are known by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from faceattr._validation import check_no_text, check_unique
from faceattr.exceptions import InvalidTypeError
from faceattr.images import DECODE_VERSION
from faceattr.quality._digests import digest_of
from faceattr.quality.brisque import BrisqueWeights, brisque_metric
from faceattr.quality.metric import QUALITY_METRICS, QualityMetric, is_own, mark_own
from faceattr.quality.piq_adaptor import PIQ_PREFIX, piq_metric

__all__ = ["BRISQUE", "WEIGHTS", "find_metric", "find_metrics", "is_metric", "metric_tag"]

BRISQUE = "brisque"
WEIGHTS: tuple[str, ...] = get_args(BrisqueWeights)


def is_metric(name: str) -> bool:
    """Tell whether scores can have this name."""
    return name in QUALITY_METRICS or name.startswith(PIQ_PREFIX)


def find_metric(name: object, argument: str, weights: str = WEIGHTS[0]) -> QualityMetric:
    """Return a metric by its name; BRISQUE with the weights that are wanted."""
    if not isinstance(name, str):
        raise InvalidTypeError(
            "not the name of a metric", argument=argument, expected="a text", found=repr(name)
        )
    if name.startswith(PIQ_PREFIX) and name not in QUALITY_METRICS:
        return mark_own(piq_metric(name))
    metric = QUALITY_METRICS.get(name, argument=argument)
    if name == BRISQUE and weights != WEIGHTS[0]:
        return mark_own(brisque_metric(weights))  # type: ignore[arg-type]  # which is checked
    return metric


def find_metrics(names: Iterable[str], weights: str) -> list[QualityMetric]:
    """Return the metrics that are asked for, in order; each may be asked for once."""
    check_no_text(names, "metrics", "a sequence of names")
    if not isinstance(names, Iterable):
        raise InvalidTypeError(
            "not names",
            argument="metrics",
            expected="a sequence of names of metrics",
            found=repr(names),
        )
    wanted = list(names)
    metrics = [find_metric(name, "metrics", weights) for name in wanted]
    check_unique(wanted, "metrics")
    return metrics


def metric_tag(metric: QualityMetric) -> str | None:
    """Return what scores of a metric are kept by: they hold as long as it stays the same.

    For the library's own, name, version, variant and decoding. For others also the function's own
    code and what it holds, so that a function edited in a notebook is not answered with the scores
    of its former self; None where that cannot be read. Code that it calls is not part of it.
    """
    known = f"{metric.name}/{metric.version}/{metric.variant}/decode {DECODE_VERSION}"
    if is_own(metric):
        return known
    code = digest_of(metric.function, metric.batch)
    return None if code is None else f"{known}/{code}"
