"""What is shown of a calibration: reliability, coverage over splits, before and after."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calibration_samples import TASKS, make_predictions
from faceattr import BinnedEvaluator, ClassificationTask
from faceattr.calibration import Calibration
from faceattr.evaluation import (
    Calibrator,
    abstention_curve,
    before_and_after,
    coverage_over_splits,
    reliability,
)
from faceattr.exceptions import FaceAttrError, InvalidArgumentError, InvalidTypeError, TableError

AGES = {"age": [0, 30, 60, None]}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_predictions(800)


class TestReliability:
    @pytest.mark.parametrize("label", [None, "female", "male"])
    def test_it_sums_up_to_the_metric(self, table, label) -> None:
        rows = reliability(table, TASKS["gender"], label=label)
        gaps = (rows["n"] * (rows["share"] - rows["mean_confidence"]).abs()).sum() / rows["n"].sum()
        evaluation = BinnedEvaluator(by=(), n_boot=0, tasks=TASKS).evaluate(table)
        assert gaps == pytest.approx(evaluation.value(f"gender/ece/{label or 'overall'}"), rel=1e-9)
        assert rows["n"].sum() == len(table)

    def test_a_bin_by_hand(self, table) -> None:
        row = reliability(table, "gender", n_bins=10).iloc[-2]
        sure = table[["gender_prob_male", "gender_prob_female"]].max(axis=1)
        inside = table[(sure > 0.8) & (sure <= 0.9)]
        assert row["n"] == len(inside)
        share = (inside["gender"] == inside["gender_pred"]).mean()
        assert row["share"] == pytest.approx(share)
        from scipy.stats import binomtest

        wilson = binomtest(round(share * len(inside)), len(inside)).proportion_ci(method="wilson")
        assert row[["ci_low", "ci_high"]].tolist() == pytest.approx([wilson.low, wilson.high])

    def test_calibrated_probabilities_are_closer(self, table) -> None:
        calibration = Calibrator(tasks=TASKS).fit(make_predictions(3000, seed=9))

        def gap(rows: pd.DataFrame) -> float:
            return float((rows["n"] * (rows["share"] - rows["mean_confidence"]).abs()).sum())

        before = reliability(table, "gender")
        assert gap(reliability(calibration.apply(table), "gender")) < 0.6 * gap(before)

    def test_edges(self) -> None:
        table = pd.DataFrame({"x": ["a", "b"], "x_pred": "a", "x_prob_a": [1.0, 0.0]})
        rows = reliability(table, ClassificationTask("x", ("b", "a")), n_bins=4, confidence=1)
        assert rows["n"].tolist() == [1, 0, 0, 1]
        assert rows["ci_low"].isna().tolist() == [False, True, True, False]

    @pytest.mark.parametrize(
        ("task", "options"),
        [("age", {}), ("weight", {}), ("gender", {"label": "x"}), ("gender", {"n_bins": 0}),
         ("gender", {"confidence": 2}), (TASKS["age"], {})],
    )  # fmt: skip
    def test_arguments(self, table, task, options) -> None:
        with pytest.raises(FaceAttrError):
            reliability(table, task, **options)


class TestSplits:
    def test_each_split_is_what_calibrators_give(self, table) -> None:
        """The same draws, fitted and applied by hand."""
        rng = np.random.default_rng(3)
        calibrator = Calibrator(0.8, "camera", score="normalized", tasks=TASKS["age"])
        found = coverage_over_splits(table, calibrator=calibrator, n_splits=5, seed=3, share=0.6)
        coverage, width = [], []
        for _ in range(5):
            order = rng.permutation(800)
            fitted, tested = table.iloc[order[:480]], table.iloc[order[480:]]
            rows = calibrator.fit(fitted).apply(tested)
            coverage.append(rows["age"].between(rows["age_low"], rows["age_high"]).mean())
            width.append((rows["age_high"] - rows["age_low"]).mean())
        row = found.iloc[0]
        assert row["coverage"] == pytest.approx(np.mean(coverage))
        assert row["width"] == pytest.approx(np.mean(width))
        reach = 1.96 * np.std(coverage, ddof=1) / np.sqrt(5)
        assert row["mean_high"] - row["coverage"] == pytest.approx(reach)
        ends = np.quantile(coverage, [0.025, 0.975])
        assert row[["coverage_low", "coverage_high"]].tolist() == pytest.approx(list(ends))

    def test_groups_add_up_and_the_level_is_met(self, table) -> None:
        found = coverage_over_splits(
            table, calibrator=Calibrator(0.9, tasks=TASKS), by=["age", "gender"], bins=AGES
        )
        whole, ages = found.iloc[0], found[found["by"] == "age"]
        assert whole["n_test"] == 400
        assert ages["n"].sum() == 800
        assert abs(whole["coverage"] - 0.9) < 0.01
        assert whole["mean_low"] <= whole["coverage"] <= whole["mean_high"]
        weighted = (ages["coverage"] * ages["n_test"]).sum() / ages["n_test"].sum()
        assert weighted == pytest.approx(whole["coverage"], abs=1e-3)
        assert ages["coverage"].is_monotonic_decreasing  # one width, and errors that grow

    def test_own_groups_are_nearer_to_the_level(self, table) -> None:
        options = {"by": "age_pred", "bins": {"age_pred": [0, 30, 60, None]}, "n_splits": 100}
        own = Calibrator(0.9, "age_pred", options["bins"], tasks=TASKS)
        plain = coverage_over_splits(table, calibrator=Calibrator(tasks=TASKS), **options)
        grouped = coverage_over_splits(table, calibrator=own, **options)
        far = [(rows["coverage"][1:] - 0.9).abs().max() for rows in (plain, grouped)]
        assert far[0] > 0.05
        assert far[1] < 0.015

    def test_the_seed_decides_and_the_order_of_rows_does_not(self, table) -> None:
        first = coverage_over_splits(table, n_splits=9)
        again = coverage_over_splits(table.sample(frac=1, random_state=0), n_splits=9)
        pd.testing.assert_frame_equal(first, again)
        assert not coverage_over_splits(table, n_splits=9, seed=1).equals(first)

    def test_groups_of_the_quality_table_and_empty_ones(self, table) -> None:
        quality = pd.DataFrame({"sample_id": table["sample_id"][:700], "blur": 1.5})
        found = coverage_over_splits(
            table, quality, by="blur", bins={"blur": [0, 1, 2]}, n_splits=3
        )
        rows = found[found["by"] == "blur"].set_index("bin")
        assert rows["n"].to_dict() == {"0-1": 0, "1-2": 700, "not scored": 100}
        assert rows["coverage"].isna().tolist() == [True, False, False]

    def test_rows_that_do_not_serve(self, table) -> None:
        with pytest.raises(TableError, match="trained on"):
            coverage_over_splits(table.assign(split="train"))
        with pytest.raises(TableError, match="already"):
            coverage_over_splits(Calibrator(tasks=TASKS).fit(table).apply(table))
        with pytest.raises(TableError, match="no task of numbers"):
            coverage_over_splits(table, calibrator=Calibrator(tasks=TASKS["gender"]))
        with pytest.raises(TableError, match="too few rows"):
            coverage_over_splits(table.iloc[:10])

    @pytest.mark.parametrize("options", [{"n_splits": 0}, {"share": 1}, {"seed": -1}])
    def test_arguments(self, table, options) -> None:
        with pytest.raises(InvalidArgumentError):
            coverage_over_splits(table, **options)


class TestBeforeAndAfter:
    def test_figures_of_both(self, table) -> None:
        others = make_predictions(800, seed=5).assign(sample_id="other")
        calibration = Calibrator(tasks=TASKS).fit(others)
        evaluator = BinnedEvaluator(by=(), n_boot=30, tasks=TASKS)
        frame = before_and_after(calibration, table, evaluator=evaluator)
        rows = frame[frame["class"] == "overall"].set_index(["metric", "stage"])["value"]
        for metric in ("log_loss", "brier", "ece"):
            assert rows[metric, "after"] < rows[metric, "before"]
        assert rows["accuracy", "after"] == rows["accuracy", "before"]
        coverage = frame[frame["metric"] == "coverage"]
        assert coverage["stage"].tolist() == ["after"]
        assert 0.87 < coverage["value"].iloc[0] < 0.93

    def test_rows_that_it_was_fitted_on(self, table) -> None:
        calibration = Calibrator(tasks=TASKS).fit(table.iloc[:400])
        with pytest.raises(TableError, match="fitted on these rows") as caught:
            before_and_after(calibration, table)
        assert len(caught.value.rows) == 400
        assert len(
            before_and_after(
                calibration, table.iloc[400:], evaluator=BinnedEvaluator(by=(), n_boot=0)
            )
        )

    def test_one_that_was_loaded_cannot_tell(self, table) -> None:
        calibration = Calibrator(tasks=TASKS).fit(table)
        again = Calibration.from_dict(calibration.to_dict())
        assert len(before_and_after(again, table, evaluator=BinnedEvaluator(by=(), n_boot=0)))

    def test_something_else(self, table) -> None:
        with pytest.raises(InvalidTypeError, match="not a calibration"):
            before_and_after(None, table)


class TestCurve:
    def test_the_error_falls_as_the_least_sure_are_refused(self, table) -> None:
        curves = abstention_curve(table, tasks=TASKS, n_boot=0, coverages=[1, 0.5])
        rows = curves.to_frame().set_index(["task", "by", "coverage"])["value"]
        assert rows["gender", "gender_confidence", 0.5] < rows["gender", "random", 0.5]
        sure = table[["gender_prob_male", "gender_prob_female"]].max(axis=1)
        kept = table.loc[sure.nlargest(400).index]
        wrong = (kept["gender"] != kept["gender_pred"]).mean()
        assert rows["gender", "gender_confidence", 0.5] == pytest.approx(wrong)
        near = table.loc[table["age_std"].nsmallest(400).index]
        error = (near["age"] - near["age_pred"]).abs().mean()
        assert rows["age", "age_confidence", 0.5] == pytest.approx(error)

    def test_ids_may_be_repeated_or_absent(self, table) -> None:
        first = abstention_curve(table, tasks=TASKS["gender"], n_boot=0).to_frame()
        for other in (table.assign(sample_id="x"), table.drop(columns="sample_id")):
            again = abstention_curve(other, tasks=TASKS["gender"], n_boot=0).to_frame()
            pd.testing.assert_frame_equal(first, again)

    def test_a_number_without_deviation_has_no_curve(self, table) -> None:
        with pytest.raises(TableError, match="age_std"):
            abstention_curve(table.drop(columns="age_std"), tasks=TASKS["age"])
