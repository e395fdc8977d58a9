"""Files that are whole or absent: written under another name first, then put in place."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from faceattr.exceptions import OutputError

__all__ = [
    "file_digest",
    "replace_file",
    "sync",
    "try_lock",
    "types_path",
    "write_lines",
    "writing",
]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write text as UTF-8."""
    # File names that are not UTF-8 reach Python as lone surrogates.
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        file.writelines(lines)


def replace_file(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file under a temporary name, and put it in the place of `target`."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def types_path(path: Path) -> Path:
    """Return the file of types that goes with a CSV file."""
    return path.with_name(path.name + ".types.json")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the folder of a file, and turn what goes wrong inside into OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(
            "the file cannot be written",
            argument="path",
            found=f"{path} ({error.strerror or error})",
            hint="give a file in a folder that you may write to",
        ) from error


def sync(path: Path) -> None:
    """Flush a file or folder to the disk; not every system can flush a folder."""
    with suppress(*((OSError,) if path.is_dir() else ())):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed; tell whether that was possible."""
    try:
        import fcntl
    except ImportError:  # not there on Windows, where a folder is not guarded
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        return True
    return True
