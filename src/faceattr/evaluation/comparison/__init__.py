"""Is B better than A? Differences of two models on the same images, with intervals and p-values."""

from faceattr.evaluation.comparison.comparing import compare
from faceattr.evaluation.comparison.result import Comparison

__all__ = ["Comparison", "compare"]
