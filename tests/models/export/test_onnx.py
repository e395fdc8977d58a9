"""Models as ONNX files: the same predictions, everything in one file, nothing that differs left."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch

from faceattr import Model, RegressionTask, TaskSet
from faceattr.evaluation import Calibrator
from faceattr.exceptions import (
    ExportError,
    InvalidArgumentError,
    InvalidTypeError,
    MissingDependencyError,
    ModelFileError,
)
from faceattr.models import HEADS, Head, OnnxModel, register_head
from faceattr.models.export import exporting
from faceattr.models.export.comparing import Pictures, values_of
from faceattr.models.export.graph import finish_graph
from faceattr.models.torch_runtime import TorchRuntime
from models.export.export_samples import SIZE, TASKS, drawings, pixels, small_model


@pytest.fixture(scope="module")
def model() -> Model:
    model = small_model()
    model.card, model.licence_text = "# A card é\n", "A licence.\n"
    model.info = {"training_data": "drawings", "licence": "MIT"}
    model.calibration = Calibrator(tasks=model.tasks).fit(labelled(model))
    return model


def labelled(model: Model) -> pd.DataFrame:
    """Return predictions with labels beside them."""
    table = model.predict(drawings(60))
    marks = np.arange(len(table))
    return table.assign(
        tilt=table["tilt_pred"] + marks % 5 - 2.0, glasses=np.array(["no", "yes"])[marks % 2]
    )


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    report = model.export(path)
    return path, report


@pytest.fixture(scope="module")
def opened(written) -> OnnxModel:
    return Model.from_onnx(written[0])


def assert_alike(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert list(found) == list(wanted)
    assert found.dtypes.tolist() == wanted.dtypes.tolist()
    for name in wanted:
        if wanted[name].dtype == np.float64:
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-4)
        else:
            pd.testing.assert_series_equal(found[name], wanted[name])


def test_the_table_is_that_of_the_model(model, opened, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    inputs = [drawings().read(0), str(tmp_path / "broken.png"), *drawings().read(1)[None]]
    wanted = model.predict(inputs)
    assert_alike(opened.predict(inputs, batch_size=2), wanted)
    assert_alike(opened.predict(drawings()), model.predict(drawings()))
    assert wanted["age_std"].notna().tolist() == [True, False, True]
    assert {"age_low", "gender_temperature"} <= set(wanted)  # it is calibrated


def test_no_image_gives_the_columns(model, opened):
    assert_alike(opened.predict([]), model.predict([]))


def test_values_are_those_of_the_model(model, opened):
    wanted, found = model.predict_values(pixels()), opened.predict_values(pixels())
    assert list(found) == list(TASKS)
    for name in TASKS:
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-4)
    with pytest.raises(InvalidTypeError, match="size"):
        opened.predict_values(pixels()[:, :16])


def test_the_file_tells_all_about_the_model(model, opened):
    assert opened.tasks == model.tasks
    assert opened.image_size == SIZE
    assert (opened.card, opened.licence_text) == (model.card, model.licence_text)
    assert opened.info == model.info
    assert opened.calibration.to_dict() == model.calibration.to_dict()
    assert opened.description.config["crop_template"]["size"] == 200


def test_medians_leave_too(tmp_path):
    tasks = drawings().tasks
    model = Model(tasks=tasks, weights=None, image_size=SIZE, heads={"age": "median"}).eval()
    model.head("age").level = 0.3
    model.export(tmp_path / "model.onnx", images=drawings())
    opened = Model.from_onnx(tmp_path / "model.onnx")
    wanted = model.predict(drawings())
    np.testing.assert_allclose(
        opened.predict(drawings())["age_pred"], wanted["age_pred"], atol=5e-3
    )
    values = opened.predict_values(pixels())["age"], model.predict_values(pixels())["age"]
    np.testing.assert_allclose(*values, atol=5e-3)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_others_need_the_metadata_alone(model, written, n):
    session = onnxruntime.InferenceSession(str(written[0]), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    asked = json.loads(metadata["faceattr.input"])
    assert asked["shape"] == ["batch", 3, SIZE, SIZE]
    images = pixels(n)
    found = session.run(None, {asked["name"]: images.transpose(0, 3, 1, 2)})
    outputs = json.loads(metadata["faceattr.outputs"])
    values = dict(zip([output["name"] for output in outputs], found, strict=True))
    assert list(values) == [*TASKS, "age_pred", "tilt_pred", "gender_prob", "glasses_prob"]
    wanted = values_of(TorchRuntime(model), images)
    for name in ("age", "tilt"):
        np.testing.assert_allclose(values[f"{name}_pred"], wanted[name][:, 0], atol=1e-3)
    for name in ("gender", "glasses"):
        np.testing.assert_allclose(values[f"{name}_prob"], wanted[name], atol=1e-5)
    assert outputs[0]["support"] == [float(year) for year in range(117)]
    assert next(o for o in outputs if o["name"] == "age_pred")["unit"] == "years"


def test_the_file_does_not_tell_where_it_was_made(written):
    content = written[0].read_bytes()
    for part in (str(Path(__file__).parent), "site-packages", "torch_runtime", "stack_trace"):
        assert part.encode() not in content


def test_the_report_lies_beside_the_file(written):
    path, report = written
    told = json.loads(report.report_path.read_text(encoding="utf-8"))
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "model.onnx",
        "model.onnx.report.json",
    ]
    assert told == report.to_dict()
    assert (report.size, report.quantize) == (path.stat().st_size, None)
    assert report.differences["task"].tolist() == list(TASKS)
    assert (report.differences["largest"] <= report.differences["bound"]).all()
    assert report.differences["unit"].tolist() == ["years", "degrees", "probability", "probability"]
    assert report.differences["bound"].iloc[[0, 2]].tolist() == pytest.approx([0.0116, 0.001])
    assert set(told["versions"]) == {"faceattr", "torch", "onnx", "onnxscript", "onnxruntime"}
    assert "age: differs from the model by" in report.summary()


def test_a_file_that_differs_is_refused_and_the_old_one_stays(model, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    other, real = small_model(seed=1), exporting.to_onnx

    def exports_another_model(network):
        return real(exporting.ExportedNetwork(other))

    monkeypatch.setattr(exporting, "to_onnx", exports_another_model)
    with pytest.raises(ExportError, match="does not predict what the model predicts") as caught:
        model.export(path, images=drawings())
    assert "age" in caught.value.rows
    assert "years" in caught.value.expected
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert model.export(path, tolerance=1e4).differences["largest"].max() > 0.0116


def test_images_that_are_given_are_compared_on(model, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = [*pixels(3), tmp_path / "broken.png"]
    report = model.export(tmp_path / "model.onnx", images=images, tolerance={"age": 0.5})
    assert report.differences["n"].tolist() == [3] * 4
    assert report.differences["bound"][0] == 0.5
    assert report.compared_on == "images"
    assert report.unread == (str(tmp_path / "broken.png"),)


def test_of_many_images_some_are_read_all_over(monkeypatch):
    monkeypatch.setattr("faceattr.models.export.comparing.MOST_PICTURES", 3)
    images = pixels(9)
    assert np.array_equal(Pictures.read(images, SIZE).images, images[[0, 4, 8]])


def test_a_network_that_depends_on_the_batch_is_found_out(model):
    class Rounded(TorchRuntime):
        def run(self, images):
            return {name: v + len(images) for name, v in super().run(images).items()}

    runtime = Rounded(model)
    apart = values_of(runtime, pixels())["tilt"] - values_of(TorchRuntime(model), pixels())["tilt"]
    assert len(np.unique(apart.round(1))) == 2


@pytest.mark.parametrize(
    ("path", "options", "argument"),
    [
        ("model.pth", {}, "path"),
        ("model.pt2", {"quantize": "int8", "images": pixels(1)}, "quantize"),
        ("model.onnx", {"quantize": "int4"}, "quantize"),
        ("model.onnx", {"quantize": "int8"}, "images"),
        ("model.onnx", {"quantize": "int8", "images": pixels(4)}, "images"),
        ("model.onnx", {"images": []}, "images"),
        ("model.onnx", {"tolerance": {"smile": 1}}, "tolerance"),
        ("model.onnx", {"tolerance": 0}, "tolerance"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    model, tmp_path, path, options, argument
):
    with pytest.raises((InvalidArgumentError, InvalidTypeError)) as caught:
        model.export(tmp_path / path, **options)
    assert caught.value.argument.startswith(argument)
    assert not list(tmp_path.iterdir())


def test_two_outputs_of_one_name_are_refused(tmp_path):
    model = Model(small_model().backbone, TaskSet(RegressionTask("images")), image_size=SIZE)
    with pytest.raises(InvalidArgumentError, match="one name"):
        model.export(tmp_path / "model.onnx")


def test_without_the_extra_it_is_named(model, written, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"faceattr\[onnx\]"):
        model.export(tmp_path / "model.onnx")
    with pytest.raises(MissingDependencyError, match=r"faceattr\[onnx\]"):
        OnnxModel.from_file(written[0])


def test_files_that_are_no_model_of_ours_are_named(written, tmp_path):
    content = written[0].read_bytes()
    damaged = {
        "missing.onnx": None,
        "text.onnx": b"no model at all",
        "cut.onnx": content[:2000],
        "foreign.onnx": finish_graph(content, {}, ""),
    }
    for name, bad in damaged.items():
        path = tmp_path / name
        if bad is not None:
            path.write_bytes(bad)
        with pytest.raises(ModelFileError, match=name):
            OnnxModel.from_file(path)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("faceattr.export", {"format_version": 99}, "format_version 1"),
        ("faceattr.model", {"tasks": []}, "damaged"),
        ("faceattr.heads", {"age": {}}, "damaged"),
    ],
)
def test_descriptions_that_are_damaged_are_named(written, opened, tmp_path, key, value, problem):
    texts = opened.description.to_metadata() | {key: json.dumps(value)}
    path = tmp_path / "bad.onnx"
    path.write_bytes(finish_graph(written[0].read_bytes(), texts, ""))
    with pytest.raises(ModelFileError, match=problem):
        OnnxModel.from_file(path)


def test_providers_and_threads_are_checked(written):
    assert OnnxModel.from_file(written[0], threads=1).predict(pixels(1))["error"].tolist() == [""]
    with pytest.raises(InvalidArgumentError, match="providers"):
        OnnxModel.from_file(written[0], providers=["NoSuchProvider"])
    with pytest.raises(InvalidArgumentError, match="threads"):
        OnnxModel.from_file(written[0], threads=0)


def test_a_service_does_without_torch(written):
    code = (
        "import sys, numpy as np\n"
        "from faceattr.models import OnnxModel\n"
        "model = OnnxModel.from_file(sys.argv[1])\n"
        "table = model.predict(np.zeros((40, 30, 3), np.uint8))\n"
        "print(len(table), *{'torch', 'torchvision', 'timm', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(written[0])],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.stdout.split() == ["1"]


class Shifted(Head):
    """A head of one's own, with a constant that training sets."""

    task_type = RegressionTask

    def __init__(self, task, num_features, dropout):
        super().__init__(task, num_features, dropout)
        self.register_buffer("shift", torch.zeros(2))

    @classmethod
    def output_size(cls, task):
        return 3

    def encode(self, table):
        return torch.from_numpy(table[self.task.name].to_numpy(np.float32))

    def labelled(self, labels):
        return ~torch.isnan(labels)

    def loss(self, outputs, labels):
        return torch.where(self.labelled(labels), (outputs[:, 0] - labels).abs(), 0.0)

    def columns(self, outputs):
        values = outputs.double().sum(dim=1) + float(self.shift.sum())
        return {f"{self.task.name}_pred": values.numpy()}


