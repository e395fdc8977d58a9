"""Train arms on UTKFace that differ in one thing each: what do balance, filters and weights earn?

    python examples/oversampling_utkface.py --data UTKFace/ --seeds 0 1 2
    python examples/oversampling_report.py --work faceattr-output/arms

Every arm takes the same number of optimiser steps, from the same split, and is compared with the
arm "plain" on the same test images. What is finished is kept in the work folder: a run that was
stopped goes on with the next arm. Without a network, name a file with ImageNet weights:
``--weights mobilenet_v3_small.safetensors``. UTKFace is for non-commercial research only.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceattr import BalancedSampler, Dataset, Model, QualityFilter, TrainConfig, Trainer
from faceattr.tables import write_table

SIDE = 96
BALANCED_BY = ("age", "gender")
PRESET = "standard"


@dataclass(frozen=True)
class Arm:
    """What an arm does otherwise than "plain"; everything else is the same."""

    what: str
    schedule: str = "one_cycle"
    augment: str = "light"
    repeat_augment: str | None = None
    strength: float = 0.0
    filtered: bool = False
    pretrained: bool = True


ARMS = {
    "plain": Arm("one-cycle, ImageNet weights, light augmentation, images as they come"),
    "balanced": Arm("equal shares of age groups by gender, by repeats", strength=1.0),
    "balanced-augmented": Arm(
        "the same, and repeats are augmented strongly", strength=1.0, repeat_augment="strong"
    ),
    "filtered": Arm(f"training images filtered by quality, preset {PRESET}", filtered=True),
    "random-weights": Arm("random weights in the place of ImageNet's", pretrained=False),
    "step": Arm("the rate falls in steps", schedule="step"),
    "plateau": Arm("the rate falls when validation stalls", schedule="plateau"),
    "strong": Arm("strong augmentation of all images", augment="strong"),
    "half-balanced": Arm(
        "strength 0.5, repeats augmented strongly", strength=0.5, repeat_augment="strong"
    ),
    "filtered-balanced": Arm(
        "the study's steps together: filtered, balanced, repeats augmented strongly",
        strength=1.0,
        repeat_augment="strong",
        filtered=True,
    ),
}


def main() -> None:
    arguments = parse_arguments()
    faces = Dataset.from_utkface(arguments.data)
    parts = faces.split(train=0.7, valid=0.1, test=0.2, seed=0)
    for seed in arguments.seeds:
        for name in arguments.arms:
            folder = arguments.work / name / f"seed-{seed}"
            if not (folder / "predictions.csv").exists():
                print(f"{name}, seed {seed}", flush=True)
                run(ARMS[name], parts, seed, folder, arguments)


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train arms that differ in one thing each.")
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    parser.add_argument("--weights", default="imagenet", help="'imagenet' or a safetensors file")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--work", type=Path, default=Path("faceattr-output/arms"))
    return parser.parse_args(given)


def run(
    arm: Arm, parts: Sequence[Dataset], seed: int, folder: Path, arguments: argparse.Namespace
) -> None:
    train, valid, test = parts
    steps = len(train)  # images an epoch, and so steps, of every arm
    if arm.filtered:
        train = filtered(train)
    sampler = None
    if arm.strength or arm.filtered:
        sampler = BalancedSampler(
            train, by=BALANCED_BY, strength=arm.strength, epoch_size=steps, seed=seed
        )
    weights = arguments.weights if arm.pretrained else None
    model = Model(tasks=train.tasks, weights=weights, image_size=SIDE, seed=seed)
    trainer = Trainer(make_config(arm, arguments.epochs, seed), checkpoint_folder=folder / "run")
    trainer.fit(model, train, valid, sampler=sampler, resume=True)
    write_table(trainer.history_, folder / "history.csv")
    write_table(model.predict(test), folder / "predictions.csv")
    print(f"  {trainer.history_['seconds'].sum() / 60:.1f} minutes", flush=True)


def make_config(arm: Arm, epochs: int, seed: int) -> TrainConfig:
    return TrainConfig(
        epochs=epochs,
        schedule=arm.schedule,
        step_epochs=2 if arm.schedule == "plateau" else max(epochs // 3, 1),
        augment=arm.augment,
        repeat_augment=arm.repeat_augment,
        seed=seed,
    )


def filtered(train: Dataset) -> Dataset:
    quality = QualityFilter(PRESET)
    return quality.filter(train, quality.score(train))


if __name__ == "__main__":
    main()
