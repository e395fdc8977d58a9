"""The commands evaluate, compare and report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr.cli import main
from faceattr.jobs import EvaluateSection, run_evaluation
from faceattr.tables import read_table, write_table
from prediction_samples import make_predictions


@pytest.fixture(autouse=True)
def _tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a = make_predictions(80)
    b = a.assign(age_pred=(a["age"] + a["age_pred"]) / 2)
    write_table(a, "a.csv")
    write_table(b, "b.csv")
    write_table(b.iloc[1:], "less.csv")


def out(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    capsys.readouterr()
    assert main([*argv, "--n-boot", "20"]) == 0
    return capsys.readouterr().out


def test_crossed_columns_and_chosen_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--by", "age,gender", "--bins", "age=0,40,", "--metric", "mae", "--min-count", "30"]
    text = out(capsys, "evaluate", "a.csv", *options)
    assert "age, by age / gender" in text
    assert "0-40 / female" in text
    assert "too few" in text
    assert "RMSE" not in text


def test_compare(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--changes", "3", "--output", "out/c.csv", "--figure", "out/c.png"]
    text = out(capsys, "compare", "a.csv", "b.csv", *options)
    assert "age: 80 images compared" in text
    assert "age, mae by age" in text
    assert "age, improved most in b" in text
    assert "age, worsened most in b\nnone" in text
    frame = read_table("out/c.csv")
    row = frame[(frame["metric"] == "mae") & (frame["by"] == "overall")]
    assert row["difference"].item() == pytest.approx(-row["value_a"].item() / 2)
    with Image.open("out/c.png") as figure:
        assert figure.format == "PNG"


def test_compare_as_json_with_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(
        out(capsys, "compare", "a.csv", "b.csv", "--more-a", "b.csv", "--json", "--changes", "2")
    )
    first = found["comparison"][0]
    assert (first["task"], first["metric"]) == ("age", "mae")
    values = [make_predictions(80)]
    error = (values[0]["age_pred"] - values[0]["age"]).abs().mean()
    assert first["value_a"] == pytest.approx(0.75 * error)
    assert len(found["age, improved"]) == 2


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["compare", "a.csv"], 2, "usage"),
        (["compare", "a.csv", "less.csv"], 1, "'00000.jpg'"),
        (["compare", "a.csv", "nope.csv"], 1, "no such file"),
        (["compare", "a.csv", "b.csv", "--task", "mood"], 2, "'mood'"),
        (["compare", "a.csv", "b.csv", "--metric", "beauty"], 2, "'beauty'"),
        (["compare", "a.csv", "b.csv", "--figure", "c.doc"], 2, ".png"),
        (["evaluate", "a.csv", "--by", "age,age"], 2, "by"),
        (["evaluate", "a.csv", "--min-count", "0"], 2, "min_count"),
        (["report", "a.csv"], 2, "usage"),
        (["report", "a.csv", "page.pdf"], 2, ".html"),
        (["report", "nope.csv", "page.html"], 1, "no such file"),
        (["report", "a.csv", "page.html", "--images", "nowhere"], 1, "nowhere"),
    ],
)
def test_what_goes_wrong(
    capsys: pytest.CaptureFixture[str], argv: list[str], code: int, message: str
) -> None:
    assert main(argv) == code
    assert message in capsys.readouterr().err
    assert not Path("page.html").exists()


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    table = make_predictions(30)
    Path("faces").mkdir()
    for name in table["sample_id"]:
        Image.fromarray(np.full((40, 40, 3), 128, np.uint8)).save(Path("faces") / name)
    write_table(table.drop(columns="path"), "p.csv")
    options = ["--images", "faces", "--title", "Our faces", "--n-boot", "10"]
    assert main(["report", "p.csv", "page.html", *options]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<title>Our faces</title>" in page
    assert "data:image/" in page
    assert pd.Series(["http://", "https://"]).map(page.count).sum() == 0
    assert "as private as they are" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "a.csv", "--output", "a.csv"],
        ["evaluate", "a.csv", "--quality", "b.csv", "--output", "./b.csv"],
        ["compare", "a.csv", "b.csv", "--output", "b.csv"],
    ],
)
def test_what_is_read_is_not_replaced(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: Path(name).read_bytes() for name in ("a.csv", "b.csv")}
    assert main(command) == 2
    assert "output: one of the files that are read" in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in before} == before


@pytest.mark.parametrize("command", [["evaluate", "a.csv"], ["compare", "a.csv", "b.csv"]])
@pytest.mark.parametrize(
    ("option", "first", "second"),
    [("--bins", "age=0,18,", "age=18,60"), ("--task", "gender", "gender=male,female")],
)
def test_an_option_twice_for_one_name(
    command: list[str],
    option: str,
    first: str,
    second: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*command, option, first, option, second]) == 2
    assert f"{option}: given twice" in capsys.readouterr().err


def test_a_class_named_as_a_gap_is(caplog: pytest.LogCaptureFixture) -> None:
    rows = ["None,None", "None,sun", "sun,sun", "reading,None", ",sun"]
    Path("g.csv").write_text("\n".join(["glasses,glasses_pred", *rows]))
    with caplog.at_level("WARNING", logger="faceattr"):
        assert len(read_table("g.csv").dropna()) == 1
    assert "'glasses': 'None' 2 times" in caplog.text
    assert "'glasses_pred': 'None' 2 times" in caplog.text
    caplog.clear()
    found = run_evaluation(
        "g.csv",
        settings=EvaluateSection(n_boot=0, min_count=1, by=[]),
        tasks={"glasses": ["None", "reading", "sun"]},
    )
    assert found.value("glasses/accuracy") == 0.5
    assert found.overall("glasses")["n"].iloc[0] == 4
    assert not caplog.records
