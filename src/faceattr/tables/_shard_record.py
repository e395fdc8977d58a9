"""What stands beside a part's table: which part of which whole it is, and what made it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from faceattr.exceptions import FaceAttrError, InvalidTypeError, TableError
from faceattr.tables._disk import file_digest, replace_file, types_path, write_lines
from faceattr.tables.shard import Shard

__all__ = [
    "Setting",
    "ShardRecord",
    "check_settings",
    "digest_files",
    "digest_ids",
    "read_record",
    "record_path",
    "write_record",
]

Setting: TypeAlias = str | int | float | bool | None

_FORMAT = "faceattr-shard"
_VERSION = 1
_MAX_BYTES = 1 << 20
_MAX_TOTAL = 1 << 53
_IDS_AT_ONCE = 4096
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ShardRecord:
    """What is known of a part.

    Attributes
    ----------
    kind : str
        What the table holds, such as "predictions".
    settings : mapping of str to scalar
        What made it; equal for all parts of a whole.
    shard : Shard
    total : int
        Rows of the whole.
    ids : str
        `digest_ids` of the whole.
    files : tuple of str and (str or None)
        `digest_files` of the table.
    """

    kind: str
    settings: Mapping[str, Setting]
    shard: Shard
    total: int
    ids: str
    files: tuple[str, str | None]


def record_path(path: Path) -> Path:
    """Return where the record of a table stands."""
    return path.with_name(path.name + ".shard.json")


def digest_ids(ids: Sequence[str]) -> str:
    """Return the SHA-256 of ids in their order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        # Lengths keep "ab", "c" apart from "a", "bc".
        text = "".join(f"{len(item)}:{item}" for item in ids[start : start + _IDS_AT_ONCE])
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def digest_files(path: Path) -> tuple[str, str | None]:
    """Return the SHA-256 of a table's file, and of the types beside it where there are any.

    Raises
    ------
    OSError
        If one cannot be read.
    """
    types = types_path(path)
    return file_digest(path), file_digest(types) if types.exists() else None


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise InvalidTypeError if `settings` are not text with a JSON scalar each."""
    wrong = [name for name, value in settings.items() if not _is_setting(name, value)]
    if wrong:
        raise InvalidTypeError(
            "cannot be kept and compared",
            argument="settings",
            rows=[repr(name) for name in wrong],
            expected="names that are text, with text, a finite number, a bool or None",
            found=repr(settings[wrong[0]])[:80],
        )


def _is_setting(name: object, value: object) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(name, str) and (value is None or type(value) in (str, int, float, bool))


def write_record(record: ShardRecord, path: Path) -> None:
    """Write the record of the table at `path`, whole or not at all."""
    described = {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": record.kind,
        "number": record.shard.number,
        "of": record.shard.of,
        "total": record.total,
        "ids_sha256": record.ids,
        "table_sha256": record.files[0],
        "types_sha256": record.files[1],
        "settings": dict(record.settings),
    }
    text = json.dumps(described, indent=1, allow_nan=False)
    replace_file(record_path(path), lambda temporary: write_lines(temporary, [text, "\n"]))


def read_record(path: Path) -> ShardRecord:
    """Read the record of the table at `path`.

    Raises
    ------
    TableError
        If it is not there, cannot be read, or is no record.
    """
    source = record_path(path)
    try:
        with source.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES} bytes")
        return _parse(json.loads(data.decode("utf-8")))
    except (OSError, ValueError, RecursionError, FaceAttrError) as error:
        raise TableError(
            "not the record of a part",
            argument=str(source),
            expected="what was written with the part, unchanged",
            found=str(error)[:300],
            hint="make the part again",
        ) from error


def _parse(found: object) -> ShardRecord:
    """Return the record; ValueError, or an error of the library, says what is wrong."""
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(f"the format is not {_FORMAT!r}")
    version = found.get("version")
    if type(version) is not int or version != _VERSION:
        raise ValueError(f"the version is not {_VERSION}")
    types, settings = found.get("types_sha256"), found.get("settings")
    if not isinstance(settings, dict):
        raise ValueError("'settings' is no mapping")
    check_settings(settings)
    return ShardRecord(
        kind=_text(found, "kind"),
        settings=settings,
        shard=Shard(_whole(found, "number"), _whole(found, "of")),
        total=_whole(found, "total"),
        ids=_sha256(found, "ids_sha256"),
        files=(
            _sha256(found, "table_sha256"),
            None if types is None else _sha256(found, "types_sha256"),
        ),
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name!r} is no text")
    return value


def _whole(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not 0 <= value <= _MAX_TOTAL:
        raise ValueError(f"{name!r} is no count")
    return value


def _sha256(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or _SHA256.fullmatch(value) is None:
        raise ValueError(f"{name!r} is no SHA-256")
    return value
