"""What tests of training share: a tiny network, and a way to train it."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import torch
from PIL import Image
from torch import nn

from faceattr import Dataset, Model, TrainConfig, Trainer

QUICK = TrainConfig(epochs=2, batch_size=8, lr=0.01)


class TinyBackbone(nn.Module):
    num_features = 8

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, images):
        return self.layers(images).mean(dim=(2, 3))


class PlainBackbone(nn.Module):
    """Without batch norm, so that an image's part of the gradient does not depend on others."""

    num_features = 8

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 5, stride=4)

    def forward(self, images):
        return self.conv(images).relu().mean(dim=(2, 3))


def seeded(backbone=TinyBackbone):
    """Return a backbone with the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return backbone()


def tiny(faces, backbone=TinyBackbone, **arguments):
    return Model(seeded(backbone), faces.tasks, image_size=32, **arguments)


def halves(faces):
    """Return a training part and a smaller validation part."""
    rows = np.arange(len(faces)) < 3 * len(faces) // 4
    return faces.select(rows), faces.select(~rows)


def fit(faces, model=None, valid=None, *, trainer=None, sampler=None, **settings):
    """Train on all of `faces`; what `TrainConfig` does not know goes to `Trainer.fit`."""
    fields = {item.name for item in dataclasses.fields(TrainConfig)}
    extra = {key: settings.pop(key) for key in list(settings) if key not in fields}
    model = tiny(faces) if model is None else model
    config = dataclasses.replace(QUICK, **settings)
    made = Trainer(config, progress=False, **(trainer or {}))
    return model, made.fit(model, faces, valid, sampler=sampler, **extra)


def state(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(left, right):
    return all(torch.equal(left[key], right[key]) for key in left)


def weights_digest(model):
    digest = hashlib.sha256()
    for key, value in model.state_dict().items():
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def drawings(n=40):
    return Dataset.synthetic(n, seed=0, size=32)


def faces_on_disk(faces, folder):
    """Return a data set of files, ``0.png`` and so on."""
    paths = [folder / f"{position}.png" for position in range(len(faces))]
    for position, path in enumerate(paths):
        Image.fromarray(faces.read(position)).save(path)
    return Dataset(faces.table.assign(path=[str(path) for path in paths]), tasks=faces.tasks)
