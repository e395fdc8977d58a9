"""Options that several commands have, and how their texts are read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from faceattr.models.bundled import bundled_models

if TYPE_CHECKING:
    from faceattr.jobs import EvaluateSection

__all__ = [
    "DEFAULT_MODEL",
    "add_evaluation_options",
    "add_model_option",
    "bins_option",
    "by_name",
    "evaluation_settings",
    "task_option",
]

DEFAULT_MODEL = "utkface-mobilenetv3-small"
"""The bundled model that predicts where none is named."""


def add_model_option(command: argparse.ArgumentParser) -> None:
    """Add which model is used."""
    command.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="MODEL",
        help="a folder that train, demo or save_pretrained wrote, a bundled model, or user/name on"
        f" the Hugging Face hub ({_told_default()})",
    )


def _told_default() -> str:
    if DEFAULT_MODEL in bundled_models():
        return f"{DEFAULT_MODEL}: bundled, for non-commercial research only"
    return f"{DEFAULT_MODEL}, which this installation does not bring"


def add_evaluation_options(command: argparse.ArgumentParser) -> None:
    """Add what says how predictions are evaluated."""
    command.add_argument("--quality", metavar="TABLE", help="further columns to group by")
    command.add_argument(
        "--by",
        action="append",
        type=_by_option,
        metavar="COLUMN[,COLUMN]",
        help="column to group by (age, where there is one), or several that are crossed; may be"
        " repeated",
    )
    command.add_argument(
        "--bins",
        action="append",
        type=bins_option,
        default=[],
        metavar="COLUMN=EDGES",
        help="age=0,18,60, (an empty edge is an open end) or age=5 for five quantiles",
    )
    command.add_argument(
        "--min-count", type=int, default=10, metavar="N", help="rows that a group needs (10)"
    )
    command.add_argument(
        "--metric", action="append", metavar="NAME", help="only these (all); may be repeated"
    )
    command.add_argument("--n-boot", type=int, default=1000, metavar="N", help="resamples (1000)")
    command.add_argument("--confidence", type=float, default=0.95, metavar="P", help="(0.95)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the resamples (0)")
    command.add_argument(
        "--task",
        action="append",
        type=task_option,
        default=[],
        metavar="NAME[=CLASS,CLASS]",
        help="task to evaluate (all that are found), and its classes; may be repeated",
    )


def by_name(pairs: list[tuple[str, Any]], option: str) -> dict[str, Any]:
    """Return what is said of each name; an error where it is said twice, for one would be lost."""
    names = [name for name, _ in pairs]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        from faceattr.exceptions import InvalidArgumentError

        raise InvalidArgumentError(
            "given twice for the same name",
            argument=option,
            rows=repeated,
            expected=f"all at once: {option} {repeated[0]}=...",
        )
    return dict(pairs)


def evaluation_settings(arguments: argparse.Namespace) -> EvaluateSection:
    """Return what those options say."""
    from faceattr.jobs import EvaluateSection

    return EvaluateSection(
        by=arguments.by,
        bins=by_name(arguments.bins, "--bins"),
        n_boot=arguments.n_boot,
        confidence=arguments.confidence,
        seed=arguments.seed,
        min_count=arguments.min_count,
        metrics=arguments.metric,
    )


def bins_option(text: str) -> tuple[str, int | list[float | None]]:
    """Read ``age=0,18,60,`` or ``age=5``."""
    column, sign, listed = text.partition("=")
    edges = [edge.strip() for edge in listed.split(",")]
    try:
        if not (column and sign):
            raise ValueError(text)
        if len(edges) == 1:
            return column, int(edges[0])
        return column, [float(edge) if edge else None for edge in edges]
    except ValueError as error:
        expected = "COLUMN=EDGES such as age=0,18,60, or COLUMN=COUNT such as age=5"
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}") from error


def task_option(text: str) -> tuple[str, list[str]]:
    """Read ``age`` or ``gender=male,female``."""
    name, _, classes = text.partition("=")
    return name, [label.strip() for label in classes.split(",") if label.strip()]


def _by_option(text: str) -> str | list[str]:
    columns = [column.strip() for column in text.split(",")]
    return columns[0] if len(columns) == 1 else columns
