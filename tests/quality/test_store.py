"""Scores are kept by what a file holds and by what scored it; a store in trouble stops nobody."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from faceattr import Dataset
from faceattr._requests import FILES
from faceattr.images import read_image
from faceattr.quality import QUALITY_METRICS, QualityCache, QualityFilter, quality_metric, scoring
from faceattr.quality import store as store_module
from quality_samples import LIGHT, Calls, flat, noisy, save

TESTS = Path(__file__).parents[1]


def score(images: object, **options: object) -> pd.DataFrame:
    return QualityFilter(metrics=LIGHT, **options).score(images)  # type: ignore[arg-type]


def store_file(cache_folder: Path) -> Path:
    return cache_folder / "quality" / "scores-v1.sqlite"


def test_a_second_call_reads(photos: Path, calls: Calls) -> None:
    first = score(photos)
    assert calls.take() == 18
    pd.testing.assert_frame_equal(score(photos), first)
    assert calls.take() == 0
    score(photos, cache=False)
    assert calls.take() == 18


def test_a_renamed_file_is_not_scored_again(photos: Path, calls: Calls) -> None:
    first = score(photos)
    calls.take()
    (photos / "0.png").rename(photos / "7.png")
    again = score(photos).set_index("sample_id")
    assert calls.take() == 0
    assert again.loc["7.png", "t_light"] == first["t_light"][0]


def test_a_changed_file_is_scored_again(photos: Path, calls: Calls) -> None:
    score(photos)
    calls.take()
    save(photos / "1.png", noisy(77))
    again = score(photos).set_index("sample_id")
    assert calls.take() == 3
    assert again.loc["1.png", "t_light"] == noisy(77).mean()


def test_a_file_that_is_mended_is_scored(photos: Path, calls: Calls) -> None:
    score(photos)
    save(photos / "2a.png", noisy(33))
    calls.take()
    assert score(photos)["notes"].str.startswith("cannot").sum() == 1
    assert calls.take() == 3


def test_another_metric_leaves_the_others_alone(photos: Path, calls: Calls) -> None:
    QualityFilter(metrics=["t_spread"]).score(photos)
    calls.take()
    table = score(photos)
    assert set(calls.count) == {"t_light", "t_red"}
    assert table["notes"][4] == "t_spread: a flat image, no detail"


def test_drawings_are_kept_by_what_they_show(calls: Calls) -> None:
    first = score(Dataset.synthetic(4, seed=1, size=32))
    calls.take()
    pd.testing.assert_frame_equal(score(Dataset.synthetic(4, seed=1, size=32)), first)
    assert calls.take() == 0


def test_bytes_are_kept_and_arrays_are_not(photos: Path, calls: Calls) -> None:
    for _ in range(2):
        score([(photos / "0.png").read_bytes(), flat(3)])
    assert calls.take() == 3 * 3


def test_another_version_is_scored_again(photos: Path, calls: Calls, monkeypatch) -> None:
    score(photos)
    calls.take()
    newer = replace(QUALITY_METRICS.get("t_red", argument="x"), version=2)
    monkeypatch.setitem(QUALITY_METRICS._items, "t_red", newer)
    score(photos)
    assert dict(calls.count) == {"t_red": 6}


def test_another_way_of_decoding_is_scored_again(photos: Path, calls: Calls, monkeypatch) -> None:
    score(photos)
    calls.take()
    monkeypatch.setattr("faceattr.quality.finding.DECODE_VERSION", 99)
    score(photos)
    assert calls.take() == 18


def define(source: str) -> None:
    """Run the cell of a notebook that defines a metric, once more."""
    exec(source, {"quality_metric": quality_metric})


CELL = """
@quality_metric("t_cell")
def cell(image, scale={scale}):
    return image.max() * {factor} * scale if image.ndim in {{3, 4}} else 0.0
