"""The model: construction, backbones, prediction of anything."""

from __future__ import annotations

import io
import urllib.error
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from faceattr import ClassificationTask, Dataset, Model, RegressionTask, TaskSet
from faceattr.exceptions import (
    DataError,
    InvalidArgumentError,
    InvalidTypeError,
    TableError,
    WeightsError,
)
from faceattr.testing import ContractError, check_backbone

TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female")),
    ]
)


class TinyBackbone(nn.Module):
    num_features = 6

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=4)

    def forward(self, images):
        return self.conv(images).relu().mean(dim=(2, 3))


@pytest.fixture(scope="module")
def model():
    return Model(tasks=TASKS, weights=None, image_size=32).eval()


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "backbone",
    ["mobilenet_v3_small", "test_resnet.r160_in1k", "test_vit.r160_in1k", TinyBackbone()],
    ids=str,
)
def test_backbones(backbone):
    model = Model(backbone, TASKS, weights=None, image_size=32)
    outputs = model(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert {name: tuple(values.shape) for name, values in outputs.items()} == {
        "age": (2, 117),
        "gender": (2, 2),
    }
    check_backbone(model.backbone, image_size=32)


def test_a_backbone_that_does_not_fit_the_size_is_refused():
    class Fixed(TinyBackbone):
        num_features = 8 * 8 * 6

        def forward(self, images):
            return self.conv(images).flatten(1)

    assert Model(Fixed(), TASKS, image_size=32).num_features == 384
    with pytest.raises(InvalidArgumentError, match="declares"):
        Model(Fixed(), TASKS, image_size=64)

    class Picky(TinyBackbone):
        def forward(self, images):
            if images.shape[-1] != 224:
                raise AssertionError("224 only")
            return super().forward(images)

    with pytest.raises(InvalidArgumentError, match="224 only"):
        Model(Picky(), TASKS, image_size=32)


def test_backbone_contract_finds_images_that_see_each_other():
    class Mixing(TinyBackbone):
        def forward(self, images):
            features = super().forward(images)
            return features - features.mean(dim=0)

    with pytest.raises(ContractError, match="beside it"):
        check_backbone(Mixing())


def test_the_seed_decides_the_weights_and_global_state_is_left_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = Model(tasks=TASKS, weights=None, image_size=32, seed=3).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(6)
    again = Model(tasks=TASKS, weights=None, image_size=32, seed=3).state_dict()
    other = Model(tasks=TASKS, weights=None, image_size=32, seed=4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["heads.age.linear.weight"], other["heads.age.linear.weight"])


def test_normalisation_is_inside_and_dtypes_agree(model):
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(model(images)["age"], model(images.float())["age"])


def test_features_file_of_torchvision_loads(tmp_path):
    features = torchvision.models.mobilenet_v3_small(weights=None).features
    state = {f"features.{key}": value for key, value in features.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    model = Model(tasks=TASKS, weights=tmp_path / "w.safetensors", image_size=32)
    loaded = model.backbone.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_weights_of_another_network_name_the_tensors(tmp_path):
    save_file({"features.0.0.weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        Model(tasks=TASKS, weights=tmp_path / "w.safetensors")
    assert "features.0.0.weight" in caught.value.rows


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
def test_missing_and_damaged_weights(tmp_path, content):
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        Model(tasks=TASKS, weights=path)
    assert "weights=None" in caught.value.hint


@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "test_resnet.r160_in1k"])
def test_impossible_download_names_the_ways_out(monkeypatch, tmp_path, backbone):
    def no_network(*_args, **_kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    monkeypatch.setattr("timm.models._builder.load_pretrained", no_network)
    with pytest.raises(WeightsError) as caught:
        Model(backbone, TASKS, weights="imagenet")
    assert "safetensors" in caught.value.hint
    assert "weights=None" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"backbone": "no_such_net"}, InvalidArgumentError, "backbone"),
        ({"backbone": 3}, InvalidTypeError, "backbone"),
        ({"backbone": nn.Identity()}, InvalidArgumentError, "backbone"),
        ({"tasks": None}, InvalidTypeError, "tasks"),
        ({"tasks": "age"}, InvalidTypeError, "tasks"),
        ({"tasks": []}, InvalidArgumentError, "tasks"),
        ({"heads": {"height": "linear"}}, InvalidArgumentError, "heads"),
        ({"heads": {"age": "softmax"}}, InvalidArgumentError, "heads['age']"),
        ({"dropout": 1.0}, InvalidArgumentError, "dropout"),
        ({"dropout": "much"}, InvalidTypeError, "dropout"),
        ({"image_size": 8}, InvalidArgumentError, "image_size"),
        ({"image_size": 64.5}, InvalidTypeError, "image_size"),
        ({"seed": -1}, InvalidArgumentError, "seed"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, named):
    with pytest.raises(error) as caught:
        Model(**{"tasks": TASKS, "weights": None, **arguments})
    assert caught.value.argument == named


def test_forward_refuses_what_is_no_batch(model):
    with pytest.raises(InvalidArgumentError):
        model(torch.zeros(3, 32, 32))


def test_freezing_holds_weights_and_statistics():
    model = Model(tasks=TASKS, weights=None, image_size=32).freeze_backbone().train()
    before = {key: value.clone() for key, value in model.backbone.state_dict().items()}
    outputs = model(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8))
    sum(values.sum() for values in outputs.values()).backward()
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    after = model.backbone.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert model.freeze_backbone(False).backbone.training


