"""The sections of a model card."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from faceattr.evaluation.card.card import ModelFacts
from faceattr.evaluation.card.figures import by_column, held_tables, overall, sizes, title_of
from faceattr.evaluation.card.weaknesses import minors, weaknesses
from faceattr.evaluation.evaluation import Evaluation
from faceattr.tasks import RegressionTask, Task

__all__ = ["write_card"]


def write_card(
    evaluation: Evaluation,
    facts: ModelFacts,
    coverage: pd.DataFrame | None,
    cross_data: Mapping[str, Evaluation] | None,
) -> str:
    """Return the card as Markdown; see `model_card`."""
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