def test_a_head_of_ones_own_decodes_by_its_class(tmp_path, monkeypatch):
    monkeypatch.setattr(HEADS, "_items", dict(HEADS._items))
    register_head("shifted", Shifted)
    tasks = TaskSet([RegressionTask("age", unit="years", bounds=(0, 116))])
    model = Model(small_model().backbone, tasks, heads={"age": "shifted"}, image_size=SIZE).eval()
    model.head("age").shift.copy_(torch.tensor([40.0, 0.25]))
    model.export(tmp_path / "model.onnx")
    opened = Model.from_onnx(tmp_path / "model.onnx")
    np.testing.assert_allclose(
        opened.predict(pixels())["age_pred"], model.predict(pixels())["age_pred"], atol=1e-4
    )
    assert list(opened.description.heads["age"].constants) == ["shift"]
    assert opened.description.heads["age"].decoded is None
    monkeypatch.setattr(HEADS, "_items", {})
    with pytest.raises(ModelFileError, match="register_head"):
        Model.from_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "backbone", ["mobilenet_v3_small", "test_resnet.r160_in1k", "test_vit.r160_in1k"]
)
def test_named_backbones_export(backbone, tmp_path):
    tasks = TaskSet([TASKS["age"], TASKS["gender"]])
    model = Model(backbone, tasks, weights=None, image_size=SIZE).eval()
    model.export(tmp_path / "model.onnx")
    wanted, found = (
        model.predict(pixels()),
        Model.from_onnx(tmp_path / "model.onnx").predict(pixels()),
    )
    np.testing.assert_allclose(found["age_pred"], wanted["age_pred"], atol=0.01)
    np.testing.assert_allclose(found["gender_prob_male"], wanted["gender_prob_male"], atol=1e-4)


