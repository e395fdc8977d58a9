"""The page and figures of an audit, and the command that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit_samples import write_faulty_folder
from faceattr import Dataset
from faceattr.cli import main
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.jobs import AuditSection, DataSection, run_audit
from faceattr.tables import read_table, write_table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    faces = tmp_path / "faces"
    faces.mkdir()
    write_faulty_folder(faces)
    monkeypatch.chdir(tmp_path)
    return faces


def predictions(ds: Dataset) -> None:
    """Write predictions by which the first man is a woman of 60."""
    table = ds.table[["sample_id"]].assign(age_pred=ds.table["age"] + 0.5)
    female = (ds.table["gender"] == "female").astype(float) * 0.9 + 0.05
    table.loc[0, "age_pred"], female.loc[0] = 60.0, 0.95
    table = table.assign(gender_prob_male=1 - female, gender_prob_female=female)
    write_table(table, "predictions.csv")


def test_the_page_shows_findings_first_and_pictures_below(folder: Path) -> None:
    audit = Dataset.from_utkface(folder).audit()
    page = audit.to_html("new/audit.html").read_text(encoding="utf-8")
    order = [
        *("as private as", "Findings, most serious first", "<h2>Files that cannot be decoded: 1"),
        *("<h2>gender: duplicates with labels", "<h2>Labels<", "<h2>Joint groups of age"),
        *("<h2>Files that were not accepted: 1", "<h2>Odd names: 1"),
    ]
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    assert page.count("data:image/jpeg") >= 6
    assert "Half of them differ by" in page


def test_a_page_without_pictures_holds_none(folder: Path) -> None:
    page = Dataset.from_utkface(folder).audit().to_html("a.html", worst=0).read_text("utf-8")
    assert "data:image/jpeg" not in page
    assert "as private as" not in page
    assert "duplicates with labels that conflict" in page


def test_long_sections_say_how_many_more(folder: Path) -> None:
    page = Dataset.from_utkface(folder).audit().to_html("a.html", worst=1).read_text("utf-8")
    assert "And 1 more groups, which stand in audit.conflicts." in page


def test_wrong_pages_are_refused(folder: Path) -> None:
    audit = Dataset.from_utkface(folder).audit()
    with pytest.raises(InvalidArgumentError, match="html"):
        audit.to_html("audit.txt")
    with pytest.raises(InvalidArgumentError, match="worst"):
        audit.to_html("audit.html", worst=-1)


def test_the_figure_has_a_panel_a_task_and_one_for_groups() -> None:
    figure = Dataset.synthetic(40).audit().plot()
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()]
    assert len(titles) == 3
    assert titles[0] == "age (n = 40)"
    assert "groups have fewer than 20" in titles[2]


def test_the_job_writes_page_and_tables(folder: Path) -> None:
    predictions(Dataset.from_utkface(folder))
    audit = run_audit(
        DataSection(kind="utkface", path="faces"),
        "predictions.csv",
        settings=AuditSection(by=["gender"], worst=0),
        output="out/audit.html",
        tables="out",
    )
    assert "suspected labels" in Path("out/audit.html").read_text("utf-8")
    for name, table in audit.tables().items():
        assert read_table(f"out/{name}.csv").equals(table), name
    assert len(audit.unreadable) == 1


def test_the_command_tells_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "faces", "--output", "audit.html", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert "files that cannot be decoded: 1 images" in shown.out
    assert "as private as they are" in shown.err
    assert main(["audit", "faces", "--json", "--bins", "age=0,40,", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert found[0]["severity"] == "high"


def test_the_command_reads_lists_and_job_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["path,age,glasses", "faces/20_0_0_0.jpg,20,yes", "faces/50_1_0_10.jpg,21,no"]
    Path("labels.csv").write_text("\n".join(lines), encoding="utf-8")
    tasks = ["--task", "age", "--task", "glasses=no,yes"]
    assert main(["audit", "labels.csv", "--kind", "csv", *tasks, "--quiet"]) == 0
    assert "glasses: duplicates with labels that conflict: 1" in capsys.readouterr().out
    Path("job.toml").write_text('[data]\nkind = "synthetic"\nn = 20\nsize = 32\n')
    assert main(["audit", "job.toml", "--quiet"]) == 0
    assert "20 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["nowhere"], 1),
        (["faces", "--kind", "shoes"], 2),
        (["faces", "--min-images", "0"], 2),
        (["faces", "--output", "audit.txt"], 2),
        (["faces", "--by", "shoe"], 1),
        (["faces", "--predictions", "missing.csv"], 1),
        (["empty.toml"], 2),
    ],
    ids=str,
)
def test_wrong_usage_is_told(folder: Path, options: list[str], code: int) -> None:
    Path("empty.toml").write_text("[data]\n", encoding="utf-8")
    assert main(["audit", *options, "--quiet"]) == code


def test_a_table_that_is_none_is_an_error(folder: Path) -> None:
    with pytest.raises(TableError):
        run_audit(DataSection(kind="utkface", path="faces"), "faces/20_0_0_0.jpg.csv")
