"""Tables as Markdown, for results that are kept beside the code."""

from __future__ import annotations

import pandas as pd

__all__ = ["to_markdown", "with_intervals"]


def to_markdown(table: pd.DataFrame, *, digits: int = 3, index: bool = True) -> str:
    """Return a table as Markdown.

    Parameters
    ----------
    table : pandas.DataFrame
        Numbers are rounded, missing values left blank.
    digits : int, default 3
        Decimals of floating-point numbers.
    index : bool, default True
        Whether the index is the first column.

    Returns
    -------
    str
        A line a row, ending in a newline.

    Examples
    --------
    >>> import pandas as pd
    >>> print(to_markdown(pd.DataFrame({"mae": [5.1]}, index=["overall"]), digits=2), end="")
    |  | mae |
    | --- | --- |
    | overall | 5.10 |
    """
    names = [str(column) for column in table.columns]
    rows = [[_cell(value, digits) for value in row] for row in table.itertuples(index=False)]
    if index:
        names = ["" if table.index.name is None else str(table.index.name), *names]
        rows = [[_escaped(str(label)), *row] for label, row in zip(table.index, rows, strict=True)]
    lines = [[_escaped(name) for name in names], ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_intervals(table: pd.DataFrame, metrics: list[str], *, digits: int = 3) -> pd.DataFrame:
    """Replace ``<metric>``, ``<metric>_low`` and ``<metric>_high`` by one column of text.

    Parameters
    ----------
    table : pandas.DataFrame
        As `Evaluation.by` returns it.
    metrics : list of str
        Which metrics to keep; other columns stay as they are.
    digits : int, default 3
        Decimals.

    Returns
    -------
    pandas.DataFrame
        ``0.931 (0.924 to 0.938)``; without an interval the figure alone.
    """
    own = {name + suffix for name in metrics for suffix in ("", "_low", "_high")}
    kept = table[[column for column in table.columns if column not in own]].copy()
    for name in metrics:
        columns = (table[name], table[f"{name}_low"], table[f"{name}_high"])
        kept[name] = [_interval(*values, digits) for values in zip(*columns, strict=True)]
    return kept


def _interval(value: float, low: float, high: float, digits: int) -> str:
    if pd.isna(value):
        return ""
    figure = f"{value:.{digits}f}"
    return figure if pd.isna(low) else f"{figure} ({low:.{digits}f} to {high:.{digits}f})"


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.{digits}f}"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
