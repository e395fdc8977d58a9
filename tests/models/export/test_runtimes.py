"""`Model.predict(runtime=...)`: the same table, made anew whenever the model changes."""

from __future__ import annotations

import copy
import logging

import numpy as np
import pandas as pd
import pytest
import torch

from faceattr import Model
from faceattr.exceptions import ExportError, InvalidArgumentError, MissingDependencyError
from faceattr.models.export import choosing, exporting, graph
from models.export.export_samples import drawings, pixels, small_model


@pytest.fixture
def exports(monkeypatch):
    """Count exports."""
    made: list[Model] = []
    real = exporting.export_in_memory

    def counted(model):
        made.append(model)
        return real(model)

    monkeypatch.setattr(exporting, "export_in_memory", counted)
    return made


@pytest.mark.parametrize("runtime", ["onnx", "auto"])
def test_the_table_is_the_same_and_the_model_is_exported_once(exports, runtime):
    model = small_model()
    wanted = model.predict(drawings())
    for _ in range(2):
        found = model.predict(drawings(), runtime=runtime)
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-4, atol=1e-4)
    assert len(exports) == 1


@pytest.mark.parametrize("runtime", ["onnx", "auto"])
def test_another_image_size_is_another_export(exports, runtime):
    model = small_model()
    model.predict(drawings(), runtime=runtime)
    model.image_size += 16
    found = model.predict(drawings(), runtime=runtime)
    pd.testing.assert_frame_equal(found, model.predict(drawings()), rtol=1e-4, atol=1e-4)
    assert len(exports) == 2


def test_torch_is_what_one_gets_unasked(exports):
    small_model().predict(pixels(2))
    assert not exports


def _trained(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.from_numpy(pixels(4)).permute(0, 3, 1, 2))["age"].square().mean().backward()
    optimizer.step()


def _other_data(model):
    model.head("age").linear.weight.data *= 1.5  # no counter of torch sees this


def _other_statistics(model):
    model.backbone.layers[1].running_mean.add_(0.5)


def _loaded(model):
    model.load_state_dict(small_model(seed=5).state_dict())


def _other_layer(model):
    model.backbone.layers[2] = torch.nn.ReLU()


@pytest.mark.parametrize(
    "change", [_trained, _other_data, _other_statistics, _loaded, _other_layer]
)
def test_a_changed_model_never_predicts_as_before(exports, change):
    model = small_model()
    before = model.predict(pixels(), runtime="onnx")
    change(model)
    found, wanted = model.predict(pixels(), runtime="onnx"), model.predict(pixels())
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-3, atol=1e-3)
    assert np.abs(found["age_pred"] - before["age_pred"]).max() > 1e-3
    assert len(exports) == 2


def test_copies_do_not_share_what_was_exported(exports):
    model = small_model()
    model.predict(pixels(1), runtime="onnx")
    copy.deepcopy(model).predict(pixels(1), runtime="onnx")
    assert len(exports) == 2


def test_auto_falls_back_and_says_so(monkeypatch, caplog):
    tries = []

    def fails(network):
        tries.append(network)
        raise ExportError("the network does something that ONNX cannot say")

    monkeypatch.setattr(exporting, "to_onnx", fails)
    model = small_model()
    with caplog.at_level(logging.INFO, "faceattr"):
        for _ in range(2):
            found = model.predict(pixels(2), runtime="auto")
    pd.testing.assert_frame_equal(found, model.predict(pixels(2)))
    assert "predicting by torch: the network does something" in caplog.text
    assert len(tries) == 1  # it is not tried again
    with pytest.raises(ExportError):
        model.predict(pixels(2), runtime="onnx")


def test_a_network_that_computes_otherwise_is_not_used(monkeypatch):
    other, real = small_model(seed=1), exporting.to_onnx
    monkeypatch.setattr(exporting, "to_onnx", lambda _: real(exporting.ExportedNetwork(other)))
    model = small_model()
    with pytest.raises(ExportError, match="does not predict"):
        model.predict(pixels(2), runtime="onnx")
    pd.testing.assert_frame_equal(
        model.predict(pixels(2), runtime="auto"), model.predict(pixels(2))
    )


def test_without_the_extra_auto_is_torch(monkeypatch):
    monkeypatch.setattr(graph.importlib.util, "find_spec", lambda name: None)
    model = small_model()
    pd.testing.assert_frame_equal(
        model.predict(pixels(2), runtime="auto"), model.predict(pixels(2))
    )
    with pytest.raises(MissingDependencyError, match="onnxruntime"):
        model.predict(pixels(2), runtime="onnx")


def test_a_model_elsewhere_stays_on_torch():
    model = small_model()
    model.mean = model.mean.to("meta")
    with pytest.raises(InvalidArgumentError, match="another device"):
        model.predict(pixels(2), runtime="onnx")
    assert type(choosing.choose_runtime(model, "auto")).__name__ == "TorchRuntime"


def test_unknown_runtimes_are_named():
    with pytest.raises(InvalidArgumentError, match="'torch', 'onnx', 'auto'"):
        small_model().predict(pixels(2), runtime="tensorrt")
