"""Train on UTKFace, evaluate on a part that training never saw, write the study's tables.

    python examples/train_utkface.py --data UTKFace/ --recipe default
    python examples/train_utkface.py --data UTKFace/ --recipe study

Without a network, name a file with ImageNet weights: ``--weights mobilenet_v3_small.safetensors``.
UTKFace is for non-commercial research only; no image of it is written anywhere but into the cache.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from faceattr import (
    BinnedEvaluator,
    Dataset,
    Model,
    TaskSet,
    TrainConfig,
    Trainer,
    __version__,
)
from faceattr.evaluation import Evaluation
from faceattr.report.figures import plot_history
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tables import write_table

RECIPES: dict[str, tuple[Callable[..., TrainConfig], dict[str, str] | None]] = {
    "study": (TrainConfig.study, {"age": "linear", "gender": "logit"}),
    "default": (TrainConfig, None),
}
AGE_METRICS = ["mae", "rmse", "r2", "mape", "bias", "within_5"]
COUNTS = ["support", "n_missing_label", "n_failed"]
PACKAGES = ["torch", "torchvision", "numpy"]
GENDER_METRICS = ["accuracy", "f1", "roc_auc", "log_loss"]


SIDE = 128
RESAMPLES = 1000


def main() -> None:
    arguments = parse_arguments()
    faces = Dataset.from_utkface(arguments.data)
    for _, path, reason in faces.rejects.itertuples():
        print(f"left out: {path}: {reason}", file=sys.stderr)
    train, test = faces.split(train=0.8, test=0.2, seed=arguments.seed)
    make_config, heads = RECIPES[arguments.recipe]
    config = make_config(epochs=arguments.epochs, seed=arguments.seed)
    model = Model(
        tasks=faces.tasks,
        weights=arguments.weights,
        heads=heads,
        image_size=SIDE,
        seed=arguments.seed,
    )
    model.info |= {
        "training_data": "UTKFace",
        "licence": "for non-commercial research only, as its training data",
        "recipe": arguments.recipe,
    }
    trainer = Trainer(config).fit(model, train)
    predictions = model.predict(test, progress=True)
    evaluation = evaluate(predictions, faces.tasks, arguments.seed)
    print(evaluation.summary())
    keep_model(arguments.work / arguments.recipe, model, predictions, trainer, evaluation)
    index = pd.concat([train.table, test.table])
    keep_results(arguments, faces, index, evaluation, trainer.history_)


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train on UTKFace and write the study's tables.")
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    parser.add_argument("--weights", default="imagenet", help="'imagenet' or a safetensors file")
    parser.add_argument("--recipe", choices=list(RECIPES), default="default")
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="tables go here")
    parser.add_argument(
        "--work", type=Path, default=Path("faceattr-output"), help="model and predictions go here"
    )
    return parser.parse_args(given)


def evaluate(predictions: pd.DataFrame, tasks: TaskSet, seed: int) -> Evaluation:
    evaluator = BinnedEvaluator(by="age", n_boot=RESAMPLES, seed=seed, tasks=tasks)
    return evaluator.evaluate(predictions)


def keep_model(
    folder: Path,
    model: Model,
    predictions: pd.DataFrame,
    trainer: Trainer,
    evaluation: Evaluation,
) -> None:
    model.save_pretrained(folder)
    write_table(predictions, folder / "predictions.csv")
    write_table(trainer.history_, folder / "history.csv")
    evaluation.plot().savefig(folder / "evaluation.png", dpi=110)
    plot_history(trainer.history_).savefig(folder / "history.png", dpi=110)


def keep_results(
    arguments: argparse.Namespace,
    faces: Dataset,
    index: pd.DataFrame,
    evaluation: Evaluation,
    history: pd.DataFrame,
) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    split = index[["sample_id", "split"]].sort_values("sample_id")
    split.to_csv(arguments.out / f"utkface-split-seed{arguments.seed}.csv", index=False)
    name = f"utkface-{arguments.recipe}-seed{arguments.seed}"
    evaluation.to_frame().to_csv(arguments.out / f"{name}.csv", index=False)
    parts = [
        heading(arguments, name),
        description(arguments, faces, split, evaluation, history),
        f"## Gender, overall\n\n{to_markdown(overall(evaluation, 'gender'), digits=4)}",
        f"## Age, overall\n\n{to_markdown(overall(evaluation, 'age'), digits=3)}",
        f"## Gender by age group\n\n{to_markdown(by_age(evaluation, 'gender', GENDER_METRICS))}",
        f"## Age by age group\n\n{to_markdown(by_age(evaluation, 'age', AGE_METRICS), digits=2)}",
        f"## Configuration\n\n{to_markdown(settings(arguments))}",
    ]
    (arguments.out / f"{name}.md").write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {arguments.out / name}.md")


def heading(arguments: argparse.Namespace, name: str) -> str:
    weights = "imagenet" if arguments.weights == "imagenet" else "FILE"
    return f"""# UTKFace, {arguments.recipe} recipe, seed {arguments.seed}

```
python examples/train_utkface.py --data UTKFace/ --weights {weights} --recipe {arguments.recipe} \\
    --epochs {arguments.epochs} --seed {arguments.seed}
```

All figures: [table]({name}.csv).
"""


def description(
    arguments: argparse.Namespace,
    faces: Dataset,
    split: pd.DataFrame,
    evaluation: Evaluation,
    history: pd.DataFrame,
) -> str:
    counts = split["split"].value_counts()
    failed = int(evaluation.value("age/n_failed"))
    versions = ", ".join([f"faceattr {__version__}", *(f"{p} {version(p)}" for p in PACKAGES)])
    return f"""MobileNetV3-Small from ImageNet weights at {SIDE} px. Of
{len(faces) + len(faces.rejects):,} files {len(faces.rejects)} are left out for their names;
{counts["train"]:,} images to train on, {counts["test"]:,} to test on, near-duplicates on one side
([split](utkface-split-seed{arguments.seed}.csv)). One forward pass an image, {failed} images
without a prediction. Intervals are 95 % of {RESAMPLES:,} bootstrap resamples of the test images;
they do not cover the chance of training. Training took {history["seconds"].sum() / 60:.0f} minutes
on {torch.get_num_threads()} thread(s) ({history["images_per_second"].median():.0f} images a second
in the median epoch).
Versions: {versions}.
"""


def settings(arguments: argparse.Namespace) -> pd.DataFrame:
    make_config, heads = RECIPES[arguments.recipe]
    config = make_config(epochs=arguments.epochs, seed=arguments.seed).to_dict()
    chosen = {key: str(value) for key, value in config.items() if value is not None}
    chosen["heads"] = str(heads or "default")
    return pd.DataFrame({"value": chosen})


def overall(evaluation: Evaluation, task: str) -> pd.DataFrame:
    table = evaluation.overall(task).astype(object)
    counts = [name for name in COUNTS if name in table.index]
    table.loc[counts] = table.loc[counts].map(lambda count: "" if pd.isna(count) else int(count))
    return table


def by_age(evaluation: Evaluation, task: str, metrics: list[str]) -> pd.DataFrame:
    table = evaluation.by("age", task=task, metrics=metrics)
    dropped = [column for column in COUNTS if column in table and not table[column].any()]
    return with_intervals(table.drop(columns=dropped), metrics)


if __name__ == "__main__":
    main()
