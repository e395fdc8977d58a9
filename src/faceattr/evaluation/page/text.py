"""Tables and captions of the page of an evaluation: figures as text, with intervals and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr.evaluation.metrics import OVERALL, Metric, RegressionData
from faceattr.evaluation.over_bins import has_statistics
from faceattr.evaluation.summary import TOO_FEW, digits_of, figure_texts
from faceattr.evaluation.views import main_metrics
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
    "shown_metrics",
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
        for name in shown_metrics(evaluation, task):
            row = table.loc[[name], [value, "ci_low", "ci_high"]]
            rows.append(
                {
                    "figure": _label(evaluation, task, name),
                    "value": figure_texts(row, digits_of(evaluation, task, name))[0],
                    "n": f"{counts[name]:,}",
                }
            )
    return pd.DataFrame(rows, columns=["figure", "value", "n"])


def task_table(evaluation: Evaluation, task: Task) -> pd.DataFrame:
    """Return all figures of a task over all rows, of classes also each class."""
    table = evaluation.overall(task.name)
    value, classes = ("value", []) if isinstance(task, RegressionTask) else (OVERALL, task.classes)
    known, counts = evaluation.metrics[task.name], table["n"].astype(np.int64)
    names = [name for name in table.index if name in known]
    text: dict[str, list[str]] = {"metric": [known[name].label for name in names]}
    for column, limits in ((value, ["ci_low", "ci_high"]), *((cls, []) for cls in classes)):
        title = "value" if column == value else f"{task.name}: {column}"
        text[title] = [
            figure_texts(table.loc[[name], [column, *limits]], digits_of(evaluation, task, name))[0]
            for name in names
        ]
    text["n"] = [f"{counts[name]:,}" for name in names]
    if isinstance(task, RegressionTask) and task.unit:
        text["unit"] = [_unit(known[name], task) for name in names]
    return pd.DataFrame(text)


def bins_table(evaluation: Evaluation, task: Task, column: str) -> pd.DataFrame:
    """Return a task's main figures for each bin of a column."""
    metrics, known = shown_metrics(evaluation, task), evaluation.metrics[task.name]
    table = evaluation.by(column, task=task.name, metrics=metrics)
    text = {column: [str(name) for name in table.index], "n": [f"{n:,}" for n in table["n"]]}
    for metric in metrics:
        chosen = table[[metric, f"{metric}_low", f"{metric}_high"]]
        figures = figure_texts(chosen, digits_of(evaluation, task, metric))
        few = chosen[metric].isna() & (table["n"] < evaluation.min_count)
        text[known[metric].label] = [
            TOO_FEW if no else figure for no, figure in zip(few, figures, strict=True)
        ]
    for name, title in (("n_missing_label", "without a label"), ("n_failed", "no prediction")):
        if table[name].any():
            text[title] = [f"{count:,}" for count in table[name]]
    return pd.DataFrame(text)


def over_bins_table(evaluation: Evaluation, task: Task, column: str) -> pd.DataFrame:
    """Return how a task's main figures differ between the bins of a column; empty if none do."""
    known = evaluation.metrics[task.name]
    metrics = [name for name in shown_metrics(evaluation, task) if has_statistics(known[name])]
    if not metrics or len(evaluation.groupings[column].names) < 2:
        return pd.DataFrame()
    table = evaluation.over_bins(column, task=task.name, metrics=metrics)
    text: dict[str, list[str]] = {"metric": [known[name].label for name in metrics]}
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


def shown_metrics(evaluation: Evaluation, task: Task) -> list[str]:
    """Return the main metrics of a task among those computed, and those of the user's own."""
    known = evaluation.metrics[task.name]
    available = [name for name in evaluation.overall(task.name).index if name in known]
    own = [name for name in available if known[name].own]
    return list(dict.fromkeys([*main_metrics(task, available), *own]))


def _unit(metric: Metric, task: RegressionTask) -> str:
    return task.unit if metric.in_units and metric.name != "mse" else ""


def _label(evaluation: Evaluation, task: Task, name: str) -> str:
    metric = evaluation.metrics[task.name][name]
    unit = _unit(metric, task) if isinstance(task, RegressionTask) else ""
    return f"{task.name}: {metric.label}" + (f" ({unit})" if unit else "")


def _digits(evaluation: Evaluation, task: Task, metric: str, stat: str) -> int:
    return 3 if stat == "ratio" else digits_of(evaluation, task, metric)
