"""From the sections of a job to what they describe: data sets, parts, models, evaluators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

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
    """Return the parts that have a share, by name."""
    parts = dataset.split(
        train=section.train,
        valid=section.valid,
        test=section.test,
        seed=section.seed,
        groups=section.groups,
    )
    names = ("train", "valid", "test") if section.valid > 0 else ("train", "test")
    return dict(zip(names, parts, strict=True))


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
