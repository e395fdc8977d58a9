"""Show where a model errs: the most wrong images, figures of errors, and a page of it all.

Seconds, no network, nobody's picture: faces are drawings, and the predictions are made up of their
labels and noise that grows where a drawing is dark. With a table of your own and the folder of its
images it takes one line: BinnedEvaluator(by=["age"]).evaluate(table).to_html("page.html", folder).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from faceattr import BinnedEvaluator, Dataset
from faceattr.report import new_figure

OUTPUT = Path("error-analysis-output")


def guess(faces: Dataset, seed: int = 0) -> pd.DataFrame:
    """Make predictions that err more on dark drawings."""
    rng = np.random.default_rng(seed)
    table = faces.table[["sample_id", "age", "gender", "light"]].copy()
    dark = table["light"].to_numpy() < table["light"].median()
    table["age_pred"] = np.clip(table["age"] + rng.normal(1, np.where(dark, 9.0, 4.0)), 0, 116)
    sure = rng.beta(np.where(dark, 3.0, 8.0), 2)  # probability of the true class
    female = np.where(table["gender"] == "female", sure, 1 - sure)
    table["gender_pred"] = np.where(female > 0.5, "female", "male")
    table["gender_prob_male"], table["gender_prob_female"] = 1 - female, female
    return table


def main(images: int = 1000, n_boot: int = 1000) -> None:
    faces = Dataset.synthetic(images, seed=0, size=96)
    columns = ["age", "gender", "light", ("age", "gender")]
    evaluator = BinnedEvaluator(columns, {"light": 4}, n_boot=n_boot, tasks=faces.tasks)
    evaluation = evaluator.evaluate(guess(faces))

    wrong = evaluation.most_wrong(n=5)
    print("wrong in age and gender at once:")
    print(wrong[["sample_id", "age", "age_pred", "gender", "gender_prob_true"]].to_string())
    over = evaluation.over_bins("light", task="age", metrics=["mae"])
    print(f"\nworst light: {over['worst_bin'].iloc[0]}, MAE {over['worst'].iloc[0]:.1f} years")

    OUTPUT.mkdir(exist_ok=True)
    wrong.to_csv(OUTPUT / "most-wrong.csv", index=False)
    figure, [[errors, residuals, confusion]] = new_figure(1, 3)
    evaluation.draw(errors, "errors", task="age")
    evaluation.draw(residuals, "residuals", task="age", by="light")
    evaluation.draw(confusion, "confusion", task="gender")
    figure.savefig(OUTPUT / "errors.png", dpi=110)
    figure, [[ax]] = new_figure(width=7, height=7)
    evaluation.draw_images(ax, faces, task="age", by="light")
    figure.savefig(OUTPUT / "most-wrong.png", dpi=110)
    evaluation.to_html(OUTPUT / "errors.html", faces, title="Errors on drawings")
    print(f"\nthe table, two figures and the page lie in {OUTPUT}/")


if __name__ == "__main__":
    main()
