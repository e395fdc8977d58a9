"""Explain held-out images of UTKFace by every method, and write down how far each can be trusted.

    python examples/explain_utkface.py --data UTKFace/ --model model/ --predictions predictions.csv

`examples/train_utkface.py` writes the model and the predictions of held-out images. Explanations
are kept in the folder given by --work, so that a run that was stopped goes on. Figures hold no
faces. UTKFace is for non-commercial research only.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from faceattr import Explainer, Model
from faceattr.explain import Explanations, GradeLimits, face_segments
from faceattr.report import Overlay, new_figure, plot_overlay
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table

NAME = "explain-utkface"
METHODS = ("lime", "occlusion", "grad_cam")
SEGMENTS = ("face", "grid")
USUAL = 500
SEED = 0
LABELS = {
    "age": "\N{LEFTWARDS ARROW} lowers   age (years)   raises \N{RIGHTWARDS ARROW}",
    "gender": "\N{LEFTWARDS ARROW} male   probability   female \N{RIGHTWARDS ARROW}",
}


def main() -> None:
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    predictions = read_table(arguments.predictions)
    held_out = predictions[predictions["error"].fillna("") == ""]
    count = min(arguments.images, len(held_out))
    rows = np.sort(np.random.default_rng(SEED).choice(len(held_out), count, replace=False))
    names = held_out["sample_id"].iloc[rows].tolist()
    work = Work([arguments.data / name for name in names], arguments.model, arguments.work)
    for segments in SEGMENTS:
        for method in METHODS:
            work.explain(segments, method, USUAL)
    for samples in arguments.samples:
        work.explain("face", "lime", samples)
    arguments.out.mkdir(parents=True, exist_ok=True)
    page = arguments.out / f"{NAME}.md"
    page.write_text("\n".join(describe(work, arguments)), encoding="utf-8")
    draw(work, arguments.out / f"{NAME}.png")
    print(f"wrote {page}")


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Explain held-out images of UTKFace.")
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    parser.add_argument("--model", type=Path, required=True, help="folder of a saved model")
    parser.add_argument("--predictions", type=Path, required=True, help="of held-out images")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--samples", type=int, nargs="+", default=[100, USUAL, 2000])
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument("--work", type=Path, default=Path("explain-output"), help="kept tables")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="page and figure")
    return parser.parse_args(given)


class Work:
    """Explanations of some images, made once."""

    def __init__(self, images: list[Path], model: Path, folder: Path) -> None:
        self.images = images
        self.model = Model.from_pretrained(model).eval()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def explain(
        self, segments: str, method: str, samples: int
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return weights and grades of all images."""
        name = f"{segments}-{method}-{samples}-{len(self.images)}"
        paths = [self.folder / f"{name}-{part}.csv" for part in ("weights", "grades")]
        if not all(path.exists() for path in paths):
            explainer = Explainer(
                self.model, method=method, segments=segments, num_samples=samples, seed=SEED
            )
            found: Explanations = explainer.explain(self.images, progress=True)
            found.to_frame().to_csv(paths[0], index=False)
            found.grades().to_csv(paths[1], index=False)
        weights, grades = (pd.read_csv(path, keep_default_na=True) for path in paths)
        text = {"class": "", "reasons": ""}
        return weights.fillna({"class": ""}), grades.fillna(text)


def describe(work: Work, arguments: argparse.Namespace) -> list[str]:
    n = len(work.images)
    limits = GradeLimits()
    return [
        "# Explanations of a model of UTKFace\n",
        "```\npython examples/explain_utkface.py --data UTKFace/ --model model/ "
        "--predictions predictions.csv\n```\n",
        f"{n} held-out chips, drawn with seed {SEED}, explained by every method for age and gender "
        f"at once; LIME with {USUAL} samples where nothing else is said. The model is that of "
        "`examples/train_utkface.py`, MobileNetV3-Small at 128 px. Regions are those of `face` "
        "(18) or a grid of 8 x 8; hidden parts have their mean colour.\n",
        "## Which method deserves to be the default\n",
        verdict(work),
        to_markdown(areas(work), index=False, digits=3),
        "Mean over the images. `deletion`: mean prediction while parts are hidden, that of the "
        "highest weight first (lower is better); `insertion`: while they are shown (higher is "
        "better); `random`: in random order. `gap` is insertion less deletion, in years and in "
        "probability of the predicted class, with a 95 % interval over images. `both better` is "
        "the share of images of which both curves beat random order. `correlation` is that of sums "
        "of weights with predictions of images that no method has seen.\n",
        "## Agreement between methods\n",
        "Spearman's rank correlation of the weights of one image, and the share of images of which "
        "both name the same strongest part:\n",
        to_markdown(agreement(work), index=False, digits=2),
        "## How many samples are enough\n",
        f"LIME. `not stable` counts images of which halves of the samples disagree "
        f"(rank correlation below {limits.rank_correlation} or top five below {limits.top_five}, "
        f"and correlation of weights below {limits.weight_correlation}); `not trusted` those below "
        f"any limit (R2 below {limits.r2}, a change of prediction below {limits.change:.0%}, or "
        "curves no better than random order).\n",
        to_markdown(stability(work, arguments.samples), index=False, digits=2),
        "## What the model looks at\n",
        f"Mean absolute weight of each region over the {n} images by LIME, and the mean with its "
        "sign: of age in years, of gender in probability of female.\n",
        to_markdown(regions(work), index=False, digits=3),
        f"![Mean weights on the template of the face]({NAME}.png)\n",
    ]


