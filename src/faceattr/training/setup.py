"""From what `Trainer.fit` is given to the parts of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from faceattr.data import CachedImages, Dataset, ImageCache
from faceattr.data.sampling import Plan, shuffled_plan
from faceattr.exceptions import DataError
from faceattr.models import Model
from faceattr.training.augment import as_policy
from faceattr.training.batches import Batches, Sampler, Targets
from faceattr.training.checks import check_plan
from faceattr.training.config import TrainConfig
from faceattr.training.identity import data_identity, run_identity
from faceattr.training.loop import Run
from faceattr.training.teaching import Teacher
from faceattr.training.validation import Validator

if TYPE_CHECKING:
    from faceattr.training.engine import Engine

__all__ = [
    "Part",
    "flat_settings",
    "history_table",
    "identify",
    "make_batches",
    "make_plans",
    "make_validator",
    "open_part",
    "training_record",
]


@dataclass(frozen=True)
class Part:
    """A data set, ready to be trained or validated on.

    Attributes
    ----------
    data : Dataset
    images : CachedImages
    targets : Targets
    """

    data: Dataset
    images: CachedImages
    targets: Targets


def open_part(
    data: Dataset,
    model: Model,
    cache: ImageCache,
    engine: Engine,
    *,
    weight: npt.NDArray[np.float32] | None = None,
    teacher: Teacher | None = None,
    progress: bool = False,
) -> Part:
    """Decode what is not in the cache, and encode the labels, with what a teacher says.

    Several processes decode a share each. Where they do not have the cache's folder in common, each
    decodes what it does not find.
    """
    show = progress and engine.is_main
    if engine.world_size > 1:
        try:
            rows = np.arange(len(data)) % engine.world_size == engine.rank
            cache.open(data.select(rows), model.image_size, progress=show)
        except DataError:
            pass  # raised below, in all processes alike
        engine.wait()
    images = cache.open(data, model.image_size, progress=show)
    labels = {name: model.head(name).encode(data.table) for name in model.tasks}
    if teacher is not None:
        labels = teacher.soften(labels, model)
    known = {name: model.head(name).labelled(values) for name, values in labels.items()}
    weights = None if weight is None else torch.from_numpy(weight)
    return Part(data, images, Targets(labels, known, weights))


def make_batches(part: Part, config: TrainConfig, engine: Engine) -> Batches:
    """Return what deals the training images out."""
    policy = as_policy(config.augment, "augment")
    repeats = config.repeat_augment
    return Batches(
        images=part.images,
        targets=part.targets,
        policy=policy,
        repeat_policy=policy if repeats is None else as_policy(repeats, "repeat_augment"),
        seed=config.seed,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        mixup=config.mixup,
        rank=engine.rank,
        world_size=engine.world_size,
        device=engine.device,
        threads=_reading_threads(engine),
    )


def _reading_threads(engine: Engine) -> int:
    """Return one thread where the network itself needs the cores, else a few."""
    if engine.device.type == "cpu":
        return 1
    return max(1, min(8, (os.cpu_count() or 1) // engine.world_size))


def make_plans(
    n: int, config: TrainConfig, sampler: Sampler | None, world_size: int = 1
) -> Callable[[int], Plan]:
    """Return the function from an epoch to its plan of `n` images."""
    if sampler is None:
        return lambda epoch: shuffled_plan(n, config.seed, epoch)
    least = 2 * config.accumulate * world_size
    return lambda epoch: check_plan(sampler.plan(epoch), n, least)


def make_validator(part: Part, config: TrainConfig, engine: Engine) -> Validator:
    """Return what looks at the validation part after each epoch."""
    return Validator(part.images, part.data.table, dict(part.targets.labels), config, engine)


def identify(run: Run, train: Part, valid: Part | None) -> dict[str, Any]:
    """Return what makes this training what it is; see `faceattr.training.identity`."""
    first, second = [
        None if part is None else data_identity(part.data, part.images, part.targets)
        for part in (train, valid)
    ]
    return run_identity(run.config, run.model, first or {}, second, run.plan(0))


def training_record(
    run: Run,
    parts: tuple[Part, Part | None],
    sampler: Sampler | None,
    teacher: Teacher | None = None,
) -> dict[str, Any]:
    """Return what a model tells about its training."""
    train, valid = parts
    return {
        "config": run.config.to_dict(),
        "sampler": describe_sampler(sampler),
        "teacher": None if teacher is None else teacher.describe(),
        "images": {"train": len(train.data), "valid": 0 if valid is None else len(valid.data)},
        "labels": {name: int(known.sum()) for name, known in train.targets.known.items()},
        "epochs": run.progress.epoch,
        "stopped": run.progress.stopped,
        "precision": run.engine.precision,
        "processes": run.engine.world_size,
        "seconds": round(sum(row["seconds"] for row in run.progress.history), 1),
    }


def describe_sampler(sampler: Sampler | None) -> dict[str, Any] | None:
    """Return what a sampler tells about itself by ``to_dict``, else its name; None without one."""
    if sampler is None:
        return None
    tell = getattr(sampler, "to_dict", None)
    return dict(tell()) if callable(tell) else {"kind": type(sampler).__name__}


def flat_settings(config: TrainConfig) -> dict[str, bool | int | float | str]:
    """Return the configuration as trackers take it: no nested values, None as text."""
    settings: dict[str, bool | int | float | str] = {}
    for name, value in config.to_dict().items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, item in inner:
            settings[f"{name}.{key}" if key else name] = "None" if item is None else item
    return settings


def history_table(rows: list[dict[str, float]]) -> pd.DataFrame:
    """Return the rows of the epochs as a table."""
    return pd.DataFrame(rows).astype({"epoch": "int64"})
