"""Sampling: which images an epoch of training shows, and how often."""

from __future__ import annotations

from faceattr.data.sampling.plans import Plan, shuffled_plan
from faceattr.data.sampling.report import SamplingReport
from faceattr.data.sampling.sampler import BalancedSampler
from faceattr.data.sampling.smoothing import LabelDistributionSmoothing

__all__ = [
    "BalancedSampler",
    "LabelDistributionSmoothing",
    "Plan",
    "SamplingReport",
    "shuffled_plan",
]
