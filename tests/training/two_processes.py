"""Run by test_processes under torchrun: train and predict, each process writing what it has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import nn

from faceattr import Dataset, Model, TrainConfig, Trainer
from faceattr.tables import write_table


class Plain(nn.Module):
    """A backbone without batch norm, so that two processes compute what one does."""

    num_features = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 5, stride=4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images).relu().mean(dim=(2, 3))


def main(folder: Path, rank: int) -> None:
    torch.manual_seed(0)
    faces = Dataset.synthetic(41, seed=0, size=32)
    table = faces.table.copy()
    table.loc[:20, "age"] = float("nan")
    train = Dataset(table.iloc[:30].reset_index(drop=True), tasks=faces.tasks)
    valid = Dataset(table.iloc[30:].reset_index(drop=True), tasks=faces.tasks)
    model = Model(Plain(), faces.tasks, dropout=0.0, image_size=32)
    config = TrainConfig(epochs=2, batch_size=8, lr=0.01, clip_norm=None)
    trainer = Trainer(config, progress=False, cache_folder=folder / "cache")
    trainer.fit(model, train, valid)
    write_table(trainer.history_, folder / f"history-{rank}.csv")
    write_table(trainer.predict(model, faces, batch_size=4), folder / f"predictions-{rank}.csv")

    normed = Model(tasks=faces.tasks, weights=None, image_size=32, dropout=0.2)
    config = TrainConfig(epochs=2, batch_size=8, freeze_epochs=1, ema_decay=0.5)
    trainer = Trainer(config, progress=False, cache_folder=folder / "cache")
    trainer.fit(normed, train, valid.select(valid.table["sample_id"].iloc[:1].tolist()))
    write_table(trainer.predict(normed, faces), folder / f"normed-{rank}.csv")
    write_table(normed.predict(faces), folder / f"normed-alone-{rank}.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(os.environ.get("RANK", "0")))
