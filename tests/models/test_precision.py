"""Weights in half precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bundled_checks import tell_apart
from faceattr import Dataset, Model
from faceattr.exceptions import InvalidArgumentError
from faceattr.models.precision import SMALL, in_precision

FACES = Dataset.synthetic(24, seed=3, size=48)


@pytest.fixture(scope="module")
def model():
    model = Model(tasks=FACES.tasks, weights=None, image_size=48, heads={"gender": "logit"})
    model.head("age").prepare(torch.tensor([0.0, 30.1, 116.0]))
    return tell_apart(model)


def test_predictions_hardly_change(model, tmp_path):
    full = model.predict(FACES)
    again = Model.from_pretrained(model.save_pretrained(tmp_path, precision="half"))
    half = again.predict(FACES)
    assert full["age_pred"].std() > 1
    assert np.abs(half["age_pred"] - full["age_pred"]).max() < 0.05
    assert np.abs(half["gender_prob_female"] - full["gender_prob_female"]).max() < 0.005
    assert (half["age_pred"] != full["age_pred"]).any()
    assert {values.dtype for values in again.parameters()} == {torch.float32}


def test_the_file_is_half_as_large_and_buffers_are_exact(model, tmp_path):
    full = model.save_pretrained(tmp_path / "full") / "model.safetensors"
    half = model.save_pretrained(tmp_path / "half", precision="half") / "model.safetensors"
    assert half.stat().st_size < 0.55 * full.stat().st_size
    whole, state = load_file(full), load_file(half)
    parameters = dict(model.named_parameters())
    small = {name for name, values in parameters.items() if values.numel() < SMALL}
    assert {state[name].dtype for name in set(parameters) - small} == {torch.float16}
    assert small
    assert all(torch.equal(state[name], whole[name]) for name in small)
    buffers = set(state) - set(parameters)
    assert {"heads.age.scale", "heads.age.support", "heads.age.prepared"} <= buffers
    assert any(name.endswith("running_var") for name in buffers)
    assert all(torch.equal(state[name], whole[name]) for name in buffers)


def test_saved_twice_is_the_same_file(model, tmp_path):
    first = model.save_pretrained(tmp_path / "a", precision="half")
    second = Model.from_pretrained(first).save_pretrained(tmp_path / "b", precision="half")
    files = [(folder / "model.safetensors").read_bytes() for folder in (first, second)]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1.0, -3.5, 0.0], torch.float16),
        ([0.0, 0.0], torch.float16),
        ([116.0, 1e-12], torch.float16),  # what vanishes beside the rest does no harm
        ([65505.0, 65519.0], torch.float16),
        ([1.0, 70_000.0], torch.float32),
        ([1e-6, -2e-6], torch.float32),
        ([1e-9, 0.0], torch.float32),
        ([1.0, float("nan")], torch.float32),
        ([float("inf")], torch.float32),
    ],
)
def test_what_float16_cannot_hold_stays(values, kept):
    module = nn.Module()
    wanted = torch.tensor(values).repeat(SMALL)
    module.weight = nn.Parameter(wanted)
    found = in_precision(module, "half")["weight"]
    assert found.dtype == kept
    limit = 2.0**-10 * max(map(abs, values))
    assert torch.allclose(found.float(), wanted, rtol=0, atol=limit, equal_nan=True)


def test_other_precisions_are_refused_before_anything_is_written(model, tmp_path):
    with pytest.raises(InvalidArgumentError, match="precision"):
        model.save_pretrained(tmp_path / "x", precision="int8")
    assert not (tmp_path / "x").exists()
