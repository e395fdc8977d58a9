"""Data sets: tables of images and labels, audited, split without leaks, balanced, cached."""

from __future__ import annotations

from faceattr.data.audit import Audit
from faceattr.data.cache import CachedImages, ImageCache
from faceattr.data.dataset import Dataset, Sample
from faceattr.data.sampling import (
    BalancedSampler,
    LabelDistributionSmoothing,
    SamplingReport,
)

__all__ = [
    "Audit",
    "BalancedSampler",
    "CachedImages",
    "Dataset",
    "ImageCache",
    "LabelDistributionSmoothing",
    "Sample",
    "SamplingReport",
]
