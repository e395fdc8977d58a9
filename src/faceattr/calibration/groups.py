"""The rule by which a row finds its group, also one that was not there when it was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._grouping import as_category, group_rows, is_binned
from faceattr._validation import check_unique
from faceattr.binning import Bins, BinSpec, make_bins, usual_bins
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.tasks import TaskSet, value_text

__all__ = ["GroupRule"]


@dataclass(frozen=True)
class GroupRule:
    """How rows are put into groups by a column.

    Attributes
    ----------
    column : str
    names : tuple of str
        The groups: labels of the bins, or the values of a category as text.
    edges : tuple of float or None, optional
        Of the bins, one more than there are groups; right-closed, None for an open end. Without
        edges every value is a group.
    """

    column: str
    names: tuple[str, ...]
    edges: tuple[float | None, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))
        if not self.names:
            raise InvalidArgumentError("no group", argument="names", expected="at least one name")
        if self.edges is None:
            check_unique(self.names, "names")
        else:
            object.__setattr__(self, "edges", Bins(tuple(self.edges), self.names).edges)

    @classmethod
    def learn(
        cls, table: pd.DataFrame, column: str, bins: Mapping[str, BinSpec], tasks: TaskSet
    ) -> GroupRule:
        """Take the groups from the rows of a table, by the rule of all stages.

        The outermost of bins that are quantiles are open, so that no later number lies outside.

        Raises
        ------
        InvalidTypeError, InvalidArgumentError
            If the bins do not fit the column, or it has more than 200 groups.
        TableError
            If no row has a value.
        """
        values = table[column]
        if not is_binned(values, column, bins):
            group_rows(table, column, bins, tasks, "missing")  # its checks hold here too
            found = as_category(values).remove_unused_categories().categories
            if not len(found):
                raise TableError(
                    "no row has a value", argument="by", found=f"the empty column {column!r}"
                )
            return cls(column, tuple(map(value_text, found)))
        spec = bins.get(column, usual_bins(column))
        made = make_bins(spec, values, argument=f"bins[{column!r}]")
        if isinstance(spec, int | np.integer):
            made = _opened(made)
        return cls(column, made.labels, made.edges)

    def assign(self, table: pd.DataFrame) -> npt.NDArray[np.intp]:
        """Return the group of each row, shape (n,); -1 where it is missing or no known one.

        Raises
        ------
        InvalidTypeError
            If bins are to hold something that is no number.
        """
        values = table[self.column]
        if self.edges is not None:
            codes = Bins(self.edges, self.names).assign(values).codes.astype(np.intp)
            return np.where(codes < len(self.names), codes, -1)
        places = {name: place for place, name in enumerate(self.names)}
        missing = values.isna().to_numpy(dtype=bool)
        found = np.array([places.get(value_text(value), -1) for value in values], dtype=np.intp)
        return np.where(missing, -1, found)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain JSON types."""
        edges = None if self.edges is None else list(self.edges)
        return {"column": self.column, "names": list(self.names), "edges": edges}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GroupRule:
        """Make a rule from what `to_dict` gave."""
        edges = data["edges"]
        return cls(data["column"], tuple(data["names"]), None if edges is None else tuple(edges))


def _opened(bins: Bins) -> Bins:
    inner = bins.edges[1:-1]
    labels = bins.labels
    if len(labels) == 1:
        return Bins((None, None), labels)
    return Bins((None, *inner, None), labels)
