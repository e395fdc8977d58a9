"""The text of risk-coverage curves, for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr.evaluation.metrics import RegressionData
from faceattr.evaluation.selective.inputs import RANDOM
from faceattr.evaluation.texts import WIDTH, decimals, interval_text, table_text
from faceattr.tasks import RegressionTask

if TYPE_CHECKING:
    from faceattr.evaluation.selective.result import RiskCoverage

__all__ = ["error_label", "summarise_curves"]

_SHOWN = 0.8
_NAME = 24
_MEANING = (
    "Change: the error of the images that are kept, less the unfiltered error. They are easier or\n"
    "harder images, not a better model. Dropping at random changes nothing on average."
)


def error_label(result: RiskCoverage, task: str) -> str:
    """Return what the error of a task is called, with its unit: ``"age MAE (years)"``."""
    chosen = result.tasks[task]
    if not isinstance(chosen, RegressionTask):
        return f"{task} error rate"
    return f"{task} MAE" + (f" ({chosen.unit})" if chosen.unit else "")


def summarise_curves(result: RiskCoverage) -> str:
    """Return the unfiltered error of every task, then what each metric makes of it."""
    blocks = [f"{_headline(result, task)}\n{_table(result, task)}" for task in result.tasks]
    notes = [_MEANING]
    if result.frame["ci_low"].notna().any():
        n_curves = int((result.area_frame["worst"] != "").sum())
        by_chance = n_curves * (1 - result.confidence)
        notes.append(
            f"In brackets: {result.confidence:.0%} bootstrap intervals, each for itself. Were no "
            f"metric of any use,\nabout {by_chance:.1f} of {n_curves} changes in a column would "
            "still seem to differ from 0."
        )
    if result.left_out:
        notes.append(f"Left out, equal for all images: {', '.join(result.left_out)}.")
    blocks.append("\n".join(notes))
    return "\n\n".join(blocks) + "\n"


def _headline(result: RiskCoverage, task: str) -> str:
    figures, digits = result.unfiltered(task), _digits(result, task)
    lines = [
        f"{error_label(result, task)}, unfiltered: "
        f"{interval_text(figures['value'], figures['ci_low'], figures['ci_high'], digits)}",
        f"over {int(figures['n']):,} rows; {int(figures['n_failed']):,} without a prediction, "
        f"{int(figures['n_missing_label']):,} without a label.",
    ]
    together = " ".join(lines)
    return together if len(together) <= WIDTH else "\n".join(lines)


def _table(result: RiskCoverage, task: str) -> str:
    frame, areas = result.frame, result.area_frame
    grid = frame.loc[frame["task"] == task, "coverage"].unique()
    shown = float(grid[np.abs(grid - _SHOWN).argmin()])
    points = frame[(frame["task"] == task) & (frame["coverage"] == shown)]
    points = points[points["by"] != RANDOM]
    means = areas[(areas["task"] == task) & (areas["by"] != RANDOM)]
    digits = _digits(result, task)
    keep = f"{shown:.0%}"
    columns = {
        "dropped by": [_short(name) for name in points["by"]],
        "worst": list(points["worst"]),
        "not scored": [f"{count:,}" for count in points["n_not_scored"]],
        f"{keep} kept": [f"{value:,.{digits}f}" for value in points["value"]],
        f"change at {keep}": _differences(points, digits),
        f"mean change, {areas['coverage_low'].min():.0%}-100%": _differences(means, digits),
    }
    return table_text(columns)


def _differences(rows: pd.DataFrame, digits: int) -> list[str]:
    columns = rows[["difference", "difference_low", "difference_high"]]
    lines = columns.to_numpy(dtype=np.float64)
    return [interval_text(value, low, high, digits, "+") for value, low, high in lines]


def _digits(result: RiskCoverage, task: str) -> int:
    data = result.parts[task].data
    return decimals(coarse=isinstance(data, RegressionData) and data.truth.std() >= 1)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."
