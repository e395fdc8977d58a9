"""Curves of error over coverage: their values, intervals and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr import Dataset, QualityFilter
from faceattr.evaluation import RiskCoverage, risk_coverage
from faceattr.evaluation.selective.dropping import Order, WorstEnd, kept_sums
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.quality import worst_ends
from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet
from prediction_samples import TASKS, make_predictions

COLUMNS = ["task", "metric", "by", "worst", "coverage", "n", "n_not_scored"]
FIGURES = ["value", "ci_low", "ci_high", "difference", "difference_low", "difference_high"]
WORST: dict[str, WorstEnd] = {"blur": "high", "luminance": "both"}


def table_of(errors: Sequence[float]) -> pd.DataFrame:
    ids = [f"{position:04}.jpg" for position in range(len(errors))]
    return pd.DataFrame({"sample_id": ids, "age": 0.0, "age_pred": errors})


def quality_of(**columns: Sequence[float]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"sample_id": [f"{row:04}.jpg" for row in range(n)], **columns})


def value(result: RiskCoverage, by: str, coverage: float, worst: str = "high") -> float:
    frame = result.to_frame()
    chosen = (frame["by"] == by) & (frame["worst"] == worst) & (frame["coverage"] == coverage)
    return float(frame[chosen]["value"].item())


def by_hand(losses: Sequence[float], scores: Sequence[float], keep: int, end: WorstEnd) -> float:
    """Give the mean loss of what is kept, by dropping one whole or half image after the other."""
    weights = [1.0] * len(losses)
    to_drop = len(losses) - keep
    tails = {"high": [1.0], "low": [-1.0], "both": [1.0, -1.0]}[end]
    known = [row for row, score in enumerate(scores) if not math.isnan(score)]
    for sign in tails:
        left = min(to_drop, len(known)) / len(tails)
        for level in sorted({scores[row] for row in known}, key=lambda score: -sign * score):
            run = [row for row in known if scores[row] == level]
            taken = min(left, sum(weights[row] for row in run))
            for row in run:
                weights[row] -= taken / len(run)
            left -= taken
    rest = max(to_drop - len(known), 0)
    for row in set(range(len(losses))) - set(known):
        weights[row] -= rest / (len(losses) - len(known))
    return float(np.dot(weights, losses) / keep)


@pytest.fixture(scope="module")
def quality() -> pd.DataFrame:
    predictions = make_predictions()
    rng = np.random.default_rng(1)
    error = (predictions["age_pred"] - predictions["age"]).abs()
    table = predictions[["sample_id"]].assign(
        blur=error + rng.normal(0, 4, len(error)),
        luminance=rng.normal(100, 30, len(error)).round(-1),
        noise=rng.integers(0, 4, len(error)),
        is_blur_issue=rng.random(len(error)) < 0.2,
        reasons="",
    )
    table.loc[:9, "blur"] = np.nan
    return table.iloc[5:].sample(frac=1, random_state=0)  # 5 are not scored at all


@pytest.fixture(scope="module")
def result(quality: pd.DataFrame) -> RiskCoverage:
    return risk_coverage(make_predictions(), quality, worst=WORST, tasks=TASKS, n_boot=60)


class TestFrame:
    def test_columns_types_and_curves(self, result: RiskCoverage) -> None:
        frame = result.to_frame()
        assert list(frame.columns) == COLUMNS + FIGURES
        assert frame[["n", "n_not_scored"]].dtypes.eq("int64").all()
        assert not frame[FIGURES].isna().any().any()
        curves = frame[frame["task"] == "age"][["by", "worst"]].drop_duplicates()
        assert list(curves.itertuples(index=False, name=None)) == [
            ("random", ""),
            ("ideal", ""),
            ("blur", "high"),
            ("luminance", "both"),
            ("noise", "high"),
            ("noise", "low"),
        ]
        assert set(frame["metric"] + " of " + frame["task"]) == {
            "mae of age",
            "error_rate of gender",
        }

    def test_images_without_a_score_are_counted_and_stay(self, result: RiskCoverage) -> None:
        frame = result.to_frame()
        counts = frame.groupby("by")["n_not_scored"].unique().map(list)
        assert counts.to_dict() == {
            "random": [0],
            "ideal": [0],
            "blur": [10],
            "luminance": [5],
            "noise": [5],
        }
        assert frame.loc[frame["coverage"] == 1.0, "n"].unique().tolist() == [200]

    def test_what_is_not_filtered_is_the_unfiltered_error(self, result: RiskCoverage) -> None:
        frame = result.to_frame()
        table = make_predictions()
        expected = {
            "age": (table["age_pred"] - table["age"]).abs().mean(),
            "gender": (table["gender_pred"] != table["gender"]).mean(),
        }
        for task, error in expected.items():
            figures = result.unfiltered(task)
            assert figures["value"] == pytest.approx(error)
            assert figures["ci_low"] < error < figures["ci_high"]
            same = frame[(frame["task"] == task) & (frame["coverage"] == 1.0)]
            assert (same[["value", "ci_low", "ci_high"]] == figures[:3].to_list()).all().all()
            assert (same[FIGURES[3:]] == 0).all().all()
            random = frame[(frame["task"] == task) & (frame["by"] == "random")]
            assert (random["value"] == figures["value"]).all()
            assert (random[FIGURES[3:]] == 0).all().all()

    def test_rows_left_out_are_counted(self, quality: pd.DataFrame) -> None:
        table = make_predictions()
        table.loc[:3, "age"] = np.nan
        table.loc[2:8, "age_pred"] = np.nan
        figures = risk_coverage(table, quality, n_boot=0, tasks=TASKS["age"]).unfiltered()
        assert figures[["n", "n_failed", "n_missing_label"]].tolist() == [191, 7, 2]
        assert figures.name == "mae"

    def test_what_is_given_is_not_changed(self, quality: pd.DataFrame) -> None:
        predictions, before = make_predictions().sample(frac=1, random_state=3), quality.copy()
        copy = predictions.copy()
        risk_coverage(predictions, quality, n_boot=5).dropped_shares("age")
        pd.testing.assert_frame_equal(predictions, copy)
        pd.testing.assert_frame_equal(quality, before)

    def test_what_is_returned_can_be_changed_freely(self, result: RiskCoverage) -> None:
        frame, areas = result.to_frame(), result.areas()
        frame["value"] = areas["value"] = 0.0
        assert result.unfiltered("age")["value"] > 0
        assert (result.areas()["value"] > 0).all()

    def test_columns_that_the_predictions_have_are_no_metrics(self, quality: pd.DataFrame) -> None:
        with_ages = quality.merge(make_predictions()[["sample_id", "age"]])
        result = risk_coverage(make_predictions(), with_ages, n_boot=0, tasks=TASKS)
        assert list(result.scores.columns) == ["blur", "luminance", "noise"]
        named = risk_coverage(make_predictions(), with_ages, metrics=["age"], n_boot=0)
        assert list(named.scores.columns) == ["age"]

    def test_a_flag_can_be_named(self, quality: pd.DataFrame) -> None:
        result = risk_coverage(make_predictions(), quality, metrics=["is_blur_issue"], n_boot=0)
        flagged = set(quality.loc[quality["is_blur_issue"], "sample_id"])
        table = make_predictions()
        errors = (table["age_pred"] - table["age"]).abs()
        kept = errors[~table["sample_id"].isin(flagged)]
        few = risk_coverage(
            table, quality, metrics=["is_blur_issue"], coverages=[len(kept) / 200], n_boot=0
        )
        assert result.to_frame()["n_not_scored"].max() == 5
        frame = few.to_frame().set_index(["task", "by", "worst", "coverage"])["value"]
        assert frame["age", "is_blur_issue", "high", len(kept) / 200] == pytest.approx(kept.mean())


losses_and_scores = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 9), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 7.0, math.nan]), min_size=n, max_size=n),
        st.integers(1, n),
    )
)


class TestValues:
    @given(losses_and_scores)
    def test_as_a_plain_loop(self, drawn: tuple[list[int], list[float], int]) -> None:
        losses, scores, keep = drawn
        numbers = np.array(losses, dtype=float)
        ends: tuple[WorstEnd, ...] = ("high", "low", "both")
        sums = kept_sums(
            Order.of(np.array(scores)),
            numbers,
            np.ones((1, len(losses))),
            np.array([[float(keep)]]),
            ends,
        )
        for place, end in enumerate(ends):
            expected = by_hand(losses, scores, keep, end)
            assert sums[place, 0, 0] / keep == pytest.approx(expected, abs=1e-12)

    @given(losses_and_scores, st.integers(0, 10))
    def test_counts_are_repeated_rows(
        self, drawn: tuple[list[int], list[float], int], seed: int
    ) -> None:
        losses, scores, _ = drawn
        counts = np.random.default_rng(seed).integers(0, 4, (3, len(losses)))
        counts[:, 0] += 1
        kept = np.array([[1.0, np.ceil(total / 2), total] for total in counts.sum(axis=1)])
        ends: tuple[WorstEnd, ...] = ("low", "both")
        found = kept_sums(
            Order.of(np.array(scores)), np.array(losses, float), counts.astype(float), kept, ends
        )
        for line, column in np.ndindex(kept.shape):
            rows = np.repeat(np.arange(len(losses)), counts[line])
            for place, end in enumerate(ends):
                expected = by_hand(
                    [losses[row] for row in rows],
                    [scores[row] for row in rows],
                    int(kept[line, column]),
                    end,
                )
                mean = found[place, line, column] / kept[line, column]
                assert mean == pytest.approx(expected, abs=1e-12)

    def test_by_hand(self) -> None:
        table = table_of([8, 1, 2, -5])
        scores = quality_of(q=[4, 3, 2, 1])
        result = risk_coverage(table, scores, coverages=[0.75, 0.5], n_boot=0)
        assert [value(result, "q", share) for share in (1.0, 0.75, 0.5)] == [4.0, 8 / 3, 3.5]
        assert [value(result, "q", share, "low") for share in (0.75, 0.5)] == [11 / 3, 4.5]
        assert [value(result, "ideal", share, "") for share in (0.75, 0.5)] == [8 / 3, 1.5]

    def test_both_ends_keep_the_middle(self) -> None:
        table, scores = table_of([9, 1, 2, 3, 7]), quality_of(q=[1, 2, 3, 4, 5])
        worst: dict[str, WorstEnd] = {"q": "both"}
        result = risk_coverage(table, scores, worst=worst, coverages=[0.8, 0.6, 0.2], n_boot=0)
        assert value(result, "q", 0.6, "both") == 2.0
        assert value(result, "q", 0.2, "both") == 2.0
        assert value(result, "q", 0.8, "both") == (22 - 0.5 * 9 - 0.5 * 7) / 4  # either of the two

    def test_ties_are_expected_values(self) -> None:
        table, scores = table_of([6, 0, 3, 1]), quality_of(q=[1, 1, 1, 0])
        result = risk_coverage(table, scores, coverages=[0.75, 0.5], n_boot=0)
        assert value(result, "q", 0.75) == pytest.approx((1 + 2 * 3) / 3)
        assert value(result, "q", 0.5) == pytest.approx((1 + 3) / 2)

    def test_what_is_not_scored_goes_last(self) -> None:
        table, scores = table_of([10, 20, 1, 2]), quality_of(q=[np.nan, np.nan, 1, 2])
        result = risk_coverage(table, scores, coverages=[0.75, 0.5, 0.25], n_boot=0)
        assert [value(result, "q", share) for share in (0.75, 0.5, 0.25)] == [31 / 3, 15.0, 15.0]

    def test_at_least_the_share_is_kept(self) -> None:
        table, scores = table_of([1.0] * 7), quality_of(q=range(7))
        frame = risk_coverage(table, scores, coverages=[3 / 7, 0.5, 0.01], n_boot=0).to_frame()
        kept = frame[frame["by"] == "random"].set_index("coverage")["n"]
        assert kept.to_dict() == {1.0: 7, 0.5: 4, 3 / 7: 3, 0.01: 1}

    def test_rounding_keeps_no_image_more(self) -> None:
        assert 0.55 * 100 > 55
        table, scores = table_of([1.0] * 100), quality_of(q=range(100))
        frame = risk_coverage(table, scores, coverages=[0.55], n_boot=0).to_frame()
        assert set(frame["n"]) == {100, 55}

    @given(
        st.lists(
            st.tuples(st.integers(-9, 9), st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan])),
            min_size=4,
            max_size=20,
        ),
        st.randoms(use_true_random=False),
    )
    def test_ideal_bounds_all_and_order_changes_nothing(
        self, rows: list[tuple[int, float]], random: Any
    ) -> None:
        rows = [*rows, (1, 5.0), (2, 6.0)]
        table, scores = table_of([e for e, _ in rows]), quality_of(q=[q for _, q in rows])
        result = risk_coverage(table, scores, n_boot=8)
        wide = result.to_frame().pivot_table(
            index="coverage", columns=["by", "worst"], values="value"
        )
        worst = table["age_pred"].abs().sort_values(ascending=False)
        for coverage, line in wide.iterrows():
            kept = math.ceil(float(str(coverage)) * len(rows) - 1e-9)
            assert line["ideal", ""] <= line.min() + 1e-12
            assert line.max() <= worst[:kept].mean() + 1e-12
        mixed = table.sample(frac=1, random_state=random.randrange(1000))
        again = risk_coverage(mixed, scores.iloc[::-1], n_boot=8)
        pd.testing.assert_frame_equal(result.to_frame(), again.to_frame(), check_exact=True)
        pd.testing.assert_frame_equal(result.areas(), again.areas(), check_exact=True)


class TestAreas:
    def test_the_mean_over_the_coverages(self) -> None:
        table, scores = table_of([8, 1, 2, 5]), quality_of(q=[4, 3, 2, 1])
        areas = risk_coverage(table, scores, coverages=[0.75, 0.5], n_boot=0).areas()
        found = areas.set_index(["by", "worst"])
        assert found["value"]["q", "high"] == pytest.approx((4 / 2 + 8 / 3 + 3.5 / 2) / 2)
        assert found["value"]["random", ""] == pytest.approx(4.0)
        assert found["difference"]["random", ""] == 0.0
        assert (areas["coverage_low"] == 0.5).all()

    def test_full_coverage_alone(self) -> None:
        table, scores = table_of([8, 1]), quality_of(q=[4, 3])
        areas = risk_coverage(table, scores, coverages=[1], n_boot=0).areas()
        assert (areas["value"] == 4.5).all()


class TestIntervals:
    def test_resamples_are_ranked_anew(self) -> None:
        rng = np.random.default_rng(0)
        n, n_boot, shares = 30, 40, (1.0, 0.7)
        losses, scores = rng.gamma(2, 2, n), rng.integers(0, 6, n).astype(float)
        found = risk_coverage(
            table_of(losses.tolist()),
            quality_of(q=scores.tolist()),
            coverages=shares,
            n_boot=n_boot,
        ).to_frame()
        drawn = np.random.default_rng(0).integers(n, size=(n_boot, n))
        values = [
            by_hand([losses[i] for i in rows], [scores[i] for i in rows], 21, "high")
            for rows in drawn
        ]
        differences = values - losses[drawn].mean(axis=1)
        row = found[(found["worst"] == "high") & (found["coverage"] == 0.7)].iloc[0]
        limits = [*np.quantile(values, [0.025, 0.975]), *np.quantile(differences, [0.025, 0.975])]
        names = ["ci_low", "ci_high", "difference_low", "difference_high"]
        np.testing.assert_allclose(row[names].to_numpy(float), limits)

    def test_they_cover_a_known_truth(self) -> None:
        """Errors are exponential with mean 1 + q: keeping c leaves 1 + c/2, of 1.5 unfiltered."""
        rng = np.random.default_rng(0)
        names = ("value", "difference", "area", "chance")
        hits: dict[str, list[bool]] = {name: [] for name in names}
        for _ in range(120):
            q = rng.random(200)
            table = table_of(rng.exponential(1 + q).tolist())
            scores = quality_of(q=q.tolist(), other=rng.random(200).tolist())
            worst: dict[str, WorstEnd] = {"q": "high", "other": "low"}
            result = risk_coverage(table, scores, worst=worst, coverages=[0.8, 0.6], n_boot=200)
            frame, areas = result.to_frame(), result.areas().set_index("by").loc["q"]
            row = frame[(frame["by"] == "q") & (frame["coverage"] == 0.6)].iloc[0]
            none = frame[(frame["by"] == "other") & (frame["coverage"] == 0.6)].iloc[0]
            hits["value"].append(row["ci_low"] <= 1.3 <= row["ci_high"])
            hits["difference"].append(row["difference_low"] <= -0.2 <= row["difference_high"])
            hits["area"].append(areas["difference_low"] <= -0.1 <= areas["difference_high"])
            hits["chance"].append(none["difference_low"] <= 0 <= none["difference_high"])
        shares = {name: np.mean(found) for name, found in hits.items()}
        assert all(0.89 <= share <= 0.99 for share in shares.values()), shares

    def test_none_without_resamples_or_for_a_single_image(self) -> None:
        table, scores = table_of([8, 1, 2]), quality_of(q=[4, 3, 2])
        limits = ["ci_low", "ci_high", "difference_low", "difference_high"]
        assert risk_coverage(table, scores, n_boot=0).to_frame()[limits].isna().all().all()
        frame = risk_coverage(table, scores, coverages=[0.6, 0.1], n_boot=30).to_frame()
        assert frame[frame["n"] == 1][limits].isna().all().all()
        assert frame[frame["n"] > 1][limits].notna().all().all()

    def test_seed_and_confidence(self, quality: pd.DataFrame) -> None:
        table = make_predictions()
        frames = [
            risk_coverage(table, quality, n_boot=30, tasks=TASKS, seed=seed, confidence=share)
            for seed, share in ((0, 0.95), (0, 0.5), (1, 0.95))
        ]
        wide, narrow, other = (found.to_frame() for found in frames)
        assert (narrow["ci_high"] <= wide["ci_high"]).all()
        assert not wide["ci_high"].equals(other["ci_high"])
        assert wide["value"].equals(other["value"])


class TestDroppedShares:
    def test_by_hand(self) -> None:
        table = table_of([1, 2, 3, 4]).assign(age=[10.0, 12.0, 70.0, 75.0])
        scores = quality_of(q=[1, 2, 3, 3])
        result = risk_coverage(table, scores, worst={"q": "high"}, n_boot=0)
        shares = result.dropped_shares("age", coverage=0.75, bins=[0, 50, 71, None])
        assert shares["bin"].tolist() == ["overall", "0-50", "50-71", "71+"]
        assert shares["n"].tolist() == [4, 2, 1, 1]
        assert shares["n_dropped"].tolist() == [1.0, 0.0, 0.5, 0.5]
        assert shares["share"].tolist() == [0.25, 0.0, 0.5, 0.5]

    def test_groups_add_up(self, result: RiskCoverage) -> None:
        for by in ("age", "gender", "noise"):
            shares = result.dropped_shares(by, coverage=0.7)
            whole = shares["bin"] == "overall"
            assert (shares[whole]["n_dropped"] == 60).all()
            keys = ["task", "by", "worst"]
            parts = shares[~whole].groupby(keys)[["n", "n_dropped"]].sum()
            np.testing.assert_allclose(parts, [[200, 60]] * 8)

    def test_what_was_not_scored_is_a_group_and_stays(self, result: RiskCoverage) -> None:
        shares = result.dropped_shares("noise").set_index(["by", "bin"])
        assert (shares.loc[("noise", "not scored"), "share"] == 0).all()

    def test_what_is_unknown(self, result: RiskCoverage) -> None:
        with pytest.raises(TableError, match="camera"):
            result.dropped_shares("camera")
        with pytest.raises(InvalidArgumentError, match="coverage"):
            result.dropped_shares("age", coverage=0)


class TestText:
    def test_the_unfiltered_error_comes_first(self, result: RiskCoverage) -> None:
        text = result.summary()
        figures = result.unfiltered("age")
        assert text.startswith(
            f"age MAE (years), unfiltered: {figures['value']:.2f} "
            f"[{figures['ci_low']:.2f}, {figures['ci_high']:.2f}]"
        )
        assert "gender error rate, unfiltered: 0." in text
        assert "95% bootstrap intervals" in text
        assert max(map(len, text.splitlines())) <= 100

    def test_long_names_and_no_intervals(self) -> None:
        table = table_of([1e6, 2e5, 1])
        scores = quality_of(a_metric_with_a_name_that_does_not_end=[1, 2, 3])
        text = risk_coverage(table, scores, n_boot=0).summary()
        assert max(map(len, text.splitlines())) <= 100
        assert "[" not in text
        assert "interval" not in text


class TestPlot:
    def test_a_panel_a_metric(self, result: RiskCoverage) -> None:
        figure = result.plot("age")
        titles = [ax.get_title(loc="left") for ax in figure.axes]
        assert titles == ["blur", "luminance", "noise"]
        assert figure.axes[0].get_xlabel() == "worst images dropped (% of 200; 10 not scored)"
        assert figure.axes[0].get_ylabel() == "age MAE (years)"
        drawn = {str(line.get_label()): line for line in figure.axes[2].get_lines()}
        assert list(drawn)[2:] == ["highest first", "lowest first"]
        frame = result.to_frame()
        rows = frame[(frame["task"] == "age") & (frame["by"] == "noise")]
        expected = rows[rows["worst"] == "low"]["value"]
        np.testing.assert_array_equal(drawn["lowest first"].get_ydata(), expected)
        assert "95% intervals" in figure.legends[0].get_title().get_text()

    def test_rows_of_panels_and_no_intervals(self, quality: pd.DataFrame) -> None:
        many = quality.assign(**{f"q{i}": quality["noise"] for i in range(3)})
        result = risk_coverage(make_predictions(), many, n_boot=0, tasks=TASKS)
        figure = result.plot("gender")
        assert len(figure.axes) == 6
        assert figure.legends[0].get_title().get_text() == ""

    def test_an_unknown_task(self, result: RiskCoverage) -> None:
        with pytest.raises(InvalidArgumentError, match="'age', 'gender'"):
            result.plot("mood")
        with pytest.raises(InvalidArgumentError, match="'age', 'gender'"):
            result.unfiltered()


class TestWrongInput:
    @pytest.mark.parametrize(
        ("argument", "wrong"),
        [
            ("metrics", ["beauty"]),
            ("metrics", ["sample_id"]),
            ("metrics", "blur"),
            ("metrics", ["blur", "blur"]),
            ("metrics", []),
            ("worst", {"blur": "top"}),
            ("worst", "high"),
            ("coverages", [0.5, 0.0]),
            ("coverages", [1.2]),
            ("coverages", [0.5, 0.5]),
            ("coverages", [math.nan]),
            ("coverages", ["half"]),
            ("coverages", "half"),
            ("coverages", 0.5),
            ("n_boot", -1),
            ("seed", 0.5),
            ("confidence", 0),
            ("n_bot", 10),
            ("tasks", []),
        ],
    )
    def test_limits(self, quality: pd.DataFrame, argument: str, wrong: Any) -> None:
        options = {"tasks": TASKS, "n_boot": 0} | {argument: wrong}
        with pytest.raises((InvalidArgumentError, InvalidTypeError)) as caught:
            risk_coverage(make_predictions(), quality, **options)
        assert argument in str(caught.value)

    def test_no_shared_id_and_repeated_ids(self, quality: pd.DataFrame) -> None:
        other = quality.assign(sample_id="x/" + quality["sample_id"])
        with pytest.raises(TableError, match="no id is shared"):
            risk_coverage(make_predictions(), other)
        with pytest.raises(TableError, match="more than one row"):
            risk_coverage(make_predictions(), pd.concat([quality, quality]))

    @pytest.mark.parametrize(
        ("column", "found"), [(3.0, "3 for all"), (np.nan, "missing values only")]
    )
    def test_a_metric_that_says_nothing(
        self, quality: pd.DataFrame, column: float, found: str
    ) -> None:
        with pytest.raises(TableError, match=found) as caught:
            risk_coverage(
                make_predictions(),
                quality.assign(noise=column),
                metrics=["blur", "luminance", "noise"],
            )
        assert caught.value.argument == "quality, column 'noise'"
        assert caught.value.hint == "metrics=['blur', 'luminance']"

    def test_no_metric_and_text(self, quality: pd.DataFrame) -> None:
        with pytest.raises(TableError, match="no quality metric"):
            risk_coverage(make_predictions(), quality[["sample_id", "is_blur_issue", "reasons"]])
        with pytest.raises(TableError, match="numbers") as caught:
            risk_coverage(make_predictions(), quality, metrics=["reasons"])
        assert caught.value.argument == "quality, column 'reasons'"
        with pytest.raises(InvalidArgumentError, match="reserved"):
            risk_coverage(make_predictions(), quality.rename(columns={"blur": "ideal"}))

    def test_no_table_no_rows_no_ids(self, quality: pd.DataFrame) -> None:
        table = make_predictions()
        for predictions, scores, argument in (
            (table.iloc[:0], quality, "predictions"),
            (table, quality.iloc[:0], "quality"),
            (table.drop(columns="sample_id"), quality, "predictions"),
            (pd.concat([table, table[["age"]]], axis=1), quality, "predictions"),
            (table, pd.concat([quality, quality[["blur"]]], axis=1), "quality"),
        ):
            with pytest.raises(TableError) as caught:
                risk_coverage(predictions, scores, tasks=TASKS)
            assert argument in str(caught.value.argument)
        with pytest.raises(InvalidTypeError):
            risk_coverage(table, None)  # type: ignore[arg-type]

    def test_a_task_without_labels(self, quality: pd.DataFrame) -> None:
        with pytest.raises(TableError, match="0 rows without a prediction, 200 without a label"):
            risk_coverage(make_predictions().assign(age=np.nan), quality, tasks=TASKS)


def test_anyones_tables_and_tasks() -> None:
    """Repeated ids, classes as numbers, nullable scores, more images than predictions."""
    table = pd.DataFrame(
        {"sample_id": ["a", "b", "b", "c"], "sex": [0, 1, 1, 0], "sex_pred": [0, 1, 0, 0]}
    )
    task = ClassificationTask("sex", classes=("m", "f"), codes={0: "m", 1: "f"})
    scores = pd.DataFrame(
        {"sample_id": ["z", "c", "b", "a"], "q": pd.array([9, None, 2, 1], "Int64")}
    )
    result = risk_coverage(table, scores, tasks=[task], coverages=[0.5], n_boot=0)
    assert result.unfiltered("sex")["value"] == 0.25
    assert value(result, "q", 0.5) == 0.0
    assert value(result, "q", 0.5, "low") == pytest.approx(0.25)
    assert result.summary().startswith("sex error rate, unfiltered: 0.2500 over 4 rows;")
    assert list(result.tasks) == ["sex"]


def test_a_single_task_has_its_unit() -> None:
    tasks = TaskSet([RegressionTask("age", unit="months")])
    result = risk_coverage(table_of([1, 2]), quality_of(q=[1, 2]), tasks=tasks, n_boot=0)
    assert result.plot().axes[0].get_ylabel() == "age MAE (months)"


def test_a_whole_quality_table_can_be_given() -> None:
    """Images of one size, and none of them gray: what is equal for all is left out and named."""
    faces = Dataset.synthetic(40, size=64, seed=2)
    quality = QualityFilter(cache=False).score(faces)
    ids = faces.table["sample_id"]
    predictions = faces.table[["sample_id", "age"]].assign(age_pred=30.0)
    curves = risk_coverage(predictions, quality, worst=worst_ends(), n_boot=0)
    drawn = set(curves.to_frame()["by"])
    assert {"brisque", "luminance", "laplacian_variance", "random", "ideal"} <= drawn
    assert "size" in curves.left_out
    assert drawn.isdisjoint(curves.left_out)
    assert f"equal for all images: {', '.join(curves.left_out)}." in curves.summary()
    with pytest.raises(TableError, match="no image can be told"):
        risk_coverage(predictions, quality, metrics=["brisque", "size"], n_boot=0)
    with pytest.raises(TableError, match="no image can be told"):
        risk_coverage(predictions, pd.DataFrame({"sample_id": ids, "size": 1.0}), n_boot=0)
