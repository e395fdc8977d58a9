"""From the sections of a job to what they describe: data sets, parts, models, evaluators."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from faceattr.exceptions import DataError
from faceattr.jobs.sections import (
    DataSection,
    EvaluateSection,
    ModelSection,
    SplitSection,
    read_task,
)

if TYPE_CHECKING:
    from faceattr.binning import BinSpec
    from faceattr.data import Dataset
    from faceattr.evaluation import BinnedEvaluator
    from faceattr.models import Model
    from faceattr.tasks import TaskSet

__all__ = ["build_model", "make_evaluator", "open_bins", "open_dataset", "split_dataset"]

_log = logging.getLogger(__name__)

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What parts are called in lists, in small letters, and what they are called here."""


def open_dataset(section: DataSection, *, progress: bool = False) -> Dataset:
    """Return the data set; see the constructors of `Dataset` for what they raise."""
    from faceattr.data import Dataset

    if section.kind == "synthetic":
        return Dataset.synthetic(
            section.n, seed=section.seed, size=section.size, label_noise=section.label_noise
        )
    found = _list_images(section, str(section.path))
    return found.verify(progress=progress) if section.verify else found


def _list_images(section: DataSection, path: str) -> Dataset:
    from faceattr.data import Dataset

    names = [str(name) for name in section.tasks] or ["age", "gender"]
    if section.kind == "utkface":
        return Dataset.from_utkface(path, tasks=names)
    if section.kind == "fairface":
        return Dataset.from_fairface(path, tasks=names, root=section.root)
    if section.kind == "folder":
        first: Any = section.tasks[0]
        task = first if isinstance(first, str) else read_task(first, "data.tasks[0]")
        return Dataset.from_folder(path, task=cast("Any", task))
    tasks = [read_task(item, f"data.tasks[{n}]") for n, item in enumerate(section.tasks)]
    return Dataset.from_csv(path, tasks=tasks, root=section.root, path_column=section.path_column)


def split_dataset(section: SplitSection, dataset: Dataset) -> dict[str, Dataset]:
    """Return the parts that have images: "train", perhaps "valid", and "test"."""
    if section.column is not None:
        return _follow_column(section, dataset)
    parts = dataset.split(
        train=section.train,
        valid=section.valid,
        test=section.test,
        seed=section.seed,
        groups=section.groups,
    )
    names = ("train", "valid", "test") if section.valid > 0 else ("train", "test")
    return dict(zip(names, parts, strict=True))


def _follow_column(section: SplitSection, dataset: Dataset) -> dict[str, Dataset]:
    """Return the parts that a column names, under the names that they have here."""
    import pandas as pd

    from faceattr.data.splits import given_parts

    given = given_parts(dataset.table, str(section.column))
    names = _usual_names(given.unique().tolist(), str(section.column))
    parts = pd.DataFrame({"sample_id": dataset.table["sample_id"], "split": given.map(names)})
    found = dataset.with_labels(parts).parts(groups=section.groups)
    return {name: found[name] for name in ("train", "valid", "test") if name in found}


def _usual_names(given: Sequence[str], column: str) -> dict[str, str]:
    """Return what parts are called here; a sole part beside that of training is the test part."""
    names = {name: _PARTS.get(name.lower(), "") for name in given}
    usual = sorted(names.values())
    if usual not in (["test", "train"], ["train", "valid"], ["test", "train", "valid"]):
        raise DataError(
            "these are no parts to train and test on",
            argument="split.column",
            expected="train and test, and perhaps valid, each under one name of: "
            + ", ".join(_PARTS),
            found=f"column {column!r} with " + ", ".join(map(repr, given)),
            hint="name the parts so in the list, or let split.train, valid and test deal",
        )
    if "test" not in usual:
        _log.warning("column %r names no test part: its validation part is tested on", column)
        names = {name: "test" if part == "valid" else part for name, part in names.items()}
    return names


def build_model(section: ModelSection, tasks: TaskSet) -> Model:
    """Return an untrained model; see `Model` for what it raises."""
    from faceattr.models import Model

    return Model(
        section.backbone,
        tasks,
        weights=section.weights,
        heads=section.heads,
        dropout=section.dropout,
        image_size=section.image_size,
        seed=section.seed,
    )


def make_evaluator(section: EvaluateSection, tasks: TaskSet | None = None) -> BinnedEvaluator:
    """Return the evaluator; without `tasks` it takes all that the columns tell."""
    from faceattr.evaluation import BinnedEvaluator

    return BinnedEvaluator(
        by=section.by,
        bins=open_bins(section.bins),
        n_boot=section.n_boot,
        confidence=section.confidence,
        seed=section.seed,
        tasks=tasks,
        min_count=section.min_count,
        metrics=section.metrics,
    )


def open_bins(bins: Mapping[str, Any]) -> dict[str, BinSpec]:
    """Return the bins with None in place of infinite ends."""
    return {name: _open_ends(edges) for name, edges in bins.items()}


def _open_ends(edges: Any) -> BinSpec:
    if isinstance(edges, str) or not isinstance(edges, Sequence):
        return cast("int", edges)  # or nonsense, of which the evaluator says what is wrong
    last = len(edges) - 1
    ends = {0: -float("inf"), last: float("inf")}
    return [None if ends.get(place) == edge else edge for place, edge in enumerate(edges)]
