"""A model card from an evaluation, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from faceattr.evaluation.evaluation import Evaluation
from faceattr.exceptions import InvalidTypeError, TableError

__all__ = ["ModelFacts", "model_card"]

_COVERAGE = [
    "task",
    "by",
    "bin",
    "n",
    "level",
    "coverage",
    "coverage_low",
    "coverage_high",
    "width",
]

_INTENDED = (
    "Research and teaching: describing sets of face images whose labels are missing, with the "
    "errors below in mind; a starting point and a point of comparison for other models; showing "
    "how errors differ between groups. Images are expected as the training images were: one face, "
    "upright, cut out in the same way."
)


@dataclass(frozen=True)
class ModelFacts:
    """What a card tells beside the figures. Texts are Markdown.

    Attributes
    ----------
    name : str
        Of the model.
    description : str
        What it is: network, size, what goes in and what comes out.
    training_data : str
        What it was trained on, and where that comes from.
    licence : str
        What weights and data may be used for.
    training : str
        How it was trained.
    held_out : str
        What the evaluated images are, and why training cannot have seen them.
    intended_use : str
        What it is for.
    citation : str
        What to cite.
    """

    name: str
    description: str
    training_data: str
    licence: str
    training: str
    held_out: str
    intended_use: str = _INTENDED
    citation: str = "See the documentation of faceattr."


def model_card(
    evaluation: Evaluation,
    facts: ModelFacts,
    *,
    coverage: pd.DataFrame | None = None,
    cross_data: Mapping[str, Evaluation] | None = None,
) -> str:
    """Write the card of a model from its figures on images that it was not trained on.

    Every figure has its count and its interval; the weaknesses are picked from the figures. What
    was not measured is said to be so.

    Parameters
    ----------
    evaluation : Evaluation
        Of held-out images, grouped by what the card is to tell apart, such as
        ``BinnedEvaluator(by=["age", "gender", "race", "luminance", "ita"])``.
    facts : ModelFacts
        What figures do not tell.
    coverage : pandas.DataFrame, optional
        How often intervals hold, counted on rows that they were not fitted on: what
        `coverage_over_splits` returns, with the same columns to group by.
    cross_data : mapping of str to Evaluation, optional
        By the name of another data set the evaluation on it.

    Returns
    -------
    str
        Markdown. ``model.card = model_card(...)`` saves it with a model.

    Raises
    ------
    InvalidTypeError
        If an argument is of another type.
    TableError
        If the table of coverage lacks a column.

    References
    ----------
    Mitchell et al. 2019, "Model Cards for Model Reporting", FAT*, arXiv:1810.03993.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import BinnedEvaluator
    >>> from faceattr.evaluation import ModelFacts, model_card
    >>> table = pd.DataFrame({"age": [20.0, 30.0], "age_pred": [21.0, 27.0]})
    >>> facts = ModelFacts("mine", "A network.", "Drawings.", "MIT.", "Briefly.", "Two drawings.")
    >>> card = model_card(BinnedEvaluator(n_boot=0, min_count=1).evaluate(table), facts)
    >>> print(card.splitlines()[0])
    # Model card: mine
    """
    _check(evaluation, facts, coverage, cross_data)
    from faceattr.evaluation.card.writing import write_card  # late: it loads the report's packages

    return write_card(evaluation, facts, coverage, cross_data)


def _check(
    evaluation: object, facts: object, coverage: pd.DataFrame | None, cross_data: object
) -> None:
    others = cross_data if cross_data is not None else {}
    if not isinstance(others, Mapping):
        raise _wrong("cross_data", "a mapping of names to evaluations", others)
    for argument, value in [("evaluation", evaluation), *others.items()]:
        if not isinstance(value, Evaluation):
            raise _wrong(argument, "an Evaluation, as BinnedEvaluator().evaluate returns", value)
    if not isinstance(facts, ModelFacts):
        raise _wrong("facts", "ModelFacts", facts)
    missing = [] if coverage is None else [c for c in _COVERAGE if c not in coverage.columns]
    if missing:
        raise TableError(
            "not a table of coverage",
            argument="coverage",
            rows=missing,
            expected="what coverage_over_splits returns",
            hint="the columns named are missing",
        )


def _wrong(argument: str, expected: str, value: object) -> InvalidTypeError:
    return InvalidTypeError(
        "of a wrong type", argument=argument, expected=expected, found=type(value).__name__
    )
