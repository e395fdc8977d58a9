"""Scoring as a job: of a folder, of a table, in parts, and by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from faceattr.cli import main
from faceattr.exceptions import DataError, InvalidArgumentError, TableError
from faceattr.jobs import run_merge, run_quality
from faceattr.quality import QUALITY_METRICS, QualityFilter, presets, quality_metric
from faceattr.tables import read_table
from quality_samples import LIGHT, Calls, calls, photos

__all__ = ["calls", "photos"]

LIMITS = {"t_light": (50, 200), "t_spread": (1, None)}
METRICS = [option for name in LIGHT for option in ("--metric", name)]


@pytest.fixture(autouse=True)
def _here(photos: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)


def make(thresholds: object = None, **options: object) -> QualityFilter:
    return QualityFilter(thresholds, metrics=LIGHT, **options)  # type: ignore[arg-type]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(item) for item in argv])
        return (code, *capsys.readouterr())

    return call


# The job


def test_a_folder_is_scored_and_flagged() -> None:
    table = run_quality("photos", make(LIMITS), output="new/q.csv", page="new/q.html")
    expected = make(LIMITS).flag(make().score("photos"))
    pd.testing.assert_frame_equal(table, expected)
    pd.testing.assert_frame_equal(read_table("new/q.csv"), expected)
    assert "5 flagged" in Path("new/q.html").read_text(encoding="utf-8")
    scores = run_quality("photos", make())
    pd.testing.assert_frame_equal(scores, make().score("photos"))


def test_a_table_is_flagged_without_its_images(photos: Path) -> None:
    run_quality("photos", make(), output="q.csv")
    shutil.rmtree(photos)
    table = run_quality("q.csv", make(LIMITS), output="flagged.csv")
    assert (table["reasons"] != "").sum() == 5
    again = run_quality("flagged.csv", make({"t_red": (200, None)}))
    assert [name for name in again.columns if name.startswith("is_")] == ["is_t_red_issue"]
    with pytest.raises(InvalidArgumentError, match="a page shows images"):
        run_quality("q.csv", make(LIMITS), page="q.html")


def test_quantiles_are_learned_from_the_folder() -> None:
    table = run_quality("photos", make(quantiles={"t_light": (0.2, None)}, missing="keep"))
    assert table.loc[table["reasons"] != "", "sample_id"].tolist() == ["0.png", "2a.png", "9.jpg"]


def test_scores_are_written_where_nothing_can_be_learned_from_them(run) -> None:
    folder = Path("broken")
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    with pytest.raises(TableError, match="no scores to learn"):
        run_quality(folder, make(quantiles={"t_light": (0.2, None)}), output="q.csv")
    pd.testing.assert_frame_equal(read_table("q.csv"), make().score(folder))
    with pytest.raises(TableError, match="no scores to learn"):
        run_quality("q.csv", make(quantiles={"t_light": (0.2, None)}), output="r.csv")
    assert not Path("r.csv").exists()
    code, _, err = run(
        "quality", folder, *METRICS, "--quantile", "t_light=,0.5", "--output", "s.csv"
    )
    assert (code, "no scores to learn" in err) == (1, True)
    assert len(read_table("s.csv")) == 1


@pytest.mark.parametrize("of", [1, 3, 20])
def test_parts_are_the_whole(of: int) -> None:
    names = [f"part-{number}.csv" for number in range(1, of + 1)]
    for number, name in enumerate(names, start=1):
        run_quality("photos", make(), output=name, shard=f"{number}/{of}")
    merged = run_merge(names[::-1], output="all.csv")
    assert merged.kind == "quality"
    pd.testing.assert_frame_equal(merged.table, make().score("photos"))
    flagged = run_quality("all.csv", make(LIMITS))
    pd.testing.assert_frame_equal(flagged, make(LIMITS).flag(make().score("photos")))


def test_parts_of_other_metrics_do_not_belong_together() -> None:
    run_quality("photos", make(), output="part-1.csv", shard="1/2")
    QUALITY_METRICS._items.pop("t_red")

    @quality_metric("t_red", version=2)
    def red(image):
        return 0.0

    run_quality("photos", make(), output="part-2.csv", shard="2/2")
    with pytest.raises(TableError, match=r"different models or settings.*metric t_red"):
        run_merge(["part-1.csv", "part-2.csv"])


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"shard": "1/2"}, "output"),
        ({"shard": "3/2", "output": "q.csv"}, "shard, number"),
        ({"shard": "1/2", "output": "q.csv", "page": "q.html"}, "shard"),
        ({"shard": "1/2", "output": "q.csv", "quality_filter": make(LIMITS)}, "shard"),
        ({"shard": "1/2", "output": "q.csv", "source": "old.csv"}, "shard"),
        ({"shard": "1/2", "output": "q.csv", "source": "empty"}, "source"),
        ({"source": "empty"}, "source"),
        ({"source": "nowhere"}, "source"),
        ({"source": "photos/0.png"}, "source"),
        ({"output": "q.xlsx"}, "output"),
        ({"page": "q.pdf"}, "page"),
        ({"quality_filter": make({"t_nope": (1, 2)})}, "thresholds"),
    ],
)
def test_what_cannot_be_done_is_said_first(
    options: dict[str, object], argument: str, calls: Calls
) -> None:
    Path("empty").mkdir()
    Path("old.csv").write_text("sample_id\n", encoding="utf-8")
    given = {"source": "photos", "quality_filter": make(), **options}
    with pytest.raises((InvalidArgumentError, DataError)) as caught:
        run_quality(**given)  # type: ignore[arg-type]
    assert caught.value.argument == argument
    assert calls.take() == 0
    assert not Path("q.csv").exists()


# The command line


def test_the_table_goes_to_stdout_and_the_summary_to_stderr(run) -> None:
    code, out, err = run("quality", "photos", *METRICS, "--threshold", "t_light=50,200")
    assert code == 0
    assert out.splitlines()[0].split() == ["sample_id", "reasons"]
    assert len(out.splitlines()) == 1 + 4
    assert "too dark (t_light" in out
    assert "8 images, 2 cannot be read; 4 flagged (50.0%), 4 kept" in err
    assert "2 of 8 images could not be read" in err
    code, out, err = run("quality", "photos", *METRICS)
    assert code == 0
    names = out.splitlines()[0].split()
    assert (names[0], names[-1]) == ("sample_id", "notes")
    assert len(out.splitlines()) == 1 + 8


def test_of_many_images_some_are_shown(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceattr.cli._output._ROWS", 3)
    _, out, _ = run("quality", "photos", *METRICS)
    assert out.splitlines()[-1] == "... and 5 more images: --output FILE.csv"
    _, out, _ = run("quality", "photos", *METRICS, "--threshold", "t_light=50,200")
    assert out.splitlines()[-1] == "... and 1 more flagged images: --output FILE.csv"


def test_json_and_files(run) -> None:
    options = ["--threshold", "t_light=50,", "--output", "q.csv", "--page", "q.html", "--quiet"]
    code, out, err = run("quality", "photos", *METRICS, *options, "--json")
    rows = json.loads(out)["quality"]
    assert code == 0
    assert [row["sample_id"] for row in rows if row["is_t_light_issue"]] == [
        *("0.png", "2a.png", "9.jpg")
    ]
    assert rows[3]["t_light"] is None
    assert len(read_table("q.csv")) == 8
    assert "q.html shows the images" in err
    assert "kept" not in err
    code, out, err = run("quality", "photos", *METRICS, "--output", "q.csv")
    assert (code, out) == (0, "")
    assert "no thresholds" in err


def test_presets_thresholds_and_quantiles(run, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"lenient": {}, "standard": {"t_light": (50, None), "t_red": (5, None)}, "strict": {}}
    monkeypatch.setattr(presets, "PRESETS", given)
    monkeypatch.setattr("faceattr.quality.PRESETS", given)
    run("quality", "photos", "--preset", "standard", "--metric", "t_light", "--output", "a.csv")
    assert list(read_table("a.csv").filter(like="is_")) == ["is_t_light_issue", "is_t_red_issue"]
    run("quality", "photos", "--preset", "standard", "--metric", "t_light", "--output", "b.csv",
        "--threshold", "t_light=,100")  # fmt: skip
    table = read_table("b.csv").set_index("sample_id")
    assert table.loc[["0.png", "5.png"], "is_t_light_issue"].tolist() == [False, True]
    assert "is_t_red_issue" in table
    run("quality", "photos", *METRICS, "--quantile", "t_light=,0.5", "--keep-missing",
        "--output", "c.csv")  # fmt: skip
    assert read_table("c.csv")["is_t_light_issue"].sum() == 3 + 2
    code, _, err = run("quality", "photos", "--preset", "severe")
    assert code == 2
    assert "'lenient', 'standard', 'strict'" in err


def test_no_cache(run, calls: Calls, cache_folder: Path) -> None:
    run("quality", "photos", *METRICS, "--no-cache", "--quiet")
    assert not (cache_folder / "quality").exists()
    run("quality", "photos", *METRICS, "--quiet")
    calls.take()
    run("quality", "photos", *METRICS, "--quiet")
    assert calls.take() == 0


def test_parts_are_merged(run) -> None:
    for part in (1, 2):
        code, out, _ = run(
            *("quality", "photos", *METRICS, "--shard", f"{part}/2"),
            *("--output", f"part-{part}.csv"),
        )
        assert (code, out) == (0, "")
    code, _, err = run("merge", "part-1.csv", "part-2.csv", "--output", "all.csv")
    assert code == 0
    assert "2 of 8 images could not be read" in err
    pd.testing.assert_frame_equal(read_table("all.csv"), make().score("photos"))


def test_if_nothing_can_be_read_the_exit_code_is_1(run) -> None:
    folder = Path("broken")
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    assert run("quality", folder, *METRICS, "--output", "q.csv")[0] == 1
    part = ["--shard", "1/1", "--output", "part.csv"]
    assert run("quality", folder, *METRICS, *part)[0] == 0
    assert run("merge", "part.csv", "--output", "all.csv")[0] == 1


@pytest.mark.parametrize("text", ["t_light", "t_light=5", "t_light=1,2,3", "=1,2", "t_light=a,"])
def test_thresholds_that_are_none(run, text: str) -> None:
    code, out, err = run("quality", "photos", "--threshold", text)
    assert (code, out) == (2, "")
    assert "METRIC=LOW,HIGH such as brisque=,64" in err


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["photos", "--metric", "nope"], 2, "unknown quality metric"),
        (["photos", "--metric", "t_light", "--weights", "mine"], 2, "weights"),
        (["photos", "--metric", "t_light", "--threshold", "t_light=9,3"], 2, "nothing lies"),
        (["nowhere"], 1, "neither a folder"),
        (["empty"], 1, "holds no image"),
        (["foreign.csv", "--quiet"], 1, "sample_id"),
        (["photos", *["--threshold", "t_light=9,"] * 2], 2, "given twice"),
        (["photos", *["--quantile", "t_light=0.1,"] * 2], 2, "given twice"),
        (["nowhere.csv", "--metric", "t_light"], 1, "no such file"),
        (["old.csv", "--threshold", "t_light=9,"], 1, "not in the table"),
    ],
)
def test_errors_are_one_paragraph(run, argv: list[str], code: int, message: str) -> None:
    Path("old.csv").write_text("sample_id,t_red\na,3\n", encoding="utf-8")
    Path("foreign.csv").write_text("id,t_light\na,3\nb,\n", encoding="utf-8")
    Path("empty").mkdir()
    found, out, err = run("quality", *argv)
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
