"""Checks of arguments: one family of functions, one form of message."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Iterable
from numbers import Integral, Number, Real
from pathlib import Path
from typing import Any

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, OutputError

__all__ = [
    "check_choice",
    "check_integer",
    "check_names",
    "check_no_text",
    "check_number",
    "check_output_folder",
    "check_unique",
    "plain_number",
]


def check_integer(
    value: object, argument: str, *, low: int | None = None, high: int | None = None
) -> int:
    """Return `value` as an int within ``[low, high]``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidTypeError(
            "not a whole number", argument=argument, expected="an int", found=_describe(value)
        )
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        raise InvalidArgumentError(
            "outside its limits",
            argument=argument,
            expected=f"a whole number of at least {low}" if high is None else f"{low} to {high}",
            found=repr(value),
        )
    return number


def check_number(
    value: object,
    argument: str,
    *,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
) -> float:
    """Return `value` as a finite float within ``[low, high]``, or ``(low, high]``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(
            "not a number", argument=argument, expected="a number", found=_describe(value)
        )
    number = float(value)
    too_low = low is not None and (number <= low if low_open else number < low)
    too_high = high is not None and number > high
    if not math.isfinite(number) or too_low or too_high:
        raise InvalidArgumentError(
            "outside its limits",
            argument=argument,
            expected=_interval(low, high, low_open),
            found=repr(value),
        )
    return number


def plain_number(value: Any) -> Any:
    """Return a NumPy number as Python's, which JSON holds; all else as it is."""
    known = isinstance(value, Number) and hasattr(value, "item")  # NumPy need not be loaded
    return value.item() if known else value


def check_choice(value: object, argument: str, choices: Collection[str]) -> str:
    """Return `value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise InvalidArgumentError(
            "not one of the choices",
            argument=argument,
            expected="one of " + ", ".join(repr(choice) for choice in choices),
            found=_describe(value),
        )
    return value


def check_no_text(value: object, argument: str, expected: str) -> None:
    """Raise if `value` is a single string, which Python would take for a sequence of letters."""
    if isinstance(value, str):
        raise InvalidTypeError(
            "a single string",
            argument=argument,
            expected=expected,
            found=repr(value),
            hint=f"[{value!r}]",
        )


def check_known(
    keys: Iterable[object], known: Collection[str], argument: str, *, what: str = "settings"
) -> None:
    """Raise if a key is unknown; all unknown ones are named."""
    unknown = [str(key) for key in keys if key not in known]
    if unknown:
        raise InvalidArgumentError(
            f"unknown {what}",
            argument=argument,
            rows=unknown,
            expected="among " + ", ".join(known),
        )


def check_unique(values: Iterable[str], argument: str) -> None:
    """Raise if a value occurs twice."""
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for value in values:
        if value in seen:
            repeated[value] = None
        seen.add(value)
    if repeated:
        raise InvalidArgumentError(
            "given more than once", argument=argument, rows=list(repeated), expected="unique values"
        )


def check_names(names: object, argument: str) -> tuple[str, ...]:
    """Return a name, or a sequence of different names, as a tuple."""
    given = (names,) if isinstance(names, str) else names
    listed = tuple(given) if isinstance(given, Iterable) else (given,)
    if not isinstance(given, Iterable) or not all(isinstance(name, str) for name in listed):
        raise InvalidTypeError(
            "not names of columns",
            argument=argument,
            expected="a sequence of text",
            found=_describe(names),
        )
    check_unique(listed, argument)
    return listed


def check_output_folder(folder: str | Path, argument: str) -> Path:
    """Return `folder` as a path that exists and can be written to, making it where needed."""
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Under a name of its own: several processes may check the same folder at once.
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise OutputError(
            "the folder cannot be written to",
            argument=argument,
            found=f"{path} ({error.strerror or error})",
            hint="give a folder that you may write to",
        ) from error
    return path


def _describe(value: object) -> str:
    return f"{value!r} ({type(value).__name__})"


def _interval(low: float | None, high: float | None, low_open: bool) -> str:
    left = "(-inf" if low is None else f"{'(' if low_open else '['}{low:g}"
    right = "inf)" if high is None else f"{high:g}]"
    return f"a finite number in {left}, {right}"
