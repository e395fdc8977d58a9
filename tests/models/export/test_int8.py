"""8-bit files: within their bound, or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from faceattr import Model
from faceattr.exceptions import ExportError
from faceattr.models.export.quantizing import quantize_layers
from faceattr.models.export.session import Session, measure_ranges
from models.export.export_samples import pixels, small_model


def test_an_int8_file_predicts_nearly_the_same(tmp_path):
    model = small_model()
    report = model.export(tmp_path / "model.onnx", quantize="int8", images=pixels(40), tolerance=5)
    assert report.quantize == "int8"
    assert set(report.differences["bounded"]) == {"mean"}
    assert report.differences["n"].tolist() == [20] * 4
    opened = Model.from_onnx(report.path)
    assert opened.description.export["quantize"] == "int8"
    assert opened.description.export["float_layers"] == list(report.float_layers)
    wanted, found = model.predict(pixels(40)), opened.predict(pixels(40))
    apart = np.abs(wanted["age_pred"] - found["age_pred"])
    assert 0 < apart.mean() < 5
    told = json.loads(report.report_path.read_text(encoding="utf-8"))
    assert told["differences"][0]["mean"] == pytest.approx(apart[1::2].mean(), abs=1e-3)
    plain = model.export(tmp_path / "float.onnx").size
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert report.size - plain < 4 * weights  # 8-bit weights, and the scales of a tiny network


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A file in float."""
    return small_model().export(tmp_path_factory.mktemp("float") / "model.onnx").path


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16])
def test_ranges_are_those_of_all_batches(plain, count):
    images = pixels(count)
    ranges = measure_ranges(plain.read_bytes(), [images[row : row + 1] for row in range(count)])
    outputs = Session.open(plain).run(images, ["age"])["age"]
    found = [float(np.ravel(end)[0]) for end in ranges["age"].range_value]
    assert found == pytest.approx([outputs.min(), outputs.max()], rel=1e-4)


def test_layers_that_cost_too_much_stay_in_float(tmp_path):
    """The first layer's outputs have one channel a thousand times as large as the others."""
    model = small_model()
    with torch.no_grad():
        model.backbone.layers[1].weight[0] = 1000.0
        model.backbone.layers[3].weight[:, 0] /= 1000.0
    images = pixels(40)
    loose = model.export(tmp_path / "a.onnx", quantize="int8", images=images, tolerance=100)
    assert loose.float_layers == ()
    bound = float(loose.differences["mean"][0]) / 2
    tight = model.export(
        tmp_path / "b.onnx",
        quantize="int8",
        images=images,
        tolerance={**dict.fromkeys(model.tasks, 100.0), "age": bound},
    )
    assert tight.float_layers
    assert tight.differences["mean"][0] <= bound


def test_a_bound_that_no_layer_keeps_is_an_error(tmp_path):
    with pytest.raises(ExportError, match="no layer can be made 8-bit within the bound"):
        small_model().export(
            tmp_path / "model.onnx", quantize="int8", images=pixels(20), tolerance=1e-9
        )
    assert not list(tmp_path.iterdir())


def test_as_many_layers_as_the_bound_allows(monkeypatch):
    """Costs add up: 1 + 2 + 3 of 10 keep within 0.7 of it, and a fourth does not."""
    costs = {"e": 0.9, "b": 0.2, "d": 0.4, "c": 0.3, "a": 0.1}
    made = "faceattr.models.export.quantizing."
    monkeypatch.setattr(made + "layers", lambda network: list(costs))
    monkeypatch.setattr(made + "measure_ranges", lambda network, batches: None)
    monkeypatch.setattr(made + "with_shapes", lambda network: None)
    monkeypatch.setattr(made + "to_int8", lambda model, ranges, names: ",".join(names).encode())

    def judge(network):
        return sum(costs[name] for name in network.decode().split(","))

    found = quantize_layers(b"", np.zeros((4, 8, 8, 3), np.uint8), judge)
    assert sorted(found.content.decode().split(",")) == ["a", "b", "c"]
    assert found.float_layers == ("e", "d")
