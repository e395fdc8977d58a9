"""Parts: every image in one, no group in two, alike in every stratum, whatever the order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr import ClassificationTask, Dataset, RegressionTask
from faceattr.data.splits import assign_parts, group_codes, strata_codes
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", ("male", "female"))
PEOPLE = Dataset.synthetic(300, seed=1, size=8)

shares = st.sampled_from([(1.0,), (0.8, 0.2), (0.7, 0.1, 0.2), (1 / 3, 1 / 3, 1 / 3), (0.5, 0.5)])


@st.composite
def rows(draw: st.DrawFn) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Draw ids, strata and groups of some rows."""
    n = draw(st.integers(1, 80))
    codes = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    groups = st.lists(st.integers(0, draw(st.integers(0, 60))), min_size=n, max_size=n)
    ids = pd.Series([f"{number:03d}" for number in range(n)])
    return ids, np.array(draw(codes)), np.array(draw(groups))


class TestAssignParts:
    @given(rows(), shares, st.integers(0, 5), st.randoms())
    def test_groups_stay_together_and_the_order_of_rows_does_not_matter(
        self, table: tuple, share: tuple[float, ...], seed: int, random: object
    ) -> None:
        ids, strata, groups = table
        parts = assign_parts(ids, strata, groups, share, seed)
        assert set(parts) <= set(range(len(share)))
        assert all(len(set(parts[groups == group])) == 1 for group in groups)
        order = np.random.default_rng(seed).permutation(len(ids))
        names = np.random.default_rng(seed + 1).permutation(1000)
        shuffled = assign_parts(
            ids.iloc[order].reset_index(drop=True), strata[order], names[groups[order]], share, seed
        )
        np.testing.assert_array_equal(shuffled, parts[order])

    @given(rows(), shares, st.integers(0, 5))
    def test_without_groups_every_part_has_its_share(
        self, table: tuple, share: tuple[float, ...], seed: int
    ) -> None:
        ids, strata, _ = table
        parts = assign_parts(ids, strata, np.arange(len(ids)), share, seed)
        for number, wanted in enumerate(share):
            assert abs((parts == number).sum() - wanted * len(ids)) <= 1 + 1e-9
            for stratum in np.unique(strata):
                inside = strata == stratum
                assert abs((parts[inside] == number).sum() - wanted * inside.sum()) <= 2.5

    def test_seeds_differ(self) -> None:
        ids = pd.Series([f"{number:03d}" for number in range(100)])
        zeros, rows_ = np.zeros(100, dtype=int), np.arange(100)
        first, again, other = (assign_parts(ids, zeros, rows_, (0.5, 0.5), s) for s in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != other).sum() > 20

    def test_groups_of_one_size_are_not_all_given_to_the_largest_part(self) -> None:
        n = 400
        ids = pd.Series([f"{number:03d}" for number in range(n)])
        groups = np.where(np.arange(n) < 100, np.arange(n) // 2, np.arange(n))
        parts = assign_parts(ids, np.zeros(n, dtype=int), groups, (0.7, 0.1, 0.2), 0)
        assert np.bincount(parts).tolist() == [280, 40, 80]
        assert np.bincount(parts[:100]).tolist() == [70, 10, 20]


class TestSplit:
    @given(seed=st.integers(0, 1000))
    def test_parts_share_nothing_and_are_all(self, seed: int) -> None:
        parts = PEOPLE.split(train=0.7, valid=0.1, test=0.2, seed=seed)
        assert [len(part) for part in parts] == [210, 30, 60]
        ids = [sample for part in parts for sample in part.table["sample_id"]]
        assert sorted(ids) == PEOPLE.table["sample_id"].tolist()
        for part in parts:
            assert abs((part.table["gender"] == "male").mean() - 0.5) < 0.1
            assert abs(part.table["age"].mean() - PEOPLE.table["age"].mean()) < 4
            assert part.table["sample_id"].is_monotonic_increasing  # the rows' own order

    def test_the_order_of_rows_does_not_matter(self) -> None:
        order = np.random.default_rng(0).permutation(len(PEOPLE))
        shuffled = Dataset(PEOPLE.table.iloc[order], tasks=PEOPLE.tasks)
        for part, other in zip(
            PEOPLE.split(train=0.8, test=0.2), shuffled.split(train=0.8, test=0.2), strict=True
        ):
            assert set(part.table["sample_id"]) == set(other.table["sample_id"])

    def test_parts_without_a_share_are_left_out(self) -> None:
        (only,) = PEOPLE.split(train=1.0)
        assert set(only.table["split"]) == {"train"}
        train, test = PEOPLE.split(train=0.8, test=0.2)
        assert (set(train.table["split"]), set(test.table["split"])) == ({"train"}, {"test"})
        assert train.table.columns[-1] == "split"
        assert "split" not in PEOPLE.table.columns

    def test_a_part_can_be_split_again(self) -> None:
        train, _ = PEOPLE.split(train=0.8, test=0.2)
        fit, valid = train.split(train=0.9, valid=0.1)
        assert set(valid.table["split"]) == {"valid"}
        assert len(fit) + len(valid) == len(train)

    @pytest.mark.parametrize(
        ("arguments", "error", "name"),
        [
            ({"train": 0.7}, InvalidArgumentError, "train, valid, test"),
            ({"train": 0.9, "test": 0.2}, InvalidArgumentError, "train, valid, test"),
            ({"train": 1.2, "test": -0.2}, InvalidArgumentError, "train"),
            ({"train": "most", "test": 0.2}, InvalidTypeError, "train"),
            ({"train": 0.8, "test": 0.2, "seed": -1}, InvalidArgumentError, "seed"),
            ({"train": 0.8, "test": 0.2, "groups": "person"}, DataError, "groups"),
            ({"train": 0.8, "test": 0.2, "stratify": ["person"]}, DataError, "stratify"),
            ({"train": 0.8, "test": 0.2, "stratify": "age"}, InvalidTypeError, "stratify"),
            ({"train": 0.999, "test": 0.001}, DataError, "test"),
        ],
    )
    def test_wrong_arguments_are_named(
        self, arguments: dict[str, object], error: type[Exception], name: str
    ) -> None:
        with pytest.raises(error) as caught:
            PEOPLE.split(**arguments)  # type: ignore[arg-type]
        assert caught.value.argument == name  # type: ignore[attr-defined]

    def test_shares_with_errors_of_rounding(self) -> None:
        assert len(PEOPLE.split(train=1 / 3, valid=1 / 3, test=1 / 3)) == 3
        assert len(PEOPLE.split(train=0.7, valid=0.1, test=0.2)) == 3

    def test_a_column_of_persons_is_never_divided(self) -> None:
        person = [f"p{number % 40}" for number in range(300)]
        table = PEOPLE.table.assign(person=person)
        table.loc[::10, "person"] = None
        people = Dataset(table, tasks=PEOPLE.tasks)
        train, test = people.split(train=0.8, test=0.2, groups="person")
        assert not set(train.table["person"].dropna()) & set(test.table["person"].dropna())
        assert 0.15 < len(test) / 300 < 0.25
        assert test.table["person"].isna().any()

    def test_fewer_groups_than_parts_is_an_error(self) -> None:
        people = Dataset(PEOPLE.table.assign(site="one"), tasks=PEOPLE.tasks)
        with pytest.raises(DataError, match=r"would be empty.*in 1 groups"):
            people.split(train=0.8, test=0.2, groups="site")
        with pytest.raises(DataError, match="would be empty"):
            PEOPLE.select([]).split(train=0.8, test=0.2)

    def test_missing_labels_are_shared_out_too(self) -> None:
        table = PEOPLE.table
        table.loc[table.index < 60, "age"] = np.nan
        people = Dataset(table, tasks=PEOPLE.tasks)
        _, test = people.split(train=0.5, test=0.5)
        assert abs(test.table["age"].isna().sum() - 30) <= 3

    def test_any_column_can_be_balanced(self) -> None:
        table = PEOPLE.table.assign(site=["a"] * 290 + ["b"] * 10)
        people = Dataset(table, tasks=PEOPLE.tasks)
        _, test = people.split(train=0.5, test=0.5, stratify=["site"])
        assert (test.table["site"] == "b").sum() == 5
        assert len(people.split(train=0.5, test=0.5, stratify=())) == 2

    def test_identical_files_never_cross(self, tmp_path: Path) -> None:
        for number in range(60):
            (tmp_path / f"{number}_0_0_{number}.jpg").write_bytes(b"content %d" % (number // 3))
        people = Dataset.from_utkface(tmp_path)
        seen_apart = False
        for seed in range(5):
            train, test = people.split(train=0.7, test=0.3, seed=seed)
            contents = [
                {Path(p).read_bytes() for p in part.table["path"]} for part in (train, test)
            ]
            assert not contents[0] & contents[1]
            free, other = people.split(train=0.7, test=0.3, seed=seed, groups=None)
            contents = [
                {Path(p).read_bytes() for p in part.table["path"]} for part in (free, other)
            ]
            seen_apart |= bool(contents[0] & contents[1])
        assert seen_apart  # without groups they do cross


class TestFolds:
    @given(k=st.integers(2, 9), seed=st.integers(0, 50))
    def test_every_image_is_tested_once(self, k: int, seed: int) -> None:
        pairs = list(PEOPLE.folds(k, seed=seed))
        assert len(pairs) == k
        tested = [sample for _, test in pairs for sample in test.table["sample_id"]]
        assert sorted(tested) == PEOPLE.table["sample_id"].tolist()
        for train, test in pairs:
            assert len(train) + len(test) == 300
            assert not set(train.table["sample_id"]) & set(test.table["sample_id"])
            assert abs(len(test) - 300 / k) <= 1 + 1e-9
        assert set(pairs[0][0].table["split"]) == {"train"}
        assert set(pairs[0][1].table["split"]) == {"test"}

    def test_groups_and_errors(self) -> None:
        people = Dataset(PEOPLE.table.assign(person=np.arange(300) % 30), tasks=PEOPLE.tasks)
        for train, test in people.folds(3, groups="person"):
            assert not set(train.table["person"]) & set(test.table["person"])
        with pytest.raises(InvalidArgumentError):
            PEOPLE.folds(1)
        with pytest.raises(DataError, match="fold"):
            PEOPLE.select(PEOPLE.table["sample_id"][:3]).folds(4)


class TestCodes:
    def test_strata_are_joint_and_missing_is_one_of_them(self) -> None:
        table = pd.DataFrame({"a": ["x", "x", "y", None], "b": [1.0, np.nan, 1.0, 1.0]})
        assert len(set(strata_codes(table, ["a", "b"]))) == 4
        assert len(set(strata_codes(table, []))) == 1

    def test_numbers_are_cut_into_bins_of_about_equal_count(self) -> None:
        table = pd.DataFrame({"age": np.arange(1000.0)})
        counts = np.bincount(strata_codes(table, ["age"]))
        assert counts[counts > 0].tolist() == [100] * 10

    def test_a_pile_at_one_value_stays_in_one_bin(self) -> None:
        table = pd.DataFrame({"age": [26.0] * 900 + list(np.arange(100.0))})
        codes = strata_codes(table, ["age"])
        assert len(set(codes[:900])) == 1

    def test_rows_without_a_group_stand_alone(self) -> None:
        table = pd.DataFrame({"person": ["x", None, "x", None]})
        codes = group_codes(table, "person", None)
        assert codes[0] == codes[2]
        assert len(set(codes)) == 3
