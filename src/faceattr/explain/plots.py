"""Pictures of explanations; what is drawn is decided here, how it looks in `faceattr.report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceattr._validation import check_integer
from faceattr.explain.explanation import Explanation
from faceattr.explain.explanations import Explanations
from faceattr.images import UInt8Image
from faceattr.report import Overlay, new_figure, plot_overlay, plot_overlay_rows
from faceattr.tasks import RegressionTask

__all__ = [
    "doubts",
    "label_of",
    "plot_explanation",
    "plot_many",
    "plot_mean",
    "plot_two",
    "prediction_text",
    "short_name",
]

_NAME_CHARACTERS = 24
_LEFT, _RIGHT = "\N{LEFTWARDS ARROW}", "\N{RIGHTWARDS ARROW}"


def plot_explanation(explanation: Explanation, task: str, cls: str | None, ax: Axes | None) -> Axes:
    """Draw one explanation; what `Explanation.plot` does."""
    panel = _panel() if ax is None else ax
    title = f"{task}: {prediction_text(explanation, task)}"
    samples = explanation.attribution.n_samples
    how = f"{explanation.method}, n = {samples:,} samples" if samples else explanation.method
    caption = "\n".join([how, *doubts(explanation, task)])
    return plot_overlay(
        panel,
        Overlay(explanation.image, explanation.map(task, cls), caption),
        label=label_of(explanation, task, cls),
        title=title,
    )


def plot_many(
    explanations: Sequence[Explanation], task: str, cls: str | None, columns: int
) -> Figure:
    """Draw many explanations; what `Explanations.plot` does."""
    columns = min(check_integer(columns, "columns", low=1), len(explanations))
    overlays = [_overlay(item, task, cls, name=True) for item in explanations]
    rows = [overlays[start : start + columns] for start in range(0, len(overlays), columns)]
    title = f"{task} by {explanations[0].method} (n = {len(overlays)} images)"
    return plot_overlay_rows(rows, label=label_of(explanations[0], task, cls), title=title)


def plot_two(
    first: Sequence[Explanation],
    second: Sequence[Explanation],
    task: str,
    cls: str | None,
    names: tuple[str, str],
) -> Figure:
    """Draw images as two models see them; what `Explanations.plot_beside` does."""
    left = [_overlay(item, task, cls, name=True) for item in first]
    right = [_overlay(item, task, cls, name=False) for item in second]
    label = label_of(first[0], task, cls)
    if _unit(first[0], task) != _unit(second[0], task):  # as years beside Grad-CAM's
        left, right = _of_largest(left), _of_largest(right)
        label = f"{_LEFT} against   share of each side's largest   for {_RIGHT}"
    title = f"{task} (n = {len(left)} images)"
    rows = [list(pair) for pair in zip(left, right, strict=True)]
    return plot_overlay_rows(rows, label=label, title=title, headings=names)


def _unit(item: Explanation, task: str) -> tuple[bool, str | None]:
    return item.attribution.in_units, getattr(item.tasks[task], "unit", None)


def _of_largest(overlays: Sequence[Overlay]) -> list[Overlay]:
    """Return the same with maps as shares of the largest value of all."""
    largest = max(float(np.abs(item.plane).max(initial=0.0)) for item in overlays) or 1.0
    return [replace(item, plane=item.plane / largest) for item in overlays]


def plot_mean(explanations: Explanations, task: str, cls: str | None, ax: Axes | None) -> Axes:
    """Draw the average map over the average image; what `Explanations.plot_mean` does."""
    plane = explanations.mean_map(task, cls)
    total = np.zeros((*plane.shape, 3))
    for item in explanations:
        total += item.image
    image: UInt8Image = (total / len(explanations)).round().astype(np.uint8)
    return plot_overlay(
        _panel() if ax is None else ax,
        Overlay(image, plane, f"average by {explanations[0].method}"),
        label=label_of(explanations[0], task, cls),
        title=f"{task} (n = {len(explanations)} images)",
    )


def _panel() -> Axes:
    return new_figure(width=4.4, height=3.7)[1][0][0]


def _overlay(item: Explanation, task: str, cls: str | None, *, name: bool) -> Overlay:
    lines = [short_name(item.sample_id)] if name else []
    lines.append(prediction_text(item, task))
    if item.grades is not None and not item.grade(task).trusted:
        lines.append("not to be trusted")
    return Overlay(item.image, item.map(task, cls), "\n".join(lines))


def doubts(explanation: Explanation, task: str) -> list[str]:
    """Return why an explanation is not to be trusted, if so."""
    if explanation.grades is None or explanation.grade(task).trusted:
        return []
    return ["not to be trusted: " + explanation.grade(task).reasons[0]]


def prediction_text(explanation: Explanation, task: str) -> str:
    """Return what is predicted, with its unit or its probability."""
    found, known = explanation.prediction(task), explanation.tasks[task]
    if isinstance(known, RegressionTask):
        return f"{found:.1f} {known.unit}".strip()
    return f"{found} ({explanation.probability(task, str(found)):.0%})"


def label_of(explanation: Explanation, task: str, cls: str | None = None) -> str:
    """Return what the colours mean, for the bar beside them."""
    known = explanation.tasks[task]
    in_units = explanation.attribution.in_units
    if isinstance(known, RegressionTask):
        unit = f" ({known.unit})" if known.unit and in_units else ""
        return f"{_LEFT} lowers   {task}{unit}   raises {_RIGHT}"
    several = cls is None and len(known.classes) > 2
    target = "the predicted class" if several else explanation.explained_class(task, cls)
    what = f"probability of {target}" if in_units else str(target)
    return f"{_LEFT} against   {what}   for {_RIGHT}"


def short_name(sample_id: str) -> str:
    """Return the name of a file without its folders, cut where it is long."""
    name = PurePosixPath(sample_id).name.encode("utf-8", "backslashreplace").decode()
    return name if len(name) <= _NAME_CHARACTERS else "..." + name[3 - _NAME_CHARACTERS :]
