"""Contract check of quality metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from faceattr.data.synthetic import draw
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality import QUALITY_METRICS, NoScore, QualityMetric
from faceattr.quality.views import sharing
from faceattr.testing.contract import ContractError, expect

__all__ = ["check_quality_metric"]

Degrade = Callable[[UInt8Image, float], UInt8Image]

_STRENGTHS = (1 / 3, 2 / 3, 1.0)
_CLEARLY = 0.01
_N_DRAWINGS = 4


def check_quality_metric(
    metric: str | QualityMetric | Callable[[UInt8Image], float], degrade: Degrade | None = None
) -> None:
    """Check a quality metric.

    It returns a float that is finite and within the declared range, or a `NoScore` with a reason;
    the same one again, from a copy, a read-only array, a view that is not contiguous, in another
    thread, together with others and inside the sharing of views; it does not change its image; and
    images of a single row, column or pixel or of one colour are no exception.

    Parameters
    ----------
    metric : str, QualityMetric or callable
        A registered name, the metric, or its function. A function that is not registered has no
        range to be checked, and is worse at neither end.
    degrade : callable, optional
        ``degrade(image, strength)`` returns a worse image, uint8 ``(H, W, 3)``, at strengths of
        1/3, 2/3 and 1. On the average of some drawings no strength may score better than the one
        before, and at the last one each drawing has to score worse, and their average by 1 %. Of a
        metric that is worse at both ends the scores have to move to one of them.

    Raises
    ------
    ContractError
        At the first part of the contract that does not hold.
    InvalidArgumentError
        If the name is unknown, or `degrade` is given for a metric that has no worse end.
    InvalidTypeError
        If `metric` is none of the three.

    Examples
    --------
    >>> import numpy as np
    >>> from faceattr.testing import check_quality_metric
    >>> def darker(image, strength):
    ...     return (image * (1 - strength / 2)).astype(np.uint8)
    >>> check_quality_metric("luminance", darker)
    """
    known = _known(metric)
    if degrade is not None and known.worse is None:
        raise InvalidArgumentError(
            "the metric has no worse end",
            argument="degrade",
            expected="a metric registered with worse=",
            found=known.name,
        )
    samples = list(_samples())
    alone = [_check_one(known, name, image) for name, image in samples]
    _check_batch(known, [image for _, image in samples], alone)
    if degrade is not None:
        _check_degraded(known, degrade)


def _known(metric: str | QualityMetric | Callable[[UInt8Image], float]) -> QualityMetric:
    if isinstance(metric, str):
        return QUALITY_METRICS.get(metric, argument="metric")
    if isinstance(metric, QualityMetric):
        return metric
    if not callable(metric):
        raise InvalidTypeError(
            "not a quality metric",
            argument="metric",
            expected="a registered name, a QualityMetric or a function",
            found=type(metric).__name__,
        )
    for name in QUALITY_METRICS:
        registered = QUALITY_METRICS.get(name, argument="metric")
        if registered.function is metric:
            return registered
    name = getattr(metric, "__name__", type(metric).__name__)
    return QualityMetric(name, name, "", -math.inf, math.inf, None, 1, "", None, None, metric)


def _samples() -> Iterator[tuple[str, UInt8Image]]:
    for index in range(_N_DRAWINGS):
        yield f"drawing {index}", draw(0, index, size=96)
    yield "a wide drawing", draw(0, 4, size=200)[30:110]
    gray = draw(0, 5, size=64).mean(axis=2, keepdims=True).astype(np.uint8)
    yield "a gray drawing", np.repeat(gray, 3, axis=2)
    noise = np.random.default_rng(0).integers(0, 256, (65, 47, 3))
    yield "noise", noise.astype(np.uint8)
    for height, width in ((1, 1), (1, 9), (9, 1), (2, 2), (7, 5)):
        yield f"{height}x{width} pixels", draw(0, 6, size=9)[:height, :width].copy()
    for colour in ((0, 0, 0), (255, 255, 255), (190, 140, 110)):
        yield f"flat {colour}", np.full((64, 64, 3), colour, dtype=np.uint8)


def _check_batch(
    metric: QualityMetric, images: Sequence[UInt8Image], alone: Sequence[float]
) -> None:
    """Expect of images together, and of some of them, what they have alone."""
    for some in (slice(None), slice(0, 2), slice(1, 7)):
        together = metric.many(images[some])
        expect(
            len(together) == len(alone[some]) and all(map(_same, alone[some], together)),
            "other scores of several images together",
            str(alone[some]),
            str(together),
        )


def _check_one(metric: QualityMetric, name: str, image: UInt8Image) -> float:
    before = image.copy()
    score = _score(metric, name, image)
    expect(
        np.array_equal(image, before),
        f"the metric changes its image ({name})",
        "the same pixels",
        "others",
    )
    _check_value(metric, name, score)
    for how, again in _again(metric, name, image):
        expect(
            _same(score, again),
            f"another score {how} ({name})",
            repr(float(score)),
            repr(float(again)),
        )
    return score


def _again(metric: QualityMetric, name: str, image: UInt8Image) -> Iterator[tuple[str, float]]:
    """Yield the score of the same pixels in other circumstances, and what those are."""
    yield "the second time", _score(metric, name, image)
    yield "from a copy", _score(metric, name, image.copy())
    locked = image.copy()
    locked.setflags(write=False)
    yield "from a read-only array", _score(metric, name, locked)
    height, width = image.shape[:2]
    wider = np.zeros((2 * height, width + 3, 3), dtype=np.uint8)
    view = wider[::2, 2 : width + 2]
    view[...] = image
    yield "from a view that is not contiguous", _score(metric, name, view)
    with ThreadPoolExecutor(1) as pool:
        yield "in another thread", pool.submit(_score, metric, name, image).result()
    with sharing():
        yield "inside the sharing of views", _score(metric, name, image)
        yield "from shared views", _score(metric, name, image)


def _score(metric: QualityMetric, name: str, image: UInt8Image) -> float:
    try:
        score = metric(image)
    except Exception as error:
        raise ContractError(
            f"the metric raises an exception ({name})",
            expected="a number or a NoScore",
            found=repr(error),
        ) from error
    expect(
        isinstance(score, float),
        f"the score is no float ({name})",
        "a float or a NoScore",
        type(score).__name__,
    )
    return score


def _check_value(metric: QualityMetric, name: str, score: float) -> None:
    if isinstance(score, NoScore):
        expect(bool(score.reason), f"a NoScore without reason ({name})", "a few words", "none")
        return
    expect(
        math.isfinite(score),
        f"the score is not finite ({name})",
        "a number or a NoScore",
        repr(score),
    )
    expect(
        metric.low <= score <= metric.high,
        f"the score leaves the declared range ({name})",
        f"[{metric.low:g}, {metric.high:g}]",
        repr(float(score)),
    )


def _same(one: float, other: float) -> bool:
    both = isinstance(one, NoScore), isinstance(other, NoScore)
    return all(both) or (not any(both) and float(one) == float(other))


def _check_degraded(metric: QualityMetric, degrade: Degrade) -> None:
    scores = np.array([_scores(metric, degrade, index) for index in range(_N_DRAWINGS)])
    scores = scores[np.isfinite(scores).all(axis=1)]
    expect(len(scores) > 0, "no drawing has a score at all strengths", "numbers", "NoScore")
    badness = scores * _sign(metric, scores)
    means = badness.mean(axis=0)
    described = _describe(scores.mean(axis=0))
    tolerance = 1e-9 * np.abs(means).max()
    expect(
        bool((np.diff(means) >= -tolerance).all()),
        "a stronger degradation scores better",
        f"no better with strength ({metric.worse} is worse)",
        described,
    )
    expect(
        bool((badness[:, -1] > badness[:, 0]).all())
        and means[-1] - means[0] > _CLEARLY * np.abs(means[[0, -1]]).max(),
        "the strongest degradation does not score clearly worse",
        f"worse by 1 % ({metric.worse} is worse)",
        described,
    )


def _scores(metric: QualityMetric, degrade: Degrade, index: int) -> list[float]:
    image = draw(1, index, size=128)
    degraded = [degrade(image.copy(), strength) for strength in _STRENGTHS]
    return [float(_score(metric, f"drawing {index}", each)) for each in (image, *degraded)]


def _sign(metric: QualityMetric, scores: npt.NDArray[np.float64]) -> float:
    if metric.worse == "both":
        return float(np.sign((scores[:, -1] - scores[:, 0]).mean()))
    return 1.0 if metric.worse == "high" else -1.0


def _describe(means: npt.NDArray[np.float64]) -> str:
    strengths = ("none", *(f"{strength:.2g}" for strength in _STRENGTHS))
    return ", ".join(
        f"{strength}: {mean:.6g}" for strength, mean in zip(strengths, means, strict=True)
    )
