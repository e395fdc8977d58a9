"""What makes a training this one and no other, as plain JSON types that can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from torch import Tensor

from faceattr.data import CachedImages, Dataset
from faceattr.data.sampling import Plan
from faceattr.models import Model
from faceattr.models.pretrained import describe_network
from faceattr.training.augment import as_policy
from faceattr.training.batches import Targets
from faceattr.training.config import TrainConfig

__all__ = ["data_identity", "folds_identity", "run_identity"]


def run_identity(
    config: TrainConfig,
    model: Model,
    train: dict[str, Any],
    valid: dict[str, Any] | None,
    plan: Plan,
) -> dict[str, Any]:
    """Return the configuration, the network and the data of a training.

    Parameters
    ----------
    config : TrainConfig
    model : Model
    train, valid : dict
        As `data_identity` gives them.
    plan : numpy.ndarray
        The first epoch's plan, which stands for the sampler.
    """
    identity = {
        **_recipe(config, model),
        "train": {**train, "plan": _digest([plan.tobytes()])},
        "valid": valid,
    }
    return _plain(identity)


def folds_identity(
    dataset: Dataset,
    model: Model,
    config: TrainConfig,
    folds: dict[str, Any],
    plans: Iterable[Plan],
) -> dict[str, Any]:
    """Return the configuration, the network, the data and the folds of a cross-validation.

    Of the data it takes ids and all columns, and no pixels, which each fold's checkpoints look at.

    Parameters
    ----------
    dataset : Dataset
    model : Model
    config : TrainConfig
    folds : dict
        What the folds were made by, as plain JSON types.
    plans : iterable of numpy.ndarray
        The first epoch's plan of each fold, which stands for its sampler; empty without samplers.
    """
    table = dataset.table
    columns = {name: _digest(map(_cell, table[name])) for name in table if name != "path"}
    folds = {**folds, "images": len(dataset)}
    if digests := [_digest([plan.tobytes()]) for plan in plans]:
        folds["plans"] = digests
    return _plain({**_recipe(config, model), "folds": folds, "columns": columns})


def _recipe(config: TrainConfig, model: Model) -> dict[str, Any]:
    repeats = config.repeat_augment
    return {
        "config": config.to_dict(),
        "augment": asdict(as_policy(config.augment, "augment")),
        "repeat_augment": None if repeats is None else asdict(as_policy(repeats, "repeat_augment")),
        "network": describe_network(model),
        "started_from": model.started_from,
    }


def _plain(identity: dict[str, Any]) -> dict[str, Any]:
    """Return it as a file gives it back: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def _cell(value: object) -> bytes:
    return str(value).encode(errors="surrogatepass") + b"\0"


def data_identity(data: Dataset, images: CachedImages, targets: Targets) -> dict[str, Any]:
    """Return the number of images, and digests of their ids, pixels, labels and weights."""
    labels = [_bytes(values) for values in targets.labels.values()]
    return {
        "images": len(data),
        "ids": _digest(str(name).encode() + b"\0" for name in data.table["sample_id"]),
        "pixels": images.digest,
        "labels": _digest(labels),
        "weights": None if targets.weight is None else _digest([_bytes(targets.weight)]),
    }


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().contiguous().numpy().tobytes()


def _digest(parts: Iterable[bytes]) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
