"""Train on UTKFace, evaluate on a part that training never saw, write the study's tables.

    python examples/train_utkface.py --data UTKFace/ --recipe default
    python examples/train_utkface.py --data UTKFace/ --recipe study

Without a network, name a file with ImageNet weights: ``--weights mobilenet_v3_small.safetensors``.
UTKFace is for non-commercial research only; no image of it is written anywhere but into the cache.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from faceattr import BinnedEvaluator, Dataset, Model, TrainConfig, Trainer
from faceattr.evaluation import Evaluation
from faceattr.report.figures import plot_history
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tables import write_table

RECIPES: dict[str, tuple[Callable[..., TrainConfig], dict[str, str] | None]] = {
    "study": (TrainConfig.study, {"age": "linear", "gender": "logit"}),
    "default": (TrainConfig, None),
}
AGE_METRICS = ["mae", "rmse", "r2", "mape", "bias", "within_5"]
GENDER_METRICS = ["accuracy", "f1", "roc_auc", "log_loss"]


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
        image_size=128,
        seed=arguments.seed,
    )
    model.info |= {
        "training_data": "UTKFace",
        "licence": "for non-commercial research only, as its training data",
        "recipe": arguments.recipe,
    }
    trainer = Trainer(config).fit(model, train)
    predictions = model.predict(test, progress=True)
    evaluation = BinnedEvaluator(by="age", seed=arguments.seed, tasks=faces.tasks).evaluate(
        predictions
    )
    print(evaluation.summary())
    keep_model(arguments.work / arguments.recipe, model, predictions, trainer, evaluation)
    keep_results(arguments, pd.concat([train.table, test.table]), evaluation, trainer, config)


def parse_arguments() -> argparse.Namespace:
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
    return parser.parse_args()


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
    index: pd.DataFrame,
    evaluation: Evaluation,
    trainer: Trainer,
    config: TrainConfig,
) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    split = index[["sample_id", "split"]].sort_values("sample_id")
    split.to_csv(arguments.out / f"utkface-split-seed{arguments.seed}.csv", index=False)
    name = f"utkface-{arguments.recipe}-seed{arguments.seed}"
    evaluation.to_frame().to_csv(arguments.out / f"{name}.csv", index=False)
    counts = index["split"].value_counts()
    minutes = trainer.history_["seconds"].sum() / 60
    settings = {key: value for key, value in config.to_dict().items() if value is not None}
    text = f"""# UTKFace, {arguments.recipe} recipe, seed {arguments.seed}

```
python examples/train_utkface.py --data UTKFace/ --weights WEIGHTS --recipe {arguments.recipe} \\
    --epochs {arguments.epochs} --seed {arguments.seed}
```

MobileNetV3-Small from ImageNet weights at 128 px, {counts["train"]} images to train on and
{counts["test"]} to test on, near-duplicates on one side
([split](utkface-split-seed{arguments.seed}.csv)); one forward pass an image, nothing dropped.
Intervals are 95 % of 1,000 bootstrap resamples of the test images; they do not cover the chance of
training. Training took {minutes:.0f} minutes. All figures: [table]({name}.csv).

## Gender, overall

{to_markdown(evaluation.overall("gender"), digits=4)}
## Age, overall

{to_markdown(evaluation.overall("age"), digits=3)}
## Gender by age group

{to_markdown(by_age(evaluation, "gender", GENDER_METRICS))}
## Age by age group

{to_markdown(by_age(evaluation, "age", AGE_METRICS), digits=2)}
## Configuration

{to_markdown(pd.DataFrame({"value": [str(v) for v in settings.values()]}, index=list(settings)))}"""
    (arguments.out / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"wrote {arguments.out / name}.md")


def by_age(evaluation: Evaluation, task: str, metrics: list[str]) -> pd.DataFrame:
    table = evaluation.by("age", task=task, metrics=metrics)
    empty = ["n_missing_label", "n_failed"]
    dropped = [column for column in empty if not table[column].any()]
    return with_intervals(table.drop(columns=dropped), metrics)


if __name__ == "__main__":
    main()
