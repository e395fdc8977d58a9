"""From names to metrics, and what kept scores of a metric are known by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import blake2b
from types import CodeType, FunctionType, NoneType
from typing import Any

from faceattr._validation import check_no_text, check_unique
from faceattr.exceptions import InvalidTypeError
from faceattr.images import DECODE_VERSION
from faceattr.quality.brisque import brisque_metric
from faceattr.quality.metric import QUALITY_METRICS, QualityMetric

__all__ = ["BRISQUE", "WEIGHTS", "find_metric", "find_metrics", "is_metric", "metric_tag"]

BRISQUE = "brisque"
WEIGHTS = ("bundled", "live")
_PIQ = "piq."


def is_metric(name: str) -> bool:
    """Tell whether scores can have this name."""
    return name in QUALITY_METRICS or name.startswith(_PIQ)


def find_metric(name: str, argument: str, weights: str = WEIGHTS[0]) -> QualityMetric:
    """Return a metric by its name; BRISQUE with the weights that are wanted."""
    if isinstance(name, str) and name.startswith(_PIQ) and name not in QUALITY_METRICS:
        from faceattr.quality.piq_adaptor import piq_metric  # late: piq loads torch

        return piq_metric(name)
    metric = QUALITY_METRICS.get(name, argument=argument)
    if name == BRISQUE and weights != WEIGHTS[0]:
        return brisque_metric(weights)  # type: ignore[arg-type]  # which is checked
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


def metric_tag(metric: QualityMetric) -> str:
    """Return what scores of a metric are kept by: they hold as long as it stays the same.

    Beside its version it is the function's own code, so that a function edited in a notebook is not
    answered with the scores of its former self. Code that the function calls is not part of it.
    """
    code = _code_digest(metric.function)
    return f"{metric.name}/{metric.version}/{metric.variant}/decode {DECODE_VERSION}/{code}"


def _code_digest(function: Callable[..., Any]) -> str:
    digest = blake2b(digest_size=8)
    _add_function(digest, function)
    return digest.hexdigest()


def _add_function(digest: Any, function: Any) -> None:
    """Add the code of a function with its defaults and what it encloses, and of what it wraps."""
    while function is not None:
        if isinstance(function, partial):
            digest.update(repr((function.args, sorted(function.keywords.items()))).encode())
        plain = function if isinstance(function, FunctionType) else type(function).__call__
        if isinstance(plain, FunctionType):
            _add_code(digest, plain.__code__)
            digest.update(repr((plain.__defaults__, plain.__kwdefaults__)).encode())
            _add_enclosed(digest, plain)
        inner = function.func if isinstance(function, partial) else None
        function = inner or getattr(function, "__wrapped__", None)


def _add_enclosed(digest: Any, function: FunctionType) -> None:
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if isinstance(value, FunctionType):
            _add_code(digest, value.__code__)
        elif isinstance(value, int | float | str | bytes | NoneType):
            digest.update(repr(value).encode())


def _add_code(digest: Any, code: CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    _add_constants(digest, code.co_consts)


def _add_constants(digest: Any, constants: Sequence[object]) -> None:
    for constant in constants:
        if isinstance(constant, CodeType):
            _add_code(digest, constant)
        elif isinstance(constant, frozenset):  # whose order changes from process to process
            digest.update(repr(sorted(map(repr, constant))).encode())
        else:
            digest.update(repr(constant).encode())