def areas(work: Work) -> pd.DataFrame:
    rows = []
    for segments in SEGMENTS:
        for method in METHODS:
            _, grades = work.explain(segments, method, USUAL)
            for task, group in grades.groupby("task", sort=False):
                gap = group["insertion_area"] - group["deletion_area"]
                reach = 1.96 * gap.std() / np.sqrt(len(gap))
                better = (group["deletion_area"] < group["random_area"]) & (
                    group["insertion_area"] > group["random_area"]
                )
                rows.append(
                    {
                        "task": task,
                        "parts": segments,
                        "method": method,
                        "deletion": group["deletion_area"].mean(),
                        "random": group["random_area"].mean(),
                        "insertion": group["insertion_area"].mean(),
                        "gap": f"{gap.mean():.3g} ({gap.mean() - reach:.3g} to "
                        f"{gap.mean() + reach:.3g})",
                        "both better": f"{better.mean():.0%}",
                        "correlation": group["correlation"].mean(),
                        "n": len(group),
                    }
                )
    return pd.DataFrame(rows).sort_values(["task", "parts"], kind="stable")


def verdict(work: Work) -> str:
    """Say which method has the largest gap, and whether pairs of images tell it from the next."""
    sentences: list[str] = []
    winners: set[str] = set()
    for segments in SEGMENTS:
        for task in work.model.tasks:
            gaps = {}
            for method in METHODS:
                _, grades = work.explain(segments, method, USUAL)
                mine = grades[grades["task"] == task].set_index("sample_id")
                gaps[method] = mine["insertion_area"] - mine["deletion_area"]
            first, second, *_ = sorted(METHODS, key=lambda name: -float(gaps[name].mean()))
            winners.add(first)
            lead = gaps[first] - gaps[second]
            reach = 1.96 * lead.std() / np.sqrt(len(lead))
            clear = "clearly" if lead.mean() - reach > 0 else "not clearly"
            sentences.append(
                f"- {task}, parts `{segments}`: the widest gap between insertion and deletion has "
                f"`{first}`, {clear} before `{second}` (paired difference {lead.mean():.3g}, 95 % "
                f"interval {lead.mean() - reach:.3g} to {lead.mean() + reach:.3g})."
            )
    plain = " and ".join(f"`{name}`" for name in sorted(winners))
    plain += " deserves to be the default: it is first in every line.\n"
    if len(winners) > 1:
        plain = f"No method is first everywhere: {', '.join(sorted(winners))} share it.\n"
    return "\n".join([plain, *sentences]) + "\n"


def agreement(work: Work) -> pd.DataFrame:
    rows = []
    for segments in SEGMENTS:
        tables = {method: wide(work, segments, method) for method in METHODS}
        for one, other in combinations(METHODS, 2):
            for task in work.model.tasks:
                mine, theirs = of_task(tables[one], task), of_task(tables[other], task)
                ranks = mine.corrwith(theirs, axis=1, method="spearman")
                same = mine.abs().idxmax(axis=1).eq(theirs.abs().idxmax(axis=1))
                rows.append(
                    {
                        "task": task,
                        "parts": segments,
                        "methods": f"{one}, {other}",
                        "mean": ranks.mean(),
                        "lowest tenth": ranks.quantile(0.1),
                        "same strongest": f"{same.mean():.0%}",
                        "n": len(ranks),
                    }
                )
    return pd.DataFrame(rows).sort_values(["task", "parts"], kind="stable")


def wide(work: Work, segments: str, method: str, samples: int = USUAL) -> pd.DataFrame:
    """Return weights by task and image, a column a part, of age and of the class female."""
    weights, _ = work.explain(segments, method, samples)
    chosen = weights[weights["class"].isin(["", "female"])]
    return chosen.pivot_table(
        index=["task", "sample_id"], columns="segment_name", values="weight", sort=False
    )


def of_task(weights: pd.DataFrame, task: str) -> pd.DataFrame:
    return weights[weights.index.get_level_values("task") == task].droplevel("task")


def stability(work: Work, samples: Sequence[int]) -> pd.DataFrame:
    rows = []
    for segments, count in [*(("face", count) for count in samples), ("grid", USUAL)]:
        _, grades = work.explain(segments, "lime", count)
        for task, group in grades.groupby("task", sort=False):
            rows.append(
                {
                    "task": task,
                    "parts": segments,
                    "samples": count,
                    "not stable": int((~group["stable"]).sum()),
                    "not trusted": int((~group["trusted"]).sum()),
                    "rank correlation": group["rank_correlation"].mean(),
                    "top five": group["top_five"].mean(),
                    "R2": group["r2"].mean(),
                    "n": len(group),
                }
            )
    return pd.DataFrame(rows).sort_values("task", kind="stable")


def regions(work: Work) -> pd.DataFrame:
    weights = wide(work, "face", "lime")
    columns: dict[str, pd.Series] = {}
    for task in work.model.tasks:
        columns[f"{task}, absolute"] = of_task(weights, task).abs().mean()
        columns[f"{task}, signed"] = of_task(weights, task).mean()
    table = pd.DataFrame(columns).rename_axis("region").reset_index()
    return table.sort_values(table.columns[1], ascending=False)


def draw(work: Work, path: Path) -> None:
    """Draw mean weights on an empty face."""
    figure, panels = new_figure(1, 2, width=4.2, height=3.4)
    empty = np.full((200, 200, 3), 235, dtype=np.uint8)
    segments = face_segments(empty)
    weights = wide(work, "face", "lime")
    for ax, task in zip(panels[0], work.model.tasks, strict=True):
        mean = of_task(weights, task).mean()
        plane = mean[list(segments.names)].to_numpy(dtype=np.float64)[segments.labels]
        plot_overlay(
            ax,
            Overlay(empty, plane, "template of aligned faces"),
            label=LABELS[task],
            title=f"{task}: mean of lime (n = {len(work.images)})",
        )
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
