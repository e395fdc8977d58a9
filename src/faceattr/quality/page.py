"""The page of a quality table: what the scores are, what is left out, and how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from faceattr._requests import ImagesInput
from faceattr._validation import check_integer
from faceattr.quality.columns import REASONS, split_texts
from faceattr.quality.finding import find_metric
from faceattr.quality.flags import metrics_of, unread_notes
from faceattr.quality.metric import QualityMetric
from faceattr.quality.plots import plot_quality
from faceattr.quality.showing import ShownImages, worst_rows
from faceattr.quality.summary import headline, summary_table
from faceattr.quality.thresholds import Limits, number
from faceattr.report.html import (
    Markup,
    check_page_path,
    html_cards,
    html_figure,
    html_figures,
    html_image,
    html_page,
    html_section,
    html_table,
    privacy_note,
    write_html,
)

__all__ = ["write_page"]

_MOST_LISTED = 100


def write_page(
    path: str | Path,
    images: ImagesInput,
    quality: pd.DataFrame,
    limits: Mapping[str, Limits],
    *,
    worst: int,
) -> Path:
    """Write the page of a table that is flagged by these limits, if there are any."""
    target = check_page_path(path, "path")
    check_integer(worst, "worst", low=0)
    shown = ShownImages(images, quality)
    parts = [headline(quality, limits) + "."]
    if worst:
        parts.insert(0, privacy_note())
    table = summary_table(quality, limits)
    if len(table):
        parts.append(html_section("Scores", html_table(table), _explained(limits)))
        parts.append(html_section("Spread", _spread(quality, limits)))
    parts += [
        _worst_of(find_metric(name, "quality"), quality, limits, shown, worst)
        for name in metrics_of(quality)
    ]
    parts.append(_unreadable(quality))
    return write_html(html_page("Image quality", *(part for part in parts if part)), target)


def _spread(quality: pd.DataFrame, limits: Mapping[str, Limits]) -> Markup:
    """Draw a histogram a metric, each a figure of its own, for narrow screens."""
    return html_figures(
        html_figure(plot_quality(quality[["sample_id", name]], limits, None), f"scores: {name}")
        for name in metrics_of(quality)
    )


def _explained(limits: Mapping[str, Limits]) -> str:
    text = "missing: images without this score."
    if limits:
        text += " below, above: images beyond the limit. alone: images flagged for nothing else."
    return text


def _worst_of(
    metric: QualityMetric,
    quality: pd.DataFrame,
    limits: Mapping[str, Limits],
    shown: ShownImages,
    worst: int,
) -> str:
    """Show the images beyond a metric's limits; without limits, those at its worse end."""
    own = limits.get(metric.name)
    if not worst or (own is None and metric.worse is None):
        return ""
    values = quality[metric.name].to_numpy(dtype=np.float64)
    rows = worst_rows(metric, values, own, worst)
    cards = [_card(quality, row, metric, float(values[row]), shown) for row in rows]
    if own is None:
        title = f"{metric.name}: the {len(cards)} worst"
    else:
        beyond = len(worst_rows(metric, values, own, len(values)))
        title = f"{metric.name}: {len(cards):,} of {beyond:,} beyond the limits, worst first"
    unit = f", in {metric.unit}" if metric.unit else ""
    return html_section(title, f"{metric.label}{unit}.", html_cards(cards) if cards else "None.")


def _card(
    quality: pd.DataFrame, row: int, metric: QualityMetric, value: float, shown: ShownImages
) -> list[str]:
    name = str(quality["sample_id"].iloc[row])
    image = shown.read(row)
    picture: str = "cannot be read any more" if image is None else html_image(image, name)
    reasons = str(quality[REASONS].iloc[row]) if REASONS in quality.columns else ""
    unit = f" {metric.unit}" if metric.unit else ""
    return [picture, f"{number(value, 3)}{unit}", name, *split_texts(reasons)]


def _unreadable(quality: pd.DataFrame) -> Markup | str:
    notes = pd.Series(unread_notes(quality), dtype=object)
    failed = (notes != "").to_numpy(dtype=np.bool_)
    if not failed.any():
        return ""
    table = pd.DataFrame(
        {"image": quality["sample_id"].to_numpy(dtype=object)[failed], "reason": notes[failed]}
    )
    title = f"{len(table):,} images cannot be read"
    more = len(table) - _MOST_LISTED
    rest = [f"And {more:,} more, which stand in the table."] if more > 0 else []
    return html_section(title, html_table(table.head(_MOST_LISTED)), *rest)
