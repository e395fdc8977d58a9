"""Classical baselines: boosting and support vectors on the features of a frozen backbone.

    python examples/baselines.py
    python examples/baselines.py --data UTKFace/ --weights imagenet --predictions predictions.csv

Without ``--data`` the faces are drawings and the backbone is a random one: less than a minute, no
network. With it, the page goes to ``--out``. ``--predictions`` is the table of a trained network on
the same test images (`examples/train_utkface.py` writes one); its images must be those of the test
part here. Without a network, name a file with ImageNet weights in place of ``imagenet``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from faceattr import BinnedEvaluator, Dataset, Model, RegressionTask, __version__, compare
from faceattr.evaluation import Evaluation
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tables import pred_column, prob_column, read_table, write_table

RESAMPLES = 1000
ROUNDS = 300
ROUND_STEP = 25
LEARNING_RATE = 0.1
LEAVES = (7, 15, 31)
COSTS = {"gender": (1.0, 2.0, 4.0, 8.0), "age": (10.0, 20.0, 40.0, 80.0)}
TOLERANCE = 1.0  # years within which support vector regression sees no error
CACHE_MB = 1000  # of kernel values
ALGORITHMS = ("gradient boosting", "support vectors")
GUESS = "the most common answer"
NETWORK = "trained network"
PACKAGES = ("scikit-learn", "torch", "torchvision", "numpy")

Floats = npt.NDArray[np.float32]
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Images of one part of the split, as the algorithms see them."""

    faces: Dataset
    features: Floats

    def labels(self, task: str) -> npt.NDArray[Any]:
        return self.faces.table[task].to_numpy()


@dataclass(frozen=True)
class Fitted:
    """An algorithm with the setting that was best on the validation part."""

    algorithm: Any
    scores: list[Row]
    seconds: float


def main() -> None:
    arguments = parse_arguments()
    faces = open_faces(arguments)
    train, valid, test = split(faces, arguments.seed)
    network = None if arguments.predictions is None else read_same(arguments.predictions, test)
    model = Model(
        arguments.backbone,
        faces.tasks,
        weights=arguments.weights,
        image_size=arguments.image_size,
        seed=arguments.seed,
    )
    started = time.perf_counter()
    parts = [Part(part, model.extract_features(part)) for part in (train, valid, test)]
    seconds = time.perf_counter() - started
    tables, scores = predict_all(parts, arguments.work)
    if network is not None:
        tables[NETWORK] = network
    evaluator = BinnedEvaluator(by="age", n_boot=RESAMPLES, seed=arguments.seed, tasks=faces.tasks)
    evaluations = {name: evaluator.evaluate(table) for name, table in tables.items()}
    text = "\n".join(
        [
            heading(arguments),
            description(arguments, model, parts, seconds),
            *results(evaluations, tables, arguments.seed),
            *choices(scores),
        ]
    )
    print(text)
    if arguments.data is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "baselines-utkface.md").write_text(text, encoding="utf-8")


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Classical methods on features of a backbone.")
    parser.add_argument("--data", type=Path, help="folder of UTKFace chips; drawings without")
    parser.add_argument("--images", type=int, default=600, help="drawings")
    parser.add_argument("--backbone", default="mobilenet_v3_small")
    parser.add_argument("--weights", help="'imagenet' or a safetensors file; random without")
    parser.add_argument(
        "--source",
        default="ImageNet weights, never trained on faces",
        help="what the page calls the weights",
    )
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--predictions", type=Path, help="of a trained network on the test part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="the page goes here")
    parser.add_argument("--work", type=Path, default=Path("baselines-output"), help="predictions")
    return parser.parse_args(given)


def open_faces(arguments: argparse.Namespace) -> Dataset:
    if arguments.data is not None:
        return Dataset.from_utkface(arguments.data)
    return Dataset.synthetic(arguments.images, seed=arguments.seed, size=64)


