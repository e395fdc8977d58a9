"""From FairFace's CSV files to an index table: groups of ages become ranges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from faceattr.data._csv import (
    NO_PATH,
    group_columns,
    infer,
    names_of_rows,
    read_text,
    require_columns,
)
from faceattr.data.index import (
    GENDERS,
    MAX_AGE,
    Index,
    check_index,
    full_path,
    named_tasks,
    sample_id_of,
)
from faceattr.exceptions import DataError
from faceattr.tasks import TaskSet

__all__ = ["FAIRFACE_RACES", "fairface_tasks", "index_fairface", "parse_age_group"]

FAIRFACE_RACES = (
    "White",
    "Black",
    "Latino_Hispanic",
    "East Asian",
    "Southeast Asian",
    "Indian",
    "Middle Eastern",
)
"""The groups of FairFace, as its files write them."""

OLDEST = (70, MAX_AGE)
AGE_GROUPS = ((0, 2), *((low, low + 9) for low in range(10, 70, 10)), (3, 9))

Value = TypeVar("Value")

_LABELS = ("age", "gender", "race")
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), start=1)}
_PAIR = re.compile(r"([0-9]{1,2}|[a-z]{3})-([0-9]{1,2}|[a-z]{3})")


def fairface_tasks(names: Iterable[str]) -> TaskSet:
    """Return the tasks of FairFace by name: "age", "gender", "race"."""
    return named_tasks(names, FAIRFACE_RACES, "FairFace", codes={})


def index_fairface(path: str | Path, *, root: str | Path | None, tasks: TaskSet) -> Index:
    """Read a CSV file of FairFace; see `Dataset.from_fairface`.

    Columns sample_id, path, age, age_min, age_max, gender, race, and all others of the file.
    """
    raw = read_text(Path(path))
    require_columns(raw, ["file", *_LABELS])
    base = str(Path(path).parent if root is None else Path(root))
    ages, age_faults = _read_column(raw["age"], parse_age_group)
    genders, gender_faults = _read_column(raw["gender"], _parse_gender)
    races, race_faults = _read_column(raw["race"], _parse_race)
    no_path = ["" if name.strip() else NO_PATH for name in raw["file"]]
    reasons = [
        next(filter(None, faults), "")
        for faults in zip(no_path, age_faults, gender_faults, race_faults, strict=True)
    ]
    rejects = _rejects(Path(path), reasons)
    table = pd.DataFrame(
        {
            "sample_id": pd.Series([sample_id_of(name, base) for name in raw["file"]], dtype="str"),
            "path": pd.Series([full_path(name, base) for name in raw["file"]], dtype="str"),
            **_age_columns(ages),
            "gender": pd.Series(genders, dtype="str"),
            "race": pd.Series(races, dtype="str"),
        }
    )
    for name in group_columns(raw, None, {"file", *table.columns}):
        table[name] = infer(raw[name])
    accepted = table[[not reason for reason in reasons]]
    if accepted.empty:
        raise DataError(
            "not one row can be used",
            argument="path",
            rows=[f"{row.path} ({row.reason})" for row in rejects.itertuples()],
            expected="rows of FairFace such as 'train/1.jpg,50-59,Male,East Asian,True'",
            found=str(path),
        )
    return Index(check_index(accepted, tasks), rejects)


def parse_age_group(text: str) -> tuple[float, float, float]:
    """Read an age group of FairFace, or a plain age.

    A group that a spreadsheet took for a date is read where only one group can have been meant:
    3-9 and 10-19 alone look like a day and a month, or a month and a year.

    Parameters
    ----------
    text : str
        "0-2", "3-9", "10-19" and so on to "60-69", "more than 70" or "70+"; a whole number; or "".

    Returns
    -------
    age, low, high : float
        Years. The age is NaN for a group, the ends are NaN for an age, all three for "".

    Raises
    ------
    DataError
        If it is none of these; ``problem`` is the reason given in ``rejects``.

    Examples
    --------
    >>> from faceattr.data._fairface import parse_age_group
    >>> parse_age_group("10-19"), parse_age_group("Oct-19")
    ((nan, 10.0, 19.0), (nan, 10.0, 19.0))
    """
    plain = re.sub(r"\s*[-\u2013]\s*", "-", _normal(text))
    if not plain:
        return math.nan, math.nan, math.nan
    if plain.isascii() and plain.isdigit():
        if int(plain) > MAX_AGE:
            raise DataError(f"age is outside 0-{MAX_AGE}: {text.strip()}")
        return float(plain), math.nan, math.nan
    group = OLDEST if plain in {"more than 70", "70+", "70 +"} else _find_group(plain)
    if group is None:
        raise DataError(f"age is no group of FairFace: {text!r}")
    return math.nan, float(group[0]), float(group[1])


def _find_group(text: str) -> tuple[int, int] | None:
    match = _PAIR.fullmatch(text)
    if match is None:
        return None
    months = [_MONTHS[part] for part in match.groups() if part in _MONTHS]
    numbers = [int(part) for part in match.groups() if part.isdigit()]
    # Whether day or month comes first in a date differs from country to country.
    numbers = sorted(months + numbers) if len(months) == 1 else numbers
    if len(numbers) != 2:
        return None
    pair = (numbers[0], numbers[1])
    return pair if pair in AGE_GROUPS else None


def _parse_gender(text: str) -> str | None:
    return _parse_name(text, GENDERS, "gender")


def _parse_race(text: str) -> str | None:
    return _parse_name(text, FAIRFACE_RACES, "race")


def _parse_name(text: str, names: Sequence[str], field: str) -> str | None:
    plain = _normal(text)
    if not plain:
        return None
    known = {_normal(name): name for name in names}
    if plain not in known:
        raise DataError(f"{field} is no group of FairFace: {text!r}")
    return known[plain]


def _normal(text: str) -> str:
    return re.sub(r"[\s_/]+", " ", text).strip().casefold()


def _read_column(
    column: pd.Series, parse: Callable[[str], Value | None]
) -> tuple[list[Value | None], list[str]]:
    """Read each different text once; return a value and a reason a row, "" where it is readable."""
    values: dict[str, Value | None] = {}
    faults: dict[str, str] = {}
    for text in column.unique():
        try:
            values[text] = parse(text)
        except DataError as error:
            faults[text] = error.problem
    return [values.get(text) for text in column], [faults.get(text, "") for text in column]


def _age_columns(ages: Sequence[tuple[float, float, float] | None]) -> dict[str, pd.Series]:
    read = [(math.nan,) * 3 if age is None else age for age in ages]
    names = ("age", "age_min", "age_max")
    return {
        name: pd.Series([age[place] for age in read], dtype="float64")
        for place, name in enumerate(names)
    }


def _rejects(path: Path, reasons: Sequence[str]) -> pd.DataFrame:
    bad = [row for row, reason in enumerate(reasons) if reason]
    names = names_of_rows(path, bad) if bad else []
    rows = zip(names, (reasons[row] for row in bad), strict=True)
    return pd.DataFrame(rows, columns=["path", "reason"], dtype="str")
