"""Tables as people bring them: gaps, text among numbers, other names of classes, no rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from faceattr import BinnedEvaluator, ClassificationTask, RegressionTask
from faceattr.evaluation import Calibrator, compare, risk_coverage
from faceattr.evaluation.shares import share_interval
from faceattr.exceptions import InvalidTypeError, TableError
from faceattr.explain.plots import short_name
from faceattr.tables import tasks_from_predictions


def make_ages(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.integers(1, 90, n)
    return pd.DataFrame(
        {
            "sample_id": [f"{row:03}.png" for row in range(n)],
            "age": age,
            "age_pred": age + rng.normal(0, 5, n),
            "camera": rng.integers(1, 5, n),
        }
    )


def groups(table: pd.DataFrame, quality: pd.DataFrame | None = None) -> dict[str, int]:
    by = BinnedEvaluator(by="camera", n_boot=0).evaluate(table, quality).by("camera", task="age")
    return {str(name): int(n) for name, n in by["n"].items()}


class TestGaps:
    def test_a_gap_leaves_codes_their_groups(self) -> None:
        table = make_ages()
        whole = groups(table)
        assert list(whole) == ["1", "2", "3", "4"]
        gap = table.assign(camera=table["camera"].where(table.index > 0))
        first = str(table["camera"][0])
        assert groups(gap) == {**whole, first: whole[first] - 1, "missing": 1}

    def test_so_does_an_image_that_has_no_scores(self) -> None:
        table = make_ages()
        quality = table[["sample_id", "camera"]].iloc[1:]
        found = groups(table.drop(columns="camera"), quality)
        assert list(found) == ["1", "2", "3", "4", "not scored"]

    def test_scores_are_binned_also_where_all_are_whole(self) -> None:
        table = make_ages().rename(columns={"camera": "luminance"})
        table["luminance"] = table["luminance"] * 30.0
        found = BinnedEvaluator(by="luminance", n_boot=0).evaluate(table)
        assert "<=85" not in found.by("luminance", task="age").index
        assert "0-85" in found.by("luminance", task="age").index

    def test_intervals_hold_within_codes(self) -> None:
        rng = np.random.default_rng(1)
        table = make_ages(4000).assign(camera=np.tile([0.0, 1.0], 2000))
        noise = np.where(table["camera"] == 0, 2, 10)
        table["age_pred"] = table["age"] + noise * rng.normal(0, 1, 4000)
        table.loc[0, "camera"] = np.nan
        calibration = Calibrator(by="camera", level=0.9).fit(table)
        assert calibration["age"].interval.groups.rule.names == ("0", "1")

    @pytest.mark.parametrize("read", [str, object])
    def test_ages_read_as_text_or_objects_are_grouped_as_numbers(self, read: type) -> None:
        table = make_ages()
        plain = BinnedEvaluator(n_boot=0).evaluate(table).by("age", task="age")
        other = BinnedEvaluator(n_boot=0).evaluate(table.assign(age=table["age"].astype(read)))
        pd.testing.assert_frame_equal(other.by("age", task="age"), plain)


class TestShares:
    def test_all_right_is_not_certain(self) -> None:
        truth = ["m", "f"] * 16
        table = pd.DataFrame({"g": truth, "g_pred": truth, "age": 10.0, "age_pred": 12.0})
        found = BinnedEvaluator(n_boot=50).evaluate(table)
        low, _ = share_interval(np.array([1.0]), np.array([32.0]), 0.95)
        row = found.overall("g").T["accuracy"]
        assert row[["overall", "ci_high"]].tolist() == [1.0, 1.0]
        assert row["ci_low"] == pytest.approx(float(low[0]))
        minors = found.overall("age").T["adult_at_18"]
        assert minors["value"] == minors["ci_low"] == 0
        assert minors["ci_high"] == pytest.approx(1 - float(low[0]))

    def test_a_share_between_has_the_interval_of_resampling(self) -> None:
        rows = np.random.default_rng(2).random(300)
        table = pd.DataFrame({"age": 30.0, "age_pred": np.where(rows < 0.9, 31.0, 50.0)})
        row = BinnedEvaluator(n_boot=2000).evaluate(table).overall("age").T["within_5"]
        reach = 1.96 * np.sqrt(row["value"] * (1 - row["value"]) / 300)
        assert row["ci_low"] == pytest.approx(row["value"] - reach, abs=0.008)

    def test_one_group_is_not_equal_to_others(self) -> None:
        table = make_ages().assign(skin=["dark"] * 9 + ["light"] * 191)
        row = BinnedEvaluator(by="skin", n_boot=20).evaluate(table)
        over = row.over_bins("skin", task="age").loc["mae"]
        assert np.isnan([over["difference"], over["ratio"]]).all()
        assert over["worst"] == over["mean"]


class TestTasks:
    def test_text_among_numbers_is_told(self) -> None:
        table = make_ages()
        table["age_pred"] = table["age_pred"].astype(object)
        table.loc[7, "age_pred"] = "no face"
        with pytest.raises(TableError, match="text stands among numbers") as caught:
            tasks_from_predictions(table)
        assert caught.value.rows == ("007.png",)
        with pytest.raises(TableError, match="row 7"):
            tasks_from_predictions(table.drop(columns="sample_id"))

    def test_numbers_as_text_are_numbers_and_few_are_classes(self) -> None:
        table = make_ages().astype({"age": str, "age_pred": str})
        assert isinstance(tasks_from_predictions(table)["age"], RegressionTask)
        few = pd.DataFrame({"smile": ["0", "1"], "smile_pred": ["1", "1"]})
        assert tasks_from_predictions(few)["smile"] == ClassificationTask("smile", ("0", "1"))

    def test_classes_in_another_case_are_the_same(self) -> None:
        table = pd.DataFrame({"g": ["Male", "Female"] * 8, "g_pred": ["male", "female"] * 8})
        found = BinnedEvaluator(n_boot=0).evaluate(table)
        assert found.tasks["g"] == ClassificationTask("g", ("Female", "Male"))
        assert found.overall("g").T["accuracy"]["overall"] == 1.0

    def test_other_classes_altogether_are_told(self) -> None:
        table = pd.DataFrame({"g": ["male", "female"] * 8, "g_pred": ["Man", "Woman"] * 8})
        with pytest.raises(TableError, match="no class in common"):
            BinnedEvaluator().evaluate(table)
        wrong = pd.DataFrame({"g": ["a"] * 12, "g_pred": ["b"] * 12})
        assert BinnedEvaluator(n_boot=0).evaluate(wrong).overall("g").T["accuracy"]["overall"] == 0

    def test_booleans_with_gaps_are_classes(self) -> None:
        truth = pd.Series([True, False, None] * 8, dtype=object)
        table = pd.DataFrame({"smile": truth, "smile_pred": truth})
        assert tasks_from_predictions(table)["smile"].classes == ("False", "True")

    def test_a_gap_in_codes_beside_a_probability(self) -> None:
        table = pd.DataFrame({"smile": [0, 1, None] * 8, "smile_pred": [0, 1, 1] * 8})
        table["smile_prob_1"] = table["smile_pred"] * 0.8 + 0.1
        assert tasks_from_predictions(table)["smile"].classes == ("0", "1")
        found = BinnedEvaluator(n_boot=0).evaluate(table)
        assert found.overall("smile").T["accuracy"]["overall"] == 1.0


class TestNames:
    def test_a_dollar_is_a_dollar(self, tmp_path: Path) -> None:
        labels = ["$5_$10", "$10+"] * 10
        table = make_ages(20).assign(income=labels, income_pred=labels, camera=labels)
        found = BinnedEvaluator(by="camera", n_boot=5, min_count=2).evaluate(table)
        assert found.plot().savefig(tmp_path / "figure.png") is None
        assert found.to_html(tmp_path / "page.html").is_file()
        assert short_name("odd/\udcff\udcfe_$1_$2.jpg") == "\\udcff\\udcfe_$1_$2.jpg"


class TestComparing:
    def test_losses_are_of_one_kind(self) -> None:
        a = pd.DataFrame(
            {"sample_id": list("abcd"), "g": list("mmff"), "g_pred": list("mmff")}
        ).assign(g_prob_f=[0.4, 0.4, 0.6, 0.6])
        b = a.drop(columns="g_prob_f").assign(g_pred=list("fmff"))
        comparison = compare(a, b, by=())
        assert comparison.improved().empty
        assert comparison.worsened()["sample_id"].tolist() == ["a"]

    def test_repeated_ids_say_nothing_of_which_belong_together(self) -> None:
        a = make_ages(40).assign(sample_id=[f"{row // 2}" for row in range(40)])
        with pytest.raises(TableError, match="more than one row"):
            compare(a, a.sample(frac=1, random_state=0), by=())

    def test_groups_that_are_more_alike_are_better(self) -> None:
        rng = np.random.default_rng(0)
        a = make_ages(600).assign(camera=np.repeat([1, 2], 300))
        a["age_pred"] = a["age"] + rng.normal(0, 5, 600)
        b = a.assign(age_pred=a["age_pred"].where(a["camera"] == 1, a["age"] + 0.5))
        text = compare(a, b, by="camera", n_boot=200).summary().split("MAE by", 1)[-1]
        lines = {line.split()[0]: line.split()[-1] for line in text.splitlines() if line.strip()}
        assert (lines["difference"], lines["ratio"]) == ("a", "a")
        assert lines["mean"] == "b"


class TestArguments:
    def test_a_table_without_rows(self) -> None:
        table = make_ages().assign(camera="x").iloc[:0]
        found = BinnedEvaluator(by="camera").evaluate(table)
        assert found.by("camera", task="age")["n"].tolist() == [0]
        assert "0 rows evaluated" in found.summary()
        assert found.plot() is not None

    @pytest.mark.parametrize("by", [5, [1], [["age", 2]], [None]])
    def test_what_is_no_column(self, by: object) -> None:
        with pytest.raises(InvalidTypeError) as caught:
            BinnedEvaluator(by=by).evaluate(make_ages())  # type: ignore[arg-type]
        assert caught.value.argument == "by"

    def test_a_column_of_lists(self) -> None:
        table = make_ages(20).assign(camera=[[1]] * 20)
        with pytest.raises(InvalidTypeError, match="'camera'"):
            BinnedEvaluator(by="camera").evaluate(table)

    def test_what_is_no_task(self) -> None:
        with pytest.raises(InvalidTypeError, match="not a task"):
            BinnedEvaluator(tasks=5).evaluate(make_ages())  # type: ignore[arg-type]

    def test_two_columns_of_one_name(self) -> None:
        table = make_ages()
        twice = pd.concat([table, table[["age_pred"]]], axis=1)
        with pytest.raises(TableError, match="same name"):
            Calibrator().fit(twice)

    @pytest.mark.parametrize("coverages", [None, 0.5, np.int64(1)])
    def test_shares_that_are_no_sequence(self, coverages: object) -> None:
        table = make_ages()
        quality = table[["sample_id"]].assign(sharpness=np.arange(200.0))
        with pytest.raises(InvalidTypeError) as caught:
            risk_coverage(table, quality, worst={"sharpness": "low"}, coverages=coverages)  # type: ignore[arg-type]
        assert caught.value.argument == "coverages"
