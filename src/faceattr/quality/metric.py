"""The frame of all quality metrics: what they are given, what they return, where they are known.

A quality metric is a pure function of one image. Whoever needs another one decorates a function;
scoring, caching, thresholds, reasons and figures come with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias
from weakref import WeakSet

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality.columns import is_reserved
from faceattr.registry import Registry

__all__ = [
    "QUALITY_METRICS",
    "BatchFunction",
    "Complaint",
    "NoScore",
    "QualityFunction",
    "QualityMetric",
    "Worse",
    "is_own",
    "mark_own",
    "quality_metric",
    "worst_ends",
]

Worse: TypeAlias = Literal["high", "low", "both"]
"""The end of a metric at which images are worse; "both" where the middle is best."""

QualityFunction: TypeAlias = Callable[[UInt8Image], float]
"""An image, uint8 (H, W, 3) RGB, to a number or a `NoScore`."""

BatchFunction: TypeAlias = Callable[[Sequence[UInt8Image]], Sequence[float]]


class NoScore(float):
    """NaN with a reason: what a metric returns for an image that it is not defined for.

    Parameters
    ----------
    reason : str
        Why, in a few words: ``"smaller than 16 pixels"``.

    Examples
    --------
    >>> from faceattr.quality import NoScore
    >>> score = NoScore("a flat image")
    >>> score != score, score.reason
    (True, 'a flat image')
    """

    reason: str

    def __new__(cls, reason: str) -> NoScore:
        """Make NaN and keep the reason with it."""
        made = super().__new__(cls, math.nan)
        made.reason = reason
        return made

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # of float: its number
        return (self.reason,)


@dataclass(frozen=True)
class Complaint:
    """What to say of an image on one side of a metric's limits.

    Attributes
    ----------
    reason : str
        What is wrong with the image: ``"too dark"``. A ``"; "``, which stands between reasons, is
        shown as ``", "``.
    advice : str
        What the person in front of the camera can do: ``"turn towards the light"``.
    """

    reason: str
    advice: str


@dataclass(frozen=True, eq=False)
class QualityMetric:
    """A registered metric.

    Attributes
    ----------
    name : str
        Its name in tables.
    label : str
        Its name for people.
    unit : str
        Of its values; "" for a plain number.
    low, high : float
        Smallest and largest possible value; infinite where there is no bound.
    worse : {"high", "low", "both"} or None
        The end at which images are worse; None for a property that is neither good nor bad.
    version : int
        Raised whenever the same pixels would give another number; kept scores are keyed by it.
    source : str
        The paper, or what else defines it.
    too_low, too_high : Complaint or None
        What to say where a threshold is crossed.
    function : callable
        The function itself.
    batch : callable, optional
        Images to as many numbers, where that is faster than one by one.
    variant : str, default ""
        Told apart in kept scores beside the version: which weights were used.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    worse: Worse | None
    version: int
    source: str
    too_low: Complaint | None
    too_high: Complaint | None
    function: QualityFunction
    batch: BatchFunction | None = None
    variant: str = ""

    def many(self, images: Sequence[UInt8Image]) -> list[float]:
        """Score several images, uint8 (H, W, 3) each, of any sizes."""
        if self.batch is not None:
            return list(self.batch(images))
        return [self.function(image) for image in images]

    def __call__(self, image: UInt8Image) -> float:
        """Score one image, uint8 (H, W, 3)."""
        return self.function(image)


QUALITY_METRICS: Registry[QualityMetric] = Registry("quality metric")

_own: WeakSet[QualityMetric] = WeakSet()


def mark_own(metric: QualityMetric) -> QualityMetric:
    """Remember that the library itself made this metric, and return it."""
    _own.add(metric)
    return metric


def is_own(metric: QualityMetric) -> bool:
    """Tell whether the library itself made this very metric; one with its function is another."""
    return metric in _own


