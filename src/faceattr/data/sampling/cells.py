"""Cells: the joint groups of images by several columns, empty ones included."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._grouping import (
    MISSING,
    NOT_SCORED,
    Grouping,
    JointGroups,
    group_rows,
    join_quality,
)
from faceattr._ranges import with_middles
from faceattr.binning import BinSpec
from faceattr.data.sampling.smoothing import LabelDistributionSmoothing, smooth_counts
from faceattr.exceptions import DataError, InvalidArgumentError
from faceattr.tasks import TaskSet

__all__ = ["BalanceSpec", "Cells", "make_cells"]

BalanceSpec: TypeAlias = "BinSpec | LabelDistributionSmoothing"
"""How a column of numbers is balanced: by edges, by a number of bins, or smoothed."""

_MOST_CELLS = 10_000


@dataclass(frozen=True, eq=False)
class Cells:
    """The joint groups of n images.

    Attributes
    ----------
    groups : JointGroups
        The bins of each column, and which of them each image is in.
    counts : numpy.ndarray of int64, shape (bins of the first column, bins of the second, ...)
        Images of each cell.
    smoothed : numpy.ndarray of float64, same shape
        The counts that decide how rare a cell is.
    """

    groups: JointGroups
    counts: npt.NDArray[np.int64]
    smoothed: npt.NDArray[np.float64]


def make_cells(
    table: pd.DataFrame,
    tasks: TaskSet,
    by: Sequence[str],
    specs: Mapping[str, BalanceSpec],
    *,
    quality: pd.DataFrame | None,
    refuse_missing: bool,
) -> Cells:
    """Put every row of an index table into a cell.

    A number that is known as a range counts as the middle of it.

    Raises
    ------
    TableError, DataError, InvalidArgumentError, InvalidTypeError
        If a column is unknown, cannot be cut into bins, or lacks values that are refused; or if
        there would be more than 10,000 cells.
    """
    hint = "give the table that holds it: BalancedSampler(..., quality=table)"
    joined, scored = join_quality(
        with_middles(table, tasks), quality, by, argument="dataset", hint=hint
    )
    axes = tuple(
        _axis(joined, column, specs.get(column), tasks, NOT_SCORED if column in scored else MISSING)
        for column in by
    )
    if refuse_missing:
        for axis in axes:
            _refuse_stray(axis, table["sample_id"])
    groups = JointGroups(axes)
    if math.prod(groups.shape) > _MOST_CELLS:
        raise InvalidArgumentError(
            "too many cells",
            argument="by",
            expected=f"at most {_MOST_CELLS:,}",
            found=" x ".join(f"{len(axis.names)} of {axis.column!r}" for axis in axes),
            hint="balance by fewer columns or wider bins",
        )
    counts = groups.counts()
    return Cells(groups, counts, _smoothed(counts, axes, specs))


def _axis(
    table: pd.DataFrame, column: str, spec: BalanceSpec | None, tasks: TaskSet, missing: str
) -> Grouping:
    if isinstance(spec, LabelDistributionSmoothing):
        _require_numbers(table, column)
        spec = spec.bins(table[column], f"bins[{column!r}]")
    return group_rows(table, column, {} if spec is None else {column: spec}, tasks, missing)


def _require_numbers(table: pd.DataFrame, column: str) -> None:
    dtype = table[column].dtype
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        raise InvalidArgumentError(
            "only numbers can be smoothed",
            argument=f"bins[{column!r}]",
            expected="a column of numbers",
            found=f"a column of {dtype}",
        )


def _smoothed(
    counts: npt.NDArray[np.int64], axes: Sequence[Grouping], specs: Mapping[str, BalanceSpec]
) -> npt.NDArray[np.float64]:
    smoothed = counts.astype(np.float64)
    for number, axis in enumerate(axes):
        spec = specs.get(axis.column)
        if isinstance(spec, LabelDistributionSmoothing):
            neighbours = len(axis.names) - axis.stray
            smoothed = smooth_counts(smoothed, spec.kernel(), number, neighbours)
    return smoothed


def _refuse_stray(axis: Grouping, ids: pd.Series) -> None:
    first = len(axis.names) - axis.stray
    rows = np.flatnonzero(axis.codes >= first)
    if not len(rows):
        return
    counts = {
        name: int((axis.codes == first + n).sum()) for n, name in enumerate(axis.names[first:])
    }
    raise DataError(
        f"images without a bin of {axis.column!r}",
        argument="by",
        rows=[str(ids.iloc[row]) for row in rows],
        expected="a value within the bins for every image",
        found=", ".join(f"{count:,} {name}" for name, count in counts.items()),
        hint='missing="cell" makes them a cell of their own; or leave them out with select, or '
        "widen the bins with None as the last edge",
    )
