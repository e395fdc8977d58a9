"""What the figures of a model say against it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceattr.evaluation.card.figures import (
    OF_BINS,
    Figure,
    card_digits,
    figures_of,
    known_metrics,
    metric_title,
    title_of,
)
from faceattr.evaluation.evaluation import Evaluation
from faceattr.evaluation.metrics import OVERALL
from faceattr.tasks import RegressionTask, Task

__all__ = ["minors", "weaknesses"]

_WORST = 3
_FEW = 100
"""Images below which a group is named as badly known."""


def minors(evaluation: Evaluation) -> str:
    """Say how often those below 18 were read as adults."""
    figures = [
        figure
        for task in evaluation.tasks.values()
        if isinstance(task, RegressionTask)
        for figure in figures_of(evaluation, task, "adult_at_18")
        if figure.by == OVERALL
    ]
    told = [
        f"Of {figure.n:,} held-out images of people labelled below 18, the share "
        f"{figure.text(3)} was read as 18 or older."
        for figure in figures
    ]
    return " ".join(told) or "How often minors are read as adults was not measured."


def weaknesses(evaluation: Evaluation, coverage: pd.DataFrame | None) -> str:
    """Name the worst groups of every task and of the intervals, and those with few images."""
    lines = []
    for task in evaluation.tasks.values():
        lines += _of_task(evaluation, task)
    lines += _of_intervals(evaluation, coverage)
    lines += _small(evaluation)
    lines.append(
        "- Of many small groups one is always bad by chance: read the intervals. Groups differ in "
        "more than their name; race labels, skin tone and light are not spread evenly over ages."
    )
    return "\n".join(lines)


def _of_task(evaluation: Evaluation, task: Task) -> list[str]:
    lines = []
    for metric in known_metrics(evaluation, task, OF_BINS)[:1]:
        figures = figures_of(evaluation, task, metric)
        bins = sorted(
            (figure for figure in figures if figure.by != OVERALL),
            key=lambda figure: figure.value,
            reverse=evaluation.metrics[task.name][metric].better == "lower",
        )
        digits = card_digits(evaluation, task, metric)
        told = [f"{_place(f)} with {f.text(digits)}, n = {f.n:,}" for f in bins[:_WORST]]
        whole = [figure.text(digits) for figure in figures if figure.by == OVERALL]
        if told and whole:
            lines.append(
                f"- {task.name}, {metric_title(evaluation, task, metric)}: worst for "
                f"{'; '.join(told)}. Over all images {whole[0]}."
            )
    return lines


def _place(figure: Figure) -> str:
    return f"{title_of(figure.by)} {figure.bin}"


def _of_intervals(evaluation: Evaluation, coverage: pd.DataFrame | None) -> list[str]:
    if coverage is None:
        return ["- How often intervals hold was not measured."]
    rows = coverage[(coverage["by"] != OVERALL) & (coverage["n"] >= evaluation.min_count)]
    lines = []
    for task, own in rows.dropna(subset="coverage").groupby("task", sort=False):
        worst = own.sort_values("coverage", kind="stable").head(_WORST)
        numbers = worst[["coverage", "coverage_low", "coverage_high"]].to_numpy(np.float64).tolist()
        places = zip(worst["by"].astype(str), worst["bin"].astype(str), worst["n"], strict=True)
        figures = [
            Figure(by, name, value, low, high, int(n))
            for (by, name, n), (value, low, high) in zip(places, numbers, strict=True)
        ]
        told = [f"{_place(f)} with {f.text(3)}, n = {f.n:,}" for f in figures]
        lines.append(
            f"- {task}: intervals of level {own['level'].iloc[0]:.0%} hold least often for "
            f"{'; '.join(told)}."
        )
    return lines


def _small(evaluation: Evaluation) -> list[str]:
    first = next(iter(evaluation.tasks))
    told = []
    for column in evaluation.columns:
        counts = evaluation.by(column, task=first)["n"]
        few = counts[(counts > 0) & (counts < _FEW)]
        told += [f"{title_of(column)} {name} (n = {n:,})" for name, n in few.items()]
    return [f"- Fewer than {_FEW} images, so hardly known: {'; '.join(told)}."] if told else []
