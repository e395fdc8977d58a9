from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr.binning import AGE_BINS, Bins, make_bins, usual_bins
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError

FINITE = st.floats(-1e6, 1e6)
EDGES = st.lists(FINITE, min_size=2, max_size=8, unique=True).map(sorted)


def test_ages_go_to_the_usual_groups() -> None:
    ages = [0, 1, 4, 5, 14, 24, 30, 31, 80, 80.5, 116]
    groups = ["0-4", "0-4", "0-4", "4-14", "4-14", "14-24", "24-30", "30-40", "70-80", "80+", "80+"]
    assert list(Bins(AGE_BINS).assign(ages)) == groups


@given(
    edges=EDGES, values=st.lists(FINITE | st.just(np.inf) | st.just(-np.inf)), open_=st.booleans()
)
def test_every_value_is_in_its_bin_alone(
    edges: list[float], values: list[float], open_: bool
) -> None:
    given_edges = (None, *edges, None) if open_ else tuple(edges)
    bins = Bins(given_edges)
    for value, name in zip(values, bins.assign(values), strict=True):
        inside = [
            label
            for low, high, label in zip(given_edges, given_edges[1:], bins.labels, strict=False)
            if (low is None or low < value or (low == value == given_edges[0]))
            and (high is None or value <= high)
        ]
        assert inside == ([name] if name != "outside" else [])
        assert (name == "outside") == (not open_ and not edges[0] <= value <= edges[-1])


@given(values=st.lists(FINITE | st.just(np.nan)), count=st.integers(1, 7))
def test_quantiles_leave_nobody_out(values: list[float], count: int) -> None:
    bins = Bins.quantiles(values, count)
    assigned = bins.assign(values)
    assert 1 <= len(bins) <= count
    assert "outside" not in assigned.categories
    assert (assigned == "missing").sum() == np.isnan(values).sum()


@given(st.lists(st.integers(-1000, 1000), min_size=8, max_size=40, unique=True), st.integers(2, 4))
def test_quantiles_of_different_values_are_of_even_size(values: list[int], count: int) -> None:
    sizes = pd.Series(Bins.quantiles(values, count).assign(values)).value_counts()
    assert len(sizes) == count
    assert sizes.max() - sizes.min() <= 2


def test_rows_of_one_value_are_never_parted() -> None:
    values = [1.0] * 50 + [2.0] * 3
    bins = Bins.quantiles(values, 5)
    assert pd.Series(bins.assign(values)).groupby(values).nunique().eq(1).all()


def test_quantiles_of_nothing_and_of_one_value() -> None:
    assert list(Bins.quantiles([], 4).assign([np.nan, 1])) == ["missing", "all"]
    assert list(Bins.quantiles([2.5, 2.5], 4).assign([2.5])) == ["2.5"]


def test_missing_and_outside_values_have_bins_of_their_own() -> None:
    assigned = Bins((0, 10)).assign([5, None, 11, -1, 0], missing="not scored", outside="beyond")
    assert list(assigned) == ["0-10", "not scored", "beyond", "beyond", "0-10"]
    assert list(assigned.categories) == ["0-10", "beyond", "not scored"]
    assert assigned.ordered


def test_order_is_kept_and_empty_bins_stay() -> None:
    assigned = Bins(AGE_BINS).assign([116, 3])
    assert list(assigned.categories) == list(Bins(AGE_BINS).labels)
    assert assigned.max() == "80+"
    assert Bins(AGE_BINS).assign([]).size == 0


@pytest.mark.parametrize(
    "values",
    [
        np.array([4, 5], dtype="uint8"),
        np.array([4, 5], dtype="float32"),
        pd.Series([4, 5], dtype="Int64"),
        pd.Series([4, 5], index=[7, 3]),
        [4, 5],
    ],
)
def test_kinds_of_numbers(values: Any) -> None:
    assert list(Bins((0, 4, None)).assign(values)) == ["0-4", "4+"]


@pytest.mark.parametrize(
    ("edges", "labels"),
    [
        ((None, 85, 105.5, None), ("<=85", "85-105.5", "105.5+")),
        ((-5, -2.5, 3), ("-5 to -2.5", "-2.5 to 3")),
        ((0, 0.1, 0.1000001), ("0-0.1", "0.1-0.1000001")),
        ((0, 1e300), ("0-1e+300",)),
        ((None, None), ("all",)),
        ((4740, 18971), ("4740-18971",)),
    ],
)
def test_labels(edges: tuple[float | None, ...], labels: tuple[str, ...]) -> None:
    assert Bins(edges).labels == labels


def test_labels_of_quantiles_are_short_but_differ() -> None:
    assert Bins.quantiles([0.123456, 5.98765, 12.3456], 2).labels == ("0.123-5.99", "5.99-12.3")
    narrow = Bins.quantiles([127.11, 127.12, 127.13], 3).labels
    assert len(set(narrow)) == len(narrow)


@pytest.mark.parametrize(
    "edges", [[], [1], [2, 1], [1, 1], [0, None, 5], [0, np.nan], [0, np.inf], [None, 5, 5]]
)
def test_edges_that_make_no_bins(edges: list[Any]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make_bins(edges, [])
    assert caught.value.argument == "edges"


@pytest.mark.parametrize("spec", ["0-4", 3.5, None, True])
def test_what_is_no_description_of_bins(spec: Any) -> None:
    with pytest.raises(InvalidTypeError) as caught:
        make_bins(spec, [1.0], argument="bins['age']")
    assert caught.value.argument == "bins['age']"


@pytest.mark.parametrize("count", [0, 1001])
def test_numbers_of_bins_outside_the_limits(count: int) -> None:
    with pytest.raises(InvalidArgumentError):
        make_bins(count, [1.0])


def test_ways_to_say_bins() -> None:
    bins = Bins((0, 10))
    assert make_bins(bins, []) is bins
    assert make_bins([0, 10], []) == bins == make_bins(np.array([0, 10]), [])
    assert len(make_bins(np.int64(2), [1, 2, 3, 4])) == 2


@pytest.mark.parametrize("labels", [("a",), ("a", "a")])
def test_labels_must_fit(labels: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Bins((0, 1, 2), labels=labels)
    assert caught.value.argument == "labels"


def test_text_cannot_be_binned() -> None:
    with pytest.raises(InvalidTypeError):
        Bins((0, 1)).assign(["young"])  # type: ignore[list-item]


def test_usual_bins_are_the_studys_or_quantiles() -> None:
    assert usual_bins("age") == AGE_BINS
    assert Bins(usual_bins("luminance")).labels == (
        *("0-85", "85-105", "105-120", "120-135", "135-150", "150+"),
    )
    assert Bins(usual_bins("brisque")).labels == ("<=25", "25-35", "35-45", "45-55", "55+")
    assert usual_bins("contrast") == 5
