"""Train the shipped model again: one command, gone on with by the same command.

    python examples/reproduce_utkface.py --data UTKFace/ --output run/

UTKFace is divided into five folds; no near-duplicate crosses. Five teachers are trained, each
without two of the folds, so that every fold is left out by two of them. The student of a fold
starts as one of these two and goes on at a larger size. It learns from the labels of the other
four folds, of which files of the same photograph share one, and from the averaged predictions of
its two teachers, and predicts a quantile of its distribution over ages. Neither it nor its teachers
have seen anything of the fold held out: the first one, unless ``--held-out`` says otherwise.

    python examples/reproduce_utkface.py --data UTKFace/ --output run/ --seeds 0 1 2
    python examples/reproduce_utkface.py --data UTKFace/ --output run/ --held-out 0 1 2 3 4
    python examples/reproduce_utkface.py --data UTKFace/ --output run/ --everything

train with three seeds, predict every image out of fold, and train a student on all images. That one
starts as the student of fold 0, learns from all five teachers and from what it said at its start,
and has no honest figures of its own: those of the folds are its figures. What is finished is kept
in the output folder: a run that was stopped goes on where it was. Without a network, name a file
with ImageNet weights: ``--weights mobilenet_v3_small.safetensors``. UTKFace is for non-commercial
research only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from faceattr import BinnedEvaluator, Dataset, Model, TrainConfig, Trainer
from faceattr.evaluation import average_predictions
from faceattr.models.heads import MedianHead
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table, write_table

FOLDS = 5
AGES = [0, 4, 14, 117]
ENDS = ["ci_low", "ci_high"]
PAGE = """# UTKFace: the shipped recipe

Written by `examples/reproduce_utkface.py`: networks that have learned, as their teachers have, from
nothing of the fold that they predict. One pass an image. In brackets 95 % bootstrap intervals over
the images, 1,000 resamples; they do not cover the chance of training, which the seeds show.

