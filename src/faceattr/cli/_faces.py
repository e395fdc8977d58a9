"""Photos in which faces are searched: the option, and what is said of the result."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from faceattr.cli._output import counted, tell, tell_unread_count

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.jobs import PredictionCounts

__all__ = ["add_faces_option", "count_predictions", "tell_unpredicted"]


def add_faces_option(command: argparse.ArgumentParser) -> None:
    """Add the option that names a detector's file."""
    command.add_argument(
        "--faces",
        metavar="YUNET.onnx",
        help="search faces with this detector, and predict each: a row a face",
    )


def count_predictions(table: pd.DataFrame) -> PredictionCounts:
    """Count the rows of a table that is in memory."""
    from faceattr.jobs import PredictionCounts

    images = len(table)
    if "face" in table:  # a photo has a first face, or a row without one
        images = int(((table["error"] != "") | (table["face"] == 0)).sum())
    counts = PredictionCounts(images)
    counts.add(table)
    return counts


def tell_unpredicted(arguments: argparse.Namespace, counts: PredictionCounts) -> bool:
    """Say which images have no prediction; return whether that is all of them."""
    if arguments.faces is None:
        return tell_unread_count(arguments, counts.failed, counts.images, counts.first_failed)
    found = counted(counts.rows - counts.failed, "face")
    tell(arguments, f"{found} in {counted(counts.images, 'photo')}")
    if counts.first_failed is not None:
        name, reason = counts.first_failed
        tell(
            arguments,
            f"no face in {counts.failed:,} of {counted(counts.images, 'photo')}, which stand in "
            f"the table with the reason, such as {name}: {reason}",
        )
    return 0 < counts.rows == counts.failed
