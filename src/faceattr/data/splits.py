"""Dividing rows into parts: by seed, alike in every stratum, and never across a group.

Groups are handed out one by one, the largest first, stratum by stratum and there in random order.
Each goes to the part that lags most behind its share of what was handed out so far, in the group's
own strata and over all. So every part holds its share of each stratum, rare ones included, to about
one group.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_no_text, check_number
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError

__all__ = ["DUPLICATES", "assign_parts"]

_log = logging.getLogger(__name__)

DUPLICATES = "duplicates"
"""The name that asks for groups of identical and near-identical images."""

_BINS = 10
_TOLERANCE = 1e-6

Codes = npt.NDArray[np.int64]


def check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the parts that have a share, in order; the shares must sum to 1.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If a share is no number from 0 to 1, or the sum is another; its name is the argument.
    """
    checked = {name: check_number(share, name, low=0.0, high=1.0) for name, share in shares.items()}
    total = sum(checked.values())
    if abs(total - 1.0) > _TOLERANCE:
        raise InvalidArgumentError(
            "the shares do not sum to 1",
            argument=", ".join(checked),
            expected="a sum of 1, so that every image is in one part",
            found=f"{total:g}",
            hint="use select to leave images out",
        )
    return {name: share for name, share in checked.items() if share > 0}


def group_codes(
    table: pd.DataFrame, groups: str | None, duplicates: Callable[[], pd.DataFrame] | None
) -> Codes:
    """Return the number of the group of each row.

    Parameters
    ----------
    table : pandas.DataFrame
        An index table of n rows.
    groups : str, optional
        A column, in which a missing value is a group of its own; "duplicates"; or None, and every
        row is a group.
    duplicates : callable, optional
        Returns the columns ``sample_id`` and ``group``; called for "duplicates" alone.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)

    Raises
    ------
    InvalidTypeError
        If `groups` is neither text nor None.
    DataError
        If there is no such column.
    """
    if groups is None:
        return np.arange(len(table), dtype=np.int64)
    if not isinstance(groups, str):
        raise InvalidTypeError(
            "not a column",
            argument="groups",
            expected=f"the name of one column, {DUPLICATES!r} or None",
            found=repr(groups)[:120],
        )
    if groups == DUPLICATES and duplicates is not None:
        found = duplicates().set_index("sample_id")["group"]
        labels = table["sample_id"].map(found)
    else:
        _require_column(table, groups, "groups", f"a column, {DUPLICATES!r} or None")
        labels = table[groups]
    codes = pd.factorize(labels)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes


def strata_codes(table: pd.DataFrame, columns: Sequence[str]) -> Codes:
    """Return the number of the stratum of each row: the joint values of some columns.

    Numbers with more than ten values are cut into ten bins of about equal count; missing values are
    a stratum of their own.

    Raises
    ------
    DataError
        If there is no such column.
    """
    check_no_text(columns, "stratify", "a sequence of columns")
    if not isinstance(columns, Iterable):
        raise InvalidTypeError(
            "not columns",
            argument="stratify",
            expected="a sequence of columns",
            found=repr(columns),
        )
    codes = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        _require_column(table, column, "stratify", "columns of the table")
        own = _column_codes(table[column])
        codes = np.unique(codes * (own.max(initial=0) + 1) + own, return_inverse=True)[1]
    return codes.astype(np.int64)


def _column_codes(column: pd.Series) -> Codes:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if not numeric or column.nunique() <= _BINS:
        return pd.factorize(column, sort=True)[0].astype(np.int64) + 1
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[known], np.arange(1, _BINS) / _BINS))
    codes = np.zeros(len(values), dtype=np.int64)
    codes[known] = 1 + np.searchsorted(edges, values[known], side="left")
    return codes


