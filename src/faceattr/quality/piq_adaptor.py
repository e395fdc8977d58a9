"""Metrics of the package piq."""

from __future__ import annotations

from faceattr.exceptions import InvalidArgumentError
from faceattr.quality.metric import QualityMetric

__all__ = ["piq_metric"]


def piq_metric(name: str) -> QualityMetric:
    """Return a metric of piq by its name there."""
    raise InvalidArgumentError("unknown metric of piq", argument="metric", found=repr(name))
