"""What models cost, for reading: a table of text and a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from faceattr._validation import check_choice
from faceattr.report.style import COLOURS, INK, need_columns, styled, tidy

__all__ = ["cost_summary", "plot_cost"]

_UNITS = {
    "parameters": "parameters",
    "parameters_published": "parameters, as published",
    "file_mb": "weights file, MB",
    "multiply_adds": "multiply-adds of an image",
    "memory_mb": "memory of an image, MB",
    "memory_batch_mb": "memory of a batch, MB",
    "latency_ms": "latency of an image, ms",
    "throughput": "images a second in batches",
}
_SCALES = ((1e9, " G"), (1e6, " M"))


def cost_summary(costs: pd.DataFrame) -> pd.DataFrame:
    """Turn costs into text, a row a figure and a column a model.

    Parameters
    ----------
    costs : pandas.DataFrame
        As `faceattr.models.model_cost` returns it.

    Returns
    -------
    pandas.DataFrame of str
        Indexed by ``figure``. Each cell has the figure, where it was timed its quartiles, and how
        many times the first model's it is; at the end how often it was timed.

    Raises
    ------
    TableError
        If a column is missing.

    Examples
    --------
    >>> from faceattr.models import model_cost
    >>> costs = model_cost(["mobilenet_v3_small"], image_size=32, batch_size=2, seconds=0.01)
    >>> cost_summary(costs).loc["parameters", "mobilenet_v3_small"]
    '995,671; 1 x'
    """
    need_columns(costs, ["name", "latency_n", "throughput_n", *_UNITS], "costs")
    rows = {
        said: [_cell(row, name) for _, row in costs.iterrows()] for name, said in _UNITS.items()
    }
    counts = zip(costs["latency_n"], costs["throughput_n"], strict=True)
    rows["rounds timed, image and batch"] = [f"{one}, {batch}" for one, batch in counts]
    names = pd.Index(costs["name"].astype(str), name=None)
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("figure")


@styled
def plot_cost(ax: Axes, costs: pd.DataFrame, column: str = "latency_ms") -> Axes:
    """Draw one figure of all models as bars, with quartiles where it was timed.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    costs : pandas.DataFrame
        As `faceattr.models.model_cost` returns it.
    column : str, default "latency_ms"
        "parameters", "parameters_published", "file_mb", "multiply_adds", "memory_mb",
        "memory_batch_mb", "latency_ms" or "throughput".

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InvalidArgumentError
        If `column` is another one.
    TableError
        If a column is missing.
    """
    check_choice(column, "column", list(_UNITS))
    need_columns(costs, ["name", column], "costs")
    places, values = np.arange(len(costs)), costs[column].to_numpy(dtype=np.float64)
    ax.barh(places, np.nan_to_num(values), color=COLOURS[0], height=0.6)
    if f"{column}_low" in costs:
        spread = np.abs(costs[[f"{column}_low", f"{column}_high"]].to_numpy().T - values)
        ax.errorbar(values, places, xerr=spread, fmt="none", ecolor=INK, capsize=2)
    for place, value in zip(places, values, strict=True):
        text = "unknown" if np.isnan(value) else f" {_number(value)}"
        ax.annotate(text, (np.nan_to_num(value), place + 0.42), fontsize=8, ha="left", va="center")
    ax.set_yticks(places, costs["name"].astype(str).tolist())
    ax.invert_yaxis()
    ax.set_xlabel(_UNITS[column])
    return tidy(ax, grid="x")


def _cell(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return ""
    text = _number(row[name])
    if f"{name}_low" in row:
        text += f" ({_number(row[f'{name}_low'])} to {_number(row[f'{name}_high'])})"
    return f"{text}; {row[f'{name}_relative']:.3g} x" if f"{name}_relative" in row else text


def _number(value: float) -> str:
    scale, letter = next((pair for pair in _SCALES if value >= pair[0]), (1.0, ""))
    scaled = value / scale
    return f"{scaled:,.0f}{letter}" if scaled >= 100 else f"{scaled:.3g}{letter}"
