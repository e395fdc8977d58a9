"""Freed memory is kept while somebody wants it, and given back afterwards."""

from __future__ import annotations

import pytest

from faceattr import _memory


class Library:
    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def mallopt(self, name: int, value: int) -> int:
        self.calls.append(("mallopt", name, value))
        return 1

    def malloc_trim(self, left: int) -> int:
        self.calls.append(("malloc_trim", left, 0))
        return 1


KEPT = [("mallopt", -3, 2**30), ("mallopt", -1, 2**31 - 1)]
USUAL = [("mallopt", -3, 32 * 2**20), ("mallopt", -1, 64 * 2**20), ("malloc_trim", 0, 0)]


def test_the_first_keeps_and_the_last_gives_back(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(_memory, "_glibc", lambda: library)
    with _memory.keep_freed_memory():
        with _memory.keep_freed_memory():
            assert library.calls == KEPT
        assert library.calls == KEPT
    assert library.calls == KEPT + USUAL


def test_an_error_gives_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(_memory, "_glibc", lambda: library)
    with pytest.raises(ZeroDivisionError), _memory.keep_freed_memory():
        raise ZeroDivisionError
    assert library.calls == KEPT + USUAL


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(_memory, "_glibc", _memory._glibc.__wrapped__)
    assert _memory._glibc() is None
    with _memory.keep_freed_memory():
        pass
