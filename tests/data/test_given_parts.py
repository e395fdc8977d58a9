"""Parts that a list comes with: followed by name, and told where pictures cross."""

from __future__ import annotations

import pandas as pd
import pytest

from faceattr import Dataset
from faceattr.exceptions import DataError, InvalidTypeError

PEOPLE = Dataset.synthetic(60, seed=1, size=16)


def listed(**columns: list) -> Dataset:
    return PEOPLE.with_labels(PEOPLE.table[["sample_id"]].assign(**columns))


def test_parts_are_those_of_the_column() -> None:
    names = ["val", "train", "train"] * 20
    parts = listed(split=names).parts()
    assert list(parts) == ["val", "train"]
    for name, part in parts.items():
        assert isinstance(part, Dataset)
        wanted = [
            i for i, given in zip(PEOPLE.table["sample_id"], names, strict=True) if given == name
        ]
        assert part.table["sample_id"].tolist() == wanted
        assert set(part.table["split"]) == {name}
        assert part.tasks == PEOPLE.tasks


def test_any_column_can_name_them_and_spaces_do_not_count() -> None:
    parts = listed(site=[" a", "a ", "b"] * 20).parts("site", groups=None)
    assert {name: len(part) for name, part in parts.items()} == {"a": 40, "b": 20}
    assert parts["a"].table["split"].unique().tolist() == ["a"]


def test_numbers_name_parts_too() -> None:
    assert list(listed(fold=[2, 1, 2] * 20).parts("fold", groups=None)) == ["2", "1"]


def test_rows_without_a_part_are_named() -> None:
    people = listed(split=[None, "train", " "] + ["test"] * 57)
    first, third = PEOPLE.table["sample_id"].iloc[[0, 2]]
    with pytest.raises(DataError, match=rf"rows are in no part.*{first}.*{third}.*notna"):
        people.parts()
    with pytest.raises(DataError, match="no such column"):
        people.parts("fold")
    with pytest.raises(InvalidTypeError, match="groups"):
        listed(split=["train"] * 60).parts(groups=3)  # type: ignore[arg-type]


def test_pictures_and_persons_in_two_parts_are_told(caplog: pytest.LogCaptureFixture) -> None:
    person = ["p1", "p1", "p1", *(f"q{number}" for number in range(57))]
    people = listed(
        split=["train", "train", "test"] + ["train", "test", "test"] * 19, person=person
    )
    with caplog.at_level("WARNING", logger="faceattr"):
        people.parts()
        people.parts(groups=None)
        assert not caplog.records
        people.parts(groups="person")
    ids = PEOPLE.table["sample_id"]
    assert "3 images of 1 groups lie in more than one part" in caplog.text
    assert f"{ids[0]} (train) and {ids[2]} (test)" in caplog.text


def test_identical_files_in_two_parts_are_told(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(6):
        (tmp_path / f"{number}_0_0_{number}.jpg").write_bytes(b"content %d" % (number // 2))
    people = Dataset.from_utkface(tmp_path)
    given = pd.DataFrame(
        {"sample_id": people.table["sample_id"], "split": ["a", "b", "a", "a", "b", "a"]}
    )
    with caplog.at_level("WARNING", logger="faceattr"):
        people.with_labels(given).parts()
    assert "4 images of 2 groups" in caplog.text


def test_rows_are_told_by_place_not_by_index(caplog: pytest.LogCaptureFixture) -> None:
    people = listed(split=["train", "test"] * 30, person=[f"p{n // 2}" for n in range(60)])
    some = people.select(people.table["sample_id"].iloc[10:14].tolist())
    with caplog.at_level("WARNING", logger="faceattr"):
        some.parts(groups="person")
    ids = PEOPLE.table["sample_id"]
    assert f"{ids[10]} (train) and {ids[11]} (test)" in caplog.text
