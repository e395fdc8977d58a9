"""Images of a quality table, found again by their ids, in the order of a score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._requests import ImagesInput, gather_requests
from faceattr.exceptions import DataError, ImageReadError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality.metric import QualityMetric
from faceattr.quality.thresholds import Limits

__all__ = ["ShownImages", "best_to_worst", "ends_of", "worst_rows"]


class ShownImages:
    """The images that a quality table is about.

    Parameters
    ----------
    images : whatever was scored
    quality : pandas.DataFrame
        Every id of it must be among the images.
    """

    def __init__(self, images: ImagesInput, quality: pd.DataFrame) -> None:
        self._requests = gather_requests(images)
        known = [str(name) for name in self._requests.known["sample_id"]]
        self._positions = {name: row for row, name in enumerate(known)}
        ids = quality["sample_id"].tolist()
        unknown = [name for name in ids if name not in self._positions]
        if unknown:
            raise DataError(
                "images of the quality table are not among these",
                argument="images",
                rows=unknown,
                expected="the images that were scored",
                found=f"{len(known):,} images, such as {known[0]!r}" if known else "no image",
            )
        self._ids = ids

    def read(self, row: int) -> UInt8Image | None:
        """Return the image of a row of the table; None where it cannot be read any more."""
        try:
            return self._requests.read(self._positions[self._ids[row]])
        except (ImageReadError, InvalidTypeError):
            return None


def ends_of(metric: QualityMetric) -> tuple[str, str]:
    """Return what the first and the last image of `best_to_worst` are called."""
    return ("best", "worst") if metric.worse in {"low", "high"} else ("lowest", "highest")


def best_to_worst(metric: QualityMetric, values: npt.NDArray[np.float64], count: int) -> list[int]:
    """Return rows at even steps from the best score to the worst.

    A score of which neither end is worse runs from low to high.
    """
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    if metric.worse == "low":
        order = order[::-1]
    steps = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(np.intp)
    return [int(row) for row in order[steps]]


def worst_rows(
    metric: QualityMetric, values: npt.NDArray[np.float64], limits: Limits | None, count: int
) -> list[int]:
    """Return the rows with the worst scores, worst first.

    With limits only those beyond them, the farthest first; without, those at the worse end. Where
    both ends are worse and there is no limit, they are taken from both.
    """
    known = np.flatnonzero(np.isfinite(values))
    badness = _badness(metric, values[known], limits)
    order = np.argsort(-badness, kind="stable")
    if limits is not None:
        order = order[badness[order] > 0]
    return [int(row) for row in known[order[:count]]]


def _badness(
    metric: QualityMetric, values: npt.NDArray[np.float64], limits: Limits | None
) -> npt.NDArray[np.float64]:
    if limits is not None:
        low = -np.inf if limits.low is None else limits.low
        high = np.inf if limits.high is None else limits.high
        return np.maximum(low - values, values - high)
    if metric.worse == "low":
        return -values
    if metric.worse == "high":
        return values
    middle = np.median(values) if len(values) else 0.0
    return np.abs(values - middle)
