"""A small network with a head of every kind, and images for it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from faceattr import ClassificationTask, Dataset, Model, RegressionTask, TaskSet

SIZE = 32
TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        RegressionTask("tilt", unit="degrees"),
        ClassificationTask("gender", classes=("male", "female")),
        ClassificationTask("glasses", classes=("no", "yes")),
    ]
)


class Small(nn.Module):
    """A backbone of one's own: convolutions, batch norm, hard swish, pooling."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.Hardswish(),
            nn.Conv2d(8, self.num_features, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images).mean(dim=(2, 3))


def small_model(seed: int = 0, tasks: TaskSet = TASKS, **options: object) -> Model:
    """Return a model whose predictions differ from image to image."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        backbone = Small()
    heads = {"glasses": "logit"} if "glasses" in tasks else {}
    model = Model(backbone, tasks, heads=heads, image_size=SIZE, seed=seed, **options)
    with torch.no_grad():
        for name in tasks:
            model.head(name).linear.weight.mul_(4)
        model.backbone.layers[1].running_mean.fill_(0.1)
    return model.eval()


def drawings(n: int = 6) -> Dataset:
    return Dataset.synthetic(n, seed=4, size=40)


def pixels(n: int = 6) -> np.ndarray:
    """Return images at the model's size, uint8 (n, SIZE, SIZE, 3)."""
    faces = Dataset.synthetic(n, seed=4, size=SIZE)
    return np.stack([faces.read(row) for row in range(n)])
