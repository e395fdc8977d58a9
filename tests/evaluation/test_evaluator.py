from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr.binning import AGE_BINS, Bins
from faceattr.evaluation import BinnedEvaluator, Evaluation
from faceattr.exceptions import InvalidArgumentError, TableError
from prediction_samples import TASKS, make_predictions

COLUMNS = ["task", "metric", "class", "by", "bin", "bin_index", "stat", "value", "n"]
COLUMNS += ["ci_low", "ci_high"]


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    return make_predictions()


@pytest.fixture(scope="module")
def evaluation(predictions: pd.DataFrame) -> Evaluation:
    return BinnedEvaluator(n_boot=200, tasks=TASKS).evaluate(predictions)


def figures(evaluation: Evaluation, metric: str, by: str, task: str = "age") -> pd.DataFrame:
    frame = evaluation.to_frame()
    chosen = (frame["task"] == task) & (frame["metric"] == metric) & (frame["by"] == by)
    return frame[chosen & frame["class"].isin(["", "overall"]) & (frame["stat"] == "value")]


class TestFrame:
    def test_columns_and_types(self, evaluation: Evaluation) -> None:
        frame = evaluation.to_frame()
        assert list(frame.columns) == COLUMNS
        assert all(frame[name].dtype == "str" for name in COLUMNS[:5])
        assert frame[["bin_index", "n"]].dtypes.eq("int64").all()
        assert frame[["value", "ci_low", "ci_high"]].dtypes.eq("float64").all()
        assert not frame.duplicated([*COLUMNS[:5], "stat"]).any()
        assert ((frame["stat"] == "value") == (frame["bin"] != "over bins")).all()

    def test_what_is_returned_can_be_changed_freely(self, evaluation: Evaluation) -> None:
        frame = evaluation.to_frame()
        frame["value"] = 0.0
        assert evaluation.value("age/mae") > 0

    def test_bins_keep_their_order_and_empty_ones_stay(self, predictions: pd.DataFrame) -> None:
        young = predictions[predictions["age"] <= 30]
        rows = figures(BinnedEvaluator(n_boot=0, min_count=1).evaluate(young), "mae", "age")
        assert list(rows["bin"]) == list(Bins(AGE_BINS).labels)
        assert list(rows["bin_index"]) == list(range(10))
        assert rows["n"].tolist()[4:] == [0] * 6
        assert rows["value"].isna().tolist() == [False] * 4 + [True] * 6

    def test_classes_of_rows(self, evaluation: Evaluation) -> None:
        frame = evaluation.to_frame()
        assert set(frame.loc[frame["task"] == "age", "class"]) == {""}
        assert set(frame.loc[frame["task"] == "gender", "class"]) == {"male", "female", "overall"}

    def test_the_predictions_are_not_changed(self) -> None:
        table = make_predictions(40).sample(frac=1, random_state=0)
        before = table.copy(deep=True)
        BinnedEvaluator(n_boot=10).evaluate(table)
        pd.testing.assert_frame_equal(table, before)


