"""The figure of a quality table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceattr._requests import ImagesInput
from faceattr.exceptions import TableError
from faceattr.quality.finding import find_metric
from faceattr.quality.flags import metrics_of
from faceattr.quality.metric import QualityMetric
from faceattr.quality.showing import ShownImages, best_to_worst, ends_of
from faceattr.quality.thresholds import Limits, number
from faceattr.report import new_figure, plot_scores, plot_strip

__all__ = ["plot_quality"]

_IMAGES = 8
_COLUMNS = 3
_OPEN = Limits(None, None)


def plot_quality(
    quality: pd.DataFrame, limits: Mapping[str, Limits], images: ImagesInput | None
) -> Figure:
    """Draw a histogram a metric; with images, a row a metric with a strip of them."""
    metrics = [find_metric(name, "quality") for name in metrics_of(quality)]
    if not metrics:
        raise TableError(
            "no scores",
            argument="quality",
            expected="a column a metric",
            found=f"the columns {list(quality.columns)}",
        )
    if images is None:
        return _histograms(quality, metrics, limits)
    shown = ShownImages(images, quality)
    figure, panels = new_figure(len(metrics), 2, width=6.4, height=2.5, width_ratios=(1, 2.2))
    for metric, (left, right) in zip(metrics, panels, strict=True):
        _histogram(left, quality, metric, limits)
        _strip(right, quality, metric, shown)
    return figure


def _histograms(
    quality: pd.DataFrame, metrics: Sequence[QualityMetric], limits: Mapping[str, Limits]
) -> Figure:
    columns = min(_COLUMNS, len(metrics))
    figure, panels = new_figure(-(-len(metrics) // columns), columns, width=4.0, height=2.6)
    flat = [ax for row in panels for ax in row]
    for metric, ax in zip(metrics, flat, strict=False):
        _histogram(ax, quality, metric, limits)
    for ax in flat[len(metrics) :]:
        ax.set_visible(False)
    return figure


def _histogram(
    ax: Axes, quality: pd.DataFrame, metric: QualityMetric, limits: Mapping[str, Limits]
) -> None:
    values = quality[metric.name].to_numpy(dtype=np.float64)
    own = limits.get(metric.name, _OPEN)
    plot_scores(ax, values, label=metric.label, unit=metric.unit, name=metric.name, limits=own)


def _strip(ax: Axes, quality: pd.DataFrame, metric: QualityMetric, shown: ShownImages) -> None:
    values = quality[metric.name].to_numpy(dtype=np.float64)
    rows = best_to_worst(metric, values, _IMAGES)
    found = [(row, image) for row in rows if (image := shown.read(row)) is not None]
    captions = [number(float(values[row]), 3) for row, _ in found]
    title = " to ".join(ends_of(metric)) if found else "no image with a score"
    plot_strip(ax, [image for _, image in found], captions, title=title)
