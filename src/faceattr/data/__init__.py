"""Data sets: tables of images and labels, split without leaks, cached once decoded."""

from __future__ import annotations

from faceattr.data.cache import CachedImages, ImageCache
from faceattr.data.dataset import Dataset, Sample
from faceattr.data.sampling import (
    BalancedSampler,
    LabelDistributionSmoothing,
    SamplingReport,
)

__all__ = [
    "BalancedSampler",
    "CachedImages",
    "Dataset",
    "ImageCache",
    "LabelDistributionSmoothing",
    "Sample",
    "SamplingReport",
]
