"""The text of a quality table, for terminals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from faceattr.quality.columns import REASONS, flag_column
from faceattr.quality.flags import metrics_of, unread_notes
from faceattr.quality.thresholds import Limits, number

__all__ = ["headline", "summarise", "summary_table"]

_WIDTH = 100
_NAME = 22


def summarise(quality: pd.DataFrame, limits: Mapping[str, Limits]) -> str:
    """Return the scores of a flagged table, and what its thresholds leave out."""
    table = summary_table(quality, limits)
    if len(table):
        longest = max(len(name) for name in table["metric"])
        width = min(longest, _NAME)
        table["metric"] = [f"{_shorten(name):<{width}}" for name in table["metric"]]
        table = table.rename(columns={"metric": f"{'metric':<{width}}"})
        text = table.to_string(index=False, line_width=_WIDTH) + "\n"
    else:
        text = ""
    explained = (
        "missing: no score; below, above: beyond the limit; alone: flagged for nothing else.\n"
        if limits
        else ""
    )
    return f"{headline(quality, limits)}\n\n{text}{explained}"


def headline(quality: pd.DataFrame, limits: Mapping[str, Limits]) -> str:
    """Say how many images there are, and how many of them are flagged."""
    total = len(quality)
    unreadable = sum(map(bool, unread_notes(quality)))
    text = f"{total:,} images, {unreadable:,} cannot be read"
    if not limits:
        return f"{text}; no thresholds"
    flagged = int((quality[REASONS] != "").sum())
    share = f" ({flagged / total:.1%})" if total else ""
    return f"{text}; {flagged:,} flagged{share}, {total - flagged:,} kept"


def summary_table(quality: pd.DataFrame, limits: Mapping[str, Limits]) -> pd.DataFrame:
    """Return a row a metric, as text: how many scores, their spread, limits and what is beyond.

    `limits` are those that the table was flagged by; without any, columns about them are left out.
    """
    alone = _alone(quality, limits)
    rows = []
    for name in metrics_of(quality):
        values = quality[name].to_numpy(dtype=np.float64)
        known = values[np.isfinite(values)]
        row = {"metric": name, "n": f"{len(known):,}", "missing": f"{len(values) - len(known):,}"}
        for label, share in (("min", 0.0), ("median", 0.5), ("max", 1.0)):
            row[label] = number(float(np.quantile(known, share)), 3) if len(known) else "-"
        if limits:
            row |= _beyond(known, limits.get(name), alone.get(name, 0))
        rows.append(row)
    return pd.DataFrame(rows)


def _beyond(
    known: np.ndarray[tuple[int], np.dtype[np.float64]], limits: Limits | None, alone: int
) -> dict[str, str]:
    if limits is None:
        return dict.fromkeys(("at least", "at most", "below", "above", "alone"), "")
    low, high = limits
    return {
        "at least": "" if low is None else number(low, 4),
        "at most": "" if high is None else number(high, 4),
        "below": "" if low is None else f"{(known < low).sum():,}",
        "above": "" if high is None else f"{(known > high).sum():,}",
        "alone": f"{alone:,}",
    }


def _alone(quality: pd.DataFrame, limits: Mapping[str, Limits]) -> dict[str, int]:
    """Count, by metric, the images that it flags and no other metric does."""
    if not limits:
        return {}
    flags = np.column_stack(
        [quality[flag_column(name)].to_numpy(dtype=np.bool_) for name in limits]
    )
    readable = np.array([not note for note in unread_notes(quality)], dtype=np.bool_)
    single = flags[(flags.sum(axis=1) == 1) & readable]
    return dict(zip(limits, single.sum(axis=0).tolist(), strict=True))


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 3] + "..."
