"""The rows of a comparison: each metric of both sides, in each bin and over bins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from faceattr.evaluation.bootstrap import holding, percentile_intervals
from faceattr.evaluation.cells import Cell, Estimate
from faceattr.evaluation.comparison.significance import bootstrap_p, holm, mcnemar_p
from faceattr.evaluation.metrics import OVERALL, ClassificationData, FloatArray, Metric
from faceattr.evaluation.over_bins import has_statistics, over_bins, statistics_of

__all__ = ["OVER", "comparison_rows", "right_and_wrong"]

OVER = "over bins: "
"""What the bins of statistics over bins start with, such as "over bins: mean"."""

_EXACT = "accuracy"


@dataclass(frozen=True, eq=False)
class _Figure:
    """One figure of both sides, with the differences of its resamples."""

    metric: str
    bin: str
    n: int
    a: float
    b: float
    samples: FloatArray | None
    p: float | None = None


def comparison_rows(
    a: Sequence[Sequence[Cell]], b: Sequence[Sequence[Cell]], confidence: float
) -> pd.DataFrame:
    """Return the rows of one task and grouping.

    Parameters
    ----------
    a, b : sequence of sequence of Cell
        The cells of each table of a side, a list a table, the same bins in each.
    confidence : float
        Of the intervals.
    """
    sides = [[[cell.estimates() for cell in cells] for cells in side] for side in (a, b)]
    cells = a[0]
    found: list[_Figure] = []
    for place, metric in enumerate(estimate.metric for estimate in sides[0][0][0]):
        if has_statistics(metric):
            own = [[[each[place] for each in table] for table in side] for side in sides]
            found += [_in_bin(cells, own, index) for index in range(len(cells))]
            if cells[0].grouping.column != OVERALL:
                found += _over_bins(cells, own, metric)
    if len(a) == len(b) == 1:
        found = [_exact(figure, a[0], b[0]) for figure in found]
    return _frame(cells[0], found, confidence)


def _in_bin(
    cells: Sequence[Cell], sides: Sequence[Sequence[Sequence[Estimate]]], index: int
) -> _Figure:
    estimates = [[table[index] for table in side] for side in sides]
    a, b = (float(np.mean([each.values[-1] for each in side])) for side in estimates)
    first, cell = estimates[0][0], cells[index]
    samples = None
    if first.samples is not None and first.n[-1] > 1 and np.isfinite(a - b):
        drawn = [
            np.mean([each.samples[:, -1] for each in side if each.samples is not None], axis=0)
            for side in estimates
        ]
        samples = drawn[1] - drawn[0]
    return _Figure(
        first.metric.name, cell.grouping.names[cell.index], int(first.n[-1]), a, b, samples
    )


def _over_bins(
    cells: Sequence[Cell], sides: Sequence[Sequence[Sequence[Estimate]]], metric: Metric
) -> Iterator[_Figure]:
    tables = [table for side in sides for table in side]
    places = [
        place
        for place, cell in enumerate(cells)
        if not cell.stray and all(np.isfinite(table[place].values[-1]) for table in tables)
    ]
    if not places:
        names = statistics_of(metric)
        yield from (_Figure(metric.name, OVER + name, 0, np.nan, np.nan, None) for name in names)
        return
    n = sum(int(tables[0][place].n[-1]) for place in places)
    a, b = (_mean([_values(table, places) for table in side], metric) for side in sides)
    drawn = [[_samples(table, places) for table in side] for side in sides]
    known = all(samples is not None for side in drawn for samples in side)
    resampled = [_mean([s for s in side if s is not None], metric) for side in drawn if known]
    for name in a:
        samples = resampled[1][name] - resampled[0][name] if known else None
        one, other = float(a[name][0]), float(b[name][0])
        samples = samples if np.isfinite(one - other) else None
        yield _Figure(metric.name, OVER + name, n, one, other, samples)


def _values(table: Sequence[Estimate], places: Sequence[int]) -> FloatArray:
    return np.array([[table[place].values[-1] for place in places]])


def _samples(table: Sequence[Estimate], places: Sequence[int]) -> FloatArray | None:
    drawn = [table[place].samples for place in places]
    known = [samples[:, -1] for samples in drawn if samples is not None]
    return np.column_stack(known) if len(known) == len(places) else None


def _mean(tables: Sequence[FloatArray], metric: Metric) -> dict[str, FloatArray]:
    """Average the statistics over bins of several tables."""
    found = [over_bins(values, metric) for values in tables]
    return {name: np.mean([each[name] for each in found], axis=0) for name in found[0]}


def _exact(figure: _Figure, a: Sequence[Cell], b: Sequence[Cell]) -> _Figure:
    """Take the p of accuracy from the images that one side alone has right."""
    if figure.metric != _EXACT or figure.bin.startswith(OVER) or not np.isfinite(figure.a):
        return figure
    index = a[0].grouping.names.index(figure.bin)
    _, only_a, only_b, _ = right_and_wrong(a[index], b[index])
    return replace(figure, p=mcnemar_p(only_a, only_b))


def right_and_wrong(a: Cell, b: Cell) -> tuple[int, int, int, int]:
    """Count the rows of a task of classes that both, only a, only b and neither has right."""
    one, other = a.data, b.data
    if not isinstance(one, ClassificationData) or not isinstance(other, ClassificationData):
        return 0, 0, 0, 0
    right = one.truth == one.prediction, other.truth == other.prediction
    return (
        int((right[0] & right[1]).sum()),
        int((right[0] & ~right[1]).sum()),
        int((~right[0] & right[1]).sum()),
        int((~right[0] & ~right[1]).sum()),
    )


def _frame(cell: Cell, found: Sequence[_Figure], confidence: float) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "task": cell.task.name,
            "metric": [figure.metric for figure in found],
            "by": cell.grouping.column,
            "bin": [figure.bin for figure in found],
            "n": np.array([figure.n for figure in found], dtype=np.int64),
            "value_a": np.array([figure.a for figure in found], dtype=np.float64),
            "value_b": np.array([figure.b for figure in found], dtype=np.float64),
        }
    )
    frame["difference"] = frame["value_b"] - frame["value_a"]
    limits = np.full((3, len(found)), np.nan)
    drawn = [place for place, figure in enumerate(found) if figure.samples is not None]
    if drawn:
        every = [figure.samples for figure in found]
        samples = np.column_stack([each for each in every if each is not None])
        limits[:2, drawn] = percentile_intervals(samples, confidence)
        limits[2, drawn] = bootstrap_p(samples)
    for place, figure in enumerate(found):
        if figure.p is not None:
            limits[2, place] = figure.p
    frame["ci_low"], frame["ci_high"] = holding(frame["difference"].to_numpy(), *limits[:2])
    frame["p"] = limits[2]
    frame["p_holm"] = frame["p"]
    in_bins = ~frame["bin"].str.startswith(OVER)
    for _, rows in frame[in_bins].groupby("metric", sort=False):
        frame.loc[rows.index, "p_holm"] = holm(rows["p"])
    return frame.astype(dict.fromkeys(["task", "metric", "by", "bin"], "str"))
