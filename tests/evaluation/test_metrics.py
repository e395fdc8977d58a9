"""Every metric against scikit-learn, on every dtype, through the public evaluator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from faceattr.evaluation import (
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
    BinnedEvaluator,
    ClassificationData,
    Evaluation,
    RegressionData,
    classification_metric,
    higher_is_better,
    regression_metric,
)
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.registry import Registry
from faceattr.tasks import ClassificationTask, RegressionTask, Task

Floats = npt.NDArray[np.float64]
CLASSES = {2: ("male", "female"), 3: ("asian", "black", "white")}


def close(found: float, expected: float) -> bool:
    return found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def evaluate(table: pd.DataFrame, task: Task) -> Evaluation:
    return BinnedEvaluator(by=(), n_boot=0, tasks=task).evaluate(table)


def _mape(truth: Floats, prediction: Floats) -> float:
    kept = truth > 0
    return 100 * sk.mean_absolute_percentage_error(truth[kept], prediction[kept])


def _older(truth: Floats, prediction: Floats, age: float) -> float:
    minors = truth < age
    return sk.recall_score(minors[minors], prediction[minors] >= age)


NUMBERS: dict[str, Callable[[Floats, Floats], float]] = {
    "support": lambda t, p: len(t),
    "mae": sk.mean_absolute_error,
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "mape": _mape,
    "log_mae": lambda t, p: sk.mean_absolute_error(np.log1p(t), np.log1p(np.maximum(p, 0))),
    "bias": lambda t, p: float(np.mean(p - t)),
    "within_5": lambda t, p: sk.accuracy_score(np.ones(len(t)), np.abs(p - t) <= 5),
    "adult_at_18": lambda t, p: _older(t, p, 18),
    "adult_at_21": lambda t, p: _older(t, p, 21),
    "truth_mean": lambda t, p: t.mean(),
    "truth_std": lambda t, p: t.std(ddof=1),
    "truth_median": lambda t, p: float(np.median(t)),
    "truth_min": lambda t, p: t.min(),
    "truth_max": lambda t, p: t.max(),
    "prediction_mean": lambda t, p: p.mean(),
    "prediction_std": lambda t, p: p.std(ddof=1),
    "prediction_median": lambda t, p: float(np.median(p)),
    "prediction_min": lambda t, p: p.min(),
    "prediction_max": lambda t, p: p.max(),
}


OF_INTERVALS: dict[str, Callable[[Floats, Floats, Floats], float]] = {
    "coverage": lambda t, low, high: sk.accuracy_score(
        np.ones(len(t)), (low <= t).astype(int) * (t <= high)
    ),
    "interval_width": lambda t, low, high: sk.mean_absolute_error(low, high),
}


class TestIntervals:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "Int64", "Float32"])
    def test_equal_to_a_reference(self, dtype: str) -> None:
        rng = np.random.default_rng(5)
        truth, guess = rng.integers(0, 90, (2, 60))
        table = pd.DataFrame({"x": truth, "x_pred": guess, "x_low": guess - 30})
        table = table.assign(x_high=guess + rng.integers(0, 40, 60)).astype(dtype)
        evaluation = evaluate(table, RegressionTask("x"))
        values = table.to_numpy(dtype=np.float64).T
        for metric, reference in OF_INTERVALS.items():
            expected = reference(values[0], values[2], values[3])
            assert close(evaluation.value(f"x/{metric}"), expected)
        assert 0 < evaluation.value("x/coverage") < 1

    def test_both_ends_belong_to_an_interval(self) -> None:
        table = pd.DataFrame({"x": [1.0, 2.0, 2.1], "x_pred": 1.5, "x_low": 1.0, "x_high": 2.0})
        assert evaluate(table, RegressionTask("x")).value("x/coverage") == pytest.approx(2 / 3)

    def test_rows_without_an_interval_are_left_out_and_counted(self) -> None:
        low = [0.0, np.nan, 0.0, np.nan]
        table = pd.DataFrame({"x": [1.0, 2, 3, 4], "x_pred": 2.0, "x_low": low, "x_high": 2.0})
        frame = evaluate(table, RegressionTask("x")).to_frame().set_index("metric")
        assert frame.loc["coverage", ["value", "n"]].tolist() == [0.5, 2]
        assert frame.loc["interval_width", ["value", "n"]].tolist() == [2.0, 2]
        assert frame.loc["mae", "n"] == 4

    def test_without_both_columns_there_is_no_coverage(self) -> None:
        table = pd.DataFrame({"x": [1.0, 2.0], "x_pred": 1.5, "x_low": 1.0})
        found = set(evaluate(table, RegressionTask("x")).to_frame()["metric"])
        assert found.isdisjoint(OF_INTERVALS)

    def test_ends_the_wrong_way_round_are_refused(self) -> None:
        table = pd.DataFrame({"x": [1.0, 2.0], "x_pred": 1.5, "x_low": [1.0, 3.0], "x_high": 2.0})
        with pytest.raises(TableError, match="row 1") as caught:
            evaluate(table, RegressionTask("x"))
        assert caught.value.argument == "predictions, column 'x_low'"

    def test_groups_have_coverage_with_intervals(self) -> None:
        rng = np.random.default_rng(6)
        truth = rng.uniform(0, 80, 300)
        table = pd.DataFrame({"age": truth, "age_pred": truth + rng.normal(0, 3, 300)})
        table = table.assign(age_low=table["age_pred"] - 4, age_high=table["age_pred"] + 4)
        shown = BinnedEvaluator(n_boot=100).evaluate(table).by("age", metrics=["coverage"])
        enough = shown[shown["n"] >= 10]
        assert len(enough) >= 7
        assert (enough["coverage_low"] <= enough["coverage"]).all()
        assert enough["coverage"].between(0.6, 1).all()

    def test_a_metric_that_needs_ends_says_so(self) -> None:
        data = RegressionData(np.ones(2), np.ones(2))
        for name in OF_INTERVALS:
            metric = REGRESSION_METRICS.get(name, argument="metric")
            assert metric.needs_limits
            with pytest.raises(InvalidArgumentError, match="ends of intervals"):
                metric.function(data, np.ones((1, 2)))  # type: ignore[arg-type]


class TestNumbers:
    def test_every_metric_is_held_against_a_reference(self) -> None:
        assert {*NUMBERS, *OF_INTERVALS} == set(REGRESSION_METRICS)

    @pytest.mark.parametrize("metric", sorted(NUMBERS))
    @pytest.mark.parametrize(
        "dtype",
        ["float64", "float32", "int64", "int8", "uint8", "bool", "Int64", "UInt8", "Float32"],
    )
    def test_equal_to_scikit_learn(self, dtype: str, metric: str) -> None:
        rng = np.random.default_rng(1)
        truth = rng.integers(0, 2 if dtype == "bool" else 110, 60)
        shift = 0 if dtype == "bool" else rng.integers(-20, 15, 60)
        guess = truth[::-1] if dtype == "bool" else np.clip(truth + shift, 0, 110)
        table = pd.DataFrame({"x": truth, "x_pred": guess}).astype(dtype)
        if "loat" in dtype:
            table["x_pred"] += table["x"].dtype.type(0.1) if dtype != "Float32" else 0.1
        values = table.to_numpy(dtype=np.float64)
        found = evaluate(table, RegressionTask("x", unit="years")).value(f"x/{metric}")
        assert close(found, NUMBERS[metric](values[:, 0], values[:, 1]))

    @example([(0.0, 0.0), (5e-324, 1.0)])
    @given(st.lists(st.tuples(st.floats(0, 120), st.floats(-5, 130)), min_size=2, max_size=30))
    def test_equal_to_scikit_learn_on_any_numbers(self, pairs: list[tuple[float, float]]) -> None:
        truth, guess = np.array(pairs).T
        evaluation = evaluate(pd.DataFrame({"x": truth, "x_pred": guess}), RegressionTask("x"))
        for metric in ("mae", "mse", "rmse", "bias", "within_5", "truth_median", "truth_std"):
            assert close(evaluation.value(f"x/{metric}"), NUMBERS[metric](truth, guess))

    def test_unsigned_numbers_do_not_wrap(self) -> None:
        table = pd.DataFrame({"x": [200, 5], "x_pred": [5, 200]}).astype("uint8")
        assert evaluate(table, RegressionTask("x")).value("x/mae") == 195.0

    def test_large_numbers_keep_their_spread(self) -> None:
        truth = 1e9 + np.arange(5.0)
        table = pd.DataFrame({"x": truth, "x_pred": truth + 0.5})
        evaluation = evaluate(table, RegressionTask("x"))
        assert evaluation.value("x/r2") == pytest.approx(sk.r2_score(truth, truth + 0.5), rel=1e-6)

    def test_percentages_leave_newborns_out_and_say_so(self) -> None:
        table = pd.DataFrame({"age": [0.0, 10.0, -1.0], "age_pred": [3.0, 11.0, 0.0]})
        frame = evaluate(table, RegressionTask("age")).to_frame().set_index("metric")
        assert frame.loc["mape", "value"] == pytest.approx(10.0)
        assert frame.loc["mape", "n"] == 1
        assert frame.loc["log_mae", "n"] == 2
        assert frame.loc["mae", "n"] == 3

    @pytest.mark.parametrize(
        ("task", "known"),
        [
            (RegressionTask("height", unit="cm"), False),
            (RegressionTask("height"), False),
            (RegressionTask("age", unit="months"), False),
            (RegressionTask("age"), True),
            (RegressionTask("apparent", unit="years"), True),
        ],
    )
    def test_minors_are_those_of_tasks_in_years(self, task: RegressionTask, known: bool) -> None:
        table = pd.DataFrame({task.name: [17.9, 18.0, 20.0], f"{task.name}_pred": [18.0, 17.0, 20]})
        frame = evaluate(table, task).to_frame().set_index("metric")
        assert ("adult_at_18" in frame.index) == ("adult_at_21" in frame.index) == known
        if known:
            assert frame.loc["adult_at_18", ["value", "n"]].tolist() == [1.0, 1]
            assert frame.loc["adult_at_21", ["value", "n"]].tolist() == [0.0, 3]

    def test_where_all_are_adults_no_minor_can_be_taken_for_one(self) -> None:
        table = pd.DataFrame({"age": [18.0, 44.0], "age_pred": [12.0, 50.0]})
        frame = BinnedEvaluator(n_boot=20).evaluate(table).to_frame()
        rows = frame[frame["metric"] == "adult_at_18"]
        assert rows["value"].isna().all()
        assert rows["ci_low"].isna().all()
        assert (rows["n"] == 0).all()

    @pytest.mark.parametrize("value", [0.1, 40.0, 0.0, 1e9])
    def test_equal_truths_have_no_r2(self, value: float) -> None:
        table = pd.DataFrame({"x": [value] * 3, "x_pred": [1.0, 2.0, 3.0]})
        assert np.isnan(evaluate(table, RegressionTask("x")).value("x/r2"))


def _ranking(function: Callable[..., float]) -> Callable[..., float]:
    def over_all(truth: Any, guess: Any, probabilities: Any, classes: Any) -> float:
        each = [function(truth == name, probabilities[:, k]) for k, name in enumerate(classes)]
        return each[1] if len(classes) == 2 else float(np.mean(each))

    return over_all


def _average(function: Callable[..., float]) -> Callable[..., float]:
    def over_all(truth: Any, guess: Any, probabilities: Any, classes: Any) -> float:
        return function(truth, guess, average="macro", labels=list(classes), zero_division=np.nan)

    return over_all


def _log_loss(truth: Any, guess: Any, probabilities: Any, classes: Any) -> float:
    order = np.argsort(classes)  # scikit-learn wants the classes sorted
    return sk.log_loss(truth, probabilities[:, order], labels=sorted(classes))


def _brier(truth: Any, guess: Any, probabilities: Any, classes: Any) -> float:
    if len(classes) == 2:
        return sk.brier_score_loss(truth == classes[1], probabilities[:, 1])
    order = np.argsort(classes)
    return sk.brier_score_loss(
        truth.astype(str), probabilities[:, order], labels=sorted(classes), scale_by_half=False
    )


def _gap(sure: Floats, right: Any) -> float:
    """Return the calibration error as Guo et al. write it down, bin by bin."""
    total = 0.0
    for m in range(1, 16):
        low, high = np.linspace(0, 1, 16)[m - 1 : m + 1]
        inside = (sure > low) & (sure <= high) | ((m == 1) & (sure == 0))
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    return total


def _ece(truth: Any, guess: Any, probabilities: Any, classes: Any) -> float:
    chosen = np.array([list(classes).index(name) for name in guess])
    return _gap(probabilities[np.arange(len(truth)), chosen], truth == guess)


OVERALL: dict[str, Callable[..., float]] = {
    "support": lambda t, g, p, c: len(t),
    "accuracy": lambda t, g, p, c: sk.accuracy_score(t, g),
    "precision": _average(sk.precision_score),
    "recall": _average(sk.recall_score),
    "f1": _average(sk.f1_score),
    "roc_auc": _ranking(sk.roc_auc_score),
    "average_precision": _ranking(sk.average_precision_score),
    "log_loss": _log_loss,
    "brier": _brier,
    "ece": _ece,
}


def _single(function: Callable[..., Any]) -> Callable[..., float]:
    def of_class(truth: Any, guess: Any, probabilities: Any, classes: Any, k: int) -> float:
        one = [classes[k]]
        return function(truth, guess, labels=one, average=None, zero_division=np.nan)[0]

    return of_class


def _log_loss_of_class(truth: Any, guess: Any, probabilities: Any, classes: Any, k: int) -> float:
    rows = truth == classes[k]
    return _log_loss(truth[rows], guess, probabilities[rows], classes)


BY_CLASS: dict[str, Callable[..., float]] = {
    "support": lambda t, g, p, c, k: (t == c[k]).sum(),
    "accuracy": lambda t, g, p, c, k: sk.accuracy_score(t == c[k], g == c[k]),
    "precision": _single(sk.precision_score),
    "recall": _single(sk.recall_score),
    "f1": _single(sk.f1_score),
    "roc_auc": lambda t, g, p, c, k: sk.roc_auc_score(t == c[k], p[:, k]),
    "average_precision": lambda t, g, p, c, k: sk.average_precision_score(t == c[k], p[:, k]),
    "log_loss": _log_loss_of_class,
    "brier": lambda t, g, p, c, k: sk.brier_score_loss(t == c[k], p[:, k]),
    "ece": lambda t, g, p, c, k: _gap(p[:, k], t == c[k]),
}


def draw(n: int, n_classes: int, *, decimals: int = 9, seed: int = 0) -> pd.DataFrame:
    """Return predictions of a task "x"; few decimals make ties."""
    rng = np.random.default_rng(seed)
    classes = np.array(CLASSES[n_classes], dtype=object)
    truth = rng.integers(n_classes, size=n)
    weights = rng.random((n, n_classes)) + 0.5 * np.eye(n_classes)[truth]
    probabilities = np.round(weights / weights.sum(axis=1, keepdims=True), decimals)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    table = pd.DataFrame({"x": classes[truth], "x_pred": classes[probabilities.argmax(axis=1)]})
    for k, name in enumerate(classes):
        table[f"x_prob_{name}"] = probabilities[:, k]
    return table


class TestClasses:
    def test_every_metric_is_held_against_a_reference(self) -> None:
        assert set(OVERALL) == set(BY_CLASS) == set(CLASSIFICATION_METRICS)

    @pytest.mark.parametrize("metric", sorted(OVERALL))
    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("decimals", [1, 9], ids=["ties", "no ties"])
    @pytest.mark.parametrize("dtype", ["float64", "float32", "Float64"])
    def test_equal_to_scikit_learn(
        self, metric: str, n_classes: int, decimals: int, dtype: str
    ) -> None:
        classes = CLASSES[n_classes]
        names = [f"x_prob_{name}" for name in classes]
        table = draw(90, n_classes, decimals=decimals).astype(dict.fromkeys(names, dtype))
        evaluation = evaluate(table, ClassificationTask("x", classes=classes))
        truth, guess = table["x"].to_numpy(dtype=object), table["x_pred"].to_numpy(dtype=object)
        probabilities = table[names].to_numpy(dtype=np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # float32 rows do not add up to 1 exactly
            expected = OVERALL[metric](truth, guess, probabilities, classes)
            assert close(evaluation.value(f"x/{metric}"), expected)
            for k, name in enumerate(classes):
                expected = BY_CLASS[metric](truth, guess, probabilities, classes, k)
                assert close(evaluation.value(f"x/{metric}/{name}"), expected)

    def test_multiclass_auc_is_scikit_learns(self) -> None:
        table = draw(90, 3)
        names = [f"x_prob_{name}" for name in CLASSES[3]]
        evaluation = evaluate(table, ClassificationTask("x", classes=CLASSES[3]))
        expected = sk.roc_auc_score(table["x"], table[names], multi_class="ovr", labels=CLASSES[3])
        assert close(evaluation.value("x/roc_auc"), expected)

    def test_the_positive_class_is_the_tasks(self) -> None:
        table = draw(50, 2)
        task = ClassificationTask("x", classes=CLASSES[2], positive="male")
        expected = sk.average_precision_score(table["x"] == "male", table["x_prob_male"])
        assert close(evaluate(table, task).value("x/average_precision"), expected)

    @pytest.mark.parametrize(
        ("truth", "guess"),
        [
            ([0, 1, 1, 0], [0, 1, 0, 0]),
            (pd.array([0, 1, 1, 0], dtype="Int64"), pd.array([0, 1, 0, 0], dtype="UInt8")),
            ([0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
            (["0", "1", "1", "0"], ["Male", "FEMALE", "male", "male"]),
            (pd.Categorical(["male", "female", "female", "male"]), [0, 1, 0, 0]),
        ],
        ids=["int", "nullable", "float", "text", "category"],
    )
    def test_codes_and_spellings_are_read(self, truth: Any, guess: Any) -> None:
        task = ClassificationTask("x", classes=CLASSES[2], codes={0: "male", 1: "female"})
        evaluation = evaluate(pd.DataFrame({"x": truth, "x_pred": guess}), task)
        assert evaluation.value("x/accuracy") == 0.75
        assert evaluation.value("x/recall/female") == 0.5

    def test_booleans(self) -> None:
        table = pd.DataFrame({"x": [True, False, True], "x_pred": [True, True, True]})
        evaluation = BinnedEvaluator(by=(), n_boot=0).evaluate(table)
        assert evaluation.value("x/precision/True") == pytest.approx(2 / 3)

    def test_without_probabilities_only_labels_count(self) -> None:
        table = draw(20, 2)[["x", "x_pred"]]
        evaluation = evaluate(table, ClassificationTask("x", classes=CLASSES[2]))
        found = set(evaluation.to_frame()["metric"])
        assert {"accuracy", "f1"} < found
        assert found.isdisjoint({"roc_auc", "average_precision", "log_loss", "brier", "ece"})

    def test_one_probability_of_two_is_enough(self) -> None:
        table = draw(20, 2)
        task = ClassificationTask("x", classes=CLASSES[2])
        whole = evaluate(table, task).to_frame()
        part = evaluate(table.drop(columns="x_prob_male"), task).to_frame()
        pd.testing.assert_frame_equal(whole, part)

    def test_a_class_never_predicted_has_no_precision_but_f1_of_0(self) -> None:
        table = pd.DataFrame({"x": ["male", "female"], "x_pred": ["male", "male"]})
        evaluation = evaluate(table, ClassificationTask("x", classes=CLASSES[2]))
        assert np.isnan(evaluation.value("x/precision/female"))
        assert evaluation.value("x/precision") == 0.5
        assert evaluation.value("x/f1/female") == 0.0

    def test_wrong_certainty_has_a_finite_loss(self) -> None:
        table = pd.DataFrame(
            {"x": ["male"], "x_pred": ["female"], "x_prob_male": [0.0], "x_prob_female": [1.0]}
        )
        evaluation = evaluate(table, ClassificationTask("x", classes=CLASSES[2]))
        assert evaluation.value("x/log_loss") == pytest.approx(36.04, abs=0.01)


class TestRowsOfClasses:
    """How many rows a figure of a class rests on."""

    def test_they_are_those_of_the_class(self) -> None:
        table = pd.DataFrame({"x": list("abbb"), "x_pred": list("aabb")})
        table = table.assign(x_prob_a=[0.9, 0.6, 0.1, 0.2], x_prob_b=[0.1, 0.4, 0.9, 0.8])
        frame = BinnedEvaluator(by=(), n_boot=50).evaluate(table).to_frame()
        n = frame[frame["class"] != ""].pivot_table(index="metric", columns="class", values="n")
        expected = {
            "support": [1, 3, 4], "recall": [1, 3, 4], "log_loss": [1, 3, 4],
            "precision": [2, 2, 4], "f1": [2, 3, 4],
            "accuracy": [4, 4, 4], "roc_auc": [4, 4, 4], "average_precision": [4, 4, 4],
        }  # fmt: skip
        assert {metric: n.loc[metric, ["a", "b", "overall"]].tolist() for metric in expected} == (
            expected
        )

    def test_one_row_has_no_interval(self) -> None:
        table = pd.DataFrame({"x": list("abbb"), "x_pred": list("aabb")})
        frame = BinnedEvaluator(by=(), n_boot=50).evaluate(table).to_frame()
        recall = frame[frame["metric"] == "recall"].set_index("class")
        assert recall["ci_low"].isna().to_dict() == {"a": True, "b": False, "overall": False}

    @pytest.mark.parametrize("metric", list(CLASSIFICATION_METRICS))
    def test_the_other_rows_change_nothing(self, metric: str) -> None:
        rng = np.random.default_rng(4)
        truth, guess = rng.integers(0, 3, (2, 30))
        probabilities = rng.dirichlet([1, 1, 1], 30)
        data = ClassificationData(truth, guess, probabilities, 3, 2)
        found = CLASSIFICATION_METRICS.get(metric, argument="metric")
        kept = np.ones((30, 4), dtype=bool) if found.rows is None else found.rows(data)  # type: ignore[arg-type]
        values = found.function(data, np.ones((1, 30)))  # type: ignore[arg-type]
        for column in range(4):
            alone = found.function(data, kept[None, :, column].astype(np.float64))  # type: ignore[arg-type]
            assert alone[0, column] == pytest.approx(values[0, column])
            if found.rows is not None:
                assert kept[:, column].sum() == 30 or column < 3


class TestCounts:
    """Counts say how often a row stands in a sample; so repeating the rows gives the same."""

    @pytest.mark.parametrize("metric", list(REGRESSION_METRICS))
    @given(counts=st.lists(st.integers(0, 4), min_size=12, max_size=12).filter(any))
    def test_numbers(self, metric: str, counts: list[int]) -> None:
        rng = np.random.default_rng(2)
        truth, guess = rng.integers(0, 90, (2, 12)).astype(np.float64)
        data = RegressionData(truth, guess, np.where(truth > 80, np.nan, guess - 20), guess + 30)
        repeated = data.take(np.repeat(np.arange(12), counts))
        self._check(REGRESSION_METRICS, metric, data, repeated, counts)

    @pytest.mark.parametrize("metric", list(CLASSIFICATION_METRICS))
    @given(counts=st.lists(st.integers(0, 4), min_size=12, max_size=12).filter(any))
    def test_classes(self, metric: str, counts: list[int]) -> None:
        rng = np.random.default_rng(3)
        truth, guess = rng.integers(0, 3, (2, 12))
        probabilities = rng.integers(1, 5, (12, 3)).astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        data = ClassificationData(truth, guess, probabilities, 3, 2)
        repeated = data.take(np.repeat(np.arange(12), counts))
        self._check(CLASSIFICATION_METRICS, metric, data, repeated, counts)

    def _check(
        self, known: Registry[Any], metric: str, data: Any, repeated: Any, counts: list[int]
    ) -> None:
        function = known.get(metric, argument="metric").function
        weighted = function(data, np.array([[1.0] * 12, counts], dtype=np.float64))
        plain = function(repeated, np.ones((1, len(repeated))))
        np.testing.assert_allclose(weighted[1], plain[0], rtol=1e-9, atol=1e-12)


class TestRegistry:
    @pytest.fixture(autouse=True)
    def _forget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for known in (REGRESSION_METRICS, CLASSIFICATION_METRICS):
            monkeypatch.setattr(known, "_items", dict(known._items))

    def test_a_metric_of_ones_own_comes_with_bins_and_intervals(self) -> None:
        @regression_metric("worst", label="worst error", better="lower")
        def worst(data: RegressionData, counts: Floats) -> Floats:
            return np.where(counts > 0, np.abs(data.prediction - data.truth), 0.0).max(axis=1)

        @classification_metric("errors", label="errors", better="lower")
        def errors(data: ClassificationData, counts: Floats) -> Floats:
            wrong = counts * (data.truth != data.prediction)
            by_class = [wrong[:, data.truth == k].sum(axis=1) for k in range(data.n_classes)]
            return np.column_stack([*by_class, wrong.sum(axis=1)])

        table = draw(30, 2).assign(age=np.arange(30.0), age_pred=np.arange(30.0) * 1.1)
        evaluation = BinnedEvaluator(n_boot=50, min_count=1).evaluate(table)
        assert evaluation.value("age/worst") == pytest.approx(2.9)
        assert evaluation.by("age", task="age", metrics=["worst"])["worst_low"].notna().sum() == 4
        wrong = int((table["x"] != table["x_pred"]).sum())
        assert evaluation.value("x/errors") == wrong
        assert "worst error" in evaluation.summary()

    def test_a_name_is_taken_once(self) -> None:
        with pytest.raises(InvalidArgumentError, match="mae"):
            regression_metric("mae", label="again", better=None)(lambda data, counts: counts[:, 0])

    def test_which_way_is_better(self) -> None:
        assert [higher_is_better(m) for m in ("mae", "log_loss", "f1", "bias")] == [
            False,
            False,
            True,
            None,
        ]
        with pytest.raises(InvalidArgumentError):
            higher_is_better("beauty")