"""


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("changed", [{"factor": 2.0}, {"scale": 3}])
def test_an_edited_function_is_not_answered_with_its_old_scores(
    photos: Path, changed: dict[str, object]
) -> None:
    tags, tables = [], []
    for values in ({}, {}, changed):
        define(CELL.format(**{"factor": 1.0, "scale": 1, **values}))
        chosen = QualityFilter(metrics=["t_cell"])
        tags.append(chosen.metric_versions()["t_cell"])
        tables.append(chosen.score(photos)["t_cell"].dropna())
    assert tags[0] == tags[1] != tags[2]
    assert tables[0].tolist() == tables[1].tolist()
    assert tables[2].tolist() == (tables[0] * (2.0 if "factor" in changed else 3.0)).tolist()


def test_the_code_of_a_metric_is_the_same_in_every_process() -> None:
    code = (
        "from faceattr.quality import QualityFilter, quality_metric\n"
        f"exec({CELL.format(factor=1.0, scale=1)!r})\n"
        "print(QualityFilter(metrics=['t_cell']).metric_versions()['t_cell'])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_the_store_holds_numbers_only(photos: Path, calls: Calls, cache_folder: Path) -> None:
    score(photos)
    with closing(sqlite3.connect(store_file(cache_folder))) as connection:
        rows = connection.execute("SELECT * FROM scores").fetchall()
    assert len(rows) == 18
    assert {len(key) for key, *_ in rows} == {16}
    assert sorted({note for *_, note in rows}) == ["", "a flat image; no detail"]
    assert str(photos).encode() not in store_file(cache_folder).read_bytes()
    assert "no images" in (cache_folder / "quality" / "README.txt").read_text()


def test_clear_and_size(photos: Path, calls: Calls, cache_folder: Path) -> None:
    cache = QualityCache()
    assert (cache.folder, cache.size_bytes(), cache.clear()) == (cache_folder, 0, 0)
    score(photos)
    size = cache.size_bytes()
    assert size == store_file(cache_folder).stat().st_size > 0
    assert QualityCache(cache_folder / "elsewhere").size_bytes() == 0
    assert cache.clear() == size
    assert cache.size_bytes() == 0
    calls.take()
    score(photos)
    assert calls.take() == 18


def damage(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this is no database" * 400)


def other_columns(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE scores (a, b)")
        connection.commit()


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def a_file_in_the_way(path: Path) -> None:
    path.parent.write_text("not a folder")


@pytest.mark.parametrize("trouble", [damage, other_columns, a_folder, a_file_in_the_way])
def test_a_store_in_trouble_is_gone_on_without(
    trouble, photos: Path, calls: Calls, cache_folder: Path, caplog, monkeypatch
) -> None:
    expected = score(photos, cache=False)
    trouble(store_file(cache_folder))
    monkeypatch.setattr(scoring, "_CHUNK", 2)
    calls.take()
    with caplog.at_level(logging.WARNING, "faceattr"):
        pd.testing.assert_frame_equal(score(photos), expected)
    assert calls.take() == 18
    assert len(caplog.messages) == 1
    assert "QualityCache().clear()" in caplog.messages[0]


def test_clear_mends_a_damaged_store(photos: Path, calls: Calls, cache_folder: Path) -> None:
    damage(store_file(cache_folder))
    QualityCache().clear()
    score(photos)
    calls.take()
    score(photos)
    assert calls.take() == 0


def test_a_locked_store_is_read_and_not_waited_for_long(
    photos: Path, calls: Calls, cache_folder: Path, caplog, monkeypatch
) -> None:
    score(photos)
    save(photos / "1.png", noisy(77))
    save(photos / "2.png", noisy(78))
    calls.take()
    monkeypatch.setattr(store_module, "_PATIENCE", 0.01)
    monkeypatch.setattr(scoring, "_CHUNK", 2)
    with closing(sqlite3.connect(store_file(cache_folder))) as other:
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING, "faceattr"):
            table = score(photos)
        other.rollback()
    assert table["t_light"][1] == noisy(77).mean()
    assert calls.take() == 6
    assert ["locked" in message for message in caplog.messages] == [True]
    score(photos)
    assert calls.take() == 6


def test_a_full_disk_costs_the_store_and_no_score(
    tmp_path: Path, calls: Calls, caplog, monkeypatch
) -> None:
    connect = sqlite3.connect

    def small(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 3")
        return connection

    folder = many(tmp_path / "many", 80)
    expected = score(folder, cache=False)
    monkeypatch.setattr(store_module.sqlite3, "connect", small)
    monkeypatch.setattr(scoring, "_CHUNK", 10)
    with caplog.at_level(logging.WARNING, "faceattr"):
        pd.testing.assert_frame_equal(score(folder), expected)
    assert ["full" in message for message in caplog.messages] == [True]
    monkeypatch.setattr(store_module.sqlite3, "connect", connect)
    calls.take()
    pd.testing.assert_frame_equal(score(folder), expected)
    assert 0 < calls.take() < 240  # whole chunks are there, the others are not


def test_scores_of_a_file_that_changes_meanwhile_are_kept_under_no_key(
    photos: Path, calls: Calls, monkeypatch
) -> None:
    before = (photos / "1.png").read_bytes()

    def slow(path):
        if str(path).endswith("1.png"):
            save(photos / "1.png", noisy(90))
        return read_image(path)

    monkeypatch.setattr("faceattr._requests.FILES", FILES._replace(read=slow))
    assert score(photos)["t_light"][1] == noisy(90).mean()
    monkeypatch.setattr("faceattr._requests.FILES", FILES)
    calls.take()
    (photos / "1.png").write_bytes(before)
    assert score(photos)["t_light"][1] == noisy(60, 1).mean()
    assert calls.take() == 3


WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from quality_samples import Calls, LIGHT, register
from faceattr.quality import QualityFilter, scoring, quality_metric
scoring._CHUNK = 5
register(Calls())

@quality_metric("t_slow")
def slow(image):
    time.sleep({pause})
    return 0.0

table = QualityFilter(metrics=[*LIGHT, "t_slow"]).score(sys.argv[1])
print(len(table), float(table["t_light"].sum()))
"""


