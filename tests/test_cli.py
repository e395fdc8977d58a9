"""The command line: exit codes, what goes to stdout and what to stderr, and what is not loaded."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

import faceattr
import faceattr.jobs
from faceattr import Dataset
from faceattr.cli import main
from faceattr.cli._options import DEFAULT_MODEL
from faceattr.tables import read_table

JOB = """
[data]
kind = "synthetic"
n = 40
size = 32

[model]
weights = "none"
image_size = 32

[train]
epochs = 5
batch_size = 16

[evaluate]
n_boot = 10
"""


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        def refuse(text: str) -> None:
            pytest.fail(f"{text} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(item) for item in argv])
        return Ran(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train by the command line, once, and return the folder of the results."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "job.toml").write_text(JOB, encoding="utf-8")
    options = ["--set", "train.epochs=1", "--output", str(folder / "out"), "--quiet"]
    assert main(["train", str(folder / "job.toml"), *options]) == 0
    return folder / "out"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "job.toml").write_text(JOB, encoding="utf-8")
    return tmp_path / "job.toml"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "some pictures"
    folder.mkdir()
    faces = Dataset.synthetic(3, seed=5, size=40)
    for number in range(3):
        Image.fromarray(faces.read(number)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Predictions of somebody else."""
    path = tmp_path / "theirs.csv"
    pd.DataFrame(
        {
            "sample_id": list("abcdef"),
            "age": [3.0, 20, 30, 40, 50, 61],
            "age_pred": [5.0, 21, 29, 44, 50, 57],
            "smile": [0, 1, 0, 1, 1, 0],
            "smile_pred": [0, 1, 1, 1, 1, 0],
        }
    ).to_csv(path, index=False)
    return path


def one_paragraph(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text


# From end to end


def test_train_predict_evaluate(run, trained: Path, pictures: Path) -> None:
    (pictures / "broken.png").write_bytes(b"\x89PNG")
    predicted = run("predict", pictures, "--model", trained, "--output", "p.csv", "--quiet")
    assert (predicted.code, predicted.out) == (0, "")
    assert "1 of 4 images could not be read" in predicted.err
    found = read_table("p.csv")
    assert found["sample_id"].tolist() == ["0.png", "1.png", "2.png", "broken.png"]

    evaluated = run("evaluate", trained / "predictions.csv", "--n-boot", 10, "--json")
    assert evaluated.code == 0
    metrics = read_table(trained / "metrics.csv")
    assert len(evaluated.json["metrics"]) == len(metrics)
    for row, (_, kept) in zip(evaluated.json["metrics"], metrics.iterrows(), strict=True):
        assert (row["task"], row["metric"], row["n"]) == (kept["task"], kept["metric"], kept["n"])
        assert row["value"] == (None if pd.isna(kept["value"]) else pytest.approx(kept["value"]))


def test_training_can_be_read_as_json(run, job: Path) -> None:
    ran = run("train", job, "--set", "train.epochs=2", "--set", "split.valid=0.1", "--json")
    assert ran.code == 0
    assert set(ran.json) == {"folder", "metrics", "history"}
    assert ran.json["folder"] == "faceattr-output"
    assert [row["epoch"] for row in ran.json["history"]] == [1, 2]
    assert Path("faceattr-output/job.json").exists()
    assert "28 train, 4 valid, 8 test" in ran.err
    assert "epoch 2/2" in ran.err
    assert "lie in faceattr-output" in ran.err


def test_the_demo_is_the_job_of_the_library(run, monkeypatch: pytest.MonkeyPatch) -> None:
    small = faceattr.jobs.DEMO.changed(["data.n=40", "data.size=32", "model.image_size=32"])
    monkeypatch.setattr(faceattr.jobs, "DEMO", small)
    ran = run("demo", "--output", "my demo", "--epochs", "1", "--quiet")
    assert ran.code == 0
    assert "MAE" in ran.out
    assert "accuracy" in ran.out
    done = json.loads(Path("my demo/job.json").read_text(encoding="utf-8"))["job"]
    expected = small.changed(["train.epochs=1", "output=my demo"])
    assert done == json.loads(json.dumps(expected.to_dict()))


# predict


def test_predictions_are_a_table_of_few_columns(run, trained: Path, pictures: Path) -> None:
    ran = run("predict", pictures / "0.png", pictures / "1.png", "--model", trained)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].split() == ["sample_id", "age_pred", "age_std", "gender_pred"]
    assert len(lines) == 3
    assert str(pictures / "1.png") in lines[2]


