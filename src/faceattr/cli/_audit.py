"""The command ``faceattr audit``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from faceattr.cli._options import bins_option, by_name, task_option
from faceattr.cli._output import add_command, records, tell, write, write_json

if TYPE_CHECKING:
    from faceattr.jobs import DataSection

__all__ = ["add_audit"]


def add_audit(commands: Any) -> None:
    """Add the command to a parser."""
    text = "find what is wrong with a data set, most serious first, before training on it"
    command = add_command(commands, "audit", _audit, text)
    command.add_argument(
        "source", metavar="SOURCE", help="a folder, a CSV file, or a job file whose data is meant"
    )
    command.add_argument(
        "--kind", default="utkface", metavar="NAME", help="utkface, fairface, csv or folder"
    )
    command.add_argument(
        "--task",
        action="append",
        type=task_option,
        default=[],
        metavar="NAME[=CLASS,CLASS]",
        help="task: for csv a number, or the classes; may be repeated",
    )
    command.add_argument("--root", metavar="DIR", help="what paths in the CSV file are relative to")
    command.add_argument("--predictions", metavar="TABLE", help="out-of-fold: suspected labels")
    command.add_argument("--output", metavar="FILE.html", help="write a page that shows the images")
    command.add_argument("--tables", metavar="DIR", help="write all tables there, as CSV files")
    command.add_argument(
        "--worst", type=int, default=24, metavar="N", help="pictures a section; 0 for none (24)"
    )
    command.add_argument(
        "--by", action="append", metavar="COLUMN", help="columns of joint groups; may be repeated"
    )
    command.add_argument(
        "--bins",
        action="append",
        type=bins_option,
        default=[],
        metavar="COLUMN=EDGES",
        help="age=0,18,60,",
    )
    command.add_argument(
        "--min-images", type=int, default=20, metavar="N", help="fewer are few (20)"
    )


def _audit(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import AuditSection, run_audit

    audit = run_audit(
        _data(arguments),
        arguments.predictions,
        settings=AuditSection(
            by=arguments.by,
            bins=by_name(arguments.bins, "--bins"),
            min_images=arguments.min_images,
            worst=arguments.worst,
        ),
        output=arguments.output,
        tables=arguments.tables,
        progress=not arguments.quiet,
    )
    if arguments.json:
        write_json({"findings": records(audit.findings)})
    else:
        write(audit.summary())
    if arguments.output and arguments.worst:
        tell(arguments, f"{arguments.output} shows the images; it is as private as they are")
    return 0


def _data(arguments: argparse.Namespace) -> DataSection:
    from faceattr.jobs import DataSection
    from faceattr.jobs.auditing import data_of

    if arguments.source.lower().endswith(".toml"):
        return data_of(arguments.source)
    tasks: list[Any] = [name for name, _ in arguments.task]
    if arguments.kind == "csv":
        tasks = [_description(name, classes) for name, classes in arguments.task]
    return DataSection(
        kind=arguments.kind, path=arguments.source, tasks=tuple(tasks), root=arguments.root
    )


def _description(name: str, classes: list[str]) -> dict[str, Any]:
    if classes:
        return {"kind": "classification", "name": name, "classes": classes}
    return {"kind": "regression", "name": name}
