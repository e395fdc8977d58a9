"""The tables of a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceattr.evaluation.cells import VALUE
from faceattr.evaluation.evaluation import Evaluation
from faceattr.evaluation.metrics import OVERALL
from faceattr.evaluation.summary import TOO_FEW, digits_of
from faceattr.report.markdown import to_markdown, with_intervals
from faceattr.tasks import RegressionTask, Task

__all__ = [
    "OF_BINS",
    "Figure",
    "by_column",
    "card_digits",
    "figures_of",
    "held_tables",
    "known_metrics",
    "metric_title",
    "overall",
    "sizes",
    "title_of",
]

OF_ALL: Mapping[str, tuple[str, ...]] = {
    "regression": ("mae", "rmse", "bias", "within_5", "adult_at_18", "adult_at_21"),
    "classification": ("accuracy", "f1", "roc_auc", "log_loss", "ece"),
}
OF_BINS: Mapping[str, tuple[str, ...]] = {
    "regression": ("mae", "bias"),
    "classification": ("accuracy", "log_loss"),
}
"""The first of each is the one by which the worst groups are told."""

_COUNT = "n of "

_TITLES = {
    "age_pred": "predicted age",
    "race": "race label",
    "luminance": "luminance (0 to 255)",
    "ita": "skin tone as photographed (ITA)",
}


class Figure(NamedTuple):
    """A figure of a bin, or of all rows; ``low`` and ``high`` are NaN without an interval."""

    by: str
    bin: str
    value: float
    low: float
    high: float
    n: int

    def text(self, digits: int) -> str:
        """Write it with its interval."""
        names = ["x", "x_low", "x_high"]
        row = pd.DataFrame([[self.value, self.low, self.high]], columns=names)
        return str(with_intervals(row, ["x"], digits=digits)["x"].iloc[0]) or "-"


def title_of(column: str) -> str:
    """Return what a column is called in a card."""
    return _TITLES.get(column, column)


def known_metrics(
    evaluation: Evaluation, task: Task, of: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Return those of some metrics that were computed for a task."""
    kind = "regression" if isinstance(task, RegressionTask) else "classification"
    there = set(evaluation.overall(task.name).index) & set(evaluation.metrics[task.name])
    return [name for name in of[kind] if name in there]


def metric_title(evaluation: Evaluation, task: Task, metric: str) -> str:
    """Name a metric and its unit."""
    known = evaluation.metrics[task.name][metric]
    unit = task.unit if isinstance(task, RegressionTask) and known.in_units else ""
    return f"{known.label}, {unit}" if unit else known.label


def card_digits(evaluation: Evaluation, task: Task, metric: str) -> int:
    """Return the decimals of a metric in a card."""
    return min(3, digits_of(evaluation, task, metric))


def figures_of(evaluation: Evaluation, task: Task, metric: str) -> list[Figure]:
    """Return a metric of all rows, and then of each bin that has one."""
    frame = evaluation.frame
    cls = "" if isinstance(task, RegressionTask) else OVERALL
    chosen = (frame["task"] == task.name) & (frame["metric"] == metric) & (frame["class"] == cls)
    rows = frame[chosen & (frame["stat"] == VALUE)].dropna(subset="value")
    numbers = rows[["value", "ci_low", "ci_high"]].to_numpy(np.float64).tolist()
    places = zip(rows["by"].astype(str), rows["bin"].astype(str), numbers, rows["n"], strict=True)
    return [Figure(by, name, v, low, high, int(n)) for by, name, (v, low, high), n in places]


def sizes(evaluation: Evaluation) -> str:
    """Say how many images the figures rest on, and how many were left out."""
    parts = []
    for task in evaluation.tasks.values():
        failed, unlabelled = (
            int(evaluation.value(f"{task.name}/{name}")) for name in ("n_failed", "n_missing_label")
        )
        rows = len(evaluation.data[task.name])
        parts.append(
            f"{task.name}: {rows:,} images, {failed:,} without a prediction and {unlabelled:,} "
            "without a label left out."
        )
    return " ".join(parts)


def overall(evaluation: Evaluation) -> str:
    """Return the figures over all images, a row a metric."""
    rows = []
    for task in evaluation.tasks.values():
        for metric in known_metrics(evaluation, task, OF_ALL):
            whole = [f for f in figures_of(evaluation, task, metric) if f.by == OVERALL]
            rows += [
                {
                    "task": task.name,
                    "figure": metric_title(evaluation, task, metric),
                    "value": figure.text(card_digits(evaluation, task, metric)),
                    "n": f"{figure.n:,}",
                }
                for figure in whole
            ]
    return to_markdown(pd.DataFrame(rows), index=False)


def by_column(evaluation: Evaluation, column: str, coverage: pd.DataFrame | None) -> str:
    """Return the figures of a column's bins, a row a bin that has images."""
    found: dict[str, pd.Series] = {}
    for task in evaluation.tasks.values():
        found |= _of_task(evaluation, column, task)
        found |= _held(coverage, column, task)
    table = pd.DataFrame({name: values.astype(object) for name, values in found.items()})
    table.index = pd.Index(table.index.astype(str), name=title_of(column))
    counts = [f"{_COUNT}{name}" for name in evaluation.tasks]
    table = table[(table[counts] != "0").any(axis=1)]
    if table[counts].nunique(axis=1).le(1).all():  # the same images in every task
        table = table.rename(columns={counts[0]: "n"}).drop(columns=counts[1:])
    return to_markdown(table.fillna("-"))


def held_tables(evaluation: Evaluation, coverage: pd.DataFrame) -> list[str]:
    """Return how often intervals hold by columns that the evaluation is not grouped by."""
    shown = {OVERALL, *evaluation.columns}
    tables = []
    for column in dict.fromkeys(coverage["by"]):
        for task in evaluation.tasks.values() if column not in shown else ():
            found = _held(coverage, column, task)
            if found:
                own = (coverage["by"] == column) & (coverage["task"] == task.name)
                table = pd.DataFrame({"n": coverage[own].set_index("bin")["n"], **found})
                table.index = pd.Index(table.index.astype(str), name=title_of(column))
                tables.append("\n" + to_markdown(table[table["n"] > 0]))
    return tables


def _of_task(evaluation: Evaluation, column: str, task: Task) -> dict[str, pd.Series]:
    metrics = known_metrics(evaluation, task, OF_BINS)
    table = evaluation.by(column, task=task.name, metrics=metrics)
    table.index = table.index.astype(str)
    few = table["n"] < evaluation.min_count
    found = {f"{_COUNT}{task.name}": table["n"].map("{:,}".format)}
    for metric in metrics:
        shown = with_intervals(table, [metric], digits=card_digits(evaluation, task, metric))[
            metric
        ]
        title = f"{task.name}: {metric_title(evaluation, task, metric)}"
        found[title] = shown.where(shown != "", "-").mask(few, TOO_FEW)
    return found


def _held(coverage: pd.DataFrame | None, column: str, task: Task) -> dict[str, pd.Series]:
    if coverage is None:
        return {}
    rows = coverage[(coverage["by"] == column) & (coverage["task"] == task.name)]
    if rows.empty:
        return {}
    rows = rows.set_index(rows["bin"].astype(str))
    shown = with_intervals(rows, ["coverage"], digits=3)["coverage"]
    level = f"{rows['level'].iloc[0]:.0%}"
    unit = f", {task.unit}" if isinstance(task, RegressionTask) and task.unit else ""
    return {
        f"{task.name}: held by intervals of {level}": shown,
        f"{task.name}: their width{unit}": rows["width"].map("{:.1f}".format),
    }
