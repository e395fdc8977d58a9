"""Whether a bundled model has the figures that lie beside it; networks to try that with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from faceattr import BinnedEvaluator, Dataset, Model


def tell_apart(model: Model) -> Model:
    """Make an untrained network say different things of different images."""
    faces = Dataset.synthetic(16, seed=3, size=model.image_size)
    images = np.stack([faces.read(position) for position in range(16)])
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the statistics of these images, at once
    with torch.no_grad():
        model.train()(torch.from_numpy(images).permute(0, 3, 1, 2))
        for name, values in model.heads.named_parameters():
            if name.endswith("weight"):
                values.mul_(4)
    return model.eval()


def check_images(folder: Path, faces: Dataset) -> tuple[Dataset, int]:
    """Return the images that the file is checked with, and how many there should be."""
    wanted = set((folder / "check_images.txt").read_text(encoding="utf-8").split())
    digits = len(next(iter(wanted)))
    names = faces.table["sample_id"].map(lambda name: Path(name).name)
    hashes = names.map(lambda name: hashlib.sha256(name.encode()).hexdigest()[:digits])
    return faces.select(hashes.isin(wanted)), len(wanted)


def check_figures(model: Model, folder: Path, chosen: Dataset) -> int:
    """Compare errors and accuracy, overall and by age, with check.csv; return how many."""
    table = model.predict(chosen, batch_size=128)
    metrics = ["mae", "accuracy"]
    evaluator = BinnedEvaluator("age", n_boot=0, min_count=20, tasks=model.tasks, metrics=metrics)
    evaluation = evaluator.evaluate(table)
    figures = pd.read_csv(folder / "check.csv")
    for row in figures.itertuples():
        found = evaluation.value(f"{row.task}/{row.metric}", by=row.by, label=row.bin)
        # Other processors round differently: a hundredth of a year, one image of a group.
        allowed = 0.01 if row.metric == "mae" else 1.5 / row.n
        assert found == pytest.approx(row.value, abs=allowed), (row.task, row.by, row.bin)
    return len(figures)
