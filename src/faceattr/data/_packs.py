"""Packs: the files in which the image cache keeps its pixels.

A pack is two files. ``pack-NAME.u8`` holds pixels alone, image after image; ``pack-NAME.json`` says
how many, of which size, and under which keys. The second is written last, and both by renaming a
finished temporary file, so a pack that can be seen is complete.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import OutputError
from faceattr.images import UInt8Image

__all__ = ["Pack", "PackWriter", "load_packs", "pack_files", "remove_leftovers"]

_log = logging.getLogger(__name__)

_FORMAT = 1
_STALE_SECONDS = 24 * 3600.0


@dataclass(frozen=True, eq=False)
class Pack:
    """Pixels mapped into memory, uint8 of shape (n, size, size, 3), and the key of each image."""

    pixels: npt.NDArray[np.uint8]
    keys: tuple[bytes, ...]


class PackWriter:
    """Writes one pack, image by image; nothing can be seen of it before `finish`.

    Parameters
    ----------
    folder : Path
        Must exist.
    size : int
        Side length of the images in pixels.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size
        self._temporary = folder / f"{os.getpid()}-{secrets.token_hex(8)}.tmp"
        self._file = self._temporary.open("wb")
        self._keys: list[bytes] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: bytes, image: UInt8Image) -> None:
        """Append an image, uint8 of shape (size, size, 3)."""
        with _write_errors(self._folder):
            self._file.write(np.ascontiguousarray(image).data)
        self._keys.append(key)

    def finish(self) -> Pack:
        """Give the pack its name and open it."""
        name = blake2b(b"".join(self._keys), digest_size=16).hexdigest()
        pixels = self._folder / f"pack-{name}.u8"
        head = {"format": _FORMAT, "size": self._size, "keys": [key.hex() for key in self._keys]}
        listing = self._temporary.with_suffix(".json.tmp")
        with _write_errors(self._folder):
            _close_synced(self._file)
            self._temporary.replace(pixels)
            with listing.open("wb") as file:
                file.write(json.dumps(head).encode())
                _close_synced(file)
            listing.replace(pixels.with_suffix(".json"))
        return _map(pixels, self._size, tuple(self._keys))

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def load_packs(folder: Path, size: int) -> list[Pack]:
    """Open all packs in a folder; a damaged one is passed over with a warning in the log."""
    packs: list[Pack] = []
    for listing in sorted(folder.glob("pack-*.json")):
        try:
            keys = _read_keys(listing, size)
            packs.append(_map(listing.with_suffix(".u8"), size, keys))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            _log.warning("a damaged pack is not used: %s (%s)", listing, error)
    return packs


def _read_keys(listing: Path, size: int) -> tuple[bytes, ...]:
    head: Any = json.loads(listing.read_bytes())
    if head["format"] != _FORMAT or head["size"] != size or not head["keys"]:
        raise ValueError("another format")
    return tuple(bytes.fromhex(key) for key in head["keys"])


def _map(pixels: Path, size: int, keys: tuple[bytes, ...]) -> Pack:
    shape = (len(keys), size, size, 3)
    if pixels.stat().st_size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{pixels.name} has another length than its list of keys tells")
    return Pack(np.memmap(pixels, dtype=np.uint8, mode="r", shape=shape), keys)


def pack_files(folder: Path) -> Iterator[Path]:
    """List the files of all packs below a folder, unfinished ones too."""
    for pattern in ("*/pack-*.u8", "*/pack-*.json", "*/*.tmp"):
        yield from folder.glob(pattern)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that were stopped more than a day ago."""
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def _close_synced(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


@contextlib.contextmanager
def _write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            "the image cache cannot be written",
            argument="folder",
            found=f"{folder} ({error.strerror or error})",
            hint="make room there, or set FACEATTR_CACHE to another folder",
        ) from error
