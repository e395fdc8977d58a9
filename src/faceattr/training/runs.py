"""A folder that belongs to one run of several trainings, and says which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faceattr._validation import check_output_folder
from faceattr.exceptions import InvalidArgumentError, TrainingError
from faceattr.tables._disk import replace_file, write_lines, writing
from faceattr.training.saving import check_same

__all__ = ["check_run"]

_FILE = "run.json"


def check_run(folder: Path, identity: Mapping[str, Any]) -> None:
    """Take a new folder for a run, or check that it is this run's.

    Parameters
    ----------
    folder : path
    identity : mapping
        What makes the run this one and no other, in nested plain JSON types.

    Raises
    ------
    TrainingError
        If it belongs to another run; what differs is shown from both sides.
    InvalidArgumentError
        If it holds files of another kind.
    OutputError
        If it cannot be written to.
    """
    check_output_folder(folder, "folder")
    path = folder / _FILE
    if path.exists():
        check_same(identity, _read(path), argument="folder")
        return
    # Another process of the same run may be writing the record just now.
    names = sorted(item.name for item in folder.iterdir())
    strangers = [name for name in names if not name.startswith((_FILE, f".{_FILE}."))]
    if strangers and not path.exists():
        raise InvalidArgumentError(
            "holds other files",
            argument="folder",
            rows=strangers,
            expected="a new or empty folder, or one of an earlier call",
            found=str(folder),
        )
    text = json.dumps(identity, indent=2, ensure_ascii=False) + "\n"
    with writing(path):
        replace_file(path, lambda target: write_lines(target, [text]))


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            "the record of the run cannot be read",
            argument="folder",
            found=f"{path} ({error})",
            hint="name another folder",
        ) from error
