"""Predictions that are written as they come: killed anywhere, a run ends as an undisturbed one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import ClassificationTask, Dataset, Model, RegressionTask
from faceattr.calibration import Calibration, Interval, NumberCalibration
from faceattr.cli import main
from faceattr.exceptions import InvalidArgumentError, OutputError, TableError
from faceattr.jobs import _streaming, run_merge, run_prediction, stream_prediction
from faceattr.tables import _disk, read_table, write_table
from faceattr.tables.joining import join_tables

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
IMAGES, BATCH, PIECE = 11, 2, 4


class PowerCut(BaseException):
    """The process ends; nothing in it can do anything about that."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tasks = [AGE, ClassificationTask("sex", ("m", "f"))]
    made = Model(tasks=tasks, weights=None, image_size=32)
    made.calibration = Calibration((NumberCalibration(AGE, Interval(0.9, "absolute", 8.5, n=500)),))
    return made.save_pretrained(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawings")
    faces = Dataset.synthetic(IMAGES, seed=3, size=48)
    for number in range(IMAGES):
        Image.fromarray(faces.read(number)).save(folder / f"{number:02d}.png")
    (folder / "05.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def photos(drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 11 drawings, one of them damaged, that are predicted in pieces of 4."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_streaming, "PIECE", PIECE)
    shutil.copytree(drawings, "photos")
    return Path("photos")


@pytest.fixture
def undisturbed(model: Path, photos: Path) -> list[bytes]:
    run_prediction(model, photos, output="undisturbed.csv", batch_size=BATCH)
    return files_of("undisturbed.csv")


def files_of(table: str) -> list[bytes]:
    return [Path(table + ending).read_bytes() for ending in ("", ".types.json")]


def pieces() -> list[str]:
    return sorted(path.name for path in Path("p.csv.parts").glob("*.shard.json"))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the images that a model predicts, call by call."""
    counts: list[int] = []
    predict = Model.predict

    def counting(self: Model, inputs: Any, **options: Any) -> pd.DataFrame:
        counts.append(len(getattr(inputs, "table", ())))
        return predict(self, inputs, **options)

    monkeypatch.setattr(Model, "predict", counting)
    return counts


@contextmanager
def power_cut(after: int) -> Iterator[None]:
    """Cut the power when a number of files has been put in place."""
    replace, count = _disk.replace_file, iter(range(10**6))

    def cutting(*arguments: Any) -> None:
        if next(count) == after:
            raise PowerCut
        replace(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        for module in ("files", "joining", "_shard_record"):
            patch.setattr(f"faceattr.tables.{module}.replace_file", cutting)
        with pytest.raises(PowerCut):
            yield


def test_a_file_holds_what_a_model_predicts_in_one_go(model: Path, photos: Path) -> None:
    table = run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    whole = Model.from_pretrained(model).predict(photos, batch_size=BATCH)
    pd.testing.assert_frame_equal(table, whole, check_exact=True)
    pd.testing.assert_frame_equal(read_table("p.csv"), whole, check_exact=True)
    write_table(whole, "whole.csv")
    assert files_of("p.csv") == files_of("whole.csv")
    assert sorted(path.name for path in Path().iterdir() if path.name.startswith("p.csv")) == [
        *("p.csv", "p.csv.types.json")
    ]


# A piece is three files (table, types, record), the whole two.
@pytest.mark.parametrize("after", range(11))
def test_a_run_that_is_cut_anywhere_ends_as_an_undisturbed_one(
    model: Path, photos: Path, undisturbed: list[bytes], made: list[int], after: int
) -> None:
    with power_cut(after):
        run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert len(pieces()) == min(after // 3, 3)
    made.clear()
    run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert made == [4, 4, 3][min(after // 3, 3) :]
    assert files_of("p.csv") == undisturbed
    assert not Path("p.csv.parts").exists()


CHILD = """
import os, signal, sys
from faceattr.jobs import _streaming, run_prediction
_streaming.PIECE = 4
write, count = _streaming.write_record, iter(range(100))
def killing(*arguments):
    if next(count) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)
