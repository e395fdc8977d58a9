"""The text of an evaluation, for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr.evaluation.cells import VALUE
from faceattr.evaluation.metrics import OVERALL
from faceattr.evaluation.over_bins import STATISTICS, has_statistics
from faceattr.evaluation.texts import decimals, interval_text, number_text, table_text
from faceattr.evaluation.views import main_metrics
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["TOO_FEW", "digits_of", "figure_texts", "summarise"]

_BY_BIN = {"regression": ("mae", "rmse", "bias"), "classification": ("accuracy", "f1", "roc_auc")}
_COLUMNS = 3
TOO_FEW = "too few"


def summarise(evaluation: Evaluation) -> str:
    """Return the main figures of every task, overall and by bins."""
    blocks = []
    for task in evaluation.tasks.values():
        blocks.append(f"{_headline(evaluation, task)}\n{_overall(evaluation, task)}")
        blocks += [
            f"{task.name}, by {column}\n{_by_bins(evaluation, task, column)}"
            for column in evaluation.columns
        ]
    if (evaluation.frame["stat"] != VALUE).any():
        blocks.append(
            "mean, difference, ratio, worst, best: over the groups with at least "
            f"{evaluation.min_count} rows.\nOf many small groups one is always bad by chance."
        )
    if evaluation.frame["ci_low"].notna().any():
        blocks.append(f"In brackets: {evaluation.confidence:.0%} bootstrap intervals.")
    return "\n\n".join(blocks) + "\n"


def _headline(evaluation: Evaluation, task: Task) -> str:
    unit = f" ({task.unit})" if isinstance(task, RegressionTask) and task.unit else ""
    failed, unlabelled = (
        int(evaluation.value(f"{task.name}/{name}")) for name in ("n_failed", "n_missing_label")
    )
    return (
        f"{task.name}{unit}: {len(evaluation.data[task.name]):,} rows evaluated, "
        f"{failed:,} without a prediction, {unlabelled:,} without a label"
    )


def _overall(evaluation: Evaluation, task: Task) -> str:
    table, known = evaluation.overall(task.name), evaluation.metrics[task.name]
    value, classes = ("value", ()) if isinstance(task, RegressionTask) else (OVERALL, task.classes)
    names = [name for name in table.index if name in known]
    labels = [known[name].label for name in names]
    width = max(map(len, labels))
    rows = [table.loc[[name]] for name in names]
    digits = [digits_of(evaluation, task, name) for name in names]
    text = {"": [f"{label:<{width}}" for label in labels]}
    for column, limits in ((value, ("ci_low", "ci_high")), *((cls, ()) for cls in classes)):
        text[column] = [
            figure_texts(row[[column, *limits]], places)[0]
            for row, places in zip(rows, digits, strict=True)
        ]
    text["n"] = [f"{n:,}" for n in table.loc[names, "n"]]
    return table_text(text)


def _by_bins(evaluation: Evaluation, task: Task, column: str) -> str:
    metrics = _shown(evaluation, task)
    table = evaluation.by(column, task=task.name, metrics=metrics)
    over = evaluation.over_bins(column, task=task.name, metrics=_compared(evaluation, task))
    stats = [stat for stat in STATISTICS if len(over) and over[stat].notna().any()]
    text = {column: [*map(str, table.index), *stats]}
    text["n"] = [*(f"{n:,}" for n in table["n"]), *("" for _ in stats)]
    for metric in metrics:
        digits = digits_of(evaluation, task, metric)
        chosen = table[[metric, f"{metric}_low", f"{metric}_high"]]
        figures = figure_texts(chosen, digits)
        few = (table["n"] < evaluation.min_count) & chosen[metric].isna()
        figures = [TOO_FEW if no else figure for no, figure in zip(few, figures, strict=True)]
        text[evaluation.metrics[task.name][metric].label] = figures + [
            figure_texts(over.loc[[metric], [stat, f"{stat}_low", f"{stat}_high"]], digits)[0]
            if metric in over.index
            else ""
            for stat in stats
        ]
    return table_text(text)


def _shown(evaluation: Evaluation, task: Task) -> list[str]:
    known = evaluation.metrics[task.name]
    kind = "regression" if isinstance(task, RegressionTask) else "classification"
    available = set(evaluation.overall(task.name).index)
    own = [name for name, metric in known.items() if metric.own]
    found = [name for name in _BY_BIN[kind] if name in available]
    return list(dict.fromkeys([*found, *own, *main_metrics(task, list(known))]))[:_COLUMNS]


def _compared(evaluation: Evaluation, task: Task) -> list[str]:
    known = evaluation.metrics[task.name]
    return [name for name in _shown(evaluation, task) if has_statistics(known[name])]


def figure_texts(table: pd.DataFrame, digits: int) -> list[str]:
    """Write each row's figure, and its interval if there are columns and numbers for one."""
    lines = table.to_numpy(dtype=np.float64)
    if lines.shape[1] == 1:
        return [number_text(value, digits) for (value,) in lines]
    return [interval_text(value, low, high, digits) for value, low, high in lines]


def digits_of(evaluation: Evaluation, task: Task, metric: str) -> int:
    """Return the decimals of a metric: 4, or 2 for what is in units of a broad scale."""
    if metric == "support":
        return 0
    if not isinstance(task, RegressionTask):
        return decimals(coarse=False)
    in_units = evaluation.metrics[task.name][metric].in_units
    broad = evaluation.value(f"{task.name}/truth_std") >= 1
    return decimals(coarse=metric == "mape" or (in_units and broad))
