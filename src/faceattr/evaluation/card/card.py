"""A model card from an evaluation, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from faceattr.evaluation.card.figures import by_column, held_tables, overall, sizes, title_of
from faceattr.evaluation.card.weaknesses import minors, weaknesses
from faceattr.evaluation.evaluation import Evaluation
from faceattr.exceptions import InvalidTypeError, TableError
from faceattr.tasks import RegressionTask, Task

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
    columns = [(title_of(name), name) for name in evaluation.columns]
    sections = [
        (f"# Model card: {facts.name}", _head(evaluation, facts)),
        ("## Intended use", facts.intended_use),
        ("## What it must not be used for", _misuse(evaluation)),
        ("## Training data and licence", f"{facts.training_data}\n\n{facts.licence}"),
        ("## How it was trained", facts.training),
        ("## Figures", _figures(evaluation, facts)),
        *((f"### By {title}", by_column(evaluation, name, coverage)) for title, name in columns),
        ("## Intervals", _intervals(evaluation, coverage)),
        ("## Other data", _other_data(cross_data)),
        ("## Known weaknesses", weaknesses(evaluation, coverage)),
        ("## How to cite", facts.citation),
    ]
    return "\n".join(f"{title}\n\n{text.strip()}\n" for title, text in sections)


def _head(evaluation: Evaluation, facts: ModelFacts) -> str:
    tasks = ", ".join(map(_task_text, evaluation.tasks.values()))
    return (
        f"{facts.description}\n\nIt estimates {tasks}: appearance as labelled in its training "
        "data. That is not a person's age, gender or identity; labels were given by looking at "
        "images, and errors below are differences from them."
    )


def _task_text(task: Task) -> str:
    if isinstance(task, RegressionTask):
        return f"{task.name} in {task.unit}" if task.unit else task.name
    return f"{task.name} ({', '.join(task.classes)})"


def _misuse(evaluation: Evaluation) -> str:
    lines = [
        "- **Identity.** It recognises nobody, and its features are not to be used for it.",
        "- **Decisions about people.** Not to admit, refuse, price, rank, watch or sort persons, "
        "and not to infer health, origin, character or how somebody sees themselves.",
        "- **Checks of age.** Not to check anybody's age, and never as the sole check whether "
        f"somebody is a minor. {minors(evaluation)}",
        "- **Single persons.** Figures are averages over many images; for one image the error can "
        "be many times as large.",
    ]
    return "\n".join(lines)


def _figures(evaluation: Evaluation, facts: ModelFacts) -> str:
    intervals = (
        f"In brackets: {evaluation.confidence:.0%} bootstrap intervals over these images. They do "
        "not cover another training, other images, or wrong labels."
        if evaluation.frame["ci_low"].notna().any()
        else "Without intervals."
    )
    return (
        f"{facts.held_out}\n\n{sizes(evaluation)} {intervals} A group of fewer than "
        f"{evaluation.min_count} images has no figures.\n\n{overall(evaluation)}"
    )


def _intervals(evaluation: Evaluation, coverage: pd.DataFrame | None) -> str:
    if coverage is None:
        return "Not measured."
    rows = coverage[coverage["by"] == "overall"]
    found = [
        f"- {row.task}: intervals of level {row.level:.0%} held {row.coverage:.1%} of the labels "
        f"({row.coverage_low:.1%} to {row.coverage_high:.1%}), "
        f"{row.width:.1f} wide on average; n = {row.n:,}."
        for row in rows.itertuples()
    ]
    return "\n".join(
        [
            "Counted on images that the intervals were not fitted on, in random splits of the "
            "held-out images; brackets, here and in the tables above, are the range of the middle "
            "95 % of the splits. The level is promised for images drawn like these, on average; "
            "not for one image, and not for groups that are known only by their labels.\n",
            *found,
            *held_tables(evaluation, coverage),
        ]
    )


def _other_data(cross_data: Mapping[str, Evaluation] | None) -> str:
    if not cross_data:
        return "Not measured. Expect larger errors on images of another kind."
    return "\n".join(f"**{name}**\n\n{overall(found)}" for name, found in cross_data.items())


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
