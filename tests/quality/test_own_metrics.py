"""Metrics of one's own: defined, defined once more, told apart from the library's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial, wraps
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.images import DECODE_VERSION
from faceattr.quality import QUALITY_METRICS, Complaint, QualityFilter, quality_metric
from faceattr.quality.finding import metric_tag
from quality_samples import Calls, noisy

pytestmark = pytest.mark.usefixtures("calls")

CELL = """
@quality_metric("t_mine")
def mine(image):
    return float(image.mean()) * {factor}
"""


def run_cell(source: str) -> None:
    exec(source, {"quality_metric": quality_metric, "__name__": "__main__"})


def test_a_cell_that_is_run_again_replaces_its_metric(photos: Path) -> None:
    path = photos / "1.png"
    expected = float(noisy(60, 1).mean())
    for factor in (1.0, 1.0, 2.0):
        run_cell(CELL.format(factor=factor))
        table = QualityFilter(metrics=["t_mine"]).score(path)
        assert table["t_mine"].tolist() == [expected * factor]


def test_another_function_is_refused_the_name() -> None:
    run_cell(CELL.format(factor=1.0))
    with pytest.raises(InvalidArgumentError, match="registered already"):
        run_cell(CELL.format(factor=1.0).replace("def mine", "def other"))


def test_metrics_of_the_library_cannot_be_replaced() -> None:
    known = QUALITY_METRICS.get("luminance", argument="metric")

    def luminance(image):
        return 0.0

    luminance.__module__ = known.function.__module__
    luminance.__qualname__ = known.function.__qualname__
    with pytest.raises(InvalidArgumentError, match="registered already"):
        quality_metric("luminance")(luminance)
    assert QUALITY_METRICS.get("luminance", argument="metric") is known


# What kept scores are known by


def tag(function: Callable) -> str:
    quality_metric("t_made")(function)
    made = QUALITY_METRICS._items.pop("t_made")
    found = metric_tag(made)
    assert found is not None
    return found


class Scaled:
    """A metric that is no plain function."""

    offset = 0

    def __init__(self, factor: object) -> None:
        self.factor = factor

    def __call__(self, image):
        return self.score(image)

    def score(self, image):
        return float(image.mean() * np.sum(self.factor)) + self.offset


@dataclass
class Slotted:
    __slots__ = ("factor",)
    factor: object

    def __call__(self, image):
        return float(image.mean() * np.sum(self.factor))


def enclosed(factor):
    return lambda image: float(image.mean() * np.sum(factor))


def wrapped(factor):
    def inner(image):
        return float(image.mean() * np.sum(factor))

    @wraps(inner)
    def outer(image):
        return inner(image)

    return outer


MAKERS = [
    Scaled,
    Slotted,
    lambda factor: Scaled(factor).score,
    enclosed,
    wrapped,
    lambda factor: enclosed(enclosed(factor)),
    lambda factor: enclosed({"a": [factor, (factor,)]}),
    lambda factor: enclosed(Scaled(factor)),
    lambda factor: partial(lambda image, by: float(image.mean() * np.sum(by)), by=factor),
    lambda factor: cache(enclosed(factor)),
]
FACTORS = [
    (1, 2),
    (1.0, 2.0),
    (1, (2,)),
    ([1], [2]),
    (np.zeros(3), np.ones(3)),
    (np.zeros(2, np.int32), np.zeros(2, np.int64)),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    (np.float32(1), np.float64(1)),
    (np.add, np.subtract),
    (np.array([1, None]), np.array([2, None])),
]


@pytest.mark.parametrize("maker", MAKERS, ids=range(len(MAKERS)))
@pytest.mark.parametrize("factors", FACTORS, ids=repr)
def test_what_a_metric_holds_is_part_of_it(maker: Callable, factors: tuple) -> None:
    tags = [tag(maker(factor)) for factor in (factors[0], factors[0], factors[1])]
    assert tags[0] == tags[1] != tags[2]


@pytest.mark.parametrize("name", ["__call__", "score"])
def test_an_edited_method_is_another_metric(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [tag(Scaled(1)), tag(Scaled(1).score)]
    monkeypatch.setattr(Scaled, name, lambda self, image: 7.0)
    assert tag(Scaled(1)) != before[0]
    assert tag(Scaled(1).score) != before[1]


def test_an_edited_constant_of_a_class_is_another_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tag(Scaled(1))
    monkeypatch.setattr(Scaled, "offset", 7)
    assert tag(Scaled(1)) != before


def test_what_holds_itself_comes_to_an_end() -> None:
    circle: list[object] = []
    circle.append(circle)
    metric = Scaled(circle)
    metric.own = metric  # type: ignore[attr-defined]
    assert tag(metric) == tag(metric)


def test_scores_of_another_instance_are_not_taken_for_its_own(photos: Path) -> None:
    for factor in (1.0, 2.0):
        quality_metric("t_made")(Scaled(factor))
        table = QualityFilter(metrics=["t_made"]).score(photos / "1.png")
        assert table["t_made"].tolist() == [float(noisy(60, 1).mean()) * factor]


def count(numbers: Iterator[int]) -> Iterator[int]:
    yield from numbers


def test_scores_of_what_cannot_be_read_are_not_kept(
    photos: Path, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    held = [Lock(), count(iter(range(9)))]

    @quality_metric("t_made")
    def made(image):
        calls.add("t_made")
        return float(len(held))

    chosen = QualityFilter(metrics=["t_made", "t_light"])
    for calls_expected in (12, 6):  # those of the other metric are kept
        caplog.clear()
        with caplog.at_level(logging.WARNING, "faceattr"):
            table = chosen.score(photos)
        assert calls.take() == calls_expected
        assert table["t_made"].dropna().tolist() == [2.0] * 6
        [message] = caplog.messages
        assert message.startswith("scores of t_made are not kept")
    assert chosen.metric_versions()["t_made"] == "t_made/1"
    with caplog.at_level(logging.WARNING, "faceattr"):
        caplog.clear()
        QualityFilter(metrics=["t_made"], cache=False).score(photos)
    assert caplog.messages == []


def test_the_library_is_known_by_its_versions_alone() -> None:
    live = QualityFilter(metrics=["luminance", "brisque"], weights="live").metric_versions()
    version = {name: QUALITY_METRICS.get(name, argument="x").version for name in live}
    assert live == {
        "luminance": f"luminance/{version['luminance']}//decode {DECODE_VERSION}",
        "brisque": f"brisque/{version['brisque']}/live/decode {DECODE_VERSION}",
    }
    versions = QualityFilter().metric_versions()
    assert all(text.endswith(f"//decode {DECODE_VERSION}") for text in versions.values())
    quality_metric("t_own")(QUALITY_METRICS.get("luminance", argument="x").function)
    own = QualityFilter(metrics=["t_own"]).metric_versions()["t_own"]
    assert own.startswith(f"t_own/1//decode {DECODE_VERSION}/")


@pytest.mark.parametrize(
    "options",
    [
        {"range": ("a", None)},
        {"complaints": (None, "too red")},
        {"complaints": Complaint("a", "b")},
    ],
)
def test_wrong_declarations_are_told_at_once(options):
    with pytest.raises(InvalidTypeError):
        quality_metric("declared_wrongly", **options)
    assert "declared_wrongly" not in QUALITY_METRICS
