"""What the evaluator takes: anyone's table, arguments within their limits."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceattr.evaluation import BinnedEvaluator
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tasks import ClassificationTask, RegressionTask
from prediction_samples import TASKS, make_predictions


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    return make_predictions()


class TestAnyonesTable:
    def test_ids_are_not_needed(self, predictions: pd.DataFrame) -> None:
        plain = predictions.drop(columns=["sample_id", "path", "error"])
        found = BinnedEvaluator(n_boot=20).evaluate(plain).to_frame()
        expected = BinnedEvaluator(n_boot=20).evaluate(predictions).to_frame()
        pd.testing.assert_frame_equal(found, expected)

    def test_numbers_as_text_are_read(self) -> None:
        table = pd.DataFrame({"x": ["1", "2"], "x_pred": ["1.5", ""]}).replace("", None)
        evaluation = BinnedEvaluator(by=(), n_boot=0, tasks=RegressionTask("x")).evaluate(table)
        assert evaluation.value("x/mae") == 0.5

    def test_predictions_beyond_the_bounds_are_evaluated(self) -> None:
        table = pd.DataFrame({"age": [1.0], "age_pred": [-2.14]})
        assert BinnedEvaluator(n_boot=0, tasks=TASKS["age"]).evaluate(table).value(
            "age/prediction_min"
        ) == pytest.approx(-2.14)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("age_pred", np.inf),
            ("gender_prob_male", 1.5),
            ("gender_prob_male", -0.2),
            ("gender_prob_male", np.inf),
        ],
    )
    def test_impossible_values_name_the_row(
        self, predictions: pd.DataFrame, column: str, value: float
    ) -> None:
        table = predictions.copy()
        table.loc[7, column] = value
        with pytest.raises(TableError) as caught:
            BinnedEvaluator().evaluate(table)
        assert caught.value.rows == ("00007.jpg",)
        assert column in str(caught.value.argument)

    def test_probabilities_that_do_not_add_up(self, predictions: pd.DataFrame) -> None:
        table = predictions.assign(gender_prob_male=0.9)
        with pytest.raises(TableError, match="add up to 1"):
            BinnedEvaluator().evaluate(table)

    def test_probabilities_of_some_classes_only(self) -> None:
        table = pd.DataFrame({"x": ["a"], "x_pred": ["a"], "x_prob_a": [0.5], "x_prob_b": [0.5]})
        task = ClassificationTask("x", classes=("a", "b", "c"))
        with pytest.raises(TableError, match="x_prob_c"):
            BinnedEvaluator(by=(), tasks=task).evaluate(table)

    def test_a_label_that_is_no_class(self, predictions: pd.DataFrame) -> None:
        table = predictions.copy()
        table.loc[3, "gender"] = "robot"
        with pytest.raises(DataError, match="robot") as caught:
            BinnedEvaluator().evaluate(table)
        assert caught.value.rows == ("00003.jpg",)

    def test_text_where_numbers_belong(self) -> None:
        table = pd.DataFrame({"age": ["old", "3"], "age_pred": ["1", "2"]})
        with pytest.raises(TableError, match="old"):
            BinnedEvaluator(by=(), tasks=RegressionTask("age")).evaluate(table)

    def test_a_task_without_its_columns(self, predictions: pd.DataFrame) -> None:
        with pytest.raises(TableError, match="mood_pred"):
            BinnedEvaluator(tasks=RegressionTask("mood")).evaluate(predictions)

    def test_columns_of_the_same_name(self, predictions: pd.DataFrame) -> None:
        twice = pd.concat([predictions, predictions[["age"]]], axis=1)
        with pytest.raises(TableError, match="same name"):
            BinnedEvaluator().evaluate(twice)


class TestArguments:
    def test_the_constructor_only_stores(self) -> None:
        bins, tasks = {"age": object()}, object()
        evaluator = BinnedEvaluator(
            by=3,  # type: ignore[arg-type]
            bins=bins,  # type: ignore[arg-type]
            n_boot=-1,
            confidence="much",  # type: ignore[arg-type]
            seed=None,  # type: ignore[arg-type]
            tasks=tasks,  # type: ignore[arg-type]
        )
        assert evaluator.bins is bins
        assert evaluator.tasks is tasks

    @pytest.mark.parametrize(
        ("argument", "value"),
        [
            ("n_boot", -1),
            ("n_boot", 1.5),
            ("seed", -1),
            ("seed", "0"),
            ("confidence", 0),
            ("confidence", 1.01),
            ("confidence", np.nan),
            ("by", ["age", "age"]),
            ("by", "overall"),
            ("bins", {"agee": 3}),
            ("bins", {"age": [3, 1]}),
            ("bins", {"age": "wide"}),
            ("tasks", []),
        ],
    )
    def test_limits(self, predictions: pd.DataFrame, argument: str, value: Any) -> None:
        with pytest.raises((InvalidArgumentError, InvalidTypeError)) as caught:
            BinnedEvaluator(**{argument: value}).evaluate(predictions)
        assert argument in str(caught.value) or caught.value.argument == "edges"

    @pytest.mark.parametrize("table", [None, [1], {"age": [1]}], ids=["none", "list", "dict"])
    def test_no_table(self, table: Any) -> None:
        with pytest.raises(InvalidTypeError):
            BinnedEvaluator().evaluate(table)

    def test_probabilities_of_no_class_are_told(self, caplog: pytest.LogCaptureFixture) -> None:
        table = pd.DataFrame({"x": ["a", "b"], "x_pred": ["b", "b"], "x_prob_0": [0.2, 0.1]})
        task = ClassificationTask("x", ("a", "b"), codes={0: "a", 1: "b"})
        with caplog.at_level("WARNING", logger="faceattr"):
            found = BinnedEvaluator(by=(), n_boot=0, tasks=task).evaluate(table)
        assert found.value("x/accuracy") == 0.5
        assert "no class of task 'x': the columns ['x_prob_0']" in caplog.text

    def test_a_class_named_like_the_whole(self) -> None:
        table = pd.DataFrame({"x": ["overall", "b"], "x_pred": ["b", "b"]})
        with pytest.raises(InvalidArgumentError, match="overall"):
            BinnedEvaluator(by=()).evaluate(table)


def test_torch_and_pyplot_are_not_needed() -> None:
    code = (
        "import sys, pandas as pd\n"
        "from faceattr.evaluation import BinnedEvaluator\n"
        "table = pd.DataFrame({'age': [2.0, 30.0], 'age_pred': [4.0, 29.0]})\n"
        "BinnedEvaluator(n_boot=5).evaluate(table).plot()\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib.pyplot', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
