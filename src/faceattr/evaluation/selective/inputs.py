"""What `risk_coverage` is given, checked and put in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypedDict

import numpy as np
import pandas as pd

from faceattr._grouping import join_quality
from faceattr._validation import (
    check_choice,
    check_integer,
    check_no_text,
    check_number,
    check_unique,
)
from faceattr.evaluation.metrics import FloatArray
from faceattr.evaluation.selective.dropping import ENDS, WorstEnd
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables import check_ids

__all__ = [
    "IDEAL",
    "RANDOM",
    "Resampling",
    "ResamplingOptions",
    "check_coverages",
    "check_tables",
    "check_worst",
    "join_scores",
]

RANDOM, IDEAL = "random", "ideal"
"""The curves that every quality metric is compared with."""


class ResamplingOptions(TypedDict, total=False):
    """Keyword arguments of the bootstrap."""

    n_boot: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Resampling:
    """The bootstrap, with the defaults and limits of `BinnedEvaluator`."""

    n_boot: int = 1000
    confidence: float = 0.95
    seed: int = 0

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Resampling:
        """Make it of keyword arguments, checked."""
        known = [field.name for field in fields(cls)]
        stray = [name for name in options if name not in known]
        if stray:
            raise InvalidTypeError(
                "no such argument",
                argument=stray[0],
                expected=f"worst, metrics, coverages, tasks, {', '.join(known)}",
            )
        made = cls(**options)  # type: ignore[arg-type]  # checked below
        check_integer(made.n_boot, "n_boot", low=0, high=1_000_000)
        check_integer(made.seed, "seed", low=0)
        check_number(made.confidence, "confidence", low=0, high=1, low_open=True)
        return made


def check_coverages(coverages: Sequence[float]) -> FloatArray:
    """Return the shares to keep, descending, 1 always among them."""
    check_no_text(coverages, "coverages", "a sequence of shares to keep")
    if not isinstance(coverages, Iterable):
        raise InvalidTypeError(
            "not a sequence",
            argument="coverages",
            expected="a sequence of shares to keep",
            found=repr(coverages),
            hint="coverages=[0.9, 0.8]",
        )
    shares = [check_number(share, "coverages", low=0, high=1, low_open=True) for share in coverages]
    check_unique(map(repr, shares), "coverages")
    return np.array(sorted({*shares, 1.0}, reverse=True))


def check_worst(worst: Mapping[str, WorstEnd] | None) -> dict[str, WorstEnd]:
    """Return the ends by metric."""
    if worst is not None and not isinstance(worst, Mapping):
        raise InvalidTypeError(
            "not a mapping",
            argument="worst",
            expected="metric to 'high', 'low' or 'both'",
            found=repr(worst),
        )
    ends = dict(worst or {})
    for name, end in ends.items():
        check_choice(end, f"worst[{name!r}]", ENDS)
    return ends


def check_tables(predictions: pd.DataFrame, quality: pd.DataFrame) -> None:
    """Raise unless both are tables with rows, ids and columns of different names."""
    for table, argument in ((predictions, "predictions"), (quality, "quality")):
        check_ids(table, argument, allow_repeats=argument == "predictions")
        repeated = table.columns[table.columns.duplicated()]
        if len(repeated):
            raise TableError(
                "columns have the same name", argument=argument, found=repr(list(repeated))
            )
        if not len(table):
            raise TableError("a table without rows", argument=argument, expected="at least one row")


def join_scores(
    predictions: pd.DataFrame, quality: pd.DataFrame, metrics: Sequence[str] | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Bring the quality of every prediction.

    Returns
    -------
    scores : pandas.DataFrame
        A float column a metric, NaN where not known.
    left_out : tuple of str
        Columns that were not asked for and tell no image from another, as sizes that are all equal.

    Raises
    ------
    InvalidArgumentError
        If a metric is not a column of the quality table.
    TableError
        If the tables share no id, or a column has no numbers or one number only: one that was
        asked for, or all that there are.
    """
    names = _numeric(predictions, quality) if metrics is None else _named(quality, metrics)
    reserved = {RANDOM, IDEAL}.intersection(names)
    if reserved:
        raise InvalidArgumentError(
            "a reserved name",
            argument="metrics",
            found=repr(min(reserved)),
            hint="rename the column of the quality table",
        )
    scores = pd.DataFrame({"sample_id": quality["sample_id"]})
    for name in names:
        scores[name] = _numbers(quality[name])
    joined, _ = join_quality(predictions[["sample_id"]], scores, names)
    joined = joined[names]
    useless = [name for name in names if joined[name].nunique() < 2]
    if useless and (metrics is not None or len(useless) == len(names)):
        values = joined[useless[0]].dropna()
        rest = [name for name in names if name not in useless]
        raise TableError(
            "no image can be told from another by this metric",
            argument=f"quality, column {useless[0]!r}",
            expected="at least two different values among the predicted images",
            found=f"{values.iloc[0]:g} for all" if len(values) else "missing values only",
            hint=f"metrics={rest}" if rest else None,
        )
    return joined.drop(columns=useless), tuple(useless)


def _numeric(predictions: pd.DataFrame, quality: pd.DataFrame) -> list[str]:
    names = [
        str(name)
        for name, dtype in quality.dtypes.items()
        if pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_bool_dtype(dtype)
        and name not in predictions.columns
    ]
    if not names:
        raise TableError(
            "no quality metric found",
            argument="quality",
            expected="columns of numbers that the predictions do not have",
            found=f"the columns {list(quality.columns)}",
        )
    return names


def _named(quality: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    check_no_text(metrics, "metrics", "a sequence of columns of the quality table")
    known = [name for name in quality.columns if name != "sample_id"]
    names = [check_choice(name, "metrics", known) for name in metrics]
    check_unique(names, "metrics")
    if not names:
        raise InvalidArgumentError(
            "no metric", argument="metrics", expected=f"some of the columns {known}", found="none"
        )
    return names


def _numbers(column: pd.Series) -> FloatArray:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise TableError(
            "not a column of numbers",
            argument=f"quality, column {column.name!r}",
            expected="numbers; missing where not known",
            found=f"values such as {column.iloc[0]!r}",
            hint="pandas.to_numeric(column) reads numbers that are written as text",
        )
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