_streaming.write_record = killing
run_prediction(sys.argv[1], "photos", output="p.csv", batch_size=2)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process(
    model: Path, photos: Path, undisturbed: list[bytes], made: list[int]
) -> None:
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    killed = subprocess.run([sys.executable, "-c", CHILD, str(model)], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert len(pieces()) == 2
    made.clear()
    run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert made == [3]
    assert files_of("p.csv") == undisturbed
    assert not Path("p.csv.parts").exists()


@pytest.fixture
def two_pieces(model: Path, photos: Path) -> None:
    """A run that was cut when two of three pieces were there."""
    with power_cut(6):
        run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert len(pieces()) == 2


@pytest.mark.usefixtures("two_pieces")
@pytest.mark.parametrize("ending", ["", ".types.json", ".shard.json"])
@pytest.mark.parametrize("left", [0, 40])
def test_pieces_that_a_power_cut_damaged_are_made_again(
    model: Path, undisturbed: list[bytes], made: list[int], ending: str, left: int
) -> None:
    path = Path(f"p.csv.parts/piece-000001.csv{ending}")
    path.write_bytes(path.read_bytes()[:left])
    made.clear()
    run_prediction(model, "photos", output="p.csv", batch_size=BATCH)
    assert made == [4, 3]
    assert files_of("p.csv") == undisturbed


@pytest.mark.usefixtures("two_pieces")
def test_an_image_that_changes_meanwhile_is_predicted_anew(
    model: Path, photos: Path, made: list[int]
) -> None:
    shutil.copy(photos / "00.png", photos / "05.png")
    made.clear()
    table = run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert made == [4, 3]
    assert (table["error"] == "").all()
    run_prediction(model, photos, output="anew.csv", batch_size=BATCH)
    assert files_of("p.csv") == files_of("anew.csv")


@pytest.mark.usefixtures("two_pieces")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("added", r"rows: 'images', 'ids', 'paths'.*images 11.*images 12"),
        ("removed", r"rows: 'images', 'ids', 'paths'.*images 11.*images 10"),
        ("renamed", r"rows: 'ids', 'paths'; "),
        ("batch", r"rows: 'batch_size'; .*batch_size 2 .*batch_size 4 "),
        ("model", r"rows: 'model\.safetensors'; "),
        ("folder", r"rows: 'paths'; "),
    ],
)
def test_another_run_is_refused_and_nothing_is_lost(
    model: Path, photos: Path, tmp_path: Path, change: str, told: str
) -> None:
    kept = {path: path.read_bytes() for path in Path("p.csv.parts").iterdir()}
    inputs, used, batch_size = photos, model, BATCH
    if change == "added":
        shutil.copy(photos / "00.png", photos / "new.png")
    elif change == "removed":
        (photos / "03.png").unlink()
    elif change == "renamed":
        (photos / "03.png").rename(photos / "03a.png")
    elif change == "batch":
        batch_size = 4
    elif change == "model":
        used = tmp_path / "other"
        other = Model.from_pretrained(model)
        other.get_parameter("heads.age.linear.bias").data.add_(1)
        other.save_pretrained(used)
    else:
        inputs = photos.absolute()
    with pytest.raises(InvalidArgumentError, match=told) as caught:
        run_prediction(used, inputs, output="p.csv", batch_size=batch_size)
    assert "delete p.csv.parts to start anew" in str(caught.value.hint)
    assert {path: path.read_bytes() for path in Path("p.csv.parts").iterdir()} == kept
    assert not Path("p.csv").exists()


def test_two_processes_cannot_make_one_table(model: Path, photos: Path) -> None:
    Path("p.csv.parts").mkdir()
    with Path("p.csv.parts/.lock").open("a+", encoding="utf-8") as file:
        assert _disk.try_lock(file)
        with pytest.raises(OutputError, match="another process makes this table"):
            run_prediction(model, photos, output="p.csv", batch_size=BATCH)
        assert Path("p.csv.parts/.lock").exists()
    run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert not Path("p.csv.parts").exists()


def test_a_failure_before_the_first_piece_leaves_nothing(
    model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Model, "predict", failing)
    with pytest.raises(MemoryError):
        run_prediction(model, photos, output="p.csv")
    assert [path.name for path in Path().iterdir()] == ["photos"]


def test_files_of_others_stay(model: Path, photos: Path) -> None:
    Path("p.csv.parts").mkdir()
    Path("p.csv.parts/notes.txt").touch()
    run_prediction(model, photos, output="p.csv", batch_size=BATCH)
    assert {path.name for path in Path("p.csv.parts").iterdir()} <= {"notes.txt", ".lock"}
    assert Path("p.csv.parts/notes.txt").exists()


def test_ctrl_c_says_how_to_go_on(
    model: Path, photos: Path, undisturbed: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "predict",
        "photos",
        "--model",
        str(model),
        "--output",
        "p.csv",
        "--batch-size",
        str(BATCH),
    ]
    predict, count = Model.predict, iter(range(10))

    def interrupted(self: Model, inputs: Any, **options: Any) -> pd.DataFrame:
        if next(count) == 1:
            raise KeyboardInterrupt
        return predict(self, inputs, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Model, "predict", interrupted)
        assert main(command) == 130
    assert "4 of 11 images are done; the same call goes on" in capsys.readouterr().err
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "going on with p.csv: 4 of 11 images are done" in told.err
    assert "1 of 11 images could not be read" in told.err
    assert "05.png: not an image file" in told.err
    assert files_of("p.csv") == undisturbed


