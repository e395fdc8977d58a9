"""Where files that can be made again are kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from faceattr.exceptions import OutputError

__all__ = ["cache_folder", "delete_files", "file_size", "is_folder", "is_there"]


def cache_folder() -> Path:
    """Return ``FACEATTR_CACHE``, or ``faceattr`` in the user's cache folder; it may not exist."""
    chosen = os.environ.get("FACEATTR_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "faceattr"


def is_folder(path: Path) -> bool:
    """Tell whether there is such a folder: not by a name too long for a path, or out of reach."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Tell whether there is such a file or folder, as `is_folder` does."""
    try:
        return path.exists()
    except OSError:
        return False


def file_size(path: Path) -> int:
    """Return how many bytes a file takes up; 0 where another process has deleted it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def delete_files(paths: Iterable[Path], problem: str) -> int:
    """Delete files, as far as they are still there, and return the number of bytes freed.

    Raises
    ------
    OutputError
        If one cannot be deleted, with `problem`; those before it are gone.
    """
    freed = 0
    for path in list(paths):
        size = file_size(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(problem, argument="folder", found=f"{path} ({error})") from error
        freed += size
    return freed
