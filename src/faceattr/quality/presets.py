"""Thresholds under a name."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PRESETS"]

PRESETS: Mapping[str, Mapping[str, tuple[float | None, float | None]]] = {
    "lenient": {},
    "standard": {},
    "strict": {},
}
