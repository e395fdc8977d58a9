"""Statistics over bins, crossed columns, and agreement with fairlearn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from faceattr.evaluation import BinnedEvaluator, Evaluation
from faceattr.exceptions import InvalidArgumentError, TableError
from prediction_samples import TASKS, make_predictions

BINS = {"age": [0, 20, 40, 60, None]}


def by_age(table: pd.DataFrame, **options: Any) -> Evaluation:
    settings = {"bins": BINS, "n_boot": 0, "min_count": 1, "tasks": TASKS} | options
    return BinnedEvaluator("age", **settings).evaluate(table)


class TestStatistics:
    @given(seed=st.integers(0, 10_000))
    def test_they_are_those_of_the_bins(self, seed: int) -> None:
        evaluation = by_age(make_predictions(60, seed))
        for task, metric, lower in (
            ("age", "mae", True),
            ("age", "within_5", False),
            ("gender", "f1", False),
        ):
            values = evaluation.by("age", task=task, metrics=[metric])[metric].dropna()
            found = {
                stat: evaluation.value(f"{task}/{metric}", by="age", stat=stat)
                for stat in ("mean", "difference", "ratio", "worst", "best")
            }
            assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
            assert found["difference"] == pytest.approx(values.max() - values.min(), abs=1e-12)
            assert found["worst"] == (values.max() if lower else values.min())
            assert found["best"] == (values.min() if lower else values.max())
            ratio = values.min() / values.max() if values.max() > 0 else np.nan
            assert found["ratio"] == pytest.approx(ratio, rel=1e-12, nan_ok=True)

    def test_the_worst_bias_is_the_one_farthest_from_0(self) -> None:
        table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "group": list("abc")})
        table["x_pred"] = table["x"] + [1.0, -4.0, 2.0]
        evaluation = BinnedEvaluator("group", n_boot=0, min_count=1).evaluate(table)
        row = evaluation.over_bins("group", metrics=["bias"]).loc["bias"]
        assert (row["worst"], row["worst_bin"]) == (-4.0, "b")
        assert (row["best"], row["best_bin"]) == (1.0, "a")
        assert row["difference"] == 6.0
        assert np.isnan(row["ratio"])

    def test_class_wise_mae(self) -> None:
        table = pd.DataFrame({"age": [1.0] * 9 + [50.0], "age_pred": [2.0] * 9 + [61.0]})
        evaluation = BinnedEvaluator(n_boot=0, min_count=1).evaluate(table)
        assert evaluation.value("age/mae") == pytest.approx(2.0)
        assert evaluation.value("age/mae", by="age", stat="mean") == pytest.approx(6.0)

    def test_small_bins_and_rows_without_a_value_take_no_part(self) -> None:
        error = [1.0] * 10 + [2.0] * 10 + [50.0] * 9 + [90.0] * 30
        group = ["a"] * 10 + ["b"] * 10 + ["c"] * 9 + [None] * 30
        table = pd.DataFrame({"x": 0.0, "x_pred": error, "group": group})
        evaluation = BinnedEvaluator("group", n_boot=50).evaluate(table)
        row = evaluation.over_bins("group", metrics=["mae"]).loc["mae"]
        assert (row["worst"], row["worst_bin"]) == (2.0, "b")
        bins = evaluation.by("group", metrics=["mae"])
        assert bins["n"].tolist() == [10, 10, 9, 30]
        assert np.isnan(bins.loc["c", ["mae", "mae_low", "mae_high"]].to_numpy(float)).all()
        assert bins.loc["missing", "mae"] == 90.0
        frame = evaluation.to_frame()
        rows = frame[(frame["metric"] == "mae") & (frame["stat"] == "mean")]
        assert rows["n"].item() == 20
        assert "too few" in evaluation.summary()

    def test_the_worst_is_found_anew_in_each_resample(self) -> None:
        rng = np.random.default_rng(0)
        group = np.repeat(list("abcdefgh"), 40)
        table = pd.DataFrame({"x": 0.0, "x_pred": rng.normal(0, 1, 320), "group": group})
        evaluation = BinnedEvaluator("group", n_boot=400).evaluate(table)
        row = evaluation.over_bins("group", metrics=["mae"]).loc["mae"]
        fixed = evaluation.by("group", metrics=["mae"]).loc[row["worst_bin"]]
        # The worst of each resample is at least what the worst bin of the data is in it.
        assert row["worst_low"] > fixed["mae_low"]
        assert row["difference_low"] > 0

    def test_no_bin_with_enough_rows(self) -> None:
        evaluation = by_age(make_predictions(6), min_count=7, n_boot=20)
        table = evaluation.over_bins("age", task="age")
        assert table["worst"].isna().all()
        assert table["worst_bin"].tolist() == [None] * len(table)
        assert evaluation.summary()
        assert evaluation.value("age/support") == 6

    def test_asking_for_what_is_not_there(self) -> None:
        evaluation = by_age(make_predictions(20))
        with pytest.raises(InvalidArgumentError, match="not grouped by"):
            evaluation.over_bins("light", task="age")
        with pytest.raises(InvalidArgumentError, match="metrics"):
            evaluation.over_bins("age", task="age", metrics=["truth_mean"])
        with pytest.raises(InvalidArgumentError, match="stat"):
            evaluation.value("age/mae", by="age", stat="median")
        with pytest.raises(InvalidArgumentError, match="stat"):
            evaluation.value("age/mae", stat="mean")


CLASSES: dict[str, Callable[..., float]] = {
    "accuracy": sk.accuracy_score,
    "precision": lambda t, p: sk.precision_score(t, p, average="macro", zero_division=np.nan),
    "recall": lambda t, p: sk.recall_score(t, p, average="macro", zero_division=np.nan),
}
NUMBERS: dict[str, Callable[..., float]] = {
    "mae": sk.mean_absolute_error,
    "mse": sk.mean_squared_error,
}


class TestFairlearn:
    @given(seed=st.integers(0, 10_000))
    def test_by_group_overall_difference_and_ratio(self, seed: int) -> None:
        table = make_predictions(80, seed)
        evaluation = by_age(table)
        groups = pd.cut(table["age"], [-1, 20, 40, 60, 200])
        for task, metrics in (("age", NUMBERS), ("gender", CLASSES)):
            frame = MetricFrame(
                metrics=metrics,
                y_true=table[task],
                y_pred=table[f"{task}_pred"],
                sensitive_features=groups,
            )
            stats = {
                "difference": frame.difference(method="between_groups"),
                "ratio": frame.ratio(method="between_groups"),
                "worst": frame.group_max() if task == "age" else frame.group_min(),
                "best": frame.group_min() if task == "age" else frame.group_max(),
            }
            ours = evaluation.by("age", task=task, metrics=list(metrics))
            for metric in metrics:
                np.testing.assert_allclose(
                    ours[metric].to_numpy(), frame.by_group[metric].to_numpy(float), rtol=1e-12
                )
                assert evaluation.value(f"{task}/{metric}") == pytest.approx(
                    frame.overall[metric], rel=1e-12
                )
                for stat, values in stats.items():
                    found = evaluation.value(f"{task}/{metric}", by="age", stat=stat)
                    assert found == pytest.approx(values[metric], rel=1e-12, nan_ok=True)


class TestCrossed:
    def test_cells_are_those_of_pandas(self) -> None:
        table = make_predictions(120)
        evaluation = BinnedEvaluator(
            [("age", "gender")], BINS, n_boot=0, min_count=1, tasks=TASKS
        ).evaluate(table)
        assert evaluation.columns == ("age / gender",)
        found = evaluation.by("age / gender", task="age", metrics=["mae"])
        groups = pd.cut(
            table["age"], [-1, 20, 40, 60, 200], labels=["0-20", "20-40", "40-60", "60+"]
        )
        error = (table["age_pred"] - table["age"]).abs()
        expected = error.groupby([groups, table["gender"]], observed=False).mean()
        assert list(found.index) == [
            f"{age} / {gender}" for age in groups.cat.categories for gender in ("male", "female")
        ]
        for name, row in found.iterrows():
            assert row["mae"] == pytest.approx(expected[tuple(str(name).split(" / "))])

    def test_a_crossed_column_may_stand_beside_its_parts(self) -> None:
        table = make_predictions(60)
        evaluator = BinnedEvaluator(["gender", ("age", "gender")], BINS, n_boot=10, tasks=TASKS)
        evaluation = evaluator.evaluate(table)
        assert evaluation.columns == ("gender", "age / gender")
        crossed = evaluation.by("age / gender", task="age")
        assert crossed["n"].sum() == 60

    def test_missing_values_make_cells_that_occur(self) -> None:
        table = make_predictions(40).assign(place=["in", "out"] * 20, light=["dim", "lit"] * 20)
        table.loc[:3, "place"] = None
        table.loc[0, "light"] = None
        evaluation = BinnedEvaluator([("place", "light")], n_boot=0, min_count=1).evaluate(table)
        found = evaluation.by("place / light", task="age")["n"]
        assert found.to_dict() == {
            "in / dim": 18,
            "in / lit": 0,
            "out / dim": 0,
            "out / lit": 18,
            "missing / dim": 1,
            "missing / lit": 2,
            "missing / missing": 1,
        }
        assert evaluation.over_bins("place / light", task="age", metrics=["mae"])[
            "worst_bin"
        ].item() in ("in / dim", "out / lit")

    def test_too_many_cells(self) -> None:
        table = make_predictions(40).assign(light=np.arange(40.0))
        with pytest.raises(InvalidArgumentError, match="too many groups") as caught:
            BinnedEvaluator([("age", "light")], {"light": 30}, n_boot=0).evaluate(table)
        assert "bins=" in str(caught.value.hint)

    def test_a_column_crossed_with_itself(self) -> None:
        with pytest.raises(InvalidArgumentError, match="by"):
            BinnedEvaluator([("age", "age")]).evaluate(make_predictions(5))


class TestChosenMetrics:
    def test_only_those(self) -> None:
        evaluation = by_age(make_predictions(40), metrics=["mae", "accuracy"])
        frame = evaluation.to_frame()
        age = set(frame.loc[frame["task"] == "age", "metric"])
        assert age == {"support", "mae", "truth_mean", "truth_std", "n_missing_label", "n_failed"}
        gender = set(frame.loc[frame["task"] == "gender", "metric"])
        assert gender == {"support", "accuracy", "n_missing_label", "n_failed"}
        whole = by_age(make_predictions(40))
        assert evaluation.value("age/mae") == whole.value("age/mae")
        assert evaluation.summary()

    def test_each_task_its_own(self) -> None:
        evaluation = by_age(make_predictions(40), metrics={"age": ["rmse"]})
        metrics = evaluation.to_frame().groupby("task")["metric"].agg(set)
        assert "mae" not in metrics["age"]
        assert {"f1", "roc_auc"} <= metrics["gender"]

    @pytest.mark.parametrize("n_boot", [0, 60])
    def test_functions_of_scikit_learn(self, n_boot: int) -> None:
        table = make_predictions(80)
        evaluation = by_age(
            table,
            n_boot=n_boot,
            metrics={
                "age": ["mae", sk.median_absolute_error, sk.mean_squared_error],
                "gender": [sk.accuracy_score, sk.hamming_loss],
            },
        )
        age, gender = table["age"], table["gender"]
        expected = sk.median_absolute_error(age, table["age_pred"])
        assert evaluation.value("age/median_absolute_error") == pytest.approx(expected)
        expected = sk.hamming_loss(gender, table["gender_pred"])
        assert evaluation.value("gender/hamming_loss") == pytest.approx(expected)
        assert evaluation.value(
            "gender/accuracy_score", by="age", stat="difference"
        ) == pytest.approx(by_age(table).value("gender/accuracy", by="age", stat="difference"))
        assert "median absolute error" in evaluation.summary()
        overall = evaluation.overall("age")
        assert overall.loc["median_absolute_error", "ci_low"] > 0 or n_boot == 0

    def test_resamples_of_a_function_are_those_of_the_metric_it_repeats(self) -> None:
        table = make_predictions(50)
        evaluation = by_age(table, n_boot=30, metrics={"age": ["mae", sk.mean_absolute_error]})
        overall = evaluation.overall("age")
        limits = ["value", "ci_low", "ci_high"]
        np.testing.assert_allclose(
            overall.loc["mae", limits].to_numpy(float),
            overall.loc["mean_absolute_error", limits].to_numpy(float),
            rtol=1e-12,
        )

    @pytest.mark.parametrize(
        ("metrics", "match"),
        [
            ("mae", "not a choice"),
            (["beauty"], "beauty"),
            ({"mood": ["mae"]}, "mood"),
            ({"age": "mae"}, "age"),
            ({"age": ["accuracy"]}, "accuracy"),
            ([sk.mean_absolute_error], "unclear"),
            ({"age": [lambda t, p: 0.0]}, "lambda"),
            ({"age": [3]}, "not a metric"),
            ({"age": [sk.max_error, sk.max_error]}, "taken"),
        ],
    )
    def test_what_cannot_be_computed(self, metrics: Any, match: str) -> None:
        with pytest.raises((ValueError, TypeError), match=match):
            by_age(make_predictions(20), metrics=metrics)

    @pytest.mark.parametrize(
        ("metrics", "columns"),
        [(["roc_auc"], "gender_prob_<class>"), (["coverage"], "age_low and age_high")],
    )
    def test_what_a_metric_needs_is_named(self, metrics: list[str], columns: str) -> None:
        plain = make_predictions(20).drop(columns=["gender_prob_male", "gender_prob_female"])
        with pytest.raises(TableError, match="needs columns that are missing") as caught:
            by_age(plain, metrics=metrics)
        assert columns in str(caught.value.expected)
        assert by_age(plain).value("gender/accuracy") > 0

    def test_a_function_that_fails_tells_its_name(self) -> None:
        def broken(truth: Any, prediction: Any) -> float:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as caught:
            by_age(make_predictions(20), metrics={"age": [broken]})
        assert "'broken' failed on 20 rows" in caught.value.__notes__[0]

    def test_a_function_that_gives_no_number(self) -> None:
        def pair(truth: Any, prediction: Any) -> Any:
            return truth, prediction

        with pytest.raises(TypeError, match="gave no number"):
            by_age(make_predictions(20), metrics={"age": [pair]})


def test_an_interval_holds_a_difference_that_every_resample_exceeds() -> None:
    error = [1.0, -1.0, 3.0, -3.0] * 10
    table = pd.DataFrame({"x": 0.0, "x_pred": error * 4, "group": np.repeat(list("abcd"), 40)})
    evaluation = BinnedEvaluator("group", n_boot=100).evaluate(table)
    row = evaluation.over_bins("group", metrics=["mae"]).loc["mae"]
    assert row["difference"] == row["difference_low"] == 0.0
    assert row["difference_high"] > 0
