"""Finding images that show the same photograph, so that no split puts them on two sides.

Files with equal bytes are identical. Others are near-duplicates if their difference hashes are
close and their fine structure agrees. Candidates are found by multi-index hashing (Norouzi, Punjani
and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012): two codes that
differ in at most 16 of 256 bits agree in at least one of 17 bands, so only images that share a band
are compared.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.data._fingerprints import HASH_BYTES, Details, Prints

__all__ = ["FoundDuplicates", "find_duplicates", "near_pairs", "search_duplicates"]

_log = logging.getLogger(__name__)

_BANDS = 17
_MAX_BITS = 32
_MIN_CORRELATION = 0.88
# A band that so many images share says nothing; what is near agrees in others too.
_MAX_SHIFT = 4096
# Pairs whose fine structure is compared in one go, and rows whose codes are.
_BATCH = 512
_CHUNK = 16_384

Rows = npt.NDArray[np.intp]


class FoundDuplicates(NamedTuple):
    """What a search for duplicates found.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns ``sample_id``, ``group`` (int64), ``kind`` ("identical", "near").
    confirmed, refused : int
        Pairs of files with different bytes and close hashes whose fine structure was compared, and
        agreed or did not. Pairs that other pairs had joined already are not compared.
    """

    table: pd.DataFrame
    confirmed: int
    refused: int


def find_duplicates(ids: Sequence[str], paths: Sequence[str], prints: Prints) -> pd.DataFrame:
    """Return the table of `search_duplicates` alone."""
    return search_duplicates(ids, paths, prints).table


def search_duplicates(ids: Sequence[str], paths: Sequence[str], prints: Prints) -> FoundDuplicates:
    """Group the images that are identical or nearly so; see `Dataset.duplicates`.

    Parameters
    ----------
    ids, paths : sequence of str, length n
    prints : Prints
        Fingerprints of the n images.

    Returns
    -------
    FoundDuplicates
    """
    content = _number_contents(prints)
    root = np.arange(int(content.max(initial=-1)) + 1)
    confirmed = refused = 0
    details = Details(paths)
    order = _hash_order(prints.hashes, _first_rows(content, prints.hashed), content)
    for left, right in _pairs_in_order(prints.hashes, order):
        for start in range(0, len(left), _BATCH):
            rows = left[start : start + _BATCH], right[start : start + _BATCH]
            apart = root[content[rows[0]]] != root[content[rows[1]]]
            if not apart.any():
                continue
            one, other = rows[0][apart], rows[1][apart]
            good = details.correlate(one, other) >= _MIN_CORRELATION
            _join(root, content[one[good]], content[other[good]])
            confirmed += int(good.sum())
            refused += int((~good).sum())
    _log.info("near-duplicates: %d pairs confirmed, %d refused", confirmed, refused)
    if not prints.opened.all():
        _log.warning("%d files cannot be opened; none is a duplicate", int((~prints.opened).sum()))
    return FoundDuplicates(_group_table(ids, content, root), confirmed, refused)


def near_pairs(hashes: npt.NDArray[np.uint8]) -> Iterator[tuple[Rows, Rows]]:
    """Find codes that are close to each other, without comparing all with all.

    Parameters
    ----------
    hashes : numpy.ndarray of uint8, shape (n, 32)

    Yields
    ------
    left, right : numpy.ndarray of int, equal lengths
        Positions, each pair once: every pair within 16 bits, and most of those up to 32.
    """
    rows = np.arange(len(hashes))
    yield from _pairs_in_order(hashes, _hash_order(hashes, rows, rows))


def _hash_order(hashes: npt.NDArray[np.uint8], rows: Rows, content: Rows) -> Rows:
    """Sort rows by their codes; equal codes by content, so that the rows' order means nothing."""
    words = np.ascontiguousarray(hashes).view(np.uint64)
    if len(rows) == len(words):
        return np.lexsort((content, *words.T[::-1]))  # sorted as they lie, without a copy
    return rows[np.lexsort((content[rows], *words[rows].T[::-1]))]


def _pairs_in_order(hashes: npt.NDArray[np.uint8], in_order: Rows) -> Iterator[tuple[Rows, Rows]]:
    words = np.ascontiguousarray(hashes).view(np.uint64)
    # Neighbouring bits are alike, so a band takes every 17th.
    masks = [_band_mask(band) for band in range(_BANDS)]
    for band in range(_BANDS):
        value = _band_values(hashes, band)[in_order]
        order = in_order[np.argsort(value, kind="stable")]
        value.sort()
        for start in range(0, len(order), _CHUNK):
            stop = min(start + _CHUNK, len(order))
            yield from _pairs_of_band(words, order, value, slice(start, stop), masks[:band])


