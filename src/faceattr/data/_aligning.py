"""Values a row that carry an index of their own, in the order of a data set."""

from __future__ import annotations

import pandas as pd

from faceattr.exceptions import DataError

__all__ = ["in_table_order"]


def in_table_order(values: pd.Series, ids: pd.Series, argument: str) -> pd.Series:
    """Return values in the order of a table, by the index that they carry.

    Parameters
    ----------
    values : pandas.Series
        With the index 0, 1, ... in whatever order, as a column of a table that was sorted has, or
        with ``sample_id`` as its index.
    ids : pandas.Series of str
        The ids of the table, whose rows are numbered from 0.
    argument : str
        What the caller calls `values`, for errors.

    Returns
    -------
    pandas.Series
        As long as `ids`, missing where an id has no value; with the index 0, 1, ... it is returned
        as it is, of whatever length.

    Raises
    ------
    DataError
        If an id or a row is given twice, or the index is neither.
    """
    index = values.index
    if index.equals(pd.RangeIndex(len(values))):
        return values
    repeated = index[index.duplicated()].unique()
    if len(repeated):
        raise DataError("rows are given twice", argument=argument, rows=[*map(str, repeated)])
    if pd.api.types.is_integer_dtype(index.dtype) and index.isin(range(len(ids))).all():
        return values.reindex(range(len(ids)))
    if len(index) and not index.isin(ids).any():
        raise DataError(
            "the index names no row of the data set",
            argument=argument,
            expected="the numbers of the table's rows, or ids" + _such_as(ids),
            found=repr(index[0]),
            hint="values.to_numpy(), where they are in the order of the table",
        )
    return values.reindex(ids)


def _such_as(ids: pd.Series) -> str:
    return f" such as {ids.iloc[0]!r}" if len(ids) else ""
