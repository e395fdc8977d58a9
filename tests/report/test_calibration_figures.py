from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from calibration_samples import TASKS, make_predictions
from faceattr.evaluation import Calibrator, coverage_over_splits, reliability
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.report import new_figure, plot_coverage, plot_reliability


@pytest.fixture
def ax() -> Axes:
    _, panels = new_figure()
    return panels[0][0]


@pytest.fixture(scope="module")
def coverage() -> pd.DataFrame:
    found = coverage_over_splits(
        make_predictions(300),
        calibrator=Calibrator(tasks=TASKS),
        by="age",
        bins={"age": [0, 30, 60, 90, 120]},
        n_splits=5,
    )
    return found[found["by"] == "age"]


def drawn(ax: Axes) -> dict[str, np.ndarray]:
    return {
        str(container.get_label()): container.lines[0].get_xydata() for container in ax.containers
    }


class TestReliability:
    def test_points_are_the_bins_that_have_rows(self, ax) -> None:
        rows = reliability(make_predictions(), "gender")
        assert plot_reliability(ax, {"before": rows, "after": rows}, name="gender") is ax
        some = rows[rows["n"] > 0]
        for points in drawn(ax).values():
            np.testing.assert_allclose(points, some[["mean_confidence", "share"]])
        assert ax.get_title(loc="left") == "gender: reliability (n = 600)"
        labels = {text.get_text() for text in ax.get_legend().get_texts()}
        assert labels == {"before", "after", "as it should be"}

    def test_everything_drawn_lies_inside(self, ax) -> None:
        rows = reliability(make_predictions(), "gender", label="female", n_bins=5)
        plot_reliability(ax, {"all": rows})
        assert ax.get_xlim()[0] <= rows["mean_confidence"].min()
        assert ax.get_ylim()[0] <= rows["ci_low"].min()

    def test_no_row_at_all(self, ax) -> None:
        rows = reliability(make_predictions().assign(gender=None), TASKS["gender"])
        plot_reliability(ax, {"none": rows})
        assert "n = 0" in ax.get_title(loc="left")

    def test_nothing_and_something_else(self, ax) -> None:
        with pytest.raises(InvalidArgumentError, match="nothing to draw"):
            plot_reliability(ax, {})
        with pytest.raises(TableError, match="mean_confidence"):
            plot_reliability(ax, {"a": pd.DataFrame({"n": [1]})})


class TestCoverage:
    def test_groups_stand_side_by_side(self, ax, coverage) -> None:
        methods = {"one": coverage, "two": coverage.assign(coverage=coverage["coverage"] / 2)}
        assert plot_coverage(ax, methods, level=0.9, by="age", name="age") is ax
        points = drawn(ax)
        np.testing.assert_allclose(points["one"][:, 1], coverage["coverage"])
        np.testing.assert_allclose(points["two"][:, 1], coverage["coverage"] / 2)
        assert (points["one"][:, 0] < points["two"][:, 0]).all()
        assert ax.get_title(loc="left") == "age: coverage by age (n = 300)"
        labels = {text.get_text() for text in ax.get_legend().get_texts()}
        assert labels == {"one", "two", "asked for: 0.9"}

    def test_other_groups_are_refused(self, ax, coverage) -> None:
        with pytest.raises(TableError, match="other groups"):
            plot_coverage(ax, {"a": coverage, "b": coverage.iloc[1:]}, level=0.9)
        with pytest.raises(InvalidArgumentError, match="nothing to draw"):
            plot_coverage(ax, {}, level=0.9)