def assign_parts(
    ids: pd.Series, strata: Codes, groups: Codes, shares: Sequence[float], seed: int
) -> Codes:
    """Assign every row to a part.

    Parameters
    ----------
    ids : pandas.Series of str, length n
        Unique; the result depends on them and not on the order of the rows.
    strata, groups : numpy.ndarray of int64, shape (n,)
        Stratum and group of each row.
    shares : sequence of float, length k
        Each above 0, with a sum of 1.
    seed : int
        Same seed, same parts.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Numbers of parts, 0 to k - 1. A part may be empty where groups are few.
    """
    if len(ids) == 0:
        return np.empty(0, dtype=np.int64)
    order = np.argsort(ids.to_numpy(dtype=object), kind="stable")
    # Numbered by their first id: what a group is called, and where it stands, does not matter.
    canonical = pd.factorize(groups[order])[0]
    members = np.split(np.argsort(canonical, kind="stable"), np.cumsum(np.bincount(canonical))[:-1])
    sizes = np.array([len(rows) for rows in members])
    rng = np.random.default_rng(seed)
    rank = rng.permutation(len(members))
    # Like strata follow each other, so that what one lacks its neighbour makes up for; the first is
    # drawn, so that a stratum of one image is not in the same part for every seed.
    strata_in_order = pd.factorize(strata[order], sort=True)[0]
    count = strata_in_order.max() + 1
    turn = (strata_in_order[[rows[0] for rows in members]] + rng.integers(count)) % count
    sequence = np.lexsort((rank, turn, -sizes))
    wanted = [strata_in_order[members[group]].tolist() for group in sequence]
    part_of_group = np.empty(len(members), dtype=np.int64)
    part_of_group[sequence] = _hand_out(wanted, shares)
    parts = np.empty(len(order), dtype=np.int64)
    parts[order] = part_of_group[canonical]
    return parts


def _hand_out(groups: Sequence[Sequence[int]], shares: Sequence[float]) -> list[int]:
    """Choose a part for each group, given as the strata of its rows."""
    parts = range(len(shares))
    lag = [0.0 for _ in parts]  # share of all rows so far, less the rows a part has
    lags: dict[int, list[float]] = {}  # the same in each stratum
    chosen: list[int] = []
    for strata in groups:
        for stratum in strata:
            own = lags.setdefault(stratum, [0.0 for _ in parts])
            for part in parts:
                own[part] += shares[part]
                lag[part] += shares[part]
        known = [lags[stratum] for stratum in strata]
        # Twice, so that sizes are right to about one image while strata may be off by two.
        score = [2 * lag[part] + sum(own[part] for own in known) / len(known) for part in parts]
        best = score.index(max(score))
        for own in known:
            own[best] -= 1.0
        lag[best] -= len(known)
        chosen.append(best)
    return chosen


def require_rows(parts: Codes, names: Sequence[str], group_count: int) -> None:
    """Raise if a part has no row."""
    counts = np.bincount(parts, minlength=len(names))
    empty = [name for name, count in zip(names, counts, strict=True) if count == 0]
    if empty:
        raise DataError(
            "a part would be empty",
            argument=", ".join(empty),
            expected="at least one group of images for each part",
            found=f"{len(parts)} images in {group_count} groups",
            hint="give it a larger share, or use more images or smaller groups",
        )


def _require_column(table: pd.DataFrame, column: str, argument: str, expected: str) -> None:
    if column not in table.columns:
        raise DataError(
            "no such column",
            argument=argument,
            expected=expected,
            found=repr(column),
            hint="the columns are " + ", ".join(map(repr, table.columns)),
        )


def given_parts(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the name of each row's part, as text.

    Raises
    ------
    DataError
        If there is no such column, or it has no value in a row.
    """
    _require_column(table, column, "column", "a column that names each row's part")
    names = table[column]
    without = names.isna() | (names.astype("str").str.strip() == "")
    if without.any():
        raise DataError(
            "rows are in no part",
            argument="column",
            rows=table.loc[without, "sample_id"].tolist(),
            expected=f"a name in the column {column!r}",
            hint=f"leave them out with dataset.select(dataset.table[{column!r}].notna())",
        )
    return names.astype("str").str.strip()


def tell_crossing(table: pd.DataFrame, names: pd.Series, groups: Codes) -> None:
    """Warn where a group lies in more than one part."""
    crossing = names.groupby(groups).transform("nunique") > 1
    if not crossing.any():
        return
    ids = table["sample_id"].astype("str")
    of_first = groups == groups[crossing.to_numpy()][0]
    shown = (ids + " (" + names + ")")[of_first][~names[of_first].duplicated()]
    _log.warning(
        "%d images of %d groups lie in more than one part, such as %s: what is measured on one "
        "part may be remembered from another; split(...) keeps groups together",
        int(crossing.sum()),
        len(np.unique(groups[crossing.to_numpy()])),
        " and ".join(shown.iloc[:3]),
    )


def tell_given_split(table: pd.DataFrame) -> None:
    """Warn where the images came with a split of their own, such as an official test part."""
    given = table["split"].dropna().unique().tolist() if "split" in table else []
    if len(given) > 1:  # a part that was split before has one value
        _log.warning(
            "the column 'split' (%s) is not followed but replaced; dataset.parts('split') follows "
            "it, and split.column in a job file",
            ", ".join(map(str, given[:4])),
        )
