"""Learning from the predictions of other models."""

from __future__ import annotations

import numpy as np
import pytest

from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError, TrainingError
from training.samples import drawings, fit, halves, same, state, tiny


@pytest.fixture(scope="module")
def faces():
    return drawings()


@pytest.fixture(scope="module")
def teacher(faces):
    """Return predictions that are far from the labels."""
    told = tiny(faces).predict(faces)
    return told.assign(age_pred=116 - faces.table["age"].to_numpy(float))


def test_the_order_of_the_table_does_not_matter(faces, teacher):
    model, trainer = fit(faces, teacher=teacher)
    again, _ = fit(faces, teacher=teacher.sample(frac=1, random_state=0))
    assert same(state(model), state(again))
    plain, _ = fit(faces)
    assert not same(state(model), state(plain))
    assert model.info["training"]["teacher"]["weight"] == 0.5
    assert plain.info["training"]["teacher"] is None
    assert np.isfinite(trainer.history_["train_loss"]).all()


def test_without_a_part_it_changes_nothing(faces, teacher):
    model, _ = fit(faces, teacher=teacher, teacher_weight=0.0, mixup=0.2)
    plain, _ = fit(faces, mixup=0.2)
    told, _ = fit(faces, teacher=teacher, teacher_weight=1.0, mixup=0.2)
    for key, value in state(plain).items():
        np.testing.assert_allclose(value, state(model)[key], rtol=1e-4, atol=1e-5)
    assert not same(state(plain), state(told))


def test_images_without_labels_learn_from_it(faces, teacher):
    table = faces.table.copy()
    table.loc[table.index[5:], "age"] = np.nan
    model, _ = fit(Dataset(table, tasks=faces.tasks), teacher=teacher)
    assert model.info["training"]["labels"] == {"age": 40, "gender": 40}


def test_a_part_of_the_tasks_and_of_the_rows_is_enough(faces, teacher, caplog):
    caplog.set_level("INFO")
    only = teacher[["sample_id", "age_pred"]].copy()
    only.loc[only.index[3], "age_pred"] = np.nan
    model, _ = fit(faces, teacher=only)
    assert "does not predict task 'gender'" in caplog.text
    assert model.info["training"]["teacher"]["tasks"] == ["age"]


def test_images_that_the_teacher_lacks_are_named(faces, teacher):
    with pytest.raises(InvalidArgumentError) as caught:
        fit(faces, teacher=teacher.iloc[2:])
    assert list(caught.value.rows) == teacher["sample_id"].iloc[:2].tolist()
    with pytest.raises(TableError, match="twice"):
        fit(faces, teacher=teacher.iloc[[0, *range(len(teacher))]])


def test_what_is_no_table_of_predictions_is_refused(faces, teacher):
    with pytest.raises(InvalidTypeError, match="predictions table"):
        fit(faces, teacher="predictions.csv")
    with pytest.raises(TableError, match="none of the model's tasks"):
        fit(faces, teacher=teacher[["sample_id", "age", "gender"]])
    with pytest.raises(TableError) as caught:
        fit(faces, teacher=teacher.assign(gender_prob_male=0.9))
    assert len(caught.value.rows) == len(faces)
    with pytest.raises(TableError, match="column 'age_pred'"):
        fit(faces, teacher=teacher.assign(age_pred=np.inf))
    words = teacher["age_pred"].astype(object).where(teacher.index != 3, "about 30")
    with pytest.raises(TableError) as caught:
        fit(faces, teacher=teacher.assign(age_pred=words))
    assert list(caught.value.rows) == [teacher["sample_id"].iloc[3]]
    with pytest.raises(TableError, match="column 'age_std'"):
        fit(faces, teacher=teacher.assign(age_std="wide"))


def test_a_class_that_is_left_out_is_the_rest(faces, teacher):
    both, _ = fit(faces, teacher=teacher)
    one, _ = fit(faces, teacher=teacher.drop(columns="gender_prob_male"))
    for key, value in state(both).items():
        np.testing.assert_allclose(value, state(one)[key], rtol=1e-4, atol=1e-5)


def test_a_teacher_of_the_validation_images_is_told(faces, teacher, caplog):
    train, valid = halves(faces)
    fit(train, valid=valid, teacher=teacher)
    assert f"predicted {len(valid)} of the validation images" in caplog.text
    caplog.clear()
    fit(train, valid=valid, teacher=teacher[teacher["sample_id"].isin(train.table["sample_id"])])
    assert "validation images" not in caplog.text


def test_checkpoints_of_another_teacher_are_not_gone_on_with(faces, teacher, tmp_path):
    folder = {"checkpoint_folder": tmp_path}
    fit(faces, teacher=teacher, trainer=folder, on_epoch=lambda row: True)
    with pytest.raises(TrainingError):
        fit(faces, teacher=teacher.assign(age_pred=1.0), trainer=folder, resume=True)
    model, _ = fit(faces, teacher=teacher, trainer=folder, resume=True)
    whole, _ = fit(faces, teacher=teacher)
    assert same(state(model), state(whole))
