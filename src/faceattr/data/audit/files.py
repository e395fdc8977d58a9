"""Files that cannot be decoded, and names that will make trouble."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._parallel import map_threads
from faceattr.data.reader import is_drawing, try_reading

__all__ = ["odd_name_table", "unreadable_table"]

_IMAGE_WORDS = "jpg|jpeg|png|bmp|gif|webp|tif|tiff"
_NO_DOT = re.compile(rf"[^.\W_](?:{_IMAGE_WORDS})(?:\.|$)", re.IGNORECASE)
_SUFFIX = re.compile(rf"\.(?:{_IMAGE_WORDS})$", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\\]')
_KINDS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".gif": "GIF", ".webp": "WebP",
    ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip
_STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"BM": "BMP", b"GIF8": "GIF",
    b"II*\x00": "TIFF", b"MM\x00*": "TIFF",
}  # fmt: skip


def unreadable_table(
    table: pd.DataFrame, hashed: npt.NDArray[np.bool_], *, progress: bool = False
) -> pd.DataFrame:
    """Name the files that cannot be decoded.

    Parameters
    ----------
    table : pandas.DataFrame of n rows
        An index table.
    hashed : numpy.ndarray of bool, shape (n,)
        Which images have a hash and so were decoded; only others are tried once more.
    progress : bool, default False

    Returns
    -------
    pandas.DataFrame
        ``sample_id``, ``path``, ``reason`` (text), in the table's order. Drawings are made when
        they are read, and are not tried.
    """
    drawn = table["path"].map(is_drawing).to_numpy(dtype=bool)
    tried = table[~hashed & ~drawn]
    readable, refused = try_reading(tried["path"].tolist(), progress=progress)
    found: pd.DataFrame = tried.loc[~readable, ["sample_id", "path"]].reset_index(drop=True)
    return found.assign(reason=refused["reason"].reset_index(drop=True).astype("str"))


def odd_name_table(table: pd.DataFrame) -> pd.DataFrame:
    """Name the files whose names need attention.

    Looked at is the last part of a path: blanks, a missing dot before the suffix, "__", signs that
    other systems forbid, invisible signs, names that differ from another one in the same folder
    only by upper and lower case, and a suffix that the file's first bytes contradict.

    Parameters
    ----------
    table : pandas.DataFrame
        An index table.

    Returns
    -------
    pandas.DataFrame
        ``sample_id``, ``path``, ``reason`` (text, several joined by "; "), in the table's order.
    """
    files = table.loc[~table["path"].map(is_drawing).astype(bool), ["sample_id", "path"]]
    paths = files["path"].tolist()
    alike = _differ_by_case(paths)
    kinds = map_threads(_wrong_kind, paths)
    reasons = [
        "; ".join(_oddities(path, like, kind))
        for path, like, kind in zip(paths, alike, kinds, strict=True)
    ]
    found = files.assign(reason=pd.Series(reasons, index=files.index, dtype="str"))
    return found[found["reason"] != ""].reset_index(drop=True)


def _oddities(path: str, differs_by_case: bool, wrong_kind: str) -> Iterable[str]:
    name = path.rpartition("/")[2]
    if any(letter.isspace() for letter in name):
        yield "a blank in the name"
    if _NO_DOT.search(name):
        yield "no dot before the suffix"
    if "__" in name:
        yield "two underscores in a row"
    if _FORBIDDEN.search(name):
        yield f"a sign that other systems forbid: {_FORBIDDEN.findall(name)[0]!r}"
    if not name.isascii() and any(_is_invisible(letter) for letter in name):
        yield "an invisible sign in the name"
    if not _SUFFIX.search(name):
        yield "no usual suffix"
    if differs_by_case:
        yield "differs from another name only by upper and lower case"
    if wrong_kind:
        yield wrong_kind


def _is_invisible(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "C"


def _differ_by_case(paths: Sequence[str]) -> list[bool]:
    folded = pd.Series([path.casefold() for path in paths], dtype="str")
    return [bool(value) for value in folded.duplicated(keep=False)]


def _wrong_kind(path: str) -> str:
    """Say what a file is if its suffix says something else; nothing where it is not known."""
    expected = _KINDS.get(Path(path).suffix.lower())
    try:
        with Path(path).open("rb") as file:
            start = file.read(12)
    except (OSError, ValueError):
        return ""  # which stands among the unreadable files
    found = "WebP" if start[:4] == b"RIFF" and start[8:] == b"WEBP" else ""
    found = found or next((kind for sign, kind in _STARTS.items() if start.startswith(sign)), "")
    differs = expected is not None and found not in {"", expected}
    return f"the content is {found}, not {expected}" if differs else ""