def split(faces: Dataset, seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """Divide 7 : 1 : 2; the test part is that of examples/train_utkface.py, which has no valid."""
    rest, test = faces.split(train=0.8, test=0.2, seed=seed)
    train, valid = rest.split(train=0.875, valid=0.125, seed=seed)
    return train, valid, test


def read_same(path: Path, test: Dataset) -> pd.DataFrame:
    """Read the predictions of the network; end if they are of other images than the test part."""
    table = read_table(path)
    here, there = set(test.table["sample_id"]), set(table["sample_id"])
    if here != there:
        raise SystemExit(
            f"{path} holds other images than the test part: {len(here - there)} of {len(here)} are "
            f"missing, {len(there - here)} are extra; was it made with the same data and seed?"
        )
    return table


def predict_all(
    parts: Sequence[Part], work: Path
) -> tuple[dict[str, pd.DataFrame], dict[tuple[str, str], Fitted]]:
    """Fit every algorithm to every task, and keep its predictions of the test part as a table."""
    train, valid, test = parts
    tables, scores = {}, {}
    for name in ALGORITHMS:
        columns: dict[str, npt.NDArray[Any]] = {}
        for task in ("age", "gender"):
            fitted = fit(name, task, train, valid)
            columns |= task_columns(fitted.algorithm, task, test)
            scores[name, task] = fitted
        tables[name] = predictions_table(test.faces, columns)
        work.mkdir(parents=True, exist_ok=True)
        write_table(tables[name], work / f"{name.replace(' ', '-')}.csv")
    labels = pd.concat([part.faces.table for part in (train, valid)])
    count = len(test.faces)
    guess = {
        "age_pred": np.full(count, labels["age"].median()),
        "gender_pred": np.full(count, labels["gender"].mode()[0], dtype=object),
    }
    tables[GUESS] = predictions_table(test.faces, guess)
    return tables, scores


def predictions_table(faces: Dataset, columns: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
    known = faces.table.reset_index(drop=True)
    return pd.concat([known, pd.DataFrame(columns).assign(error="")], axis=1)


def fit(name: str, task: str, train: Part, valid: Part) -> Fitted:
    """Try settings on the validation part, then fit the best one to both parts."""
    started = time.perf_counter()
    tried = list((boosting if name == ALGORITHMS[0] else vectors)(task, train, valid))
    best = min(tried, key=lambda row: (row["error"], row["order"]))
    features = np.concatenate([train.features, valid.features])
    labels = np.concatenate([train.labels(task), valid.labels(task)])
    algorithm = best["make"]().fit(features, labels)
    rows = [{**row["setting"], "error": row["error"], "chosen": row is best} for row in tried]
    return Fitted(algorithm, rows, time.perf_counter() - started)


def boosting(task: str, train: Part, valid: Part) -> Iterator[Row]:
    """Try sizes of trees, and for each how many of them."""
    kind = HistGradientBoostingRegressor if task == "age" else HistGradientBoostingClassifier
    for leaves in LEAVES:
        options = {
            "learning_rate": LEARNING_RATE,
            "max_leaf_nodes": leaves,
            "early_stopping": False,  # it would set aside images of its own
            "random_state": 0,
        }
        algorithm = kind(max_iter=ROUNDS, **options)
        algorithm.fit(train.features, train.labels(task))
        errors = [
            error_of(task, valid, found) for found in algorithm.staged_predict(valid.features)
        ]
        rounds = ROUND_STEP * (1 + int(np.argmin(errors[ROUND_STEP - 1 :: ROUND_STEP])))
        yield {
            "setting": {"leaves": leaves, "trees": rounds},
            "error": errors[rounds - 1],
            "order": (leaves, rounds),
            "make": lambda rounds=rounds, options=options: kind(max_iter=rounds, **options),
        }


def vectors(task: str, train: Part, valid: Part) -> Iterator[Row]:
    """Try costs of an error, with a Gaussian kernel as wide as scikit-learn makes it."""
    for cost in COSTS[task]:
        make = machine_of(task, cost)
        algorithm = make().fit(train.features, train.labels(task))
        yield {
            "setting": {"C": cost},
            "error": error_of(task, valid, algorithm.predict(valid.features)),
            "order": (cost,),
            "make": make,
        }


def machine_of(task: str, cost: float) -> Callable[[], Any]:
    def make() -> Any:
        if task == "age":
            machine: Any = SVR(C=cost, epsilon=TOLERANCE, cache_size=CACHE_MB)
        else:
            machine = SVC(C=cost, cache_size=CACHE_MB)
        return make_pipeline(StandardScaler(), machine)

    return make


def error_of(task: str, part: Part, found: npt.NDArray[Any]) -> float:
    """Return the mean absolute error in years, or the share of wrong classes."""
    labels = part.labels(task)
    if task == "age":
        return float(np.abs(found - labels).mean())
    return float((found != labels).mean())


def task_columns(algorithm: Any, task: str, test: Part) -> dict[str, npt.NDArray[Any]]:
    found = algorithm.predict(test.features)
    spec = test.faces.tasks[task]
    if isinstance(spec, RegressionTask) and spec.bounds is not None:
        return {pred_column(task): np.clip(found, *spec.bounds)}
    columns = {pred_column(task): np.asarray(found, dtype=object)}
    if hasattr(algorithm, "predict_proba"):
        shares = algorithm.predict_proba(test.features)
        for place, label in enumerate(algorithm.classes_):
            columns[prob_column(task, label)] = shares[:, place]
    return columns


def heading(arguments: argparse.Namespace) -> str:
    options = []
    if arguments.data is not None:
        options.append("--data UTKFace/")
    if arguments.weights is not None:
        options.append(f"--weights {'imagenet' if arguments.weights == 'imagenet' else 'FILE'}")
    if arguments.predictions is not None:
        options.append("--predictions predictions.csv")
    options.append(f"--seed {arguments.seed}")
    said = "UTKFace" if arguments.data is not None else "drawings"
    return (
        f"# Classical baselines, {said}, seed {arguments.seed}\n\n"
        f"```\npython examples/baselines.py {' '.join(options)}\n```\n"
    )


def description(
    arguments: argparse.Namespace, model: Model, parts: Sequence[Part], seconds: float
) -> str:
    counts = [len(part.faces) for part in parts]
    weights = "random weights" if arguments.weights is None else arguments.source
    versions = [f"faceattr {__version__}", *(f"{name} {version(name)}" for name in PACKAGES)]
    return (
        f"Features are the {model.num_features} pooled numbers of {model.backbone_name} with "
        f"{weights}, at {model.image_size} px (`Model.extract_features`, {sum(counts):,} images in "
        f"{seconds:.0f} s). Settings are chosen on {counts[1]:,} images after fitting on "
        f"{counts[0]:,}; the chosen one is fitted to both, and meets the {counts[2]:,} test images "
        "once. Near-duplicates are on one side of every split. Predicted ages are cut to 0-116. "
        f"Brackets are 95 % intervals of {RESAMPLES:,} bootstrap resamples of the test images; "
        f"they do not cover the chance of fitting. Torch had {torch.get_num_threads()} thread(s).\n"
        f"\nVersions: {', '.join(versions)}.\n"
    )


def results(
    evaluations: dict[str, Evaluation], tables: dict[str, pd.DataFrame], seed: int
) -> list[str]:
    parts = [
        "## Overall\n",
        to_markdown(pd.DataFrame({name: overall(ev) for name, ev in evaluations.items()}).T),
    ]
    if NETWORK in tables:
        parts += [
            "## Less the trained network\n",
            "Figure of the baseline less that of the network on the same images, resampled "
            "together. Below 0 the baseline has the smaller error of age; above 0 it is right more "
            "often about gender.\n",
            to_markdown(differences(tables, seed)),
        ]
    for task, metric, digits in (("gender", "accuracy", 3), ("age", "mae", 2)):
        parts += [
            f"## {task.capitalize()} by age: {metric}\n",
            to_markdown(by_age(evaluations, task, metric, digits)),
        ]
    parts += [
        "## The study's baselines\n",
        "The study lists XGBoost on extracted features with a mean absolute error of 5.89 years "
        "and 93.80 % of genders right, and a support vector machine with 5.49 and 94.64 %. It does "
        "not say there which features and which test images these rest on. Those above rest on the "
        "features named at the top, and on test images without a near-duplicate in training; the "
        "two cannot be compared.\n",
    ]
    return parts


def overall(evaluation: Evaluation) -> Row:
    figures = {
        "gender accuracy": ("gender", "accuracy", 3),
        "gender ROC AUC": ("gender", "roc_auc", 3),
        "age MAE": ("age", "mae", 2),
        "age RMSE": ("age", "rmse", 2),
        "age bias": ("age", "bias", 2),
    }
    row: Row = {"n": int(evaluation.value("age/support"))}
    for said, (task, metric, digits) in figures.items():
        table = evaluation.overall(task).rename(columns={"overall": "value"})
        row[said] = ""  # support vectors and guesses give no probabilities
        if metric in table.index:
            value, low, high = table.loc[metric, ["value", "ci_low", "ci_high"]]
            row[said] = f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
    return row


def differences(tables: dict[str, pd.DataFrame], seed: int) -> pd.DataFrame:
    """Compare with the network, image by image, with intervals of a paired bootstrap."""
    figures = {"age": ["mae"], "gender": ["accuracy"]}
    evaluator = BinnedEvaluator((), n_boot=RESAMPLES, seed=seed, metrics=figures)
    rows: dict[str, Row] = {}
    for name in ALGORITHMS:
        frame = compare(tables[NETWORK], tables[name], evaluator=evaluator).to_frame()
        by_metric = frame.set_index("metric")
        rows[name] = {"n": int(frame["n"].iloc[0])}
        for title, metric in (("age MAE", "mae"), ("gender accuracy", "accuracy")):
            row = by_metric.loc[metric]
            spread = f"({row['ci_low']:+.3f} to {row['ci_high']:+.3f})"
            rows[name][title] = f"{row['difference']:+.3f} {spread}"
    return pd.DataFrame(rows).T


def by_age(evaluations: dict[str, Evaluation], task: str, metric: str, digits: int) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, evaluation in evaluations.items():
        table = evaluation.by("age", task=task, metrics=[metric])
        columns = {"n": table["n"], **columns}
        columns[name] = with_intervals(table, [metric], digits=digits)[metric]
    return pd.DataFrame(columns)


def choices(scores: dict[tuple[str, str], Fitted]) -> list[str]:
    parts = [
        "## Settings tried\n",
        "`error` is that on the validation part: years, or the share of wrong genders. Of boosting "
        f"(learning rate {LEARNING_RATE}) the number of trees is the best of every {ROUND_STEP}th "
        f"up to {ROUNDS}. Support vectors have a Gaussian kernel on features of unit variance, "
        f"for age with a tolerance of {TOLERANCE:g} year.\n",
    ]
    for (name, task), fitted in scores.items():
        table = pd.DataFrame(fitted.scores)
        parts += [
            f"### {name.capitalize()}, {task}\n",
            f"All fits took {fitted.seconds:.0f} s.\n",
            to_markdown(table.assign(chosen=np.where(table["chosen"], "yes", "")), index=False),
        ]
    return parts


if __name__ == "__main__":
    main()
