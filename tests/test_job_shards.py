"""Jobs in parts: put together they are the job in one run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import ClassificationTask, Dataset, Model, RegressionTask
from faceattr.cli import main
from faceattr.data.prints_table import duplicates_of_prints, prints_of_files
from faceattr.exceptions import DataError, InvalidArgumentError, TableError
from faceattr.jobs import run_duplicates, run_merge, run_prediction
from faceattr.tables import read_table

TASKS = [RegressionTask("age", bounds=(0, 116)), ClassificationTask("sex", ("m", "f"))]


def save_model(folder: Path, seed: int) -> Path:
    return Model(tasks=TASKS, weights=None, image_size=32, seed=seed).save_pretrained(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), 0)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 9 drawings, copies of two of them, a damaged file and one that is empty."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    (folder / "sub").mkdir(parents=True)
    faces = Dataset.synthetic(9, seed=3, size=64)
    for number in range(9):
        Image.fromarray(faces.read(number)).save(folder / f"{number}.png")
    shutil.copy(folder / "0.png", folder / "sub" / "same.png")
    shutil.copy(folder / "0.png", folder / "zz.png")
    Image.fromarray(faces.read(4)).save(folder / "sub" / "near, é.jpg", quality=90)
    (folder / "5b.jpg").write_bytes(b"no image")
    (folder / "sub" / "empty.png").touch()
    return folder


def predict_parts(model: Path, inputs: object, of: int) -> list[str]:
    names = [f"part-{number}.csv" for number in range(1, of + 1)]
    for number, name in enumerate(names, start=1):
        run_prediction(model, inputs, shard=f"{number}/{of}", output=name)  # type: ignore[arg-type]
    return names


def print_parts(folder: Path, of: int) -> list[str]:
    names = [f"prints-{number}.csv" for number in range(1, of + 1)]
    for number, name in enumerate(names, start=1):
        run_duplicates(folder, shard=f"{number}/{of}", output=name)
    return names


@pytest.mark.parametrize("of", [1, 3, 20])
@pytest.mark.parametrize("as_list", [False, True])
def test_predictions_in_parts_are_those_of_one_run(
    model: Path, photos: Path, of: int, as_list: bool
) -> None:
    inputs = [photos / "sub", photos / "3.png", "nowhere.png"] if as_list else photos
    one = run_prediction(model, inputs)  # type: ignore[arg-type]
    merged = run_merge(predict_parts(model, inputs, of)[::-1], output="all.csv")
    assert merged.kind == "predictions"
    assert (one["error"] != "").sum() == 2
    pd.testing.assert_frame_equal(merged.table, one, rtol=0, atol=1e-5)
    for name in ("sample_id", "path", "error"):
        assert merged.table[name].tolist() == one[name].tolist()
    pd.testing.assert_frame_equal(read_table("all.csv"), merged.table)


@pytest.mark.parametrize("of", [1, 3, 20])
def test_duplicates_in_parts_are_those_of_one_run(photos: Path, of: int) -> None:
    one = run_duplicates(photos, output="one.csv")
    assert one.groupby("group")["sample_id"].agg(list).tolist() == [
        ["0.png", "sub/same.png", "zz.png"],
        ["4.png", "sub/near, é.jpg"],
    ]
    assert one["kind"].tolist() == [*["identical"] * 3, *["near"] * 2]
    merged = run_merge(print_parts(photos, of), output="merged.csv")
    assert merged.kind == "duplicates"
    pd.testing.assert_frame_equal(merged.table, one)
    assert Path("merged.csv").read_bytes() == Path("one.csv").read_bytes()


def test_fingerprints_say_what_could_not_be_read(photos: Path) -> None:
    prints = run_duplicates(photos, shard="1/1", output="prints.csv").set_index("sample_id")
    assert prints.loc["0.png", "key"] == prints.loc["zz.png", "key"]
    assert prints.loc["0.png", "hash"] == prints.loc["zz.png", "hash"]
    assert (prints.loc["0.png", ["key", "hash"]].str.len() == [32, 64]).all()
    assert prints.loc["5b.jpg", ["opened", "hashed"]].tolist() == [True, False]
    assert prints.loc["5b.jpg", "hash"] == ""
    gone = prints_of_files(["a"], ["nowhere.png"]).iloc[0]
    assert gone[["key", "hash", "opened", "hashed"]].tolist() == ["", "", False, False]


def test_images_that_are_gone_are_no_silent_loss(photos: Path, tmp_path: Path) -> None:
    parts = print_parts(photos, 2)
    (photos / "4.png").unlink()
    with pytest.raises(DataError, match="1 of 12 images can no longer be opened") as caught:
        run_merge(parts)
    assert caught.value.rows == ("photos/4.png",)


@pytest.mark.parametrize(
    ("column", "value"), [("key", "zz" * 16), ("hash", "00"), ("key", ""), ("opened", "True")]
)
def test_tables_that_are_no_fingerprints(photos: Path, column: str, value: object) -> None:
    table = prints_of_files(["a", "b"], [str(photos / "0.png"), str(photos / "1.png")])
    assert duplicates_of_prints(table).empty
    table[column] = [table[column].astype(object)[0], value]
    with pytest.raises(TableError, match=column):
        duplicates_of_prints(table)
    with pytest.raises(TableError, match="not a table of fingerprints"):
        duplicates_of_prints(table.drop(columns="hash"))


def test_another_model_is_told(model: Path, photos: Path, tmp_path: Path) -> None:
    parts = predict_parts(model, photos, 3)
    run_prediction(save_model(tmp_path / "b", 1), photos, shard="2/3", output=parts[1])
    with pytest.raises(TableError, match=r"different models.*part-2\.csv.*model\.safetensors"):
        run_merge(parts)


def test_another_folder_is_told(model: Path, photos: Path) -> None:
    parts = predict_parts(model, photos, 3)
    (photos / "new.png").touch()
    run_prediction(model, photos, shard="3/3", output=parts[2])
    with pytest.raises(TableError, match="14 rows in all, as in 2 of 3 files; found: 15 rows"):
        run_merge(parts)


def test_what_cannot_be_divided(model: Path, photos: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="a part needs a file"):
        run_prediction(model, photos, shard="1/2")
    with pytest.raises(InvalidArgumentError, match="a part needs a file"):
        run_duplicates(photos, shard="1/2")
    with pytest.raises(InvalidArgumentError, match=r"given more than once; rows: 'photos/0\.png'"):
        run_prediction(model, [photos, photos / "0.png"], shard="1/2", output="p.csv")
    Path("nothing").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        run_prediction(model, "nothing", shard="1/2", output="p.csv")
    with pytest.raises(DataError, match="no image"):
        run_duplicates("nothing")
    part = print_parts(photos, 1)
    with pytest.raises(InvalidArgumentError, match="one of the files that are read"):
        run_merge(part, output="./photos/../prints-1.csv")


# The command line


def test_commands(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in ("1", "2"):
        options = ["--shard", f"{number}/2", "--output", f"p-{number}.csv", "--quiet"]
        assert main(["predict", "photos", "--model", str(model), *options]) == 0
    options = ["--shard", "1/1", "--output", "f.csv", "--quiet"]
    assert main(["duplicates", "photos", *options]) == 0
    assert capsys.readouterr().out == ""

    assert main(["merge", "p-2.csv", "p-1.csv", "--json", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)["predictions"]) == 14
    assert "2 of 14 images could not be read" in shown.err
    assert main(["merge", "f.csv", "--json", "--quiet"]) == 0
    merged = json.loads(capsys.readouterr().out)
    assert main(["duplicates", "photos", "--json", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == merged
    assert [row["group"] for row in merged["duplicates"]] == [0, 0, 0, 1, 1]
    assert "5 images have a duplicate, in 2 groups" in shown.err
    assert main(["merge", "f.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["sample_id", "group", "kind"]


def test_a_part_of_nothing_readable_is_done(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("y.png").write_text("no image")
    argv = ["predict", "x.png", "y.png", "--model", str(model), "--quiet", "--output"]
    for number in ("1", "2", "3"):  # the first is empty
        assert main([*argv, f"p-{number}.csv", "--shard", f"{number}/3"]) == 0
    assert np.array_equal([len(read_table(f"p-{n}.csv")) for n in (1, 2, 3)], [0, 1, 1])
    assert main(["merge", "p-1.csv", "p-2.csv", "p-3.csv", "--quiet"]) == 1
    assert "2 of 2 images could not be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["duplicates", "photos", "--shard", "3/2", "--output", "x.csv"], 2, "expected: 1 to 2"),
        (["duplicates", "photos", "--shard", "half", "--output", "x.csv"], 2, "such as 2/8"),
        (["duplicates", "photos", "--shard", "1/2"], 2, "a part needs a file"),
        (["duplicates", "nowhere"], 1, "the folder cannot be read"),
        (["merge", "nope.csv"], 1, "no such file; rows: 'nope.csv'"),
        (["merge", "a.csv", "--output", "a.csv"], 2, "one of the files that are read"),
        (["merge"], 2, "PART"),
    ],
)
@pytest.mark.usefixtures("photos")
def test_exit_codes(
    capsys: pytest.CaptureFixture[str], argv: list[str], code: int, message: str
) -> None:
    assert main(argv) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err


def test_merging_needs_neither_model_nor_torch(model: Path, photos: Path) -> None:
    parts = predict_parts(model, photos, 2)
    shutil.rmtree(photos)
    code = (
        "import sys; from faceattr.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(9 if 'torch' in sys.modules else code)"
    )
    argv = [sys.executable, "-W", "ignore", "-c", code, "merge", *parts, "--output", "all.csv"]
    assert subprocess.run(argv, check=False, capture_output=True).returncode == 0
    assert len(read_table("all.csv")) == 14
