"""Plant wrong ages into held-out predictions, and see how well each score ranks them.

    python benchmarks/label_noise.py predictions.csv

The file is a predictions table with ``age``, ``age_pred`` and ``age_std``, such as the one that
``faceattr train`` writes. Errors are planted into 4 % of the labels (those that change the age by
too little are not counted), twice each; shown is the share of planted errors among the most
suspect labels, as many as half of the planted errors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from cleanlab.regression.rank import get_label_quality_scores

from faceattr import Dataset, RegressionTask
from faceattr.data.audit.suspects import find_suspects
from faceattr.report.markdown import to_markdown
from faceattr.tables import read_table

SHARE, REPEATS, SEED, HIGHEST = 0.04, 2, 0, 116
AGE = RegressionTask("age", unit="years", bounds=(0, HIGHEST))

Ages = npt.NDArray[np.float64]
Change = Callable[[np.random.Generator, Ages, Ages], Ages]


def _far(rng: np.random.Generator, own: Ages, _: Ages) -> Ages:
    return own + rng.choice([-1, 1], len(own)) * rng.integers(15, 31, len(own))


def _half_or_twice(rng: np.random.Generator, own: Ages, _: Ages) -> Ages:
    return np.where(rng.random(len(own)) < 0.5, np.round(own / 2), own * 2)


CHANGES: dict[str, tuple[Change, float]] = {
    "any age": (lambda rng, own, _: rng.integers(0, HIGHEST + 1, len(own)).astype(float), 1),
    "another image's age": (lambda rng, own, every: rng.choice(every, len(own)), 1),
    "15 to 30 years off": (_far, 1),
    "half or twice the age": (_half_or_twice, 3),
    "up to 20 years off": (lambda rng, own, _: own + rng.integers(-20, 21, len(own)), 8),
}


def scores(table: pd.DataFrame, labels: Ages) -> dict[str, Ages]:
    """Return four scores of each label, lower for more suspect ones."""
    ds = Dataset(table[["sample_id", "path"]].assign(age=labels), tasks=AGE)
    told = table[["sample_id", "age_pred", "age_std"]]
    found: dict[str, Ages] = {}
    for method in ("outre", "residual"):
        found[f'cleanlab "{method}"'] = get_label_quality_scores(
            labels, table["age_pred"].to_numpy(), method=method
        )
    for name, used in (
        ("by the median error nearby", told.drop(columns="age_std")),
        ("by `age_std`", told),
    ):
        suspects = find_suspects(ds.table, ds.tasks, used).table.set_index("sample_id")
        found[name] = suspects.loc[table["sample_id"], "score"].to_numpy()
    return found


def main() -> None:
    """Print the table."""
    table = read_table(sys.argv[1])
    rng = np.random.default_rng(SEED)
    ages = table["age"].to_numpy(dtype=np.float64)
    rows: dict[str, dict[str, str]] = {}
    for name, (change, least) in CHANGES.items():
        hits: dict[str, list[str]] = {}
        for _ in range(REPEATS):
            chosen = rng.choice(len(ages), round(SHARE * len(ages)), replace=False)
            labels = ages.copy()
            labels[chosen] = np.clip(change(rng, ages[chosen], ages), 0, HIGHEST)
            planted = np.abs(labels - ages) >= least
            for method, score in scores(table, labels).items():
                top = np.argsort(score, kind="stable")[: planted.sum() // 2]
                hits.setdefault(method, []).append(f"{planted[top].mean():.2f}")
        rows[name] = {method: ", ".join(values) for method, values in hits.items()}
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis("planted error")
    sys.stdout.write(to_markdown(shown))


if __name__ == "__main__":
    main()
