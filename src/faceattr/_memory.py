"""Keeping freed memory in the process while large arrays come and go.

The C library of Linux (glibc) gives the memory of large activations back to the system as soon as
they are freed, and gets it anew in the next step, page by page: 2 to 10 % of a training on a CPU.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import threading
from types import TracebackType
from typing import Any

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = {_MMAP_THRESHOLD: 2**30, _TRIM_THRESHOLD: 2**31 - 1}
# Where the C library's own adaptation ends up in a process that frees large blocks.
_USUAL = {_MMAP_THRESHOLD: 32 * 2**20, _TRIM_THRESHOLD: 64 * 2**20}


class _Keeping:
    """Counts who wants freed memory kept; the last one to leave gives it back to the system."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                _set(_KEPT)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _set(_USUAL)
                _give_back()


_keeping = _Keeping()


def keep_freed_memory() -> _Keeping:
    """Return a context in which freed memory stays in the process; does nothing without glibc."""
    return _keeping


def _set(thresholds: dict[int, int]) -> None:
    library = _glibc()
    if library is not None:
        for name, value in thresholds.items():
            library.mallopt(name, value)


def _give_back() -> None:
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@functools.cache
def _glibc() -> Any:
    """Return the C library, or None where it is another one."""
    if platform.libc_ver()[0] != "glibc":
        return None
    try:
        library = ctypes.CDLL(None)
    except OSError:
        return None
    known = hasattr(library, "mallopt") and hasattr(library, "malloc_trim")
    return library if known else None
