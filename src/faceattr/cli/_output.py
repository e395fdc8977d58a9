"""What commands say and show: tables to stdout, everything else to stderr."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "add_command",
    "counted",
    "records",
    "show_table",
    "tell",
    "tell_unread",
    "tell_unread_count",
    "write",
    "write_json",
]

_ROWS = 20
_ALIKE = ["brisque_weights"]  # the same on every row


def add_command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    """Add a command with the options that every one has."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--json", action="store_true", help="write JSON to stdout")
    command.add_argument("--quiet", action="store_true", help="no progress, only warnings")
    command.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    command.set_defaults(run=run, command=name)
    return command


def counted(number: int, noun: str) -> str:
    """Return "1 face" or "2,000 faces"."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def show_table(arguments: argparse.Namespace, name: str, table: pd.DataFrame) -> None:
    """Write a table to stdout, unless it went to a file."""
    if arguments.json:
        write_json({name: records(table)})
    elif arguments.output is None and name == "predictions":
        write(_predictions_text(table))
    elif arguments.output is None and name == "quality":
        write(_quality_text(table))
    elif arguments.output is None and len(table):
        write(table.to_string(index=False) + "\n")


def tell_unread(arguments: argparse.Namespace, table: pd.DataFrame, errors: pd.Series) -> bool:
    """Say which images could not be read; return whether that is all of them."""
    failed = errors != ""
    if not failed.any():
        return False
    first = (table[failed]["sample_id"].iloc[0], errors[failed].iloc[0])
    return tell_unread_count(arguments, int(failed.sum()), len(table), first)


def tell_unread_count(
    arguments: argparse.Namespace, unread: int, total: int, first: tuple[str, str] | None
) -> bool:
    """Say how many images could not be read, and the first one; return whether none could."""
    if first is not None:
        tell(
            arguments,
            f"{unread:,} of {total:,} images could not be read and stand in the table "
            f"with their error, such as {first[0]}: {first[1]}",
        )
    return 0 < total == unread


def _predictions_text(table: pd.DataFrame) -> str:
    columns = ["sample_id"]
    for pred in (name for name in table.columns if name.endswith("_pred")):
        ends = [pred.removesuffix("pred") + name for name in ("low", "high")]
        spread = ends if set(ends) <= set(table.columns) else [pred.removesuffix("pred") + "std"]
        columns += [pred, *(name for name in spread if name in table.columns)]
    if (table["error"] != "").any():
        columns.append("error")
    return table[columns].to_string(index=False, na_rep="-", float_format="{:.2f}".format) + "\n"


def _quality_text(table: pd.DataFrame) -> str:
    """Show the first rows; where there are limits, of the images that fell, and why."""
    shown, what = table.drop(columns=_ALIKE, errors="ignore"), "images"
    if "reasons" in table.columns:
        shown, what = table.loc[table["reasons"] != "", ["sample_id", "reasons"]], "flagged images"
    if not len(shown):
        return ""
    text = shown.head(_ROWS).to_string(index=False, na_rep="-", float_format="{:.4g}".format) + "\n"
    more = len(shown) - _ROWS
    return text + (f"... and {more:,} more {what}: --output FILE.csv\n" if more > 0 else "")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain JSON types; null for what is missing or no finite number."""
    import numpy as np

    plain = table.astype(object).replace([np.inf, -np.inf], np.nan)
    return plain.where(plain.notna(), None).to_dict(orient="records")  # type: ignore[return-value]


def write_json(data: dict[str, Any]) -> None:
    write(json.dumps(data, indent=1, allow_nan=False) + "\n")


def write(text: str) -> None:
    # A name that the terminal cannot show is shown escaped.
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    # Line by line, so that a reader that went away is noticed also where nothing is buffered.
    sys.stdout.writelines(shown.splitlines(keepends=True))
    sys.stdout.flush()


def tell(arguments: argparse.Namespace, text: str) -> None:
    sys.stderr.write(f"faceattr {arguments.command}: {text}\n")