{table}
"""
RING = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4)]
"""The folds that each teacher has not seen; every fold is left out by two."""
TEACHER_SEED = 10


@dataclass(frozen=True)
class Recipe:
    """A training at one size of the images, in pixels."""

    side: int
    config: TrainConfig


TEACHER = Recipe(128, TrainConfig(epochs=16))
STUDENT = Recipe(192, TrainConfig(epochs=14, pct_start=0.2, teacher_weight=0.7))
OF_ALL = Recipe(192, replace(STUDENT.config, epochs=10, lr=0.001, pct_start=0.15))
START_COUNTS = 2
"""What the predictions of the student of all images at its start count, in teachers."""
LEVEL = 0.43
"""The quantile of a student's distribution below which half of the labels of new images lie. A
teacher's distribution is taken as symmetric, labels are not: they lie below it more often. Found on
images of the training part that a student had not seen (docs/results/recipe-utkface.md)."""


@dataclass(frozen=True)
class Run:
    """What all trainings have in common.

    Attributes
    ----------
    faces : Dataset
    folds : list of Dataset
        Without a common photograph.
    weights : str or None
        "imagenet", a file, or None for random ones.
    output : Path
    """

    faces: Dataset
    folds: list[Dataset]
    weights: str | None
    output: Path

    def without(self, *folds: int) -> Dataset:
        """Return the images that are in none of these folds."""
        gone = pd.concat([self.folds[fold].table["sample_id"] for fold in folds])
        return self.faces.select(~self.faces.table["sample_id"].isin(gone))

    def teachers(self, held_out: int) -> list[Path]:
        """Return the folders of the teachers that have not seen a fold."""
        return [self.teacher(pair) for pair in RING if held_out in pair]

    def teacher(self, pair: tuple[int, int]) -> Path:
        """Return the folder of a teacher that has seen neither of two folds, and predicts all."""
        folder = self.output / f"teacher-without-{pair[0]}-{pair[1]}"
        if not (folder / "predictions.csv").exists():
            seed = TEACHER_SEED + RING.index(pair)
            model = Model(
                tasks=self.faces.tasks, weights=self.weights, image_size=TEACHER.side, seed=seed
            )
            train(model, self.without(*pair), TEACHER.config, seed=seed, folder=folder)
            write_table(model.predict(self.faces), folder / "predictions.csv")
        return folder

    def student(self, held_out: int, seed: int) -> Path:
        """Return the folder of a student, which predicts the fold that nobody has seen."""
        folder = self.output / f"student-{held_out}-seed-{seed}"
        if not (folder / "predictions.csv").exists():
            teachers = self.teachers(held_out)
            model = Model.from_pretrained(teachers[seed % len(teachers)] / "model")
            told = [read_table(one / "predictions.csv") for one in teachers]
            teach(model, self.without(held_out), told, STUDENT, seed=seed, folder=folder)
            held = self.folds[held_out]
            write_table(by_quantile(model).predict(held), folder / "predictions.csv")
        return folder

    def student_of_all(self, seed: int) -> Path:
        """Return the folder of a student of all images."""
        folder = self.output / f"student-of-all-seed-{seed}"
        if not (folder / "shipped").exists():
            model = Model.from_pretrained(self.student(0, seed) / "model")
            start = folder / "start.csv"
            if not start.exists():
                folder.mkdir(exist_ok=True)
                write_table(model.predict(self.faces), start)
            told = [read_table(self.teacher(pair) / "predictions.csv") for pair in RING]
            told += START_COUNTS * [read_table(start)]
            teach(model, self.faces, told, OF_ALL, seed=seed, folder=folder)
            by_quantile(model).save_pretrained(folder / "shipped")
        return folder / "shipped"


def by_quantile(model: Model) -> Model:
    """Return the same network; it predicts a quantile of its ages in place of their mean."""
    other = Model(
        tasks=model.tasks, heads={"age": "median"}, weights=None, image_size=model.image_size
    )
    other.load_state_dict(other.state_dict() | model.state_dict())
    head = other.head("age")
    if isinstance(head, MedianHead):
        head.level = LEVEL
    other.info = model.info
    return other


def teach(
    model: Model,
    known: Dataset,
    told: list[pd.DataFrame],
    recipe: Recipe,
    *,
    seed: int,
    folder: Path,
) -> None:
    """Train a student with the averaged predictions of its teachers."""
    model.image_size = recipe.side
    settled = known.with_labels(known.audit().group_labels())
    teacher = average_predictions(told)
    train(model, settled, recipe.config, seed=seed, folder=folder, teacher=teacher)


def train(
    model: Model,
    data: Dataset,
    config: TrainConfig,
    *,
    seed: int,
    folder: Path,
    teacher: pd.DataFrame | None = None,
) -> None:
    """Train a model, or go on where that was stopped, and save it."""
    print(f"{folder.name}: {len(data):,} images at {model.image_size} pixels", flush=True)
    config = replace(config, seed=seed)
    trainer = Trainer(config, checkpoint_folder=folder / "checkpoints")
    trainer.fit(model, data, teacher=teacher, resume=True)
    if trainer.stopped_ == "interrupt":
        raise KeyboardInterrupt
    model.save_pretrained(folder / "model")
    write_table(trainer.history_, folder / "history.csv")


def main(given: Sequence[str] | None = None) -> None:
    arguments = parse_arguments(given)
    faces = Dataset.from_utkface(arguments.data)
    run = Run(faces, make_folds(faces), arguments.weights, arguments.output)
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
    parser.add_argument("--weights", default="imagenet", help="'imagenet' or a safetensors file")
    parser.add_argument("--held-out", nargs="+", type=int, choices=range(FOLDS), default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--everything", action="store_true", help="hold nothing out")
    parser.add_argument("--output", type=Path, default=Path("faceattr-output/reproduce"))
    return parser.parse_args(given)


def make_folds(faces: Dataset) -> list[Dataset]:
    """Return the folds; the first is the part that no choice was made on."""
    rest, first = faces.split(train=1 - 1 / FOLDS, test=1 / FOLDS, seed=0)
    return [first, *(held_out for _, held_out in rest.folds(FOLDS - 1, seed=0))]


def write_page(output: Path) -> Path:
    """Write the figures of all students that are finished, and each seed's predictions."""
    found: dict[int, dict[int, pd.DataFrame]] = {}
    for path in sorted(output.glob("student-?-seed-*/predictions.csv")):
        numbers = path.parent.name.split("-")[1::2]
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
