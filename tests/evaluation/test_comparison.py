"""compare: against plain computations, scipy and statsmodels' definitions, and its promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import faceattr
from faceattr.evaluation import BinnedEvaluator, Comparison, compare
from faceattr.evaluation.comparison.significance import bootstrap_p, holm, mcnemar_p
from faceattr.exceptions import FaceAttrError, InvalidArgumentError, TableError
from faceattr.tables import read_table, write_table
from prediction_samples import TASKS, make_predictions

COLUMNS = ["task", "metric", "by", "bin", "n", "value_a", "value_b", "difference"]
COLUMNS += ["ci_low", "ci_high", "p", "p_holm"]
BINS = {"age": [0, 40, None]}


def make_pair(
    n: int = 200, seed: int = 0, better: float = 0.5
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make two models of the same images; b takes away a share of a's errors."""
    a = make_predictions(n, seed)
    rng = np.random.default_rng(seed + 1)
    b = a.assign(age_pred=a["age"] + 0.5 * (a["age_pred"] - a["age"]))
    female = np.where(rng.random(n) < 0.3, a["gender"] == "female", a["gender_prob_female"])
    female = np.clip(female, 0.02, 0.98)
    names = np.where(female > 0.5, "female", "male")
    return a, b.assign(gender_pred=names, gender_prob_female=female, gender_prob_male=1 - female)


def compared(a: Any, b: Any, quality: pd.DataFrame | None = None, **options: Any) -> Comparison:
    settings = {"n_boot": 100, "tasks": TASKS, "bins": BINS, "by": "age"} | options
    return compare(a, b, quality, evaluator=BinnedEvaluator(**settings))


def line(comparison: Comparison, task: str, metric: str, bin_: str = "overall") -> pd.Series:
    frame = comparison.to_frame()
    rows = frame[(frame["task"] == task) & (frame["metric"] == metric) & (frame["bin"] == bin_)]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.fixture(scope="module")
def pair() -> tuple[pd.DataFrame, pd.DataFrame]:
    return make_pair()


@pytest.fixture(scope="module")
def comparison(pair: tuple[pd.DataFrame, pd.DataFrame]) -> Comparison:
    return compared(*pair)


class TestFrame:
    def test_columns_and_types(self, comparison: Comparison, tmp_path_factory: Any) -> None:
        frame = comparison.to_frame()
        assert list(frame.columns) == COLUMNS
        assert not frame.duplicated(["task", "metric", "by", "bin"]).any()
        assert frame["n"].dtype == "int64"
        path = write_table(frame, tmp_path_factory.mktemp("comparison") / "comparison.csv")
        pd.testing.assert_frame_equal(read_table(path), frame, check_exact=True)

    def test_it_is_a_public_name(self) -> None:
        assert faceattr.compare is compare

    def test_values_are_those_of_the_evaluator(
        self, pair: tuple[pd.DataFrame, pd.DataFrame], comparison: Comparison
    ) -> None:
        evaluator = BinnedEvaluator("age", BINS, n_boot=0, tasks=TASKS)
        sides = [evaluator.evaluate(table).to_frame() for table in pair]
        frame = comparison.to_frame()
        for whole, column in zip(sides, ["value_a", "value_b"], strict=True):
            side = whole[whole["class"].isin(["", "overall"])]
            over = side["stat"] != "value"
            side["bin"] = side["bin"].where(~over, "over bins: " + side["stat"])
            joined = frame.merge(side, on=["task", "metric", "by", "bin"], how="left")
            assert joined["value"].notna().sum() > 60
            pd.testing.assert_series_equal(
                joined[column], joined["value"], check_names=False, rtol=1e-12
            )
        np.testing.assert_array_equal(frame["difference"], frame["value_b"] - frame["value_a"])

    def test_intervals_hold_the_difference(self, comparison: Comparison) -> None:
        frame = comparison.to_frame().dropna(subset=["ci_low"])
        assert len(frame) > 50
        assert frame["difference"].between(frame["ci_low"], frame["ci_high"]).all()

    def test_p_is_small_where_the_interval_omits_0(self, comparison: Comparison) -> None:
        frame = comparison.to_frame().dropna(subset=["p"])
        frame = frame[frame["metric"] != "accuracy"]
        omits = (frame["ci_low"] > 0) | (frame["ci_high"] < 0)
        assert omits.any()
        assert not omits.all()
        assert (frame.loc[omits, "p"] <= 0.06).all()
        assert (frame.loc[~omits, "p"] > 0.04).all()

    def test_pairs_are_judged_on_the_same_resamples(self) -> None:
        """The paired interval of a shift is that of the shift, though the errors vary widely."""
        rng = np.random.default_rng(0)
        error = rng.normal(0, 30, 300)
        a = pd.DataFrame({"x": 100.0, "x_pred": 100 + np.abs(error) + 1})
        b = a.assign(x_pred=a["x_pred"] - 1)
        row = line(compare(a, b, n_boot=200), "x", "mae")
        assert row["difference"] == pytest.approx(-1)
        assert row["ci_low"] == pytest.approx(-1)
        assert row["ci_high"] == pytest.approx(-1)
        assert row["p"] == pytest.approx(2 / 201)


