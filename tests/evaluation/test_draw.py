"""Figures of an evaluation: each takes a panel, returns it, and shows what the table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from faceattr import BinnedEvaluator, RegressionTask
from faceattr.binning import AGE_BINS, Bins
from faceattr.evaluation import Evaluation, reliability
from faceattr.evaluation.plots import panels_by, panels_of
from faceattr.exceptions import DataError, InvalidArgumentError, TableError
from faceattr.report import new_figure
from page_samples import drawings
from prediction_samples import TASKS, make_predictions


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_predictions(300)


@pytest.fixture(scope="module")
def evaluation(table: pd.DataFrame) -> Evaluation:
    by = ["age", "gender", ("age", "gender")]
    return BinnedEvaluator(by, n_boot=20, tasks=TASKS, min_count=12).evaluate(table)


@pytest.fixture
def ax() -> Axes:
    _, panels = new_figure()
    return panels[0][0]


def title(ax: Axes) -> str:
    return ax.get_title(loc="left")


@pytest.mark.parametrize(
    ("kind", "task", "by", "expected"),
    [
        ("predicted", "age", None, "age: predicted and true (n = 300)"),
        ("errors", "age", None, "age: errors (n = 300)"),
        ("confusion", "age", None, "age group: confusion (n = 300)"),
        ("residuals", "age", "gender", "age: errors by gender (n = 300)"),
        ("metric", "age", "age", "age MAE (years) by age (n = 300)"),
        ("confusion", "gender", None, "gender: confusion (n = 300)"),
        ("errors", "gender", None, "gender: how sure (n = 300)"),
        ("reliability", "gender", None, "gender: reliability (n = 300)"),
        ("metric", "gender", "age / gender", "gender accuracy by age / gender (n = 300)"),
    ],
)
def test_every_figure_returns_its_panel_with_n(evaluation, ax, kind, task, by, expected) -> None:
    assert evaluation.draw(ax, kind, task=task, by=by) is ax
    assert title(ax) == expected


def test_age_groups_are_those_of_the_evaluation(evaluation, table, ax) -> None:
    evaluation.draw(ax, "confusion", task="age")
    bins = Bins(AGE_BINS)
    expected = pd.crosstab(
        bins.assign(table["age"]), bins.assign(table["age_pred"]), dropna=False
    ).to_numpy()
    drawn = [text.get_text().split("\n") for text in ax.texts]
    assert [int(count) for count, _ in drawn] == expected.ravel().tolist()
    shares = expected / expected.sum(axis=1, keepdims=True)
    assert [percent for _, percent in drawn] == [f"{share:.1%}" for share in shares.ravel()]
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks == list(bins.labels)


def test_other_bins_of_a_number_and_what_lies_outside(table, ax) -> None:
    # Given edges; predictions beyond them have a class of their own.
    given = BinnedEvaluator("age", {"age": [0, 50, 100]}, n_boot=0, tasks=TASKS).evaluate(table)
    given.draw(ax, "confusion", task="age")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0-50", "50-100", "outside"]
    counts = [int(text.get_text().split("\n")[0].replace(",", "")) for text in ax.texts]
    assert sum(counts) == 300
    # A number that is neither grouped by nor an age: quantiles of the truth, open at both ends.
    renamed = table.rename(columns={"age": "height", "age_pred": "height_pred"})
    other = BinnedEvaluator((), n_boot=0, tasks=RegressionTask("height")).evaluate(renamed)
    _, [[second]] = new_figure()
    other.draw(second, "confusion")
    ticks = [text.get_text() for text in second.get_xticklabels()]
    assert len(ticks) == 5
    assert ticks[0].startswith("<=")
    assert ticks[-1].endswith("+")
    assert title(second) == "height group: confusion (n = 300)"


def test_confusion_of_classes(evaluation, table, ax) -> None:
    evaluation.draw(ax, "confusion", task="gender")
    expected = pd.crosstab(table["gender"], table["gender_pred"]).loc[
        ["male", "female"], ["male", "female"]
    ]
    counts = [int(text.get_text().split("\n")[0]) for text in ax.texts]
    assert counts == expected.to_numpy().ravel().tolist()


def test_values_by_bin_are_those_of_the_table_and_small_bins_are_marked(evaluation, ax) -> None:
    evaluation.draw(ax, "metric", task="age", by="age / gender", metric="bias")
    rows = evaluation.by("age / gender", task="age", metrics=["bias"])
    container = ax.containers[0]
    np.testing.assert_array_equal(container[0].get_ydata(), rows["bias"])
    small = np.flatnonzero(rows["bias"].isna() & (rows["n"] > 0))
    assert len(small)
    marks = next(line for line in ax.get_lines() if "too few" in str(line.get_label()))
    assert list(marks.get_xdata()) == small.tolist()
    assert ax.get_ylabel() == "age bias (years)"


def test_reliability_is_that_of_the_table(evaluation, table, ax) -> None:
    evaluation.draw(ax, "reliability", task="gender")
    rows = reliability(table, TASKS["gender"])
    rows = rows[rows["n"] > 0]
    points = ax.containers[0][0]
    np.testing.assert_allclose(points.get_ydata(), rows["share"])
    np.testing.assert_allclose(points.get_xdata(), rows["mean_confidence"])


def test_errors_are_prediction_less_truth(evaluation, table, ax) -> None:
    evaluation.draw(ax, "errors", task="age")
    bias = (table["age_pred"] - table["age"]).mean()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[1] == f"mean (bias) {bias:+.3g}"


def test_without_probabilities_there_is_nothing_to_be_sure_of(table, ax) -> None:
    plain = table.drop(columns=["gender_prob_male", "gender_prob_female"])
    evaluation = BinnedEvaluator((), n_boot=0, tasks=TASKS).evaluate(plain)
    evaluation.draw(ax, "errors", task="gender")
    assert title(ax) == "gender: how sure (n = 0)"
    with pytest.raises(TableError):
        evaluation.draw(ax, "reliability", task="gender")
    assert list(panels_of(evaluation, evaluation.tasks["gender"])) == ["gender: confusion"]


def test_panels_grow_with_what_they_show(evaluation) -> None:
    age, gender = evaluation.tasks.values()
    assert panels_of(evaluation, age)["age: confusion"].is_wide
    assert not panels_of(evaluation, gender)["gender: confusion"].is_wide
    assert not panels_by(evaluation, age, "gender")["age: metric by gender"].is_wide
    assert panels_by(evaluation, age, "age / gender")["age: metric by age / gender"].is_wide
    assert list(panels_by(evaluation, gender, "age")) == ["gender: metric by age"]


def test_only_chosen_metrics_are_drawn(table, ax) -> None:
    def worst(truth: np.ndarray, prediction: np.ndarray) -> float:
        return float(np.abs(truth - prediction).max())

    task = TASKS["age"]
    evaluation = BinnedEvaluator(
        "gender", n_boot=0, tasks=task, metrics={"age": ["rmse", worst]}
    ).evaluate(table)
    evaluation.draw(ax, "metric", by="gender")
    assert ax.get_ylabel() == "age RMSE (years)"
    _, [[second]] = new_figure()
    evaluation.draw(second, "metric", by="gender", metric="worst")
    assert "worst" in second.get_ylabel()


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "pie", "task": "age"},
        {"kind": "predicted", "task": "gender"},
        {"kind": "residuals", "task": "gender", "by": "age"},
        {"kind": "reliability", "task": "age"},
        {"kind": "errors"},
        {"kind": "errors", "task": "race"},
        {"kind": "residuals", "task": "age"},
        {"kind": "metric", "task": "age", "by": "race"},
        {"kind": "metric", "task": "age", "by": "age", "metric": "accuracy"},
        {"kind": "errors", "task": "age", "by": "age"},
        {"kind": "residuals", "task": "age", "by": "age", "metric": "mae"},
    ],
)
def test_arguments_are_checked(evaluation, ax, arguments) -> None:
    with pytest.raises(InvalidArgumentError):
        evaluation.draw(ax, **arguments)


class TestImages:
    def test_the_most_wrong_of_each_bin(self, ax) -> None:
        faces, table = drawings()
        drawn = BinnedEvaluator(["age"], n_boot=0).evaluate(table)
        assert drawn.draw_images(ax, faces, task="age", by="age", n=2) is ax
        wrong = drawn.most_wrong("age", 2, by="age")
        assert title(ax) == f"most wrong: age by age (n = {len(wrong)})"
        assert len(ax.images) == len(wrong)
        texts = [text.get_text().replace("\n", " ") for text in ax.texts]
        groups = list(dict.fromkeys(wrong["bin"].astype(str)))
        assert [text for text in texts if not text.startswith("age:")] == groups
        shown = [text for text in texts if text.startswith("age:")]
        for row, text in zip(wrong.itertuples(), shown, strict=True):
            assert text.startswith(f"age: {row.age:.0f}, predicted {row.age_pred:.3g} gender: ")

    def test_without_bins_in_rows_of_six(self, ax) -> None:
        faces, table = drawings()
        drawn = BinnedEvaluator(n_boot=0).evaluate(table)
        drawn.draw_images(ax, faces, task="age", n=8)
        assert [text.get_text() for text in ax.texts if "age" not in text.get_text()] == [
            "1-6",
            "7-8",
        ]
        first = np.asarray(ax.images[0].get_array())
        worst = drawn.most_wrong("age")["sample_id"].iloc[0]
        position = faces.table["sample_id"].tolist().index(worst)
        expected = faces.read(position)
        # Drawings of 64 px are scaled to 160 by repeating pixels.
        np.testing.assert_array_equal(first[::5, ::5], expected[::2, ::2])

    def test_samples_and_images_that_cannot_be_read(self, ax) -> None:
        _, table = drawings()
        drawn = BinnedEvaluator(["gender"], n_boot=0).evaluate(table)
        drawn.draw_images(ax, lambda name: f"no/{name}.png", "random", by="gender", n=3)
        assert title(ax) == "samples by gender (n = 6)"
        assert sum(text.get_text().startswith("cannot be read") for text in ax.texts) == 6

    def test_nothing_wrong(self, ax) -> None:
        faces, table = drawings()
        drawn = BinnedEvaluator(n_boot=0).evaluate(table.assign(age_pred=table["age"]))
        drawn.draw_images(ax, faces, task="age")
        assert title(ax) == "most wrong: age (n = 0)"

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"which": "best"}, InvalidArgumentError),
            ({"n": 0}, InvalidArgumentError),
            ({"by": "race"}, InvalidArgumentError),
            ({"which": "random", "task": "age"}, InvalidArgumentError),
            ({"images": None}, DataError),
            ({"images": "no/folder"}, DataError),
        ],
    )
    def test_what_cannot_be_drawn(self, ax, arguments, error) -> None:
        faces, table = drawings()
        drawn = BinnedEvaluator(n_boot=0).evaluate(table)
        with pytest.raises(error):
            drawn.draw_images(ax, **({"images": faces} | arguments))
