"""Fingerprints of images as a table, so that they can be taken in parts and searched later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from faceattr._parallel import map_threads
from faceattr.data._fingerprints import HASH_BYTES, Prints, take_prints
from faceattr.data.duplicates import find_duplicates
from faceattr.exceptions import DataError, TableError
from faceattr.images import KEY_BYTES

__all__ = ["duplicates_of_files", "duplicates_of_prints", "prints_of_files"]

_COLUMNS = ("sample_id", "path", "key", "hash", "opened", "hashed")
_AT_ONCE = 2048


def prints_of_files(
    ids: Sequence[str], paths: Sequence[str], *, progress: bool = False
) -> pd.DataFrame:
    """Read and decode every image once, and return what it is recognised by.

    Parameters
    ----------
    ids, paths : sequence of str, length n
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame of n rows
        ``sample_id``, ``path``, ``key`` (128 bits of the file's digest as 32 hexadecimal digits,
        empty where it cannot be opened), ``hash`` (256 bits as 64 digits, empty where there is
        none), ``opened`` and ``hashed`` (bool): damaged images and even areas are opened and have
        no hash.
    """
    prints = take_all_prints(paths, progress=progress)
    return pd.DataFrame(
        {
            "sample_id": pd.Series(list(ids), dtype="str"),
            "path": pd.Series(list(paths), dtype="str"),
            "key": _to_hex(prints.keys, prints.opened),
            "hash": _to_hex(prints.hashes, prints.hashed),
            "opened": prints.opened,
            "hashed": prints.hashed,
        }
    )


def duplicates_of_files(
    ids: Sequence[str], paths: Sequence[str], *, progress: bool = False
) -> pd.DataFrame:
    """Find the images that are identical or nearly so; see `Dataset.duplicates` for the table."""
    return find_duplicates(ids, paths, take_all_prints(paths, progress=progress))


def duplicates_of_prints(table: pd.DataFrame) -> pd.DataFrame:
    """Find duplicates among images whose fingerprints are known.

    Images whose hashes are close are decoded once more, to compare their fine structure.

    Parameters
    ----------
    table : pandas.DataFrame
        As `prints_of_files` returns it, also of several parts together.

    Returns
    -------
    pandas.DataFrame
        As `Dataset.duplicates` returns it.

    Raises
    ------
    TableError
        If it is no table of fingerprints.
    DataError
        If an image that has a hash can no longer be opened.
    """
    prints = _from_table(table)
    paths = table["path"].tolist()
    _check_readable([path for path, known in zip(paths, prints.hashed, strict=True) if known])
    return find_duplicates(table["sample_id"].tolist(), paths, prints)


def take_all_prints(paths: Sequence[str], *, progress: bool = False) -> Prints:
    """Read and decode every image once, with a progress bar on stderr where wanted."""
    found = [take_prints([])]
    with tqdm(total=len(paths), desc="fingerprints", unit="image", disable=not progress) as bar:
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            found.append(take_prints(some))
            bar.update(len(some))
    return Prints(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _to_hex(values: npt.NDArray[np.uint8], known: npt.NDArray[np.bool_]) -> pd.Series:
    digits = [
        row.tobytes().hex() if there else "" for row, there in zip(values, known, strict=True)
    ]
    return pd.Series(digits, dtype="str")


def _from_table(table: pd.DataFrame) -> Prints:
    missing = [name for name in _COLUMNS if name not in table.columns]
    flags = [name for name in ("opened", "hashed") if name in table and table[name].dtype != bool]
    if missing or flags:
        raise TableError(
            "not a table of fingerprints",
            argument="table",
            rows=[*missing, *flags],
            expected="the columns " + ", ".join(_COLUMNS),
        )
    opened, hashed = table["opened"].to_numpy(), table["hashed"].to_numpy()
    return Prints(
        _from_hex(table, "key", opened, KEY_BYTES),
        _from_hex(table, "hash", hashed, HASH_BYTES),
        opened,
        hashed,
    )


def _from_hex(
    table: pd.DataFrame, column: str, known: npt.NDArray[np.bool_], length: int
) -> npt.NDArray[np.uint8]:
    zeros = bytes(length)
    rows: list[bytes] = []
    wrong: list[str] = []
    for item, text, there in zip(table["sample_id"], table[column], known, strict=True):
        value = _bytes_of(text) if there else zeros
        if len(value) != length:
            wrong.append(str(item))
        rows.append(value)
    if wrong:
        raise TableError(
            "not fingerprints",
            argument=f"table, column {column!r}",
            rows=wrong,
            expected=f"{2 * length} hexadecimal digits",
        )
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), length)


def _bytes_of(text: object) -> bytes:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _check_readable(paths: Sequence[str]) -> None:
    """Raise if a file is gone: its near-duplicates would not be found, and nothing would say so."""
    readable = map_threads(_is_readable, paths)
    gone = [path for path, there in zip(paths, readable, strict=True) if not there]
    if gone:
        raise DataError(
            f"{len(gone):,} of {len(paths):,} images can no longer be opened",
            rows=gone,
            expected="the images where they were when their fingerprints were taken: those that"
            " look alike are compared once more",
            hint="work in the same folder as then, or take fingerprints by an absolute path",
        )


def _is_readable(path: str) -> bool:
    return os.access(path, os.R_OK) and Path(path).is_file()
