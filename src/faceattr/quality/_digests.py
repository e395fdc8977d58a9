"""What a function is: a digest of its code and of all that it holds.

Numbers, texts, arrays and containers are read by value. Of functions it is the code with defaults
and enclosed values, of classes their functions and plain values, of other objects what `pickle`
would keep. Modules and what a function reads by a global name are not followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from copyreg import dispatch_table
from functools import partial
from hashlib import blake2b
from pickle import PicklingError
from types import (
    BuiltinFunctionType,
    CodeType,
    EllipsisType,
    FunctionType,
    MethodType,
    ModuleType,
    NoneType,
)
from typing import Any

import numpy as np

__all__ = ["digest_of"]

_PLAIN = (NoneType, EllipsisType, bool, int, float, complex, str, bytes)
_UNORDERED = (set, frozenset)
_REPEATED = (tuple, frozenset, CodeType, np.generic)
"""What Python may keep once or twice, as it likes: it is read wherever it stands."""
_IN_CLASSES = (*_PLAIN, FunctionType, tuple, list, dict, set, frozenset, np.ndarray)


def digest_of(*values: object) -> str | None:
    """Return a digest, the same in every process; None where something cannot be read."""
    digest = _Digest()
    try:
        for value in values:
            digest.add(value)
    except (AttributeError, PicklingError, RuntimeError, TypeError, ValueError):
        return None  # which is how objects say that there is more to them than can be written down
    return digest.hexdigest()


class _Digest:
    """A digest of Python objects; each object is read once, so that circles end."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=8)
        self._seen: dict[int, tuple[int, object]] = {}  # kept alive, since numbers are used again

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def add(self, value: object) -> None:
        """Add an object, with its type before it."""
        self._text(type(value).__qualname__)
        if type(value) in _PLAIN:
            self._text(repr(value))
            return
        if id(value) in self._seen:
            self._text(f"number {self._seen[id(value)][0]}")
            return
        if not isinstance(value, _REPEATED):
            self._seen[id(value)] = (len(self._seen), value)
        if isinstance(value, type):
            self._add_class(value)
        elif not self._add_values(value) and not self._add_callable(value):
            self._add_reduced(value)

    def _text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._digest.update(len(data).to_bytes(8, "little") + data)

    def _add_all(self, values: Iterable[object]) -> None:
        listed = list(values)
        self._text(str(len(listed)))
        for value in listed:
            self.add(value)

    def _add_values(self, value: object) -> bool:
        """Add what holds nothing but values; returns whether it does."""
        if isinstance(value, list | tuple) and type(value) in (list, tuple):
            self._add_all(value)
        elif type(value) is dict:
            self._add_all(part for item in value.items() for part in item)
        elif type(value) in _UNORDERED:  # the order changes from process to process
            parts = [digest_of(part) for part in value]  # type: ignore[attr-defined]
            if None in parts:
                raise TypeError(type(value).__name__)
            self._add_all(sorted(part for part in parts if part is not None))
        elif type(value) is np.ndarray and not value.dtype.hasobject:
            self._text(f"{value.dtype!r} {value.shape}")
            self._digest.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, np.generic):
            self._text(repr(value.dtype))
            self._digest.update(value.tobytes())
        elif isinstance(value, CodeType):
            self._digest.update(value.co_code)
            self._add_all((value.co_names, value.co_consts))
        else:
            return False
        return True

    def _add_callable(self, value: Any) -> bool:
        """Add what is called or imported; returns whether it is."""
        if isinstance(value, ModuleType):
            self._text(value.__name__)
        elif isinstance(value, FunctionType):
            held = [_content(cell) for cell in value.__closure__ or ()]
            inner = getattr(value, "__wrapped__", None)
            self._add_all((value.__code__, value.__defaults__, value.__kwdefaults__, held, inner))
        elif isinstance(value, MethodType):
            self._add_all((value.__func__, value.__self__))
        elif isinstance(value, partial):
            self._add_all((value.func, value.args, value.keywords))
        elif isinstance(value, BuiltinFunctionType):
            owner = value.__self__
            self._add_all((value.__module__, value.__qualname__, owner))
        elif _wrapped(value) is not None:
            self.add(_wrapped(value))
        else:
            return False
        return True

    def _add_class(self, value: type) -> None:
        """Add a class: its name, and what its functions do where they are written in Python."""
        self._text(f"{value.__module__}.{value.__qualname__}")
        for base in value.__mro__[1:-1]:
            self.add(base)
        for name, item in sorted(vars(value).items()):
            if isinstance(item, staticmethod | classmethod):
                item = item.__func__  # noqa: PLW2901  # the function itself
            elif isinstance(item, property):
                item = (item.fget, item.fset)  # noqa: PLW2901  # its functions
            about = name.startswith("__") and not isinstance(item, FunctionType)  # "__doc__"
            if isinstance(item, _IN_CLASSES) and not about:
                self._add_all((name, item))

    def _add_reduced(self, value: object) -> None:
        """Add what `pickle` would keep of an object: its class and what is in it."""
        reduce = dispatch_table.get(type(value))
        reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
        if isinstance(reduced, str):
            self._text(f"{getattr(value, '__module__', '')}.{reduced}")
            return
        make, given, state, *listed = (*reduced, *(None,) * (5 - len(reduced)))[:5]
        items = [None if part is None else list(part) for part in listed]
        self._add_all((make, given, state, items))


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _wrapped(value: Any) -> FunctionType | None:
    """Return the function in what was made of it outside of Python, as by `functools.cache`."""
    inner = getattr(value, "__wrapped__", None)
    written = callable(value) and isinstance(type(value).__call__, FunctionType)
    return inner if isinstance(inner, FunctionType) and not written else None
