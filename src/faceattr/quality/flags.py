"""Which rows of a quality table lie beyond the limits, and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._requests import text_array
from faceattr.exceptions import TableError
from faceattr.quality.finding import find_metric, is_metric
from faceattr.quality.pieces import NOTES, UNREADABLE
from faceattr.quality.thresholds import Limits, complain
from faceattr.tables import check_ids

__all__ = [
    "BRISQUE_WEIGHTS",
    "MISSING",
    "REASONS",
    "check_quality",
    "check_weights",
    "flag_column",
    "flag_table",
    "metrics_of",
    "no_score_reason",
    "notes_of",
    "without_flags",
]

REASONS = "reasons"
BRISQUE_WEIGHTS = "brisque_weights"
MISSING = ("flag", "keep")


def flag_column(metric: str) -> str:
    """Return the column that says whether a metric has an issue with an image."""
    return f"is_{metric}_issue"


def metrics_of(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table that are scores, in its order."""
    return [str(name) for name in table.columns if is_metric(str(name))]


def check_quality(quality: pd.DataFrame, needed: Mapping[str, object], *, repeats: bool) -> None:
    """Raise unless a table has ids and the scores that are needed, as numbers."""
    check_ids(quality, "quality", allow_repeats=repeats)
    absent = [name for name in needed if name not in quality.columns]
    if absent:
        raise TableError(
            "metrics that have a limit are not in the table",
            argument="quality",
            rows=absent,
            expected=f"a column {absent[0]!r}",
            found=f"the columns {list(quality.columns)}",
            hint=f"QualityFilter(metrics=[..., {absent[0]!r}]).score(images) adds it",
        )
    for name in metrics_of(quality):
        column = quality[name]
        if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype == np.bool_:
            raise TableError(
                "scores are not numbers",
                argument=f"quality, column {name!r}",
                expected="floats",
                found=str(column.dtype),
            )


def check_weights(quality: pd.DataFrame, weights: str) -> None:
    """Raise if BRISQUE was scored with other weights than its limits are for."""
    if BRISQUE_WEIGHTS not in quality.columns:
        return
    known = quality[BRISQUE_WEIGHTS].dropna()
    others = sorted({str(value) for value in known if value != weights})
    if others:
        raise TableError(
            "BRISQUE was scored with other weights, under which it has other values",
            argument=f"quality, column {BRISQUE_WEIGHTS!r}",
            expected=repr(weights),
            found=", ".join(map(repr, others)),
            hint=f"QualityFilter(..., weights={others[0]!r}), or score the images anew",
        )


def without_flags(quality: pd.DataFrame) -> pd.DataFrame:
    """Return a copy without what an earlier flagging added."""
    flags = [flag_column(str(name)) for name in quality.columns]
    return quality.drop(columns=[*flags, REASONS], errors="ignore")


def flag_table(quality: pd.DataFrame, limits: Mapping[str, Limits], missing: str) -> pd.DataFrame:
    """Return a table with ``is_<metric>_issue`` for each limit, and ``reasons``."""
    flagged = without_flags(quality)
    notes = notes_of(flagged)
    unreadable = np.array([note.startswith(UNREADABLE) for note in notes], dtype=np.bool_)
    reasons: list[list[str]] = [[] for _ in notes]
    for row in np.flatnonzero(unreadable):
        reasons[row].append(notes[row])
    for name, pair in limits.items():
        values = flagged[name].to_numpy(dtype=np.float64)
        issue = _beyond(values, pair) | unreadable
        if missing == MISSING[0]:
            issue |= np.isnan(values)
        for row in np.flatnonzero(issue & ~unreadable):
            reasons[row].append(_reason(name, float(values[row]), pair, notes[row]))
        flagged[flag_column(name)] = issue
    joined = np.array(["; ".join(found) for found in reasons], dtype=object)
    flagged[REASONS] = text_array(joined)
    return flagged


def no_score_reason(name: str, reason: str) -> str:
    """Say that a metric has no score."""
    return f"{name} cannot be computed" + (f": {reason}" if reason else "")


def notes_of(table: pd.DataFrame) -> list[str]:
    """Return the notes of a table, a text a row; empty where it has none."""
    if NOTES not in table.columns:
        return [""] * len(table)
    return [note if isinstance(note, str) else "" for note in table[NOTES]]


def _beyond(values: npt.NDArray[np.float64], limits: Limits) -> npt.NDArray[np.bool_]:
    beyond = np.zeros(len(values), dtype=np.bool_)
    if limits.low is not None:
        beyond |= values < limits.low
    if limits.high is not None:
        beyond |= values > limits.high
    return beyond


def _reason(name: str, value: float, limits: Limits, note: str) -> str:
    metric = find_metric(name, "thresholds")
    said = complain(metric, value, limits)
    if said is not None:
        return said.reason
    own = [part for part in note.split("; ") if part.startswith(f"{name}: ")]
    return no_score_reason(name, own[0].removeprefix(f"{name}: ") if own else "")
