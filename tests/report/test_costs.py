"""Costs as text and as bars, from a table written by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.report import cost_summary, new_figure, plot_cost

COUNTED = {
    "parameters": [134_748_087, 995_671],
    "file_mb": [539.0, 4.06],
    "multiply_adds": [15_466_655_744, 54_965_120],
    "memory_mb": [570.2, 9.5],
    "memory_batch_mb": [2200.0, 310.0],
}


@pytest.fixture
def costs():
    table = pd.DataFrame({"name": ["large", "small"], **COUNTED})
    table["parameters_published"] = [138_357_544, float("nan")]
    for name, values in {"latency_ms": [300.0, 3.0], "throughput": [4.0, 1500.0]}.items():
        table[name] = values
        table[f"{name}_low"], table[f"{name}_high"] = table[name] * 0.9, table[name] * 1.2
    table["latency_n"], table["throughput_n"] = 50, 3
    for name in [*COUNTED, "latency_ms", "throughput"]:
        table[f"{name}_relative"] = table[name] / table[name][0]
    return table


def test_text_has_the_figure_its_quartiles_and_its_ratio(costs):
    text = cost_summary(costs)
    assert text.columns.tolist() == ["large", "small"]
    assert text.loc["parameters"].tolist() == ["135 M; 1 x", "995,671; 0.00739 x"]
    assert text.loc["parameters, as published"].tolist() == ["138 M", ""]
    assert text.loc["multiply-adds of an image"].tolist() == ["15.5 G; 1 x", "55 M; 0.00355 x"]
    assert text.loc["latency of an image, ms", "small"] == "3 (2.7 to 3.6); 0.01 x"
    assert text.loc["images a second in batches", "small"] == "1,500 (1,350 to 1,800); 375 x"
    assert text.loc["memory of a batch, MB", "large"] == "2,200; 1 x"
    assert text.loc["rounds timed, image and batch"].tolist() == ["50, 3", "50, 3"]


def test_bars_are_the_figures(costs):
    _, [[ax]] = new_figure()
    plot_cost(ax, costs)
    assert [bar.get_width() for bar in ax.patches] == [300.0, 3.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["large", "small"]
    assert ax.get_xlabel() == "latency of an image, ms"
    low, high = ax.collections[0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((270.0, 360.0))


def test_a_figure_that_is_not_known_is_said_to_be(costs):
    _, [[ax]] = new_figure()
    plot_cost(ax, costs, "parameters_published")
    assert [text.get_text() for text in ax.texts] == [" 138 M", "unknown"]


def test_what_is_no_table_of_costs(costs):
    _, [[ax]] = new_figure()
    with pytest.raises(InvalidArgumentError, match="not one of the choices"):
        plot_cost(ax, costs, "latency")
    with pytest.raises(TableError, match="a column is missing"):
        plot_cost(ax, costs.drop(columns="name"))
    with pytest.raises(TableError, match="a column is missing"):
        cost_summary(costs.drop(columns="latency_n"))
