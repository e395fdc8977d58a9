"""Photos in which faces are searched: the option, and what is said of the result."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from faceattr.cli._output import tell, tell_unread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_faces_option", "tell_unpredicted"]


def add_faces_option(command: argparse.ArgumentParser) -> None:
    """Add the option that names a detector's file."""
    command.add_argument(
        "--faces",
        metavar="YUNET.onnx",
        help="search faces with this detector, and predict each: a row a face",
    )


def tell_unpredicted(arguments: argparse.Namespace, table: pd.DataFrame) -> bool:
    """Say which images have no prediction; return whether that is all of them."""
    if arguments.faces is None:
        return tell_unread(arguments, table, table["error"])
    failed = table["error"] != ""
    faces, photos = int((~failed).sum()), int(failed.sum() + (table["face"] == 0).sum())
    tell(arguments, f"{faces:,} faces in {photos:,} photos")
    if failed.any():
        row = table[failed].iloc[0]
        tell(
            arguments,
            f"{failed.sum():,} of {photos:,} photos have no face and stand in the table with the "
            f"reason, such as {row['sample_id']}: {row['error']}",
        )
    return bool(len(failed) and failed.all())
