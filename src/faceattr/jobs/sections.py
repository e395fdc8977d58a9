"""The sections of a training job: what each holds, how it is checked, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, cast

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.jobs._checks import check_flag, check_mapping, check_text, check_texts

if TYPE_CHECKING:
    from faceattr.binning import BinSpec
    from faceattr.data import Dataset
    from faceattr.evaluation import BinnedEvaluator
    from faceattr.models import Model
    from faceattr.tasks import Task, TaskSet

__all__ = ["DataSection", "EvaluateSection", "ModelSection", "SplitSection"]

NOTHING = "none"
"""What a job file writes where Python has None: TOML has no word of its own for it."""

_USED = {
    "utkface": ("path", "tasks", "verify"),
    "csv": ("path", "root", "path_column", "tasks", "verify"),
    "folder": ("path", "tasks", "verify"),
    "synthetic": ("n", "seed", "size", "label_noise"),
}
_TASK_EXAMPLES = {
    "csv": '[{kind = "regression", name = "age", bounds = [0, 116]}]',
    "folder": '["glasses"]',
}


@dataclass(frozen=True)
class DataSection:
    """Which images and labels; paths are relative to the current folder.

    Parameters
    ----------
    kind : {"utkface", "csv", "folder", "synthetic"}
        The constructor of `Dataset` that is called.
    path : str, optional
        The folder, or the CSV file; for all kinds but "synthetic".
    root : str, optional
        For "csv": what its paths are relative to, the folder of the file by default.
    path_column : str, default "path"
        For "csv": the column of paths.
    tasks : sequence, default ()
        For "utkface" names among "age", "gender" and "race", the first two by default. For "csv"
        descriptions such as ``{"kind": "regression", "name": "age", "bounds": [0, 116]}`` and
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

    def open(self, *, progress: bool = False) -> Dataset:
        """Return the data set; see the constructors of `Dataset` for what they raise."""
        from faceattr.data import Dataset

        if self.kind == "synthetic":
            return Dataset.synthetic(
                self.n, seed=self.seed, size=self.size, label_noise=self.label_noise
            )
        found = self._list(str(self.path))
        return found.verify(progress=progress) if self.verify else found

    def _list(self, path: str) -> Dataset:
        from faceattr.data import Dataset

        if self.kind == "utkface":
            names = [str(name) for name in self.tasks]
            return Dataset.from_utkface(path, tasks=names or ("age", "gender"))
        if self.kind == "folder":
            return Dataset.from_folder(path, task=_folder_task(self.tasks[0]))
        tasks = [_task(item, f"data.tasks[{number}]") for number, item in enumerate(self.tasks)]
        return Dataset.from_csv(path, tasks=tasks, root=self.root, path_column=self.path_column)

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
                expected="the CSV file" if self.kind == "csv" else "the folder of images",
                hint='data.path="labels.csv"' if self.kind == "csv" else 'data.path="photos"',
            )
        check_text(self.path, "data.path")
        if self.root is not None:
            check_text(self.root, "data.root")

    def _check_tasks(self) -> None:
        if isinstance(self.tasks, str | Mapping) or not isinstance(self.tasks, Sequence):
            raise InvalidTypeError("not a list", argument="data.tasks", found=repr(self.tasks))
        if self.kind in {"utkface", "synthetic"}:
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
                _task(item, f"data.tasks[{number}]")


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
    """

    train: float = 0.7
    valid: float = 0.1
    test: float = 0.2
    seed: int = 0
    groups: str | None = "duplicates"

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        shares = {name: getattr(self, name) for name in ("train", "valid", "test")}
        for name, share in shares.items():
            check_number(share, f"split.{name}", low=0, high=1, low_open=name != "valid")
        if abs(sum(shares.values()) - 1) > 1e-6:
            raise InvalidArgumentError(
                "the shares do not sum to 1",
                argument="split.train, split.valid, split.test",
                found=f"{sum(shares.values()):g}",
                hint="train = 0.7, valid = 0.1, test = 0.2",
            )
        check_integer(self.seed, "split.seed", low=0)
        if self.groups is not None:
            check_text(self.groups, "split.groups")

    def apply(self, dataset: Dataset) -> dict[str, Dataset]:
        """Return the parts that have a share, by name."""
        parts = dataset.split(
            train=self.train, valid=self.valid, test=self.test, seed=self.seed, groups=self.groups
        )
        names = ("train", "valid", "test") if self.valid > 0 else ("train", "test")
        return dict(zip(names, parts, strict=True))


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

    def build(self, tasks: TaskSet) -> Model:
        """Return an untrained model; see `Model` for what it raises."""
        from faceattr.models import Model

        return Model(
            self.backbone,
            tasks,
            weights=self.weights,
            heads=self.heads,
            dropout=self.dropout,
            image_size=self.image_size,
            seed=self.seed,
        )


@dataclass(frozen=True)
class EvaluateSection:
    """How predictions are evaluated; see `BinnedEvaluator`.

    Parameters
    ----------
    by : sequence of str, optional
        Columns to group by; "age" where there is such a column by default.
    bins : mapping of str to edges or int
        Edges of a column's bins, or how many. A first or last edge that is None or infinite is an
        open end.
    n_boot : int, default 1000
    confidence : float, default 0.95
    seed : int, default 0
    """

    by: Sequence[str] | None = None
    bins: Mapping[str, Any] = field(default_factory=dict)
    n_boot: int = 1000
    confidence: float = 0.95
    seed: int = 0

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        if self.by is not None:
            check_texts(self.by, "evaluate.by")
        check_mapping(self.bins, "evaluate.bins")
        check_integer(self.n_boot, "evaluate.n_boot", low=0, high=1_000_000)
        check_number(self.confidence, "evaluate.confidence", low=0.5, high=0.9999)
        check_integer(self.seed, "evaluate.seed", low=0)

    def evaluator(self, columns: Sequence[str], tasks: TaskSet | None = None) -> BinnedEvaluator:
        """Return the evaluator for tables that have these columns."""
        from faceattr.evaluation import BinnedEvaluator

        by = [name for name in ("age",) if name in columns] if self.by is None else self.by
        return BinnedEvaluator(
            by=by,
            bins=self.open_bins(),
            n_boot=self.n_boot,
            confidence=self.confidence,
            seed=self.seed,
            tasks=tasks,
        )

    def open_bins(self) -> dict[str, BinSpec]:
        """Return the bins with None in place of infinite ends."""
        return {name: _open_ends(edges) for name, edges in self.bins.items()}

    def without_intervals(self) -> EvaluateSection:
        """Return the same without a bootstrap."""
        return replace(self, n_boot=0)


def _task(item: object, argument: str) -> Task:
    from faceattr.tasks import task_from_dict

    description = check_mapping(item, argument)
    try:
        return task_from_dict(description)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InvalidArgumentError | InvalidTypeError):
            raise
        raise InvalidArgumentError(
            "not the description of a task",
            argument=argument,
            expected='{kind = "regression", name = "age", unit = "years", bounds = [0, 116]} or '
            '{kind = "classification", name = "gender", classes = ["male", "female"]}',
            found=f"{dict(description)} ({error})",
        ) from error


def _folder_task(item: str | Mapping[str, Any]) -> Any:
    return item if isinstance(item, str) else _task(item, "data.tasks[0]")


def _open_ends(edges: Any) -> BinSpec:
    if isinstance(edges, str) or not isinstance(edges, Sequence):
        return cast("int", edges)  # or nonsense, of which the evaluator says what is wrong
    last = len(edges) - 1
    ends = {0: -float("inf"), last: float("inf")}
    return [None if ends.get(place) == edge else edge for place, edge in enumerate(edges)]