def test_predict_takes_everything(model, picture, tmp_path):
    path = tmp_path / "a b ü.png"
    Image.fromarray(picture).save(path)
    as_bytes = path.read_bytes()
    table = model.predict([path, str(path), picture, Image.fromarray(picture), as_bytes, path])
    assert table["sample_id"].tolist() == [
        str(path),
        str(path),
        "item-000002",
        "item-000003",
        "item-000004",
        str(path),
    ]
    assert table["error"].tolist() == [""] * 6
    np.testing.assert_allclose(table["age_pred"], table["age_pred"].iloc[0], atol=1e-4)
    np.testing.assert_allclose(table["gender_prob_male"] + table["gender_prob_female"], 1)
    for one in (path, str(path), picture, Image.fromarray(picture), as_bytes):
        assert len(model.predict(one)) == 1
    assert len(model.predict(np.stack([picture, picture]))) == 2
    assert len(model.predict([])) == 0


def test_predict_a_folder_gives_relative_ids(model, picture, tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "sub/a.png"):
        Image.fromarray(picture).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    assert model.predict(tmp_path)["sample_id"].tolist() == ["b.png", "sub/a.png"]


def test_a_folder_without_images_is_an_error(model, tmp_path):
    with pytest.raises(DataError, match="no image"):
        model.predict(tmp_path)


