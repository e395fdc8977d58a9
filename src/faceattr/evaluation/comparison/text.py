"""The text of a comparison, for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr.evaluation.comparison.figures import OVER
from faceattr.evaluation.metrics import OVERALL, Metric
from faceattr.evaluation.texts import (
    NOTHING,
    decimals,
    interval_text,
    number_text,
    table_text,
)
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.comparison.result import Comparison

__all__ = ["better_side", "summarise_comparison"]


def summarise_comparison(comparison: Comparison) -> str:
    """Return the figures of every task, then the main one by bins, and what they rest on."""
    blocks = []
    for task in comparison.tasks.values():
        blocks.append(f"{_headline(comparison, task)}\n{_overall(comparison, task)}")
        blocks += [
            f"{task.name}, {main_metric(comparison, task)} by {column}\n"
            f"{_by_bins(comparison, task, column)}"
            for column in comparison.columns
        ]
    blocks.append(_notes(comparison))
    return "\n\n".join(blocks) + "\n"


def main_metric(comparison: Comparison, task: Task) -> str:
    """Return the metric that is shown by bins: MAE, accuracy, or else the first there is."""
    rows = comparison.frame
    known = list(dict.fromkeys(rows.loc[rows["task"] == task.name, "metric"]))
    wanted = "mae" if isinstance(task, RegressionTask) else "accuracy"
    return wanted if wanted in known or not known else known[0]


def better_side(metric: Metric, label: str, difference: float, p: float, confidence: float) -> str:
    """Return "a" or "b" where the p of b - a is small and one way is better, else "".

    Over bins a small difference and a ratio near 1 are better, of whatever metric: groups that are
    alike.
    """
    alike = {f"{OVER}difference": "lower", f"{OVER}ratio": "higher"}
    better = metric.better and alike.get(label, metric.better)
    if better is None or not p < 1.0 - confidence:
        return ""
    return "b" if (difference > 0) == (better == "higher") else "a"


def _headline(comparison: Comparison, task: Task) -> str:
    unit = f" ({task.unit})" if isinstance(task, RegressionTask) and task.unit else ""
    row = comparison.left_out.loc[task.name]
    tables = " Means over {} and {} tables.".format(*comparison.sizes)
    return (
        f"{task.name}{unit}: {row['n']:,} images compared. Left out: without a label "
        f"{row['n_missing_label']:,},\nwithout a prediction {row['n_failed_a']:,} (a) and "
        f"{row['n_failed_b']:,} (b).{'' if comparison.sizes == (1, 1) else tables}"
    )


def _overall(comparison: Comparison, task: Task) -> str:
    rows = comparison.frame
    rows = rows[(rows["task"] == task.name) & (rows["by"] == OVERALL)]
    known = comparison.metrics[task.name]
    labels = [known[name].label for name in rows["metric"]]
    width = max(map(len, labels), default=0)
    columns = {"": [f"{label:<{width}}" for label in labels]}
    return table_text(columns | _columns(comparison, task, rows, corrected=False))


def _by_bins(comparison: Comparison, task: Task, column: str) -> str:
    rows = comparison.frame
    metric = main_metric(comparison, task)
    rows = rows[(rows["task"] == task.name) & (rows["by"] == column) & (rows["metric"] == metric)]
    names = [name.removeprefix(OVER) for name in rows["bin"]]
    columns = {column: names, "n": [f"{n:,}" for n in rows["n"]]}
    return table_text(columns | _columns(comparison, task, rows, corrected=True))


def _columns(
    comparison: Comparison, task: Task, rows: pd.DataFrame, *, corrected: bool
) -> dict[str, list[str]]:
    known = comparison.metrics[task.name]
    names = ["a", "b", "b - a", "%", "p", *(["p (Holm)"] if corrected else []), "better"]
    text: dict[str, list[str]] = {name: [] for name in names}
    numbers = rows[["value_a", "value_b", "ci_low", "ci_high", "p", "p_holm"]].to_numpy(np.float64)
    lines = zip(rows["metric"], rows["bin"], numbers, strict=True)
    for metric, label, (a, b, low, high, p, p_holm) in lines:
        digits = _digits(comparison, task, known[metric])
        text["a"].append(number_text(a, digits))
        text["b"].append(number_text(b, digits))
        text["b - a"].append(interval_text(b - a, low, high, digits, "+"))
        text["%"].append(number_text(100 * (b - a) / abs(a), 1, "+") if a else NOTHING)
        text["p"].append(_p(p))
        if corrected:
            text["p (Holm)"].append("" if label.startswith(OVER) else _p(p_holm))
        better = better_side(known[metric], label, b - a, p_holm, comparison.confidence)
        text["better"].append(better)
    return text


def _notes(comparison: Comparison) -> str:
    lines = []
    if comparison.frame["ci_low"].notna().any():
        lines.append(
            f"In brackets: {comparison.confidence:.0%} paired bootstrap intervals of the "
            "difference, each for itself.\np (Holm) is corrected for the number of bins; nothing "
            "is for the number of metrics.\n"
            f"better: where p is below {1.0 - comparison.confidence:.2g}."
        )
    if comparison.sizes == (1, 1):
        lines.append(
            "One training a side: what the seed of a training does is not in these intervals."
        )
    if comparison.columns:
        lines.append(f"A bin needs {comparison.min_count} rows.")
    return "\n".join(lines)


def _p(value: float) -> str:
    if not np.isfinite(value):
        return NOTHING
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def _digits(comparison: Comparison, task: Task, metric: Metric) -> int:
    broad = isinstance(task, RegressionTask) and comparison.changes[task.name][task.name].std() >= 1
    return decimals(coarse=metric.name == "mape" or (metric.in_units and broad))