def test_parts_of_a_divided_job_go_on_too(model: Path, photos: Path, made: list[int]) -> None:
    def predict(number: int) -> str:
        name = f"p-{number}.csv"
        shard = f"{number}/2"
        run_prediction(model, photos, output=name, batch_size=BATCH, shard=shard)
        return name

    first = predict(1)
    with power_cut(5):
        predict(2)
    assert not Path("p-2.csv").exists()
    with pytest.raises(TableError, match="no such file"):
        run_merge([first, "p-2.csv"])
    made.clear()
    second = predict(2)
    assert made == [2]
    merged = run_merge([first, second]).table
    whole = run_prediction(model, photos, batch_size=BATCH)
    pd.testing.assert_frame_equal(merged, whole, atol=1e-5)
    assert not list(Path().glob("*.parts"))


def test_images_that_are_given_twice(model: Path, photos: Path) -> None:
    inputs = [photos / "01.png", photos, photos / "01.png", "nowhere.png"]
    written = stream_prediction(model, inputs, output="p.csv", batch_size=BATCH)
    assert (written.counts.images, written.counts.failed) == (14, 2)
    assert written.counts.first_failed == ("photos/05.png", "not an image file")
    whole = run_prediction(model, inputs, batch_size=BATCH)
    pd.testing.assert_frame_equal(read_table("p.csv"), whole, check_exact=True)


def test_parquet(model: Path, photos: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs the extra 'parquet'")
    with power_cut(5):
        run_prediction(model, photos, output="p.parquet", batch_size=BATCH)
    table = run_prediction(model, photos, output="p.parquet", batch_size=BATCH)
    whole = Model.from_pretrained(model).predict(photos, batch_size=BATCH)
    pd.testing.assert_frame_equal(table, whole, check_exact=True)


# Tables put one after the other


def write_pieces(table: pd.DataFrame, folder: Path, rows: int) -> list[Path]:
    starts = range(0, max(1, len(table)), rows)
    paths = [folder / f"{start}.csv" for start in starts]
    for start, path in zip(starts, paths, strict=True):
        write_table(table.iloc[start : start + rows].reset_index(drop=True), path)
    return paths


TABLES = {
    "usual": {"sample_id": ["a", 'b"', "c,d", "e\nf", "é\r"], "x": [0.1, np.nan, 1e-300, -0.0, 3]},
    "tokens": {"sample_id": ["<NA>", "b", "", "<NA1>", "e"], "x": [None, "", "<NA3>", "y", None]},
    "alone": {"x": ["", "a", "", "b", ""]},
    "flags": {"x": [True, False, True, True, False], "n": [1, 2, 3, 4, 2**62]},
    "objects": {"x": pd.Series([None, "a", None, "b", None], dtype=object), "n": range(5)},
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_are_joined_as_if_written_at_once(
    tmp_path: Path, name: str, rows: int, ending: str
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs the extra 'parquet'")
    table = pd.DataFrame(TABLES[name])
    join_tables(write_pieces(table, tmp_path, rows), tmp_path / f"joined.{ending}")
    write_table(table, tmp_path / f"whole.{ending}")
    joined, whole = (read_table(tmp_path / f"{what}.{ending}") for what in ("joined", "whole"))
    pd.testing.assert_frame_equal(joined, whole, check_exact=True)
    if ending == "csv":
        assert files_of(str(tmp_path / "joined.csv")) == files_of(str(tmp_path / "whole.csv"))


def test_columns_of_other_types_are_joined_as_pandas_does_it(tmp_path: Path) -> None:
    tables = [pd.DataFrame({"face": [1, 2]}), pd.DataFrame({"face": [np.nan]})]
    for number, table in enumerate(tables):
        write_table(table, tmp_path / f"{number}.csv")
    join_tables([tmp_path / "0.csv", tmp_path / "1.csv"], tmp_path / "all.csv")
    assert read_table(tmp_path / "all.csv")["face"].dtype == np.float64


def test_a_table_that_was_cut_short_is_not_joined(tmp_path: Path) -> None:
    paths = write_pieces(pd.DataFrame(TABLES["flags"]), tmp_path, 2)
    paths[0].write_text("x,n\nTrue,1\n")
    with pytest.raises(TableError, match="changed or cut short"):
        join_tables(paths, tmp_path / "all.csv")
