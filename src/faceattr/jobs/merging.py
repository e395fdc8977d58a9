"""Put the parts of a large job together; neither model nor torch is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.jobs._checks import check_no_input, table_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MergeResult", "run_merge"]


@dataclass(frozen=True)
class MergeResult:
    """Parts put together.

    Attributes
    ----------
    kind : str
        "predictions", "quality", "duplicates" where the parts are fingerprints, or another kind
        that `write_shard` was told.
    table : pandas.DataFrame
        What the job would have returned had it not been divided.
    """

    kind: str
    table: pd.DataFrame


def run_merge(
    parts: str | Path | Sequence[str | Path], *, output: str | Path | None = None
) -> MergeResult:
    """Put parts together, after checking that they are all there and belong to each other.

    Fingerprints are then searched for duplicates; images that look alike are decoded once more to
    compare them, so the images of the folder must still be where they were. Parts of any other kind
    are only put together, for which no image is needed.

    Parameters
    ----------
    parts : path or sequence of paths
        What `run_prediction`, `run_quality` or `run_duplicates` wrote for each part, in any order.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table.

    Returns
    -------
    MergeResult

    Raises
    ------
    TableError
        If a part is missing, given twice, unfinished, changed, or of another model or other images
        than the rest; the files are named.
    DataError
        If an image that has to be compared cannot be opened.
    InvalidArgumentError
        If there is no part, or `output` is no name of a table or that of a part.
    OutputError
        If `output` cannot be written.
    """
    from faceattr.tables import merge_shards, write_table

    files = [parts] if isinstance(parts, str | Path) else list(parts)
    target = None if output is None else table_file(output, "output")
    if target is not None:
        hint = "a pattern such as part-*.csv that the output does not match"
        check_no_input(target, files, hint)
    merged = merge_shards(files)
    kind, table = merged.kind, merged.table
    if kind == "fingerprints":
        from faceattr.data.prints_table import duplicates_of_prints

        kind, table = "duplicates", duplicates_of_prints(table)
    if target is not None:
        write_table(table, target)
    return MergeResult(kind, table)
