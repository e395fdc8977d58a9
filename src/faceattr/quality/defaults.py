"""The metrics of the library: importing this module registers them."""

from __future__ import annotations

from faceattr.quality import colour, compression, light, sharpness, skin  # noqa: F401  # registers

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
