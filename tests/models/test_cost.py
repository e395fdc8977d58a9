"""What models cost: counted figures by hand, timed ones only as figures; state as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from faceattr import ClassificationTask, Model, RegressionTask
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models import model_cost
from faceattr.models._measures import count_multiply_adds, memory_bytes, time_rounds
from faceattr.tables import read_table, write_table

SIDE = 16
GENDER = ClassificationTask("gender", classes=("male", "female"))
TIMED = ["latency_ms", "throughput"]
COUNTED = ["parameters", "file_mb", "multiply_adds", "memory_mb", "memory_batch_mb"]


class Tiny(nn.Module):
    num_features = 6

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=4)  # 16 pixels become 4

    def forward(self, images):
        return self.conv(images).relu().mean(dim=(2, 3))


class Attentive(nn.Module):
    """Eight pieces of a picture look at each other."""

    num_features = 4

    def forward(self, images):
        pieces = images[:, :1].reshape(len(images), 1, 8, -1)[..., :4].contiguous()
        return nn.functional.scaled_dot_product_attention(pieces, pieces, pieces).mean(dim=(1, 2))


class Watching(Tiny):
    """Keeps in mind how it is called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        layout = images.is_contiguous(memory_format=torch.channels_last)
        self.seen.append((len(images), torch.is_inference_mode_enabled(), self.training, layout))
        return super().forward(images)


def tiny(**options):
    return Model(Tiny(), GENDER, image_size=SIDE, **options)


@pytest.fixture(scope="module")
def costs():
    models = {"plain": tiny(), "small": "mobilenet_v3_small", "resnet": "test_resnet.r160_in1k"}
    return model_cost(models, image_size=32, batch_size=4, seconds=0.02, threads=1)


def test_figures_of_a_tiny_network_are_those_by_hand(tmp_path, costs):
    found = costs.iloc[0]
    assert found["parameters"] == (3 * 9 * 6 + 6) + (6 * 2 + 2)
    assert found["multiply_adds"] == 4 * 4 * 6 * (3 * 9) + 6 * 2
    path = tiny().save_pretrained(tmp_path) / "model.safetensors"
    assert found["file_mb"] == path.stat().st_size / 1e6
    assert pd.isna(found["backbone"])
    assert pd.isna(found["parameters_published"])


@pytest.mark.parametrize("count", [1, 5])
def test_memory_is_weights_images_and_what_lives_at_once(count):
    model = tiny().eval()
    weights = 4 * (182 + 6)  # and mean and std
    images = count * 3 * SIDE * SIDE
    normalised = as_floats = 4 * images  # both live while the mean is taken off
    assert memory_bytes(model, count) == weights + images + normalised + as_floats


def test_attention_is_counted():
    model = Model(Attentive(), GENDER, image_size=SIDE).eval()
    assert count_multiply_adds(model) == 2 * 8 * 8 * 4 + 4 * 2


@pytest.mark.parametrize(
    ("name", "parameters", "published", "multiply_adds"),
    [
        ("vgg16", 134_748_087, 138_357_544, 15.5e9),
        ("resnet50", 23_751_863, 25_557_032, 4.1e9),
        ("mobilenet_v3_small", 995_671, 2_542_856, 0.056e9),
    ],
)
def test_published_figures(name, parameters, published, multiply_adds):
    from faceattr.models.backbones import published_parameters

    heads = [RegressionTask("age", bounds=(0, 116)), GENDER]
    model = Model(name, heads, weights=None, image_size=224).eval()
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert published_parameters(name) == published
    # The published network has a classifier of 1,000 classes in place of the heads.
    assert count_multiply_adds(model) == pytest.approx(multiply_adds, rel=0.02)


def test_order_sizes_and_relative_figures(costs):
    assert costs["name"].tolist() == ["plain", "small", "resnet"]
    assert costs["backbone"].tolist()[1:] == ["mobilenet_v3_small", "test_resnet.r160_in1k"]
    assert costs["image_size"].tolist() == [SIDE, 32, 32]
    assert costs["parameters"].tolist()[1] == 995_671
    for name in COUNTED:
        assert costs[f"{name}_relative"].tolist() == pytest.approx(costs[name] / costs[name][0])
    for name in TIMED:
        assert (costs.loc[0, [f"{name}_relative{end}" for end in ("", "_low", "_high")]] == 1).all()


