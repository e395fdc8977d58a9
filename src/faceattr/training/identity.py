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

__all__ = ["data_identity", "run_identity"]


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
        "config": config.to_dict(),
        "augment": asdict(as_policy(config.augment, "augment")),
        "repeat_augment": None
        if config.repeat_augment is None
        else asdict(as_policy(config.repeat_augment, "repeat_augment")),
        "network": describe_network(model),
        "train": {**train, "plan": _digest([plan.tobytes()])},
        "valid": valid,
    }
    # As a file gives it back: lists for tuples.
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


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
