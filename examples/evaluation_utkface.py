"""Evaluate a model of UTKFace on its test part, by every group that is known, and write a page.

    python examples/evaluation_utkface.py --data UTKFace/ --predictions predictions.csv

`examples/train_utkface.py` writes such a table. Figures hold no faces. UTKFace is for
non-commercial research only.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from faceattr import BinnedEvaluator, ClassificationTask, Dataset, QualityFilter, RegressionTask
from faceattr.binning import BinSpec
from faceattr.evaluation import Evaluation
from faceattr.quality import ita_band
from faceattr.report import new_figure, plot_metric_by_bin
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tables import read_table
from faceattr.tasks import Task

NAME = "evaluation-utkface"
TITLES = {
    "age": "age label",
    "gender": "gender label",
    "race": "race label",
    "luminance": "luminance (0 to 255)",
    "brisque": "BRISQUE (higher is worse)",
    "skin tone": "skin tone as photographed (ITA)",
}
CROSSED = ("race", "gender")
WITHIN_AGES = [("age", "race"), ("age", "skin tone"), ("age", "luminance")]
WIDE_AGES = [0, 18, 60, None]
SHOWN = {"age": ["mae", "bias", "within_5", "adult_at_18"], "gender": ["accuracy", "f1", "roc_auc"]}
COMPARED = {"age": ["mae", "bias", "adult_at_18"], "gender": ["accuracy", "log_loss"]}
SEED = 0


def main(n_boot: int = 1000) -> None:
    arguments = parse_arguments()
    predictions = read_table(arguments.predictions)
    quality = score(arguments.data, predictions)
    evaluation = evaluate(predictions, quality, [*TITLES, CROSSED], {}, n_boot)
    bins: dict[str, BinSpec] = {"age": WIDE_AGES, "luminance": 3}
    within = evaluate(predictions, quality, WITHIN_AGES, bins, n_boot)
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(evaluation, arguments.out / f"{NAME}.png")
    page = arguments.out / f"{NAME}.md"
    page.write_text("\n".join(describe(evaluation, within)), encoding="utf-8")
    print(f"wrote {page}")


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Evaluate a model of UTKFace by every group.")
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    parser.add_argument("--predictions", type=Path, required=True, help="of held-out images")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="page and figure")
    return parser.parse_args(given)


def score(data: Path, predictions: pd.DataFrame) -> pd.DataFrame:
    faces = Dataset.from_utkface(data).select(list(predictions["sample_id"]))
    quality = QualityFilter().score(faces, progress=True)
    bands = pd.Series(ita_band(quality["ita"])).cat.add_categories(["none"]).fillna("none")
    return quality.assign(**{"skin tone": bands.array})


def evaluate(
    predictions: pd.DataFrame,
    quality: pd.DataFrame,
    by: Sequence[str | Sequence[str]],
    bins: Mapping[str, BinSpec],
    n_boot: int,
) -> Evaluation:
    tasks: list[Task] = [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female")),
    ]
    evaluator = BinnedEvaluator(by, bins, n_boot=n_boot, seed=SEED, tasks=tasks, min_count=20)
    return evaluator.evaluate(predictions, quality)


def draw(evaluation: Evaluation, path: Path) -> None:
    figure, panels = new_figure(len(TITLES), 2, width=5.6, height=3.0)
    frame = evaluation.to_frame()
    frame = frame[(frame["stat"] == "value") & frame["class"].isin(["", "overall"])]
    for column, row in zip(TITLES, panels, strict=True):
        for ax, (task, metric) in zip(row, (("age", "mae"), ("gender", "accuracy")), strict=True):
            chosen = frame[(frame["task"] == task) & (frame["metric"] == metric)]
            label = "age MAE (years)" if task == "age" else "gender accuracy"
            overall = evaluation.value(f"{task}/{metric}")
            plot_metric_by_bin(
                ax, chosen[chosen["by"] == column], label=label, by=column, overall=overall
            )
    figure.savefig(path, dpi=80)


def describe(evaluation: Evaluation, within: Evaluation) -> list[str]:
    n = len(evaluation.table)
    crossed = " / ".join(CROSSED)
    return [
        "# One model of UTKFace, group by group\n",
        "```\npython examples/evaluation_utkface.py --data UTKFace/ "
        "--predictions predictions.csv\n```\n",
        f"{n:,} test images of the default recipe ([how it was trained]"
        "(utkface-default-seed0.md)); nothing was chosen on them, near-duplicates lie on one side "
        f"of the split. In brackets: 95 % bootstrap intervals over the images, seed {SEED}. "
        "They do not cover another training, nor wrong labels. A group of fewer than "
        f"{evaluation.min_count} images has no figures. All attributes are labels of appearance; "
        "errors are differences from them.\n",
        "## What it shows\n",
        *findings(evaluation),
        f"![MAE and gender accuracy by group]({NAME}.png)\n",
        "## All images\n",
        *(to_markdown(overall(evaluation, task)) for task in SHOWN),
        "## Between groups\n",
        "Plain mean over the groups, difference, ratio, and the worst and best group. The worst of "
        "many small groups is bad by chance too.\n",
        *(to_markdown(between(evaluation, task), index=False) for task in COMPARED),
        *(
            part
            for column, title in {**TITLES, crossed: "race and gender label"}.items()
            for part in by_column(evaluation, column, title)
        ),
        "## Within ages\n",
        "Groups differ in age: labels of race, skin tone and light are not spread evenly over the "
        "ages, and the error grows with age. So the same groups once more, within three ages.\n",
        *(to_markdown(side_by_side(within, column), digits=2) for column in within.columns),
    ]


def side_by_side(evaluation: Evaluation, column: str) -> pd.DataFrame:
    metrics = {"age": ["mae", "bias"], "gender": ["accuracy"]}
    parts = [
        with_intervals(evaluation.by(column, task=task, metrics=names), names)
        for task, names in metrics.items()
    ]
    chosen = [part[names] for part, names in zip(parts, metrics.values(), strict=True)]
    table = pd.concat(chosen, axis=1)
    table.insert(0, "n", parts[0]["n"])
    table.insert(1, "mean age", parts[0]["truth_mean"])
    table.loc[table["n"] < evaluation.min_count, table.columns[2:]] = "too few"
    return table


def overall(evaluation: Evaluation, task: str) -> pd.DataFrame:
    table = evaluation.overall(task).rename(columns={"overall": "value"})
    known = evaluation.metrics[task]
    judged = [name for name in known if known[name].better is not None or name == "bias"]
    chosen = table.loc[judged]
    chosen = chosen.rename(columns={"ci_low": "value_low", "ci_high": "value_high"})
    shown = with_intervals(chosen[["value", "value_low", "value_high", "n"]], ["value"])
    return shown.rename_axis(task)[["value", "n"]]


def between(evaluation: Evaluation, task: str) -> pd.DataFrame:
    rows = []
    for column in evaluation.columns:
        table = evaluation.over_bins(column, task=task, metrics=COMPARED[task])
        stats = ["mean", "difference", "ratio", "worst", "best"]
        shown = with_intervals(table, stats)
        shown.insert(0, "groups", column)
        shown.insert(1, task, shown.index)
        rows.append(shown)
    columns = ["groups", task, "mean", "difference", "ratio"]
    columns += ["worst_bin", "worst", "best_bin", "best"]
    return pd.concat(rows)[columns].fillna("").rename(columns=lambda name: name.replace("_", " "))


def by_column(evaluation: Evaluation, column: str, title: str) -> list[str]:
    parts = [f"## By {title}\n"]
    for task, metrics in SHOWN.items():
        table = evaluation.by(column, task=task, metrics=metrics)
        few = table["n"] < evaluation.min_count
        shown = with_intervals(table, metrics).drop(columns=["n_missing_label", "n_failed"])
        shown.loc[few, metrics] = "too few"
        parts.append(to_markdown(shown, digits=2))
    return parts


def findings(evaluation: Evaluation) -> list[str]:
    """Say in words what the figures say, each with its interval."""
    figure = Figures(evaluation)
    lines = [
        f"MAE {figure('age', 'mae')} years; the plain mean over the ten age groups is "
        f"{figure.over('age', 'age', 'mae', 'mean')}: groups with few images are worse.",
        "Old people are read as younger and young adults as older: bias "
        f"{figure('age', 'bias', 'age', '80+')} years above 80, "
        f"{figure('age', 'bias', 'age', '14-24')} at 14 to 24.",
        f"Of those below 18, {figure('age', 'adult_at_18', scale=100)} % are read as 18 or older; "
        "the model cannot be used to keep minors out.",
        f"Gender accuracy {figure('gender', 'accuracy')}; of babies up to 4 it is "
        f"{figure('gender', 'accuracy', 'age', '0-4')}, at 4 to 14 "
        f"{figure('gender', 'accuracy', 'age', '4-14')}.",
        *worst_and_best(evaluation),
        "BRISQUE hardly tells where the model errs: MAE "
        f"{figure('age', 'mae', 'brisque', '<=25')} where it is up to 25 (good), "
        f"{figure('age', 'mae', 'brisque', '55+')} where it is above 55.",
        "Part of the differences between groups is age: bright chips hold the babies, whose errors "
        "in years are small and whose gender is hard to tell. The last part compares within ages.",
    ]
    return ["".join(f"- {line}\n" for line in lines)]


def worst_and_best(evaluation: Evaluation) -> list[str]:
    lines = []
    for task, metric, unit in (("age", "mae", " years"), ("gender", "accuracy", "")):
        for column in ("race", "skin tone", "luminance"):
            row = evaluation.over_bins(column, task=task, metrics=[metric]).loc[metric]
            lines.append(
                f"By {TITLES[column]}, {task} {metric}: worst {row['worst_bin']} with "
                f"{row['worst']:.3g}{unit}, best {row['best_bin']} with {row['best']:.3g}; "
                f"difference {row['difference']:.3g} ({row['difference_low']:.3g} to "
                f"{row['difference_high']:.3g})."
            )
    return lines


class Figures:
    """Figures of an evaluation as text, with their intervals."""

    def __init__(self, evaluation: Evaluation) -> None:
        frame = evaluation.to_frame()
        self.frame = frame[frame["class"].isin(["", "overall"])]

    def __call__(
        self, task: str, metric: str, by: str = "overall", label: str = "overall", scale: float = 1
    ) -> str:
        return self._text(task, metric, by, (self.frame["bin"] == label), scale)

    def over(self, task: str, by: str, metric: str, stat: str) -> str:
        return self._text(task, metric, by, (self.frame["stat"] == stat), 1)

    def _text(self, task: str, metric: str, by: str, chosen: pd.Series, scale: float) -> str:
        frame = self.frame
        chosen = chosen & (frame["task"] == task) & (frame["metric"] == metric)
        row = frame[chosen & (frame["by"] == by)].iloc[0]
        values = scale * row[["value", "ci_low", "ci_high"]].to_numpy(dtype=np.float64)
        return f"{values[0]:.3g} ({values[1]:.3g} to {values[2]:.3g})"


if __name__ == "__main__":
    main()
