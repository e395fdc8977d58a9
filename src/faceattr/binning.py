"""Bins: groups of rows by a number, the same for evaluation, splits and balancing.

Bins are right-closed, ``(low, high]``, and the lowest edge belongs to the first bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer, check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError

__all__ = ["AGE_BINS", "USUAL_BINS", "BinSpec", "Bins", "make_bins", "usual_bins"]

AGE_BINS: tuple[float | None, ...] = (0, 4, 14, 24, 30, 40, 50, 60, 70, 80, None)
"""Edges of the usual age groups, in years: 0-4, 4-14, ..., 70-80, 80+."""

USUAL_BINS: Mapping[str, tuple[float | None, ...]] = MappingProxyType(
    {
        "age": AGE_BINS,
        "luminance": (0, 85, 105, 120, 135, 150, None),
        "brisque": (None, 25, 35, 45, 55, None),
    }
)
"""Edges by column, where none are given: the reference study's, of years and of the scales of the
quality table (luminance 0 to 255)."""

BinSpec: TypeAlias = "int | Sequence[float | None] | Bins"
"""Edges, or a number of bins that hold about as many rows each."""

_QUANTILE_DIGITS = 3
_QUANTILES = 5


def usual_bins(column: str) -> BinSpec:
    """Return what a column of numbers is cut into where nothing is said.

    Parameters
    ----------
    column : str
        Its name.

    Returns
    -------
    edges or int
        Its `USUAL_BINS`, or 5 for five quantiles.

    Examples
    --------
    >>> from faceattr.binning import usual_bins
    >>> usual_bins("brisque"), usual_bins("contrast")
    ((None, 25, 35, 45, 55, None), 5)
    """
    return USUAL_BINS.get(column, _QUANTILES)


@dataclass(frozen=True)
class Bins:
    """Neighbouring ranges of a number.

    Parameters
    ----------
    edges : sequence of float or None
        Ascending. None as the first or last edge leaves that end open.
    labels : sequence of str, optional
        A name a bin. By default made of the edges: ``"0-4"``, ``"80+"``, ``"<=20"``.

    Raises
    ------
    InvalidArgumentError
        If there are fewer than two edges, they do not ascend, None stands between others, or the
        labels do not fit.

    Examples
    --------
    >>> from faceattr.binning import AGE_BINS, Bins
    >>> bins = Bins(AGE_BINS)
    >>> bins.labels[:2], bins.labels[-1]
    (('0-4', '4-14'), '80+')
    >>> list(bins.assign([0, 4, 4.5, 116, None]))
    ['0-4', '0-4', '4-14', '80+', 'missing']
    """

    edges: tuple[float | None, ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        edges = tuple(None if edge is None else _edge(edge) for edge in self.edges)
        _check_edges(edges)
        labels = tuple(str(label) for label in self.labels) or _edge_labels(edges, None)
        if len(labels) != len(edges) - 1 or len(set(labels)) < len(labels):
            raise InvalidArgumentError(
                "labels do not fit the edges",
                argument="labels",
                expected=f"{len(edges) - 1} different names",
                found=repr(labels),
            )
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def quantiles(cls, values: Sequence[float] | npt.ArrayLike | pd.Series, count: int) -> Bins:
        """Make bins that hold about as many of the values each.

        Edges are values that occur, so rows with the same value are never parted; where values
        are much repeated there are fewer bins than asked for.

        Parameters
        ----------
        values : sequence of float
            Missing and infinite ones are passed over. Without any other the one bin is "all".
        count : int
            Number of bins, 1 to 1000.

        Returns
        -------
        Bins
        """
        check_integer(count, "count", low=1, high=1000)
        numbers = _as_numbers(values)
        finite = numbers[np.isfinite(numbers)]
        if not finite.size:
            return cls((None, None))
        shares = np.linspace(0.0, 1.0, count + 1)
        edges = np.unique(np.quantile(finite, shares, method="inverted_cdf") + 0.0)
        if edges.size == 1:
            return cls((None, None), labels=(_number_text(float(edges[0]), _QUANTILE_DIGITS),))
        given = tuple(float(edge) for edge in edges)
        return cls(given, labels=_edge_labels(given, _QUANTILE_DIGITS))

    def assign(
        self,
        values: Sequence[float | None] | npt.ArrayLike | pd.Series,
        *,
        missing: str = "missing",
        outside: str = "outside",
    ) -> pd.Categorical[str]:
        """Tell the bin of every value.

        Parameters
        ----------
        values : sequence of float, length n
            Numbers; None, NaN and NA are missing.
        missing, outside : str
            The bins of missing values and of values beyond the edges. They come last, and only
            where they hold a value.

        Returns
        -------
        pandas.Categorical, ordered, length n
            Categories are all bins in order, also the empty ones.

        Raises
        ------
        InvalidTypeError
            If the values are not numbers.
        """
        numbers = _as_numbers(values)
        low, high = self._limits()
        inner = np.array([edge for edge in self.edges[1:-1] if edge is not None], dtype=np.float64)
        codes = np.searchsorted(inner, numbers, side="left")
        gone = np.isnan(numbers)
        beyond = ~gone & ((numbers < low) | (numbers > high))
        names = list(self.labels)
        for mask, name in ((beyond, outside), (gone, missing)):
            if mask.any():
                codes[mask] = len(names)
                names.append(name)
        return pd.Categorical.from_codes(codes, categories=pd.Index(names), ordered=True)

    def _limits(self) -> tuple[float, float]:
        low, high = self.edges[0], self.edges[-1]
        return -np.inf if low is None else low, np.inf if high is None else high


def make_bins(
    spec: BinSpec, values: Sequence[float] | npt.ArrayLike | pd.Series, argument: str = "bins"
) -> Bins:
    """Make bins from edges, or from the values' quantiles where a number of bins is given.

    Parameters
    ----------
    spec : Bins, sequence of float or None, or int
        What the caller was given.
    values : sequence of float
        What will be binned; only quantiles look at it.
    argument : str
        Name of the caller's argument, for errors.

    Returns
    -------
    Bins

    Raises
    ------
    InvalidTypeError, InvalidArgumentError
        If `spec` is none of these, or the edges do not ascend.
    """
    if isinstance(spec, Bins):
        return spec
    if isinstance(spec, int | np.integer) and not isinstance(spec, bool):
        return Bins.quantiles(values, int(spec))
    if isinstance(spec, str) or not isinstance(spec, Sequence | np.ndarray):
        raise InvalidTypeError(
            "not a description of bins",
            argument=argument,
            expected="edges such as [0, 18, 60, None], or a number of bins",
            found=repr(spec),
        )
    return Bins(tuple(spec))


def _as_numbers(
    values: Sequence[float | None] | npt.ArrayLike | pd.Series,
) -> npt.NDArray[np.float64]:
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    try:
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(
            "not numbers", argument="values", expected="numbers to be binned", found=str(error)
        ) from error


def _edge(edge: object) -> float:
    try:
        return check_number(edge, "edges")
    except InvalidArgumentError:  # not finite, which is told with all edges
        return math.nan


def _check_edges(edges: tuple[float | None, ...]) -> None:
    known = [edge for edge in edges if edge is not None]
    inside = None in edges[1:-1] or not all(np.isfinite(known))
    if len(edges) < 2 or inside or any(a >= b for a, b in pairwise(known)):
        raise InvalidArgumentError(
            "not the edges of bins",
            argument="edges",
            expected="two or more ascending numbers; None only first or last, for an open end",
            found=repr(list(edges)),
        )


def _edge_labels(edges: tuple[float | None, ...], digits: int | None) -> tuple[str, ...]:
    known = [edge for edge in edges if edge is not None]
    texts = [_number_text(edge, digits) for edge in known]
    while digits is not None and len(set(texts)) < len(texts):  # rounding made edges look the same
        digits = digits + 1 if digits < 17 else None
        texts = [_number_text(edge, digits) for edge in known]
    names = dict(zip(known, texts, strict=True))
    dash = " to " if any(text.startswith("-") for text in texts) else "-"
    return tuple(_range_text(low, high, names, dash) for low, high in pairwise(edges))


def _range_text(low: float | None, high: float | None, names: dict[float, str], dash: str) -> str:
    if low is None:
        return "all" if high is None else f"<={names[high]}"
    return f"{names[low]}+" if high is None else f"{names[low]}{dash}{names[high]}"


def _number_text(value: float, digits: int | None) -> str:
    if digits is not None and value:
        value = float(f"{value:.{digits}g}")
    if value and not 1e-4 <= abs(value) < 1e9:
        return repr(value)
    return np.format_float_positional(value, trim="-")
