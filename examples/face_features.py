"""How much of a face recognition network's description do a student's features tell?

    python examples/face_features.py --data UTKFace/ --run run/ --held-out 3

`reproduce_utkface.py` gives its students hints of a network that knows persons. The hints are made
to tell age and gender; this measures what else came along. Of the 128 numbers that describe a face,
a linear regression first takes away what labels explain: gender, age, age groups, race. The part of
the rest's variance that a ridge regression on the features explains, five times cross-validated, is
what they tell beside the labels: 0 if nothing. It is measured on a fold that the student has not
seen. Outside of the research on the model itself there is no use for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from face_hints import looks
from reproduce_utkface import AFTER, FOLDS, make_folds

from faceattr import Dataset, Model
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table

PENALTIES = np.logspace(1, 5, 9)
SPLITS = 5

Numbers = npt.NDArray[np.float64]


def main(given: Sequence[str] | None = None) -> None:
    arguments = parse_arguments(given)
    faces = Dataset.from_utkface(arguments.data)
    fold = make_folds(faces)[arguments.held_out]
    table = read_table(arguments.run / "descriptions.csv").set_index("sample_id")
    rest, explained = beside_labels(table.loc[fold.table["sample_id"]].to_numpy(float), fold.table)
    print(f"{len(fold):,} images; labels explain {explained:.3f} of the descriptions' variance")
    student = arguments.run / f"student-{arguments.held_out}-seed-{arguments.seed}"
    hinted = Model.from_pretrained(student / AFTER / "model")
    start = Model(tasks=faces.tasks, weights=arguments.weights, image_size=hinted.image_size)
    models = {
        "ImageNet weights": start,
        "student before hints": Model.from_pretrained(student / "model"),
        "student": hinted,
    }
    shares = {name: told(model.extract_features(fold), rest) for name, model in models.items()}
    found = pd.DataFrame({"share of the rest": pd.Series(shares).map("{:.3f}".format)})
    print(to_markdown(found.rename_axis("features of")))


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    parser.add_argument("--run", type=Path, required=True, help="the recipe's output folder")
    parser.add_argument("--held-out", type=int, choices=range(FOLDS), default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="imagenet", help="'imagenet' or a safetensors file")
    return parser.parse_args(given)


def beside_labels(numbers: Numbers, table: pd.DataFrame) -> tuple[Numbers, float]:
    """Return what labels do not explain of each number, and the share of variance that they do."""
    from sklearn.linear_model import LinearRegression

    labels = np.column_stack([looks(table), pd.get_dummies(table["race"]).to_numpy(float)])
    rest = numbers - LinearRegression().fit(labels, numbers).predict(labels)
    return rest, 1 - float(rest.var(0).sum() / numbers.var(0).sum())


def told(features: npt.NDArray[np.float32], rest: Numbers) -> float:
    """Return the share of the variance that features tell of images left out of the fit."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ridge = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
    guessed = cross_val_predict(ridge, features, rest, cv=SPLITS)
    return 1 - float(((rest - guessed) ** 2).mean(0).sum() / rest.var(0).sum())


if __name__ == "__main__":
    main()
