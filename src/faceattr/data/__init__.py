"""Data sets: tables of images and labels, audited, split without leaks, cached once decoded."""

from __future__ import annotations

from faceattr.data.audit import Audit
from faceattr.data.cache import CachedImages, ImageCache
from faceattr.data.dataset import Dataset, Sample

__all__ = ["Audit", "CachedImages", "Dataset", "ImageCache", "Sample"]
