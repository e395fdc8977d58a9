"""Balance a data set in which the old are rare, and see what it does and what it costs.

Three minutes, no network: the faces are drawings. Two trainings differ in the sampler alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from faceattr import BalancedSampler, Dataset, Model, TrainConfig, Trainer, compare

OUTPUT = Path("balance-output")
AGES = {"age": [0, 20, 40, 60, None]}


def main(images: int = 3000, epochs: int = 8) -> None:
    OUTPUT.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # several only wait for each other on so small a network
    os.environ.setdefault("FACEATTR_CACHE", str(OUTPUT / "cache"))

    train, test = with_few_old(images)
    sampler = BalancedSampler(train, by=["age", "gender"], bins=AGES, max_repeats=8, seed=0)
    print(sampler.report())
    sampler.plot().savefig(OUTPUT / "shares.png", dpi=110)

    config = TrainConfig(
        epochs=epochs, batch_size=32, lr=0.004, augment="light", repeat_augment="strong"
    )
    predictions = []
    for chosen in (None, sampler):
        model = Model(tasks=train.tasks, weights=None, image_size=64, seed=0)
        Trainer(config).fit(model, train, sampler=chosen)
        predictions.append(model.predict(test))
    comparison = compare(*predictions, by="age", bins=AGES)
    print("\nmean absolute error in years: a as the images come, b balanced")
    print(comparison.table("age", by="age", metrics=["mae"]).round(3).to_string())
    comparison.plot().savefig(OUTPUT / "comparison.png", dpi=110)


def with_few_old(images: int) -> tuple[Dataset, Dataset]:
    """Return a training part that lacks nine of ten above 40, and a test part with all."""
    train, test = Dataset.synthetic(images, seed=0, size=64).split(train=0.7, test=0.3, seed=0)
    old = (train.table["age"] > 40).to_numpy()
    kept = ~old | (np.cumsum(old) % 10 == 0)
    return train.select(kept), test


if __name__ == "__main__":
    main()
