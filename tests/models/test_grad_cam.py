"""Grad-CAM as a method of Model: arrays by task, from the last feature map."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from faceattr import ClassificationTask, Dataset, Model, RegressionTask
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models import Head

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
WEIGHT = RegressionTask("weight")
GENDER = ClassificationTask("gender", ("male", "female"))
RACE = ClassificationTask("race", ("a", "b", "c"))


class Squares(nn.Module):
    """Means over squares of 8 pixels, then the mean of all: two channels of places."""

    num_features = 2

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Conv2d(3, 2, 8, stride=8, bias=False)
        with torch.no_grad():
            self.stage.weight.zero_()
            self.stage.weight[0, 0] = 1 / 64
            self.stage.weight[1, 1] = 1 / 64

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        places: torch.Tensor = self.stage(images)
        return places.mean(dim=(2, 3))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)


def test_maps_of_a_linear_network_add_up_to_its_score(images: np.ndarray) -> None:
    tasks = [WEIGHT, RACE]
    model = Model(Squares(), tasks, weights=None, dropout=0.0, image_size=32).eval()
    found = model.grad_cam(images)
    assert found["weight"].shape == (3, 1, 4, 4)
    assert found["race"].shape == (3, 3, 4, 4)
    assert found["race"].dtype == np.float32
    with torch.no_grad():
        features = model.features(torch.from_numpy(images).permute(0, 3, 1, 2))
    for name in ("weight", "race"):
        layer = model.head(name).linear
        scale = model.head(name).scale if name == "weight" else 1.0
        expected = (features @ layer.weight.T * scale).detach().numpy()
        # A head is a sum over channels: the maps' totals are the score without its constant.
        assert np.allclose(found[name].sum(axis=(2, 3)), expected, atol=1e-4)


def test_of_the_expected_age_and_of_a_single_logit(images: np.ndarray) -> None:
    model = Model(
        Squares(), [AGE, GENDER], weights=None, heads={"gender": "logit"}, image_size=32
    ).eval()
    found = model.grad_cam(images)
    assert found["age"].shape == (3, 1, 4, 4)
    assert np.allclose(found["gender"][:, 0], -found["gender"][:, 1])
    # A step along the map's channels raises the expected age as its gradient says.
    batch = torch.from_numpy(images).permute(0, 3, 1, 2)
    features = model.features(batch).detach().requires_grad_()
    ages = model.head("age").scores(model.heads["age"](features))
    (gradient,) = torch.autograd.grad(ages.sum(), features)
    total = (gradient * features).sum(dim=1).detach().numpy()
    assert np.allclose(found["age"].sum(axis=(1, 2, 3)), total, atol=1e-4)
    assert np.allclose(ages.detach().numpy()[:, 0], model.predict(images)["age_pred"], atol=1e-3)


@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "resnet10t"])
def test_of_published_networks_each_image_for_itself(backbone: str) -> None:
    model = Model(backbone, [AGE, GENDER], weights=None, image_size=64)
    faces = np.stack([Dataset.synthetic(3, size=64).read(n) for n in range(3)])
    found = model.grad_cam(faces)
    assert found["age"].shape == (3, 1, 2, 2)
    assert found["gender"].shape == (3, 2, 2, 2)
    assert model.training
    for row in range(3):
        alone = model.grad_cam(faces[row : row + 1])
        scale = np.abs(alone["age"]).max()
        assert np.allclose(alone["age"][0], found["age"][row], atol=1e-3 * scale)
    model.freeze_backbone()
    frozen = model.grad_cam(faces)
    assert np.allclose(frozen["age"], found["age"], atol=1e-3 * np.abs(found["age"]).max())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_inside_inference_mode_too(images: np.ndarray) -> None:
    model = Model(Squares(), AGE, weights=None, image_size=32).eval()
    expected = model.grad_cam(images)["age"]
    with torch.no_grad():
        assert np.array_equal(model.grad_cam(images)["age"], expected)


def test_transformers_have_no_last_map() -> None:
    model = Model("vit_tiny_patch16_224", AGE, weights=None, image_size=32)
    with pytest.raises(InvalidArgumentError, match=r"no last feature map.*vit_tiny"):
        model.grad_cam(np.zeros((1, 32, 32, 3), dtype=np.uint8))


def test_heads_that_do_not_tell_their_scores(images: np.ndarray) -> None:
    model = Model(Squares(), AGE, weights=None, image_size=32).eval()
    head = model.head("age")
    with pytest.raises(InvalidTypeError, match="does not say which numbers"):
        Head.scores(head, torch.zeros(2, 117))
    assert Head.scores(head, torch.zeros(2, 1)).shape == (2, 1)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 32, 32), np.uint8), np.zeros((1, 32, 32, 3)), np.zeros((0, 32, 32, 3), np.uint8)],
)
def test_what_is_no_batch_of_images(wrong: np.ndarray) -> None:
    model = Model(Squares(), AGE, weights=None, image_size=32)
    with pytest.raises(InvalidTypeError, match="images"):
        model.grad_cam(wrong)
    if len(wrong):
        with pytest.raises(InvalidTypeError, match="images"):
            model.predict_values(wrong)


def test_values_without_a_table_are_those_of_the_table() -> None:
    faces = Dataset.synthetic(5, size=32)
    model = Model(Squares(), [AGE, RACE], weights=None, image_size=32)
    table = model.predict(faces)
    found = model.predict_values(np.stack([faces.read(n) for n in range(5)]), batch_size=2)
    assert found["age"].shape == (5, 1)
    assert np.allclose(found["age"][:, 0], table["age_pred"], atol=1e-4)
    probabilities = table[["race_prob_a", "race_prob_b", "race_prob_c"]].to_numpy()
    assert np.allclose(found["race"], probabilities, atol=1e-6)
    assert model.predict_values(np.zeros((0, 32, 32, 3), np.uint8))["race"].shape == (0, 3)
