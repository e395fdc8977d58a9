"""The command ``export``."""

from __future__ import annotations

import argparse
from typing import Any

from faceattr.cli._output import add_command, tell, write, write_json

__all__ = ["add_export"]


def add_export(commands: Any) -> None:
    """Add the command."""
    text = "write a trained model as one file that runs without this library, and compare it"
    command = add_command(commands, "export", _export, text)
    command.add_argument("model", metavar="MODEL", help="a folder, a bundled model or user/name")
    command.add_argument(
        "output",
        nargs="?",
        metavar="FILE",
        help="ends in .onnx or .pt2 (of a folder: model.onnx in it, which `predict` then takes)",
    )
    command.add_argument(
        "--quantize", choices=["int8"], help="8-bit layers, as many as keep the predictions"
    )
    command.add_argument(
        "--images", metavar="FOLDER", help="faces to compare on; int8 is calibrated with them"
    )


def _export(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_export

    report = run_export(
        arguments.model, arguments.output, quantize=arguments.quantize, images=arguments.images
    )
    if arguments.json:
        write_json(report.to_dict())
    else:
        write(report.summary())
    tell(arguments, f"the comparison lies in {report.report_path}")
    return 0
