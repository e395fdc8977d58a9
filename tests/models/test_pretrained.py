"""Saving and loading models."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from faceattr import ClassificationTask, Dataset, Model, RegressionTask, TaskSet
from faceattr.exceptions import InvalidTypeError, ModelFileError, OutputError
from faceattr.training.checkpoints import CheckpointFolder

TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female"), codes={0: "male", 1: "female"}),
    ]
)


class Pool(nn.Module):
    num_features = 3

    def forward(self, images):
        return images.mean(dim=(2, 3))


@pytest.fixture
def saved(tmp_path):
    model = Model(tasks=TASKS, weights=None, image_size=32, heads={"gender": "logit"}).eval()
    model.info = {"training_data": "drawings", "licence": "MIT"}
    return model, model.save_pretrained(tmp_path / "model")


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_round_trip(saved):
    model, folder = saved
    again = Model.from_pretrained(folder)
    faces = Dataset.synthetic(4, seed=0, size=32)
    left, right = model.predict(faces), again.predict(faces)
    np.testing.assert_array_equal(left["age_pred"], right["age_pred"])
    np.testing.assert_array_equal(left["gender_prob_female"], right["gender_prob_female"])
    assert again.tasks == model.tasks
    assert again.head_kinds == {"age": "distribution", "gender": "logit"}
    assert again.info == model.info
    assert not again.training


def test_the_card_travels_with_the_model(saved):
    model, folder = saved
    assert Model.from_pretrained(folder).card is None
    model.card = "# Älteste Karte\n"
    again = Model.from_pretrained(model.save_pretrained(folder))
    assert again.card == model.card
    again.card = None
    again.save_pretrained(folder)
    assert not (folder / "MODEL_CARD.md").exists()


def test_the_licence_travels_with_the_model(saved, tmp_path, caplog):
    model, folder = saved
    assert Model.from_pretrained(folder).licence_text is None
    (folder / "LICENSE.txt").write_text("Für Zeichnungen.\n", encoding="utf-8")
    again = Model.from_pretrained(folder)
    copy = again.save_pretrained(tmp_path / "copy")
    assert (copy / "LICENSE.txt").read_text(encoding="utf-8") == "Für Zeichnungen.\n"
    assert not caplog.records
    model.save_pretrained(folder)  # somebody has put it there
    assert (folder / "LICENSE.txt").exists()
    (record,) = caplog.records  # or it is that of the model that was here before
    assert "no licence text of its own" in record.getMessage()


def test_a_card_that_is_no_text_is_named(saved):
    _, folder = saved
    (folder / "MODEL_CARD.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelFileError, match="card"):
        Model.from_pretrained(folder)


def test_the_description_tells_what_a_user_needs(saved):
    _, folder = saved
    config = json.loads((folder / "config.json").read_text())
    assert config["training_data"] == "drawings"
    assert config["licence"] == "MIT"
    assert {"tasks", "image_size", "mean", "std", "crop_template", "versions", "info"} <= set(
        config
    )
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_module_of_ones_own_is_asked_for(tmp_path):
    folder = Model(Pool(), TASKS, image_size=32).save_pretrained(tmp_path)
    with pytest.raises(ModelFileError, match="backbone"):
        Model.from_pretrained(folder)
    assert Model.from_pretrained(folder, backbone=Pool()).num_features == 3


def test_a_missing_and_an_extra_head_are_named(saved):
    _, folder = saved
    state = load_file(folder / "model.safetensors")
    less = {key: value for key, value in state.items() if not key.startswith("heads.gender")}
    save_file(less, folder / "model.safetensors")
    with pytest.raises(ModelFileError) as caught:
        Model.from_pretrained(folder)
    assert caught.value.rows == ("gender",)
    save_file(state | {"heads.smile.linear.weight": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ModelFileError) as caught:
        Model.from_pretrained(folder)
    assert caught.value.rows == ("smile",)


def test_tensors_that_do_not_fit_are_named(saved):
    _, folder = saved
    state = load_file(folder / "model.safetensors")
    state["heads.age.linear.bias"] = torch.zeros(3)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(ModelFileError) as caught:
        Model.from_pretrained(folder)
    assert caught.value.rows == ("heads.age.linear.bias",)


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("loading a model ran code",))


DEEP = b"[" * 100_000


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 64, DEEP, pickle.dumps(_Bomb())])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_damaged_and_hostile_files_are_refused(saved, name, content):
    _, folder = saved
    (folder / name).write_bytes(content)
    with pytest.raises(ModelFileError):
        Model.from_pretrained(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": 99},
        {"tasks": []},
        {"tasks": "age"},
        {"heads": {"age": "os.system"}},
        {"backbone": "no_such_net"},
        {"backbone": 3},
        {"image_size": "big"},
        {"mean": [1]},
        {"std": [0, 0, 0]},
        {"info": None},
        {"info": "abc"},
    ],
)
def test_a_wrong_description_is_refused(saved, changes):
    _, folder = saved
    edit(folder, **changes)
    with pytest.raises(ModelFileError):
        Model.from_pretrained(folder)


def test_nothing_there(tmp_path):
    with pytest.raises(ModelFileError, match="no saved model"):
        Model.from_pretrained(tmp_path)


def test_an_unwritable_folder(saved, tmp_path):
    model, _ = saved
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        model.save_pretrained(tmp_path / "file")


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    model = Model(Pool(), TASKS, image_size=32)
    model.info["mean_age"] = np.float32(3)
    with pytest.raises(InvalidTypeError) as caught:
        model.save_pretrained(tmp_path / "model")
    assert caught.value.argument == "model.info"
    assert not (tmp_path / "model").exists()


def test_files_can_be_read_by_whom_the_folder_lets(saved):
    _, folder = saved
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes["model.safetensors"] == modes["config.json"]


def test_a_home_folder_is_the_same_for_writing_and_reading(saved, tmp_path, monkeypatch):
    model, _ = saved
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("~/kept")
    assert Model.from_pretrained("~/kept").tasks == model.tasks
    checkpoints = CheckpointFolder("~/checkpoints")
    with checkpoints.locked():
        assert (tmp_path / "checkpoints").is_dir()
    assert not (tmp_path / "~").exists()
