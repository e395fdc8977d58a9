"""Which metrics are scored where none are named."""

from __future__ import annotations

__all__ = ["DEFAULT_METRICS"]

DEFAULT_METRICS: tuple[str, ...] = ()