def _band_values(hashes: npt.NDArray[np.uint8], band: int) -> npt.NDArray[np.uint16]:
    """Return the at most 16 bits of a band as one number a code."""
    values = np.zeros(len(hashes), dtype=np.uint16)
    for place, bit in enumerate(range(band, 8 * HASH_BYTES, _BANDS)):
        byte, shift = divmod(bit, 8)
        values |= ((hashes[:, byte] >> (7 - shift)) & 1).astype(np.uint16) << place
    return values


def _band_mask(band: int) -> npt.NDArray[np.uint64]:
    bits = np.zeros(8 * HASH_BYTES, dtype=np.uint8)
    bits[band::_BANDS] = 1
    return np.packbits(bits).view(np.uint64)


def _pairs_of_band(
    words: npt.NDArray[np.uint64],
    order: Rows,
    value: npt.NDArray[np.uint16],
    rows: slice,
    earlier: Sequence[npt.NDArray[np.uint64]],
) -> Iterator[tuple[Rows, Rows]]:
    """Compare some rows with those that share their band and follow them in its order."""
    end = np.searchsorted(value, value[rows], side="right")
    here = np.arange(rows.start, rows.stop)
    for shift in range(1, _MAX_SHIFT):
        shared = here + shift < end
        here, end = here[shared], end[shared]
        if not len(here):
            return
        left, right = order[here], order[here + shift]
        different = words[left] ^ words[right]
        close = np.bitwise_count(different).sum(axis=1, dtype=np.int64) <= _MAX_BITS
        left, right, different = left[close], right[close], different[close]
        # A pair that agrees in an earlier band was found there.
        new = np.ones(len(left), dtype=np.bool_)
        for mask in earlier:
            new &= (different & mask).any(axis=1)
        if new.any():
            yield left[new], right[new]


def _number_contents(prints: Prints) -> Rows:
    """Return a number for what each file holds; files that cannot be opened have one each."""
    content = np.empty(len(prints.opened), dtype=np.intp)
    keys = np.ascontiguousarray(prints.keys).view(np.uint64)
    opened = np.flatnonzero(prints.opened)
    order = opened[np.lexsort((keys[opened, 1], keys[opened, 0]))]
    new = np.zeros(len(order), dtype=np.bool_)
    for part in keys.T:
        inside = part[order]
        new[1:] |= inside[1:] != inside[:-1]
    content[order] = np.cumsum(new)
    closed = np.flatnonzero(~prints.opened)
    known = int(new.sum()) + (len(order) > 0)
    content[closed] = known + np.arange(len(closed))
    return content


def _first_rows(content: Rows, hashed: npt.NDArray[np.bool_]) -> Rows:
    """Return the first row of each content, of those that have a hash."""
    first = np.empty(int(content.max(initial=-1)) + 1, dtype=np.intp)
    first[content[::-1]] = np.arange(len(content))[::-1]
    return first[hashed[first]]


def _join(root: Rows, left: Rows, right: Rows) -> None:
    """Give joined groups the lowest of their roots, in place."""
    parent: dict[int, int] = {}

    def find(item: int) -> int:
        while item in parent:
            item = parent[item]
        return item

    for one, other in zip(root[left].tolist(), root[right].tolist(), strict=True):
        keep, lose = sorted((find(one), find(other)))
        if keep != lose:
            parent[lose] = keep
    lookup = np.arange(len(root))
    lookup[list(parent)] = [find(item) for item in parent]
    root[:] = lookup[root]


def _group_table(ids: Sequence[str], content: Rows, root: Rows) -> pd.DataFrame:
    # `root` and `count` are of contents, of which several files may hold one.
    count = np.bincount(content, minlength=len(root))
    members = np.bincount(root, weights=count, minlength=len(root))
    rows = np.flatnonzero(members[root[content]] > 1)
    kinds = np.where(count[content[rows]] > 1, "identical", "near")
    table = pd.DataFrame(
        {
            "sample_id": pd.Series([ids[row] for row in rows.tolist()], dtype="str"),
            "group": root[content[rows]],
            "kind": pd.Series(kinds, dtype="str"),
        }
    ).sort_values("sample_id", kind="stable")
    table["group"] = pd.factorize(table["group"])[0].astype(np.int64)
    return table.sort_values(["group", "sample_id"]).reset_index(drop=True)