def test_predictions_are_shown_with_their_intervals(run, pictures: Path) -> None:
    ran = run("predict", pictures / "0.png")
    shown = ["sample_id", "age_pred", "age_low", "age_high", "gender_pred"]
    assert ran.out.splitlines()[0].split() == shown


def test_predictions_are_json_with_all_columns(run, trained: Path, pictures: Path) -> None:
    Path("not an image é.txt").write_text("no")
    files = [pictures / "0.png", "not an image é.txt"]
    ran = run("predict", *files, "--model", trained, "--json", "--quiet", "--output", "p.csv")
    good, bad = ran.json["predictions"]
    assert ran.code == 0
    assert list(good) == list(read_table("p.csv").columns)
    assert 0 <= good["gender_prob_male"] <= 1
    assert good["error"] == ""
    assert bad["sample_id"] == "not an image é.txt"
    assert bad["age_pred"] is None
    assert bad["gender_pred"] is None
    assert bad["error"]


def test_nothing_readable_is_a_failure(run, trained: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    ran = run("predict", text, "neither.png", "--model", trained, "--quiet")
    assert ran.code == 1
    assert "2 of 2 images could not be read" in ran.err
    assert "No such file" in ran.out
    assert one_paragraph(ran.err)


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_inputs_none_of_which_exists_are_refused(run, trained: Path, command: str) -> None:
    ran = run(command, "phots/", "neither.png", "--model", trained, "--quiet")
    assert (ran.code, ran.out) == (1, "")
    assert "no such file or folder; rows: 'phots/', 'neither.png'" in ran.err
    assert one_paragraph(ran.err)


def test_the_bundled_model_predicts_where_none_is_named(
    run, trained: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from faceattr.models import bundled

    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    ran = run("predict", pictures, "--quiet")
    assert ran.code == 1
    assert f"'{DEFAULT_MODEL}'" in ran.err
    assert "this installation has none" in ran.err
    assert one_paragraph(ran.err)
    home = tmp_path / "bundled" / DEFAULT_MODEL
    home.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (home / name).write_bytes((trained / name).read_bytes())
    monkeypatch.setattr(bundled, "FOLDER", home.parent)
    monkeypatch.setattr(bundled, "_given", set())
    monkeypatch.delenv("FACEATTR_NO_NOTICE", raising=False)
    ran = run("predict", pictures, "--json", "--quiet")
    assert ran.code == 0
    assert len(ran.json["predictions"]) == 3
    assert ran.err.count(DEFAULT_MODEL) == 2  # its name, and the place of its licence
    part = run("predict", pictures, "--shard", "1/2", "--output", "part.csv", "--quiet")
    assert (part.code, part.err) == (0, "")
    assert DEFAULT_MODEL in run("predict", "--help").out.replace("\n", "")


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_model_in_the_place_of_images_is_told(run, trained: Path, command: str) -> None:
    ran = run(command, trained, "x.png", "--quiet")
    assert (ran.code, ran.out) == (2, "")
    assert "the folder holds a model" in ran.err
    assert f"INPUT... --model {trained}" in ran.err
    assert one_paragraph(ran.err)


# evaluate


def test_evaluate_anyones_table(run, table: Path) -> None:
    options = ["--by", "age", "--bins", "age=,30,", "--task", "age", "--n-boot", "20"]
    ran = run("evaluate", table, *options, "--output", "m.csv", "--figure", "figures/e.png")
    assert (ran.code, ran.err) == (0, "")
    assert "MAE" in ran.out
    assert "30+" in ran.out
    assert "smile" not in ran.out
    assert set(read_table("m.csv")["bin"]) == {"overall", "<=30", "30+", "over bins"}
    with Image.open("figures/e.png") as figure:
        assert figure.format == "PNG"


def test_evaluate_classes_written_as_numbers(run, table: Path) -> None:
    ran = run("evaluate", table, "--task", "smile=0,1", "--by", "age", "--bins", "age=2", "--json")
    overall = [row for row in ran.json["metrics"] if row["by"] == "overall"]
    accuracy = [row for row in overall if row["metric"] == "accuracy" and row["class"] == "overall"]
    assert accuracy[0]["value"] == pytest.approx(5 / 6)
    assert {row["task"] for row in overall} == {"smile"}


def test_evaluate_by_the_columns_of_another_table(run, table: Path) -> None:
    pd.DataFrame({"sample_id": ["a", "b"], "light": ["dim", "bright"]}).to_csv("q.csv", index=False)
    ran = run(
        *("evaluate", table, "--quality", "q.csv", "--by", "light", "--by", "age"),
        *("--n-boot", "0", "--seed", "3", "--confidence", "0.9", "--json"),
    )
    light = [row for row in ran.json["metrics"] if row["by"] == "light"]
    assert {row["bin"] for row in light} == {"dim", "bright", "not scored", "over bins"}
    assert all(row["ci_low"] is None for row in light)


@pytest.mark.parametrize("bins", ["age", "age=", "age=a,b", "=1,2", "age=1.5"])
def test_bins_that_are_none(run, table: Path, bins: str) -> None:
    ran = run("evaluate", table, "--bins", bins)
    assert ran.code == 2
    assert "age=0,18,60," in ran.err


# What goes wrong


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["trian", "job.toml"],
        ["train"],
        ["predict"],
        ["explain", "--model", "m"],
        ["demo", "--epochs", "few"],
        ["evaluate", "a.csv", "--frobnicate"],
    ],
)
def test_wrong_usage_is_2(run, argv: list[str]) -> None:
    ran = run(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert "usage: faceattr" in ran.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "job.toml", "--set", "train.epoch=3"], "train.epochs instead of train.epoch"),
        (["train", "job.toml", "--set", "train.epochs"], "train.epochs=3"),
        (["train", "job.toml", "--set", "train.epochs=0"], "epochs: outside its limits"),
        (["train", "job.toml", "--set", "data.n=many"], "data.n: not a whole number"),
        (["demo", "--epochs", "0"], "epochs: outside its limits"),
        (["evaluate", "theirs.csv", "--task", "height"], "'height'"),
        (["evaluate", "theirs.csv", "--n-boot", "-1"], "n_boot"),
        (["evaluate", "theirs.csv", "--output", "metrics.xlsx"], ".csv or .parquet"),
        (["predict", "x.png", "--output", "p.doc"], ".csv or .parquet"),
    ],
)
@pytest.mark.usefixtures("job", "table")
def test_settings_that_cannot_be_used_are_2(run, argv: list[str], message: str) -> None:
    ran = run(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.startswith(f"faceattr {argv[0]}: error: ")
    assert one_paragraph(ran.err)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "nope.toml"], "nope.toml: the job file cannot be read"),
        (["train", "damaged.toml"], "line 2"),
        (["train", "job.toml", "--output", "job.toml/out"], "output: the folder cannot be written"),
        (["train", "job.toml", "--set", "model.weights=nope"], "no such file"),
        (["predict", "job.toml", "--model", "nope"], "no saved model here"),
        (["predict", "nope.png", "--model", "nope"], "no such file or folder"),
        (["evaluate", "nope.csv"], "no such file; found: nope.csv"),
        (["evaluate", "theirs.csv", "--by", "height", "--task", "smile=0,1"], "'height'"),
        (["evaluate", "theirs.csv", "--output", "job.toml/m.csv"], "cannot be written"),
    ],
)
@pytest.mark.usefixtures("job", "table")
def test_failures_are_1(run, argv: list[str], message: str) -> None:
    Path("damaged.toml").write_text('[data]\nkind = "utkface\n', encoding="utf-8")
    ran = run(*argv, "--quiet")
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err
    assert one_paragraph(ran.err)


