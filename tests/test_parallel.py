"""Many items by threads and processes: in order, lazily, and whatever happens to a worker."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faceattr._parallel import map_processes, map_threads

Map = Callable[..., Iterator[int]]


def square(number: int) -> int:
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


@pytest.mark.parametrize("map_items", [map_threads, map_processes])
def test_results_come_in_order(map_items: Map) -> None:
    assert list(map_items(square, range(100))) == [number**2 for number in range(100)]
    assert list(map_items(square, [])) == []


@pytest.mark.parametrize("map_items", [map_threads, map_processes])
def test_errors_are_those_of_the_function(map_items: Map) -> None:
    done = []
    with pytest.raises(ValueError, match="three"):
        done.extend(map_items(fail_at_three, range(1000)))


@pytest.mark.parametrize("map_items", [map_threads, map_processes])
def test_items_are_taken_as_results_are(map_items: Map) -> None:
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    results = map_items(square, numbers())
    assert next(results) == 0
    assert len(taken) < 500
    results.close()  # type: ignore[attr-defined]


def test_a_killed_worker_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    marker, here = tmp_path / "killed", os.getpid()

    def kill_once(number: int) -> int:
        if number == 5 and os.getpid() != here and not marker.exists():
            marker.touch()
            os._exit(9)
        return number

    assert list(map_processes(kill_once, range(20))) == list(range(20))
    assert marker.exists()
    assert "going on without it" in caplog.text


def test_without_processes_threads_do_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError("no semaphores here")

    monkeypatch.setattr("loky.get_reusable_executor", refuse)
    assert list(map_processes(square, range(5))) == [0, 1, 4, 9, 16]
    assert "no semaphores" in caplog.text


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            from faceattr._parallel import map_processes
            print("running")
            def double(number): return 2 * number
            print(list(map_processes(double, range(4))))
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines() == ["running", "[0, 2, 4, 6]"]


def test_what_cannot_be_sent_is_done_here(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        items = [1, file, "three"]
        assert list(map_processes(type, items)) == [int, type(file), str]
