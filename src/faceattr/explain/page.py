"""The page of explanations: what matters on the whole, then every face with its parts in colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from faceattr._validation import check_integer
from faceattr.explain.explanation import Explanation
from faceattr.explain.explanations import Explanations
from faceattr.explain.plots import doubts, label_of, prediction_text, short_name
from faceattr.report import Overlay, blend_overlay
from faceattr.report.html import (
    Markup,
    check_page_path,
    html_cards,
    html_contents,
    html_figure,
    html_image,
    html_page,
    html_section,
    html_table,
    html_text,
    privacy_note,
    write_html,
)
from faceattr.tasks import RegressionTask

__all__ = ["write_page"]

_MEANING = (
    "Orange parts raise the prediction, blue ones lower it; the strongest colour is that of the "
    "largest weight of the image. A trusted explanation says truly what the model does. It does "
    "not say that the model is right, and attributes are appearance as labelled, never identity."
)
_FIGURES = {
    "r2": "fit (R2)",
    "rank_correlation": "rank correlation of halves",
    "deletion_area": "area under deletion",
    "insertion_area": "area under insertion",
    "random_area": "area, random order",
}
_MOST_PARTS = 20


def write_page(explanations: Explanations, path: str | Path, title: str, max_images: int) -> Path:
    """Write the page; see `Explanations.to_html`."""
    target = check_page_path(path, "path")
    check_integer(max_images, "max_images", low=0)
    sections = [(f"task-{number}", task) for number, task in enumerate(explanations.tasks)]
    parts = [privacy_note(), html_text(_headline(explanations)), html_text(_MEANING)]
    parts += [html_contents(sections)]
    parts += [
        html_section(f"Task: {task}", *_task(explanations, task, max_images), anchor=anchor)
        for anchor, task in sections
    ]
    if len(explanations.errors):
        shown = explanations.errors[["sample_id", "error"]]
        parts.append(
            html_section(f"Images that could not be read: {len(shown):,}", html_table(shown))
        )
    return write_html(html_page(title, *parts), target)


def _headline(explanations: Explanations) -> str:
    first = explanations[0]
    samples = first.attribution.n_samples
    drawn = f" with {samples:,} samples an image" if samples else ""
    return (
        f"{len(explanations):,} images explained by {first.method}{drawn}; "
        f"{len(explanations.errors):,} could not be read."
    )


def _task(explanations: Explanations, task: str, max_images: int) -> Iterator[Markup]:
    if all(item.grades is not None for item in explanations):
        yield html_table(_grades(explanations, task))
    if len({tuple(item.segments.names) for item in explanations}) == 1:
        yield html_table(_parts(explanations, task))
    if len({item.image.shape for item in explanations}) == 1 and len(explanations) > 1:
        figure = explanations.plot_mean(task).get_figure(root=True)
        if figure is not None:
            yield html_figure(figure, f"Average map of {task}")
    yield html_text(label_of(explanations[0], task))
    yield html_cards(_cards(explanations[:max_images], task))
    if len(explanations) > max_images:
        yield html_text(f"The first {max_images:,} of {len(explanations):,} images.")


def _grades(explanations: Explanations, task: str) -> pd.DataFrame:
    grades = explanations.grades()
    grades = grades[grades["task"] == task]
    rows = {"images": f"{len(grades):,}", "trusted": f"{int(grades['trusted'].sum()):,}"}
    rows |= {
        f"{label}, median": f"{grades[name].median():.2f}"
        for name, label in _FIGURES.items()
        if grades[name].notna().any()
    }
    return pd.DataFrame({"how far to trust them": rows.keys(), "": rows.values()})


def _parts(explanations: Explanations, task: str) -> pd.DataFrame:
    """List the parts by how much they matter, whatever the direction."""
    means = explanations.mean_weights(task).sort_values("mean_absolute", ascending=False)
    means = means.head(_MOST_PARTS)
    text = {"part": [str(name) for name in means.index]}
    for column in ("mean_absolute", "mean", "std"):
        text[column.replace("_", " ")] = [f"{value:.4g}" for value in means[column]]
    return pd.DataFrame(text | {"images": [f"{n:,}" for n in means["n"]]})


def _cards(items: Iterable[Explanation], task: str) -> Iterator[tuple[str, ...]]:
    for item in items:
        prediction = prediction_text(item, task)
        image = blend_overlay(Overlay(item.image, item.map(task)))
        described = f"{item.sample_id}: parts that speak for and against {prediction}"
        lines = (_strongest(item, task), short_name(item.sample_id), *doubts(item, task))
        yield (html_image(image, described), prediction, *lines)


def _strongest(item: Explanation, task: str) -> str:
    """Name the part with the largest weight, which has the strongest colour."""
    weights = item.weights(task)
    place = int(weights.abs().argmax())
    value = float(weights.iloc[place])
    known = item.tasks[task]
    unit = known.unit if isinstance(known, RegressionTask) and item.attribution.in_units else ""
    return f"most: {weights.index[place]} {value:+.3g} {unit}".strip()