class TestRowsLeftOut:
    def test_they_are_counted_and_add_up(self) -> None:
        table = make_predictions(60)
        table.loc[:4, "age"] = np.nan
        table.loc[3:9, "age_pred"] = np.nan
        table.loc[10:11, "gender_pred"] = None
        table.loc[12, "gender_prob_male"] = np.nan
        table.loc[13, "gender"] = None
        frame = BinnedEvaluator(n_boot=0, tasks=TASKS).evaluate(table).to_frame()
        overall = (
            frame[frame["by"] == "overall"].set_index(["task", "class", "metric"]).sort_index()
        )
        age, gender = overall.loc[("age", "")], overall.loc[("gender", "overall")]
        assert age.loc[["support", "n_missing_label", "n_failed"], "value"].tolist() == [50, 3, 7]
        assert gender.loc[["support", "n_missing_label", "n_failed"], "value"].tolist() == [
            56,
            1,
            3,
        ]
        assert age.loc["n_failed", "n"] == 60
        by_age = frame[(frame["by"] == "age") & (frame["stat"] == "value")]
        by_age = by_age[by_age["class"] != "male"]
        by_age = by_age[by_age["class"] != "female"]
        for metric, total in (("support", 50), ("n_missing_label", 3), ("n_failed", 7)):
            rows = by_age[(by_age["metric"] == metric) & (by_age["task"] == "age")]
            assert rows["value"].sum() == total
        assert by_age["bin"].unique()[-1] == "missing"

    def test_an_image_that_could_not_be_read_is_no_error(self) -> None:
        table = make_predictions(5)
        names = [name for name in table if "_pred" in name or "_prob" in name]
        table.loc[2, names] = None
        table.loc[2, "error"] = "truncated"
        evaluation = BinnedEvaluator(n_boot=0).evaluate(table)
        assert evaluation.value("age/n_failed") == evaluation.value("gender/n_failed") == 1
        assert evaluation.value("age/support") == 4

    @pytest.mark.parametrize("n_boot", [0, 20])
    def test_no_row_at_all(self, predictions: pd.DataFrame, n_boot: int) -> None:
        evaluation = BinnedEvaluator(n_boot=n_boot, tasks=TASKS).evaluate(predictions.iloc[:0])
        assert evaluation.value("age/support") == 0
        assert np.isnan(evaluation.value("age/mae"))
        assert np.isnan(evaluation.value("gender/roc_auc"))
        assert evaluation.summary()
        evaluation.plot()

    def test_no_label_at_all(self, predictions: pd.DataFrame) -> None:
        table = predictions.assign(age=np.nan, gender=np.nan)
        evaluation = BinnedEvaluator(n_boot=20).evaluate(table)
        assert evaluation.value("gender/n_missing_label") == len(table)

    @pytest.mark.parametrize("rows", [1, 2])
    def test_tiny_groups(self, predictions: pd.DataFrame, rows: int) -> None:
        frame = BinnedEvaluator(n_boot=20, tasks=TASKS).evaluate(predictions.iloc[:rows]).to_frame()
        assert frame["n"].max() == rows
        if rows == 1:  # one row would come back unchanged and feign certainty
            assert frame["ci_low"].isna().all()

    def test_one_class_in_a_bin(self) -> None:
        table = make_predictions(40)
        table["gender"] = np.where(table["age"] <= 30, "male", table["gender"])
        evaluation = BinnedEvaluator(n_boot=50, tasks=TASKS, min_count=1).evaluate(table)
        assert np.isnan(evaluation.value("gender/roc_auc", by="age", label="14-24"))
        assert np.isnan(evaluation.value("gender/recall/female", by="age", label="14-24"))
        assert evaluation.value("gender/support/female", by="age", label="14-24") == 0
        assert np.isfinite(evaluation.value("gender/accuracy", by="age", label="14-24"))


