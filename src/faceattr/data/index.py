"""From names of files to rows: what a data set holds, and what was refused and why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceattr._ranges import check_ranges, label_columns, present_columns
from faceattr.exceptions import DataError, InvalidTypeError, TableError
from faceattr.images import IMAGE_SUFFIXES, UNREAD_SUFFIXES, ending_of, image_names
from faceattr.tables.schema import check_frame
from faceattr.tasks import (
    RESERVED_NAMES,
    RESERVED_SUFFIXES,
    ClassificationTask,
    RegressionTask,
    Task,
    TaskSet,
)

__all__ = ["RACES", "find_names", "parse_utkface_name", "utkface_tasks"]

RACES = ("White", "Black", "Asian", "Indian", "Others")
"""The groups of UTKFace, in the order of their codes 0 to 4."""

GENDERS = ("male", "female")
MAX_AGE = 116

_INDEX_COLUMNS = frozenset({"sample_id", "path", "split", "age_min", "age_max"})
_ABSOLUTE = re.compile(r"^(/|[A-Za-z]:[\\/]|synthetic:)")


class Index(NamedTuple):
    """What was found: rows that can be used, and what was refused."""

    table: pd.DataFrame
    rejects: pd.DataFrame


_PARTS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})
"""Names of folders, in lower case, that hold a part of the images, and classes in it."""


def find_names(folder: str | Path) -> list[str]:
    """List the image files below a folder, of which there must be one.

    Parameters
    ----------
    folder : path
        Searched as `faceattr.images.find_images` does.

    Returns
    -------
    list of str
        Paths relative to `folder` with forward slashes, sorted.

    Raises
    ------
    DataError
        If the folder, or one inside it, cannot be read, or holds no image file.
    """
    names = image_names(folder)
    if not names:
        raise DataError(
            "no image file in the folder",
            argument="folder",
            expected="files that end in " + ", ".join(sorted(IMAGE_SUFFIXES)),
            found=str(folder),
        )
    return names


def parse_utkface_name(name: str) -> tuple[int, int, int]:
    """Read the labels in a UTKFace name, ``age_gender_race_stamp.jpg.chip.jpg``.

    Blanks around a field, a missing dot and more underscores after the stamp's start do no harm.

    Parameters
    ----------
    name : str
        The name of the file, without folders.

    Returns
    -------
    age, gender, race : int
        Years from 0 to 116, and the codes 0-1 and 0-4.

    Raises
    ------
    DataError
        If a field is missing, is no whole number or lies outside its range; ``problem`` is the
        reason given in ``rejects``.

    Examples
    --------
    >>> from faceattr.data.index import parse_utkface_name
    >>> parse_utkface_name("26_1_2_20170116.jpg.chip.jpg")
    (26, 1, 2)
    """
    fields = [field.strip() for field in name.split("_", 3)]
    if len(fields) < 4:
        raise DataError(
            f"the name has {len(fields)} of the 4 fields age_gender_race_stamp", rows=[name]
        )
    age = _parse_field(fields[0], "age", MAX_AGE, name)
    gender = _parse_field(fields[1], "gender", len(GENDERS) - 1, name)
    race = _parse_field(fields[2], "race", len(RACES) - 1, name)
    if not ("0" <= fields[3][:1] <= "9"):
        raise DataError("the stamp does not start with a digit", rows=[name])
    return age, gender, race


def _parse_field(text: str, field: str, high: int, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise DataError(f"{field} is not a whole number: {text!r}", rows=[name])
    value = int(text)
    if value > high:
        raise DataError(f"{field} is outside 0-{high}: {text}", rows=[name])
    return value


def utkface_tasks(names: Iterable[str]) -> TaskSet:
    """Return the tasks of UTKFace by name: "age", "gender", "race"."""
    return named_tasks(names, RACES, "UTKFace", codes=dict(enumerate(RACES)))


def named_tasks(
    names: Iterable[str], races: Sequence[str], source: str, *, codes: Mapping[int, str]
) -> TaskSet:
    """Return tasks of a known collection by name; age and gender are the same in all of them."""
    known: dict[str, Task] = {
        "age": RegressionTask("age", unit="years", bounds=(0, MAX_AGE)),
        "gender": ClassificationTask("gender", GENDERS, codes=dict(enumerate(GENDERS))),
        "race": ClassificationTask("race", tuple(races), codes=codes),
    }
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in known:
            raise DataError(
                f"not a task of {source}",
                argument="tasks",
                expected="names among " + ", ".join(map(repr, known)),
                found=repr(name),
            )
    return TaskSet([known[name] for name in wanted])


def index_utkface(folder: str | Path) -> Index:
    """List a folder of UTKFace: columns sample_id, path, age, gender, race.

    Accepted and rejected rows together are all image files that `find_names` finds.
    """
    names, refused = _readable_names(find_names(folder))
    accepted: list[str] = []
    labels = bytearray()  # three small numbers a name: tuples of a million would fill 100 MB
    for name in names:
        try:
            labels += bytes(parse_utkface_name(name.rpartition("/")[2]))
        except DataError as error:
            refused.append((name, error.problem))
        else:
            accepted.append(name)
    _require_rows(accepted, refused)
    ages, genders, races = np.frombuffer(labels, dtype=np.uint8).reshape(-1, 3).T
    table = _path_table(folder, accepted)
    table["age"] = pd.Series(ages, dtype="float64")
    table["gender"] = pd.Series(np.array(GENDERS, dtype=object)[genders], dtype="str")
    table["race"] = pd.Series(np.array(RACES, dtype=object)[races], dtype="str")
    return Index(table, _reject_table(folder, refused))


def index_folder(
    folder: str | Path, task: ClassificationTask | str
) -> tuple[Index, ClassificationTask]:
    """List a folder whose sub-folders are classes: columns sample_id, path and the task's."""
    if not isinstance(task, ClassificationTask | str):
        raise InvalidTypeError(
            "folders are classes, and this is no task of classes",
            argument="task",
            expected="the name of an attribute, or a ClassificationTask",
            found=repr(task),
            hint="list numbers in a CSV file: Dataset.from_csv",
        )
    names, refused = _readable_names(find_names(folder))
    inside = [name for name in names if "/" in name]
    refused += [(name, "not in the folder of a class") for name in names if "/" not in name]
    found = sorted({name.partition("/")[0] for name in inside})
    if isinstance(task, str):
        _check_class_folders(found, folder)
        task = ClassificationTask(task, tuple(found))
        classes: dict[str, str | None] = {name: name for name in found}
    else:
        classes = {name: _class_of(name, task) for name in found}
    accepted = [name for name in inside if classes[name.partition("/")[0]] is not None]
    refused += [
        (name, f"{name.partition('/')[0]!r} is no class of {task.name!r}")
        for name in inside
        if classes[name.partition("/")[0]] is None
    ]
    _require_rows(accepted, refused)
    table = _path_table(folder, accepted)
    labels = [classes[name.partition("/")[0]] for name in accepted]
    table[task.name] = pd.Series(labels, dtype="str")
    return Index(table, _reject_table(folder, refused)), task


