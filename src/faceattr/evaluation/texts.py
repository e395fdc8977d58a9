"""Figures as text: decimals, signs, and intervals in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["NOTHING", "decimals", "interval_text", "number_text", "table_text"]

NOTHING = "-"
"""In the place of a figure that is not defined."""

WIDTH = 100
"""Characters of a line, at most."""


def decimals(*, coarse: bool) -> int:
    """Return 4 decimals, or 2 for percent and for what is in units of a broad scale."""
    return 2 if coarse else 4


def number_text(value: float, digits: int, sign: str = "") -> str:
    """Write a number; ``sign="+"`` gives one to all but 0."""
    if not np.isfinite(value):
        return NOTHING
    # Adding 0 after rounding takes the sign from a zero.
    return f"{round(value, digits) + 0.0:{sign},.{digits}f}"


def interval_text(value: float, low: float, high: float, digits: int, sign: str = "") -> str:
    """Write a number with its interval, where it has one."""
    text = number_text(value, digits, sign)
    if np.isnan(low) or np.isnan(high):
        return text
    return f"{text} [{number_text(low, digits, sign)}, {number_text(high, digits, sign)}]"


def table_text(columns: Mapping[str, Sequence[str]]) -> str:
    """Write columns of text side by side, wrapped where they are too wide."""
    return pd.DataFrame(columns).to_string(index=False, line_width=WIDTH)
