"""The most wrong rows, against a plain computation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr import BinnedEvaluator, RegressionTask
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.tasks import ClassificationTask
from prediction_samples import TASKS, make_predictions


def evaluate(table: pd.DataFrame, by=("age",), tasks=TASKS):
    return BinnedEvaluator(by, n_boot=0, tasks=tasks).evaluate(table)


def with_gaps(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = table.copy()
    table.loc[rng.random(len(table)) < 0.2, "age"] = np.nan
    failed = rng.random(len(table)) < 0.1
    table.loc[failed, ["age_pred", "gender_prob_male", "gender_prob_female"]] = np.nan
    table.loc[failed, "gender_pred"] = None
    table.loc[rng.random(len(table)) < 0.2, "gender"] = None
    # Equal errors, which the order of ids decides.
    table["age_pred"] = table["age_pred"].round(-1).where(rng.random(len(table)) < 0.5)
    return table.sample(frac=1, random_state=seed)


def plain(table: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    """Rank rows in pandas alone."""
    table = table.sort_values("sample_id")
    loss = pd.DataFrame(index=table.index)
    wrong = pd.DataFrame(index=table.index)
    loss["age"] = (table["age_pred"] - table["age"]).abs()
    wrong["age"] = table["age_pred"] != table["age"]
    true = table["gender_prob_female"].where(table["gender"] == "female", table["gender_prob_male"])
    known = table["gender"].notna() & table["gender_pred"].notna()
    loss["gender"] = 1 - true.where(known)
    wrong["gender"] = table["gender"] != table["gender_pred"]
    loss = loss[tasks].dropna()
    table["score"] = loss.rank(pct=True).mean(axis=1)
    table = table.loc[loss.index][wrong.loc[loss.index, tasks].all(axis=1)]
    return table.sort_values("score", ascending=False, kind="stable")


@pytest.mark.parametrize("tasks", [["age"], ["gender"], ["age", "gender"]])
@given(seed=st.integers(0, 1000), size=st.integers(1, 60), n=st.integers(1, 70))
def test_the_order_is_that_of_a_plain_computation(
    tasks: list[str], seed: int, size: int, n: int
) -> None:
    table = with_gaps(make_predictions(size, seed), seed)
    found = evaluate(table, by=()).most_wrong(tasks, n)
    expected = plain(table, tasks).head(n)
    assert found["sample_id"].tolist() == expected["sample_id"].tolist()
    if len(tasks) > 1:
        np.testing.assert_allclose(found["score"], expected["score"])
    if "age" in tasks:
        assert found["age"].tolist() == expected["age"].tolist()
        np.testing.assert_allclose(found["age_error"], expected["age_pred"] - expected["age"])


@given(seed=st.integers(0, 1000), n=st.integers(1, 5))
def test_of_each_bin_the_first_of_all(seed: int, n: int) -> None:
    evaluation = evaluate(with_gaps(make_predictions(80, seed), seed), by=["age", "gender"])
    every = evaluation.most_wrong("gender", 1000)
    codes = dict(zip(evaluation.table["sample_id"], evaluation.groupings["age"].codes, strict=True))
    found = evaluation.most_wrong("gender", n, by="age")
    expected = [
        name
        for code in range(len(evaluation.groupings["age"].names))
        for name in [name for name in every["sample_id"] if codes[name] == code][:n]
    ]
    assert found["sample_id"].tolist() == expected
    assert found["bin"].cat.ordered
    assert [codes[name] for name in found["sample_id"]] == found["bin"].cat.codes.tolist()


def test_columns() -> None:
    table = evaluate(make_predictions(50)).most_wrong(n=3)
    assert list(table.columns) == [
        *("sample_id", "path", "score", "age", "age_pred", "age_error"),
        *("gender", "gender_pred", "gender_prob_true"),
    ]
    assert len(table) == 3
    assert table["score"].is_monotonic_decreasing
    assert (table["gender"] != table["gender_pred"]).all()
    assert (table["gender_prob_true"] <= 0.5).all()


def test_one_task_needs_no_name_and_has_no_score() -> None:
    table = make_predictions(30)[["age", "age_pred"]]
    found = evaluate(table, tasks=RegressionTask("age")).most_wrong(n=2)
    assert list(found.columns) == ["row", "age", "age_pred", "age_error"]
    error = (table["age_pred"] - table["age"]).abs()
    assert found["row"].tolist() == error.sort_values(ascending=False).index[:2].tolist()


def test_without_probabilities_all_wrong_ones_in_the_order_of_ids() -> None:
    table = make_predictions(60)[["sample_id", "gender", "gender_pred"]].sample(
        frac=1, random_state=0
    )
    task = ClassificationTask("gender", classes=("male", "female"))
    found = evaluate(table, by=(), tasks=task).most_wrong(n=100)
    wrong = table[table["gender"] != table["gender_pred"]]["sample_id"]
    assert found["sample_id"].tolist() == sorted(wrong)
    assert list(found.columns) == ["sample_id", "gender", "gender_pred"]


def test_right_rows_are_not_listed() -> None:
    table = make_predictions(20)
    table["age_pred"] = table["age"]
    table.loc[3, "age_pred"] += 1
    assert evaluate(table).most_wrong("age")["sample_id"].tolist() == ["00003.jpg"]
    table["gender"] = table["gender_pred"]
    found = evaluate(table).most_wrong()
    assert len(found) == 0
    assert "gender_prob_true" in found


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"task": "race"}, InvalidArgumentError),
        ({"task": ["age", "race"]}, InvalidArgumentError),
        ({"task": ["age", "age"]}, InvalidArgumentError),
        ({"task": []}, InvalidArgumentError),
        ({"n": 0}, InvalidArgumentError),
        ({"n": 2.5}, InvalidTypeError),
        ({"by": "gender"}, InvalidArgumentError),
    ],
)
def test_arguments_are_checked(arguments, error) -> None:
    with pytest.raises(error):
        evaluate(make_predictions(20)).most_wrong(**arguments)
