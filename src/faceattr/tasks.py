"""Tasks: which attributes are predicted, and how their labels are read and written.

Attributes are appearance as labelled, never identity. Labels of classes are strings in every table;
codes exist only for reading files and inside networks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_unique
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError

__all__ = ["ClassificationTask", "RegressionTask", "Task", "TaskSet", "task_from_dict"]

_WHOLE = re.compile(r"-?[0-9]+\.0+")

RESERVED_NAMES = frozenset(
    {"sample_id", "path", "split", "error", "reasons", "reason", "face", "detector_score"}
    | {"box_x", "box_y", "box_w", "box_h", "age_min", "age_max", "overall"}
)
"""Column names that tables use themselves, so that no task may have them."""

RESERVED_SUFFIXES = (
    *("_pred", "_std", "_q05", "_q95", "_low", "_high", "_level", "_temperature", "_abstain"),
    "_issue",
)
"""Endings of the columns that tables derive from a task's name."""


@dataclass(frozen=True)
class RegressionTask:
    """A number to be predicted, such as age.

    Parameters
    ----------
    name : str
        The label's column.
    unit : str, default ""
        Shown in tables, plots and errors ("years").
    bounds : tuple of float, optional
        Lowest and highest possible label, inclusive. Predictions never leave them. The distribution
        head needs them.

    Raises
    ------
    InvalidArgumentError
        If the name is reserved, or the bounds are not finite and ascending.

    Examples
    --------
    >>> from faceattr import RegressionTask
    >>> RegressionTask("age", unit="years", bounds=(0, 116)).bounds
    (0.0, 116.0)
    """

    name: str
    unit: str = ""
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.bounds is None:
            return
        pair = _as_floats(self.bounds)
        if len(pair) != 2 or not all(map(math.isfinite, pair)) or pair[0] >= pair[1]:
            raise InvalidArgumentError(
                "not a range",
                argument=f"bounds of task {self.name!r}",
                expected="two finite numbers, the lower one first",
                found=repr(self.bounds),
            )
        object.__setattr__(self, "bounds", pair)

    @property
    def range_columns(self) -> tuple[str, str]:
        """The columns of an index table for labels known as a range, ``<name>_min`` and ``_max``.

        Both ends are inclusive, and the label itself is missing. The names mean this only in a
        table that has both of them.
        """
        return f"{self.name}_min", f"{self.name}_max"

    def parse(
        self,
        labels: Sequence[object] | pd.Series,
        rows: Sequence[str],
        *,
        column: str | None = None,
    ) -> pd.Series:
        """Read labels as float64.

        Parameters
        ----------
        labels : sequence of length n
            Numbers or their text; None, NaN and "" mean not labelled.
        rows : sequence of str, length n
            Names of the rows, for errors.
        column : str, optional
            What errors and the result are called, such as one of `range_columns`; the task's name
            by default.

        Returns
        -------
        pandas.Series of float64, length n
            NaN where not labelled.

        Raises
        ------
        DataError
            If a label is not a number or lies outside the bounds.
        """
        name = column or self.name
        raw = pd.Series(labels, dtype=object).reset_index(drop=True)
        missing = _is_missing(raw)
        values = pd.to_numeric(raw.mask(missing), errors="coerce").astype("float64")
        _refuse_labels(name, values.isna() & ~missing, raw, rows, "a number")
        _refuse_labels(name, values.abs() == math.inf, raw, rows, "a finite number")
        if self.bounds is not None:
            low, high = self.bounds
            outside = (values < low) | (values > high)
            _refuse_labels(name, outside, raw, rows, f"a number from {low:g} to {high:g}")
        return values.rename(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain JSON types."""
        bounds = None if self.bounds is None else list(self.bounds)
        return {"kind": "regression", "name": self.name, "unit": self.unit, "bounds": bounds}


@dataclass(frozen=True)
class ClassificationTask:
    """One of several classes to be predicted, such as gender.

    Parameters
    ----------
    name : str
        The label's column.
    classes : sequence of str
        The classes, at least two, in the order of the network's outputs.
    codes : mapping, optional
        What files write for a class: ``{0: "male", 1: "female"}``. The class names themselves are
        always understood. Codes are for reading alone: tasks that differ in nothing else are equal.
    positive : str, optional
        The class that precision-recall figures of a binary task are about; the last class by
        default.

    Raises
    ------
    InvalidArgumentError
        If the name is reserved, there are fewer than two classes, or `codes` or `positive` name a
        class that is not there.

    Examples
    --------
    >>> from faceattr import ClassificationTask
    >>> task = ClassificationTask("gender", ("male", "female"), codes={0: "male", 1: "female"})
    >>> task.positive
    'female'
    """

    name: str
    classes: tuple[str, ...]
    codes: Mapping[Any, str] = field(default_factory=dict, compare=False)
    positive: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        self._check_kinds()
        classes = tuple(str(label) for label in self.classes)
        if len(classes) < 2 or not all(classes) or pd.isna(list(self.classes)).any():
            raise InvalidArgumentError(
                "too few classes, or an empty class name",
                argument=f"classes of task {self.name!r}",
                expected="two or more names",
                found=repr(classes),
            )
        check_unique(classes, f"classes of task {self.name!r}")
        codes = {str(code): str(label) for code, label in self.codes.items()}
        positive = self.positive or classes[-1]
        self._check_known(codes.values(), classes, "codes")
        self._check_known([positive], classes, "positive")
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "positive", positive)

    def _check_kinds(self) -> None:
        # The order of a set changes from process to process, and with it the network's outputs.
        unordered = isinstance(self.classes, str | set | frozenset | Mapping)
        if unordered or not isinstance(self.classes, Iterable):
            raise InvalidTypeError(
                "classes without an order",
                argument=f"classes of task {self.name!r}",
                expected="a sequence of class names, in the order of the network's outputs",
                found=repr(self.classes),
                hint="sorted(...) makes a sequence of a set",
            )
        if not isinstance(self.codes, Mapping):
            raise InvalidTypeError(
                "not a mapping",
                argument=f"codes of task {self.name!r}",
                expected='{0: "male", 1: "female"}',
                found=repr(self.codes),
            )

    def _check_known(self, labels: Iterable[str], classes: Sequence[str], argument: str) -> None:
        unknown = [label for label in labels if label not in classes]
        if unknown:
            raise InvalidArgumentError(
                "names a class that the task does not have",
                argument=f"{argument} of task {self.name!r}",
                expected=f"one of {list(classes)}",
                found=repr(unknown[0]),
            )

    def parse(self, labels: Sequence[object] | pd.Series, rows: Sequence[str]) -> pd.Series:
        """Read labels as class names.

        Parameters
        ----------
        labels : sequence of length n
            Class names (in any case) or codes; None, NaN and "" mean not labelled.
        rows : sequence of str, length n
            Names of the rows, for errors.

        Returns
        -------
        pandas.Series of str, length n
            Class names; NaN where not labelled.

        Raises
        ------
        DataError
            If a label is neither a class nor a code.
        """
        raw = pd.Series(labels, dtype=object).reset_index(drop=True)
        known = {label.casefold(): label for label in self.classes}
        known.update({code.casefold(): label for code, label in self.codes.items()})
        known.update(self.codes)
        known.update({label: label for label in self.classes})
        missing = _is_missing(raw)
        names = raw.map(_code_text).map(lambda text: _find(known, text))
        bad = names.isna() & ~missing
        _refuse_labels(self.name, bad, raw, rows, f"one of {sorted(set(known))}")
        return names.mask(missing).astype("str").rename(self.name)

    def encode(self, labels: Sequence[object] | pd.Series) -> npt.NDArray[np.int64]:
        """Turn class names into positions in `classes`; -1 where not labelled."""
        positions = {label: position for position, label in enumerate(self.classes)}
        return np.array([positions.get(str(label), -1) for label in labels], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain JSON types."""
        return {
            "kind": "classification",
            "name": self.name,
            "classes": list(self.classes),
            "codes": dict(self.codes),
            "positive": self.positive,
        }


Task: TypeAlias = RegressionTask | ClassificationTask


def task_from_dict(data: Mapping[str, Any]) -> Task:
    """Make a task from what its ``to_dict`` gave.

    Raises
    ------
    InvalidArgumentError
        If ``data["kind"]`` is neither "regression" nor "classification", or a key is missing.
    """
    fields = {key: value for key, value in data.items() if key != "kind"}
    try:
        if data.get("kind") == "regression":
            return RegressionTask(**fields)
        if data.get("kind") == "classification":
            return ClassificationTask(**fields)
    except InvalidTypeError:
        raise
    except TypeError as error:
        raise InvalidArgumentError(
            "not the description of a task", argument="task", found=str(error)
        ) from error
    raise InvalidArgumentError(
        "unknown kind of task",
        argument="kind",
        expected="'regression' or 'classification'",
        found=repr(data.get("kind")),
    )


class TaskSet(Mapping[str, Task]):
    """Tasks in a fixed order, by name.

    Parameters
    ----------
    tasks : task or iterable of tasks
        Names must be unique.

    Raises
    ------
    InvalidArgumentError
        If there is no task, two share a name, or two have the names of the columns for another's
        range, ``<task>_min`` and ``<task>_max``.

    Examples
    --------
    >>> from faceattr import RegressionTask, TaskSet
    >>> tasks = TaskSet([RegressionTask("age", unit="years", bounds=(0, 116))])
    >>> list(tasks), tasks["age"].unit
    (['age'], 'years')
    """

    def __init__(self, tasks: Task | Iterable[Task]) -> None:
        if isinstance(tasks, RegressionTask | ClassificationTask):
            tasks = [tasks]
        several = isinstance(tasks, Iterable) and not isinstance(tasks, str)
        items: list[Any] = list(tasks) if several else [tasks]
        for item in items:
            if not isinstance(item, RegressionTask | ClassificationTask):
                raise InvalidTypeError(
                    "not a task",
                    argument="tasks",
                    expected="RegressionTask or ClassificationTask",
                    found=repr(item),
                )
        if not items:
            raise InvalidArgumentError(
                "no task given",
                argument="tasks",
                expected="at least one",
                hint='TaskSet([RegressionTask("age", unit="years", bounds=(0, 116))])',
            )
        check_unique([item.name for item in items], "tasks")
        self._tasks: dict[str, Task] = {item.name: item for item in items}
        _check_ranges_free(self._tasks)

    def __getitem__(self, name: str) -> Task:
        return self._tasks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        return f"TaskSet({list(self._tasks.values())!r})"

    def __hash__(self) -> int:
        return hash(tuple(self._tasks.values()))

    def to_list(self) -> list[dict[str, Any]]:
        """Return the tasks as plain JSON types."""
        return [task.to_dict() for task in self._tasks.values()]

    @classmethod
    def from_list(cls, data: Iterable[Mapping[str, Any]]) -> TaskSet:
        """Make a set from what `to_list` gave."""
        return cls([task_from_dict(item) for item in data])


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgumentError(
            "not usable as the name of a task",
            argument="name",
            expected="letters, digits and '_', not starting with a digit",
            found=repr(name),
        )
    if name in RESERVED_NAMES or name.endswith(RESERVED_SUFFIXES) or "_prob_" in name:
        raise InvalidArgumentError(
            "a reserved name: tables use it for a column of their own",
            argument="name",
            found=repr(name),
            hint="rename the label's column",
        )


def _check_ranges_free(tasks: Mapping[str, Task]) -> None:
    for task in tasks.values():
        if isinstance(task, RegressionTask) and all(name in tasks for name in task.range_columns):
            raise InvalidArgumentError(
                f"names of the columns for a range of {task.name!r}",
                argument="tasks",
                rows=task.range_columns,
                hint="rename these tasks and their columns",
            )


def _is_missing(raw: pd.Series) -> pd.Series:
    blank = raw.map(lambda value: isinstance(value, str) and not value.strip())
    return raw.isna() | blank.astype(bool)


def value_text(value: object) -> str:
    """Return a value as text: 0 and 0.0, which a gap in its column makes of it, alike."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value)


def _code_text(value: object) -> str:
    return value_text(value).strip()


def _find(known: Mapping[str, str], text: str) -> str | None:
    """Return the class of a text: as it stands, in another case, or of the code 1 written 1.0."""
    whole = text.partition(".")[0] if _WHOLE.fullmatch(text) else text
    return known.get(text, known.get(text.casefold(), known.get(whole)))


def _as_floats(bounds: object) -> tuple[float, ...]:
    """Return bounds as numbers; none where they are something else."""
    try:
        return tuple(float(bound) for bound in bounds)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return ()


def _refuse_labels(
    name: str, bad: pd.Series, raw: pd.Series, rows: Sequence[str], expected: str
) -> None:
    positions = [int(row) for row in np.flatnonzero(bad.to_numpy(dtype=bool))]
    if positions:
        raise DataError(
            "a label cannot be read",
            argument=name,
            rows=[str(rows[position]) for position in positions],
            expected=expected,
            found=repr(raw.iloc[positions[0]]),
            hint="mend the labels, or leave them empty where the attribute is not known",
        )
