"""Job files as nested mappings: reading TOML, replacing settings, and finding unknown keys."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError

__all__ = ["apply_overrides", "check_keys", "read_toml"]

Known = Mapping[str, Collection[str] | None]
"""The keys of each section; None for a setting that is no section."""

_EXAMPLE = "train.epochs=3"


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DataError
        If there is no such file, or it is no TOML; the message tells line and column.
    """
    try:
        return tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            "the job file cannot be read",
            argument=str(path),
            expected="a TOML file",
            found=error.strerror or str(error),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            "the job file is damaged",
            argument=str(path),
            expected="TOML in UTF-8; text stands in quotes",
            found=str(error),
        ) from error


def apply_overrides(data: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return a copy of nested mappings with single settings replaced.

    Parameters
    ----------
    data : mapping
    overrides : iterable of str
        ``section.key=value``. The value is read as TOML: ``3``, ``0.5``, ``true``,
        ``["a", "b"]``; what is no TOML is text, so that paths need no quotes.

    Raises
    ------
    InvalidArgumentError
        If one has no ``=`` or no key, or leads through something that is no section.
    """
    changed = deepcopy(dict(data))
    for override in [overrides] if isinstance(overrides, str) else overrides:
        name, sign, text = override.partition("=")
        keys = name.strip().split(".")
        if not sign or not all(keys):
            raise _no_override(override, "section.key=value")
        _set(changed, keys, _value(text.strip(), override), override)
    return changed


def check_keys(data: Mapping[str, Any], known: Known, source: str) -> None:
    """Raise unless every section and key is known; all others are named at once."""
    for section, keys in known.items():
        if keys is not None and not isinstance(data.get(section, {}), Mapping):
            raise InvalidTypeError(
                "not a section",
                argument=f"{source}, {section}",
                expected=f"a table [{section}] with the keys {', '.join(keys)}",
                found=repr(data[section]),
            )
    unknown = list(_unknown(data, known))
    if unknown:
        raise InvalidArgumentError(
            "unknown settings",
            argument=source,
            rows=unknown,
            expected="; ".join(_expected(unknown, known)),
            hint="; ".join(_mended(name, known) for name in unknown),
        )


def _set(data: dict[str, Any], keys: Sequence[str], value: object, override: str) -> None:
    for key in keys[:-1]:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise _no_override(override, f"a section before the dot, and {key!r} is none")
    data[keys[-1]] = value


def _value(text: str, override: str) -> object:
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text.startswith(("[", "{", '"', "'")):
            raise _no_override(override, f"a value as in TOML ({error})") from error
        return text
    value = read["value"]
    plain = isinstance(value, str | int | float | list | dict)
    # Dates are text here, and so is what would read as several lines of a file.
    return value if plain and len(read) == 1 else text


def _no_override(override: str, expected: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        "not a setting",
        argument="overrides",
        expected=expected,
        found=repr(override),
        hint=_EXAMPLE,
    )


def _unknown(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    for section, value in data.items():
        keys = known.get(section)
        if section not in known:
            inside = value if isinstance(value, Mapping) and value else None
            yield from [section] if inside is None else (f"{section}.{key}" for key in inside)
        elif keys is not None:
            yield from (f"{section}.{key}" for key in value if key not in keys)


def _expected(unknown: Sequence[str], known: Known) -> Iterator[str]:
    sections = list(dict.fromkeys(name.partition(".")[0] for name in unknown))
    if any(section not in known for section in sections):
        yield "the sections and settings " + ", ".join(known)
    for section in sections:
        if keys := known.get(section):
            yield f"in [{section}] " + ", ".join(keys)


def _mended(name: str, known: Known) -> str:
    section, _, key = name.rpartition(".")
    own = [f"{section}.{item}" for item in known.get(section) or ()]
    names = [f"{home}.{item}" for home, keys in known.items() for item in keys or ()]
    names += [home for home, keys in known.items() if keys is None]
    elsewhere = [full for full in names if full.rpartition(".")[2] == key]
    best = get_close_matches(name, elsewhere, n=1, cutoff=0)
    best = best or get_close_matches(name, [*own, *names], n=1, cutoff=0.8)
    return f"{best[0]} instead of {name}" if best else f"leave out {name}"
