"""Metrics of one's own: defined, defined once more, told apart from the library's."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceattr.exceptions import InvalidArgumentError
from faceattr.quality import QUALITY_METRICS, QualityFilter, quality_metric
from quality_samples import noisy

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
