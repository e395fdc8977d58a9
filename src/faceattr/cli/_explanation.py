"""The command ``faceattr explain``."""

from __future__ import annotations

import argparse
from typing import Any

from faceattr.cli._options import add_model_option
from faceattr.cli._output import add_command, records, tell, write, write_json

__all__ = ["add_explain"]

_COLUMNS = ["sample_id", "task", "class", "r2", "rank_correlation", "trusted", "reasons"]


def add_explain(commands: Any) -> None:
    """Add the command to a parser."""
    text = "show which parts of a face a trained model uses, and how far that can be trusted"
    command = add_command(commands, "explain", _explain, text)
    command.add_argument("inputs", nargs="+", metavar="INPUT", help="image files, or a folder")
    add_model_option(command)
    command.add_argument(
        "--output", metavar="FOLDER", help="write tables, a page, and a picture a task"
    )
    command.add_argument(
        "--method", default="lime", metavar="NAME", help="lime, occlusion, grad_cam"
    )
    command.add_argument(
        "--segments", default="face", metavar="NAME", help="face, grid, slic, quickshift"
    )
    command.add_argument(
        "--samples", type=int, default=500, metavar="N", help="perturbed images of lime"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N")


def _explain(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_explanation

    found = run_explanation(
        arguments.model,
        arguments.inputs,
        method=arguments.method,
        segments=arguments.segments,
        num_samples=arguments.samples,
        seed=arguments.seed,
        output=arguments.output,
        progress=not arguments.quiet,
    )
    if arguments.json:
        tables = {"weights": found.to_frame(), "grades": found.grades(), "errors": found.errors}
        write_json({name: records(table) for name, table in tables.items()})
    elif arguments.output is None:
        shown = found.grades()[_COLUMNS]
        text = shown.to_string(index=False, na_rep="-", float_format="{:.2f}".format)
        write(text + "\n")
    if arguments.output is not None:
        tell(arguments, f"{arguments.output} shows the images; it is as private as they are")
    return 0
