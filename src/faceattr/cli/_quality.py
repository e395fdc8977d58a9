"""The command ``faceattr quality``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from faceattr.cli._options import by_name
from faceattr.cli._output import add_command, show_table, tell, tell_unread

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.quality import QualityFilter

__all__ = ["add_quality", "tell_unscored"]


def add_quality(commands: Any) -> None:
    """Add the command to a parser."""
    text = "score images on what makes a face photo unusable, and say which fall below a line"
    command = add_command(commands, "quality", _quality, text)
    command.add_argument(
        "source", metavar="FOLDER", help="searched with all its sub-folders; or a table of scores"
    )
    command.add_argument("--output", metavar="TABLE", help="write the table: .csv or .parquet")
    command.add_argument("--preset", metavar="NAME", help="thresholds: lenient, standard, strict")
    command.add_argument(
        "--threshold",
        action="append",
        type=_pair,
        default=[],
        metavar="METRIC=LOW,HIGH",
        help="brisque=,64 (an empty end is open); goes before the preset's; may be repeated",
    )
    command.add_argument(
        "--quantile",
        action="append",
        type=_pair,
        default=[],
        metavar="METRIC=LOW,HIGH",
        help="brisque=,0.95: a threshold that leaves out the highest twentieth; may be repeated",
    )
    command.add_argument(
        "--metric", action="append", metavar="NAME", help="score only this; may be repeated"
    )
    command.add_argument(
        "--keep-missing", action="store_true", help="do not flag images without a score"
    )
    command.add_argument("--weights", default="bundled", metavar="NAME", help="bundled or live")
    command.add_argument("--page", metavar="FILE.html", help="write a page that shows the images")
    command.add_argument(
        "--shard", metavar="I/N", help="only part I of N, into --output; `merge` puts them together"
    )
    command.add_argument("--no-cache", action="store_true", help="neither use nor keep scores")


def tell_unscored(arguments: argparse.Namespace, table: pd.DataFrame) -> bool:
    """Say which images of a quality table could not be read; return whether that is all of them."""
    import pandas as pd

    from faceattr.quality.flags import unread_notes

    notes = pd.Series(unread_notes(table), index=table.index, dtype=object)
    return tell_unread(arguments, table, notes)


def _quality(arguments: argparse.Namespace) -> int:
    from faceattr.jobs import run_quality

    chosen = _filter(arguments)
    table = run_quality(
        arguments.source,
        chosen,
        output=arguments.output,
        page=arguments.page,
        shard=arguments.shard,
        progress=not arguments.quiet,
    )
    show_table(arguments, "quality", table)
    if not arguments.quiet:
        sys.stderr.write(chosen.summary(table))
    none_read = tell_unscored(arguments, table)
    if arguments.page:
        tell(arguments, f"{arguments.page} shows the images; it is as private as they are")
    return 1 if none_read and arguments.shard is None else 0


def _filter(arguments: argparse.Namespace) -> QualityFilter:
    from faceattr._validation import check_choice
    from faceattr.quality import PRESETS, QualityFilter

    thresholds: Any = None
    if arguments.preset is not None:
        check_choice(arguments.preset, "--preset", list(PRESETS))
        thresholds = arguments.preset
    if arguments.threshold:
        own = by_name(arguments.threshold, "--threshold")
        thresholds = {**PRESETS.get(arguments.preset, {}), **own}
    return QualityFilter(
        thresholds,
        metrics=arguments.metric,
        quantiles=by_name(arguments.quantile, "--quantile") or None,
        missing="keep" if arguments.keep_missing else "flag",
        weights=arguments.weights,
        cache=not arguments.no_cache,
    )


def _pair(text: str) -> tuple[str, tuple[float | None, float | None]]:
    name, sign, listed = text.partition("=")
    ends = [end.strip() for end in listed.split(",")]
    try:
        if not (name and sign) or len(ends) != 2:
            raise ValueError(text)
        low, high = (float(end) if end else None for end in ends)
    except ValueError as error:
        expected = "METRIC=LOW,HIGH such as brisque=,64, where an empty end is open"
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}") from error
    return name, (low, high)
