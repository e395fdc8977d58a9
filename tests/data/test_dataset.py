"""What a data set does: read, select, relabel, put together, verify."""

from __future__ import annotations

import json
import logging
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceattr import ClassificationTask, Dataset, RegressionTask
from faceattr.data import reader
from faceattr.data.reader import content_key, drawing_path, read_sample
from faceattr.data.synthetic import attributes, draw
from faceattr.exceptions import (
    DataError,
    ImageReadError,
    InvalidArgumentError,
    InvalidTypeError,
    TableError,
)

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GLASSES = ClassificationTask("glasses", ("no", "yes"))


def pixels(seed: int = 0, side: int = 40) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.fixture
def ds() -> Dataset:
    return Dataset.synthetic(12, seed=3, size=16)


class TestReading:
    def test_a_sample_is_image_labels_and_id(self, ds: Dataset) -> None:
        image, labels, sample_id = ds[4]
        np.testing.assert_array_equal(image, draw(3, 4, 16))
        row = attributes(3, [4]).iloc[0]
        assert labels == {"age": row["age"], "gender": row["gender"]}
        assert type(labels["age"]) is float
        assert type(labels["gender"]) is str
        assert sample_id == "drawing-000004"
        np.testing.assert_array_equal(ds.read(4), image)

    def test_a_missing_label_is_none(self) -> None:
        table = pd.DataFrame({"sample_id": ["a"], "path": ["synthetic:0/0/8"], "age": [None]})
        table["glasses"] = None
        assert Dataset(table, tasks=[AGE, GLASSES])[0].labels == {"age": None, "glasses": None}

    def test_positions_are_those_of_a_sequence(self, ds: Dataset) -> None:
        assert ds[-1].sample_id == ds[11].sample_id
        assert ds[np.int64(2)].sample_id == "drawing-000002"
        assert [sample.sample_id for sample in ds] == ds.table["sample_id"].tolist()
        for position in (12, -13):
            with pytest.raises(IndexError, match="12 images"):
                ds[position]
        with pytest.raises(TypeError):
            ds["drawing-000000"]  # type: ignore[index]

    def test_the_path_alone_says_what_is_drawn(self) -> None:
        np.testing.assert_array_equal(read_sample(drawing_path(5, 7, 24)), draw(5, 7, 24))
        for path in ("synthetic:1/2", "synthetic:a/b/c", "synthetic:0/0/99999", "synthetic:"):
            with pytest.raises(ImageReadError) as caught:
                read_sample(path)
            assert caught.value.rows == (path,)

    def test_the_content_of_a_drawing_changes_with_the_code_that_draws(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = content_key("synthetic:0/0/8")
        assert before == content_key("synthetic:0/0/8")
        assert before != content_key("synthetic:0/1/8")
        monkeypatch.setattr(reader, "_drawing_code", lambda: b"other")
        assert before != content_key("synthetic:0/0/8")

    def test_all_code_that_draws_counts(self) -> None:
        code = (
            "import sys, json, faceattr.data.synthetic\n"
            "names = [m for m in sys.modules if m.startswith('faceattr.data.')]\n"
            "print(json.dumps([sys.modules[name].__file__ for name in names]))"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        loaded = {Path(name).resolve() for name in json.loads(run.stdout)}
        counted = {path.resolve() for path in reader.drawing_modules()}
        others = (
            "_aligning _core _csv _dividing _fairface _fingerprints _packs _relabel __init__ cache"
        )
        here = Path(reader.__file__).resolve().parent
        others += " dataset duplicates index prints_table reader splits"
        of_data_sets = {here / f"{name}.py" for name in others.split()}
        for package in ("audit", "sampling"):
            of_data_sets |= set((here / package).glob("*.py"))
        assert loaded - of_data_sets == counted


class TestSynthetic:
    def test_rows_do_not_depend_on_their_number(self) -> None:
        small, large = Dataset.synthetic(5, seed=1), Dataset.synthetic(9, seed=1)
        pd.testing.assert_frame_equal(small.table, large.table.iloc[:5])
        assert not small.table["age"].equals(Dataset.synthetic(5, seed=2).table["age"])
        assert small[0].image.shape == (128, 128, 3)

    def test_noise_changes_labels_and_not_pictures(self) -> None:
        clean, noisy = Dataset.synthetic(200), Dataset.synthetic(200, label_noise=0.3)
        assert clean.table["path"].tolist() == noisy.table["path"].tolist()
        wrong = (clean.table["gender"] != noisy.table["gender"]).mean()
        assert 0.2 < wrong < 0.4

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"n": 0}, "n"),
            ({"n": 3, "size": 0}, "size"),
            ({"n": 3, "seed": -1}, "seed"),
            ({"n": 3, "label_noise": 1.5}, "label_noise"),
        ],
    )
    def test_wrong_arguments_are_named(self, arguments: dict[str, int], name: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            Dataset.synthetic(**arguments)
        assert caught.value.argument == name


class TestSelect:
    @given(mask=st.lists(st.booleans(), min_size=12, max_size=12))
    def test_masks_and_ids_agree(self, mask: list[bool]) -> None:
        ds = Dataset.synthetic(12, seed=3, size=16)
        chosen = ds.select(np.array(mask))
        assert chosen.table["sample_id"].tolist() == [
            sample for sample, keep in zip(ds.table["sample_id"], mask, strict=True) if keep
        ]
        for other in (mask, pd.Series(mask), chosen.table["sample_id"]):
            pd.testing.assert_frame_equal(ds.select(other).table, chosen.table)

    @given(order=st.permutations(range(12)), length=st.integers(0, 12))
    def test_ids_come_in_the_order_asked_for(self, order: list[int], length: int) -> None:
        ds = Dataset.synthetic(12, seed=3, size=16)
        ids = [f"drawing-{number:06d}" for number in order[:length]]
        assert ds.select(ids).table["sample_id"].tolist() == ids

    def test_a_condition_on_the_table(self, ds: Dataset) -> None:
        chosen = ds.select(ds.table["gender"] == "male")
        assert set(chosen.table["gender"]) == {"male"}
        assert chosen.tasks is ds.tasks
        assert chosen.table.index.tolist() == list(range(len(chosen)))

    @pytest.mark.parametrize(
        ("wanted", "error", "match"),
        [
            ([True, False], DataError, "12 values"),
            (["drawing-000000", "nobody"], DataError, "'nobody'"),
            (["drawing-000000", "drawing-000000"], DataError, "twice"),
            ("drawing-000000", InvalidTypeError, "single string"),
            ([3, 4], InvalidTypeError, "neither a mask nor ids"),
        ],
    )
    def test_what_does_not_fit_is_an_error(
        self, ds: Dataset, wanted: list[object], error: type[Exception], match: str
    ) -> None:
        with pytest.raises(error, match=match):
            ds.select(wanted)  # type: ignore[arg-type]

    def test_rejects_stay_with_the_whole(self, tmp_path: Path) -> None:
        for name in ("26_1_2_1.jpg", "portrait.jpg"):
            (tmp_path / name).touch()
        whole = Dataset.from_utkface(tmp_path)
        assert len(whole.rejects) == 1
        assert len(whole.select([True]).rejects) == 0


class TestWithLabels:
    def test_new_labels_replace_old_ones_row_by_row(self, ds: Dataset) -> None:
        new = pd.DataFrame({"sample_id": ["drawing-000003", "drawing-000001"], "age": ["77", None]})
        found = ds.with_labels(new).table["age"]
        expected = ds.table["age"].copy()
        expected.iloc[3], expected.iloc[1] = 77.0, np.nan
        pd.testing.assert_series_equal(found, expected)

    def test_a_new_task_and_a_new_group(self, ds: Dataset) -> None:
        new = pd.DataFrame({"sample_id": ds.table["sample_id"][::-1]})
        new["glasses"], new["person"] = ["yes", "no"] * 6, range(12)
        found = ds.with_labels(new, tasks=GLASSES)
        assert list(found.tasks) == ["age", "gender", "glasses"]
        assert found.table["glasses"].tolist() == ["no", "yes"] * 6
        assert found.table["person"].tolist() == list(range(11, -1, -1))
        assert found.table.columns.tolist()[:5] == [
            "sample_id", "path", "age", "gender", "glasses",
        ]  # fmt: skip
        assert list(ds.tasks) == ["age", "gender"]

    def test_a_part_gets_the_labels_of_the_whole(
        self, ds: Dataset, caplog: pytest.LogCaptureFixture
    ) -> None:
        part = ds.select(ds.table["sample_id"][:4])
        with caplog.at_level(logging.WARNING):
            assert len(part.with_labels(ds.table[["sample_id", "age"]])) == 4
        assert "8 of 12 ids" in caplog.text

    @pytest.mark.parametrize(
        ("table", "error", "match"),
        [
            ({"sample_id": ["x", "y", "z"], "age": [1, 2, 3]}, DataError, "not one id.*'x', 'y'"),
            ({"sample_id": ["drawing-000001"] * 2, "age": [1, 2]}, TableError, "more than once"),
            ({"age": [1]}, TableError, "'sample_id'"),
            ({"sample_id": ["drawing-000001"], "age": [200]}, DataError, "cannot be read"),
            ({"sample_id": ["drawing-000001"], "error": ["x"]}, TableError, "reserved"),
        ],
    )
    def test_what_does_not_fit_is_an_error(
        self, ds: Dataset, table: dict[str, object], error: type[Exception], match: str
    ) -> None:
        with pytest.raises(error, match=match):
            ds.with_labels(pd.DataFrame(table))

    def test_a_new_task_needs_its_column(self, ds: Dataset) -> None:
        with pytest.raises(TableError, match="'glasses'"):
            ds.with_labels(ds.table[["sample_id"]], tasks=[GLASSES])


class TestConcat:
    def test_rows_rejects_and_missing_columns(self, ds: Dataset) -> None:
        rejects = pd.DataFrame({"path": ["bad.jpg"], "reason": ["empty"]})
        other = Dataset(
            Dataset.synthetic(3, seed=9, size=16)
            .table.assign(site="x")
            .replace({"sample_id": "drawing-"}, {"sample_id": "other-"}, regex=True),
            tasks=ds.tasks,
            rejects=rejects,
        )
        both = Dataset.concat([ds, other])
        assert len(both) == 15
        assert both.table["site"].isna().sum() == 12
        pd.testing.assert_frame_equal(both.rejects, rejects.astype("str"))
        np.testing.assert_array_equal(both[13].image, other[1].image)

    def test_parts_of_a_split_make_the_whole_again(self, ds: Dataset) -> None:
        parts = ds.split(train=0.5, valid=0.25, test=0.25)
        whole = Dataset.concat(parts)
        assert sorted(whole.table["sample_id"]) == ds.table["sample_id"].tolist()
        assert whole.table["split"].value_counts().to_dict() == {
            "train": 6, "valid": 3, "test": 3,
        }  # fmt: skip

    def test_the_same_ids_are_an_error_unless_named(self, ds: Dataset) -> None:
        other = Dataset.synthetic(3, seed=9, size=16)
        with pytest.raises(DataError, match=r"more than one data set.*'drawing-000000'"):
            Dataset.concat([ds, other])
        both = Dataset.concat({"a": ds, "b": other})
        assert both.table["sample_id"].iloc[[0, 12]].tolist() == [
            "a/drawing-000000", "b/drawing-000000",
        ]  # fmt: skip
        assert ds.table["sample_id"].iloc[0] == "drawing-000000"

    def test_tasks_may_differ_in_the_codes_of_classes(self, ds: Dataset) -> None:
        gender = ClassificationTask("gender", ("male", "female"), codes={7: "male"})
        first = ds.with_labels(ds.table, tasks=gender)
        other = Dataset.synthetic(3, seed=9, size=16)
        assert dict(other.tasks["gender"].to_dict())["codes"] != {"7": "male"}
        both = Dataset.concat({"a": first, "b": other})
        assert len(both) == 15
        assert both.tasks["gender"].to_dict()["codes"] == {"7": "male"}

    def test_other_definitions_and_nothing_are_errors(self, ds: Dataset) -> None:
        other = Dataset(
            ds.table.drop(columns="gender"), tasks=RegressionTask("age", bounds=(0, 99))
        )
        with pytest.raises(DataError, match=r"different tasks of the same name.*99"):
            Dataset.concat([ds, other])
        for nothing in ([], {}):
            with pytest.raises(InvalidArgumentError, match="no data set"):
                Dataset.concat(nothing)

    def test_tasks_are_those_of_all(self, ds: Dataset) -> None:
        glasses = pd.DataFrame(
            {
                "sample_id": ["g0", "g1"],
                "path": ["synthetic:8/0/16", "synthetic:8/1/16"],
                "glasses": ["yes", "no"],
                "age_min": [20, np.nan],
                "age_max": [29, np.nan],
                "age": [np.nan, 7],
            }
        )
        both = Dataset.concat([ds, Dataset(glasses, tasks=[GLASSES, AGE])])
        assert list(both.tasks) == ["age", "gender", "glasses"]
        assert both.table.columns.tolist()[:7] == [
            "sample_id", "path", "age", "age_min", "age_max", "gender", "glasses",
        ]  # fmt: skip
        assert both.table["gender"].isna().tolist() == [False] * 12 + [True] * 2
        assert both.table["glasses"].tolist()[12:] == ["yes", "no"]
        assert both.table["age_max"].notna().tolist() == [False] * 12 + [True, False]
        assert both[12].labels == {"age": None, "gender": None, "glasses": "yes"}
        expected = {"age": "float64", "age_min": "float64", "gender": "str", "glasses": "str"}
        assert both.table.dtypes.astype(str)[list(expected)].to_dict() == expected
        pd.testing.assert_frame_equal(Dataset(both.table, tasks=both.tasks).table, both.table)

    def test_labels_of_one_and_groups_of_another_are_not_mixed(self, ds: Dataset) -> None:
        plain = Dataset(ds.table, tasks=AGE)
        with pytest.raises(DataError, match=r"\[1\].*'gender'.*with_labels.*drop") as caught:
            Dataset.concat([ds, plain])
        assert caught.value.rows == ("gender",)
        with pytest.raises(DataError, match="second: columns to group by"):
            Dataset.concat({"first": ds, "second": plain})
        # Both ways of the hint lead on.
        gender = ds.tasks["gender"]
        task = plain.with_labels(plain.table[["sample_id"]], tasks=[gender])
        assert list(Dataset.concat({"a": ds, "b": task}).tasks) == ["age", "gender"]
        without = Dataset(plain.table.drop(columns=["gender"]), tasks=plain.tasks)
        both = Dataset.concat({"a": ds, "b": without})
        assert both.table["gender"].notna().sum() == 12

    def test_columns_that_would_become_a_range_are_not_mixed(self, ds: Dataset) -> None:
        score = RegressionTask("score", bounds=(0, 9))
        table = ds.table[["sample_id", "path"]].assign(score=1.0)
        low = Dataset(table.assign(score_min=5.0), tasks=score)
        high = Dataset(table.assign(score_max=3.0), tasks=score)
        with pytest.raises(DataError, match="'score_min'"):
            Dataset.concat({"a": low, "b": high})
        ages = Dataset(table.assign(age_min=5.0, age_max=6.0), tasks=score)
        with pytest.raises(DataError, match="'age_min', 'age_max'"):
            Dataset.concat({"a": ds, "b": ages})


class TestBadInput:
    """A folder in which everything is that people have: nothing is lost, all is told."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        image = Image.fromarray(pixels())
        image.save(tmp_path / "1_0_0_1 mit Leerzeichen ü顔.jpg")
        image.convert("L").save(tmp_path / "2_0_0_1gray.png")
        image.convert("CMYK").save(tmp_path / "3_0_0_1cmyk.jpg")
        image.convert("RGBA").save(tmp_path / "4_0_0_1alpha.png")
        deep = np.full((8, 9), 40_000, dtype=np.uint16)
        Image.fromarray(deep).save(tmp_path / "5_0_0_1deep.png")
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(pixels()[:20]).save(tmp_path / "6_0_0_1turned.jpg", exif=exif)
        whole = (tmp_path / "3_0_0_1cmyk.jpg").read_bytes()
        (tmp_path / "90_1_0_1truncated.jpg").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "91_1_0_1empty.jpg").touch()
        (tmp_path / "92_1_0_1text.jpg").write_text("not an image")
        (tmp_path / "93_1_0_1enormous.png").write_bytes(huge_png(60_000))
        (tmp_path / "no labels.jpg").write_bytes(whole)
        (tmp_path / "notes.txt").write_text("not found")
        return tmp_path

    def test_every_image_is_accepted_or_rejected(self, folder: Path) -> None:
        found = Dataset.from_utkface(folder)
        assert (len(found), len(found.rejects)) == (10, 1)
        verified = found.verify()
        assert verified.table["age"].tolist() == [1, 2, 3, 4, 5, 6]
        reasons = {Path(row.path).name: row.reason for row in verified.rejects.itertuples()}
        assert set(reasons) == {
            "no labels.jpg", "90_1_0_1truncated.jpg", "91_1_0_1empty.jpg", "92_1_0_1text.jpg",
            "93_1_0_1enormous.png",
        }  # fmt: skip
        assert "truncated" in reasons["90_1_0_1truncated.jpg"]
        assert "empty" in reasons["91_1_0_1empty.jpg"]
        assert "not an image" in reasons["92_1_0_1text.jpg"]
        assert "too large" in reasons["93_1_0_1enormous.png"]
        pd.testing.assert_frame_equal(
            Dataset.from_utkface(folder, verify=True).rejects, verified.rejects
        )
        assert len(found.rejects) == 1

    def test_what_is_accepted_is_rgb(self, folder: Path) -> None:
        verified = Dataset.from_utkface(folder, verify=True)
        for sample in verified:
            assert sample.image.dtype == np.uint8
            assert sample.image.shape[2] == 3
        assert verified[5].image.shape == (40, 20, 3)
        assert (verified[4].image == 40_000 // 256).all()

    def test_reading_a_bad_image_names_it(self, folder: Path) -> None:
        found = Dataset.from_utkface(folder)
        position = found.table["age"].tolist().index(91)
        with pytest.raises(ImageReadError, match="empty") as caught:
            found[position]
        assert caught.value.rows == (found.table["path"].iloc[position],)

    def test_a_missing_file_of_a_list_is_rejected_when_verified(self, tmp_path: Path) -> None:
        Image.fromarray(pixels()).save(tmp_path / "a.png")
        (tmp_path / "labels.csv").write_text("path,age\na.png,26\nb.png,27\n")
        listed = Dataset.from_csv(tmp_path / "labels.csv", tasks=AGE)
        assert len(listed) == 2
        verified = listed.verify()
        assert verified.rejects["path"].tolist() == [f"{tmp_path.as_posix()}/b.png"]
        assert "cannot be opened" in verified.rejects["reason"].iloc[0]
        assert len(Dataset.from_csv(tmp_path / "labels.csv", tasks=AGE, verify=True)) == 1

    def test_a_folder_of_classes_is_verified_too(self, folder: Path) -> None:
        for name in ("x/a.jpg", "y/b.png"):
            (folder / name).parent.mkdir()
        (folder / "x/a.jpg").touch()
        Image.fromarray(pixels()).save(folder / "y/b.png")
        found = Dataset.from_folder(folder, task="letter", verify=True)
        assert found.table["letter"].tolist() == ["y"]
        assert len(found) + len(found.rejects) == 13

    def test_verifying_shows_progress_when_asked(
        self, ds: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ds.verify()
        assert capsys.readouterr().err == ""
        ds.verify(progress=True)
        assert "12/12" in capsys.readouterr().err


def huge_png(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))


def test_repr_tells_sizes_and_tasks(ds: Dataset) -> None:
    assert repr(ds) == "Dataset(12 images, tasks=['age', 'gender'], 0 rejects)"


def test_rejected_images_stand_in_rejects_with_their_reason() -> None:
    faces = Dataset.synthetic(6, seed=1)
    ids = faces.table["sample_id"].tolist()
    kept = faces.reject({ids[4]: "too dark", ids[1]: "blurred"})
    assert kept.table["sample_id"].tolist() == [ids[0], ids[2], ids[3], ids[5]]
    assert kept.rejects["reason"].tolist() == ["too dark", "blurred"]
    assert kept.rejects["path"].tolist() == [faces.table["path"][4], faces.table["path"][1]]
    assert len(kept.reject({}).rejects) == 2
    assert len(kept.reject(pd.Series({ids[0]: "cut off"})).rejects) == 3
    assert len(faces) == 6
    assert faces.rejects.empty


@pytest.mark.parametrize(
    ("reasons", "rows"), [({"nobody": "dark"}, ("nobody",)), ({"synthetic:0/0/96": ""}, None)]
)
def test_reject_wants_known_ids_and_a_reason(
    reasons: dict[str, str], rows: tuple[str, ...] | None
) -> None:
    faces = Dataset.synthetic(2, size=96)
    with pytest.raises(DataError) as caught:
        faces.reject(reasons)
    assert caught.value.rows == (rows or tuple(reasons))
