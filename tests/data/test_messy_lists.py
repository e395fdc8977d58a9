"""Lists and folders as people bring them: other endings, codes with gaps, an image twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import BinnedEvaluator, ClassificationTask, Dataset, RegressionTask
from faceattr.evaluation import Abstain, Calibrator
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


class TestParts:
    def test_folders_of_parts_are_no_classes(self, tmp_path: Path) -> None:
        for part in ("Training", "Validation"):
            for name in ("male", "female"):
                folder = tmp_path / part / name
                folder.mkdir(parents=True)
                Image.new("RGB", (9, 9)).save(folder / f"{part}.png")
        with pytest.raises(DataError, match=r"parts of a data set.*Training.*concat"):
            Dataset.from_folder(tmp_path, task="gender")
        part = Dataset.from_folder(tmp_path / "Training", task="gender")
        assert part.tasks["gender"].classes == ("female", "male")

    def test_a_given_split_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        faces = Dataset.synthetic(40, size=32)
        given = pd.DataFrame(
            {"sample_id": faces.table["sample_id"], "split": ["test", "train"] * 20}
        )
        with caplog.at_level("WARNING", logger="faceattr"):
            rest, _ = faces.split(train=0.5, test=0.5, groups=None)
            rest.split(train=0.5, test=0.5, groups=None)
            assert not caplog.records
            faces.with_labels(given).split(train=0.5, test=0.5, groups=None)
        assert "'split' (test, train) is not followed" in caplog.text
        caplog.clear()
        with caplog.at_level("WARNING", logger="faceattr"):
            next(faces.with_labels(given).folds(2, groups=None))
        assert "'split' (test, train) is not followed" in caplog.text


class TestNothingToRead:
    def test_every_path_is_wrong(self, tmp_path: Path) -> None:
        path = write_list(tmp_path, "path,age\na.png,30\nb.png,31\n")
        with pytest.raises(DataError, match=r"not one image.*a\.png.*root="):
            Dataset.from_csv(path, tasks=AGE, root=tmp_path / "wrong", verify=True)

    @pytest.mark.parametrize("ending", [".tga", ".cr3", ".rw2"])
    def test_more_kinds_that_are_not_read_are_told(self, tmp_path: Path, ending: str) -> None:
        Image.new("RGB", (9, 9)).save(tmp_path / "1_0_0_2.png")
        (tmp_path / f"2_0_0_2{ending}").write_bytes(b"pixels")
        assert len(Dataset.from_utkface(tmp_path).rejects) == 1

    @pytest.mark.parametrize("ending", [".ppm", ".pgm", ".pnm"])
    def test_portable_maps_are_read(self, tmp_path: Path, ending: str) -> None:
        values = np.arange(108, dtype=np.uint8).reshape(6, 6, 3)
        image = Image.fromarray(values if ending != ".pgm" else values[:, :, 0])
        image.save(tmp_path / f"1_0_0_2{ending}", format="PPM")
        faces = Dataset.from_utkface(tmp_path)
        wanted = values if ending != ".pgm" else np.repeat(values[:, :, :1], 3, axis=2)
        np.testing.assert_array_equal(faces.read(0), wanted)


def predicted(faces: Dataset) -> pd.DataFrame:
    return faces.table.assign(age_pred=1.0, gender_pred="male", gender_prob_male=0.9)


class TestOtherThings:
    FACES = Dataset.synthetic(6, size=32)

    @pytest.mark.parametrize(
        ("call", "argument"),
        [
            (lambda d: d.with_labels({"a": 1}), "table"),
            (lambda d: d.with_labels(d.table, tasks="x"), "tasks"),
            (lambda d: Dataset("labels.csv", tasks=AGE), "table"),
            (lambda d: Dataset(d.table, tasks=d.tasks, rejects=["a"]), "rejects"),
            (lambda d: Dataset.from_csv(d.table, tasks=AGE), "path"),
            (lambda d: Dataset.from_csv("a.csv", tasks=AGE, groups="camera"), "groups"),
            (lambda d: Dataset(d.table, tasks="age"), "tasks"),
            (lambda d: d.split(train=0.5, test=0.5, groups=["person"]), "groups"),
            (lambda d: d.split(train=0.5, test=0.5, groups=d.table["age"]), "groups"),
            (lambda d: d.split(train=0.5, test=0.5, stratify=5), "stratify"),
            (lambda d: d.reject(["a"]), "reasons"),
            (Dataset.concat, "datasets"),
            (lambda d: Dataset.concat([d, d.table]), "datasets"),
            (lambda d: d.select(len), "mask_or_ids"),
            (lambda d: BinnedEvaluator("age", [0, 18]).evaluate(predicted(d)), "bins"),
            (lambda d: Calibrator(abstain=Abstain(coverage=0.8)).fit(predicted(d)), "abstain"),
        ],
        ids=range(16),
    )
    def test_what_they_are_not(self, call: Callable[[Dataset], object], argument: str) -> None:
        with pytest.raises(InvalidTypeError, match=rf"^{argument}: "):
            call(self.FACES)

    def test_categories_that_differ(self) -> None:
        ids = self.FACES.table["sample_id"]
        table = self.FACES.table.assign(band=pd.Categorical(["a", "b"] * 3))
        new = pd.DataFrame({"sample_id": ids[:2], "band": pd.Categorical(["c", "d"])})
        found = Dataset(table, tasks=self.FACES.tasks).with_labels(new).table["band"]
        assert found.tolist() == ["c", "d", "a", "b", "a", "b"]
