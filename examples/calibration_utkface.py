"""Show what calibration gives on UTKFace, and write it down.

    python examples/calibration_utkface.py --predictions predictions.csv

The table holds predictions of images that no training has seen (`examples/train_utkface.py` writes
one), with the labels age, gender and race. Figures hold no faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from faceattr import BinnedEvaluator, ClassificationTask, RegressionTask, TaskSet, __version__
from faceattr.binning import AGE_BINS
from faceattr.evaluation import (
    Abstain,
    Calibrator,
    RiskCoverage,
    abstention_curve,
    coverage_over_splits,
    reliability,
)
from faceattr.report import new_figure, plot_coverage, plot_reliability
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tables import read_table

TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female")),
    ]
)
LEVEL = 0.9
SEED = 0
RIGHT = 0.97
BY = ["age", "age_pred", "gender", "race"]
BINS = {"age": AGE_BINS, "age_pred": AGE_BINS}
AGES = {"age_pred": AGE_BINS}
METHODS = {
    "split": Calibrator(LEVEL, tasks=TASKS),
    "split, in proportion to std": Calibrator(LEVEL, score="normalized", tasks=TASKS),
    "split, q05 and q95 moved": Calibrator(LEVEL, score="quantile", tasks=TASKS),
    "by predicted age": Calibrator(LEVEL, "age_pred", AGES, tasks=TASKS),
    "by predicted age, q05 and q95 moved": Calibrator(
        LEVEL, "age_pred", AGES, score="quantile", tasks=TASKS
    ),
}
DRAWN = ["split", "split, q05 and q95 moved", "by predicted age"]
NAME = "calibration-utkface"


def main() -> None:
    arguments = parse_arguments()
    predictions = read_table(arguments.predictions)
    arguments.out.mkdir(parents=True, exist_ok=True)
    parts = [
        "# Calibration on UTKFace\n",
        "```\npython examples/calibration_utkface.py --predictions predictions.csv\n```\n",
        f"{len(predictions):,} held-out images; faceattr {__version__}, seed {SEED}. Each of "
        f"{arguments.splits} random splits fits on one half of them and tests on the other. "
        "Figures are means over the splits, with the range of the middle 95 % of the splits in "
        "brackets: what a single calibration may get.\n",
        *probabilities(predictions, arguments.splits, arguments.out),
        *intervals(predictions, arguments.splits, arguments.out),
        *refusals(predictions, arguments.splits),
    ]
    page = arguments.out / f"{NAME}.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {page}")


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Show what calibration gives on UTKFace.")
    parser.add_argument("--predictions", type=Path, required=True, help="of held-out images")
    parser.add_argument("--splits", type=int, default=200, help="random splits")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="page and figures")
    return parser.parse_args(given)


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=80)


def halves(predictions: pd.DataFrame, splits: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    generator = np.random.default_rng(SEED)
    for _ in range(splits):
        order = generator.permutation(len(predictions))
        middle = len(order) // 2
        yield predictions.iloc[order[:middle]], predictions.iloc[order[middle:]]


def summed(values: Sequence[float]) -> dict[str, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return {"": float(np.mean(values)), "_low": float(low), "_high": float(high)}


def probabilities(predictions: pd.DataFrame, splits: int, out: Path) -> list[str]:
    names = ["log_loss", "brier", "ece"]
    evaluator = BinnedEvaluator((), n_boot=0, tasks=TASKS["gender"], metrics=names)
    calibrator = Calibrator(tasks=TASKS["gender"])
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    temperatures = []
    for fitted, tested in halves(predictions, splits):
        calibration = calibrator.fit(fitted)
        temperatures.append(calibration["gender"].to_dict()["temperature"])
        both = [evaluator.evaluate(rows) for rows in (tested, calibration.apply(tested))]
        for name in names:
            found[name].append([each.value(f"gender/{name}") for each in both])
    rows = []
    for name, pairs in found.items():
        before, after = np.array(pairs).T
        columns = {"before": before, "after": after, "change": after - before}
        figures = {k + end: v for k, col in columns.items() for end, v in summed(col).items()}
        better = f"{(after < before).mean():.0%}"
        rows.append({"metric": name, **figures, "splits that got better": better})
    table = with_intervals(pd.DataFrame(rows), ["before", "after", "change"], digits=4)
    t = summed(temperatures)
    fitted, tested = next(halves(predictions, 1))
    curves = {"before": tested, "after": calibrator.fit(fitted).apply(tested)}
    figure, [[ax]] = new_figure(width=4.8, height=4.8)
    shown = {name: reliability(rows_, TASKS["gender"], n_bins=10) for name, rows_ in curves.items()}
    plot_reliability(ax, shown, name="gender")
    save(figure, out / f"{NAME}-reliability.png")
    return [
        "## Probabilities of gender\n",
        f"Temperature {t['']:.3f} ({t['_low']:.3f} to {t['_high']:.3f}); above 1 the network was "
        "too sure of itself. Predicted classes stay as they are.\n",
        to_markdown(
            table[["metric", "before", "after", "change", "splits that got better"]], index=False
        ),
        "Log loss and Brier score also hold how well the classes are told apart, which a "
        "temperature does not change; so they fall little. Even perfect probabilities get a "
        "calibration error (ECE, 15 bins) above 0 by chance.\n",
        f"![Reliability of the first split]({NAME}-reliability.png)\n",
    ]


def intervals(predictions: pd.DataFrame, splits: int, out: Path) -> list[str]:
    by = [column for column in BY if column in predictions.columns]
    bins = {name: BINS[name] for name in by if name in BINS}
    found = {
        name: coverage_over_splits(
            predictions, calibrator=method, by=by, bins=bins, n_splits=splits, seed=SEED
        )
        for name, method in METHODS.items()
    }
    ages = {name: found[name][found[name]["by"] == "age"] for name in DRAWN}
    figure, [[ax]] = new_figure(width=9, height=4.2)
    plot_coverage(ax, ages, level=LEVEL, by="age", name="age")
    save(figure, out / f"{NAME}.png")
    parts = [
        f"## Intervals of age at {LEVEL:.0%}\n",
        "`mean` is the coverage with the 95 % interval of the mean over all splits of these rows; "
        "`coverage` and `width` (years) have the range of single splits.\n",
        to_markdown(overall(found), index=False),
        findings(found),
        f"![Coverage by age]({NAME}.png)\n",
    ]
    for column in by:
        parts += [
            f"### By {LABELS.get(column, column)}\n",
            to_markdown(of_groups(found, column, "coverage", digits=3), index=False),
        ]
        if column in {"age", "race"}:
            parts += ["Width in years:\n"]
            parts += [to_markdown(of_groups(found, column, "width", digits=1), index=False)]
    return parts


LABELS = {"age": "true age", "age_pred": "predicted age", "race": "race label"}


def overall(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for name, table in found.items():
        row = table.iloc[0]
        mean = {"mean": row["coverage"], "mean_low": row["mean_low"], "mean_high": row["mean_high"]}
        ends = [f"{k}{end}" for k in ("coverage", "width") for end in ("", "_low", "_high")]
        rows.append({"intervals": name, **mean, **{end: row[end] for end in ends}})
    table = with_intervals(pd.DataFrame(rows), ["mean", "coverage"], digits=4)
    return with_intervals(table, ["width"], digits=2)


def of_groups(
    found: Mapping[str, pd.DataFrame], column: str, figure: str, *, digits: int
) -> pd.DataFrame:
    columns: dict[str, object] = {}
    for name, table in found.items():
        rows = table[table["by"] == column]
        columns |= {"group": rows["bin"].to_numpy(), "n": rows["n"].to_numpy()}
        columns[name] = with_intervals(rows, [figure], digits=digits)[figure].to_numpy()
    return pd.DataFrame(columns)


def findings(found: Mapping[str, pd.DataFrame]) -> str:
    lines = []
    for name in found:
        rows = found[name][found[name]["by"] != "overall"]
        worst = rows.iloc[int(rows["coverage"].argmin())]
        known = found[name][found[name]["by"] == "age_pred"]
        gap = (known["coverage"] - LEVEL).abs().max()
        lines.append(
            f"- {name}: the worst group of all is {LABELS.get(worst['by'], worst['by'])} "
            f"{worst['bin']} with {worst['coverage']:.3f} (n = {worst['n']:,}); among groups of "
            f"predicted age the farthest is {gap:.3f} from {LEVEL:g}."
        )
    return "\n".join(
        [
            f"What is promised is {LEVEL:.0%} over all rows, and with groups within each of them; "
            "it is no promise for other groups:\n",
            *lines,
            "\nGroups of the true age cannot be promised anything by any method that does not "
            "know it: an image of a seventy-year-old who looks fifty is judged as one of fifty.\n",
        ]
    )


def refusals(predictions: pd.DataFrame, splits: int) -> list[str]:
    curves = abstention_curve(
        predictions, tasks=TASKS, coverages=[1, 0.95, 0.9, 0.8, 0.7, 0.5], seed=SEED
    )
    frame = curves.to_frame()
    tables = []
    for task, digits in (("gender", 4), ("age", 2)):
        rows = frame[(frame["task"] == task) & (frame["by"] == f"{task}_confidence")]
        rows = rows.rename(columns={"ci_low": "value_low", "ci_high": "value_high"})
        rows = rows[["coverage", "n", "value", "value_low", "value_high"]]
        rows = rows.assign(coverage=[f"{share:.0%}" for share in rows["coverage"]])
        shown = with_intervals(rows, ["value"], digits=digits)
        what = "error rate" if task == "gender" else "mean absolute error, years"
        named = shown.rename(columns={"coverage": "kept", "value": what})
        tables += [f"### {task}\n", to_markdown(named, index=False)]
    return [
        "## Refusing the least sure\n",
        "The error of what is kept when those are refused whose predicted class is the least "
        "probable (gender) or whose predicted standard deviation is the largest (age). "
        "Intervals are bootstrap intervals of 1,000 resamples of all images.\n",
        *tables,
        "Refusing is not neutral. Percent refused when 80 % are kept, by true age:\n",
        to_markdown(refused(curves), digits=1, index=False),
        rule(predictions, splits),
    ]


def refused(curves: RiskCoverage) -> pd.DataFrame:
    columns: dict[str, object] = {}
    for task in TASKS:
        rows = curves.dropped_shares("age", coverage=0.8, bins=AGE_BINS)
        rows = rows[(rows["by"] == f"{task}_confidence") & (rows["task"] == task)]
        columns |= {"age": rows["bin"].to_numpy(), "n": rows["n"].to_numpy()}
        columns[f"by confidence in {task}"] = 100 * rows["share"].to_numpy()
    return pd.DataFrame(columns)


def rule(predictions: pd.DataFrame, splits: int) -> str:
    calibrator = Calibrator(tasks=TASKS["gender"], abstain={"gender": Abstain(right=RIGHT)})
    kept, right = [], []
    for fitted, tested in halves(predictions, splits):
        left = calibrator.fit(fitted).apply(tested)
        left = left[~left["gender_abstain"]]
        kept.append(len(left) / len(tested))
        right.append(float((left["gender"] == left["gender_pred"]).mean()))
    k, r = summed(kept), summed(right)
    return (
        f"A rule that is to leave {RIGHT:.0%} right, `Abstain(right={RIGHT})`, fitted on one half: "
        f"it keeps {k['']:.1%} ({k['_low']:.1%} to {k['_high']:.1%}) of the other half, of which "
        f"{r['']:.2%} ({r['_low']:.2%} to {r['_high']:.2%}) are right. In "
        f"{np.mean(np.array(right) < RIGHT):.1%} of the splits fewer than {RIGHT:.0%} are. The "
        "rule may fail in 5 % in the long run; its bound allows for 40 thresholds that are looked "
        "at, and so it refuses more than it would have to.\n"
    )


if __name__ == "__main__":
    main()
