"""Names of files to rows: nothing found is lost, and every refusal has a reason."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr import ClassificationTask, Dataset, RegressionTask
from faceattr.data.index import RACES, find_names, parse_utkface_name
from faceattr.exceptions import DataError, InvalidArgumentError, TableError

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", ("male", "female"), codes={0: "male", 1: "female"})

blanks = st.sampled_from(["", " ", "  "])
letters = st.text(st.sampled_from("0123456789_ .-aé"), min_size=1, max_size=12)


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


class TestUtkfaceNames:
    @given(
        st.integers(0, 116), st.integers(0, 1), st.integers(0, 4), st.integers(0, 10**16), blanks
    )
    def test_reads_back_what_was_written(
        self, age: int, gender: int, race: int, stamp: int, blank: str
    ) -> None:
        name = f"{age}{blank}_{blank}{gender}_{race}_{stamp}{blank}.jpg.chip.jpg"
        assert parse_utkface_name(name) == (age, gender, race)

    @pytest.mark.parametrize(
        "name",
        [
            "24_0_1_20170116220224657 .jpg.chip.jpg",
            "24_0_1_20170116220224657jpg.chip.jpg",
            "24_0_1_20170116_220224657.jpg",
            "024_0_1_1.PNG",
        ],
    )
    def test_reads_odd_names(self, name: str) -> None:
        assert parse_utkface_name(name) == (24, 0, 1)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("39_1_20170116174525125.jpg.chip.jpg", "3 of the 4 fields"),
            ("portrait.jpg", "1 of the 4 fields"),
            ("117_1_0_2017.jpg", "age is outside 0-116: 117"),
            ("-1_1_0_2017.jpg", "age is not a whole number: '-1'"),
            ("4.5_1_0_2017.jpg", "age is not a whole number: '4.5'"),
            ("٣_1_0_2017.jpg", "age is not a whole number"),
            ("_1_0_2017.jpg", "age is not a whole number: ''"),
            ("26_2_0_2017.jpg", "gender is outside 0-1: 2"),
            ("26_m_0_2017.jpg", "gender is not a whole number: 'm'"),
            ("26_1_5_2017.jpg", "race is outside 0-4: 5"),
            ("26_1_1_.jpg", "the stamp does not start with a digit"),
        ],
    )
    def test_says_why_a_name_is_refused(self, name: str, reason: str) -> None:
        with pytest.raises(DataError) as caught:
            parse_utkface_name(name)
        assert reason in caught.value.problem
        assert caught.value.rows == (name,)

    @given(letters)
    def test_any_name_is_read_within_the_limits_or_refused(self, name: str) -> None:
        try:
            age, gender, race = parse_utkface_name(name + ".jpg")
        except DataError:
            return
        assert 0 <= age <= 116
        assert gender in (0, 1)
        assert race in range(len(RACES))


class TestFromUtkface:
    def test_labels_and_groups(self, tmp_path: Path) -> None:
        fill(tmp_path, "part1/26_1_2_2017.jpg.chip.jpg", "1_0_4_2017 .jpg", "116_1_0_1jpg.jpg")
        ds = Dataset.from_utkface(tmp_path)
        assert ds.table["sample_id"].tolist() == [
            "116_1_0_1jpg.jpg",
            "1_0_4_2017 .jpg",
            "part1/26_1_2_2017.jpg.chip.jpg",
        ]
        assert ds.table["age"].tolist() == [116.0, 1.0, 26.0]
        assert ds.table["gender"].tolist() == ["female", "male", "female"]
        assert ds.table["race"].tolist() == ["White", "Others", "Asian"]
        assert list(ds.tasks) == ["age", "gender"]
        assert ds.tasks["age"] == AGE
        assert all(Path(path).exists() for path in ds.table["path"])
        assert ds.table.dtypes.astype(str).to_dict() == {
            "sample_id": "str",
            "path": "str",
            "age": "float64",
            "gender": "str",
            "race": "str",
        }

    def test_race_is_a_task_only_when_asked_for(self, tmp_path: Path) -> None:
        fill(tmp_path, "26_1_2_2017.jpg")
        ds = Dataset.from_utkface(tmp_path, tasks=("age", "gender", "race"))
        assert ds.tasks["race"] == ClassificationTask("race", RACES, codes=dict(enumerate(RACES)))
        assert list(Dataset.from_utkface(tmp_path, tasks=["race"]).tasks) == ["race"]
        with pytest.raises(DataError) as caught:
            Dataset.from_utkface(tmp_path, tasks=("age", "height"))
        assert caught.value.argument == "tasks"
        with pytest.raises(InvalidArgumentError):
            Dataset.from_utkface(tmp_path, tasks=())

    @given(names=st.lists(letters, min_size=1, max_size=12, unique=True))
    def test_accepted_and_rejected_are_all_that_was_found(
        self, tmp_path_factory: pytest.TempPathFactory, names: list[str]
    ) -> None:
        folder = fill(tmp_path_factory.mktemp("utk"), *(name + ".jpg" for name in names))
        fill(folder, "26_1_2_2017.jpg")
        ds = Dataset.from_utkface(folder)
        listed = sorted([*ds.table["path"], *ds.rejects["path"]])
        assert listed == sorted(
            path.as_posix() for path in folder.iterdir() if not path.name.startswith(".")
        )
        assert ds.rejects["reason"].str.len().gt(0).all()

    def test_other_and_hidden_files_are_not_found(self, tmp_path: Path) -> None:
        fill(tmp_path, "26_1_2_2017.jpg", "notes.txt", ".26_1_2_2017.jpg", ".git/26_1_2_1.jpg")
        ds = Dataset.from_utkface(tmp_path)
        assert len(ds) + len(ds.rejects) == 1

    def test_nothing_usable_is_an_error_that_shows_why(self, tmp_path: Path) -> None:
        fill(tmp_path, "portrait.jpg")
        with pytest.raises(DataError, match="1 of the 4 fields") as caught:
            Dataset.from_utkface(tmp_path)
        assert caught.value.argument == "folder"

    def test_no_image_and_no_folder_are_errors(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no image file"):
            Dataset.from_utkface(tmp_path)
        with pytest.raises(DataError, match="cannot be read"):
            Dataset.from_utkface(tmp_path / "absent")
        with pytest.raises(DataError, match="cannot be read"):
            Dataset.from_utkface(fill(tmp_path, "26_1_2_1.jpg") / "26_1_2_1.jpg")

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_names_that_are_no_text_are_rejected(self, tmp_path: Path) -> None:
        fill(tmp_path, "26_1_2_2017.jpg")
        with open(os.fsencode(tmp_path) + b"/27_1_2_\xff.jpg", "wb"):  # noqa: PTH123
            pass
        ds = Dataset.from_utkface(tmp_path)
        assert ds.rejects["reason"].tolist() == ["the name is not valid UTF-8"]
        assert ds.rejects["path"].str.endswith("27_1_2_\\udcff.jpg").all()

    @pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
    def test_links_are_followed_but_not_in_circles(self, tmp_path: Path) -> None:
        fill(tmp_path / "store", "26_1_2_2017.jpg")
        data = fill(tmp_path / "data", "27_1_2_2017.jpg")
        (data / "more").symlink_to(tmp_path / "store")
        (data / "again").symlink_to(data)
        assert find_names(data) == ["27_1_2_2017.jpg", "more/26_1_2_2017.jpg"]

    def test_real_chips(self, utkface_folder: Path) -> None:
        ds = Dataset.from_utkface(utkface_folder)
        files = sum(1 for path in utkface_folder.rglob("*.jpg"))
        assert len(ds) + len(ds.rejects) == files
        assert len(ds.rejects) < 10
        assert ds.table["age"].between(0, 116).all()


class TestFromCsv:
    def write(self, folder: Path, text: str) -> Path:
        path = folder / "labels.csv"
        path.write_text(text, encoding="utf-8")
        return path

    def test_labels_groups_and_paths(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path,
            "path,age,gender,person,site,weight\n"
            "a b.jpg,26,1,007,x,1.5\n"
            "./sub/é.jpg,,female,7,,2\n"
            f"{tmp_path.as_posix()}/c.jpg,3.5,MALE,8,y,\n",
        )
        ds = Dataset.from_csv(path, tasks=[AGE, GENDER])
        assert ds.table["sample_id"].tolist() == ["a b.jpg", "sub/é.jpg", "c.jpg"]
        assert ds.table["path"].iloc[0] == f"{tmp_path.as_posix()}/a b.jpg"
        assert ds.table["path"].iloc[2] == f"{tmp_path.as_posix()}/c.jpg"
        assert ds.table["gender"].tolist() == ["female", "female", "male"]
        np.testing.assert_array_equal(ds.table["age"], [26.0, np.nan, 3.5])
        assert ds.table["person"].tolist() == ["007", "7", "8"]  # names of persons, not numbers
        assert ds.table["site"].isna().tolist() == [False, True, False]
        np.testing.assert_array_equal(ds.table["weight"], [1.5, 2.0, np.nan])

    def test_root_path_column_and_groups(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "file,age,site,camera\na.jpg,26,x,y\n")
        ds = Dataset.from_csv(path, root="faces", tasks=AGE, path_column="file", groups=["site"])
        assert ds.table.columns.tolist() == ["sample_id", "path", "age", "site"]
        assert ds.table["path"].tolist() == ["faces/a.jpg"]

    def test_ids_of_the_file_are_kept(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "sample_id,path,age,split\n01,a.jpg,26,train\n")
        ds = Dataset.from_csv(path, tasks=AGE)
        assert ds.table["sample_id"].tolist() == ["01"]
        assert ds.table.columns.tolist() == ["sample_id", "path", "age", "split"]

    def test_a_class_called_none_is_a_class(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "path,glasses\na.jpg,None\nb.jpg,NA\nc.jpg,\n")
        ds = Dataset.from_csv(path, tasks=ClassificationTask("glasses", ("None", "NA")))
        assert ds.table["glasses"].iloc[:2].tolist() == ["None", "NA"]
        assert ds.table["glasses"].isna().tolist() == [False, False, True]

    @given(
        rows=st.lists(
            st.tuples(
                st.one_of(st.none(), st.integers(0, 116)), st.sampled_from(["male", "female", ""])
            ),
            min_size=1,
            max_size=20,
        )
    )
    def test_reads_back_what_was_written(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        rows: list[tuple[int | None, str]],
    ) -> None:
        rows = [*rows, (1, "male")]
        table = pd.DataFrame(rows, columns=["age", "gender"])
        table["path"] = [f"{number}.jpg" for number in range(len(rows))]
        path = tmp_path_factory.mktemp("csv") / "labels.csv"
        table.to_csv(path, index=False)
        ds = Dataset.from_csv(path, tasks=[AGE, GENDER])
        ages = [np.nan if age is None else float(age) for age, _ in rows]
        np.testing.assert_array_equal(ds.table["age"], ages)
        assert ds.table["gender"].fillna("").tolist() == [gender for _, gender in rows]

    def test_a_row_without_a_path_is_rejected(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "path,age\na.jpg,26\n  ,27\n")
        ds = Dataset.from_csv(path, tasks=AGE)
        assert ds.rejects["path"].tolist() == [f"{path.as_posix()}:3"]
        assert len(ds) == 1

    def test_a_file_written_with_a_mark_of_its_order_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "excel.csv"
        path.write_text("path,age\na.jpg,26\n", encoding="utf-8-sig")
        assert len(Dataset.from_csv(path, tasks=AGE)) == 1

    @pytest.mark.parametrize("row", ["b.jpg,27,", "b.jpg", "b.jpg,27,,"])
    def test_rows_of_another_width_are_refused(self, tmp_path: Path, row: str) -> None:
        # pandas alone would take the paths for an index and the ages for the paths.
        path = self.write(tmp_path, f"path,age\na.jpg,26\n{row}\n")
        with pytest.raises(DataError, match="2 values in every row") as caught:
            Dataset.from_csv(path, tasks=AGE)
        assert caught.value.rows == (f"{path.as_posix()}:3",)

    def test_a_comma_after_every_row_is_refused(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "path,age\na.jpg,26,\nb.jpg,27,\n")
        with pytest.raises(DataError, match="comma") as caught:
            Dataset.from_csv(path, tasks=AGE)
        assert len(caught.value.rows) == 2

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("path,age\na.jpg,\nb.jpg,\n", "age: the column holds no label"),
            ("path,age\na.jpg,200\n", "age: a label cannot be read.*'a.jpg'"),
            ("path,age\na.jpg,young\n", "age: a label cannot be read.*'young'"),
            ("path,years\na.jpg,26\n", "lacks a column.*'age'"),
            ("file,age\na.jpg,26\n", "lacks a column.*'path'"),
            ("path,age\na.jpg,26\na.jpg,26\n", "more than once.*'a.jpg'"),
            ("path,age\na.jpg,26\n./a.jpg,26\n", "more than once"),
            ("path,age,error\na.jpg,26,x\n", "reserved names.*'error'"),
            ("path,age,age_pred\na.jpg,26,1\n", "reserved names.*'age_pred'"),
            ("path,age\n", "not one row"),
            ("", "cannot be read"),
        ],
    )
    def test_errors_name_what_is_wrong(self, tmp_path: Path, text: str, match: str) -> None:
        with pytest.raises(DataError, match=match):
            Dataset.from_csv(self.write(tmp_path, text), tasks=AGE)

    def test_a_file_that_is_missing_or_no_text(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="cannot be read"):
            Dataset.from_csv(tmp_path / "absent.csv", tasks=AGE)
        (tmp_path / "latin.csv").write_bytes("path,age\né.jpg,26\n".encode("latin-1"))
        with pytest.raises(DataError, match="UTF-8"):
            Dataset.from_csv(tmp_path / "latin.csv", tasks=AGE)


class TestFromFolder:
    def test_sub_folders_are_classes(self, tmp_path: Path) -> None:
        fill(tmp_path, "cat/a.jpg", "dog/b.png", "dog/old/c.jpg", "stray.jpg", "empty/notes.txt")
        ds = Dataset.from_folder(tmp_path, task="animal")
        assert ds.tasks["animal"] == ClassificationTask("animal", ("cat", "dog"))
        assert ds.table["animal"].tolist() == ["cat", "dog", "dog"]
        assert ds.rejects["reason"].tolist() == ["not in the folder of a class"]

    def test_folders_may_be_called_by_codes(self, tmp_path: Path) -> None:
        fill(tmp_path, "0/a.jpg", "Female/b.jpg", "unknown/c.jpg")
        ds = Dataset.from_folder(tmp_path, task=GENDER)
        assert ds.table["gender"].tolist() == ["male", "female"]
        assert ds.rejects["reason"].tolist() == ["'unknown' is no class of 'gender'"]

    def test_one_class_only(self, tmp_path: Path) -> None:
        fill(tmp_path, "male/a.jpg")
        with pytest.raises(DataError, match="fewer than two classes") as caught:
            Dataset.from_folder(tmp_path, task="gender")
        assert "male" in str(caught.value.found)
        assert Dataset.from_folder(tmp_path, task=GENDER).table["gender"].tolist() == ["male"]

    def test_no_image_in_a_class_is_an_error(self, tmp_path: Path) -> None:
        fill(tmp_path, "stray.jpg")
        with pytest.raises(DataError, match="not one file"):
            Dataset.from_folder(tmp_path, task=GENDER)


class TestTable:
    def table(self, **columns: object) -> pd.DataFrame:
        return pd.DataFrame({"sample_id": ["a", "b"], "path": ["a.jpg", "b.jpg"], **columns})

    def test_is_checked_and_not_changed(self) -> None:
        given_table = self.table(gender=[1, "male"], age=["26", None]).set_index(pd.Index([7, 3]))
        before = given_table.copy()
        ds = Dataset(given_table, tasks=[AGE, GENDER])
        pd.testing.assert_frame_equal(given_table, before)
        assert ds.table.index.tolist() == [0, 1]
        assert ds.table.columns.tolist() == ["sample_id", "path", "age", "gender"]
        assert ds.table["gender"].tolist() == ["female", "male"]

    def test_changing_what_is_handed_out_changes_nothing(self) -> None:
        ds = Dataset(self.table(age=[1, 2]), tasks=AGE)
        table = ds.table
        table.loc[0, "age"] = 99.0
        table["more"] = 1
        assert ds.table["age"].tolist() == [1.0, 2.0]
        assert "more" not in ds.table.columns

    @pytest.mark.parametrize(
        ("columns", "match"),
        [
            ({}, "missing.*'age'"),
            ({"age": [1, 2], "sample_id": ["a", "a"]}, "more than once"),
            ({"age": [1, 2], "sample_id": ["a", None]}, "without a value"),
            ({"age": [1, 2], "path": ["a.jpg", ""]}, "without a value"),
            ({"age": [1, 2], "overall": [1, 2]}, "reserved"),
            ({"age": [1, 2], "age_prob_old": [1, 2]}, "reserved"),
        ],
    )
    def test_errors_name_what_is_wrong(self, columns: dict[str, object], match: str) -> None:
        with pytest.raises(TableError, match=match):
            Dataset(self.table(**columns), tasks=AGE)

    def test_repeated_columns_are_an_error(self) -> None:
        table = self.table(age=[1, 2])
        with pytest.raises(TableError, match="column is given more than once"):
            Dataset(pd.concat([table, table[["age"]]], axis=1), tasks=AGE)

    def test_rejects_need_their_columns(self) -> None:
        with pytest.raises(TableError, match="'reason'"):
            Dataset(self.table(age=[1, 2]), tasks=AGE, rejects=pd.DataFrame({"path": ["x"]}))
