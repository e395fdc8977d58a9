"""How often each label occurs, and how many images each group has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from faceattr.exceptions import TableError
from faceattr.report import new_figure, plot_group_counts, plot_label_counts
from faceattr.report.style import ACCENT


def panel() -> Axes:
    _, [[ax]] = new_figure()
    return ax


def test_every_whole_number_has_a_bar_and_piles_stand_out() -> None:
    ax = plot_label_counts(panel(), [1, 1, 1, 2, 4, np.nan], name="age", unit="years", piles=[1])
    heights = {round(bar.get_x() + 0.425): bar.get_height() for bar in ax.patches}
    assert heights == {1: 3, 2: 1, 3: 0, 4: 1}
    marked = [bar for bar in ax.patches if to_hex(bar.get_facecolor()).upper() == ACCENT]
    assert [bar.get_height() for bar in marked] == [3]
    assert [text.get_text() for text in ax.texts] == ["1"]
    assert ax.get_title(loc="left") == "age (n = 5, 1 missing)"


def test_other_numbers_are_put_into_bins() -> None:
    ax = plot_label_counts(panel(), np.linspace(0, 1, 1000))
    assert sum(bar.get_height() for bar in ax.patches) == 1000


def test_no_label_is_said() -> None:
    assert plot_label_counts(panel(), [np.nan]).texts[0].get_text() == "no labels"


def test_one_column_makes_bars() -> None:
    groups = pd.DataFrame({"gender": ["male", "female"], "n": [30, 2], "few": [False, True]})
    ax = plot_group_counts(panel(), groups, least=20)
    assert [bar.get_width() for bar in ax.patches] == [30, 2]
    assert to_hex(ax.patches[1].get_facecolor()).upper() == ACCENT
    assert ax.get_title(loc="left").endswith("1 of 2 groups have fewer than 20")


@pytest.mark.parametrize("others", [["gender"], ["gender", "race"]])
def test_several_columns_make_a_heat_map_with_every_count(others: list[str]) -> None:
    names = {"age": ["0-4", "4-14", "80+"], "gender": ["male", "female"], "race": ["a", "b"]}
    columns = {name: names[name] for name in ["age", *others]}
    groups = pd.MultiIndex.from_product(columns.values(), names=list(columns)).to_frame(index=False)
    groups = groups.assign(n=range(len(groups)))
    groups["few"] = groups["n"] < 2
    ax = plot_group_counts(panel(), groups, least=2)
    assert sorted(int(text.get_text()) for text in ax.texts) == list(range(len(groups)))
    assert len(ax.patches) == 2
    assert [tick.get_text() for tick in ax.get_yticklabels()] == names["age"]


def test_a_table_without_counts_is_refused() -> None:
    with pytest.raises(TableError, match="few"):
        plot_group_counts(panel(), pd.DataFrame({"gender": ["male"], "n": [1]}))
