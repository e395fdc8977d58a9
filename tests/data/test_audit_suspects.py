"""Suspected labels: planted errors are found, and predictions are checked."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

from audit_samples import AGE, GENDER, predicted, table_of
from faceattr import ClassificationTask, Dataset
from faceattr.data import Audit
from faceattr.data.audit import label_errors
from faceattr.exceptions import (
    DataError,
    InvalidArgumentError,
    MissingDependencyError,
    TableError,
)

N = 600
WRONG = [f"d{index:05d}" for index in range(0, N, 30)]


@pytest.fixture(scope="module")
def clean() -> Dataset:
    generator = np.random.default_rng(1)
    table = table_of(
        N, age=generator.integers(0, 90, N), gender=generator.choice(["male", "female"], N)
    )
    return Dataset(table, tasks=[AGE, GENDER])


@pytest.fixture(scope="module")
def noisy(clean: Dataset) -> Dataset:
    """Every 30th label is wrong: the other gender, and 45 years older or younger."""
    rows = clean.table[clean.table["sample_id"].isin(WRONG)][["sample_id", "age", "gender"]]
    rows["age"] += np.where(rows["age"] < 45, 45, -45)
    rows["gender"] = np.where(rows["gender"] == "male", "female", "male")
    return clean.with_labels(rows)


@pytest.fixture(scope="module")
def audit(clean: Dataset, noisy: Dataset) -> Audit:
    return noisy.audit(predicted(clean), by=())


@pytest.mark.parametrize("task", ["age", "gender"])
def test_planted_errors_are_ranked_first(audit: Audit, task: str) -> None:
    rows = audit.suspects[audit.suspects["task"] == task]
    assert len(rows) == N
    assert rows["rank"].tolist() == list(range(1, N + 1))
    assert set(rows["sample_id"].head(15)) <= set(WRONG)
    issues = set(rows.loc[rows["is_issue"], "sample_id"])
    assert len(issues & set(WRONG)) >= 18
    assert len(issues - set(WRONG)) <= 2
    assert rows["score"].between(0, 1).all()
    by_kind = rows.groupby("is_issue")["score"]
    assert all(part.is_monotonic_increasing for _, part in by_kind)


def test_few_of_clean_labels_are_suspect(clean: Dataset) -> None:
    suspects = clean.audit(predicted(clean), by=()).suspects
    assert suspects["is_issue"].sum() <= 0.005 * len(suspects)


def test_errors_that_grow_with_age_need_no_spread(clean: Dataset, noisy: Dataset) -> None:
    predictions = predicted(clean).drop(columns="age_std")
    rows = noisy.audit(predictions, by=()).suspects
    rows = rows[rows["task"] == "age"]
    assert len(set(rows["sample_id"].head(20)) & set(WRONG)) >= 14
    # A baby that is three years off is as suspect as an old person who is decades off.
    ages = noisy.table.set_index("sample_id").loc[rows["sample_id"].head(60), "age"]
    assert (ages < 30).any()


def test_a_range_is_suspect_only_beyond_its_ends() -> None:
    low, high = [20.0] * 40 + [60.0], [29.0] * 40 + [69.0]
    table = table_of(41, age=[None] * 41, age_min=low, age_max=high)
    ds = Dataset(table, tasks=AGE)
    close = np.r_[np.linspace(19, 31, 40), 22.0]
    predictions = pd.DataFrame({"sample_id": table["sample_id"], "age_pred": close})
    suspects = ds.audit(predictions, by=()).suspects
    assert suspects["sample_id"].iloc[0] == "d00040"
    assert suspects["label"].iloc[0] == "60-69"
    assert (suspects["score"] == 1.0).sum() >= 28


def test_suspects_are_named_for_reject_and_select(audit: Audit, noisy: Dataset) -> None:
    reasons = audit.suspected("gender")
    assert len(noisy.select(reasons.index)) == len(reasons)
    kept = noisy.reject(reasons)
    assert len(kept) == N - len(reasons)
    assert kept.rejects["reason"].str.startswith("gender ").all()
    every = audit.suspected()
    assert every.index.is_unique
    assert set(every.index) == set(reasons.index) | set(audit.suspected("age").index)
    assert any("; " in reason for reason in every)
    assert len(audit.suspected("age", most=3)) == 3
    assert len(audit.suspected("age", below=2.0)) == N


def test_missing_labels_and_predictions_are_passed_over_and_counted(clean: Dataset) -> None:
    first, second = clean.table["sample_id"].iloc[:2]
    ds = clean.with_labels(pd.DataFrame({"sample_id": [first], "age": [None], "gender": [None]}))
    predictions = predicted(clean).query("sample_id != @second")
    stranger = predictions.iloc[:1].assign(sample_id="stranger")
    audit = ds.audit(pd.concat([predictions, stranger]), by=())
    assert audit.unpredicted == 1
    assert not audit.suspects["sample_id"].isin([first, second, "stranger"]).any()
    assert "images without a prediction" in list(audit.findings["finding"])


def test_labels_are_those_of_the_data_set(clean: Dataset) -> None:
    told = predicted(clean).assign(age=1.0, gender="male", fold=0)
    assert clean.audit(told, by=()).suspects.equals(clean.audit(predicted(clean), by=()).suspects)


def test_a_class_without_images_and_a_single_image_do_no_harm() -> None:
    task = ClassificationTask("hair", ("dark", "fair", "red"))
    for n in (1, 2, 30):
        table = table_of(n, hair="dark", age=20.0)
        ds = Dataset(table, tasks=[task, AGE])
        predictions = pd.DataFrame({"sample_id": table["sample_id"], "age_pred": 20.0})
        predictions[["hair_prob_dark", "hair_prob_fair", "hair_prob_red"]] = [0.8, 0.2, 0.0]
        suspects = ds.audit(predictions, by=()).suspects
        assert len(suspects) == 2 * n
        assert not suspects["is_issue"].any()


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda t: t.assign(sample_id="x-" + t["sample_id"]), DataError, "not one prediction"),
        (lambda t: pd.concat([t, t]), TableError, "more than one row"),
        (lambda t: t.drop(columns="sample_id"), TableError, "sample_id"),
        (lambda t: t[["sample_id"]], TableError, "no prediction of a task"),
        (lambda t: t.drop(columns="gender_prob_male"), TableError, "gender_prob_male"),
        (lambda t: t.assign(gender_prob_male=3.0), TableError, "sum to 1"),
        (lambda t: t.assign(age_pred="old"), TableError, "age_pred"),
    ],
    ids=["strangers", "repeated", "no ids", "no task", "a class lacks", "no shares", "text"],
)
def test_wrong_predictions_are_refused(
    clean: Dataset, change: object, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        clean.audit(change(predicted(clean)), by=())  # type: ignore[operator]


def test_without_cleanlab_only_predictions_are_refused(
    clean: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        label_errors.importlib.util,
        "find_spec",
        lambda name: None if name == "cleanlab" else real(name),
    )
    with pytest.raises(MissingDependencyError, match=r'pip install "faceattr\[audit\]"'):
        clean.audit(predicted(clean))
    assert clean.audit(by=()).suspects.empty


def test_without_predictions_nothing_is_suspected(clean: Dataset) -> None:
    audit = clean.audit(by=())
    with pytest.raises(InvalidArgumentError, match="out-of-fold"):
        audit.suspected("gender")
    with pytest.raises(InvalidArgumentError, match="out-of-fold"):
        audit.sample_weight(suspects=0.5)


def test_a_task_without_predictions_cannot_be_asked_for(clean: Dataset) -> None:
    audit = clean.audit(predicted(clean)[["sample_id", "age_pred"]], by=())
    with pytest.raises(InvalidArgumentError, match="'gender'"):
        audit.suspected("gender")
