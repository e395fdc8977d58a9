"""Audits of labels: pile-ups, heaping, missing labels, classes and joint groups with few images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_samples import AGE, GENDER, table_of
from faceattr import Dataset, RegressionTask
from faceattr.data import Audit
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError, TableError


def ages(counts: dict[int, int]) -> Dataset:
    values = np.repeat(list(counts), list(counts.values()))
    return Dataset(table_of(len(values), age=values), tasks=AGE)


def smooth(peak: int = 60) -> dict[int, int]:
    return {age: round(peak * np.exp(-(((age - 35) / 15) ** 2))) for age in range(5, 80)}


@pytest.fixture
def both() -> Audit:
    gender = ["male"] * 60 + ["female"] * 3 + [None] * 7
    group = ["a", "b"] * 35
    table = table_of(70, age=np.arange(70) % 50, gender=gender, place=group)
    return Dataset(table, tasks=[AGE, GENDER]).audit(bins={"age": [0, 25, 116]}, min_images=5)


def test_planted_piles_are_found_and_slopes_are_not() -> None:
    assert ages(smooth()).audit().pile_ups.empty
    piles = ages({**smooth(), 26: 180, 1: 60, 70: 20}).audit().pile_ups
    assert piles["value"].tolist() == [26.0, 1.0, 70.0]
    assert (piles["ratio"] >= 2).all()
    assert piles["n"].tolist() == [180, 60, 20]


def test_noise_makes_no_pile() -> None:
    for seed in range(20):
        drawn = np.random.default_rng(seed).poisson(20, 100)
        assert ages(dict(enumerate(drawn.tolist()))).audit(by=()).pile_ups.empty


def test_numbers_that_are_not_whole_do_not_pile_up() -> None:
    table = table_of(200, height=np.r_[np.full(100, 170.5), np.linspace(150, 190, 100)])
    assert Dataset(table, tasks=RegressionTask("height")).audit(by=()).pile_ups.empty


def test_whipple_is_100_for_even_ages_and_500_for_round_ones() -> None:
    even = ages(dict.fromkeys(range(20, 70), 10)).audit().heaping
    assert even["whipple"].tolist() == [100.0]
    assert even["n"].tolist() == [400]
    round_ones = ages(dict.fromkeys(range(20, 70, 5), 30)).audit()
    assert round_ones.heaping["whipple"].tolist() == [500.0]
    assert "ages rounded to 0 and 5" in list(round_ones.findings["finding"])
    assert ages({30: 99}).audit().heaping.empty


def test_without_years_nothing_is_heaped() -> None:
    table = table_of(200, score=np.repeat(np.arange(25, 65, 5), 25))
    assert Dataset(table, tasks=RegressionTask("score")).audit().heaping.empty


def test_classes_and_missing_labels_are_counted(both: Audit) -> None:
    assert both.classes["n"].tolist() == [60, 3]
    assert both.classes["few"].tolist() == [False, True]
    assert both.missing["n"].tolist() == [0, 7]
    names = list(both.findings["finding"])
    assert {"classes with few images", "images without a label"} <= set(names)


def test_joint_groups_are_all_there_with_their_counts(both: Audit) -> None:
    cells = both.cells
    assert list(cells.columns) == ["age", "gender", "place", "n", "share", "few"]
    assert len(cells) == 2 * 3 * 2
    assert cells["n"].sum() == 70
    assert cells["share"].sum() == pytest.approx(1.0)
    unknown = cells["gender"] == "missing"
    assert not cells.loc[unknown, "few"].any()
    assert (cells["few"] == (cells["n"] < 5))[~unknown].all()


def test_ranges_are_grouped_by_their_middle() -> None:
    table = table_of(3, age=[None, None, 60.0], age_min=[20, 40, None], age_max=[30, 50, None])
    cells = Dataset(table, tasks=AGE).audit(bins={"age": [0, 30, 50, 116]}).cells
    assert cells["n"].tolist() == [1, 1, 1]


def test_too_many_groups_are_an_error_that_helps() -> None:
    table = table_of(3, age=[1.0, 2.0, 3.0], gender="male", a=["x", "y", "z"])
    ds = Dataset(table, tasks=[AGE, GENDER])
    with pytest.raises(InvalidArgumentError, match="wider bins"):
        ds.audit(by=["age", "gender"], bins={"age": list(range(700))})
    # By default only as many columns are taken as there is room for.
    assert list(ds.audit(bins={"age": list(range(117))}).cells.columns) == [
        *("age", "n", "share", "few")
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"by": ["shoe"]}, TableError, "shoe"),
        ({"by": "age"}, InvalidTypeError, "single string"),
        ({"by": ["age", "age"]}, InvalidArgumentError, "more than once"),
        ({"bins": {"shoe": 2}}, TableError, "shoe"),
        ({"bins": [1, 2]}, InvalidTypeError, "bins"),
        ({"min_images": 0}, InvalidArgumentError, "min_images"),
    ],
    ids=str,
)
def test_wrong_groups_are_refused(
    arguments: dict[str, object], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        Dataset(table_of(2, age=[1.0, 2.0]), tasks=AGE).audit(**arguments)  # type: ignore[arg-type]


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        Dataset(table_of(2, age=1.0), tasks=AGE).select([]).audit()


def test_no_label_at_all_can_be_audited() -> None:
    table = table_of(3, age=[None] * 3, gender=[None] * 3)
    audit = Dataset(table, tasks=[AGE, GENDER]).audit()
    assert audit.missing["share"].tolist() == [1.0, 1.0]
    assert audit.plot().axes
    lacking = audit.findings[audit.findings["finding"] == "images without a label"]
    assert lacking["n"].tolist() == [3, 3]


def test_drawings_are_audited_as_they_are() -> None:
    ds = Dataset.synthetic(30)
    audit = ds.audit()
    assert audit.unreadable.empty
    assert audit.odd_names.empty
    assert list(audit.cells.columns[:2]) == ["age", "gender"]
    assert isinstance(audit.cells, pd.DataFrame)
