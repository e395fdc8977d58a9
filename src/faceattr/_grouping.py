"""Groups of rows, by the bins of a number or the values of a category: one rule for all stages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.binning import USUAL_BINS, BinSpec, make_bins, usual_bins
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables import check_ids
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet, value_text

__all__ = [
    "MISSING",
    "NOT_SCORED",
    "Grouping",
    "JointGroups",
    "as_category",
    "group_rows",
    "is_binned",
    "join_quality",
]

MISSING = "missing"
"""The bin of rows that lack the value that they are grouped by."""

NOT_SCORED = "not scored"
"""The bin of rows that the quality table does not know."""

_FEW_WHOLE_NUMBERS = 10
_MAX_GROUPS = 200


@dataclass(frozen=True, eq=False)
class Grouping:
    """A partition of the rows.

    Attributes
    ----------
    column : str
        What the rows are grouped by.
    names : tuple of str, length k
        The bins in order, also the empty ones.
    codes : numpy.ndarray of int, shape (n,)
        The bin of each row.
    stray : int, default 0
        How many of the bins, the last ones, hold rows without a value or beyond all edges.
    edges : tuple of float or None, optional
        Of bins of a number, one more than there are bins of values.
    """

    column: str
    names: tuple[str, ...]
    codes: npt.NDArray[np.intp]
    stray: int = 0
    edges: tuple[float | None, ...] | None = None


@dataclass(frozen=True, eq=False)
class JointGroups:
    """The groups of n rows by several columns at once, empty ones included.

    Attributes
    ----------
    axes : tuple of Grouping
        Of each column.
    """

    axes: tuple[Grouping, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many bins each column has."""
        return tuple(len(axis.names) for axis in self.axes)

    def numbers(self) -> npt.NDArray[np.intp]:
        """Return the joint group of each row, counted with the last column running fastest."""
        codes = tuple(axis.codes for axis in self.axes)
        return np.asarray(np.ravel_multi_index(codes, self.shape), dtype=np.intp)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many rows each joint group has, an axis a column."""
        flat = np.bincount(self.numbers(), minlength=math.prod(self.shape))
        return flat.reshape(self.shape).astype(np.int64)

    def labels(self) -> pd.DataFrame:
        """Return the bins of each joint group, an ordered category a column, in flat order."""
        places = np.unravel_index(np.arange(math.prod(self.shape)), self.shape)
        return pd.DataFrame(
            {
                axis.column: pd.Categorical.from_codes(codes, pd.Index(axis.names), ordered=True)
                for axis, codes in zip(self.axes, places, strict=True)
            }
        )


def join_quality(
    table: pd.DataFrame,
    quality: pd.DataFrame | None,
    by: Sequence[str],
    *,
    argument: str = "predictions",
    hint: str = "give the table that holds it: evaluate(predictions, quality)",
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Bring the columns to group by from the quality table; every row of the other one is kept.

    Parameters
    ----------
    table : pandas.DataFrame
        With a ``sample_id`` where there is a quality table.
    quality : pandas.DataFrame, optional
    by : sequence of str
        The columns wanted; those that `table` has are taken from there.
    argument : str, default "predictions"
        What the caller calls `table`, for errors.
    hint : str
        How to give a quality table, for errors.

    Returns
    -------
    table : pandas.DataFrame
        With the columns that it lacked, in its own order.
    joined : frozenset of str
        The columns that came from the quality table.

    Raises
    ------
    TableError
        If ids are repeated in the quality table, none is shared, or a column is in neither table.
    """
    scored = None if quality is None else check_ids(quality, "quality", allow_repeats=True)
    wanted = [name for name in by if name not in table.columns]
    known = [] if quality is None else list(quality.columns)
    absent = [name for name in wanted if name not in known]
    if absent:
        raise TableError(
            "a column to group by is missing",
            argument="by",
            expected=f"one of the columns {list(table.columns) + known}",
            found=repr(absent[0]),
            hint=hint if quality is None else None,
        )
    if quality is None or scored is None:
        return table, frozenset()
    ids = check_ids(table, argument, allow_repeats=True)
    _check_match(ids, scored, argument)
    columns = quality.set_index("sample_id")[wanted].reindex(ids.to_list())
    columns.index = table.index
    return pd.concat([table, columns], axis=1), frozenset(wanted)


