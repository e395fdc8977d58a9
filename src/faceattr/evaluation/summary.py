"""The text of an evaluation, for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr.evaluation.metrics import CLASSIFICATION_METRICS, REGRESSION_METRICS
from faceattr.tasks import RegressionTask, Task

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["summarise"]

_BY_BIN = {"regression": ("mae", "rmse", "bias"), "classification": ("accuracy", "f1", "roc_auc")}


def summarise(evaluation: Evaluation) -> str:
    """Return the main figures of every task, overall and by bins."""
    blocks = []
    for task in evaluation.tasks.values():
        blocks.append(_overall(evaluation, task))
        blocks += [_by_bins(evaluation, task, column) for column in evaluation.columns]
    return "\n\n".join(blocks) + "\n"


def _overall(evaluation: Evaluation, task: Task) -> str:
    table = evaluation.overall(task.name)
    left_out = [
        int(evaluation.value(f"{task.name}/{name}")) for name in ("n_failed", "n_missing_label")
    ]
    unit = f" ({task.unit})" if isinstance(task, RegressionTask) and task.unit else ""
    rows = len(evaluation.data[task.name])
    head = (
        f"{task.name}{unit}: {rows:,} rows evaluated, {left_out[0]:,} without a prediction, "
        f"{left_out[1]:,} without a label"
    )
    value = "value" if isinstance(task, RegressionTask) else "overall"
    known = REGRESSION_METRICS if isinstance(task, RegressionTask) else CLASSIFICATION_METRICS
    names = [name for name in table.index if name in known and name != "support"]
    shown = table.loc[names]
    text = pd.DataFrame(
        {
            "": [known.get(name, argument="metric").label for name in names],
            "value": [_number(number) for number in shown[value]],
            f"{evaluation.confidence:.0%} interval": _intervals(shown["ci_low"], shown["ci_high"]),
            "n": [f"{n:,}" for n in shown["n"]],
        }
    )
    if not isinstance(task, RegressionTask):
        for cls in task.classes:
            text[cls] = [_number(number) for number in shown[cls]]
    return head + "\n" + text.to_string(index=False)


def _by_bins(evaluation: Evaluation, task: Task, column: str) -> str:
    kind = "regression" if isinstance(task, RegressionTask) else "classification"
    known = REGRESSION_METRICS if isinstance(task, RegressionTask) else CLASSIFICATION_METRICS
    available = set(evaluation.overall(task.name).index)
    metrics = [name for name in _BY_BIN[kind] if name in available]
    table = evaluation.by(column, task=task.name, metrics=metrics)
    text = pd.DataFrame({column: table.index.astype(str), "n": [f"{n:,}" for n in table["n"]]})
    for metric in metrics:
        intervals = _intervals(table[f"{metric}_low"], table[f"{metric}_high"])
        values = [_number(number) for number in table[metric]]
        label = known.get(metric, argument="metric").label
        text[label] = [" ".join(pair).strip() for pair in zip(values, intervals, strict=True)]
    return f"{task.name} by {column}\n" + text.to_string(index=False)


def _intervals(low: pd.Series, high: pd.Series) -> list[str]:
    pairs = zip(low, high, strict=True)
    return ["" if np.isnan(a) else f"[{_number(a)}, {_number(b)}]" for a, b in pairs]


def _number(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"
