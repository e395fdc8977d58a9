"""FairFace's CSV files: spellings, ranges of ages, and rows that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceattr import ClassificationTask, Dataset
from faceattr._ranges import known_rows
from faceattr.data._fairface import AGE_GROUPS, FAIRFACE_RACES, parse_age_group
from faceattr.exceptions import DataError, InvalidArgumentError, TableError

HEAD = "file,age,gender,race,service_test\n"
PUBLIC = """train/1.jpg,50-59,Male,East Asian,True
train/2.jpg,more than 70,Female,Latino_Hispanic,False
train/3.jpg,3-9,Male,Middle Eastern,False
"""


def write(folder: Path, rows: str, head: str = HEAD) -> Path:
    path = folder / "fairface_label_train.csv"
    path.write_text(head + rows, encoding="utf-8")
    return path


def test_the_public_file(tmp_path: Path) -> None:
    ds = Dataset.from_fairface(write(tmp_path, PUBLIC))
    assert ds.table.columns.tolist() == [
        "sample_id", "path", "age", "age_min", "age_max", "gender", "race", "service_test",
    ]  # fmt: skip
    assert ds.table["sample_id"].tolist() == ["train/1.jpg", "train/2.jpg", "train/3.jpg"]
    assert ds.table["path"].iloc[0] == f"{tmp_path.as_posix()}/train/1.jpg"
    assert ds.table["age"].isna().all()
    assert ds.table["age_min"].tolist() == [50, 70, 3]
    assert ds.table["age_max"].tolist() == [59, 116, 9]
    assert ds.table["gender"].tolist() == ["male", "female", "male"]
    assert ds.table["race"].tolist() == ["East Asian", "Latino_Hispanic", "Middle Eastern"]
    assert ds.table["service_test"].tolist() == ["True", "False", "False"]
    assert list(ds.tasks) == ["age", "gender"]
    assert known_rows(ds.table, ds.tasks["age"]).all()
    assert len(ds.rejects) == 0


def test_groups_are_whole_and_do_not_overlap() -> None:
    years = [year for low, high in AGE_GROUPS for year in range(low, high + 1)]
    assert sorted(years) == list(range(70))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        *((f"{low}-{high}", low, high) for low, high in AGE_GROUPS),
        ("more than 70", 70, 116),
        ("More than 70 ", 70, 116),
        ("70+", 70, 116),
        (" 10 - 19", 10, 19),
        ("20\u201329", 20, 29),
        ("03-Sep", 3, 9),
        ("3-Sep", 3, 9),
        ("9-Mar", 3, 9),
        ("Mar-09", 3, 9),
        ("Oct-19", 10, 19),
        ("19-Oct", 10, 19),
        ("19-OCT", 10, 19),
    ],
)
def test_spellings_of_age_groups(text: str, low: int, high: int) -> None:
    age, *ends = parse_age_group(text)
    assert np.isnan(age)
    assert ends == [low, high]


@pytest.mark.parametrize(
    "text",
    ["9-3", "2-0", "0-3", "70-79", "more than 60", "-1", "2.5", "x", "Sep-19", "10-Sep", "01-Feb",
     "2019-10-01", "Oct-2019", "sep-mar", "117", "\u0663"],
)  # fmt: skip
def test_what_could_be_something_else_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_age_group(text)
    assert caught.value.problem.startswith("age is")


@given(st.integers(0, 116))
def test_a_whole_number_is_an_age(age: int) -> None:
    found, *ends = parse_age_group(str(age))
    assert found == age
    assert np.isnan(ends).all()


@given(st.text(max_size=8))
def test_any_text_is_read_within_the_bounds_or_refused(text: str) -> None:
    try:
        age, low, high = parse_age_group(text)
    except DataError:
        return
    if text.strip():
        assert 0 <= age <= 116 or 0 <= low <= high <= 116


def test_other_spellings_and_empty_cells(tmp_path: Path) -> None:
    rows = "a.jpg,Oct-19,male,latino hispanic,\nb.jpg,33,FEMALE,East_Asian,True\nc.jpg,,,,\n"
    ds = Dataset.from_fairface(write(tmp_path, rows))
    assert ds.table["race"].iloc[:2].tolist() == ["Latino_Hispanic", "East Asian"]
    assert ds.table["age_min"].fillna(-1).tolist() == [10, -1, -1]
    assert ds.table["age"].fillna(-1).tolist() == [-1, 33, -1]
    assert ds.table[["age", "age_min", "gender", "race"]].iloc[2].isna().all()
    assert ds.table["service_test"].isna().tolist() == [True, False, True]


def test_bad_rows_are_rejected_with_line_and_reason(tmp_path: Path) -> None:
    rows = (
        "1.jpg,50-59,Male,White,True\n2.jpg,50-60,Male,White,True\n3.jpg,0-2,boy,White,True\n"
        ",0-2,Male,White,True\n5.jpg,0-2,Male,Martian,True\n6.jpg,117,0,White,True\n"
    )
    path = write(tmp_path, rows)
    ds = Dataset.from_fairface(path)
    assert len(ds) + len(ds.rejects) == 6
    lines = [f"{path.as_posix()}:{line}" for line in (3, 4, 5, 6, 7)]
    assert ds.rejects["path"].tolist() == lines
    assert ds.rejects["reason"].tolist() == [
        "age is no group of FairFace: '50-60'",
        "gender is no group of FairFace: 'boy'",
        "no path in this line",
        "race is no group of FairFace: 'Martian'",
        "age is outside 0-116: 117",
    ]


def test_errors(tmp_path: Path) -> None:
    for rows, head, match in (
        ("1.jpg,x,Male,White,True\n", HEAD, "not one row.*'x'"),
        ("", HEAD, "not one row"),
        ("1.jpg,0-2,Male\n", "file,age,gender\n", "lacks a column.*'race'"),
        ("1.jpg,0-2,Male,White\n", "path,age,gender,race\n", "lacks a column.*'file'"),
    ):
        with pytest.raises(DataError, match=match):
            Dataset.from_fairface(write(tmp_path, rows, head))
    twice = "1.jpg,0-2,Male,White,True\n./1.jpg,3-9,Male,White,True\n"
    with pytest.raises(TableError, match="more than once"):
        Dataset.from_fairface(write(tmp_path, twice))
    with pytest.raises(DataError, match="not a task of FairFace"):
        Dataset.from_fairface(write(tmp_path, PUBLIC), tasks=["height"])
    with pytest.raises(InvalidArgumentError):
        Dataset.from_fairface(write(tmp_path, PUBLIC), tasks=[])


def test_race_is_a_task_only_when_asked_for(tmp_path: Path) -> None:
    ds = Dataset.from_fairface(write(tmp_path, PUBLIC), tasks=("race", "gender"))
    assert ds.tasks["race"] == ClassificationTask("race", FAIRFACE_RACES)
    assert ds.table.columns.tolist()[2:5] == ["race", "gender", "age"]


def test_missing_files_are_found_by_verify(tmp_path: Path) -> None:
    ds = Dataset.from_fairface(write(tmp_path, PUBLIC), root=tmp_path / "elsewhere")
    assert len(ds) == 3
    with pytest.raises(DataError, match=r"not one image can be read.*train/1\.jpg"):
        Dataset.from_fairface(write(tmp_path, PUBLIC), verify=True)
    (tmp_path / "train").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "train" / "2.jpg")
    verified = Dataset.from_fairface(write(tmp_path, PUBLIC), verify=True)
    assert (len(verified), len(verified.rejects)) == (1, 2)


def test_it_goes_together_with_utkface(tmp_path: Path) -> None:
    (tmp_path / "26_1_2_2017.jpg").touch()
    both = Dataset.concat(
        [Dataset.from_utkface(tmp_path), Dataset.from_fairface(write(tmp_path, PUBLIC))]
    )
    assert list(both.tasks) == ["age", "gender"]
    assert both.table["age"].fillna(-1).tolist() == [26, -1, -1, -1]
    assert both.table["age_min"].fillna(-1).tolist() == [-1, 50, 70, 3]
    assert both.table["gender"].notna().all()
