"""Checks of what job files and command lines hold: texts, flags, lists, and files to be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faceattr._validation import check_output_folder
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError

__all__ = [
    "FIGURE_SUFFIXES",
    "check_file",
    "check_flag",
    "check_mapping",
    "check_no_input",
    "check_text",
    "check_texts",
    "table_file",
]

FIGURE_SUFFIXES = (".png", ".pdf", ".svg")


def check_text(value: object, argument: str) -> str:
    """Return `value` if it is text that is not empty."""
    if not isinstance(value, str):
        raise _wrong_type(value, argument, "text in quotes")
    if not value:
        raise InvalidArgumentError("empty", argument=argument, expected="text")
    return value


def check_flag(value: object, argument: str) -> bool:
    """Return `value` if it is a bool."""
    if not isinstance(value, bool):
        raise _wrong_type(value, argument, "true or false")
    return value


def check_texts(value: object, argument: str) -> list[str]:
    """Return `value` as a list if it is a list of text."""
    example = '["age", "gender"]'
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong_type(value, argument, f"a list of text such as {example}")
    return [check_text(item, f"{argument}[{number}]") for number, item in enumerate(value)]


def check_mapping(value: object, argument: str) -> Mapping[str, Any]:
    """Return `value` if it is a table of keys and values."""
    if not isinstance(value, Mapping):
        raise _wrong_type(value, argument, "a table of keys and values")
    return value


def check_no_input(
    output: str | Path, inputs: Iterable[str | Path | None], hint: str | None = None
) -> None:
    """Raise if what is written would replace what is read."""
    target = Path(output).expanduser().resolve()
    read = (Path(path).expanduser().resolve() for path in inputs if path is not None)
    if target in set(read):
        raise InvalidArgumentError(
            "one of the files that are read",
            argument="output",
            expected="a file of its own",
            found=str(output),
            hint=hint,
        )


def check_file(path: str | Path, argument: str, suffixes: Collection[str]) -> Path:
    """Return a path that can be written: a known ending, in a folder that is made where needed."""
    target = Path(path).expanduser()
    if target.suffix.lower() not in suffixes:
        raise InvalidArgumentError(
            "not a kind of file that can be written here",
            argument=argument,
            expected="a name that ends in " + " or ".join(suffixes),
            found=str(path),
        )
    check_output_folder(target.parent, argument)
    return target


def table_file(path: str | Path, argument: str) -> Path:
    """Return a path that a table can be written to."""
    from faceattr.tables.files import check_table_path

    target = check_table_path(path, argument)
    check_output_folder(target.parent, argument)
    return target


def _wrong_type(value: object, argument: str, expected: str) -> InvalidTypeError:
    found = f"{value!r} ({type(value).__name__})"
    return InvalidTypeError("of a wrong type", argument=argument, expected=expected, found=found)