def quality_metric(
    name: str,
    *,
    label: str = "",
    unit: str = "",
    range: tuple[float | None, float | None] = (None, None),  # noqa: A002  # the field's own word
    worse: Worse | None = None,
    version: int = 1,
    source: str = "",
    complaints: tuple[Complaint | None, Complaint | None] = (None, None),
) -> Callable[[QualityFunction], QualityFunction]:
    """Register a quality metric.

    A function of the same module and name as before takes the place of its former self, as where
    the cell of a notebook is run again. The library's own metrics stay as they are.

    The function is given an image, uint8 ``(H, W, 3)`` RGB of its own size, that it must not
    change, and returns a number, or a `NoScore` with a reason where it is not defined. It must be
    pure: the same pixels give the same number in any order, thread and process.

    Parameters
    ----------
    name : str
        Its column in quality tables.
    label, unit : str
        For people; the label is `name` without underscores by default.
    range : tuple of float or None
        Smallest and largest possible value, None where there is no bound.
    worse : {"high", "low", "both"}, optional
        The end at which images are worse; None for a property that is neither good nor bad.
    version : int, default 1
        To be raised whenever the same pixels would give another number: kept scores of another
        version are not used.
    source : str
        The paper, or what else defines it.
    complaints : pair of Complaint or None
        What to say of an image below its limit, and of one above it; without, the reason is
        "<label> too low" or "too high", and there is no advice.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.

    Raises
    ------
    InvalidArgumentError
        If the name is taken by another function or reserved, the range is empty or `worse` is none
        of the choices.

    Examples
    --------
    >>> from faceattr.quality import quality_metric
    >>> @quality_metric("redness", range=(0, 255))
    ... def redness(image):
    ...     return float(image[:, :, 0].mean())
    """
    _check_name(name)
    low = -math.inf if range[0] is None else check_number(range[0], "range")
    high = math.inf if range[1] is None else check_number(range[1], "range")
    if not low < high:
        raise InvalidArgumentError(
            "an empty range",
            argument="range",
            expected="(low, high) with low < high",
            found=repr(range),
        )
    if worse is not None:
        check_choice(worse, "worse", ("high", "low", "both"))
    check_integer(version, "version", low=1)
    _check_complaints(complaints)

    def register(function: QualityFunction) -> QualityFunction:
        metric = QualityMetric(
            name,
            label or name.replace("_", " "),
            unit,
            low,
            high,
            worse,
            version,
            source,
            *complaints,
            function,
        )
        if _is_former_self(name, function):
            QUALITY_METRICS.replace(name, metric)
        else:
            QUALITY_METRICS.register(name, metric)
        return function

    return register


def _check_complaints(complaints: object) -> None:
    pair = tuple(complaints) if isinstance(complaints, tuple | list) else ()
    if len(pair) != 2 or not all(item is None or isinstance(item, Complaint) for item in pair):
        raise InvalidTypeError(
            "not two complaints",
            argument="complaints",
            expected="a pair of Complaint or None: of an image below its limit, and above it",
            found=repr(complaints),
        )


def _is_former_self(name: str, function: QualityFunction) -> bool:
    """Tell whether what has this name is an earlier definition of the same function."""
    if name not in QUALITY_METRICS:
        return False
    known = QUALITY_METRICS.get(name, argument="name")
    return not is_own(known) and _place_of(known.function) == _place_of(function)


def _place_of(function: object) -> tuple[str, str]:
    """Return the module and the name of a function, or of what a callable object is made by."""
    while isinstance(function, partial):
        function = function.func
    named: object = function if hasattr(function, "__qualname__") else type(function)
    return str(getattr(named, "__module__", "")), str(getattr(named, "__qualname__", ""))


def worst_ends() -> dict[str, Worse]:
    """Return, for every registered metric that has one, the end at which images are worse.

    It is what `faceattr.evaluation.risk_coverage` takes as ``worst``.

    Returns
    -------
    dict of str to {"high", "low", "both"}

    Examples
    --------
    >>> from faceattr.quality import worst_ends
    >>> worst_ends()["brisque"], worst_ends()["luminance"]
    ('high', 'both')
    """
    metrics = (QUALITY_METRICS.get(name, argument="metric") for name in QUALITY_METRICS)
    return {metric.name: metric.worse for metric in metrics if metric.worse is not None}


def _check_name(name: str) -> None:
    if is_reserved(name):
        raise InvalidArgumentError(
            "a name that quality tables use themselves", argument="name", found=repr(name)
        )
