"""Abstention: which predictions are refused, because the rest is right more often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from faceattr._validation import check_integer, check_number
from faceattr.calibration.columns import FloatArray

__all__ = ["Abstention"]


@dataclass(frozen=True)
class Abstention:
    """A rule that refuses the predictions of which a model is least sure.

    Attributes
    ----------
    threshold : float
        The least confidence that is kept. Confidence is the largest probability of a task of
        classes, after calibration, and minus the predicted standard deviation of a number.
    n : int
        The rows that the rule was fitted on.
    coverage : float
        The share of them that it keeps.
    right : float
        The share of the kept ones that is right: the right class, or a number at most `within` off.
    right_at_least : float
        What that share will be at least in the long run, with the confidence asked for; None where
        the rule was fitted for a coverage.
    within : float, optional
        How far off a number may be, in the task's unit; None for classes.
    """

    threshold: float
    n: int
    coverage: float
    right: float
    right_at_least: float | None = None
    within: float | None = None

    def __post_init__(self) -> None:
        check_number(self.threshold, "threshold")
        check_integer(self.n, "n", low=1)
        check_number(self.coverage, "coverage", low=0, high=1)
        check_number(self.right, "right", low=0, high=1)
        if self.right_at_least is not None:
            check_number(self.right_at_least, "right_at_least", low=0, high=1)
        if self.within is not None:
            check_number(self.within, "within", low=0)

    def refuses(self, confidence: FloatArray) -> npt.NDArray[np.bool_]:
        """Tell which predictions are refused, shape (n,); those that are missing always are."""
        return ~(confidence >= self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Abstention:
        """Make a rule from what `to_dict` gave."""
        return cls(**data)