def test_a_network_that_chooses_by_its_values_cannot_leave(tmp_path):
    class Moody(type(small_model().backbone)):
        def forward(self, images):
            features = super().forward(images)
            return -features if bool(features.sum() > 0) else features

    model = Model(Moody(), TASKS, image_size=SIZE)
    with pytest.raises(ExportError, match="ONNX cannot say"):
        model.export(tmp_path / "model.onnx")
    with pytest.raises(ExportError, match=r"torch.export cannot say"):
        model.export(tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_the_model_is_as_it_was(tmp_path):
    model = small_model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.export(tmp_path / "model.onnx")
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.backbone.layers[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_torch_program_predicts_without_this_library(model, tmp_path):
    report = model.export(tmp_path / "model.pt2")
    assert report.format == "torch.export"
    code = (
        "import sys, json, torch\n"
        "extra = {'faceattr.outputs': ''}\n"
        "network = torch.export.load(sys.argv[1], extra_files=extra).module()\n"
        "names = [output['name'] for output in json.loads(extra['faceattr.outputs'])]\n"
        "images = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)\n"
        "found = dict(zip(names, network(images), strict=True))\n"
        "print(found['age_pred'].tolist()[2], 'faceattr' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(report.path)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    age, loaded = done.stdout.split()
    black = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    assert float(age) == pytest.approx(values_of(TorchRuntime(model), black)["age"][0, 0], abs=1e-3)
    assert loaded == "False"