def group_rows(
    table: pd.DataFrame,
    column: str,
    bins: Mapping[str, BinSpec],
    tasks: TaskSet,
    missing: str,
) -> Grouping:
    """Put every row into one bin of a column.

    Numbers go to the bins given, or to the usual ones: ages to age groups, luminance and BRISQUE to
    the reference study's bins, other numbers to five quantiles.
    Text, booleans, categories and whole numbers with at most ten values make a group a value, also
    where gaps have turned the whole numbers into floats.

    Raises
    ------
    InvalidTypeError, InvalidArgumentError
        If the bins do not fit the column, or it has more than 200 groups.
    """
    values = _as_numbers(table[column], tasks.get(column))
    if is_binned(values, column, bins):
        spec = bins.get(column, usual_bins(column))
        chosen = make_bins(spec, values, argument=f"bins[{column!r}]")
        assigned = chosen.assign(values, missing=missing)
        names = tuple(assigned.categories)
        codes, stray = assigned.codes.astype(np.intp), len(names) - len(chosen)
        return Grouping(column, names, codes, stray, chosen.edges)
    return _group_categories(values, column, tasks, missing)


def is_binned(values: pd.Series, column: str, bins: Mapping[str, BinSpec]) -> bool:
    """Tell whether `group_rows` puts a column into bins; else each of its values is a group."""
    return column in bins or (_is_number(values) and not _is_code(values, column))


def as_category(values: pd.Series) -> pd.Categorical:
    """Return the values of a column that makes a group a value, in order.

    Raises
    ------
    InvalidTypeError
        If they are lists or the like.
    """
    try:
        return pd.Categorical(values)
    except TypeError as error:
        raise InvalidTypeError(
            "not a column to group by",
            argument="by",
            expected=f"text, numbers or booleans in column {values.name!r}",
            found=str(error),
        ) from error


def _as_numbers(values: pd.Series, task: Task | None) -> pd.Series:
    """Return labels of a task of numbers as numbers, whatever they were read as."""
    if not isinstance(task, RegressionTask) or pd.api.types.is_numeric_dtype(values.dtype):
        return values
    return pd.to_numeric(values.astype(object), errors="coerce")


def _group_categories(values: pd.Series, column: str, tasks: TaskSet, missing: str) -> Grouping:
    task = tasks.get(column)
    if isinstance(task, ClassificationTask):
        names = list(task.classes)
        codes = task.encode(task.parse(values, [str(row) for row in range(len(values))]))
    else:
        category = as_category(values)
        names = [value_text(value) for value in category.categories]
        codes = np.array(category.codes, dtype=np.int64)
    if len(names) > _MAX_GROUPS or len(set(names)) < len(names):
        raise InvalidArgumentError(
            "not a column to group by",
            argument="by",
            expected=f"at most {_MAX_GROUPS} values, each with a name of its own",
            found=f"{len(names)} values in column {column!r}",
        )
    unknown = codes < 0
    stray = bool(unknown.any()) or not names  # a table without rows has a group as well
    if stray:
        while missing in names:
            missing = f"({missing})"
        codes[unknown] = len(names)
        names.append(missing)
    return Grouping(column, tuple(names), codes.astype(np.intp), int(stray))


def _is_number(values: pd.Series) -> bool:
    dtype = values.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _is_code(values: pd.Series, column: str) -> bool:
    if column == "age" or values.nunique() > _FEW_WHOLE_NUMBERS:
        return False
    if pd.api.types.is_integer_dtype(values.dtype):
        return True
    known = values.dropna()  # a gap turns whole numbers into floats; scores are floats anyway
    return bool(column not in USUAL_BINS and len(known) and (known % 1 == 0).all())


def _check_match(ids: pd.Series, scored: pd.Series, argument: str) -> None:
    repeated = scored[scored.duplicated()].unique()
    if len(repeated):
        problem, rows = "ids are repeated", [str(value) for value in repeated]
        hint = "quality.drop_duplicates('sample_id') keeps the first row of each"
    elif len(ids) and not ids.isin(scored).any():
        problem, rows = f"no id is shared with the {argument}", []
        hint = "both tables must name a sample alike: by its path relative to the data's folder"
    else:
        return
    raise TableError(
        problem,
        argument="quality",
        rows=rows,
        expected=f"ids such as {list(ids[:2])} in the {argument}, each once",
        found=f"ids such as {list(scored[:2])} in the quality table",
        hint=hint,
    )