def _check_class_folders(found: Sequence[str], folder: str | Path) -> None:
    """Raise where sub-folders cannot be taken for classes without being told so."""
    if len(found) < 2:
        raise DataError(
            "fewer than two classes",
            argument="folder",
            expected="images in two or more sub-folders, one for each class",
            found=f"sub-folders with images: {found}",
            hint="pass task=ClassificationTask(...) to name classes that have no image here",
        )
    if {name.casefold() for name in found} <= _PARTS:
        raise DataError(
            "the sub-folders are parts of a data set, not classes",
            argument="folder",
            rows=found,
            expected="a sub-folder for each class",
            found=str(folder),
            hint="read each part, and join them where one is wanted: "
            f'Dataset.concat([Dataset.from_folder("{found[0]}", ...), ...])',
        )


def _class_of(folder_name: str, task: ClassificationTask) -> str | None:
    try:
        return str(task.parse([folder_name], [folder_name]).iloc[0])
    except DataError:
        return None


def _readable_names(names: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    good: list[str] = []
    refused: list[tuple[str, str]] = []
    for name in names:
        # A name that is no UTF-8 could be neither written to a table nor printed.
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
            refused.append((shown, "the name is not valid UTF-8"))
        elif (ending := ending_of(name)) in UNREAD_SUFFIXES:
            refused.append((name, f"{ending} is a kind of image that is not read"))
        else:
            good.append(name)
    return good, refused


def _path_table(folder: str | Path, names: Sequence[str]) -> pd.DataFrame:
    root = Path(folder).as_posix().rstrip("/")
    return pd.DataFrame(
        {
            "sample_id": pd.Series(names, dtype="str"),
            "path": pd.Series([f"{root}/{name}" for name in names], dtype="str"),
        }
    )


def _reject_table(folder: str | Path, refused: Sequence[tuple[str, str]]) -> pd.DataFrame:
    root = Path(folder).as_posix().rstrip("/")
    rows = sorted((f"{root}/{name}", reason) for name, reason in refused)
    return pd.DataFrame(rows, columns=["path", "reason"], dtype="str")


def empty_rejects() -> pd.DataFrame:
    """Return a table of rejects without a row."""
    return pd.DataFrame({"path": pd.Series(dtype="str"), "reason": pd.Series(dtype="str")})


def check_rejects(rejects: pd.DataFrame) -> pd.DataFrame:
    """Return a table of rejects with its two columns, as text."""
    check_frame(rejects, "rejects")
    missing = [name for name in ("path", "reason") if name not in rejects.columns]
    if missing:
        raise TableError(
            "a column is missing", argument="rejects", expected=", ".join(map(repr, missing))
        )
    return rejects[["path", "reason"]].reset_index(drop=True).astype("str")


def _require_rows(accepted: Sequence[str], refused: Sequence[tuple[str, str]]) -> None:
    if not accepted:
        raise DataError(
            "not one file can be used",
            argument="folder",
            rows=[f"{name} ({reason})" for name, reason in refused],
        )


def sample_id_of(path: str, root: str) -> str:
    """Return a path relative to the root with forward slashes; as it is if it lies elsewhere."""
    if path.startswith("synthetic:"):
        return path
    if not _ABSOLUTE.match(path):
        return PurePosixPath(os.path.normpath(path).replace(os.sep, "/")).as_posix()
    inside = os.path.relpath(path, root).replace(os.sep, "/")
    return path.replace(os.sep, "/") if inside.startswith("..") else inside


def full_path(path: str, root: str) -> str:
    """Return the path to open for a path that may be relative to the root."""
    return path if _ABSOLUTE.match(path) else f"{root.rstrip('/')}/{path}"


def check_index(table: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """Return an index table in its normal form: checked, in column order, rows numbered from 0.

    Raises
    ------
    TableError
        If a column is missing or reserved, or ids are missing or repeated.
    DataError
        If a label or a range cannot be read, or they contradict each other.
    """
    check_frame(table, "table", hint="Dataset.from_csv reads a file, Dataset.from_folder a folder")
    _check_columns(table, tasks)
    checked = table.reset_index(drop=True)
    for column in ("sample_id", "path"):
        values = checked[column]
        bad = [str(row) for row in values.index[values.isna() | (values.astype("str") == "")]]
        if bad:
            raise TableError("a row without a value", argument=column, rows=bad)
        checked[column] = values.astype("str")
    check_unique_ids(checked["sample_id"], "sample_id")
    rows = checked["sample_id"].tolist()
    for name, task in tasks.items():
        # Where all labels are ranges, nothing need stand for them in a column of their own.
        checked[name] = task.parse(checked[name] if name in checked else [None] * len(rows), rows)
        if isinstance(task, RegressionTask) and present_columns(task, checked.columns):
            checked[list(task.range_columns)] = check_ranges(checked, task, rows)
    return order_columns(checked, tasks)


def check_unique_ids(ids: pd.Series, argument: str) -> None:
    """Raise TableError where an id occurs twice."""
    repeated = ids[ids.duplicated()].drop_duplicates().tolist()
    if repeated:
        raise TableError(
            "given more than once",
            argument=argument,
            rows=[str(value) for value in repeated],
            expected="one row for each image",
        )


def check_unique_paths(paths: pd.Series) -> None:
    """Raise TableError where a list names a file twice, in whatever spelling."""
    check_unique_ids(paths.map(_normal_path), "path")


def _normal_path(path: str) -> str:
    # Few paths need it, and it takes long for a million.
    return os.path.normpath(path) if "/." in path or "//" in path else path


def order_columns(table: pd.DataFrame, tasks: TaskSet) -> pd.DataFrame:
    """Put sample_id, path and the tasks with their ranges first, and split last."""
    labels = [name for task in tasks.values() for name in label_columns(task, table.columns)]
    first = list(dict.fromkeys(["sample_id", "path", *labels]))
    last = [column for column in ("split",) if column in table.columns]
    middle = [column for column in table.columns if column not in (*first, *last)]
    return table[[*first, *middle, *last]]


def needed_columns(columns: Iterable[object], tasks: TaskSet) -> list[str]:
    """Return the columns that tasks need in a table: their own, or both ends of a range."""
    there = set(columns)
    needed: list[str] = []
    for task in tasks.values():
        ends = present_columns(task, there)
        needed += [task.name] if task.name in there or not ends else []
        needed += task.range_columns if ends and isinstance(task, RegressionTask) else []
    return needed


def _check_columns(table: pd.DataFrame, tasks: TaskSet) -> None:
    wanted = ["sample_id", "path", *needed_columns(table.columns, tasks)]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise TableError(
            "a column is missing",
            argument="table",
            expected=", ".join(map(repr, missing)),
            found=", ".join(repr(str(column)) for column in table.columns),
        )
    names = [str(column) for column in table.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise TableError("a column is given more than once", argument="table", rows=repeated)
    taken = [name for name in names if name not in tasks and _is_reserved(name, tasks)]
    if taken:
        raise TableError(
            "reserved names: other tables use them for columns of their own",
            argument="table",
            rows=taken,
            hint="rename these columns, or leave them out",
        )


def _is_reserved(name: str, tasks: TaskSet) -> bool:
    derived = any(
        name in {task + suffix for suffix in RESERVED_SUFFIXES} or name.startswith(f"{task}_prob_")
        for task in tasks
    )
    return derived or (name in RESERVED_NAMES and name not in _INDEX_COLUMNS)
