"""Suspected numbers do not depend on the order of the rows, nor on one missing deviation."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from faceattr import Dataset
from faceattr.data.audit.suspects import find_suspects
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return Dataset.synthetic(600, seed=0, size=16)


def predicted(faces: Dataset) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = faces.table["age"].to_numpy()
    noisy = np.clip(age + rng.normal(0, 2 + age / 8), 0, 116)
    return faces.table[["sample_id"]].assign(age_pred=np.round(noisy))


def suspects(faces: Dataset, table: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    return find_suspects(table, faces.tasks, predictions).table.set_index("sample_id").sort_index()


def test_whole_years_in_any_order(faces: Dataset) -> None:
    predictions = predicted(faces)
    found = suspects(faces, faces.table, predictions)
    shuffled = faces.table.sample(frac=1, random_state=2).reset_index(drop=True)
    other = suspects(faces, shuffled, predictions)
    pd.testing.assert_frame_equal(
        found.drop(columns="rank"), other.drop(columns="rank"), rtol=1e-12
    )
    alike = found.groupby(["label", "prediction"])["score"]
    assert (alike.max() - alike.min()).max() == pytest.approx(0, abs=1e-12)


def test_one_missing_deviation_is_that_of_one_image(faces: Dataset, caplog) -> None:
    predictions = predicted(faces)
    predictions["age_std"] = 2 + faces.table["age"] / 8
    whole = suspects(faces, faces.table, predictions)
    assert caplog.text == ""
    predictions.loc[5, "age_std"] = np.nan
    with caplog.at_level(logging.WARNING):
        gap = suspects(faces, faces.table, predictions)
    assert "1 of 600 predictions have no deviation" in caplog.text
    others = whole.index != predictions["sample_id"][5]
    np.testing.assert_allclose(gap["score"][others], whole["score"][others], atol=0.02)


def test_a_share_above_one_is_told(faces: Dataset) -> None:
    predictions = faces.table[["sample_id"]].assign(gender_pred="male")
    predictions = predictions.assign(gender_prob_male=1.005, gender_prob_female=0.0)
    with pytest.raises(TableError, match="not probabilities"):
        find_suspects(faces.table, faces.tasks, predictions)


@pytest.mark.parametrize("by", [[["age", "gender"]], 5, [None]])
def test_what_is_no_column(faces: Dataset, by: object) -> None:
    with pytest.raises(InvalidTypeError) as caught:
        faces.select(np.arange(600) < 8).audit(by=by)  # type: ignore[arg-type]
    assert caught.value.argument == "by"


def test_bins_that_are_not_counted_are_told(faces: Dataset) -> None:
    few = faces.select(np.arange(600) < 40)
    with pytest.raises(InvalidArgumentError, match="not counted") as caught:
        few.audit(by=["gender"], bins={"age": [0, 18, None]})
    assert caught.value.rows == ("age",)
    with pytest.raises(InvalidTypeError) as wrong:
        few.audit(bins={"age": ["a", 3]})  # type: ignore[list-item]
    assert "edges" in str(wrong.value)
