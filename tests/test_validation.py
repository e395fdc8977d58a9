"""Folders to write to: checked without leaving anything, also by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faceattr._validation import check_output_folder
from faceattr.exceptions import OutputError


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = check_output_folder(tmp_path / "new" / "folder", "output")
    assert folder.is_dir()
    assert not list(folder.iterdir())


def test_many_may_check_the_same_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: check_output_folder(tmp_path, "output"), range(400)))
    assert found == [tmp_path] * 400


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        check_output_folder(tmp_path / "file", "output")
    assert caught.value.argument == "output"
