"""How long it takes to choose the images of an epoch, against what is usually taken for it.

python benchmarks/bench_sampling.py [--quick]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch.utils.data import WeightedRandomSampler

from _common import Result, compare, options_parser, seconds_of, table_text, write_page
from faceattr import BalancedSampler, ClassificationTask, Dataset, RegressionTask
from faceattr.binning import AGE_BINS
from faceattr.data import SamplingReport

CELLS = ["age", "gender"]
EPOCHS = 18


def main() -> None:
    options = options_parser(__doc__).parse_args()
    turns = 1 if options.quick else 9
    results: list[Result] = []
    seconds: list[dict[str, str]] = []
    for n in (2_000,) if options.quick else (20_000, 1_000_000):
        faces = make_faces(n)
        sampler = BalancedSampler(faces, CELLS)
        weights = torch.tensor(sampler.expected_repeats().to_numpy())
        for name, reference in (
            ("torch's WeightedRandomSampler", partial(weighted, cast("Sequence[float]", weights))),
            ("pandas, sampling each group", partial(grouped, faces.table)),
        ):
            found = compare(partial(sampler.plan, EPOCHS), reference, turns=turns)
            what = f"an epoch's plan: times {name}"
            results.append(Result(what, found.times, 1.0, n=f"{n:,} images"))
        made = compare(partial(report, faces), partial(grouped, faces.table), turns=turns)
        results.append(
            Result(
                "cells, quotas and report: times pandas, sampling each group",
                made.times,
                3.0,
                n=f"{n:,} images",
            )
        )
        seconds.append(
            {
                "what": f"a plan of {n:,} images",
                "seconds": f"{seconds_of(partial(sampler.plan, EPOCHS)):.4f}",
            }
        )
    sections = {
        "": "A plan says which image stands at which place of the epoch, and which repeat it is. "
        "The others draw with replacement: they return indices alone, leave out a third of the "
        "images of a common group by chance and show others several times, keep no cap, and do "
        "not spread repeats over the epoch. Cells are the ten usual age groups by two classes.",
        "Seconds": table_text(seconds),
    }
    write_page(options, "sampling", "Speed of sampling", results, sections)


def make_faces(n: int) -> Dataset:
    rng = np.random.default_rng(0)
    names = np.array([f"{number}.jpg" for number in range(n)], dtype=object)
    table = pd.DataFrame(
        {
            "sample_id": names,
            "path": names,
            "age": np.minimum(rng.gamma(2.0, 16.0, n).round(), 116),
            "gender": rng.choice(["male", "female"], n),
        }
    )
    age = RegressionTask("age", unit="years", bounds=(0, 116))
    return Dataset(table, tasks=[age, ClassificationTask("gender", ("male", "female"))])


def report(faces: Dataset) -> SamplingReport:
    return BalancedSampler(faces, CELLS).report()


def weighted(weights: Sequence[float]) -> list[int]:
    return list(WeightedRandomSampler(weights, len(weights)))


def grouped(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return as many positions of each group, in random order, as notebooks do it."""
    edges = [-1.0 if edge == 0 else np.inf if edge is None else edge for edge in AGE_BINS]
    groups = table.groupby([pd.cut(table["age"], edges), "gender"], observed=True)
    each = len(table) // groups.ngroups
    drawn = groups.sample(each, replace=True, random_state=EPOCHS)
    return drawn.sample(frac=1.0, random_state=EPOCHS).index.to_numpy(dtype=np.intp)


if __name__ == "__main__":
    main()
