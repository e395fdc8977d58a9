"""Which rows of a quality table lie beyond the limits, and why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._requests import text_array
from faceattr.exceptions import TableError
from faceattr.quality.columns import (
    BRISQUE_WEIGHTS,
    NOTES,
    REASONS,
    UNREADABLE,
    as_one,
    flag_column,
    join_texts,
    split_texts,
)
from faceattr.quality.finding import find_metric, is_metric
from faceattr.quality.metric import NoScore
from faceattr.quality.thresholds import Limits, complain
from faceattr.tables import check_ids

__all__ = [
    "MISSING",
    "check_quality",
    "check_weights",
    "flag_table",
    "metrics_of",
    "notes_of",
    "unread_notes",
    "without_flags",
]

MISSING = ("flag", "keep")
_ALWAYS_DEFINED = ("size", "luminance")


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
    notes, unread = notes_of(flagged), unread_notes(flagged)
    unreadable = np.array([bool(note) for note in unread], dtype=np.bool_)
    reasons = [[as_one(note)] if note else [] for note in unread]
    flag_missing = missing == MISSING[0]
    for name, pair in limits.items():
        values = flagged[name].to_numpy(dtype=np.float64)
        issue = _beyond(values, pair)
        if flag_missing:
            issue |= np.isnan(values)
        metric = find_metric(name, "thresholds")
        for row in np.flatnonzero(issue & ~unreadable):
            score = _with_reason(float(values[row]), name, notes[row])
            said = complain(metric, score, pair, flag_missing=flag_missing)
            reasons[row] += [] if said is None else [said.reason]
        flagged[flag_column(name)] = issue | unreadable
    joined = np.array([join_texts(found) for found in reasons], dtype=object)
    flagged[REASONS] = text_array(joined)
    return flagged


def notes_of(table: pd.DataFrame) -> list[str]:
    """Return the notes of a table, a text a row; empty where it has none."""
    if NOTES not in table.columns:
        return [""] * len(table)
    return [note if isinstance(note, str) else "" for note in table[NOTES]]


def unread_notes(table: pd.DataFrame) -> list[str]:
    """Return why each image of a table cannot be read, a text a row; empty where it can.

    The note says so. An image without a note, as in tables of others, counts as one that cannot be
    read where all of its scores are missing, if these are two at least, or one that every image
    has: a single metric may well not be defined for an image.
    """
    names = metrics_of(table)
    telling = len(names) > 1 or any(name in _ALWAYS_DEFINED for name in names)
    silent = table[names].isna().all(axis=1) if telling else np.zeros(len(table), dtype=np.bool_)
    return [
        note
        if note.startswith(UNREADABLE)
        else f"{UNREADABLE}: no score and no note"
        if without and not note
        else ""
        for note, without in zip(notes_of(table), silent, strict=True)
    ]


def _beyond(values: npt.NDArray[np.float64], limits: Limits) -> npt.NDArray[np.bool_]:
    beyond = np.zeros(len(values), dtype=np.bool_)
    if limits.low is not None:
        beyond |= values < limits.low
    if limits.high is not None:
        beyond |= values > limits.high
    return beyond


def _with_reason(value: float, name: str, note: str) -> float:
    """Return a score; where it is missing, with the reason that the note has for it."""
    if not np.isnan(value):
        return value
    start = f"{name}: "
    own = [part.removeprefix(start) for part in split_texts(note) if part.startswith(start)]
    return NoScore(own[0] if own else "")
