"""`check_quality_metric` finds each way in which a metric can break its contract."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality import NoScore, QualityMetric
from faceattr.quality.light import luminance
from faceattr.quality.metric import Worse
from faceattr.testing import ContractError, check_quality_metric

Function = Callable[[UInt8Image], object]


def mean(image: UInt8Image) -> float:
    return float(image.mean())


def made(
    function: Function, *, worse: Worse | None = None, high: float = math.inf
) -> QualityMetric:
    return QualityMetric("mine", "mine", "", 0.0, high, worse, 1, "", None, None, function)


def darker(image: UInt8Image, strength: float) -> UInt8Image:
    return (image * (1 - strength / 2)).astype(np.uint8)


def test_a_good_metric_passes() -> None:
    check_quality_metric(mean)
    check_quality_metric(made(mean, worse="low", high=255.0), darker)
    check_quality_metric(made(mean, worse="both", high=255.0), darker)


def test_a_registered_metric_is_found_by_name_and_by_function() -> None:
    check_quality_metric("luminance", darker)
    check_quality_metric(luminance, darker)


def test_no_score_with_a_reason_passes() -> None:
    check_quality_metric(lambda image: NoScore("small") if len(image) < 9 else mean(image))


def impure(image: UInt8Image) -> float:
    image[0, 0, 0] ^= 1
    return 1.0


def counting() -> Function:
    numbers = itertools.count()
    return lambda image: float(next(numbers))


def by_identity() -> Function:
    first: dict[bytes, int] = {}
    return lambda image: float(first.setdefault(image.tobytes(), id(image)) == id(image))


def by_thread(image: UInt8Image) -> float:
    return float(threading.current_thread() is threading.main_thread())


def by_memory(image: UInt8Image) -> float:
    return float(image.flags.c_contiguous or min(image.shape) == 1)


def by_lock(image: UInt8Image) -> float:
    return float(image.flags.writeable)


def no_reason(image: UInt8Image) -> float:
    return NoScore("")


def large_only(image: UInt8Image) -> float:
    if image.shape[0] < 2:
        raise ValueError("one row")
    return 0.5


def varied_only(image: UInt8Image) -> float:
    return float(1 / (1.0 * float(image.std())))


def bare_nan(image: UInt8Image) -> float:
    return math.nan


def infinite(image: UInt8Image) -> float:
    return math.inf


def whole(image: UInt8Image) -> float:
    return int(image.mean())


def single(image: UInt8Image) -> np.float32:
    return np.float32(image.mean())


def nothing(image: UInt8Image) -> None:
    return None


def negative(image: UInt8Image) -> float:
    return -mean(image)


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (impure, "changes its image"),
        (counting(), "another score the second time"),
        (by_identity(), "another score from a copy"),
        (by_thread, "another score in another thread"),
        (by_memory, "another score from a view that is not contiguous"),
        (by_lock, "another score from a read-only array"),
        (no_reason, "a NoScore without reason"),
        (large_only, "raises an exception"),
        (varied_only, "raises an exception"),
        (bare_nan, "not finite"),
        (infinite, "not finite"),
        (whole, "no float"),
        (single, "no float"),
        (nothing, "no float"),
        (negative, "leaves the declared range"),
    ],
)
def test_each_rule_is_checked(function: Function, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        check_quality_metric(made(function))


def test_the_upper_end_of_the_range_is_checked() -> None:
    with pytest.raises(ContractError, match="leaves the declared range"):
        check_quality_metric(made(mean, high=200.0))


class TestDegrade:
    def test_the_wrong_end(self) -> None:
        with pytest.raises(ContractError, match="scores better"):
            check_quality_metric(made(mean, worse="high"), darker)

    def test_a_step_back(self) -> None:
        def back(image: UInt8Image, strength: float) -> UInt8Image:
            return darker(image, 0.2 if 0.5 < strength < 0.9 else strength)

        with pytest.raises(ContractError, match="scores better"):
            check_quality_metric(made(mean, worse="low"), back)
        with pytest.raises(ContractError, match="scores better"):
            check_quality_metric(made(mean, worse="both"), back)

    def test_no_effect(self) -> None:
        with pytest.raises(ContractError, match="clearly worse"):
            check_quality_metric(made(mean, worse="low"), lambda image, strength: image)

    def test_too_little_effect(self) -> None:
        with pytest.raises(ContractError, match="clearly worse"):
            check_quality_metric(
                made(mean, worse="low"),
                lambda image, strength: (image * (1 - 0.001 * strength)).astype(np.uint8),
            )

    def test_the_scores_are_told(self) -> None:
        with pytest.raises(ContractError, match=r"none: [\d.]+, 0.33: [\d.]+, 0.67: .* 1: "):
            check_quality_metric(made(mean, worse="low"), lambda image, strength: image)

    def test_never_a_score(self) -> None:
        with pytest.raises(ContractError, match="no drawing has a score"):
            check_quality_metric(made(lambda image: NoScore("no"), worse="low"), darker)

    def test_needs_a_worse_end(self) -> None:
        with pytest.raises(InvalidArgumentError, match="no worse end"):
            check_quality_metric(mean, darker)


def test_what_is_no_metric() -> None:
    with pytest.raises(InvalidTypeError, match="not a quality metric"):
        check_quality_metric(3)
    with pytest.raises(InvalidArgumentError, match="unknown quality metric"):
        check_quality_metric("beauty")
