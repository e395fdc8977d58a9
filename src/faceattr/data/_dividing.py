"""Dividing a data set into parts: by shares, by folds, or as a column says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._ranges import with_middles
from faceattr._validation import check_integer
from faceattr.data._core import IndexedImages
from faceattr.data.index import order_columns
from faceattr.data.splits import (
    assign_parts,
    check_shares,
    given_parts,
    group_codes,
    require_rows,
    strata_codes,
    tell_crossing,
    tell_given_split,
)

__all__ = ["DivisibleImages"]


class DivisibleImages(IndexedImages):
    """Images whose rows can be dealt to parts; see `Dataset`."""

    def split(
        self,
        *,
        train: float,
        valid: float = 0.0,
        test: float = 0.0,
        seed: int = 0,
        groups: str | None = "duplicates",
        stratify: Sequence[str] | None = None,
    ) -> tuple[Self, ...]:
        """Split into parts that share no group and have alike labels.

        Parameters
        ----------
        train, valid, test : float
            Shares of the images; they sum to 1.
        seed : int, default 0
            Same seed, same images, same parts, whatever the order of the rows.
        groups : str, optional
            A group is never divided. By default "duplicates": images that are identical or nearly
            so (see `duplicates`) stay together, without which no test is honest. Or a column, such
            as one that names persons (rows without a value stand alone), or None.
        stratify : sequence of str, optional
            Columns whose joint values every part has in like shares; all tasks by default, none
            with ``()``. Numbers are cut into ten bins, missing values are a class of their own. A
            number known as a range counts as the middle of it.

        Returns
        -------
        tuple of Dataset
            The parts with a share above 0, in the order train, valid, test. Their tables have a
            column ``split`` with the part's name, their rows are in the order of this data set, and
            their `rejects` are empty.

        Raises
        ------
        InvalidArgumentError
            If the shares do not sum to 1.
        DataError
            If a part would be empty, or a column is unknown.
        """
        shares = check_shares({"train": train, "valid": valid, "test": test})
        parts = self._parts(list(shares.values()), list(shares), seed, groups, stratify)
        return tuple(self._part(parts == number, name) for number, name in enumerate(shares))

    def folds(
        self,
        k: int,
        *,
        seed: int = 0,
        groups: str | None = "duplicates",
        stratify: Sequence[str] | None = None,
    ) -> Iterator[tuple[Self, Self]]:
        """Split k times, so that every image is in one test part.

        Parameters
        ----------
        k : int
            Number of folds, at least 2.
        seed, groups, stratify
            As for `split`.

        Returns
        -------
        iterator of (train, test)
            Pairs of data sets; the column ``split`` says "train" or "test".

        Raises
        ------
        DataError
            If a fold would be empty, or a column is unknown.
        """
        check_integer(k, "k", low=2)
        names = [f"fold {number}" for number in range(k)]
        parts = self._parts([1.0 / k] * k, names, seed, groups, stratify)
        return (
            (self._part(parts != number, "train"), self._part(parts == number, "test"))
            for number in range(k)
        )

    def parts(self, column: str = "split", *, groups: str | None = "duplicates") -> dict[str, Self]:
        """Return the parts that a column names, such as an official training and test part.

        A warning tells where near-duplicates lie in different parts: a test on these measures what
        the network remembers.

        Parameters
        ----------
        column : str, default "split"
            Holds the name of each row's part.
        groups : str, optional
            What should not cross, as for `split`; None looks for nothing.

        Returns
        -------
        dict of str to Dataset
            The parts by name, in the order in which the names come first. Their column ``split``
            holds the name, their rows are in the order of this data set, and their `rejects` are
            empty.

        Raises
        ------
        DataError
            If a column is unknown, or rows have no part; `select` leaves them out.
        """
        names = given_parts(self._table, column)
        tell_crossing(self._table, names, group_codes(self._table, groups, self.duplicates))
        return {name: self._part((names == name).to_numpy(), name) for name in names.unique()}

    def _parts(
        self,
        shares: Sequence[float],
        names: Sequence[str],
        seed: int,
        groups: str | None,
        stratify: Sequence[str] | None,
    ) -> npt.NDArray[np.int64]:
        check_integer(seed, "seed", low=0)
        columns = list(self._tasks) if stratify is None else stratify
        tell_given_split(self._table)
        strata = strata_codes(with_middles(self._table, self._tasks), columns)
        codes = group_codes(self._table, groups, self.duplicates)
        parts = assign_parts(self._table["sample_id"], strata, codes, shares, seed)
        require_rows(parts, names, len(np.unique(codes)))
        return parts

    def _part(self, mask: npt.NDArray[np.bool_], name: str) -> Self:
        part = self._rows(mask)
        part._table["split"] = pd.Series(name, index=part._table.index, dtype="str")
        part._table = order_columns(part._table, self._tasks)
        return part
