"""Run by test_processes under torchrun: train and predict, each process writing what it has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from faceattr import BalancedSampler, Dataset, Model, TrainConfig, Trainer
from faceattr.tables import write_table
from training.samples import PlainBackbone, tiny


def main(folder: Path, rank: int) -> None:
    faces = Dataset.synthetic(41, seed=0, size=32)
    table = faces.table.copy()
    table.loc[:20, "age"] = float("nan")
    train = Dataset(table.iloc[:30].reset_index(drop=True), tasks=faces.tasks)
    valid = Dataset(table.iloc[30:].reset_index(drop=True), tasks=faces.tasks)
    plain_network(folder, rank, faces, train, valid)
    batch_norm(folder, rank, faces, train, valid)
    parts_and_mixtures(folder, rank, train, valid)


def plain_network(folder: Path, rank: int, faces: Dataset, train: Dataset, valid: Dataset) -> None:
    model = tiny(faces, PlainBackbone, dropout=0.0)
    config = TrainConfig(epochs=2, batch_size=8, lr=0.01, clip_norm=None)
    trainer = Trainer(config, progress=False, cache_folder=folder / "cache")
    gradients: list[np.ndarray] = []

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        gradients.append(torch.cat([p.grad.flatten() for p in weights]).numpy().copy())

    hook = register_optimizer_step_pre_hook(note)
    trainer.fit(model, train, valid)
    hook.remove()
    np.savetxt(folder / f"gradients-{rank}.txt", np.stack(gradients))
    write_table(trainer.history_, folder / f"history-{rank}.csv")
    # Weights that do not differ by rounding, so that the tables tell what prediction adds.
    fixed = Model(tasks=faces.tasks, weights=None, image_size=32, seed=1)
    write_table(trainer.predict(fixed, faces, batch_size=4), folder / f"predictions-{rank}.csv")


def batch_norm(folder: Path, rank: int, faces: Dataset, train: Dataset, valid: Dataset) -> None:
    normed = Model(tasks=faces.tasks, weights=None, image_size=32, dropout=0.2)
    config = TrainConfig(epochs=2, batch_size=8, freeze_epochs=1, ema_decay=0.5)
    trainer = Trainer(config, progress=False, cache_folder=folder / "cache")
    trainer.fit(normed, train, valid.select(valid.table["sample_id"].iloc[:1].tolist()))
    write_table(trainer.predict(normed, faces), folder / f"normed-{rank}.csv")
    write_table(normed.predict(faces), folder / f"normed-alone-{rank}.csv")


def parts_and_mixtures(folder: Path, rank: int, train: Dataset, valid: Dataset) -> None:
    """Train by a balanced plan with accumulated batches of mixed images, also resumed."""
    config = TrainConfig(
        epochs=3,
        batch_size=10,
        accumulate=2,
        mixup=0.4,
        lr=0.01,
        clip_norm=None,
        augment="light",
        repeat_augment="strong",
    )
    sampler = BalancedSampler(train, "gender", epoch_size=37)
    for name, stops in (("whole", False), ("resumed", True)):
        trainer = Trainer(
            config,
            progress=False,
            cache_folder=folder / "cache",
            checkpoint_folder=folder / name,
        )
        if stops:
            try:
                model = tiny(train, PlainBackbone, dropout=0.0)
                trainer.fit(model, train, valid, sampler=sampler, on_epoch=fails_after_two)
            except InterruptedError:
                pass
        model = tiny(train, PlainBackbone, dropout=0.0)
        trainer.fit(model, train, valid, sampler=sampler, resume=stops)
        write_table(trainer.history_, folder / f"{name}-{rank}.csv")


def fails_after_two(row: dict[str, float]) -> None:
    if row["epoch"] == 2:
        raise InterruptedError


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(os.environ.get("RANK", "0")))
