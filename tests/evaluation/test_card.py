"""The model card: figures are those of the evaluation, what was not measured is said."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from faceattr import BinnedEvaluator, ClassificationTask, RegressionTask, TaskSet
from faceattr.evaluation import Calibrator, ModelFacts, coverage_over_splits, model_card
from faceattr.exceptions import InvalidTypeError, TableError

TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female")),
    ]
)
FACTS = ModelFacts(
    name="of-drawings",
    description="A network.",
    training_data="Drawings.",
    licence="MIT.",
    training="For a while.",
    held_out="Numbers that were drawn.",
    citation="Nobody.",
)
BY = ["age", "gender", "camera"]


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    n = 600
    age = rng.uniform(0, 90, n)
    camera = np.where(np.arange(n) < 40, "phone | old", np.where(np.arange(n) < 55, "rare", "good"))
    gender = np.where(rng.random(n) < 0.5, "female", "male")
    wrong = rng.random(n) < np.where(camera == "phone | old", 0.5, 0.05)
    female = np.where((gender == "female") != wrong, 0.9, 0.1)
    return pd.DataFrame(
        {
            "sample_id": [f"{k:03}.jpg" for k in range(n)],
            "age": age,
            "age_pred": np.clip(age + rng.normal(0, 1 + age / 9), 0, 116),
            "gender": gender,
            "gender_pred": np.where(female > 0.5, "female", "male"),
            "gender_prob_female": female,
            "gender_prob_male": 1 - female,
            "camera": camera,
        }
    )


@pytest.fixture(scope="module")
def evaluation(predictions):
    return BinnedEvaluator(BY, n_boot=50, tasks=TASKS, min_count=20).evaluate(predictions)


@pytest.fixture(scope="module")
def coverage(predictions):
    return coverage_over_splits(predictions, calibrator=Calibrator(tasks=TASKS), by=BY, n_splits=10)


def section(card, title):
    found = re.search(rf"^#+ {re.escape(title)}\n\n(.*?)(?=^##|\Z)", card, flags=re.S | re.M)
    assert found, title
    return found[1]


def test_the_figures_are_those_of_the_evaluation(evaluation, coverage):
    card = model_card(evaluation, FACTS, coverage=coverage)
    assert card.startswith("# Model card: of-drawings\n\nA network.")
    overall = evaluation.overall("age").loc["mae"]
    figures = section(card, "Figures")
    assert (
        f"| age | MAE, years | {overall['value']:.2f} "
        f"({overall['ci_low']:.2f} to {overall['ci_high']:.2f}) | 600 |" in figures
    )
    assert f"{evaluation.value('gender/accuracy'):.3f}" in figures
    row = evaluation.by("age", task="age").loc["4-14"]
    held = coverage[(coverage["by"] == "age") & (coverage["bin"] == "4-14")].iloc[0]
    line = next(x for x in section(card, "By age").splitlines() if x.startswith("| 4-14 |"))
    assert f"| {int(row['n'])} | {row['mae']:.2f} ({row['mae_low']:.2f} to" in line
    assert f"{held['coverage']:.3f} ({held['coverage_low']:.3f} to" in line
    assert f"| {held['width']:.1f} |" in line


def test_groups_have_counts_and_small_ones_no_figures(evaluation):
    table = section(model_card(evaluation, FACTS), "By camera")
    lines = table.strip().splitlines()
    assert lines[0].startswith("| camera | n | age: MAE, years |")
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    rare = next(line for line in lines if line.startswith("| rare |"))
    assert rare.split("|")[2].strip() == "15"
    assert set(map(str.strip, rare.split("|")[3:-1])) == {"too few"}


def test_what_it_is_not_for_names_the_minors(evaluation):
    text = section(model_card(evaluation, FACTS), "What it must not be used for")
    value = evaluation.value("age/adult_at_18")
    n = int(evaluation.overall("age").loc["adult_at_18", "n"])
    assert f"Of {n:,} held-out images of people labelled below 18, the share {value:.3f} (" in text
    for word in ("Identity", "Decisions about people", "sole check"):
        assert word in text


def test_weaknesses_are_computed(evaluation, coverage):
    text = section(model_card(evaluation, FACTS, coverage=coverage), "Known weaknesses")
    worst = evaluation.by("camera", task="gender").loc["phone | old"]
    assert f"gender, accuracy: worst for camera phone | old with {worst['accuracy']:.3f}" in text
    assert "Fewer than 100 images" in text
    assert "camera rare (n = 15)" in text
    rows = coverage[(coverage["by"] != "overall") & (coverage["n"] >= 20)]
    least = rows.sort_values("coverage").iloc[0]
    assert f"hold least often for {least['by']} {least['bin']} with {least['coverage']:.3f}" in text


def test_intervals_by_what_is_no_group_of_the_evaluation(evaluation, predictions):
    calibrator = Calibrator(0.8, "age_pred", {"age_pred": [0, 30, 116]}, tasks=TASKS)
    bins = {"age_pred": [0, 30, 116]}
    coverage = coverage_over_splits(
        predictions, calibrator=calibrator, by="age_pred", bins=bins, n_splits=5
    )
    text = section(model_card(evaluation, FACTS, coverage=coverage), "Intervals")
    assert "age: intervals of level 80% held" in text
    row = coverage[coverage["bin"] == "0-30"].iloc[0]
    assert "| predicted age | n | age: held by intervals of 80% |" in text
    assert f"| 0-30 | {row['n']} | {row['coverage']:.3f} (" in text


def test_what_was_not_measured_is_said(evaluation):
    card = model_card(evaluation, FACTS)
    assert section(card, "Intervals").strip() == "Not measured."
    assert section(card, "Other data").startswith("Not measured.")


def test_other_data_have_figures(evaluation, predictions):
    other = BinnedEvaluator([], n_boot=20, tasks=TASKS).evaluate(predictions.iloc[:100])
    card = model_card(evaluation, FACTS, cross_data={"Other drawings": other})
    text = section(card, "Other data")
    assert "**Other drawings**" in text
    assert f"| age | MAE, years | {other.value('age/mae'):.2f} (" in text


def test_other_tasks_and_no_intervals():
    table = pd.DataFrame(
        {
            "smile": ["no", "yes", "no", "yes"],
            "smile_pred": ["no", "yes", "yes", "yes"],
            "glasses": ["a", "b", None, "a"],
            "glasses_pred": ["a", "b", "a", "a"],
        }
    )
    tasks = [ClassificationTask("smile", ("no", "yes")), ClassificationTask("glasses", ("a", "b"))]
    found = BinnedEvaluator("smile", n_boot=0, min_count=1, tasks=tasks).evaluate(table)
    card = model_card(found, FACTS)
    assert "Without intervals." in card
    assert "not measured" in section(card, "What it must not be used for")
    assert "| smile | n of smile | smile: accuracy | n of glasses |" in section(card, "By smile")


def test_what_does_not_fit_is_refused(evaluation, coverage):
    with pytest.raises(InvalidTypeError, match="evaluation"):
        model_card(evaluation.to_frame(), FACTS)
    with pytest.raises(InvalidTypeError, match="facts"):
        model_card(evaluation, "a network")
    with pytest.raises(InvalidTypeError, match="cross_data"):
        model_card(evaluation, FACTS, cross_data=[evaluation])
    with pytest.raises(InvalidTypeError, match="Other"):
        model_card(evaluation, FACTS, cross_data={"Other": coverage})
    with pytest.raises(TableError, match="width"):
        model_card(evaluation, FACTS, coverage=coverage.drop(columns="width"))
