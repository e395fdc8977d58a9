"""What an audit found can be applied: one image, one label or one weight a group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_samples import AGE, GENDER, copies, predicted
from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError

ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.none() | st.integers(0, 100),
        st.sampled_from([None, "male", "female"]),
    ),
    min_size=1,
    max_size=14,
)


def made(rows: list[tuple[int, int | None, str | None]]) -> Dataset:
    groups, age, gender = zip(*rows, strict=True)
    numbers = pd.Series(age, dtype="float64")
    return copies(list(groups), [AGE, GENDER], age=numbers, gender=list(gender))


@given(ROWS)
def test_one_image_of_each_group_is_kept(rows: list[tuple[int, int | None, str | None]]) -> None:
    ds = made(rows)
    audit = ds.audit(by=())
    kept = ds.select(audit.keep_one())
    assert len(kept) == len({group for group, _, _ in rows})
    assert kept.table["path"].is_unique
    assert kept.audit(by=()).duplicates.empty


@given(ROWS)
def test_weights_of_a_group_sum_to_one(rows: list[tuple[int, int | None, str | None]]) -> None:
    ds = made(rows)
    weight = ds.audit(by=()).sample_weight()
    assert weight.index.tolist() == ds.table["sample_id"].tolist()
    sums = weight.groupby(ds.table["path"].to_numpy()).sum()
    np.testing.assert_allclose(sums, 1.0)


@given(ROWS, st.none() | st.integers(0, 40))
def test_group_labels_are_never_invented(
    rows: list[tuple[int, int | None, str | None]], max_spread: int | None
) -> None:
    ds = made(rows)
    labels = ds.audit(by=()).group_labels(max_spread=max_spread)
    after = ds.with_labels(labels).table
    for path, part in ds.table.groupby("path"):
        new = after[after["path"] == path]
        known, ages = set(part["gender"].dropna()), part["age"].dropna()
        assert set(new["gender"].dropna()) <= known
        assert len(set(new["gender"].fillna("none"))) == 1
        assert new["age"].dropna().between(ages.min(), ages.max()).all()
        assert len(set(new["age"].fillna(-1.0))) == 1
    if max_spread is None:
        assert after["age"].notna().sum() >= ds.table["age"].notna().sum()


@given(ROWS)
def test_the_cautious_rule_only_takes_away_what_conflicts(
    rows: list[tuple[int, int | None, str | None]],
) -> None:
    ds = made(rows)
    audit = ds.audit(by=())
    after = ds.with_labels(audit.group_labels(rule="cautious"))
    assert after.audit(by=()).conflicts.empty
    conflicting = {
        (name, row.task)
        for row in audit.conflicts.itertuples()
        for name in ds.table.loc[
            ds.table["path"].isin(
                ds.table.loc[ds.table["sample_id"].isin(row.images.split(" | ")), "path"]
            ),
            "sample_id",
        ]
    }
    for name in ("age", "gender"):
        for item, old, new in zip(
            ds.table["sample_id"], ds.table[name], after.table[name], strict=True
        ):
            if (item, name) in conflicting:
                assert pd.isna(new)
            else:
                assert (pd.isna(old) and pd.isna(new)) or old == new


def test_majority_median_and_tie() -> None:
    gender = ["male", "male", "female", "male", "female"]
    ds = copies([0, 0, 0, 1, 1], [AGE, GENDER], age=[20, 22, 60, 30, 31], gender=gender)
    labels = ds.audit().group_labels()
    assert labels["age"].tolist() == [22, 22, 22, 30.5, 30.5]
    assert labels["gender"].tolist()[:3] == ["male"] * 3
    assert labels["gender"].isna().tolist()[3:] == [True, True]
    far = ds.audit().group_labels(max_spread=10)["age"]
    assert far.isna().tolist() == [True] * 3 + [False] * 2


def test_where_there_is_nothing_to_mend_nothing_changes() -> None:
    ds = copies([0, 1], [AGE, GENDER], age=[20, 22], gender=["male", None])
    for rule in ("majority", "cautious"):
        labels = ds.audit().group_labels(rule=rule)
        assert labels.empty
        pd.testing.assert_frame_equal(ds.with_labels(labels).table, ds.table)


def test_kept_is_the_one_whose_labels_are_the_groups() -> None:
    ds = copies([0, 0, 0], [GENDER], gender=["female", "male", "male"])
    assert ds.audit().keep_one() == ["d00001"]


def test_ranges_become_what_they_have_in_common() -> None:
    low = [20, 25, 20, 30, 40, None]
    high = [29, 34, 29, 39, 49, None]
    age = [None, None, None, None, None, 45]
    ds = copies([0, 0, 1, 1, 2, 2], [AGE], age=age, age_min=low, age_max=high)
    after = ds.with_labels(ds.audit().group_labels()).table
    assert after["age_min"].tolist()[:2] == [25, 25]
    assert after["age_max"].tolist()[:2] == [29, 29]
    assert after.loc[2:3, ["age", "age_min", "age_max"]].isna().all(axis=None)
    assert after["age"].tolist()[4:] == [45, 45]
    assert after.loc[4:, ["age_min", "age_max"]].isna().all(axis=None)
    cautious = ds.with_labels(ds.audit().group_labels(rule="cautious"))
    assert cautious.audit().conflicts.empty
    assert cautious.table["age_min"].tolist()[:2] == [20, 25]


def test_suspects_weigh_less() -> None:
    generator = np.random.default_rng(0)
    gender = generator.choice(["male", "female"], 100)
    right = copies(
        list(range(100)), [AGE, GENDER], age=generator.integers(0, 80, 100), gender=gender
    )
    wrong = right.with_labels(
        pd.DataFrame(
            {
                "sample_id": ["d00003"],
                "gender": ["male" if gender[3] == "female" else "female"],
            }
        )
    )
    audit = wrong.audit(predicted(right), by=())
    assert audit.suspected("gender").index.tolist() == ["d00003"]
    half = audit.sample_weight(suspects=0.5)
    assert half["d00003"] == 0.5
    assert (half.drop(audit.suspected().index) == 1.0).all()
    assert audit.sample_weight(suspects="score")["d00003"] == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("method", "options", "error"),
    [
        ("group_labels", {"rule": "oldest"}, InvalidArgumentError),
        ("group_labels", {"max_spread": -1}, InvalidArgumentError),
        ("group_labels", {"rule": "cautious", "max_spread": 1}, InvalidArgumentError),
        ("sample_weight", {"suspects": 2}, InvalidArgumentError),
        ("sample_weight", {"suspects": "most"}, InvalidTypeError),
        ("suspected", {"task": "age", "most": -1}, InvalidArgumentError),
        ("suspected", {"task": "shoe"}, InvalidArgumentError),
    ],
    ids=str,
)
def test_wrong_wishes_are_refused(
    method: str, options: dict[str, object], error: type[Exception]
) -> None:
    ds = copies([0, 1], [AGE, GENDER], age=[1, 2], gender=["male", "female"])
    with pytest.raises(error):
        getattr(ds.audit(predicted(ds)), method)(**options)