def test_one_bad_image_becomes_a_row(model, picture, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.jpg"
    Image.fromarray(picture).save(good)
    bad.write_bytes(b"")
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG")
    truncated = buffer.getvalue()[: len(buffer.getvalue()) // 2]
    requests = [good, bad, tmp_path / "missing.jpg", truncated, b"text", good]
    table = model.predict(requests, batch_size=2)
    assert len(table) == 6
    assert (table["error"] == "").tolist() == [True, False, False, False, False, True]
    assert table["age_pred"].isna().tolist() == [False, True, True, True, True, False]
    assert table["gender_pred"].isna().tolist() == [False, True, True, True, True, False]
    assert table["age_pred"].iloc[0] == table["age_pred"].iloc[5]


def test_an_unsuitable_array_in_a_list_becomes_a_row(model, picture):
    table = model.predict([picture, picture / 255, picture[:0], picture])
    assert (table["error"] == "").tolist() == [True, False, False, True]
    assert "float64" in table["error"].iloc[1]


def test_predict_takes_columns_of_paths(model, picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "a.png")
    paths = [str(tmp_path / "a.png")] * 2
    for several in (pd.Series(paths), pd.Index(paths), np.array(paths), tuple(paths)):
        assert (model.predict(several)["error"] == "").tolist() == [True, True]


def test_columns_named_like_predictions_are_refused(model):
    faces = Dataset.synthetic(3, size=32)
    table = faces.table.assign(age_pred=1.0).drop(columns="age")
    with pytest.raises(TableError) as caught:
        model.predict(Dataset(table, tasks=[faces.tasks["gender"]]))
    assert caught.value.rows == ("age_pred",)


def test_nothing_readable_still_gives_a_table(model):
    table = model.predict([b"x", b"y"])
    assert table["age_pred"].isna().all()
    assert table["gender_prob_male"].isna().all()


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batch_size_changes_nothing(model, batch_size):
    faces = Dataset.synthetic(7, seed=0, size=32)
    expected = model.predict(faces, batch_size=7)
    table = model.predict(faces, batch_size=batch_size)
    np.testing.assert_allclose(table["age_pred"], expected["age_pred"], atol=1e-4)
    assert table["sample_id"].tolist() == expected["sample_id"].tolist()


def test_predictions_of_a_dataset_carry_its_labels(model):
    faces = Dataset.synthetic(5, seed=0, size=32)
    table = model.predict(faces)
    assert table["age"].tolist() == faces.table["age"].tolist()
    assert table["gender"].tolist() == faces.table["gender"].tolist()


@pytest.mark.parametrize("wrong", [3, None, [3], ["a.jpg", None]])
def test_predict_refuses_what_is_no_image(model, wrong):
    with pytest.raises(InvalidTypeError):
        model.predict(wrong)


def test_predict_refuses_float_arrays(model, picture):
    with pytest.raises(InvalidTypeError, match="uint8"):
        model.predict(picture / 255)


def test_predict_leaves_the_mode_as_it_was(picture):
    model = Model(TinyBackbone(), TASKS, image_size=32).train()
    model.predict(picture)
    assert model.training


def test_a_file_that_is_no_path_is_reported(model):
    table = model.predict(Path("no/such/file.jpg"))
    assert table["sample_id"].tolist() == ["no/such/file.jpg"]
    assert "cannot be opened" in table["error"].iloc[0]


@pytest.mark.parametrize("name", ["type", "values", "items", "training", "half"])
def test_a_task_cannot_have_a_name_of_torch(name):
    with pytest.raises(InvalidArgumentError, match=rf"tasks.*found: '{name}'"):
        Model(TinyBackbone(), ClassificationTask(name, ("a", "b")), image_size=32)


def test_a_head_that_is_not_there(model):
    with pytest.raises(InvalidArgumentError, match=r"'age', 'gender'; found: 'gander'"):
        model.head("gander")


@pytest.mark.parametrize("argument", ["weights", "heads"])
def test_what_a_model_is_not_made_of(argument):
    with pytest.raises(InvalidTypeError, match=argument):
        Model(TinyBackbone(), TASKS, image_size=32, **{argument: True})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", (123.675, 116.28, 103.53)),
        ("mean", torch.zeros(3)),
        ("mean", (0.5, 0.5)),
        ("std", (0.5, 0.0, 0.5)),
        ("std", "abc"),
        ("std", (58.4, 57.1, 57.4)),
    ],
    ids=["to 255", "tensor", "two", "zero", "text", "deviation to 255"],
)
def test_what_a_backbone_says_of_its_colours(name, value):
    backbone = TinyBackbone()
    setattr(backbone, name, value)
    with pytest.raises(InvalidArgumentError, match=rf"backbone: .*'{name}'"):
        Model(backbone, TASKS, image_size=32)
    setattr(backbone, name, np.array([0.1, 0.2, 0.3], dtype=np.float32))
    made = Model(backbone, TASKS, image_size=32)
    np.testing.assert_allclose(getattr(made, name).flatten(), [25.5, 51, 76.5], rtol=1e-6)


def test_a_backbone_that_divides_by_256():
    backbone = TinyBackbone()
    backbone.std = (256 / 255,) * 3
    made = Model(backbone, TASKS, image_size=32)
    np.testing.assert_allclose(made.std.flatten(), [256] * 3, rtol=1e-6)


def test_an_image_size_that_the_network_does_not_take():
    class OfOneSize(TinyBackbone):
        def forward(self, images):
            assert images.shape[2] == 32, "a transformer of 32 pixels"
            return super().forward(images)

    model = Model(OfOneSize(), TASKS, image_size=32)
    model.backbone.conv.eval()
    modes = [part.training for part in model.modules()]
    with pytest.raises(InvalidArgumentError, match=r"image_size: .*does not take"):
        model.image_size = 96
    assert model.image_size == 32
    assert [part.training for part in model.modules()] == modes


def test_values_of_what_is_no_array(model, picture):
    with pytest.raises(InvalidTypeError, match=r"images.*found: list"):
        model.predict_values([picture])
