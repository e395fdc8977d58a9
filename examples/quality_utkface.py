"""Score the image quality of UTKFace, and write down what the scores say.

    python examples/quality_utkface.py --data UTKFace/ [--predictions predictions.csv]

With a table of predictions of held-out images (`examples/train_utkface.py` writes one) it also
shows what dropping images by each score does to the error. Figures hold no faces. UTKFace is for
non-commercial research only.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from faceattr import Dataset, QualityFilter
from faceattr.evaluation import RiskCoverage, risk_coverage
from faceattr.quality import DEFAULT_METRICS, PRESETS, ita_band, worst_ends
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tables import read_table

BRISQUE_EDGES = [-np.inf, 25, 35, 45, 55, np.inf]
BRISQUE_NAMES = ["up to 25", "25-35", "35-45", "45-55", "above 55"]
AGE_EDGES = [-1, 4, 14, 24, 40, 60, 116]
AGE_NAMES = ["0-4", "4-14", "14-24", "24-40", "40-60", "60-116"]
QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
NAME = "quality-utkface"
SEED = 0
KEPT = 0.9


def main() -> None:
    arguments = parse_arguments()
    faces = Dataset.from_utkface(arguments.data)
    scores = QualityFilter().score(faces, progress=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    parts = describe(faces, scores, with_predictions=arguments.predictions is not None)
    save(QualityFilter("standard").plot(scores), arguments.out / f"{NAME}.png")
    if arguments.predictions is not None:
        parts += filtering(read_table(arguments.predictions), scores, arguments.out)
    page = arguments.out / f"{NAME}.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {page}")


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Score the image quality of UTKFace.")
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace chips")
    parser.add_argument("--predictions", type=Path, help="of held-out images: .csv or .parquet")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="page and figures")
    return parser.parse_args(given)


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=80)


def describe(faces: Dataset, scores: pd.DataFrame, *, with_predictions: bool) -> list[str]:
    more = " --predictions predictions.csv" if with_predictions else ""
    return [
        "# Image quality of UTKFace\n",
        f"```\npython examples/quality_utkface.py --data UTKFace/{more}\n```\n",
        f"{len(scores):,} chips of 200 x 200 pixels, scored by `QualityFilter().score`, with "
        "BRISQUE by the bundled support vectors. Nothing here is random but the intervals of the "
        "last part.\n",
        "## Distribution of each metric\n",
        "Quantiles; dashed lines of the figure are the limits of the preset `standard`.\n",
        to_markdown(quantiles(scores), digits=2),
        f"![Histograms of all metrics]({NAME}.png)\n",
        "Images without a score, and why:\n",
        to_markdown(reasons(scores), index=False),
        "## BRISQUE\n",
        to_markdown(counts(pd.cut(scores["brisque"], BRISQUE_EDGES, labels=BRISQUE_NAMES))),
        "## Skin tone\n",
        "The individual typology angle of the skin pixels as photographed: light and camera are in "
        "it as much as skin. It is no race, and agrees with the data set's race labels only "
        "loosely, row by row in percent:\n",
        to_markdown(tones(faces, scores), digits=1),
        "## What the presets drop\n",
        "Percent of the images, by metric and in total:\n",
        to_markdown(dropped_by_metric(scores), digits=2),
        "Percent of the images of each group; a filter of images is never neutral:\n",
        to_markdown(dropped_by_group(faces, scores), digits=2),
    ]


def quantiles(scores: pd.DataFrame) -> pd.DataFrame:
    table = scores[list(DEFAULT_METRICS)].quantile(QUANTILES).T
    table.columns = [f"{share:.0%}" for share in QUANTILES]
    table.insert(0, "n", scores[list(DEFAULT_METRICS)].notna().sum())
    table.index.name = "metric"
    return table


def reasons(scores: pd.DataFrame) -> pd.DataFrame:
    notes = scores["notes"].str.split("; ").explode()
    found = notes[notes != ""].value_counts()
    return pd.DataFrame({"no score": found.index, "images": found.to_numpy()})


def counts(groups: pd.Series) -> pd.DataFrame:
    found = groups.value_counts(sort=False)
    table = pd.DataFrame({"images": found, "percent": 100 * found / len(groups)})
    table.index.name = groups.name
    return table


def tones(faces: Dataset, scores: pd.DataFrame) -> pd.DataFrame:
    bands = pd.Series(ita_band(scores["ita"]).add_categories(["none"]), name="band").fillna("none")
    table = pd.crosstab(faces.table["race"], bands, dropna=False, margins=True, normalize="index")
    table.insert(0, "n", [*faces.table.groupby("race").size(), len(faces)])
    table.iloc[:, 1:] *= 100
    return table


def dropped_by_metric(scores: pd.DataFrame) -> pd.DataFrame:
    shares: dict[str, pd.Series] = {}
    for name in PRESETS:
        flagged = QualityFilter(name).flag(scores)
        issues = flagged.filter(regex="^is_.*_issue$").mean()
        issues.index = issues.index.str.removeprefix("is_").str.removesuffix("_issue")
        shares[name] = 100 * pd.concat([issues, pd.Series({"total": is_dropped(flagged).mean()})])
    return pd.DataFrame(shares).rename_axis("metric")


def dropped_by_group(faces: Dataset, scores: pd.DataFrame) -> pd.DataFrame:
    table = faces.table
    groups = {
        "age": pd.cut(table["age"], AGE_EDGES, labels=AGE_NAMES),
        "gender": table["gender"],
        "race label": table["race"],
    }
    rows = []
    for column, values in groups.items():
        shares = pd.DataFrame(
            {
                name: is_dropped(QualityFilter(name).flag(scores))
                .groupby(values, observed=True)
                .mean()
                for name in PRESETS
            }
        )
        shares = 100 * shares
        shares.insert(0, "n", values.value_counts())
        shares.index = pd.Index([f"{column}: {label}" for label in shares.index], name="group")
        rows.append(shares)
    return pd.concat(rows)


def is_dropped(flagged: pd.DataFrame) -> pd.Series:
    return (flagged["reasons"] != "").rename("dropped")


def filtering(predictions: pd.DataFrame, scores: pd.DataFrame, out: Path) -> list[str]:
    metrics = [name for name in worst_ends() if name in scores and np.ptp(scores[name]) > 0]
    curves = risk_coverage(predictions, scores, worst=worst_ends(), metrics=metrics, seed=SEED)
    parts = [
        "## What dropping does to the error\n",
        f"Of {len(predictions):,} held-out images, the worst by each metric are dropped. `kept "
        f"{KEPT:.0%}` is the error of the images left when a tenth is gone; `change` is that less "
        "the unfiltered error, with a paired 95 % interval of 1,000 resamples: what a metric does "
        "beyond dropping at random. None is corrected for the number of metrics. The error of "
        "kept images is one of easier images, never the model's error.\n",
    ]
    for task in ("age", "gender"):
        whole = curves.unfiltered(task)
        save(curves.plot(task), out / f"{NAME}-{task}.png")
        parts += [
            f"### {task}, {whole.name}: unfiltered {whole['value']:.4g} "
            f"({whole['ci_low']:.4g} to {whole['ci_high']:.4g}), n = {int(whole['n']):,}\n",
            to_markdown(errors(curves, task), index=False),
            f"![Error by share kept, {task}]({NAME}-{task}.png)\n",
        ]
    return parts


def errors(curves: RiskCoverage, task: str) -> pd.DataFrame:
    frame = curves.to_frame()
    rows = frame[(frame["task"] == task) & np.isclose(frame["coverage"], KEPT)]
    rows = rows[rows["by"] != "random"]
    names = {"value": "kept", "difference": "change"}
    for name, prefix in (("value", "ci"), ("difference", "difference")):
        for end in ("low", "high"):
            rows[f"{names[name]}_{end}"] = rows[f"{prefix}_{end}"]
        rows[names[name]] = rows[name]
    shown = rows[
        ["by", "worst", *(f"{n}{e}" for n in names.values() for e in ("", "_low", "_high"))]
    ]
    table = with_intervals(shown, list(names.values()), digits=3 if task == "age" else 4)
    return table.rename(columns={"by": "dropped by", "kept": f"kept {KEPT:.0%}"})


if __name__ == "__main__":
    main()