class TestProperties:
    @given(seed=st.integers(0, 10_000), n=st.integers(1, 40))
    def test_the_order_of_rows_changes_nothing(self, seed: int, n: int) -> None:
        table = make_predictions(n, seed)
        evaluator = BinnedEvaluator(n_boot=15, tasks=TASKS)
        shuffled = table.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(
            evaluator.evaluate(table).to_frame(),
            evaluator.evaluate(shuffled).to_frame(),
            check_exact=True,
        )

    @given(seed=st.integers(0, 10_000), edge=st.integers(1, 115))
    def test_the_whole_is_the_weighted_mean_of_its_bins(self, seed: int, edge: int) -> None:
        evaluator = BinnedEvaluator(
            bins={"age": [0, edge, None]}, n_boot=0, tasks=TASKS, min_count=1
        )
        evaluation = evaluator.evaluate(make_predictions(30, seed))
        additive = {"age": ("mae", "mse", "bias", "within_5"), "gender": ("accuracy", "log_loss")}
        for task, metrics in additive.items():
            for metric in metrics:
                bins = figures(evaluation, metric, "age", task)
                mean = np.average(bins["value"].fillna(0), weights=bins["n"])
                assert evaluation.value(f"{task}/{metric}") == pytest.approx(mean, abs=1e-9)
            assert bins["n"].sum() == 30

    def test_intervals_hold_the_figure(self, evaluation: Evaluation) -> None:
        frame = evaluation.to_frame().dropna(subset=["ci_low"])
        frame = frame[frame["n"] >= 15]
        assert len(frame) > 150
        assert (frame["ci_low"] <= frame["ci_high"]).all()
        inside = (frame["ci_low"] <= frame["value"]) & (frame["value"] <= frame["ci_high"])
        assert inside.mean() > 0.99

    def test_intervals_are_as_wide_as_theory_says(self) -> None:
        rng = np.random.default_rng(0)
        error = rng.normal(0, 3, 2000)
        table = pd.DataFrame({"x": np.zeros(2000), "x_pred": error})
        row = figures(BinnedEvaluator(by=(), n_boot=1000).evaluate(table), "bias", "overall", "x")
        half = 1.96 * error.std() / np.sqrt(2000)
        assert row["ci_high"].item() - row["ci_low"].item() == pytest.approx(2 * half, rel=0.1)

    def test_intervals_cover_the_truth_as_often_as_promised(self) -> None:
        rng = np.random.default_rng(5)
        covered = 0
        for seed in range(120):
            table = pd.DataFrame({"x": 0.0, "x_pred": rng.normal(1.0, 2.0, 80)})
            evaluation = BinnedEvaluator(by=(), n_boot=200, confidence=0.9, seed=seed).evaluate(
                table
            )
            row = figures(evaluation, "bias", "overall", "x")
            covered += row["ci_low"].item() <= 1.0 <= row["ci_high"].item()
        assert 0.82 <= covered / 120 <= 0.97

    def test_more_confidence_is_a_wider_interval(self, predictions: pd.DataFrame) -> None:
        widths = []
        for confidence in (0.5, 0.95):
            evaluator = BinnedEvaluator(by=(), n_boot=100, confidence=confidence)
            row = figures(evaluator.evaluate(predictions), "mae", "overall")
            widths.append(row["ci_high"].item() - row["ci_low"].item())
        assert widths[0] < widths[1]

    def test_the_seed_decides(self, predictions: pd.DataFrame) -> None:
        first, same, other = (
            BinnedEvaluator(by=(), n_boot=30, seed=seed).evaluate(predictions).to_frame()
            for seed in (1, 1, 2)
        )
        pd.testing.assert_frame_equal(first, same, check_exact=True)
        assert not first["ci_low"].equals(other["ci_low"])
        assert first["value"].equals(other["value"])

    def test_chunks_of_resamples_change_nothing(
        self, predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evaluator = BinnedEvaluator(n_boot=30, tasks=TASKS)
        whole = evaluator.evaluate(predictions).to_frame()
        monkeypatch.setattr("faceattr.evaluation.bootstrap._CHUNK_CELLS", 7 * len(predictions))
        chunked = evaluator.evaluate(predictions).to_frame()
        pd.testing.assert_frame_equal(whole, chunked, rtol=1e-12)

    def test_all_groups_share_their_resamples(self) -> None:
        table = make_predictions(80).assign(twin=lambda t: t["age"])
        bins = {"age": [0, 50, None], "twin": [0, 50, None]}
        evaluation = BinnedEvaluator(by=["age", "twin"], bins=bins, n_boot=40).evaluate(table)
        pd.testing.assert_frame_equal(
            evaluation.by("age", task="gender"),
            evaluation.by("twin", task="gender"),
            check_names=False,
        )


class TestGroups:
    def test_categories_keep_their_order(self, predictions: pd.DataFrame) -> None:
        light = pd.Categorical(
            np.where(predictions.index % 2 == 0, "dim", "bright"), ["dim", "fair", "bright"]
        )
        table = predictions.assign(light=light)
        rows = figures(BinnedEvaluator("light", n_boot=0).evaluate(table), "mae", "light")
        assert rows[["bin", "n"]].to_numpy().tolist() == [
            ["dim", 100],
            ["fair", 0],
            ["bright", 100],
        ]

    @pytest.mark.parametrize(
        ("values", "names"),
        [
            (["b", "a", None, "missing"], ["a", "b", "missing", "(missing)"]),
            ([True, False, False, True], ["False", "True"]),
            ([3, 1, 1, 2], ["1", "2", "3"]),
            (pd.array([3, 1, None, 1], dtype="Int8"), ["1", "3", "missing"]),
        ],
        ids=["text", "bool", "few whole numbers", "nullable"],
    )
    def test_values_make_groups(self, values: Any, names: list[str]) -> None:
        table = make_predictions(4).assign(group=values)
        rows = figures(BinnedEvaluator("group", n_boot=0).evaluate(table), "mae", "group")
        assert list(rows["bin"]) == names
        assert rows["n"].sum() == 4

    def test_numbers_go_to_quantiles(self, predictions: pd.DataFrame) -> None:
        table = predictions.assign(light=np.arange(200) * 0.5)
        rows = figures(BinnedEvaluator("light", n_boot=0).evaluate(table), "mae", "light")
        assert len(rows) == 5
        assert rows["n"].between(39, 41).all()
        evaluator = BinnedEvaluator("light", bins={"light": 2}, n_boot=0)
        assert len(figures(evaluator.evaluate(table), "mae", "light")) == 2

    def test_age_is_the_default_where_there_is_one(self, predictions: pd.DataFrame) -> None:
        plain = predictions.drop(columns=["age", "age_pred"])
        assert BinnedEvaluator(n_boot=0).evaluate(predictions).columns == ("age",)
        assert BinnedEvaluator(n_boot=0).evaluate(plain).columns == ()
        ages = predictions[["sample_id", "age"]]
        assert BinnedEvaluator(n_boot=0).evaluate(plain, ages).columns == ("age",)
        with pytest.raises(TableError, match="'age'"):
            BinnedEvaluator(["age"]).evaluate(plain)

    def test_values_beyond_the_edges_have_a_bin(self, predictions: pd.DataFrame) -> None:
        evaluator = BinnedEvaluator(bins={"age": [10, 20]}, n_boot=0)
        rows = figures(evaluator.evaluate(predictions), "mae", "age")
        assert list(rows["bin"]) == ["10-20", "outside"]
        assert rows["n"].sum() == 200

    def test_a_task_of_classes_groups_in_the_order_of_its_classes(
        self, predictions: pd.DataFrame
    ) -> None:
        rows = figures(
            BinnedEvaluator("gender", n_boot=0, tasks=TASKS).evaluate(predictions), "mae", "gender"
        )
        assert list(rows["bin"]) == ["male", "female"]

    def test_too_many_groups(self, predictions: pd.DataFrame) -> None:
        table = pd.concat([predictions, predictions.assign(path=lambda t: t["path"] + "x")])
        with pytest.raises(InvalidArgumentError, match="path"):
            BinnedEvaluator("path", n_boot=0).evaluate(table)

    def test_an_unknown_column_tells_the_known_ones(self, predictions: pd.DataFrame) -> None:
        with pytest.raises(TableError) as caught:
            BinnedEvaluator("luminance").evaluate(predictions)
        assert "age_pred" in str(caught.value.expected)
        assert "quality" in str(caught.value.hint)


class TestQuality:
    def test_no_prediction_is_lost(self, predictions: pd.DataFrame) -> None:
        quality = pd.DataFrame(
            {"sample_id": predictions["sample_id"][25:][::-1], "light": np.arange(175.0)}
        )
        quality.loc[quality.index[0], "light"] = np.nan
        evaluator = BinnedEvaluator("light", bins={"light": [0, 100, None]}, n_boot=10)
        evaluation = evaluator.evaluate(predictions, quality)
        rows = figures(evaluation, "mae", "light")
        assert list(rows["bin"]) == ["0-100", "100+", "not scored"]
        assert rows["n"].sum() == 200
        assert rows["n"].iloc[-1] == 26
        right = predictions.iloc[-101:-1]
        expected = (right["age_pred"] - right["age"]).abs().mean()
        assert rows["value"].iloc[0] == pytest.approx(expected)

    def test_text_of_the_quality_table(self, predictions: pd.DataFrame) -> None:
        quality = pd.DataFrame({"sample_id": predictions["sample_id"][:50], "camera": "phone"})
        rows = figures(
            BinnedEvaluator("camera", n_boot=0).evaluate(predictions, quality), "mae", "camera"
        )
        assert rows[["bin", "n"]].to_numpy().tolist() == [["phone", 50], ["not scored", 150]]

    def test_an_image_listed_twice_stays_twice(self, predictions: pd.DataFrame) -> None:
        twice = pd.concat([predictions, predictions.iloc[:10]])
        quality = predictions[["sample_id"]].assign(light=1.0)
        evaluation = BinnedEvaluator("light", n_boot=0).evaluate(twice, quality)
        assert evaluation.value("age/support") == 210

    def test_no_shared_id_shows_two_of_each_side(self, predictions: pd.DataFrame) -> None:
        quality = pd.DataFrame({"sample_id": ["/a/1", "/a/2", "/a/3"], "light": 1.0})
        with pytest.raises(TableError, match="no id is shared") as caught:
            BinnedEvaluator("light").evaluate(predictions, quality)
        text = str(caught.value)
        assert all(shown in text for shown in ("00000.jpg", "00001.jpg", "/a/1", "/a/2"))
        assert "/a/3" not in text

    def test_repeated_ids_show_two_of_each_side(self, predictions: pd.DataFrame) -> None:
        ids = ["00000.jpg", "00001.jpg", "00001.jpg"]
        with pytest.raises(TableError, match="repeated") as caught:
            BinnedEvaluator("light").evaluate(
                predictions, pd.DataFrame({"sample_id": ids, "light": 1.0})
            )
        assert caught.value.rows == ("00001.jpg",)
        assert "00000.jpg" in str(caught.value.expected)
        assert "00001.jpg" in str(caught.value.found)

    def test_tables_without_ids(self, predictions: pd.DataFrame) -> None:
        quality = predictions[["sample_id"]].assign(light=1.0)
        with pytest.raises(TableError, match="sample_id"):
            BinnedEvaluator("light").evaluate(predictions.drop(columns="sample_id"), quality)
