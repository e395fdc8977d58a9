"""Image quality: metrics, and the filter that draws a line through them."""

from __future__ import annotations

from faceattr.quality.brisque import BrisqueWeights, brisque, brisque_features, brisque_scores
from faceattr.quality.metric import (
    QUALITY_METRICS,
    Complaint,
    NoScore,
    QualityMetric,
    quality_metric,
    worst_ends,
)

__all__ = [
    "QUALITY_METRICS",
    "BrisqueWeights",
    "Complaint",
    "NoScore",
    "QualityMetric",
    "brisque",
    "brisque_features",
    "brisque_scores",
    "quality_metric",
    "worst_ends",
]
