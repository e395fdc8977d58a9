"""What is said of one image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from faceattr.exceptions import InvalidTypeError
from faceattr.quality.metric import QualityMetric
from faceattr.quality.thresholds import Limits, complain

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True)
class Verdict:
    """Whether one image is accepted, why not, and what to do about it.

    A verdict is neither true nor false: ask for `accepted`.

    Attributes
    ----------
    accepted : bool
    reasons : tuple of str
        Why not, one for each limit that is crossed: ``"too dark (luminance 31.2, at least 60)"``.
        Empty where the image is accepted.
    advice : tuple of str
        What the person in front of the camera can do, each once.
    scores : dict of str to float
        The metrics that have a limit; NaN (a `NoScore`) where one is not defined. Empty for an
        image that cannot be read.
    issues : tuple of str
        The metric of each reason, for programs. Empty also for an image that cannot be read.
    """

    accepted: bool
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    issues: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for JSON; a score that is not defined is None."""
        scores = {name: None if math.isnan(value) else value for name, value in self.scores.items()}
        return {
            "accepted": self.accepted,
            "reasons": list(self.reasons),
            "advice": list(self.advice),
            "scores": scores,
            "issues": list(self.issues),
        }

    def __bool__(self) -> NoReturn:
        raise InvalidTypeError(
            "a verdict is neither true nor false", argument="verdict", hint="verdict.accepted"
        )

    def __str__(self) -> str:
        if self.accepted:
            scores = ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items())
            return f"accepted ({scores})"
        advice = f" - {'; '.join(self.advice)}" if self.advice else ""
        return f"rejected: {'; '.join(self.reasons)}{advice}"


def judge(
    metrics: Sequence[QualityMetric],
    scores: Sequence[float],
    limits: Mapping[str, Limits],
    *,
    flag_missing: bool,
) -> Verdict:
    """Return the verdict on an image by its scores, in the order of the metrics."""
    found = {metric.name: score for metric, score in zip(metrics, scores, strict=True)}
    every = {
        metric.name: complain(
            metric, found[metric.name], limits[metric.name], flag_missing=flag_missing
        )
        for metric in metrics
    }
    said = {name: complaint for name, complaint in every.items() if complaint is not None}
    reasons = tuple(complaint.reason for complaint in said.values())
    advice = dict.fromkeys(complaint.advice for complaint in said.values() if complaint.advice)
    return Verdict(not said, reasons, tuple(advice), found, tuple(said))
