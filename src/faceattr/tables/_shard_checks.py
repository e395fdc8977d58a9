"""Whether files are the parts of one whole, every one of them, and as they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from faceattr.exceptions import TableError
from faceattr.tables._shard_record import ShardRecord, digest_files, read_record, record_path

__all__ = ["Part", "check_numbers", "check_one_whole", "check_unchanged", "read_parts"]

_RUNS_SHOWN = 10


class Part(NamedTuple):
    """A part's table and its record."""

    path: Path
    record: ShardRecord


def check_one_whole(parts: Sequence[Part]) -> None:
    """Raise if parts differ in kind, settings, number of parts, or in what the whole is."""
    for check in (_check_kind, _check_settings, _check_of, _check_total, _check_ids):
        check(parts)


def read_parts(paths: Sequence[Path]) -> list[Part]:
    """Read the records; raise if a table or its record is not there, or is no record."""
    absent = [path for path in paths if not path.is_file()]
    unfinished = [path for path in paths if path.is_file() and not _has_record(path)]
    parts = [Part(path, read_record(path)) for path in paths if _has_record(path)]
    if absent or unfinished:
        why = "without a record beside it: its job has not finished, or it is no part"
        raise TableError(
            "no such file" if absent else why,
            argument="paths",
            rows=[str(path) for path in absent or unfinished],
            expected="tables, with <table>.shard.json beside each",
            found=_describe_known(parts),
            hint="let these jobs finish, or make the parts again",
        )
    return parts


def _has_record(path: Path) -> bool:
    return record_path(path).is_file()


def _describe_known(parts: Sequence[Part]) -> str:
    found: dict[int, set[int]] = {}
    for _, record in parts:
        found.setdefault(record.shard.of, set()).add(record.shard.number)
    texts = [f"{_count_parts(numbers)} of {of}" for of, numbers in found.items()]
    return "records of " + (" and ".join(texts) or "no part")


def _count_parts(numbers: Iterable[int]) -> str:
    """Write numbers of parts in order, runs shortened: "parts 3, 7-9"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(low) if low == high else f"{low}-{high}" for low, high in runs[:_RUNS_SHOWN]]
    more = ", ..." if len(runs) > _RUNS_SHOWN else ""
    single = len(runs) == 1 and runs[0][0] == runs[0][1]
    return f"{'part' if single else 'parts'} {', '.join(shown)}{more}"


def _check_kind(parts: Sequence[Part]) -> None:
    _check_agree(parts, [part.record.kind for part in parts], "parts of different kinds")


def _check_settings(parts: Sequence[Part]) -> None:
    settings = [part.record.settings for part in parts]
    names = sorted(set(chain.from_iterable(settings)))
    for name in names:
        values = [f"{name} {known.get(name, 'not told')!r}" for known in settings]
        _check_agree(parts, values, "parts made by different models or settings")


def _check_of(parts: Sequence[Part]) -> None:
    values = [f"{part.record.shard.of} parts" for part in parts]
    _check_agree(parts, values, "parts of wholes that were divided differently")


def _check_total(parts: Sequence[Part]) -> None:
    values = [f"{part.record.total:,} rows in all" for part in parts]
    _check_agree(parts, values, "parts of different lists: images came or went between the jobs")


def _check_ids(parts: Sequence[Part]) -> None:
    values = [f"{part.record.total:,} ids, digest {part.record.ids[:12]}" for part in parts]
    _check_agree(parts, values, "parts of different lists: as many images, but other ids or order")


def _check_agree(parts: Sequence[Part], values: Sequence[str], problem: str) -> None:
    """Raise if the values differ; the parts that are not as most of them are at fault."""
    counts = Counter(values)
    if len(counts) < 2:
        return
    usual, count = counts.most_common(1)[0]
    odd = [part for part, value in zip(parts, values, strict=True) if value != usual]
    raise TableError(
        problem,
        argument="paths",
        rows=[str(part.path) for part in odd],
        expected=f"{usual}, as in {count} of {len(parts)} files",
        found=next(value for value in values if value != usual),
        hint="make these parts again as the others were made; all parts where the images changed",
    )


def check_numbers(parts: Sequence[Part]) -> None:
    """Raise if a part is missing or given twice."""
    of = parts[0].record.shard.of
    counts = Counter(part.record.shard.number for part in parts)
    missing = set(range(1, of + 1)) - set(counts)
    doubled = {number for number, count in counts.items() if count > 1}
    problems = []
    if missing:
        problems.append(f"{_count_parts(missing)} of {of} {_are(missing)} missing")
    if doubled:
        problems.append(f"{_count_parts(doubled)} of {of} {_are(doubled)} given more than once")
    if problems:
        raise TableError(
            " and ".join(problems),
            argument="paths",
            rows=[str(part.path) for part in parts if part.record.shard.number in doubled],
            expected="every part once",
            hint=f"--shard {min(missing)}/{of} makes the first that is missing"
            if missing
            else None,
        )


def _are(numbers: set[int]) -> str:
    return "is" if len(numbers) == 1 else "are"


def check_unchanged(parts: Sequence[Part]) -> None:
    """Raise if a file is not the one that its record was written for."""
    changed = [part for part in parts if _files_of(part.path) != part.record.files]
    if changed:
        numbers = _count_parts(part.record.shard.number for part in changed)
        raise TableError(
            "the files are not as they were written: changed, cut short, or without their types",
            argument="paths",
            rows=[str(part.path) for part in changed],
            expected="the digests that the records hold, of the table and its .types.json",
            hint=f"make {numbers} of {parts[0].record.shard.of} again",
        )


def _files_of(path: Path) -> tuple[str, str | None]:
    try:
        return digest_files(path)
    except OSError as error:
        raise TableError(
            f"the table cannot be read ({error})", argument="paths", rows=[str(path)]
        ) from error
