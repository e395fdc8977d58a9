"""Calibrate a small network of drawn faces: honest probabilities, ages as ranges, refusals.

Two minutes, no network: the faces are drawings. The held-out images are split in two: one half to
fit the calibration, the other to see what it is worth.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import torch

from faceattr import BinnedEvaluator, Dataset, Model, TrainConfig, Trainer
from faceattr.evaluation import (
    Abstain,
    Calibrator,
    before_and_after,
    coverage_over_splits,
    reliability,
)
from faceattr.report import new_figure, plot_coverage, plot_reliability

OUTPUT = Path("calibrate-output")
AGES = [0, 14, 30, 50, None]
LEVEL = 0.9


def main(images: int = 3000, epochs: int = 10) -> None:
    OUTPUT.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # several only wait for each other on so small a network
    os.environ.setdefault("FACEATTR_CACHE", str(OUTPUT / "cache"))

    faces = Dataset.synthetic(images, seed=0, size=64)
    train, held_out, test = faces.split(train=0.6, valid=0.2, test=0.2, seed=0)
    model = Model(tasks=faces.tasks, weights=None, image_size=64, seed=0)
    Trainer(TrainConfig(epochs=epochs, batch_size=32, lr=0.004)).fit(model, train)
    print(f"trained on {len(train)} drawings; {len(held_out)} to calibrate, {len(test)} to test")

    calibrator = Calibrator(
        LEVEL,
        by="age_pred",
        bins={"age_pred": AGES},
        abstain={"gender": Abstain(coverage=0.8)},
        tasks=faces.tasks,
    )
    calibration = calibrator.fit(model.predict(held_out))
    print(calibration.to_frame().to_string(index=False))

    predictions = model.predict(test)
    evaluator = BinnedEvaluator(by=(), n_boot=200, tasks=faces.tasks)
    changes = before_and_after(calibration, predictions, evaluator=evaluator)
    changes = changes[changes["class"].isin(["overall", ""])]
    print(changes[["stage", "task", "metric", "value", "ci_low", "ci_high", "n"]].to_string())

    model.calibration = calibration
    model.save_pretrained(OUTPUT / "model")
    found = Model.from_pretrained(OUTPUT / "model").predict(test)
    for row in found.head(5).itertuples():
        refused = " (refused)" if row.gender_abstain else ""
        print(
            f"drawn as {row.age:.0f}: {row.age_low:.0f} to {row.age_high:.0f} at "
            f"{row.age_level:.0%}; {row.gender_pred}{refused}"
        )
    save_figures(calibrator, {"before": predictions, "after": found})


def save_figures(calibrator: Calibrator, tables: dict[str, pd.DataFrame]) -> None:
    figure, [[ax]] = new_figure()
    curves = {name: reliability(table, "gender", n_bins=8) for name, table in tables.items()}
    plot_reliability(ax, curves, name="gender")
    figure.savefig(OUTPUT / "reliability.png", dpi=110)

    methods = {"one width": Calibrator(LEVEL, tasks=calibrator.tasks), "by age": calibrator}
    rows = {
        name: coverage_over_splits(
            tables["before"], calibrator=method, by="age", bins={"age": AGES}, n_splits=50
        ).iloc[1:]
        for name, method in methods.items()
    }
    figure, [[ax]] = new_figure(width=6.4)
    plot_coverage(ax, rows, level=LEVEL, by="age", name="age")
    figure.savefig(OUTPUT / "coverage.png", dpi=110)
    print(f"pictures and the model lie in {OUTPUT}/")


if __name__ == "__main__":
    main()
