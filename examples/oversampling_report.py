"""Compare the arms of `oversampling_utkface.py` with "plain", and write the page of results.

python examples/oversampling_report.py --work faceattr-output/arms
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from oversampling_utkface import ARMS

from faceattr.binning import AGE_BINS, Bins
from faceattr.evaluation.bootstrap import percentile_intervals, resampled_counts
from faceattr.evaluation.metrics import ratio
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table

NAME = "oversampling-utkface"
PLAIN = "plain"
RESAMPLES = 2000
Floats = npt.NDArray[np.float64]
Figure = Callable[[pd.DataFrame, Floats], Floats]


def main() -> None:
    arguments = parse_arguments()
    arms = read_arms(arguments.work)
    seeds = sorted(arms[PLAIN])
    parts = [
        heading(arms, seeds),
        "## Each figure, and its difference from plain\n",
        "Means over seeds. In brackets the 95 % interval of the paired difference, over the test "
        "images; it does not cover the chance of training.\n",
        to_markdown(differences(arms, seeds, OVERALL)),
        "## MAE by age group, years\n",
        to_markdown(differences(arms, seeds, by_group(error, arms[PLAIN][seeds[0]]))),
        "## Gender accuracy by age group\n",
        to_markdown(differences(arms, seeds, by_group(right, arms[PLAIN][seeds[0]]))),
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


def error(table: pd.DataFrame) -> Floats:
    return (table["age_pred"] - table["age"]).abs().to_numpy(dtype=np.float64)


def right(table: pd.DataFrame) -> Floats:
    return np.asarray(table["gender_pred"] == table["gender"], dtype=np.float64)


def log_loss(table: pd.DataFrame) -> Floats:
    female = table["gender"] == "female"
    chosen = table["gender_prob_female"].where(female, table["gender_prob_male"])
    return np.asarray(-np.log(chosen.clip(lower=1e-15).to_numpy(dtype=np.float64)))


def mean_over(values: Floats, counts: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean of the kept rows in each resample; NaN where it has none of them."""
    return ratio(counts[:, kept] @ values[kept], counts[:, kept].sum(axis=1))


def mean_of(values: Callable[[pd.DataFrame], Floats], limit: float | None = None) -> Figure:
    """Return the mean of a value, over all rows or those below an age."""

    def figure(table: pd.DataFrame, counts: Floats) -> Floats:
        kept = np.ones(len(table), bool) if limit is None else (table["age"] < limit).to_numpy()
        return mean_over(values(table), counts, kept)

    return figure


def read_as(limit: float) -> Callable[[pd.DataFrame], Floats]:
    def value(table: pd.DataFrame) -> Floats:
        return np.asarray(table["age_pred"] >= limit, dtype=np.float64)

    return value


def group_codes(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    return np.asarray(Bins(AGE_BINS).assign(table["age"]).codes, dtype=np.int64)


def class_wise(table: pd.DataFrame, counts: Floats) -> Floats:
    codes = group_codes(table)
    parts = [mean_over(error(table), counts, codes == code) for code in np.unique(codes)]
    return np.asarray(np.nanmean(parts, axis=0), dtype=np.float64)


OVERALL: dict[str, Figure] = {
    "MAE, years": mean_of(error),
    "class-wise MAE, years": class_wise,
    "minors read as 18 or older": mean_of(read_as(18), 18),
    "under 21 read as 21 or older": mean_of(read_as(21), 21),
    "gender accuracy": mean_of(right),
    "gender log loss": mean_of(log_loss),
}


def by_group(values: Callable[[pd.DataFrame], Floats], table: pd.DataFrame) -> dict[str, Figure]:
    codes = group_codes(table)

    def of(code: int) -> Figure:
        kept = codes == code

        def figure(table: pd.DataFrame, counts: Floats) -> Floats:
            return mean_over(values(table), counts, kept)

        return figure

    labels = Bins(AGE_BINS).labels
    return {f"{label} (n = {(codes == c).sum()})": of(c) for c, label in enumerate(labels)}


def differences(
    arms: dict[str, dict[int, pd.DataFrame]], seeds: list[int], figures: dict[str, Figure]
) -> pd.DataFrame:
    """Return a row an arm, a column a figure."""
    n = len(arms[PLAIN][seeds[0]])
    counts = np.concatenate(list(resampled_counts(n, RESAMPLES, 0)))
    ones = np.ones((1, n))
    rows: dict[str, dict[str, str]] = {arm: {} for arm in [PLAIN, *sorted(set(arms) - {PLAIN})]}
    for name, figure in figures.items():
        plain = {seed: figure(arms[PLAIN][seed], counts) for seed in seeds}
        for arm, row in rows.items():
            own = [seed for seed in seeds if seed in arms[arm]]
            value = np.mean([figure(arms[arm][seed], ones)[0] for seed in own])
            if arm == PLAIN:
                row[name] = f"{value:.3f}"
                continue
            base = np.mean([figure(arms[PLAIN][seed], ones)[0] for seed in own])
            drawn = np.mean([figure(arms[arm][s], counts) - plain[s] for s in own], axis=0)
            low, high = percentile_intervals(drawn[:, None], 0.95)
            row[name] = f"{value:.3f}; {value - base:+.3f} ({low[0]:+.3f} to {high[0]:+.3f})"
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def every_seed(arms: dict[str, dict[int, pd.DataFrame]]) -> pd.DataFrame:
    rows = {
        f"{arm}, seed {seed}": {
            name: figure(table, np.ones((1, len(table))))[0] for name, figure in OVERALL.items()
        }
        for arm, tables in arms.items()
        for seed, table in tables.items()
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
