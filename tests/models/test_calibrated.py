"""A model that applies its calibration, and keeps it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from faceattr import Dataset, Model, TrainConfig, Trainer
from faceattr.calibration import Calibration
from faceattr.evaluation import Abstain, Calibrator
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, ModelFileError, TableError
from faceattr.models.predict import predictions_table
from faceattr.models.torch_runtime import TorchRuntime
from training.samples import tiny


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return Dataset.synthetic(60, seed=0, size=32)


@pytest.fixture
def model(faces) -> Model:
    return tiny(faces).eval()


def fitted(model: Model, faces: Dataset, **options) -> Calibration:
    return Calibrator(tasks=model.tasks, **options).fit(model.predict(faces))


def test_predictions_are_those_of_apply(model, faces):
    plain = model.predict(faces)
    rules = {"gender": Abstain(coverage=0.5)}
    bins = {"age_pred": 2}
    calibration = fitted(
        model, faces, by="age_pred", bins=bins, min_count=10, score="normalized", abstain=rules
    )
    model.calibration = calibration
    found = model.predict(faces)
    pd.testing.assert_frame_equal(found, calibration.apply(plain))
    assert {"age_low", "age_high", "age_level", "gender_abstain"} <= set(found)
    model.calibration = None
    pd.testing.assert_frame_equal(model.predict(faces), plain)


def test_values_without_a_table_are_calibrated_too(model, faces):
    images = np.stack([faces.read(row) for row in range(4)])
    plain = model.predict_values(images)
    model.calibration = fitted(model, faces)
    found, table = model.predict_values(images), model.predict(images)
    assert np.allclose(found["gender"][:, 1], table["gender_prob_female"], atol=1e-6)
    assert np.allclose(found["age"][:, 0], table["age_pred"], atol=1e-4)
    assert np.abs(found["gender"] - plain["gender"]).max() > 1e-6


def test_single_images_and_files_that_cannot_be_read(model, faces, tmp_path):
    model.calibration = fitted(model, faces)
    row = model.predict(faces.read(0)).iloc[0]
    assert row["age_low"] < row["age_pred"] < row["age_high"]
    (tmp_path / "broken.png").write_bytes(b"")
    row = model.predict(tmp_path / "broken.png").iloc[0]
    assert row["error"]
    assert np.isnan(row["age_low"])


def test_the_trainer_predicts_the_same(model, faces):
    model.calibration = fitted(model, faces)
    found = Trainer(progress=False).predict(model, faces)
    pd.testing.assert_frame_equal(found, model.predict(faces))


def test_it_is_saved_and_loaded(model, faces, tmp_path):
    plain = model.save_pretrained(tmp_path / "plain")
    assert "calibration" not in json.loads((plain / "config.json").read_text())
    model.calibration = fitted(model, faces, by="gender_pred", min_count=10)
    folder = model.save_pretrained(tmp_path / "calibrated")
    again = Model.from_pretrained(folder, backbone=type(model.backbone)())
    assert again.calibration == model.calibration
    pd.testing.assert_frame_equal(again.predict(faces), model.predict(faces))
    loaded = Model.from_pretrained(plain, backbone=type(model.backbone)())
    assert loaded.calibration is None


def test_a_damaged_one_is_told(model, faces, tmp_path):
    model.calibration = fitted(model, faces)
    folder = model.save_pretrained(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["calibration"]["tasks"][0]["interval"]["level"] = 7
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFileError, match="calibration"):
        Model.from_pretrained(folder, backbone=type(model.backbone)())


def test_groups_that_the_model_cannot_tell_are_refused(model, faces):
    quality = pd.DataFrame({"sample_id": faces.table["sample_id"], "blur": np.arange(60.0)})
    calibrator = Calibrator(by="blur", bins={"blur": 2}, min_count=10, tasks=model.tasks)
    calibration = calibrator.fit(model.predict(faces), quality)
    with pytest.raises(InvalidArgumentError, match=r"calibration\.apply") as caught:
        model.calibration = calibration
    assert caught.value.rows == ("blur",)
    assert model.calibration is None
    assert "age_low" in calibration.apply(model.predict(faces), quality)


def test_scores_that_a_head_does_not_give_are_refused(model, faces):
    calibration = fitted(model, faces, score="normalized")
    other = tiny(faces, heads={"age": "linear"})
    with pytest.raises(InvalidArgumentError, match="age_std"):
        other.calibration = calibration


def test_other_tasks_and_other_things_are_refused(model, faces):
    calibration = fitted(model, faces)
    age_alone = Dataset.synthetic(4, size=32)
    other = Model(type(model.backbone)(), [age_alone.tasks["age"]], image_size=32)
    with pytest.raises(InvalidArgumentError, match="gender"):
        other.calibration = calibration
    with pytest.raises(InvalidTypeError, match="Calibrator"):
        model.calibration = calibration.to_dict()


def test_intervals_end_at_the_bounds_of_the_models_task(model, faces):
    model.calibration = Calibrator(0.95).fit(model.predict(faces))  # told from the columns
    low, high = model.tasks["age"].bounds
    assert model.predict(faces)["age_low"].min() >= low
    assert model.predict(faces)["age_high"].max() <= high


def test_labels_with_the_name_of_a_new_column_are_refused(model, faces):
    model.calibration = fitted(model, faces)
    table = faces.table.assign(age_low=0.0)
    with pytest.raises(TableError, match="age_low"):
        predictions_table(TorchRuntime(model), table, np.arange(0), [], {})


def test_training_ends_a_calibration(model, faces, caplog):
    model.calibration = fitted(model, faces)
    trainer = Trainer(TrainConfig(epochs=1, batch_size=16, lr=0.01), progress=False)
    trainer.fit(model, faces)
    assert model.calibration is None
    assert "other weights" in caplog.text


def test_coverage_is_nothing_to_watch_in_training(model, faces):
    config = TrainConfig(epochs=1, batch_size=16, monitor="age/coverage")
    with pytest.raises(InvalidArgumentError, match="after its training"):
        Trainer(config, progress=False).fit(model, *faces.split(train=0.5, valid=0.5))


def test_a_training_that_fails_leaves_it(model, faces):
    model.calibration = fitted(model, faces)
    before = model.calibration

    class StopError(Exception):
        pass

    class Sampler:
        def plan(self, epoch):
            raise StopError

    trainer = Trainer(TrainConfig(epochs=1, batch_size=16), progress=False)
    with pytest.raises(StopError):
        trainer.fit(model, faces, sampler=Sampler())
    assert model.calibration == before


def test_training_ends_the_card(tmp_path):
    faces = Dataset.synthetic(8, seed=0, size=32)
    model = Model(tasks=faces.tasks, weights=None, image_size=32)
    model.card = "# A card\n"
    config = TrainConfig(epochs=1, batch_size=8)
    Trainer(config, progress=False, cache_folder=tmp_path).fit(model, faces)
    assert model.card is None


def test_another_image_size_ends_calibration_and_card(model, faces, caplog):
    model.calibration = fitted(model, faces)
    model.card = "# A card\n"
    model.image_size = 32  # the same
    assert model.calibration is not None
    model.image_size = 48
    assert (model.image_size, model.calibration, model.card) == (48, None, None)
    assert "fitted at another size" in caplog.text
    assert len(model.predict(faces)) == len(faces)
    with pytest.raises(InvalidArgumentError, match="image_size"):
        model.image_size = 7