class TestSignificance:
    @given(st.integers(0, 60), st.integers(0, 60))
    def test_mcnemar_is_the_binomial_test(self, only_a: int, only_b: int) -> None:
        n = only_a + only_b
        tail = stats.binom.cdf(min(only_a, only_b), n, 0.5)
        assert mcnemar_p(only_a, only_b) == pytest.approx(min(1.0, 2 * tail))

    @given(st.lists(st.floats(0, 1), max_size=12))
    def test_holm_against_its_definition(self, values: list[float]) -> None:
        found = holm(values)
        order = np.argsort(values, kind="stable")
        highest = 0.0
        for step, place in enumerate(order):
            highest = max(highest, min(1.0, (len(values) - step) * values[place]))
            assert found[place] == pytest.approx(highest)

    def test_holm_leaves_nan_out(self) -> None:
        np.testing.assert_array_equal(holm([np.nan, 0.01, 0.5]), [np.nan, 0.02, 0.5])

    def test_equal_models(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        frame = compared(pair[0], pair[0].copy()).to_frame().dropna(subset=["p"])
        assert (frame["difference"] == 0).all()
        assert (frame[["p", "p_holm"]] == 1).all(axis=None)

    def test_p_is_even_where_there_is_no_difference(self) -> None:
        """Of many pairs of equally good models about one in twenty seems to differ."""
        rng = np.random.default_rng(3)
        evaluator = BinnedEvaluator((), n_boot=200, metrics=["mae"])
        found = []
        for _ in range(150):
            table = pd.DataFrame({"x": np.zeros(60), "x_pred": rng.normal(0, 1, 60)})
            other = table.assign(x_pred=rng.normal(0, 1, 60))
            result = compare(table, other, evaluator=evaluator)
            found.append(line(result, "x", "mae")["p"])
        assert np.mean(np.array(found) < 0.05) <= 0.12
        assert 0.35 <= np.mean(np.array(found) < 0.5) <= 0.65

    def test_a_p_needs_half_of_the_resamples(self) -> None:
        samples = np.array([[1.0, np.nan], [1.0, np.nan], [1.0, 1.0]])
        np.testing.assert_allclose(bootstrap_p(samples), [0.5, np.nan])

    def test_accuracy_by_mcnemar(
        self, pair: tuple[pd.DataFrame, pd.DataFrame], comparison: Comparison
    ) -> None:
        a, b = ((table["gender"] == table["gender_pred"]).to_numpy() for table in pair)
        row = comparison.mcnemar("gender").iloc[0]
        counts = [(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()]
        assert row[["both_right", "only_a", "only_b", "both_wrong"]].tolist() == counts
        expected = stats.binomtest(int(counts[1]), int(counts[1] + counts[2])).pvalue
        assert row["p"] == pytest.approx(expected)
        assert line(comparison, "gender", "accuracy")["p"] == pytest.approx(expected)

    def test_holm_over_the_bins_of_a_column(self, comparison: Comparison) -> None:
        frame = comparison.to_frame()
        rows = frame[(frame["metric"] == "f1") & (frame["by"] == "age")]
        bins = rows[~rows["bin"].str.startswith("over bins")]
        np.testing.assert_allclose(bins["p_holm"], holm(bins["p"]))
        assert len(bins) == 2
        others = frame.drop(index=bins.index)
        others = others[(others["by"] == "overall") | others["bin"].str.startswith("over bins")]
        pd.testing.assert_series_equal(others["p"], others["p_holm"], check_names=False)


class TestSameImages:
    def test_the_order_of_rows_changes_nothing(
        self, pair: tuple[pd.DataFrame, pd.DataFrame], comparison: Comparison
    ) -> None:
        a, b = (table.sample(frac=1, random_state=k) for k, table in enumerate(pair))
        pd.testing.assert_frame_equal(
            compared(a, b).to_frame(), comparison.to_frame(), check_exact=True
        )

    def test_those_that_differ_are_named(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        a, b = pair
        with pytest.raises(TableError, match="not the same images") as caught:
            compared(a, b.iloc[2:])
        assert caught.value.rows == ("00000.jpg", "00001.jpg")
        assert caught.value.argument == "b"
        extra = pd.concat([b, b.tail(1).assign(sample_id="new.jpg")])
        with pytest.raises(TableError, match="adds 1 such as"):
            compared(a, extra)
        with pytest.raises(TableError, match="an id stands on more than one row"):
            compared(a, pd.concat([b, b.head(1)]))

    def test_tables_without_ids_are_taken_row_by_row(self) -> None:
        a, b = (table.drop(columns=["sample_id", "path"]) for table in make_pair(60))
        assert line(compared(a, b), "age", "mae")["difference"] < 0
        with pytest.raises(TableError, match="not the same images"):
            compared(a, b.iloc[1:])

    def test_one_table_without_ids(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        with pytest.raises(TableError, match="sample_id") as caught:
            compared(pair[0], pair[1].drop(columns="sample_id"))
        assert "b" in str(caught.value.argument)

    @pytest.mark.parametrize(("column", "value"), [("age", 3.5), ("gender", "male")])
    def test_labels_that_differ(
        self, pair: tuple[pd.DataFrame, pd.DataFrame], column: str, value: Any
    ) -> None:
        a, b = pair[0], pair[1].copy()
        row = int(np.flatnonzero(a[column] != value)[0])
        b.loc[row, column] = value
        with pytest.raises(TableError, match="different labels") as caught:
            compared(a, b)
        assert caught.value.rows == (a["sample_id"][row],)

    def test_a_label_that_one_table_lacks(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        a, b = pair[0], pair[1].copy()
        b.loc[4, "age"] = np.nan
        with pytest.raises(TableError, match="different labels"):
            compared(a, b, by=(), bins=None)

    def test_rows_that_one_side_could_not_predict_are_counted(
        self, pair: tuple[pd.DataFrame, pd.DataFrame]
    ) -> None:
        a, b = pair[0].copy(), pair[1].copy()
        a.loc[:2, "age_pred"] = np.nan
        b.loc[2:3, "age_pred"] = np.nan
        a.loc[9, "age"] = b.loc[9, "age"] = np.nan
        comparison = compared(a, b, by=(), bins=None)
        assert comparison.left_out.loc["age"].tolist() == [195, 3, 2, 1]
        assert comparison.left_out.loc["gender", "n"] == 200
        kept = [k for k in range(200) if k not in {0, 1, 2, 3, 9}]
        expected = (a["age_pred"] - a["age"]).abs()[kept].mean()
        assert line(comparison, "age", "mae")["value_a"] == pytest.approx(expected)

    def test_grouping_by_a_prediction(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        with pytest.raises(TableError, match="differs between the tables"):
            compared(*pair, by="age_pred", bins=None)

    def test_a_quality_table(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        quality = pd.DataFrame({"sample_id": pair[0]["sample_id"][20:], "light": 1.0})
        comparison = compared(*pair, quality, by="light", bins={"light": [0, 2]})
        table = comparison.table("age", by="light", metrics=["mae"])
        assert table["n"].tolist()[:2] == [180, 20]
        assert table.index.get_level_values("bin").tolist()[:2] == ["0-2", "not scored"]


class TestSeeds:
    def test_figures_are_means_over_tables(self) -> None:
        a, b = make_pair(80, 0)
        a2 = a.assign(age_pred=a["age"] + 3.0)
        comparison = compared([a, a2], [b])
        expected = np.mean([(t["age_pred"] - t["age"]).abs().mean() for t in (a, a2)])
        assert line(comparison, "age", "mae")["value_a"] == pytest.approx(expected)
        assert "Means over 2 and 1 tables" in comparison.summary()
        with pytest.raises(InvalidArgumentError, match="two tables"):
            comparison.mcnemar()
        improved = comparison.improved("age", 3)
        row = a["sample_id"] == improved["sample_id"][0]
        both = [float(t.loc[row, "age_pred"].item()) for t in (a, a2)]
        assert improved["pred_a"][0] == pytest.approx(np.mean(both))

    def test_a_table_twice_is_the_table(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        once, twice = compared(*pair).to_frame(), compared([pair[0]] * 2, [pair[1]] * 2).to_frame()
        chosen = once["metric"] != "accuracy"  # its p is exact where there is one table a side
        pd.testing.assert_frame_equal(once[chosen], twice[chosen], rtol=1e-9)


class TestViews:
    def test_both_models_side_by_side(self, comparison: Comparison) -> None:
        table = comparison.table("age")
        assert list(table.columns) == [
            *("n", "a", "b", "difference", "low", "high", "percent", "p", "p_holm")
        ]
        row = table.loc["mae"]
        assert row["percent"] == pytest.approx(100 * (row["b"] - row["a"]) / row["a"])
        assert row["percent"] == pytest.approx(-50, abs=1)
        bins = comparison.table("gender", by="age", metrics=["accuracy"])
        assert [name for _, name in bins.index][:3] == ["0-40", "40+", "over bins: mean"]

    def test_what_improved_and_worsened_most(
        self, pair: tuple[pd.DataFrame, pd.DataFrame], comparison: Comparison
    ) -> None:
        a, b = pair
        change = (b["age_pred"] - b["age"]).abs() - (a["age_pred"] - a["age"]).abs()
        improved = comparison.improved("age", 5)
        assert improved["sample_id"].tolist() == a["sample_id"][change.nsmallest(5).index].tolist()
        assert comparison.worsened("age").empty
        worsened = comparison.worsened("gender", 4)
        assert (worsened["change"] > 0).all()
        assert set(worsened["gender"]) <= {"male", "female"}

    def test_the_text(self, comparison: Comparison) -> None:
        text = comparison.summary()
        assert "age (years): 200 images compared" in text
        assert "gender, accuracy by age" in text
        assert "p (Holm)" in text
        assert max(map(len, text.splitlines())) <= 100

    def test_the_figure(self, comparison: Comparison) -> None:
        figure = comparison.plot()
        titles = [ax.get_title(loc="left") for ax in figure.axes]
        assert titles == ["age MAE (years): b - a (n = 200)", "gender accuracy: b - a (n = 200)"]
        ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
        assert ticks[0] == "overall (200)"
        assert len(comparison.plot("age").axes) == 1

    def test_asking_for_what_is_not_there(self, comparison: Comparison) -> None:
        for call in (
            lambda: comparison.table("mood"),
            lambda: comparison.table("age", by="light"),
            lambda: comparison.table("age", metrics=["truth_mean"]),
            lambda: comparison.mcnemar("age"),
            comparison.improved,
            lambda: comparison.improved("age", 0),
        ):
            with pytest.raises(InvalidArgumentError):
                call()


class TestInput:
    @pytest.mark.parametrize("side", [[], "predictions.csv", 3, [1, 2]])
    def test_what_is_no_table(self, pair: tuple[pd.DataFrame, pd.DataFrame], side: Any) -> None:
        with pytest.raises(FaceAttrError) as caught:
            compare(pair[0], side)
        assert str(caught.value.argument).startswith("b")

    def test_settings_given_twice(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        with pytest.raises(InvalidArgumentError, match="twice"):
            compare(*pair, by="age", evaluator=BinnedEvaluator())
        with pytest.raises(TypeError, match="not an evaluator"):
            compare(*pair, evaluator=3)  # type: ignore[arg-type]

    def test_the_tables_are_not_changed(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        a, b = (table.sample(frac=1, random_state=0) for table in pair)
        before = a.copy(), b.copy()
        evaluator = BinnedEvaluator(n_boot=5)
        compare(a, b, evaluator=evaluator)
        pd.testing.assert_frame_equal(a, before[0])
        pd.testing.assert_frame_equal(b, before[1])
        assert evaluator.tasks is None

    def test_no_task_in_common(self) -> None:
        a = pd.DataFrame({"x": [1.0], "x_pred": [1.0]})
        with pytest.raises(TableError, match="no task"):
            compare(a, pd.DataFrame({"y": [1.0], "y_pred": [1.0]}))

    def test_tasks_are_those_that_both_have(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        ages = pair[1][["sample_id", "age", "age_pred"]]
        assert list(compare(pair[0], ages, n_boot=0).tasks) == ["age"]

    def test_a_model_without_probabilities(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        plain = pair[1].drop(columns=["gender_prob_male", "gender_prob_female"])
        metrics = set(compared(pair[0], plain, n_boot=0).to_frame()["metric"])
        assert "accuracy" in metrics
        assert "log_loss" not in metrics

    def test_a_model_that_never_says_a_class(self) -> None:
        a = pd.DataFrame({"g": ["x", "y"] * 10, "g_pred": ["x", "y"] * 10})
        b = a.assign(g_pred="x")
        comparison = compare(a, b, n_boot=20)
        assert line(comparison, "g", "accuracy")["value_b"] == 0.5
        assert comparison.tasks["g"].classes == ("x", "y")  # type: ignore[union-attr]

    def test_no_resamples(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        frame = compared(*pair, n_boot=0).to_frame()
        assert frame["ci_low"].isna().all()
        exact = (frame["metric"] == "accuracy") & ~frame["bin"].str.startswith("over bins")
        assert frame.loc[exact, "p"].notna().all()
        assert frame.loc[~exact, "p"].isna().all()