def many(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        save(folder / f"{number:03}.png", noisy(number, number))
    return folder


def start(folder: Path, pause: float) -> subprocess.Popen[str]:
    code = WORKER.format(tests=str(TESTS), pause=pause)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], **options)


def test_several_processes_at_once(tmp_path: Path, cache_folder: Path, calls: Calls) -> None:
    folder = many(tmp_path / "many", 60)
    processes = [start(folder, 0.002) for _ in range(3)]
    ended = [process.communicate() for process in processes]
    assert [error for _, error in ended] == ["", "", ""]
    assert len({output for output, _ in ended}) == 1
    with closing(sqlite3.connect(store_file(cache_folder))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (240,)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that cannot be caught")
def test_a_killed_run_keeps_what_it_did(tmp_path: Path, cache_folder: Path, calls: Calls) -> None:
    folder = many(tmp_path / "many", 60)
    process = start(folder, 0.05)
    kept = 0
    until = time.monotonic() + 60
    while kept < 40 and time.monotonic() < until:
        time.sleep(0.02)
        if store_file(cache_folder).exists():
            with closing(sqlite3.connect(store_file(cache_folder))) as connection:
                try:
                    kept = connection.execute("SELECT count(*) FROM scores").fetchone()[0]
                except sqlite3.OperationalError:  # the table is not there yet
                    continue
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 40 <= kept < 240
    with closing(sqlite3.connect(store_file(cache_folder))) as connection:
        kept = connection.execute("SELECT count(*) FROM scores").fetchone()[0]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = start(folder, 0.0)
    output, error = again.communicate()
    assert (error, output.split()[0]) == ("", "60")
    score(folder)
    assert calls.take() == 0


def test_what_was_done_before_an_interruption_is_kept(
    photos: Path, calls: Calls, monkeypatch
) -> None:
    def stop(image):
        if image.mean() > 200:
            raise KeyboardInterrupt
        return 0.0

    quality_metric("t_stop")(stop)
    monkeypatch.setattr(scoring, "_PIECE", 1)
    with pytest.raises(KeyboardInterrupt):
        QualityFilter(metrics=[*LIGHT, "t_stop"]).score(photos)
    calls.take()
    score(photos)
    assert calls.take() <= 3  # of the one image that was being scored
