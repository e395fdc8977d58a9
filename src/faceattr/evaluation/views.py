"""Views of the frame of an evaluation: tables by bins, and over bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from faceattr._validation import check_choice
from faceattr.evaluation.metrics import OVERALL, FloatArray, ratio
from faceattr.evaluation.over_bins import STATISTICS
from faceattr.tasks import RegressionTask, Task

__all__ = ["MAIN_METRICS", "main_metrics", "table_of_all", "table_of_bins", "table_over_bins"]

MAIN_METRICS: Mapping[str, tuple[str, ...]] = {
    "regression": ("mae", "rmse", "mape", "bias", "within_5"),
    "classification": ("accuracy", "f1", "roc_auc", "log_loss"),
}
"""Metrics of the table by bins, where none are asked for."""

_COUNTS = ("support", "n_missing_label", "n_failed")


def main_metrics(task: Task, known: Sequence[str]) -> list[str]:
    """Return those of `MAIN_METRICS` that are known of a task, or all that are if none is."""
    kind = "regression" if isinstance(task, RegressionTask) else "classification"
    found = [name for name in MAIN_METRICS[kind] if name in known]
    return found or [name for name in known if name not in _COUNTS]


def table_of_all(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return a row a metric from a task's rows of the frame; see `Evaluation.overall`."""
    if isinstance(task, RegressionTask):
        return rows.set_index("metric")[["value", "ci_low", "ci_high", "n"]]
    order = list(dict.fromkeys(rows["metric"]))
    wide = rows.pivot_table(
        index="metric", columns="class", values="value", sort=False, dropna=False
    ).reindex(index=order, columns=[*task.classes, OVERALL])
    wide.columns.name = None
    last = rows[rows["class"] == OVERALL].set_index("metric")
    return wide.join(last[["ci_low", "ci_high", "n"]])


def table_of_bins(
    rows: pd.DataFrame, task: Task, column: str, metrics: Sequence[str] | None
) -> pd.DataFrame:
    """Return a row a bin from a task's rows of the frame; see `Evaluation.by`."""
    known = list(dict.fromkeys(rows["metric"]))
    if metrics is None:
        metrics = main_metrics(task, known)
    cls = "" if isinstance(task, RegressionTask) else OVERALL
    names = list(dict.fromkeys(rows["bin"]))
    table = pd.DataFrame(index=pd.CategoricalIndex(names, names, ordered=True, name=column))
    table["n"] = _column(rows, "support", cls, "n").astype(np.int64)
    for name, values in _labels(rows, task).items():
        table[name] = values
    for metric in metrics:
        check_choice(metric, "metrics", known)
        for suffix, source in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high")):
            table[metric + suffix] = _column(rows, metric, cls, source)
    for metric in ("n_missing_label", "n_failed"):
        table[metric] = _column(rows, metric, cls, "value").astype(np.int64)
    return table


def table_over_bins(
    rows: pd.DataFrame, task: Task, names: Sequence[str], metrics: Sequence[str] | None
) -> pd.DataFrame:
    """Return a row a metric from a task's rows over bins; see `Evaluation.over_bins`."""
    known = list(dict.fromkeys(rows["metric"]))
    wanted = main_metrics(task, known) if metrics is None else list(metrics)
    for metric in wanted:
        check_choice(metric, "metrics", known)
    table = pd.DataFrame(index=pd.Index(wanted, name="metric", dtype="str"))
    for stat in STATISTICS:
        own = rows[rows["stat"] == stat].set_index("metric").reindex(wanted)
        for suffix, source in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high")):
            table[stat + suffix] = own[source]
        if stat in {"worst", "best"}:
            places = own["bin_index"]
            table[f"{stat}_bin"] = [names[int(place)] if place >= 0 else None for place in places]
    return table


def _column(rows: pd.DataFrame, metric: str, cls: str, source: str) -> FloatArray:
    chosen = rows[(rows["metric"] == metric) & (rows["class"] == cls)]
    return chosen[source].to_numpy(dtype=np.float64)


def _labels(rows: pd.DataFrame, task: Task) -> dict[str, FloatArray]:
    if isinstance(task, RegressionTask):
        return {name: _column(rows, name, "", "value") for name in ("truth_mean", "truth_std")}
    total = _column(rows, "support", OVERALL, "value")
    shown = task.classes if len(task.classes) > 2 else (task.positive,)
    return {f"share_{cls}": ratio(_column(rows, "support", cls, "value"), total) for cls in shown}
