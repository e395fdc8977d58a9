"""The images that a job is asked for, and the part of them that is its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr._validation import check_unique
from faceattr.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    import pandas as pd

    from faceattr._requests import SourceReader
    from faceattr.images import UInt8Image
    from faceattr.tables import Shard

__all__ = [
    "ListedImages",
    "Listing",
    "Part",
    "check_part",
    "list_folder",
    "list_paths",
    "record_part",
    "save_part",
]


@dataclass(frozen=True)
class Part:
    """Which part of a job is to be made, and the file to write."""

    shard: Shard
    path: Path


@dataclass(frozen=True)
class Listing:
    """Images by id and path, in order; ids are unique where they are divided."""

    ids: Sequence[str]
    paths: Sequence[str]

    def part(self, shard: Shard) -> Listing:
        """Return the images of one part."""
        rows = shard.rows(len(self.ids))
        return Listing(self.ids[rows], self.paths[rows])


class ListedImages:
    """Files as prediction and scoring take a data set: a table, and a way to read a row."""

    def __init__(self, listing: Listing) -> None:
        import pandas as pd

        self._paths = listing.paths
        known = {"sample_id": list(listing.ids), "path": list(listing.paths)}
        self._table = pd.DataFrame(known, dtype="str")

    @property
    def table(self) -> pd.DataFrame:
        """Columns ``sample_id`` and ``path``."""
        return self._table

    def read(self, position: int) -> UInt8Image:
        """Decode the image of a row."""
        from faceattr.images import read_image

        return read_image(self._paths[position])

    @property
    def reader(self) -> SourceReader:
        """How they are read."""
        from faceattr._requests import FILES

        return FILES


def check_part(shard: Shard | str | None, target: Path | None) -> Part | None:
    """Return the part to make, which needs a file; None where nothing is divided."""
    if shard is None:
        return None
    from faceattr.tables.shard import as_shard

    wanted = as_shard(shard)
    if target is None:
        raise InvalidArgumentError(
            "a part needs a file, for the parts to be merged",
            argument="output",
            expected="a name that ends in .csv or .parquet",
            found="None",
            hint=f"part-{wanted.number}.csv",
        )
    return Part(wanted, target)


def list_folder(folder: Path, names: Sequence[str]) -> Listing:
    """Return images by their names below a folder."""
    return Listing(names, [str(folder / name) for name in names])


def list_paths(paths: Sequence[str | Path], *, unique: bool = True) -> Listing:
    """Return images by their paths, which must be unique where they are to be divided."""
    texts = [str(path) for path in paths]
    if unique:
        check_unique(texts, "inputs")
    return Listing(texts, texts)


def save_part(
    table: pd.DataFrame,
    part: Part,
    listing: Listing,
    *,
    kind: str,
    settings: Mapping[str, str | int],
) -> None:
    """Write a part's table with what the merge needs; the version of the library is part of it."""
    from faceattr.tables import write_shard

    known = _with_version(settings)
    write_shard(table, part.path, part.shard, listing.ids, kind=kind, settings=known)


def record_part(part: Part, listing: Listing, kind: str, settings: Mapping[str, str | int]) -> None:
    """Write what the merge needs beside a part's table, which is written already."""
    from faceattr.tables.shards import record_shard

    known = _with_version(settings)
    record_shard(part.path, part.shard, listing.ids, kind=kind, settings=known)


def _with_version(settings: Mapping[str, str | int]) -> dict[str, str | int]:
    import faceattr

    return {"faceattr": faceattr.__version__, **settings}
