"""Rules of abstention: fitted so that what is left is right often enough, and their curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import pandas as pd

from faceattr._validation import check_number
from faceattr.calibration import Abstention
from faceattr.calibration.parts import confidence_of
from faceattr.evaluation.calibration.reading import check_table
from faceattr.evaluation.metrics import FloatArray
from faceattr.evaluation.rows import tasks_of
from faceattr.evaluation.selective.curves import COVERAGES, risk_coverage
from faceattr.evaluation.selective.dropping import kept_numbers
from faceattr.evaluation.selective.inputs import ResamplingOptions
from faceattr.evaluation.selective.result import RiskCoverage
from faceattr.exceptions import InvalidArgumentError
from faceattr.tasks import Task, TaskSet

__all__ = ["Abstain", "abstention_curve"]

_LOOKED_AT = np.arange(1, 41) / 40
"""Shares of predictions to keep at which a rule looks whether enough of them are right."""


@dataclass(frozen=True)
class Abstain:
    """What a rule of abstention is to reach; exactly one of `coverage` and `right` is given.

    Parameters
    ----------
    coverage : float, optional
        The share of predictions to keep, in (0, 1].
    right : float, optional
        The share of kept predictions that is to be right, in (0, 1).
    within : float, optional
        How far off a number may be to be right, in the task's unit; needed for tasks of numbers.
    confidence : float, default 0.95
        With `right`: how sure it is to be that the share is reached in the long run. The rule keeps
        as many predictions as an exact binomial bound allows (Clopper and Pearson 1934), in steps
        of 2.5 % of the rows; the chance of an error is divided among these 40 thresholds.

    References
    ----------
    Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks", NeurIPS.
    Angelopoulos, Bates, Candes, Jordan and Lei 2021, "Learn then Test", arXiv:2110.01052.
    """

    coverage: float | None = None
    right: float | None = None
    within: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if (self.coverage is None) == (self.right is None):
            raise InvalidArgumentError(
                "a rule aims at one of two things",
                argument="coverage",
                expected="either coverage or right",
                found=repr(self),
                hint="Abstain(coverage=0.9), or Abstain(right=0.98)",
            )
        for name in ("coverage", "right", "within"):
            value = getattr(self, name)
            if value is not None:
                high = None if name == "within" else 1.0
                check_number(value, name, low=0, high=high, low_open=name != "within")
        check_number(self.confidence, "confidence", low=0, high=1, low_open=True)
        if self.right == 1.0 or self.confidence == 1.0:
            raise InvalidArgumentError(
                "no number of rows can show it",
                argument="right" if self.right == 1.0 else "confidence",
                expected="less than 1",
                found="1.0",
            )

    def fit(self, confidence: FloatArray, right: FloatArray, task: str) -> Abstention:
        """Choose the threshold.

        Parameters
        ----------
        confidence : numpy.ndarray of float64, shape (n,)
            Of predictions on rows that no training has seen.
        right : numpy.ndarray of float64, shape (n,)
            1 for those that are right, else 0.
        task : str
            For errors.

        Raises
        ------
        InvalidArgumentError
            If the share of right ones cannot be reached.
        """
        missing = np.flatnonzero(~np.isfinite(confidence))
        if len(missing):
            raise InvalidArgumentError(
                "some predictions have no confidence",
                argument=f"abstain[{task!r}]",
                expected="a number for every prediction with a label",
                found=f"{len(missing)} without",
            )
        order = np.argsort(-confidence, kind="stable")
        ordered, n = confidence[order], len(confidence)
        # With all that have the same confidence.
        kept = np.searchsorted(-ordered, -ordered, side="right").astype(np.float64)
        shares = np.cumsum(right[order])[kept.astype(np.intp) - 1] / kept
        least = None
        if self.coverage is not None:
            place = int(kept_numbers(np.array([self.coverage]), np.array([float(n)]))[0, 0]) - 1
        else:
            place, least = self._search(kept, shares, task)
        return Abstention(
            threshold=float(ordered[place]),
            n=n,
            coverage=float(kept[place] / n),
            right=float(shares[place]),
            right_at_least=least,
            within=self.within,
        )

    def _search(self, kept: FloatArray, shares: FloatArray, task: str) -> tuple[int, float]:
        """Return the last of some places in the order at which the bound holds, and the bound."""
        wanted, n = self.right or 0.0, np.array([float(len(kept))])
        places = np.unique(kept_numbers(_LOOKED_AT, n)[0].astype(np.intp)) - 1
        chance = (1.0 - self.confidence) / len(_LOOKED_AT)
        bounds = [lower_bound(float(kept[k]), float(shares[k]), chance) for k in places]
        holds = np.flatnonzero(np.array(bounds) >= wanted)
        if not len(holds):
            raise InvalidArgumentError(
                "cannot be shown, however many predictions are refused",
                argument=f"right, task {task!r}",
                expected=f"at most {max(bounds):.4f} with these {len(kept):,} rows",
                found=repr(wanted),
                hint="more rows, or a lower share",
            )
        return int(places[holds[-1]]), bounds[holds[-1]]


def lower_bound(n: float, share: float, chance: float) -> float:
    """Return the least share in the long run, but for a small chance (Clopper and Pearson)."""
    from scipy.stats import beta

    right = round(n * share)
    return float(beta.ppf(chance, right, n - right + 1)) if right else 0.0


def abstention_curve(
    predictions: pd.DataFrame,
    *,
    tasks: TaskSet | Task | Iterable[Task] | None = None,
    coverages: Sequence[float] = COVERAGES,
    **bootstrap: Unpack[ResamplingOptions],
) -> RiskCoverage:
    """Measure the error of the kept predictions as the least sure ones are refused.

    It is `risk_coverage` with each task's own confidence in the place of image quality: the
    largest probability of classes, minus the predicted standard deviation of numbers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Calibrated or not; of held-out rows that no rule was fitted on.
    tasks : TaskSet, task or sequence of tasks, optional
        By default those told from the columns.
    coverages : sequence of float in (0, 1], optional
        Shares to keep.
    **bootstrap
        ``n_boot``, ``confidence``, ``seed``, as for `risk_coverage`.

    Returns
    -------
    RiskCoverage
        Its metrics are named ``<task>_confidence``; each task's curves by the confidence of every
        task.

    Raises
    ------
    TableError
        If a task has neither probabilities nor a standard deviation, or nothing is labelled.
    """
    table = check_table(predictions)
    chosen = tasks_of(table, tasks)
    ids = [f"{position:09d}" for position in range(len(table))]
    scores = {f"{name}_confidence": confidence_of(table, task) for name, task in chosen.items()}
    quality = pd.DataFrame({"sample_id": ids, **scores})
    return risk_coverage(
        table.assign(sample_id=ids),
        quality,
        worst=dict.fromkeys(scores, "low"),
        metrics=list(scores),
        coverages=coverages,
        tasks=chosen,
        **bootstrap,
    )
