"""What a metric does from bin to bin: mean, largest difference, ratio, worst and best bin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from faceattr.evaluation.bootstrap import percentile_intervals
from faceattr.evaluation.cells import Cell, Estimate
from faceattr.evaluation.metrics import FloatArray, Metric

__all__ = [
    "OVER_BINS",
    "STATISTICS",
    "figures_over_bins",
    "has_statistics",
    "over_bins",
    "statistics_of",
]

OVER_BINS = "over bins"
"""The ``bin`` of figures over several bins."""

STATISTICS = ("mean", "difference", "ratio", "worst", "best")
"""The values of ``stat`` besides "value"."""

_SIGNED = frozenset({"bias"})
"""Metrics whose best value is 0: the worst is the one farthest from it."""


def has_statistics(metric: Metric) -> bool:
    """Tell whether values of a metric are to be compared; of a function of the user's they are."""
    return metric.own or metric.better is not None or metric.name in _SIGNED


def statistics_of(metric: Metric) -> tuple[str, ...]:
    """Return which statistics a metric has: no ratio with a sign, no worst where none is better."""
    without = set()
    if metric.name in _SIGNED:
        without = {"ratio"}
    elif metric.better is None:
        without = {"worst", "best"}
    return tuple(name for name in STATISTICS if name not in without)


def over_bins(values: FloatArray, metric: Metric) -> dict[str, FloatArray]:
    """Compute the statistics.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (B, k)
        A line a sample, a column a bin. NaN makes all statistics of its line NaN.
    metric : Metric

    Returns
    -------
    dict of str to numpy.ndarray of float64, shape (B,)
        By the names that `statistics_of` gives. A ratio is NaN where a value is below 0 or all
        are 0. Of a single bin there is neither difference nor ratio: it would be equal to itself.
    """
    low, high = values.min(axis=1), values.max(axis=1)
    alone = values.shape[1] < 2
    difference = np.full(len(values), np.nan) if alone else high - low
    found = {"mean": values.mean(axis=1), "difference": difference}
    if metric.name in _SIGNED:
        order = np.abs(values)
        worst, best = order.argmax(axis=1), order.argmin(axis=1)
        lines = np.arange(len(values))
        return found | {"worst": values[lines, worst], "best": values[lines, best]}
    ratio = np.full(len(values), np.nan)
    np.divide(low, high, out=ratio, where=(low >= 0) & (high > 0) & (not alone))
    if metric.better is None:
        return found | {"ratio": ratio}
    worst, best = (low, high) if metric.better == "higher" else (high, low)
    return found | {"ratio": ratio, "worst": worst, "best": best}


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The bins of one metric and class that take part: their places, values, rows, resamples."""

    metric: Metric
    label: str
    places: list[int]
    values: FloatArray
    n: npt.NDArray[np.int64]
    samples: FloatArray | None


def figures_over_bins(
    cells: Sequence[Cell], estimates: Sequence[Sequence[Estimate]], confidence: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the frame for one task and grouping.

    Bins that take part are those of values, with a figure and enough rows. Those are the same bins
    in all resamples; which of them is worst or best is found anew in each.
    """
    chosen = list(_choose(cells, estimates))
    samples = [
        sample
        for each in chosen
        if each.samples is not None
        for sample in over_bins(each.samples, each.metric).values()
    ]
    limits = None
    if samples:
        limits = np.array(percentile_intervals(np.column_stack(samples), confidence))
    done = 0
    for each in chosen:
        names = statistics_of(each.metric)
        found = over_bins(each.values[None], each.metric) if each.places else {}
        for name in names:
            value = float(found[name][0]) if found else np.nan
            row = _row(cells[0], each, name, value)
            if limits is not None and each.samples is not None:
                if not np.isnan(value):
                    row |= {"ci_low": float(limits[0, done]), "ci_high": float(limits[1, done])}
                done += 1
            yield row


def _choose(cells: Sequence[Cell], estimates: Sequence[Sequence[Estimate]]) -> Iterator[_Chosen]:
    for each in zip(*estimates, strict=True):  # one metric in all bins
        if not has_statistics(each[0].metric):
            continue
        for column, label in enumerate(cells[0].classes):
            places = [
                place
                for place, estimate in enumerate(each)
                if not cells[place].stray and np.isfinite(estimate.values[column])
            ]
            inside = [each[place] for place in places]
            drawn = [e.samples[:, column] for e in inside if e.samples is not None]
            whole = bool(places) and len(drawn) == len(places)
            yield _Chosen(
                each[0].metric,
                label,
                places,
                np.array([e.values[column] for e in inside]),
                np.array([e.n[column] for e in inside], dtype=np.int64),
                np.column_stack(drawn) if whole else None,
            )


def _row(cell: Cell, chosen: _Chosen, statistic: str, value: float) -> dict[str, Any]:
    place, n = -1, int(chosen.n.sum())
    if statistic in {"worst", "best"} and chosen.places:
        found = int(np.flatnonzero(chosen.values == value)[0])
        place, n = chosen.places[found], int(chosen.n[found])
    return cell.row(chosen.metric.name, chosen.label, value, n) | {
        "bin": OVER_BINS,
        "bin_index": place,
        "stat": statistic,
    }
