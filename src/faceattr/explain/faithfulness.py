"""How far an explanation can be trusted: fit, stability, and what hiding parts really does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceattr._validation import check_number
from faceattr.explain.attribution import Attribution
from faceattr.explain.curves import Curves, draw_curves
from faceattr.explain.scene import Scene
from faceattr.explain.stability import Stability, split_half_stability
from faceattr.tasks import ClassificationTask, Task

__all__ = ["Grade", "GradeLimits", "grade_explanation", "graded_output"]

_ROUNDING = 1e-6


@dataclass(frozen=True)
class GradeLimits:
    """Below which figures an explanation is not to be trusted.

    Parameters
    ----------
    r2 : float, default 0.5
        Of the local model's fit.
    rank_correlation : float, default 0.7
        Of the weights that two halves of the samples give.
    top_five : float, default 0.6
        Share of the five strongest parts that both halves agree on.
    weight_correlation : float, default 0.9
        From here on halves agree whatever their ranks: where few parts matter, the ranks of the
        others are chance.
    change : float, default 0.01
        By how much the prediction changes at least while parts are hidden and shown: a probability,
        or a share of the range that a number's bounds leave. Without bounds any change will do that
        is more than rounding.

    Raises
    ------
    InvalidArgumentError
        If a limit is above 1.
    """

    r2: float = 0.5
    rank_correlation: float = 0.7
    top_five: float = 0.6
    weight_correlation: float = 0.9
    change: float = 0.01

    def __post_init__(self) -> None:
        for name in ("r2", "rank_correlation", "top_five", "weight_correlation", "change"):
            check_number(getattr(self, name), name, low=-1, high=1)


@dataclass(frozen=True, eq=False)
class Grade:
    """What is known about the worth of one task's explanation.

    Attributes
    ----------
    task : str
    cls : str or None
        The class that was graded: the predicted one. None for numbers.
    r2 : float
        Weighted share of the variance of the samples that the local model explains, at most 1; NaN
        for methods without one, and for predictions that do not change.
    rank_correlation : float
        Spearman's, between the weights that disjoint halves of the samples give: the mean over ten
        ways to halve them, -1 to 1; NaN for methods without samples. It understates the stability
        of the whole, which has twice as many samples.
    weight_correlation : float
        Pearson's, of the same.
    top_five : float
        Share of the five parts of the largest absolute weight that the halves have in common, 0-1.
    stable : bool
        Whether the halves agree: either in the weights, or in both the ranks and the top five; also
        True where that cannot be told.
    deletion_area, insertion_area, random_area : float
        Mean height of the curves, in the task's unit: of deletion the lower the better, of
        insertion the higher, beside that of random orders (Petsiuk et al. 2018).
    correlation : float
        Pearson's, between the sums of weights of the parts that are shown and the predictions, over
        the random orders' images, which no method has seen (Bhatt et al. 2020); -1 to 1.
    reasons : tuple of str
        Why it is not to be trusted; empty where it is.
    curves : Curves

    References
    ----------
    Petsiuk, Das and Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box
    Models". Bhatt, Weller and Moura 2020, "Evaluating and Aggregating Feature-based Model
    Explanations".
    """

    task: str
    cls: str | None
    r2: float
    rank_correlation: float
    weight_correlation: float
    top_five: float
    stable: bool
    deletion_area: float
    insertion_area: float
    random_area: float
    correlation: float
    reasons: tuple[str, ...]
    curves: Curves

    @property
    def trusted(self) -> bool:
        """Whether no limit was crossed."""
        return not self.reasons

    def to_dict(self) -> dict[str, object]:
        """Return the figures as a row of a table."""
        stability = ("rank_correlation", "weight_correlation", "top_five", "stable")
        areas = ("deletion_area", "insertion_area", "random_area", "correlation")
        figures = {name: getattr(self, name) for name in ("r2", *stability, *areas)}
        return {
            "task": self.task,
            "class": self.cls or "",
            **figures,
            "trusted": self.trusted,
            "reasons": "; ".join(self.reasons),
        }


def graded_output(scene: Scene, task: str) -> int:
    """Return the output that is graded for a task: the number, or the most probable class."""
    columns = scene.predictor.columns(task)
    if not isinstance(scene.predictor.tasks[task], ClassificationTask):
        return int(columns.start)
    return int(columns.start) + int(scene.original[columns].argmax())


def grade_explanation(
    scene: Scene, attribution: Attribution, limits: GradeLimits
) -> dict[str, Grade]:
    """Grade an explanation, task by task.

    The curves cost 14 predictions a task and 29 for all of them; the rest costs none.

    Parameters
    ----------
    scene : Scene
    attribution : Attribution
        Of that scene.
    limits : GradeLimits

    Returns
    -------
    dict of str to Grade
    """
    outputs = {task: graded_output(scene, task) for task in scene.predictor.tasks}
    chosen = list(outputs.values())
    curves = draw_curves(scene, attribution.weights[chosen], chosen)
    stability = split_half_stability(scene, attribution, chosen)
    made: dict[str, Grade] = {}
    for row, (task, output) in enumerate(outputs.items()):
        r2 = np.nan if attribution.r2 is None else float(attribution.r2[output])
        figures = {
            "r2": r2,
            **stability[row]._asdict(),
            "deletion_area": curves[row].deletion_area,
            "insertion_area": curves[row].insertion_area,
            "random_area": curves[row].random_area,
            "correlation": curves[row].correlation,
        }
        unit = _unit_of_change(scene.predictor.tasks[task], curves[row], limits)
        reasons = _reasons(curves[row], curves[row].reach / unit, limits)
        if curves[row].reach > 0:
            reasons += _doubts_of_model(r2, stability[row], limits)
        cls = scene.outputs[output].cls
        stable = _is_stable(stability[row], limits)
        made[task] = Grade(task, cls, **figures, stable=stable, reasons=reasons, curves=curves[row])
    return made


def _unit_of_change(task: Task, curves: Curves, limits: GradeLimits) -> float:
    """Return what a change of prediction is measured in."""
    if isinstance(task, ClassificationTask):
        return 1.0
    if task.bounds is not None:
        return task.bounds[1] - task.bounds[0]
    rounding = _ROUNDING * (1e-12 + float(np.abs(curves.insertion).max()))
    return rounding / max(limits.change, _ROUNDING)


def _reasons(curves: Curves, change: float, limits: GradeLimits) -> tuple[str, ...]:
    if change == 0:
        return ("the prediction does not change when parts are hidden",)
    reasons: list[str] = []
    if change < limits.change:
        reasons.append("the prediction hardly changes when parts are hidden")
    if curves.deletion_area >= curves.random_area:
        reasons.append("hiding parts in its order does no more than in random order")
    if curves.insertion_area <= curves.random_area:
        reasons.append("showing parts in its order does no more than in random order")
    return tuple(reasons)


def _doubts_of_model(r2: float, stability: Stability, limits: GradeLimits) -> tuple[str, ...]:
    reasons: list[str] = []
    if r2 < limits.r2:  # False for NaN: a method without such a figure
        reasons.append(f"a sum over parts explains too little (R2 {r2:.2f}, limit {limits.r2:.2f})")
    if not _is_stable(stability, limits):
        reasons.append(
            "halves of its samples disagree (rank correlation "
            f"{stability.rank_correlation:.2f}, limit {limits.rank_correlation:.2f}; top five "
            f"{stability.top_five:.2f}, limit {limits.top_five:.2f})"
        )
    return tuple(reasons)


def _is_stable(stability: Stability, limits: GradeLimits) -> bool:
    if np.isnan(stability.weight_correlation):
        return True
    ranks = stability.rank_correlation >= limits.rank_correlation
    agreed = ranks and stability.top_five >= limits.top_five
    return agreed or stability.weight_correlation >= limits.weight_correlation
