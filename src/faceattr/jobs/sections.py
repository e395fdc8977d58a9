"""The sections of a training job: what each holds, and how it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.jobs._checks import check_flag, check_mapping, check_text, check_texts

if TYPE_CHECKING:
    from faceattr.tasks import Task

__all__ = ["DataSection", "EvaluateSection", "ModelSection", "SplitSection"]

NOTHING = "none"
"""What a job file writes where Python has None: TOML has no word of its own for it."""

_USED = {
    "utkface": ("path", "tasks", "verify"),
    "fairface": ("path", "root", "tasks", "verify"),
    "csv": ("path", "root", "path_column", "tasks", "verify"),
    "folder": ("path", "tasks", "verify"),
    "synthetic": ("n", "seed", "size", "label_noise"),
}
_LISTS = frozenset({"csv", "fairface"})
_NAMED_TASKS = frozenset({"utkface", "fairface", "synthetic"})
_TASK_EXAMPLES = {
    "csv": '[{kind = "regression", name = "age", bounds = [0, 116]}]',
    "folder": '["glasses"]',
}


@dataclass(frozen=True)
class DataSection:
    """Which images and labels; paths are relative to the current folder.

    Parameters
    ----------
    kind : {"utkface", "fairface", "csv", "folder", "synthetic"}
        The constructor of `Dataset` that is called.
    path : str, optional
        The folder, or the CSV file; for all kinds but "synthetic".
    root : str, optional
        For "csv" and "fairface": what the paths in the file are relative to, its folder by default.
    path_column : str, default "path"
        For "csv": the column of paths.
    tasks : sequence, default ()
        For "utkface" and "fairface" names among "age", "gender" and "race", the first two by
        default. For "csv" descriptions such as
        ``{"kind": "regression", "name": "age", "bounds": [0, 116]}`` and
        ``{"kind": "classification", "name": "gender", "classes": ["male", "female"]}``. For
        "folder" one such description, or a name, which takes the sub-folders as classes.
    verify : bool, default True
        Decode all images first and go on without those that cannot be read.
    n, seed, size, label_noise
        For "synthetic": see `Dataset.synthetic`. By default 2,000 drawings of 64 pixels.
    """

    kind: str
    path: str | None = None
    root: str | None = None
    path_column: str = "path"
    tasks: Sequence[str | Mapping[str, Any]] = ()
    verify: bool = True
    n: int = 2000
    seed: int = 0
    size: int = 64
    label_noise: float = 0.0

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        check_choice(self.kind, "data.kind", _USED)
        self._check_used()
        if self.kind != "synthetic":
            self._check_path()
        check_text(self.path_column, "data.path_column")
        check_flag(self.verify, "data.verify")
        check_integer(self.n, "data.n", low=1)
        check_integer(self.seed, "data.seed", low=0)
        check_integer(self.size, "data.size", low=1)
        check_number(self.label_noise, "data.label_noise", low=0, high=1)
        self._check_tasks()

    def _check_used(self) -> None:
        unused = [
            f"data.{item.name}"
            for item in fields(self)
            if item.name not in ("kind", *_USED[self.kind])
            and getattr(self, item.name) != item.default
        ]
        if unused:
            raise InvalidArgumentError(
                f"of no use for data of kind {self.kind!r}",
                argument=", ".join(unused),
                expected="only " + ", ".join(f"data.{name}" for name in _USED[self.kind]),
            )

    def _check_path(self) -> None:
        if self.path is None:
            raise InvalidArgumentError(
                "missing",
                argument="data.path",
                expected="the CSV file" if self.kind in _LISTS else "the folder of images",
                hint='data.path="labels.csv"' if self.kind in _LISTS else 'data.path="photos"',
            )
        check_text(self.path, "data.path")
        if self.root is not None:
            check_text(self.root, "data.root")

    def _check_tasks(self) -> None:
        if isinstance(self.tasks, str | Mapping) or not isinstance(self.tasks, Sequence):
            raise InvalidTypeError("not a list", argument="data.tasks", found=repr(self.tasks))
        if self.kind in _NAMED_TASKS:
            check_texts(self.tasks, "data.tasks")
            return
        if not self.tasks or (self.kind == "folder" and len(self.tasks) != 1):
            raise InvalidArgumentError(
                "no task given" if not self.tasks else "folders tell the labels of one task alone",
                argument="data.tasks",
                expected="one or more" if self.kind == "csv" else "one",
                hint=f"tasks = {_TASK_EXAMPLES[self.kind]}",
            )
        for number, item in enumerate(self.tasks):
            if self.kind == "csv" or not isinstance(item, str):
                read_task(item, f"data.tasks[{number}]")


@dataclass(frozen=True)
class SplitSection:
    """How images are dealt to training, validation and test; see `Dataset.split`.

    Parameters
    ----------
    train, valid, test : float, default 0.7, 0.1, 0.2
        Shares, which sum to 1. Only `valid` may be 0.
    seed : int, default 0
    groups : str, optional, default "duplicates"
        Or a column, or None.
    column : str, optional
        Names each image's part, which no share and no seed decides then; see `Dataset.parts`.
    """

    train: float = 0.7
    valid: float = 0.1
    test: float = 0.2
    seed: int = 0
    groups: str | None = "duplicates"
    column: str | None = None

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        from faceattr.data.splits import check_shares

        check_number(self.train, "split.train", low=0, high=1, low_open=True)
        check_number(self.test, "split.test", low=0, high=1, low_open=True)
        shares = {"train": self.train, "valid": self.valid, "test": self.test}
        check_shares({f"split.{name}": share for name, share in shares.items()})
        check_integer(self.seed, "split.seed", low=0)
        if self.groups is not None:
            check_text(self.groups, "split.groups")
        if self.column is not None:
            check_text(self.column, "split.column")
            self._check_alone()

    def _check_alone(self) -> None:
        changed = [
            name
            for name in ("train", "valid", "test", "seed")
            if getattr(self, name) != getattr(SplitSection, name)
        ]
        if changed:
            raise InvalidArgumentError(
                "the parts are those of a column, and given by shares as well",
                argument=", ".join(f"split.{name}" for name in changed),
                expected="either split.column, or shares and a seed",
                found=f"column = {self.column!r} beside them",
                hint="leave one of both out",
            )


@dataclass(frozen=True)
class ModelSection:
    """The network; see `Model`, whose arguments these are.

    Parameters
    ----------
    backbone : str, default "mobilenet_v3_small"
    weights : str, optional, default "imagenet"
        Or a safetensors file, or None.
    heads : mapping of str to str
    dropout : float, default 0.1
    image_size : int, default 128
    seed : int, default 0
    """

    backbone: str = "mobilenet_v3_small"
    weights: str | None = "imagenet"
    heads: Mapping[str, str] = field(default_factory=dict)
    dropout: float = 0.1
    image_size: int = 128
    seed: int = 0

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        check_text(self.backbone, "model.backbone")
        if self.weights is not None:
            check_text(self.weights, "model.weights")
        for task, kind in check_mapping(self.heads, "model.heads").items():
            check_text(kind, f"model.heads.{task}")
        check_number(self.dropout, "model.dropout", low=0, high=1)
        check_integer(self.image_size, "model.image_size", low=16, high=1024)
        check_integer(self.seed, "model.seed", low=0)


@dataclass(frozen=True)
class EvaluateSection:
    """How predictions are evaluated; see `BinnedEvaluator`.

    Parameters
    ----------
    by : sequence of str or of sequence of str, optional
        Columns to group by; "age" where there is such a column by default. A list of columns, such
        as ["age", "gender"], within the list is crossed.
    bins : mapping of str to edges or int
        Edges of a column's bins, or how many. A first or last edge that is None or infinite is an
        open end.
    n_boot : int, default 1000
    confidence : float, default 0.95
    seed : int, default 0
    min_count : int, default 10
        Rows that a figure of a group needs.
    metrics : sequence of str, optional
        Names of metrics; all by default.
    """

    by: Sequence[str | Sequence[str]] | None = None
    bins: Mapping[str, Any] = field(default_factory=dict)
    n_boot: int = 1000
    confidence: float = 0.95
    seed: int = 0
    min_count: int = 10
    metrics: Sequence[str] | None = None

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        if self.by is not None:
            _check_by(self.by)
        if self.metrics is not None:
            check_texts(self.metrics, "evaluate.metrics")
        check_mapping(self.bins, "evaluate.bins")
        check_integer(self.n_boot, "evaluate.n_boot", low=0, high=1_000_000)
        check_number(self.confidence, "evaluate.confidence", low=0.5, high=0.9999)
        check_integer(self.seed, "evaluate.seed", low=0)
        check_integer(self.min_count, "evaluate.min_count", low=1)


def _check_by(by: object) -> None:
    crossed = [item for item in by if not isinstance(item, str)] if isinstance(by, list) else []
    for item in crossed:
        check_texts(item, "evaluate.by")
    plain = [item for item in by if isinstance(item, str)] if isinstance(by, list) else by
    check_texts(plain, "evaluate.by")


def read_task(item: object, argument: str) -> Task:
    """Return the task that a description in a job file stands for."""
    from faceattr.tasks import task_from_dict

    description = check_mapping(item, argument)
    try:
        return task_from_dict(description)
    except (InvalidArgumentError, InvalidTypeError) as error:
        given = {name: getattr(error, name) for name in ("rows", "expected", "found", "hint")}
        where = argument if error.argument is None else f"{argument}, {error.argument}"
        raise type(error)(error.problem, argument=where, **given) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidArgumentError(
            "not the description of a task",
            argument=argument,
            expected='{kind = "regression", name = "age", unit = "years", bounds = [0, 116]} or '
            '{kind = "classification", name = "gender", classes = ["male", "female"]}',
            found=f"{dict(description)} ({error})",
        ) from error
