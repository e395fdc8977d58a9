"""The metrics of the library: importing this module registers them."""

from __future__ import annotations

from faceattr.quality import colour, compression, light, sharpness, skin  # noqa: F401  # registers
from faceattr.quality.brisque import brisque_metric  # noqa: F401  # registers
from faceattr.quality.metric import QUALITY_METRICS, mark_own

__all__ = ["DEFAULT_METRICS"]

DEFAULT_METRICS: tuple[str, ...] = (
    "brisque",
    "laplacian_variance",
    "high_frequency_energy",
    "luminance",
    "contrast",
    "entropy",
    "unique_colours",
    "size",
    "clipped_dark",
    "clipped_bright",
    "blockiness",
    "grayscale",
    "ita",
)
"""What is scored where nothing else is named, in the order of the columns."""

for _name in QUALITY_METRICS:
    # Nobody else can have registered any yet: the package is loaded before its decorator is there.
    mark_own(QUALITY_METRICS.get(_name, argument="name"))
