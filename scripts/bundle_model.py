"""Make the folder of a bundled model from a trained one: half precision, calibration, card.

    python scripts/bundle_model.py run/student-of-all-seed-0/hinted/shipped --data UTKFace/ \\
        --predictions out-of-fold.csv --quality quality.csv \\
        --measured "Fold 0, by a network that has not seen it, seed 0."

The model was trained on all images, so its own predictions of them are no measure. The predictions
given are those of models trained in the same way on other images (out of fold, without a
calibration): all figures of the card, the temperature and the intervals come from them. The images
are found below --data by their sample_id. The quality table has the columns luminance and ita, as
``faceattr quality UTKFace/ --output quality.csv`` writes them. --out becomes the bundled folder:

    config.json, model.safetensors   the model, float16, with its calibration
    MODEL_CARD.md, LICENSE.txt       the card, and the licence of the weights
    figures.csv                      the figures of the card
    check.csv, check_images.txt      what the file itself has on some images that it has learned
                                     from (hashes of their names): to tell whether it is unharmed
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from faceattr import BinnedEvaluator, Dataset, Model, TaskSet
from faceattr.binning import AGE_BINS, Bins, BinSpec
from faceattr.calibration.intervals import Score
from faceattr.evaluation import (
    Calibrator,
    Evaluation,
    ModelFacts,
    coverage_over_splits,
    model_card,
)
from faceattr.quality import ITA_BANDS
from faceattr.tables import read_table

NAME = "utkface-mobilenetv3-small"
OUT = Path(__file__).parents[1] / "src" / "faceattr" / "models" / "bundled" / NAME
LARGEST = 4_000_000
"""Bytes of the whole folder."""
LICENCE = "non-commercial research only, as its training data"
BY = ["age", "age_pred", "gender", "race", "luminance", "ita"]
BINS: dict[str, BinSpec] = {
    "age": AGE_BINS,
    "age_pred": AGE_BINS,
    "ita": Bins((None, -30, 10, 28, 41, 55, None), ITA_BANDS),
}
KEPT = {
    "age": ["mae", "rmse", "bias", "within_5", "adult_at_18", "adult_at_21"],
    "gender": ["accuracy", "f1", "roc_auc", "log_loss", "ece"],
}
SEED = 0
HASH_DIGITS = 12
CHECKED = 2000
"""Images that the file is checked with."""
YEARS, SHARE = 0.02, 0.001
"""By how much the MAE and the accuracy of half precision may differ from those of the full one; the
accuracy by one image more."""

CITATION = """\
Cite the data as its makers ask for: Zhifei Zhang, Yang Song and Hairong Qi, "Age
Progression/Regression by Conditional Adversarial Autoencoder", CVPR 2017. The network: Howard et
al., "Searching for MobileNetV3", ICCV 2019. The software: CITATION.cff of faceattr."""
DATA = """\
Trained on UTKFace (https://susanqq.github.io/UTKFace/): photographs found on the web, cut out
around one aligned face. Ages of 0 to 116 years were estimated by an algorithm and checked by one
person, gender and a race label were given by looking. Race was not learned: it is a column to group
errors by. The people in the pictures were not asked."""
RIGHTS = """\
UTKFace is for non-commercial research only, and so are these weights: see LICENSE.txt beside them.
The code of faceattr is MIT. The training started from torchvision's ImageNet weights (BSD-3), its
teachers from those of EfficientNet-Lite0 (Apache-2.0); hints came from the weights of dlib's face
recognition network (CC0)."""


def main() -> None:
    arguments = parse_arguments()
    predictions = read_table(arguments.predictions)
    faces = Dataset.from_utkface(arguments.data)
    model = Model.from_pretrained(arguments.model)
    model.calibration = model.card = None
    shipped = halved(model)
    images = some(predictions, faces)
    own = shipped.predict(images, batch_size=128, progress=True)
    agreement = check_agreement(model.predict(images, batch_size=128), own)
    check = figures(own_evaluation(own, model.tasks))
    calibrator = make_calibrator(model.tasks, predictions, arguments.level)
    evaluation = evaluate(predictions, arguments, calibrator)
    coverage = coverage_over_splits(
        predictions,
        read_table(arguments.quality),
        calibrator=calibrator,
        by=BY,
        bins=BINS,
        n_splits=arguments.splits,
        seed=SEED,
    )
    shipped.calibration = calibrator.fit(predictions)
    shipped.info |= {"training_data": "UTKFace", "licence": LICENCE}
    shipped.licence_text = arguments.licence.read_text(encoding="utf-8")
    facts = describe(shipped, arguments, f"{agreement} {check_text(check)}")
    shipped.card = model_card(
        evaluation, facts, coverage=coverage, cross_data=cross_data(arguments, model.tasks)
    )
    write(shipped, evaluation, check, arguments, images)


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("model", type=Path, help="folder of the trained model, in full precision")
    add("--data", type=Path, required=True, help="folder of UTKFace chips")
    add("--predictions", type=Path, required=True, help="table, out of fold")
    add("--quality", type=Path, required=True, help="table with luminance and ita")
    add("--measured", required=True, help="where the predictions come from, for the card")
    add("--training", default="", help="further sentences for the card on how it was trained")
    add("--cross", action="append", default=[], metavar="NAME=TABLE", help="other data, predicted")
    add("--level", type=float, default=0.9, help="of the intervals")
    add("--splits", type=int, default=200, help="random splits that count coverage")
    add("--n-boot", type=int, default=1000, help="bootstrap resamples")
    add("--licence", type=Path, default=Path(__file__).with_name("LICENSE-utkface-weights.txt"))
    add("--out", type=Path, default=OUT, help="the bundled folder; its name is the model's")
    return parser.parse_args(given)


def halved(model: Model) -> Model:
    """Return the model as it will be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        return Model.from_pretrained(model.save_pretrained(folder, precision="half"))


def some(predictions: pd.DataFrame, faces: Dataset) -> Dataset:
    """Return the images to check the file with: those with the smallest hashes of their names."""
    ids = sorted(predictions["sample_id"], key=name_hash)[:CHECKED]
    return faces.select(faces.table["sample_id"].isin(ids))


def name_hash(sample_id: str) -> str:
    return hashlib.sha256(Path(sample_id).name.encode()).hexdigest()[:HASH_DIGITS]


def check_agreement(full: pd.DataFrame, half: pd.DataFrame) -> str:
    """Compare predictions of both precisions; stop where they differ too much."""
    both = half.merge(full, on="sample_id", suffixes=("", "_full"), validate="one_to_one")
    years = (both["age_pred"] - both["age_pred_full"]).abs()
    error, error_full = (
        float((both[name] - both["age"]).abs().mean()) for name in ("age_pred", "age_pred_full")
    )
    right, right_full = (
        float((both[name] == both["gender"]).mean()) for name in ("gender_pred", "gender_pred_full")
    )
    changed = int((both["gender_pred"] != both["gender_pred_full"]).sum())
    text = (
        f"Half precision changes ages by {years.mean():.4f} years on average and at most "
        f"{years.max():.3f}, and {changed} of {len(both):,} predictions of gender."
    )
    allowed = SHARE + 1 / len(both)  # one image more or less is no finding
    if len(both) != len(full) or abs(error - error_full) > YEARS:
        raise SystemExit(f"MAE {error:.3f} in place of {error_full:.3f}. {text}")
    if abs(right - right_full) > allowed:
        raise SystemExit(f"accuracy {right:.4f} in place of {right_full:.4f}. {text}")
    return text


def make_calibrator(tasks: TaskSet, predictions: pd.DataFrame, level: float) -> Calibrator:
    """Choose intervals that hold within each group of predicted ages, as narrow as they get."""
    score: Score = "quantile" if "age_q05" in predictions.columns else "absolute"
    return Calibrator(level, "age_pred", {"age_pred": AGE_BINS}, score=score, tasks=tasks)


def evaluate(
    predictions: pd.DataFrame, arguments: argparse.Namespace, calibrator: Calibrator
) -> Evaluation:
    """Evaluate what the shipped model puts out, each half calibrated on the other one."""
    first = np.random.default_rng(SEED).permutation(len(predictions)) < len(predictions) // 2
    halves = [calibrator.fit(predictions[~own]).apply(predictions[own]) for own in (first, ~first)]
    columns = [name for name in BY if name != "age_pred"]
    bins = {name: BINS[name] for name in columns if name in BINS}
    evaluator = BinnedEvaluator(
        columns, bins, n_boot=arguments.n_boot, seed=SEED, tasks=calibrator.tasks, min_count=20
    )
    return evaluator.evaluate(pd.concat(halves), read_table(arguments.quality))


def own_evaluation(predictions: pd.DataFrame, tasks: TaskSet) -> Evaluation:
    metrics = ["mae", "accuracy"]
    evaluator = BinnedEvaluator("age", n_boot=0, min_count=20, tasks=tasks, metrics=metrics)
    return evaluator.evaluate(predictions)


def check_text(check: pd.DataFrame) -> str:
    overall = check[check["by"] == "overall"].set_index("metric")["value"]
    return (
        f"On {int(check['n'].max()):,} images that the shipped file has learned from it has an MAE "
        f"of {float(overall['mae']):.2f} years and an accuracy of {float(overall['accuracy']):.3f} "
        "(`check.csv`): no measure of how good it is, only of whether a copy is unharmed."
    )


def cross_data(arguments: argparse.Namespace, tasks: TaskSet) -> dict[str, Evaluation]:
    evaluator = BinnedEvaluator([], n_boot=arguments.n_boot, seed=SEED, tasks=tasks)
    pairs = [text.partition("=") for text in arguments.cross]
    return {name: evaluator.evaluate(read_table(table)) for name, _, table in pairs}


def describe(model: Model, arguments: argparse.Namespace, agreement: str) -> ModelFacts:
    count = sum(parameter.numel() for parameter in model.parameters())
    said = [arguments.training, training_text(model), agreement]
    return ModelFacts(
        name=arguments.out.name,
        description=f"{model.backbone_name} with {count / 1e6:.2f} million parameters in half "
        f"precision. Takes an image of one face, {model.image_size} x {model.image_size} pixels "
        "after scaling, cut out like the chips of UTKFace (`crop_template` in config.json). "
        + age_text(model),
        training_data=DATA,
        licence=RIGHTS,
        training=" ".join(filter(None, said)),
        held_out=f"{arguments.measured} The shipped weights have learned from all images, so the "
        "figures are those of networks trained on a part of them, one pass an image. Intervals and "
        "probabilities are those of a calibration fitted on the other half of these predictions; "
        "the shipped weights carry one fitted on all of them, and no image was left to check that "
        "it is as right for them.",
        citation=CITATION,
    )


def training_text(model: Model) -> str:
    record = model.info.get("training")
    if not record:
        return "The model has no record of its training."
    last = {"image_size": model.image_size, **record}
    laps = "; then ".join(map(lap_text, [*model.info.get("earlier_training", []), last]))
    return (
        f"{record['images']['train']:,} images, {laps}. All settings stand in config.json under "
        f"info. Dropout {model.dropout:g}."
    )


def lap_text(record: dict[str, Any]) -> str:
    names = ["batch_size", "lr", "weight_decay", "augment", "teacher_weight", "seed"]
    config = record["config"]
    settings = ", ".join(f"{name} {setting(config[name])}" for name in names if name in config)
    return f"{record['epochs']} epochs at {record['image_size']} pixels ({settings})"


def setting(value: object) -> str:
    """Return a setting in words; of a policy of augmentation what it does."""
    if not isinstance(value, dict):
        return str(value)
    # erase_area does nothing where nothing is erased
    shown = [name for name, one in value.items() if one and value.get(name.split("_")[0], one)]
    return " and ".join(f"{name} {value[name]}" for name in shown) or "none"


def age_text(model: Model) -> str:
    """Say what of its distribution over ages the model predicts."""
    level = getattr(model.head("age"), "level", None)
    if level is None:
        return "The predicted age is the mean of a distribution over years."
    return (
        f"The predicted age is the {level:.2f} quantile of a distribution over years, chosen so "
        "that labels of new images lie below it about as often as above it; `age_std` is the "
        "deviation around the mean."
    )


def write(
    model: Model,
    evaluation: Evaluation,
    check: pd.DataFrame,
    arguments: argparse.Namespace,
    images: Dataset,
) -> None:
    out: Path = arguments.out
    with tempfile.TemporaryDirectory() as folder:
        made = model.save_pretrained(folder, precision="half")
        figures(evaluation).to_csv(made / "figures.csv", index=False)
        check.drop(columns=["ci_low", "ci_high"]).to_csv(made / "check.csv", index=False)
        hashes = sorted(map(name_hash, images.table["sample_id"]))
        (made / "check_images.txt").write_text("\n".join(hashes) + "\n", encoding="utf-8")
        size = sum(path.stat().st_size for path in made.iterdir())
        if size > LARGEST:
            raise SystemExit(f"{size:,} bytes; a bundled model has at most {LARGEST:,}")
        out.mkdir(parents=True, exist_ok=True)
        for path in made.iterdir():
            shutil.copyfile(path, out / path.name)
    print(f"wrote {out}: {size:,} bytes")


def figures(evaluation: Evaluation) -> pd.DataFrame:
    """Return the figures of the card, a row a figure."""
    frame = evaluation.to_frame()
    frame = frame[(frame["stat"] == "value") & frame["class"].isin(["", "overall"])]
    wanted = {(task, metric) for task, names in KEPT.items() for metric in names}
    pairs = zip(frame["task"], frame["metric"], strict=True)
    frame = frame[[pair in wanted for pair in pairs]]
    columns = ["task", "metric", "by", "bin", "n", "value", "ci_low", "ci_high"]
    return frame.dropna(subset="value")[columns].round(6)


if __name__ == "__main__":
    main()
