"""The commands ``faceattr evaluate``, ``compare`` and ``report``."""

from __future__ import annotations

import argparse
from typing import Any

from faceattr.cli._options import add_evaluation_options, by_name, evaluation_settings
from faceattr.cli._output import add_command, records, tell, write, write_json

__all__ = ["add_compare", "add_evaluate", "add_report"]


def add_evaluate(commands: Any) -> None:
    """Add the command to a parser."""
    command = add_command(commands, "evaluate", _evaluate, "evaluate anyone's table of predictions")
    command.add_argument("predictions", metavar="PREDICTIONS", help=".csv or .parquet")
    add_evaluation_options(command)
    command.add_argument("--output", metavar="TABLE", help="write the metrics: .csv or .parquet")
    command.add_argument("--figure", metavar="FILE", help="draw them: .png, .pdf or .svg")


def add_compare(commands: Any) -> None:
    """Add the command to a parser."""
    text = "tell whether model B is better than model A, from predictions of the same images"
    command = add_command(commands, "compare", _compare, text)
    command.add_argument("a", metavar="A", help="predictions: .csv or .parquet")
    command.add_argument("b", metavar="B", help="predictions of the same images")
    command.add_argument(
        "--more-a", action="append", default=[], metavar="TABLE", help="of A with another seed"
    )
    command.add_argument(
        "--more-b", action="append", default=[], metavar="TABLE", help="of B with another seed"
    )
    add_evaluation_options(command)
    command.add_argument(
        "--changes", type=int, default=0, metavar="N", help="name the N images that changed most"
    )
    command.add_argument("--output", metavar="TABLE", help="write differences: .csv or .parquet")
    command.add_argument("--figure", metavar="FILE", help="draw them: .png, .pdf or .svg")


def add_report(commands: Any) -> None:
    """Add the command to a parser."""
    text = "write a page about anyone's predictions: figures, tables, and the faces behind them"
    command = add_command(commands, "report", _report, text)
    command.add_argument("predictions", metavar="PREDICTIONS", help=".csv or .parquet")
    command.add_argument("output", metavar="FILE.html", help="the page, one file")
    command.add_argument(
        "--images", metavar="DIR", help="what the ids are relative to (the column path)"
    )
    command.add_argument("--title", metavar="TEXT", help="of the page")
    add_evaluation_options(command)


def _evaluate(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_evaluation

    evaluation = run_evaluation(
        arguments.predictions,
        arguments.quality,
        settings=evaluation_settings(arguments),
        tasks=by_name(arguments.task, "--task"),
        output=arguments.output,
        figure=arguments.figure,
    )
    if arguments.json:
        write_json({"metrics": records(evaluation.to_frame())})
    else:
        write(evaluation.summary())
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_comparison

    comparison = run_comparison(
        [arguments.a, *arguments.more_a],
        [arguments.b, *arguments.more_b],
        arguments.quality,
        settings=evaluation_settings(arguments),
        tasks=by_name(arguments.task, "--task"),
        output=arguments.output,
        figure=arguments.figure,
    )
    changes = {
        f"{task}, {name}": getattr(comparison, name)(task, arguments.changes)
        for task in comparison.tasks
        for name in (("improved", "worsened") if arguments.changes else ())
    }
    if arguments.json:
        changed = {name: records(table) for name, table in changes.items()}
        write_json({"comparison": records(comparison.to_frame()), **changed})
        return 0
    write(comparison.summary())
    for name, table in changes.items():
        text = table.to_string(index=False, float_format="{:.3f}".format) if len(table) else "none"
        write(f"\n{name} most in b\n{text}\n")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_report

    evaluation = run_report(
        arguments.predictions,
        arguments.output,
        quality=arguments.quality,
        images=arguments.images,
        title=arguments.title,
        settings=evaluation_settings(arguments),
        tasks=by_name(arguments.task, "--task"),
    )
    if arguments.json:
        write_json({"metrics": records(evaluation.to_frame())})
    tell(arguments, f"{arguments.output}: where it shows faces, it is as private as they are")
    return 0
