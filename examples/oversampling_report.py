"""Compare the arms of `oversampling_utkface.py` with "plain", and write the page of results.

python examples/oversampling_report.py --work faceattr-output/arms
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from oversampling_utkface import ARMS

from faceattr import BinnedEvaluator, compare
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table

NAME = "oversampling-utkface"
PLAIN = "plain"
RESAMPLES = 2000
METRICS = {"age": ["mae", "adult_at_18", "adult_at_21"], "gender": ["accuracy", "log_loss"]}
STATS = {"over bins: mean": "mean"}
Figures = dict[str, tuple[str, str, str, str]]
"""By title: task, metric, what is grouped by, and the bin."""

OVERALL: Figures = {
    "MAE, years": ("age", "mae", "overall", "overall"),
    "class-wise MAE, years": ("age", "mae", "age", "over bins: mean"),
    "minors read as 18 or older": ("age", "adult_at_18", "overall", "overall"),
    "under 21 read as 21 or older": ("age", "adult_at_21", "overall", "overall"),
    "gender accuracy": ("gender", "accuracy", "overall", "overall"),
    "gender log loss": ("gender", "log_loss", "overall", "overall"),
}


def main() -> None:
    arguments = parse_arguments()
    arms = read_arms(arguments.work)
    seeds = sorted(arms[PLAIN])
    compared = compare_arms(arms)
    parts = [
        heading(arms, seeds),
        "## Each figure, and its difference from plain\n",
        "Means over seeds. In brackets the 95 % interval of the paired difference, over the test "
        "images; it does not cover the chance of training.\n",
        to_markdown(differences(compared, OVERALL)),
        "## MAE by age group, years\n",
        to_markdown(differences(compared, by_group(compared, "age", "mae"))),
        "## Gender accuracy by age group\n",
        to_markdown(differences(compared, by_group(compared, "gender", "accuracy"))),
        "## Every seed\n",
        to_markdown(every_seed(arms), digits=4),
        "## The arms\n",
        to_markdown(pd.DataFrame({"differs by": {name: ARMS[name].what for name in arms}})),
    ]
    page = arguments.out / f"{NAME}.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {page}")


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the page of results of the arms.")
    parser.add_argument("--work", type=Path, required=True, help="folder of the arms")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    return parser.parse_args(given)


def read_arms(work: Path) -> dict[str, dict[int, pd.DataFrame]]:
    """Return the predictions by arm and seed, rows in one order."""
    arms: dict[str, dict[int, pd.DataFrame]] = {}
    for path in sorted(work.glob("*/seed-*/predictions.csv")):
        table = read_table(path).sort_values("sample_id", ignore_index=True)
        seed = int(path.parent.name.removeprefix("seed-"))
        arms.setdefault(path.parent.parent.name, {})[seed] = table
    return arms


def compare_arms(arms: dict[str, dict[int, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Return the differences from plain by arm, over the seeds that both have."""
    evaluator = BinnedEvaluator("age", n_boot=RESAMPLES, metrics=METRICS)
    found = {}
    for arm, tables in arms.items():
        seeds = sorted(set(tables) & set(arms[PLAIN]))
        sides = [[arms[side][seed] for seed in seeds] for side in (PLAIN, arm)]
        found[arm] = compare(sides[0], sides[1], evaluator=evaluator).to_frame()
    return found


def differences(compared: dict[str, pd.DataFrame], figures: Figures) -> pd.DataFrame:
    """Return a row an arm, a column a figure."""
    rows = {}
    for arm in [PLAIN, *sorted(set(compared) - {PLAIN})]:
        keys = compared[arm][["task", "metric", "by", "bin"]].itertuples(index=False, name=None)
        place = {key: number for number, key in enumerate(keys)}
        rows[arm] = {
            name: _text(compared[arm].iloc[place[key]], arm) for name, key in figures.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def _text(row: pd.Series, arm: str) -> str:
    if arm == PLAIN:
        return f"{row['value_b']:.3f}"
    limits = f"{row['ci_low']:+.3f} to {row['ci_high']:+.3f}"
    return f"{row['value_b']:.3f}; {row['difference']:+.3f} ({limits})"


def by_group(compared: dict[str, pd.DataFrame], task: str, metric: str) -> Figures:
    frame = compared[PLAIN]
    chosen = (frame["task"] == task) & (frame["metric"] == metric) & (frame["by"] == "age")
    rows = frame[chosen & ~frame["bin"].str.startswith("over bins")]
    return {
        f"{label} (n = {n})": (task, metric, "age", label)
        for label, n in zip(rows["bin"], rows["n"], strict=True)
    }


def every_seed(arms: dict[str, dict[int, pd.DataFrame]]) -> pd.DataFrame:
    evaluator = BinnedEvaluator("age", n_boot=0, metrics=METRICS)
    rows = {}
    for arm, tables in arms.items():
        for seed, table in tables.items():
            evaluation = evaluator.evaluate(table)
            rows[f"{arm}, seed {seed}"] = {
                name: evaluation.value(f"{task}/{metric}", by=by, stat=STATS.get(label, "value"))
                for name, (task, metric, by, label) in OVERALL.items()
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def heading(arms: dict[str, dict[int, pd.DataFrame]], seeds: list[int]) -> str:
    n = len(arms[PLAIN][seeds[0]])
    return f"""# What balance, filters, weights and schedules earn on UTKFace

```
python examples/oversampling_utkface.py --data UTKFace/ --seeds {" ".join(map(str, seeds))}
python examples/oversampling_report.py --work faceattr-output/arms
```

MobileNetV3-Small at 96 px, 10 epochs, {n:,} test images, seeds {", ".join(map(str, seeds))}; what
each arm does otherwise than "plain" stands at the end. All arms take as many optimiser
steps from the same split, near-duplicates on one side. Nothing was chosen on the test part.
"""


if __name__ == "__main__":
    main()
