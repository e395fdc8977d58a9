"""The mean of several models' predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from faceattr import ClassificationTask, RegressionTask, TaskSet
from faceattr.evaluation import average_predictions
from faceattr.exceptions import TableError

TASKS = TaskSet(
    [RegressionTask("age", bounds=(0, 116)), ClassificationTask("gender", ("male", "female"))]
)


def table(ages, female, **more):
    female = np.array(female)
    return pd.DataFrame(
        {
            "sample_id": [f"{n}.jpg" for n in range(len(ages))],
            "age": 30.0,
            "gender": "male",
            "place": "here",
            "age_pred": ages,
            "age_std": 3.0,
            "age_q05": 1.0,
            "gender_pred": np.where(female > 0.5, "female", "male"),
            "gender_prob_male": 1 - female,
            "gender_prob_female": female,
            "error": "",
        }
    ).assign(**more)


def test_means_and_the_deviation_of_the_mixture():
    a, b = table([20.0, 40.0], [0.9, 0.2]), table([28.0, 40.0], [0.0, 0.1])
    found = average_predictions([a, b.iloc[::-1]], tasks=TASKS)
    assert found["age_pred"].tolist() == [24.0, 40.0]
    np.testing.assert_allclose(found["age_std"], [5.0, 3.0])  # within 3, between 4
    np.testing.assert_allclose(found["gender_prob_female"], [0.45, 0.15])
    assert found["gender_pred"].tolist() == ["male", "male"]
    assert found["sample_id"].tolist() == ["0.jpg", "1.jpg"]
    assert "age_q05" not in found
    assert found["place"].tolist() == ["here", "here"]


def test_one_table_is_its_own_mean():
    a = table([20.0, 40.0], [0.9, 0.2])
    found = average_predictions([a])
    pd.testing.assert_frame_equal(found, a[found.columns], check_dtype=False)


def test_an_image_that_one_has_not_predicted_is_missing():
    a = table([20.0, 40.0], [0.9, 0.2])
    b = a.copy()
    b.loc[1, ["age_pred", "age_std", "gender_prob_male", "gender_prob_female"]] = np.nan
    b.loc[1, "gender_pred"], b.loc[1, "error"] = None, "broken"
    found = average_predictions([a, b], tasks=TASKS)
    assert found["error"].tolist() == ["", "broken"]
    assert found["age_pred"].isna().tolist() == [False, True]
    assert found["gender_pred"].isna().tolist() == [False, True]


def test_without_deviations_there_is_none():
    a = table([20.0], [0.9])
    assert "age_std" not in average_predictions([a, a.drop(columns="age_std")], tasks=TASKS)


def test_other_images_and_columns_are_refused():
    a = table([20.0, 40.0], [0.9, 0.2])
    with pytest.raises(TableError) as caught:
        average_predictions([a, a.iloc[:1]], tasks=TASKS)
    assert list(caught.value.rows) == ["1.jpg"]
    with pytest.raises(TableError, match=r"tables\[1\]: columns of task 'age' are missing"):
        average_predictions([a, a.drop(columns="age_pred")], tasks=TASKS)
    with pytest.raises(TableError, match=r"tables\[1\], column 'age_pred'") as caught:
        average_predictions([a, a.assign(age_pred=["thirty", 40.0])], tasks=TASKS)
    assert list(caught.value.rows) == ["0.jpg"]
    half = average_predictions([a, a.drop(columns="gender_prob_male")], tasks=TASKS)
    np.testing.assert_allclose(half["gender_prob_male"], a["gender_prob_male"])
    with pytest.raises(TableError):
        average_predictions([a.iloc[[0, 0]]], tasks=TASKS)
