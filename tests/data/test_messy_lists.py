"""Lists and folders as people bring them: other endings, codes with gaps, an image twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import ClassificationTask, Dataset, RegressionTask
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError, TableError

AGE = RegressionTask("age", bounds=(0, 116))


def write_list(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


class TestMasks:
    @pytest.fixture
    def faces(self) -> Dataset:
        return Dataset.synthetic(12, size=32)

    def test_of_a_sorted_table(self, faces: Dataset) -> None:
        table = faces.table.sort_values("age")
        mask = table["age"] >= 50
        wanted = faces.table.loc[faces.table["age"] >= 50, "sample_id"]
        assert faces.select(mask).table["sample_id"].tolist() == wanted.tolist()

    def test_by_id(self, faces: Dataset) -> None:
        ids = faces.table["sample_id"]
        scores = pd.Series(range(12), index=ids[::-1].to_list())
        assert faces.select(scores >= 8).table["sample_id"].tolist() == ids[:4].tolist()

    def test_that_fits_nothing(self, faces: Dataset) -> None:
        ids = faces.table["sample_id"]
        with pytest.raises(DataError, match="1 missing"):
            faces.select(pd.Series(True, index=ids[1:].to_list()))
        with pytest.raises(DataError, match="names no row") as caught:
            faces.select(pd.Series(True, index=range(100, 112)))
        assert "to_numpy" in str(caught.value.hint)
        with pytest.raises(DataError, match="given twice"):
            faces.select(pd.Series(True, index=[0] * 12))


class TestFolders:
    def make(self, folder: Path, names: list[str]) -> Path:
        pixels = Image.fromarray(np.zeros((40, 40, 3), dtype=np.uint8))
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() in {".heic", ".avif"}:
                path.write_bytes(b"not ours")
            else:
                pixels.save(path, format="JPEG")
        return folder

    def test_no_image_vanishes(self, tmp_path: Path) -> None:
        names = ["yes/a.jpg", "yes/b.jfif", "yes/c.jpe", "yes/d.HEIC", "no/e.jpg", "no/f.avif"]
        found = Dataset.from_folder(self.make(tmp_path, names), task="glasses", verify=True)
        assert found.table["sample_id"].tolist() == sorted(
            ["no/e.jpg", "yes/a.jpg", "yes/b.jfif", "yes/c.jpe"]
        )
        reasons = dict(zip(found.rejects["path"], found.rejects["reason"], strict=True))
        assert reasons == {
            str(tmp_path / "no/f.avif"): ".avif is a kind of image that is not read",
            str(tmp_path / "yes/d.HEIC"): ".heic is a kind of image that is not read",
        }

    def test_numbers_are_no_folders(self, tmp_path: Path) -> None:
        folder = self.make(tmp_path, ["10/a.jpg", "20/b.jpg"])
        with pytest.raises(InvalidTypeError, match="from_csv") as caught:
            Dataset.from_folder(folder, task=AGE)  # type: ignore[arg-type]
        assert caught.value.argument == "task"

    def test_a_folder_with_a_blank_is_its_own_class(self, tmp_path: Path) -> None:
        folder = self.make(tmp_path, ["young /a.jpg", "old/b.jpg"])
        found = Dataset.from_folder(folder, task="group")
        assert sorted(found.table["group"]) == ["old", "young "]


class TestLists:
    def test_an_image_is_listed_once(self, tmp_path: Path) -> None:
        path = write_list(tmp_path, "sample_id,path,age\n1,a.png,30\n2,./a.png,60\n3,b.png,1\n")
        with pytest.raises(TableError, match="path: given more than once") as caught:
            Dataset.from_csv(path, tasks=AGE)
        assert caught.value.rows == (f"{tmp_path}/a.png",)

    def test_a_name_stands_for_one_column(self, tmp_path: Path) -> None:
        path = write_list(tmp_path, "path,age,age\na.png,30,31\n")
        with pytest.raises(TableError, match="columns have the same name") as caught:
            Dataset.from_csv(path, tasks=AGE)
        assert caught.value.rows == ("age",)

    def test_codes_that_a_gap_made_floats(self, tmp_path: Path) -> None:
        task = ClassificationTask("smile", ("no", "yes"), codes={0: "no", 1: "yes"})
        path = write_list(tmp_path, "path,smile\na.png,0.0\nb.png,1.0\nc.png,\n")
        assert Dataset.from_csv(path, tasks=task).table["smile"].tolist()[:2] == ["no", "yes"]

    def test_rejected_rows_have_the_line_of_the_file(self, tmp_path: Path) -> None:
        path = write_list(tmp_path, 'path,age,note\n\n\na.png,30,"two\nlines"\n,31,\n')
        found = Dataset.from_csv(path, tasks=AGE).rejects
        assert found["path"].tolist() == [f"{path.as_posix()}:6"]


class TestTasks:
    @pytest.mark.parametrize("bounds", [116, (0, None), ("a", "b"), (0,)])
    def test_bounds_that_are_none(self, bounds: object) -> None:
        with pytest.raises(InvalidArgumentError, match="bounds of task 'age'"):
            RegressionTask("age", bounds=bounds)  # type: ignore[arg-type]

    @pytest.mark.parametrize("classes", [None, 5, {"male", "female"}, frozenset("ab"), {"a": 1}])
    def test_classes_have_an_order(self, classes: object) -> None:
        with pytest.raises(InvalidTypeError, match="classes of task 'gender'"):
            ClassificationTask("gender", classes)  # type: ignore[arg-type]

    def test_a_missing_value_is_no_class(self) -> None:
        with pytest.raises(InvalidArgumentError, match="classes of task"):
            ClassificationTask("gender", pd.Series(["m", "f", None]).unique())  # type: ignore[arg-type]

    @pytest.mark.parametrize("codes", [None, ["m", "f"]])
    def test_codes_that_are_no_mapping(self, codes: object) -> None:
        with pytest.raises(InvalidTypeError, match="codes of task"):
            ClassificationTask("gender", ("m", "f"), codes=codes)  # type: ignore[arg-type]

    def test_codes_that_differ_in_case_alone(self) -> None:
        task = ClassificationTask("x", ("male", "other"), codes={"M": "male", "m": "other"})
        assert task.parse(["M", "m"], ["0", "1"]).tolist() == ["male", "other"]