def test_timed_figures_are_figures(costs):
    for name in [*TIMED, *(f"{name}_relative" for name in TIMED)]:
        low, middle, high = (costs[name + end] for end in ("_low", "", "_high"))
        assert (np.isfinite(high) & (low > 0) & (low <= middle) & (middle <= high)).all()
    assert (costs[["latency_n", "throughput_n"]] >= 3).all(axis=None)
    assert (costs["threads"] == 1).all()
    assert (costs["batch_size"] == 4).all()
    assert (costs["device"] == "cpu").all()


def test_the_table_is_written_and_read(tmp_path, costs):
    write_table(costs, tmp_path / "costs.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "costs.csv"), costs)


def test_models_take_turns_and_each_is_warmed_up():
    calls: list[str] = []
    works = [lambda name=name: calls.append(name) for name in "abc"]
    assert time_rounds(works, 1e-9).shape == (3, 3)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"


def test_what_is_timed_is_the_pass_of_predict():
    model = Model(Watching(), GENDER, image_size=SIDE).train()
    images = np.zeros((4, SIDE, SIDE, 3), dtype=np.uint8)
    model.backbone.seen.clear()
    model.predict(images, batch_size=4)
    (as_predicted,) = model.backbone.seen
    model.backbone.seen.clear()
    found = model_cost([model], batch_size=4, seconds=1e-9)
    timed = [call for call in model.backbone.seen if call[1]]
    assert timed == [(1, *as_predicted[1:])] * 4 + [as_predicted] * 4
    assert found.loc[0, ["latency_n", "throughput_n"]].tolist() == [3, 3]
    assert not any(training for _, _, training, _ in model.backbone.seen)


def test_ratios_are_of_the_same_round(monkeypatch):
    """The machine slows down by and by; the second model always takes twice the time."""
    seconds = np.array([[1.0, 2.0], [3.0, 6.0], [10.0, 20.0]])
    monkeypatch.setattr("faceattr.models.cost.measures.time_rounds", lambda works, given: seconds)
    found = model_cost({"a": tiny(), "b": tiny()}, batch_size=2, seconds=1)
    assert found["latency_ms"].tolist() == [3000.0, 6000.0]
    assert found["latency_ms_low"].tolist() == [2000.0, 4000.0]
    assert found["throughput"][1] == pytest.approx(2 / 6)
    ends = ("", "_low", "_high")
    assert found.loc[1, [f"latency_ms_relative{end}" for end in ends]].tolist() == [2, 2, 2]
    assert found.loc[1, [f"throughput_relative{end}" for end in ends]].tolist() == [0.5] * 3


def test_everything_is_as_it_was():
    model = tiny().train()
    model.backbone.conv.eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    threads, random = torch.get_num_threads(), torch.get_rng_state()
    model_cost([model, "mobilenet_v3_small"], batch_size=2, seconds=0.01, threads=threads + 1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), random)
    assert [part.training for part in model.modules()].count(False) == 1
    assert not model.backbone.conv.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_names_are_built_as_published_or_like_the_first_model():
    alone = model_cost(["mobilenet_v3_small"], batch_size=1, seconds=0.01)
    beside = model_cost(["mobilenet_v3_small", tiny()], batch_size=1, seconds=0.01)
    assert alone["image_size"].tolist() == [224]
    assert beside["image_size"].tolist() == [SIDE, SIDE]
    assert beside["name"].tolist() == ["mobilenet_v3_small", "Tiny"]


@pytest.mark.parametrize(
    ("models", "error", "said"),
    [
        ([], InvalidArgumentError, "no model to measure"),
        ({}, InvalidArgumentError, "no model to measure"),
        ("resnet50", InvalidTypeError, "a single string"),
        (3, InvalidTypeError, "not a list of models"),
        ([3], InvalidTypeError, "not a model"),
        ({1: "resnet50"}, InvalidTypeError, "not a model"),
        ([nn.Identity()], InvalidTypeError, "not a model"),
        (["resnet50", "resnet50"], InvalidArgumentError, "more than once"),
        (["resnet5000"], InvalidArgumentError, "unknown backbone"),
    ],
)
def test_what_is_no_model(models, error, said):
    with pytest.raises(error, match=said):
        model_cost(models, seconds=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"seconds": 0},
        {"seconds": float("inf")},
        {"threads": 0},
        {"image_size": 8},
        {"tasks": []},
    ],
)
def test_arguments_outside_their_limits(options):
    with pytest.raises(InvalidArgumentError):
        model_cost(["mobilenet_v3_small"], **options)