def test_debug_shows_where(run) -> None:
    ran = run("evaluate", "nope.csv", "--debug")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert ran.err.splitlines()[-1].startswith("faceattr evaluate: error: ")


def test_errors_of_other_libraries_are_one_paragraph(
    run, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory\n  while\n\nallocating")

    monkeypatch.setattr(faceattr.jobs, "run_training", fail)
    ran = run("train", job)
    assert (ran.code, ran.err) == (
        1,
        "faceattr train: error: out of memory while allocating\n",
    )


def test_an_interruption_is_130(run, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(faceattr.jobs, "run_training", stop)
    ran = run("train", job)
    assert (ran.code, ran.err) == (130, "faceattr train: interrupted\n")


def test_a_mistake_of_the_library_is_not_hidden(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(faceattr.jobs, "run_training", broken)
    with pytest.raises(KeyError):
        main(["train", str(job)])


def test_logging_is_as_before(run, table: Path) -> None:
    logger = logging.getLogger("faceattr")
    before = (list(logger.handlers), logger.level)
    run("evaluate", table, "--n-boot", "0")
    assert (list(logger.handlers), logger.level) == before


# explain


def test_explanations_are_tables_and_pictures(run, trained: Path, pictures: Path) -> None:
    (pictures / "3.png").write_bytes(b"no image")
    options = ["--model", trained, "--samples", 20, "--output", "why", "--quiet"]
    ran = run("explain", pictures, *options)
    assert (ran.code, ran.out) == (0, "")
    assert "1 of 4 images cannot be read" in ran.err
    assert "as private as they are" in ran.err
    written = {path.name for path in Path("why").iterdir()}
    assert {"weights.csv", "grades.csv", "errors.csv", "age.png", "explanations.html"} <= written
    assert read_table(Path("why") / "errors.csv")["sample_id"].tolist() == ["3.png"]
    grades = read_table(Path("why") / "grades.csv")
    assert grades["sample_id"].tolist() == [f"{n}.png" for n in (0, 0, 1, 1, 2, 2)]
    files = [pictures / "0.png", pictures / "1.png"]
    ran = run("explain", *files, "--model", trained, "--method", "occlusion", "--json", "--quiet")
    assert {row["segment_name"] for row in ran.json["weights"]} >= {"left eye", "mouth"}
    assert [row["r2"] for row in ran.json["grades"]] == [None] * 4
    ran = run("explain", files[0], "--model", trained, "--samples", 20, "--quiet")
    assert "rank_correlation" in ran.out
    ran = run("explain", files[0], "--model", trained, "--method", "shap", "--quiet")
    assert ran.code == 2
    assert "'occlusion'" in ran.err
    assert run("explain", pictures / "3.png", "--model", trained, "--quiet").code == 1


# What is shown and loaded


COMMANDS = ("demo", "train", "predict", "evaluate", "compare", "report", "quality", "audit")
COMMANDS += ("duplicates", "explain", "export", "merge")


def test_help_and_version(run) -> None:
    assert run("--version").out == f"faceattr {faceattr.__version__}\n"
    shown = run("--help")
    assert (shown.code, shown.err) == (0, "")
    for command in COMMANDS:
        assert command in shown.out
        assert f"usage: faceattr {command}" in run(command, "--help").out


def in_a_process(code: str, *argv: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *code.split(" ", 1), *map(str, argv)],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONWARNINGS": "ignore", **env},
    )


LOADED = """-c import sys
from faceattr.cli import main
from faceattr.cli._options import DEFAULT_MODEL
code = main(sys.argv[1:])
sys.stderr.write(' '.join({name.partition('.')[0] for name in sys.modules}))
sys.exit(code)"""


def test_help_loads_nothing() -> None:
    ran = in_a_process(LOADED, "--help")
    assert ran.returncode == 0
    assert {"torch", "numpy", "pandas", "cv2", "matplotlib"}.isdisjoint(ran.stderr.split())


def test_evaluate_does_not_load_torch(table: Path) -> None:
    ran = in_a_process(LOADED, "evaluate", table, "--n-boot", "10")
    assert ran.returncode == 0
    assert "MAE" in ran.stdout
    assert {"torch", "timm", "torchvision", "accelerate"}.isdisjoint(ran.stderr.split())
    assert "pandas" in ran.stderr.split()


def test_the_module_is_the_command(table: Path) -> None:
    module = "-m faceattr"
    shown = in_a_process(module, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: faceattr")
    assert in_a_process(module).returncode == 2
    assert in_a_process(module, "evaluate", "nope.csv").returncode == 1
    # Text that the terminal cannot show is escaped.
    named = table.with_name("é.csv")
    pd.read_csv(table).assign(light="schön").to_csv(named, index=False)
    shown = in_a_process(
        module, "evaluate", named, "--by", "light", "--n-boot", "0", PYTHONIOENCODING="ascii"
    )
    assert shown.returncode == 0
    assert "sch\\xf6n" in shown.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_gets_no_message(tmp_path: Path, unbuffered: str) -> None:
    # More than a pipe holds, so that the command is still writing when its reader is gone.
    rows = range(3000)
    table = pd.DataFrame({"age": [float(row % 90) for row in rows], "age_pred": 30.0})
    table["group"] = [f"group {row % 150}" for row in rows]
    table.to_csv(tmp_path / "t.csv", index=False)
    options = ["--by", "group", "--n-boot", "0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "faceattr", "evaluate", str(tmp_path / "t.csv"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "{\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1
