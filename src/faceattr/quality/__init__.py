"""Image quality: metrics, and the filter that draws a line through them."""

from __future__ import annotations

from faceattr.quality.brisque import BrisqueWeights, brisque, brisque_features, brisque_scores
from faceattr.quality.defaults import DEFAULT_METRICS
from faceattr.quality.filter import QualityFilter
from faceattr.quality.metric import (
    QUALITY_METRICS,
    Complaint,
    NoScore,
    QualityMetric,
    quality_metric,
    worst_ends,
)
from faceattr.quality.presets import PRESETS
from faceattr.quality.skin import ITA_BANDS, ita_band, skin_mask
from faceattr.quality.store import QualityCache
from faceattr.quality.verdict import Verdict

__all__ = [
    "DEFAULT_METRICS",
    "ITA_BANDS",
    "PRESETS",
    "QUALITY_METRICS",
    "BrisqueWeights",
    "Complaint",
    "NoScore",
    "QualityCache",
    "QualityFilter",
    "QualityMetric",
    "Verdict",
    "brisque",
    "brisque_features",
    "brisque_scores",
    "ita_band",
    "quality_metric",
    "skin_mask",
    "worst_ends",
]
