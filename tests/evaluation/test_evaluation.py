from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from faceattr.evaluation import BinnedEvaluator, Evaluation
from faceattr.exceptions import InvalidArgumentError
from faceattr.tables import read_table, write_table
from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet

RACES = ("asian", "black", "white")


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    n = 150
    age = rng.integers(0, 100, n).astype(np.float64)
    gender = rng.choice(["male", "female"], n)
    table = pd.DataFrame(
        {
            "age": age,
            "age_pred": age + rng.normal(0, 5, n),
            "gender": gender,
            "gender_pred": np.where(rng.random(n) < 0.9, gender, "male"),
            "race": rng.choice(RACES, n),
            "race_pred": rng.choice(RACES, n),
        }
    )
    table.loc[0, "age_pred"] = np.nan
    tasks = TaskSet(
        [
            RegressionTask("age", unit="years"),
            ClassificationTask("gender", classes=("male", "female")),
            ClassificationTask("race", classes=RACES),
        ]
    )
    return BinnedEvaluator(["age", "gender"], n_boot=40, tasks=tasks).evaluate(table)


class TestOverall:
    def test_classes_stand_side_by_side(self, evaluation: Evaluation) -> None:
        table = evaluation.overall("gender")
        assert list(table.columns) == ["male", "female", "overall", "ci_low", "ci_high", "n"]
        assert list(table.index[:5]) == ["support", "accuracy", "precision", "recall", "f1"]
        assert table.loc["support", ["male", "female"]].sum() == table.loc["support", "overall"]
        assert table.loc["f1", "male"] == evaluation.value("gender/f1/male")
        assert table.loc["f1", "overall"] == evaluation.value("gender/f1")
        assert table.loc["accuracy", "male"] == table.loc["accuracy", "overall"]
        assert table.loc["f1", "ci_low"] < table.loc["f1", "overall"] < table.loc["f1", "ci_high"]

    def test_numbers_have_one_column(self, evaluation: Evaluation) -> None:
        table = evaluation.overall("age")
        assert list(table.columns) == ["value", "ci_low", "ci_high", "n"]
        assert table.loc["mae", "n"] == 149
        assert table.loc["n_failed", "value"] == 1


class TestBy:
    def test_a_row_a_bin(self, evaluation: Evaluation) -> None:
        table = evaluation.by("age", task="age")
        assert table.index.name == "age"
        assert list(table.index)[:2] == ["0-4", "4-14"]
        assert table.index.dtype.ordered
        assert table["n"].sum() == 149
        assert table["n_failed"].sum() == 1
        assert table["n"].dtype == table["n_failed"].dtype == "int64"
        assert table.loc["4-14", "mae"] == evaluation.value("age/mae", by="age", label="4-14")
        assert table.loc["4-14", "mae_low"] <= table.loc["4-14", "mae"]
        assert 4 < table.loc["4-14", "truth_mean"] <= 14

    def test_shares_of_classes(self, evaluation: Evaluation) -> None:
        assert evaluation.by("gender", task="gender")["share_female"].tolist() == [0.0, 1.0]
        shares = evaluation.by("age", task="race")[[f"share_{race}" for race in RACES]]
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)

    def test_chosen_metrics(self, evaluation: Evaluation) -> None:
        table = evaluation.by("age", task="age", metrics=["bias"])
        assert [name for name in table if name.startswith("bias")] == [
            "bias",
            "bias_low",
            "bias_high",
        ]
        assert "mae" not in table

    def test_metrics_without_probabilities_are_left_out(self, evaluation: Evaluation) -> None:
        table = evaluation.by("age", task="gender")
        assert "accuracy" in table
        assert "roc_auc" not in table


class TestValue:
    @pytest.mark.parametrize(
        ("key", "options", "argument"),
        [
            ("mood/mae", {}, "key"),
            ("age/beauty", {}, "metric of key"),
            ("age", {}, "metric of key"),
            ("gender/f1/robot", {}, "class of key"),
            ("age/mae", {"by": "light"}, "by"),
            ("age/mae", {"by": "age", "label": "0-5"}, "label"),
        ],
    )
    def test_what_is_unknown_is_answered_with_what_is_known(
        self, evaluation: Evaluation, key: str, options: dict[str, str], argument: str
    ) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            evaluation.value(key, **options)
        assert caught.value.argument == argument
        assert caught.value.expected

    def test_a_single_task_need_not_be_named(self) -> None:
        table = pd.DataFrame({"age": [1.0, 2.0], "age_pred": [1.0, 4.0]})
        evaluation = BinnedEvaluator(n_boot=0, min_count=1).evaluate(table)
        pd.testing.assert_frame_equal(evaluation.overall(), evaluation.overall("age"))
        assert evaluation.by("age").loc["0-4", "mae"] == 1.0

    def test_of_several_tasks_one_must_be_named(self, evaluation: Evaluation) -> None:
        with pytest.raises(InvalidArgumentError, match="'age', 'gender', 'race'"):
            evaluation.overall()
        with pytest.raises(InvalidArgumentError, match="not grouped by"):
            evaluation.by("light", task="age")
        with pytest.raises(InvalidArgumentError, match="metrics"):
            evaluation.by("age", task="age", metrics=["beauty"])
        with pytest.raises(InvalidArgumentError):
            evaluation.plot("mood")


class TestText:
    def test_the_summary_says_counts_figures_and_intervals(self, evaluation: Evaluation) -> None:
        text = evaluation.summary()
        assert "age (years): 149 rows evaluated, 1 without a prediction, 0 without a label" in text
        assert "gender, by age" in text
        assert "95% bootstrap intervals" in text
        mae = evaluation.overall("age").loc["mae"]
        assert f"{mae['value']:.2f} [{mae['ci_low']:.2f}, {mae['ci_high']:.2f}]" in text
        assert max(map(len, text.splitlines())) <= 100

    def test_nothing_is_said_of_intervals_where_there_are_none(self) -> None:
        table = pd.DataFrame({"age": [1.0, 2.0], "age_pred": [1.0, 4.0]})
        text = BinnedEvaluator(n_boot=0).evaluate(table).summary()
        assert "[" not in text
        assert "interval" not in text

    def test_small_scales_get_more_decimals(self) -> None:
        table = pd.DataFrame({"x": [0.1, 0.2, 0.3], "x_pred": [0.12, 0.22, 0.32]})
        assert "0.0200" in BinnedEvaluator(by=(), n_boot=0).evaluate(table).summary()


def test_the_frame_is_kept_without_loss(
    evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = evaluation.to_frame()
    back = read_table(write_table(frame, tmp_path_factory.mktemp("frame") / "metrics.csv"))
    pd.testing.assert_frame_equal(frame, back, check_exact=True)


class TestPlot:
    def test_a_row_a_task_and_a_panel_a_column(self, evaluation: Evaluation) -> None:
        figure = evaluation.plot()
        assert isinstance(figure, Figure)
        assert len(figure.axes) == 3 * 3
        titles = [ax.get_title(loc="left") for ax in figure.axes]
        assert titles[0] == "age: predicted and true (n = 149)"
        assert titles[4] == "gender accuracy by age (n = 150)"

    def test_one_task(self, evaluation: Evaluation) -> None:
        figure = evaluation.plot("age")
        assert len(figure.axes) == 3
        assert figure.axes[1].get_ylabel() == "age MAE (years)"
        drawn = figure.axes[1].containers[0][0].get_ydata()
        np.testing.assert_array_equal(drawn, evaluation.by("age", task="age")["mae"])
