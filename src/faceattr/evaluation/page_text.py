"""Tables and captions of the page of an evaluation: figures as text, with intervals and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr.evaluation.evaluation import main_metrics
from faceattr.evaluation.metrics import (
    CLASSIFICATION_METRICS,
    OVERALL,
    REGRESSION_METRICS,
    Metric,
    RegressionData,
)
from faceattr.evaluation.summary import digits_of, figure_texts
from faceattr.evaluation.wrong import probability_of_truth
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = [
    "bins_table",
    "captions",
    "counts_table",
    "headline_table",
    "over_bins_table",
    "task_table",
]

_STATISTICS = {
    "mean": "mean of bins", "difference": "difference", "ratio": "ratio",
    "worst": "worst", "best": "best",
}  # fmt: skip


def counts_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return how many rows of each task were evaluated and left out."""
    total = len(evaluation.table)
    rows = [
        {
            "task": name,
            "rows": f"{total:,}",
            "evaluated": f"{len(part.data):,}",
            "without a prediction": f"{int(part.failed.sum()):,}",
            "without a label": f"{int(part.unlabelled.sum()):,}",
        }
        for name, part in evaluation.parts.items()
    ]
    return pd.DataFrame(rows)


def headline_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return the main figures of all tasks, a row each."""
    rows: list[dict[str, str]] = []
    for task in evaluation.tasks.values():
        table = evaluation.overall(task.name)
        value = "value" if isinstance(task, RegressionTask) else OVERALL
        counts = table["n"].astype(np.int64)
        for name in _known(main_metrics(task, list(table.index)), task):
            row = table.loc[[name], [value, "ci_low", "ci_high"]]
            rows.append(
                {
                    "figure": _label(task, name),
                    "value": figure_texts(row, digits_of(evaluation, task, name))[0],
                    "n": f"{counts[name]:,}",
                }
            )
    return pd.DataFrame(rows, columns=["figure", "value", "n"])


def task_table(evaluation: Evaluation, task: Task) -> pd.DataFrame:
    """Return all figures of a task over all rows, of classes also each class."""
    table = evaluation.overall(task.name)
    number = isinstance(task, RegressionTask)
    value, classes = ("value", []) if isinstance(task, RegressionTask) else (OVERALL, task.classes)
    names, counts = _known(list(table.index), task), table["n"].astype(np.int64)
    text: dict[str, list[str]] = {"metric": [_metric(task, name).label for name in names]}
    for column, limits in ((value, ["ci_low", "ci_high"]), *((cls, []) for cls in classes)):
        title = "value" if column == value else f"{task.name}: {column}"
        text[title] = [
            figure_texts(table.loc[[name], [column, *limits]], digits_of(evaluation, task, name))[0]
            for name in names
        ]
    text["n"] = [f"{counts[name]:,}" for name in names]
    unit = task.unit if number and isinstance(task, RegressionTask) else ""
    if unit:
        text["unit"] = [unit if _in_plain_units(task, name) else "" for name in names]
    return pd.DataFrame(text)


def bins_table(evaluation: Evaluation, task: Task, column: str) -> pd.DataFrame:
    """Return a task's main figures for each bin of a column."""
    known = list(evaluation.overall(task.name).index)
    metrics = _known(main_metrics(task, known), task)
    table = evaluation.by(column, task=task.name, metrics=metrics)
    text = {column: [str(name) for name in table.index], "n": [f"{n:,}" for n in table["n"]]}
    for metric in metrics:
        chosen = table[[metric, f"{metric}_low", f"{metric}_high"]]
        text[_metric(task, metric).label] = figure_texts(
            chosen, digits_of(evaluation, task, metric)
        )
    for name, title in (("n_missing_label", "without a label"), ("n_failed", "no prediction")):
        if table[name].any():
            text[title] = [f"{count:,}" for count in table[name]]
    return pd.DataFrame(text)


def over_bins_table(evaluation: Evaluation, task: Task, column: str) -> pd.DataFrame:
    """Return how a task's main figures differ between the bins of a column; empty if none do."""
    rows = evaluation.frame
    rows = rows[(rows["task"] == task.name) & (rows["by"] == column) & rows["stat"].eq("worst")]
    metrics = _known(main_metrics(task, list(dict.fromkeys(rows["metric"]))), task)
    if not metrics or len(evaluation.groupings[column].names) < 2:
        return pd.DataFrame()
    table = evaluation.over_bins(column, task=task.name, metrics=metrics)
    text: dict[str, list[str]] = {"metric": [_metric(task, name).label for name in metrics]}
    for stat, title in _STATISTICS.items():
        limits = [stat, f"{stat}_low", f"{stat}_high"]
        found = [
            figure_texts(table.loc[[name], limits], _digits(evaluation, task, name, stat))[0]
            for name in metrics
        ]
        if f"{stat}_bin" in table:
            bins = table[f"{stat}_bin"]
            found = [
                figure if pd.isna(name) else f"{name}: {figure}"
                for name, figure in zip(bins, found, strict=True)
            ]
        text[title] = found
    return pd.DataFrame(text)


def captions(evaluation: Evaluation, row: int) -> dict[str, str]:
    """Return what each task's label and prediction of a row are, as text."""
    return {name: _caption(evaluation, name, row) for name in evaluation.tasks}


def _caption(evaluation: Evaluation, name: str, row: int) -> str:
    part = evaluation.parts[name]
    if part.failed[row]:
        return f"{name}: no prediction"
    if part.unlabelled[row]:
        return f"{name}: no label"
    place, data = int(np.searchsorted(part.used, row)), part.data
    if isinstance(data, RegressionData):
        truth, prediction = float(data.truth[place]), float(data.prediction[place])
        return f"{name}: {_short(truth)}, predicted {_short(prediction)}"
    classes = () if isinstance(part.task, RegressionTask) else part.task.classes
    truth, prediction = classes[data.truth[place]], classes[data.prediction[place]]
    text = f"{name}: {truth}, predicted {prediction}"
    probability = probability_of_truth(part)
    if probability is None:
        return text
    of = "" if truth == prediction else f"{truth}: "
    return f"{text} ({of}{probability[place]:.1%})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"


def _known(names: list[str], task: Task) -> list[str]:
    """Return the metrics among some names; the others are counts of what was left out."""
    known = REGRESSION_METRICS if isinstance(task, RegressionTask) else CLASSIFICATION_METRICS
    return [name for name in names if name in known]


def _metric(task: Task, name: str) -> Metric:
    known = REGRESSION_METRICS if isinstance(task, RegressionTask) else CLASSIFICATION_METRICS
    return known.get(name, argument="metric")


def _in_plain_units(task: Task, name: str) -> bool:
    return _metric(task, name).in_units and name != "mse"


def _label(task: Task, name: str) -> str:
    unit = ""
    if isinstance(task, RegressionTask) and task.unit and _in_plain_units(task, name):
        unit = f" ({task.unit})"
    return f"{task.name}: {_metric(task, name).label}{unit}"


def _digits(evaluation: Evaluation, task: Task, metric: str, stat: str) -> int:
    return 3 if stat == "ratio" else digits_of(evaluation, task, metric)
