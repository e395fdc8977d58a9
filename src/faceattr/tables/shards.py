"""Tables that are made in parts, by jobs that know nothing of each other, and put together.

Beside a part's table stands ``<path>.shard.json``, written last: which part of how many it is, how
many rows there are in all, a digest of all ids in order and of the files, and what made it. A part
without it was not finished. `merge_shards` trusts nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from faceattr._validation import check_no_text, check_unique
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables._disk import writing
from faceattr.tables._shard_checks import (
    Part,
    check_numbers,
    check_one_whole,
    check_unchanged,
    read_parts,
)
from faceattr.tables._shard_record import (
    Setting,
    ShardRecord,
    check_settings,
    digest_files,
    digest_ids,
    record_path,
    write_record,
)
from faceattr.tables.files import check_table_path, read_table, write_table
from faceattr.tables.schema import check_ids
from faceattr.tables.shard import Shard, as_shard

__all__ = ["MergedShards", "merge_shards", "write_shard"]

_log = logging.getLogger(__name__)


class MergedShards(NamedTuple):
    """Parts put together.

    Attributes
    ----------
    table : pandas.DataFrame
        All rows, in the order of the request.
    kind : str
        What the table holds, as `write_shard` was told.
    settings : mapping of str to scalar
        What made the parts.
    """

    table: pd.DataFrame
    kind: str
    settings: Mapping[str, Setting]


def write_shard(
    table: pd.DataFrame,
    path: str | Path,
    shard: Shard | str,
    ids: Sequence[str],
    *,
    kind: str,
    settings: Mapping[str, Setting] | None = None,
) -> Path:
    """Write the table of one part, and what `merge_shards` needs to know of it.

    The record ``<path>.shard.json`` of an earlier part there goes first and the new one is written
    last, so that whatever stops the job, no unfinished part has a record.

    Parameters
    ----------
    table : pandas.DataFrame
        The rows of this part, with their ``sample_id``; see `write_table`.
    path : path
        Ends in ``.csv`` or ``.parquet``.
    shard : Shard or str
        Which part, such as ``"2/8"``.
    ids : sequence of str
        The ids of the whole request in order, each once; those of this part are
        ``ids[shard.rows(len(ids))]``.
    kind : str
        What the table holds, such as "predictions"; parts of one kind are merged.
    settings : mapping of str to scalar, optional
        What made the part, such as the model's digest: text, finite numbers, bools or None. Parts
        that differ in them are not merged.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If an id is given twice, there is no such part, or an argument is of another type.
    TableError
        If the table's ids are not those of the part, or it cannot be kept.
    OutputError
        If a file cannot be written.
    MissingDependencyError
        If Parquet is asked for without pyarrow.
    """
    part, target = as_shard(shard), check_table_path(path, "path")
    _check_request(ids, kind)
    known = dict(settings or {})
    check_settings(known)
    _check_own_ids(table, ids[part.rows(len(ids))], part)
    with writing(target):
        record_path(target).unlink(missing_ok=True)
    write_table(table, target)
    record_shard(target, part, ids, kind=kind, settings=known)
    return target


def record_shard(
    target: Path,
    part: Shard,
    ids: Sequence[str],
    *,
    kind: str,
    settings: Mapping[str, Setting],
) -> None:
    """Write the record of a part whose table lies there, made of its rows of `ids`."""
    with writing(target):
        files = digest_files(target)
        write_record(ShardRecord(kind, settings, part, len(ids), digest_ids(ids), files), target)


def merge_shards(paths: Sequence[str | Path]) -> MergedShards:
    """Put all parts of a whole together, in order, after checking that they are.

    Neither images nor models are needed.

    Parameters
    ----------
    paths : sequence of path
        What `write_shard` wrote: every part, in any order, with the files beside it.

    Returns
    -------
    MergedShards

    Raises
    ------
    TableError
        If a part is missing, given twice, unfinished, changed since it was written, or of another
        kind, model or list of images than the others; or if the ids are not unique and complete.
        The files are named.
    InvalidArgumentError, InvalidTypeError
        If there is no path, or one that names no table.
    """
    parts = read_parts(_check_paths(paths))
    check_one_whole(parts)
    check_numbers(parts)
    parts.sort(key=lambda part: part.record.shard.number)
    check_unchanged(parts)
    table = _concatenate(parts)
    first = parts[0].record
    ids = check_ids(table, "the merged table").tolist()
    if len(ids) != first.total or digest_ids(ids) != first.ids:
        raise TableError(
            "the parts together are not the whole that they were made from",
            argument="paths",
            expected=f"{first.total:,} ids in the order of the request",
            found=f"{len(ids):,} ids, others or in another order",
            hint="make all parts again",
        )
    _log.info("%d parts with %s rows are complete", len(parts), f"{len(table):,}")
    return MergedShards(table, first.kind, first.settings)


def _check_request(ids: Sequence[str], kind: object) -> None:
    check_no_text(ids, "ids", "a sequence of ids")
    strange = [str(row) for row, item in enumerate(ids) if not isinstance(item, str)]
    if strange or not isinstance(kind, str):
        raise InvalidTypeError("not text", argument="ids" if strange else "kind", rows=strange)
    if not kind:
        raise InvalidArgumentError("empty", argument="kind", expected='such as "predictions"')
    check_unique(ids, "ids")


def _check_own_ids(table: pd.DataFrame, wanted: Sequence[str], shard: Shard) -> None:
    found = check_ids(table, "table").tolist()
    if found != list(wanted):
        known, present = set(wanted), set(found)
        strange = [item for item in found if item not in known]
        lost = [item for item in wanted if item not in present]
        raise TableError(
            f"not the rows of part {shard}",
            argument="table, column 'sample_id'",
            rows=[*strange, *lost],
            expected=f"the {len(wanted):,} ids of this part, in order",
            found=f"{len(found):,} ids, of which {len(strange):,} are of no row of it",
            hint="table = whole.iloc[shard.rows(len(ids))]",
        )


def _check_paths(paths: Sequence[str | Path]) -> list[Path]:
    check_no_text(paths, "paths", "a sequence of paths")
    found = [check_table_path(path, "paths") for path in paths]
    if not found:
        raise InvalidArgumentError("no part", argument="paths", expected="the files of all parts")
    return found


def _concatenate(parts: Sequence[Part]) -> pd.DataFrame:
    tables = [read_table(part.path) for part in parts]
    columns = [_columns(table) for table in tables]
    for part, table, own in zip(parts, tables, columns, strict=True):
        rows = part.record.shard.rows(part.record.total)
        if own != columns[0] or len(table) != rows.stop - rows.start:
            raise TableError(
                "the table does not fit the others",
                argument="paths",
                rows=[str(part.path)],
                expected=f"{rows.stop - rows.start:,} rows of {columns[0]}",
                found=f"{len(table):,} rows of {own}",
            )
    return pd.concat(tables, ignore_index=True)


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    return {str(name): str(dtype) for name, dtype in table.dtypes.items()}
