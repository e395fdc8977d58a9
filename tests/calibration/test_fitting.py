"""What a calibrator fits: against other people's code, and against what theory promises."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from crepes import ConformalRegressor
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from calibration_samples import TASKS, make_predictions
from faceattr import ClassificationTask, RegressionTask
from faceattr.calibration import GroupRule, conformal_quantile, scale_probabilities
from faceattr.calibration.intervals import least_rows
from faceattr.evaluation import Abstain, Calibrator, coverage_over_splits
from faceattr.evaluation.calibration.abstaining import lower_bound
from faceattr.exceptions import (
    FaceAttrError,
    InvalidArgumentError,
    InvalidTypeError,
    TableError,
)

AGES = [0, 20, 40, 60, None]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_predictions()


def halves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    middle = len(table) // 2
    return table.iloc[:middle], table.iloc[middle:].reset_index(drop=True)


class TestAgainstCrepes:
    """Intervals equal those of crepes, fitted and predicted on the same rows."""

    @pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
    @pytest.mark.parametrize("score", ["absolute", "normalized"])
    @pytest.mark.parametrize("by", [None, "age_pred", "camera"])
    def test_the_same_intervals(self, table, level, score, by) -> None:
        fitted, new = halves(table)
        bins = {"age_pred": AGES} if by == "age_pred" else None
        calibrator = Calibrator(level, by, bins, score=score, tasks=TASKS)
        found = calibrator.fit(fitted).apply(new)
        named = {} if by is None else {"bins": self._groups(by, fitted)}
        new_named = {} if by is None else {"bins": self._groups(by, new)}
        if score == "normalized":
            named["sigmas"] = fitted["age_std"].to_numpy()
            new_named["sigmas"] = new["age_std"].to_numpy()
        other = ConformalRegressor()
        other.fit((fitted["age"] - fitted["age_pred"]).to_numpy(), **named)
        # Its rank is a rounded product: 1 - 0.9 is a little less than 0.1, and so one rank off.
        expected = other.predict_int(
            new["age_pred"].to_numpy(),
            confidence=level - 1e-12,
            y_min=0,
            y_max=116,
            **new_named,
        )
        np.testing.assert_allclose(found[["age_low", "age_high"]], expected, rtol=0, atol=1e-9)

    def _groups(self, by: str, rows: pd.DataFrame) -> np.ndarray:
        if by == "camera":
            return rows["camera"].to_numpy(dtype=object).astype(str)
        return np.digitize(rows["age_pred"], [20, 40, 60], right=True)


class TestQuantile:
    @given(
        st.lists(st.floats(-50, 50), min_size=1, max_size=60),
        st.sampled_from([0.05, 0.3, 0.55, 0.7, 0.9, 0.95]),
    )
    def test_enough_of_the_scores_are_within(self, scores, level) -> None:
        quantile = conformal_quantile(np.array(scores), level)
        within = sum(score <= quantile for score in scores)
        if len(scores) < least_rows(level):
            assert quantile == np.inf
        else:
            assert within >= (len(scores) + 1) * level - 1e-6
            assert sum(score < quantile for score in scores) < (len(scores) + 1) * level

    @pytest.mark.parametrize(("level", "n"), [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99)])
    def test_rows_that_are_needed(self, level, n) -> None:
        assert least_rows(level) == n
        assert np.isfinite(conformal_quantile(np.arange(float(n)), level))
        assert np.isinf(conformal_quantile(np.arange(float(n - 1)), level))

    def test_a_quantile_conformal_interval_by_hand(self, table) -> None:
        fitted, new = halves(table)
        found = Calibrator(0.9, score="quantile", tasks=TASKS).fit(fitted).apply(new)
        scores = np.maximum(fitted["age_q05"] - fitted["age"], fitted["age"] - fitted["age_q95"])
        q = np.sort(scores)[int(np.ceil(301 * 0.9)) - 1]
        low, high = np.maximum(new["age_q05"] - q, 0), np.minimum(new["age_q95"] + q, 116)
        np.testing.assert_allclose(found["age_low"], np.minimum(low, new["age_pred"]))
        np.testing.assert_allclose(found["age_high"], np.maximum(high, new["age_pred"]))

    def test_intervals_that_cross_reach_from_one_point_to_the_prediction(self) -> None:
        wide = pd.DataFrame({"x": [5.0] * 30, "x_pred": 5.0, "x_q05": 0.0, "x_q95": 10.0})
        calibration = Calibrator(score="quantile", tasks=RegressionTask("x")).fit(wide)
        assert calibration["x"].interval.quantile == -5.0
        found = calibration.apply(wide.assign(x_q05=3.0, x_q95=4.0))
        assert found["x_low"].eq(3.5).all()
        assert found["x_high"].eq(5.0).all()

    def test_quantiles_moved_inward_do_not_leave_the_prediction_outside(self) -> None:
        """As of babies, whose predicted age lies close to 0."""
        rng = np.random.default_rng(0)
        table = pd.DataFrame({"x": rng.uniform(1, 3, 200), "x_q05": 0.0, "x_q95": 5.0})
        table["x_pred"] = rng.uniform(0.5, 3.5, 200)
        calibrator = Calibrator(0.9, score="quantile", tasks=RegressionTask("x", bounds=(0, 9)))
        fitted = calibrator.fit(table)
        assert fitted["x"].interval.quantile < -0.5
        found = fitted.apply(table)
        assert found["x_low"].eq(table["x_pred"]).any()  # drawn to it
        assert found["x_low"].le(table["x_pred"]).all()
        assert found["x_high"].ge(table["x_pred"]).all()
        counted = coverage_over_splits(table, calibrator=calibrator, n_splits=5)
        held = table["x"].between(found["x_low"], found["x_high"])
        assert held.mean() == pytest.approx(counted["coverage"].iloc[0], abs=0.05)
        assert counted["width"].iloc[0] == pytest.approx(
            (found["x_high"] - found["x_low"]).mean(), rel=0.1
        )


class TestGuarantee:
    """Exchangeable rows: coverage is at least the level, and hardly more."""

    @pytest.mark.parametrize("score", ["absolute", "normalized", "quantile"])
    @pytest.mark.parametrize("by", [None, "camera"])
    def test_on_average_over_draws(self, score, by) -> None:
        rng = np.random.default_rng(0)
        n, level, covered = 59, 0.8, []
        for seed in range(300):
            rows = make_predictions(n + 40, seed=seed)
            shuffled = rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)
            calibrator = Calibrator(level, by, score=score, min_count=4, tasks=TASKS["age"])
            found = calibrator.fit(shuffled.iloc[:n]).apply(shuffled.iloc[n:])
            covered.append(found["age"].between(found["age_low"], found["age_high"]).mean())
        mean, reach = np.mean(covered), 4 * np.std(covered) / np.sqrt(len(covered))
        most = level + (1 / (n + 1) if by is None else 1 / 10)
        assert level - reach <= mean <= most + reach

    def test_groups_reach_the_level_where_one_width_does_not(self) -> None:
        fitted, new = make_predictions(4000, seed=1), make_predictions(4000, seed=2)
        old = new["age_pred"] > 60
        for by, low, high in ((None, 0.5, 0.85), ("age_pred", 0.88, 0.93)):
            bins = None if by is None else {"age_pred": AGES}
            found = Calibrator(0.9, by, bins, tasks=TASKS["age"]).fit(fitted).apply(new)
            inside = found["age"].between(found["age_low"], found["age_high"])
            assert low < inside[old].mean() < high


class TestTemperature:
    @pytest.mark.parametrize("seed", range(4))
    def test_the_log_loss_is_smallest(self, seed) -> None:
        rows = make_predictions(400, seed=seed)
        found = Calibrator(tasks=TASKS["gender"]).fit(rows)["gender"].temperature
        p = rows[["gender_prob_female", "gender_prob_male"]].to_numpy()
        y = rows["gender"].to_numpy(dtype=object).astype(str)

        def loss(log_t: float) -> float:
            scaled = scale_probabilities(p, float(np.exp(log_t)))
            return log_loss(y, scaled, labels=["female", "male"])

        best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
        assert found == pytest.approx(np.exp(best.x), rel=1e-4)
        assert loss(np.log(found)) <= best.fun + 1e-12
        assert 1.8 < found < 3.5

    def test_several_classes(self) -> None:
        rng = np.random.default_rng(3)
        logits = rng.normal(0, 2, (3000, 4))
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        truth = [rng.choice(list("abcd"), p=row) for row in p]
        sure = scale_probabilities(p, 1 / 3)
        table = pd.DataFrame(sure, columns=[f"x_prob_{name}" for name in "abcd"])
        table = table.assign(x=truth, x_pred=[list("abcd")[k] for k in sure.argmax(axis=1)])
        calibration = Calibrator().fit(table)
        assert calibration["x"].temperature == pytest.approx(3.0, rel=0.07)
        after = calibration.apply(table)
        np.testing.assert_allclose(after[[f"x_prob_{c}" for c in "abcd"]].sum(axis=1), 1.0)

    @given(st.floats(0.05, 20), st.lists(st.floats(0, 1), min_size=1, max_size=20))
    def test_scaling_keeps_the_order_and_the_sum(self, temperature, shares) -> None:
        p = np.column_stack([shares, 1 - np.array(shares)])
        scaled = scale_probabilities(p, temperature)
        np.testing.assert_allclose(scaled.sum(axis=1), 1.0)
        assert ((scaled[:, 0] >= scaled[:, 1]) == (p[:, 0] >= p[:, 1])).all()

    def test_one_changes_nothing_and_there_is_a_way_back(self) -> None:
        p = np.array([[1.0, 0.0], [0.3, 0.7], [np.nan, np.nan]])
        np.testing.assert_array_equal(scale_probabilities(p, 1.0), p)
        there = scale_probabilities(p[1:], 2.5)
        np.testing.assert_allclose(scale_probabilities(there, 1 / 2.5), p[1:])

    def test_all_right_has_no_best_temperature(self, caplog) -> None:
        rows = make_predictions(50).assign(gender_prob_male=0.9, gender_prob_female=0.1)
        rows = rows.assign(gender="male", gender_pred="male")
        with caplog.at_level(logging.WARNING):
            calibration = Calibrator(tasks=TASKS["gender"]).fit(rows)
        assert calibration["gender"].temperature == 1.0
        assert "no temperature is best" in caplog.text


class TestOrder:
    @pytest.mark.parametrize("by", [None, "camera", "age_pred"])
    def test_the_order_of_rows_changes_nothing(self, table, by) -> None:
        calibrator = Calibrator(by=by, abstain={"gender": Abstain(right=0.8)}, tasks=TASKS)
        shuffled = table.sample(frac=1, random_state=1)
        assert calibrator.fit(table) == calibrator.fit(shuffled)

    def test_rows_without_label_or_prediction_change_nothing(self, table) -> None:
        more = pd.concat([table, table.iloc[:9], table.iloc[:9]], ignore_index=True)
        more.loc[600:608, ["age", "gender"]] = None
        broken = ["age_pred", "age_std", "gender_pred", "gender_prob_male", "gender_prob_female"]
        more.loc[609:, broken] = None
        found = Calibrator(by="age_pred", bins={"age_pred": AGES}, tasks=TASKS).fit(more)
        assert found == Calibrator(by="age_pred", bins={"age_pred": AGES}, tasks=TASKS).fit(table)


class TestGroups:
    def test_small_groups_take_the_quantile_over_all_rows(self, table, caplog) -> None:
        table = table.assign(camera=table["camera"].where(table.index >= 5, "drone"))
        with caplog.at_level(logging.WARNING):
            calibration = Calibrator(by="camera", tasks=TASKS).fit(table)
        interval = calibration["age"].interval
        assert interval.groups.fallback == ("drone",)
        assert "fewer than 10 rows" in caplog.text
        assert "drone" in caplog.text
        found = calibration.apply(table.assign(camera=["drone", "new", None] * 200))
        width = (table["age_pred"] + interval.quantile).clip(upper=116)
        np.testing.assert_allclose(found["age_high"], width)
        frame = calibration.to_frame().set_index("bin")
        assert not frame.loc["drone", "own"]
        assert frame.loc["drone", ["n", "value"]].tolist() == [5, interval.quantile]
        assert frame.loc["phone", "own"]

    def test_a_group_never_gets_an_endless_interval(self, table) -> None:
        table = table.assign(camera=table["camera"].where(table.index >= 5, "drone"))
        calibration = Calibrator(0.95, by="camera", min_count=1, tasks=TASKS).fit(table)
        assert calibration["age"].interval.groups.fallback == ("drone",)

    def test_quality_is_joined(self, table) -> None:
        quality = pd.DataFrame({"sample_id": table["sample_id"], "blur": table["age_std"]})
        calibration = Calibrator(by="blur", tasks=TASKS["age"]).fit(table, quality)
        assert len(calibration["age"].interval.groups.rule.names) == 5
        found = calibration.apply(table, quality.iloc[::-1])
        assert calibration.apply(table.assign(blur=table["age_std"]))["age_low"].equals(
            found["age_low"]
        )
        with pytest.raises(TableError, match=r"calibration\.apply"):
            calibration.apply(table)

    def test_numbers_beyond_the_quantiles_belong_to_the_outer_ones(self, table) -> None:
        rule = GroupRule.learn(table, "age_pred", {}, TASKS)
        far = pd.DataFrame({"age_pred": [-1e3, 1e3, np.nan]})
        assert rule.assign(far).tolist() == [0, 4, -1]

    @pytest.mark.parametrize(
        ("values", "again", "codes"),
        [
            ([1, 2, 2], [1.0, 2.0, np.nan], [0, 1, -1]),
            ([True, False, True], [True, None, False], [1, -1, 0]),
            (["a", "b", None], ["b", "c", "a"], [1, -1, 0]),
            (pd.Categorical([0.5, 1.0, 1.0]), [1.0, 0.5, 2.0], [1, 0, -1]),
        ],
    )
    def test_values_are_found_again(self, values, again, codes) -> None:
        rule = GroupRule.learn(pd.DataFrame({"c": values}), "c", {}, TASKS)
        assert rule.assign(pd.DataFrame({"c": again})).tolist() == codes


class TestAbstention:
    def test_coverage_keeps_the_share(self, table) -> None:
        calibration = Calibrator(abstain={"gender": Abstain(coverage=0.8)}, tasks=TASKS).fit(table)
        rule = calibration["gender"].abstention
        refused = calibration.apply(table)["gender_abstain"]
        assert refused.dtype == bool
        assert (~refused).mean() == pytest.approx(0.8, abs=1e-9) == rule.coverage
        right = table["gender"] == table["gender_pred"]
        assert right[~refused].mean() == pytest.approx(rule.right)
        assert right[~refused].mean() > right.mean()

    def test_numbers_are_ranked_by_their_deviation(self, table) -> None:
        rules = {"age": Abstain(coverage=0.5, within=5)}
        calibration = Calibrator(abstain=rules, tasks=TASKS).fit(table)
        refused = calibration.apply(table)["age_abstain"]
        assert table.loc[~refused, "age_std"].max() < table.loc[refused, "age_std"].min()
        near = (table["age"] - table["age_pred"]).abs() <= 5
        assert calibration["age"].abstention.right == pytest.approx(near[~refused].mean())

    def test_the_promised_share_is_kept_on_new_rows(self) -> None:
        failed, kept = 0, []
        for seed in range(100):
            rows, new = make_predictions(1500, seed=seed), make_predictions(4000, 1000 + seed)
            rules = {"gender": Abstain(right=0.85, confidence=0.9)}
            calibration = Calibrator(abstain=rules, tasks=TASKS["gender"]).fit(rows)
            rule = calibration["gender"].abstention
            assert rule.right >= rule.right_at_least >= 0.85
            left = new[~calibration.apply(new)["gender_abstain"]]
            failed += (left["gender"] == left["gender_pred"]).mean() < 0.85
            kept.append(rule.coverage)
        assert failed <= 16  # 10 are expected at most, more than 16 with a chance of 2 %
        assert np.mean(kept) > 0.3

    def test_equal_confidence_is_kept_or_refused_together(self) -> None:
        confidence, right = np.array([0.9, 0.9, 0.9, 0.6]), np.array([1.0, 1.0, 0.0, 0.0])
        rule = Abstain(coverage=0.5).fit(confidence, right, "x")
        assert (rule.threshold, rule.coverage) == (0.9, 0.75)
        assert rule.right == pytest.approx(2 / 3)

    def test_failed_predictions_are_refused(self, table) -> None:
        calibration = Calibrator(abstain={"gender": Abstain(coverage=1)}, tasks=TASKS).fit(table)
        broken = table.copy()
        broken.loc[3, ["gender_prob_male", "gender_prob_female"]] = np.nan
        assert calibration.apply(broken)["gender_abstain"].to_numpy().nonzero()[0].tolist() == [3]

    def test_what_cannot_be_reached_is_told(self, table) -> None:
        rules = {"gender": Abstain(right=0.999)}
        with pytest.raises(InvalidArgumentError, match=r"at most 0\.8"):
            Calibrator(abstain=rules, tasks=TASKS).fit(table)

    def test_the_bound_is_clopper_and_pearsons(self) -> None:
        assert lower_bound(10, 1.0, 0.05) == pytest.approx(0.05 ** (1 / 10))
        assert lower_bound(10, 0.0, 0.05) == 0.0

    @pytest.mark.parametrize(
        "arguments",
        [{}, {"coverage": 0.5, "right": 0.9}, {"coverage": 0}, {"right": 1}, {"coverage": 1.5},
         {"right": 0.9, "confidence": 1.0}, {"coverage": 0.5, "within": -1}],
    )  # fmt: skip
    def test_rules_that_make_no_sense(self, arguments) -> None:
        with pytest.raises(FaceAttrError):
            Abstain(**arguments)


class TestErrors:
    def test_rows_that_were_trained_on(self, table) -> None:
        split = np.where(np.arange(len(table)) < 3, "train", "test")
        with pytest.raises(TableError, match="trained on") as caught:
            Calibrator(tasks=TASKS).fit(table.assign(split=split))
        assert caught.value.rows == ("00000.jpg", "00001.jpg", "00002.jpg")
        assert "cross_validate" in caught.value.hint
        for held_out in ("test", None, pd.Categorical(["valid"] * len(table))):
            assert Calibrator(tasks=TASKS).fit(table.assign(split=held_out))

    def test_twice(self, table) -> None:
        calibration = Calibrator(tasks=TASKS).fit(table)
        once = calibration.apply(table)
        for again in (calibration.apply, Calibrator(tasks=TASKS).fit):
            with pytest.raises(TableError, match="already") as caught:
                again(once)
            assert "gender_temperature" in caught.value.rows

    @pytest.mark.parametrize(
        ("arguments", "error", "match"),
        [
            ({"level": 1.0}, InvalidArgumentError, "endless"),
            ({"level": 0}, InvalidArgumentError, "level"),
            ({"level": "0.9"}, InvalidTypeError, "level"),
            ({"score": "std"}, InvalidArgumentError, "score"),
            ({"by": "age"}, InvalidArgumentError, "age_pred"),
            ({"by": ["camera"]}, InvalidTypeError, "one name"),
            ({"by": "light"}, TableError, "light"),
            ({"by": "camera", "bins": {"age_pred": 3}}, InvalidArgumentError, "bins"),
            ({"by": "camera", "bins": {"camera": 3}}, InvalidTypeError, "not numbers"),
            ({"min_count": 0}, InvalidArgumentError, "min_count"),
            ({"level": 0.999}, TableError, "at least 999 rows"),
            ({"abstain": {"x": Abstain(right=0.5)}}, InvalidArgumentError, "abstain"),
            ({"abstain": {"gender": 0.9}}, InvalidTypeError, "Abstain"),
            ({"abstain": {"age": Abstain(right=0.5)}}, InvalidArgumentError, "within"),
            ({"abstain": {"gender": Abstain(right=0.5, within=1)}}, InvalidArgumentError, "within"),
        ],
    )
    def test_arguments(self, table, arguments, error, match) -> None:
        with pytest.raises(error, match=match):
            Calibrator(tasks=TASKS, **arguments).fit(table)

    @pytest.mark.parametrize(
        ("columns", "score", "match"),
        [
            (["age_std"], "normalized", "age_std"),
            (["age_q95"], "quantile", "age_q95"),
            (["age_pred"], "absolute", "age_pred"),
            (["gender_prob_male", "gender_prob_female"], "absolute", "no probabilities"),
        ],
    )
    def test_columns_that_are_missing(self, table, columns, score, match) -> None:
        with pytest.raises(TableError, match=match):
            Calibrator(score=score, tasks=TASKS).fit(table.drop(columns=columns))

    def test_a_missing_deviation_is_named(self, table) -> None:
        table = table.copy()
        table.loc[7, "age_std"] = np.nan
        with pytest.raises(TableError, match=r"00007\.jpg"):
            Calibrator(score="normalized", tasks=TASKS).fit(table)

    def test_no_table(self) -> None:
        with pytest.raises(InvalidTypeError, match="predictions"):
            Calibrator().fit([1])

    def test_classes_without_probabilities_are_left_out_unless_named(self, caplog) -> None:
        table = pd.DataFrame({"sex": ["m", "f"], "sex_pred": ["m", "f"]})
        with pytest.raises(TableError, match="no task can be calibrated"):
            Calibrator().fit(table)
        assert "sex: not calibrated" in caplog.text
        with pytest.raises(TableError, match="no probabilities"):
            Calibrator(tasks=ClassificationTask("sex", ("m", "f"))).fit(table)
