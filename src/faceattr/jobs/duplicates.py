"""Find the images of a folder that show the same photograph; no labels, no model, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.jobs._checks import table_file
from faceattr.jobs._parts import check_part, list_folder, save_part

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.tables import Shard

__all__ = ["run_duplicates"]


def run_duplicates(
    folder: str | Path,
    *,
    output: str | Path | None = None,
    shard: Shard | str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Find duplicates in a folder of images, as `Dataset.duplicates` does.

    Parameters
    ----------
    folder : path
        Searched with all its sub-folders; ids are paths relative to it.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table.
    shard : Shard or str, optional
        Only take the fingerprints of this part of the images, such as ``"2/8"``, and write them;
        `run_merge` puts all parts together and searches them. Needs `output`.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        A row for each image that has a duplicate: ``sample_id``, ``group`` (int64, from 0),
        ``kind`` ("identical", "near"). Of a part its fingerprints, a row an image: ``sample_id``,
        ``path``, ``key`` and ``hash`` (hexadecimal, empty where there is none), ``opened`` and
        ``hashed`` (bool).

    Raises
    ------
    DataError
        If the folder cannot be read, or holds no image.
    InvalidArgumentError
        If `output` is no name of a table, or there is no such part.
    OutputError
        If `output` cannot be written.
    """
    target = None if output is None else table_file(output, "output")
    part = check_part(shard, target)
    from faceattr.data.index import find_names
    from faceattr.data.prints_table import duplicates_of_files, prints_of_files
    from faceattr.tables import write_table

    listing = list_folder(Path(folder), find_names(folder))
    if part is not None:
        own = listing.part(part.shard)
        prints = prints_of_files(own.ids, own.paths, progress=progress)
        save_part(prints, part, listing, kind="fingerprints", settings={})
        return prints
    found = duplicates_of_files(listing.ids, listing.paths, progress=progress)
    if target is not None:
        write_table(found, target)
    return found
