"""From an epoch's plan to batches of pixels and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from faceattr.data.cache import CachedImages
from faceattr.images import UInt8Image
from faceattr.models.predict import images_to_tensor
from faceattr.training.augment import RANDOM_COLUMNS, AugmentPolicy, augment
from faceattr.training.randomness import epoch_generator, uniforms

__all__ = ["Batch", "Batches", "Plan", "Sampler", "shuffled_plan"]

Plan = npt.NDArray[np.int64]
"""An epoch's images in order: int64 of shape (M, 2), columns image index and number of repeat."""


class Sampler(Protocol):
    """Chooses which images an epoch shows."""

    def plan(self, epoch: int) -> Plan:
        """Return the plan of an epoch, a pure function of the epoch and the sampler's own seed."""
        ...


@dataclass(frozen=True)
class Batch:
    """One step's share of this process.

    Attributes
    ----------
    images : torch.Tensor of uint8, shape (N, 3, H, W)
        RGB in 0-255, channels-last in memory.
    labels : dict of str to torch.Tensor
        Encoded labels by task, first dimension N.
    counts : dict of str to int
        How many labels of each task the step has over all processes.
    indices : numpy.ndarray of int64, shape (N,)
        Which images of the data set these are.
    """

    images: Tensor
    labels: dict[str, Tensor]
    counts: dict[str, int]
    indices: npt.NDArray[np.int64]


def shuffled_plan(n: int, seed: int, epoch: int) -> Plan:
    """Return a plan that shows each of `n` images once, in an order that (seed, epoch) decides."""
    order = epoch_generator(seed, epoch).permutation(n)
    return np.stack([order, np.zeros(n, np.int64)], axis=1).astype(np.int64)


@dataclass(frozen=True)
class Batches:
    """Deals plans out to steps and processes.

    Attributes
    ----------
    images : CachedImages
        Decoded images by index.
    labels : mapping of str to torch.Tensor
        Encoded labels of the whole data set by task.
    labelled : mapping of str to numpy.ndarray of bool
        Which labels are known, by task.
    policy : AugmentPolicy
    seed : int
    batch_size : int
        Images a step over all processes.
    rank, world_size : int
    device : torch.device
    """

    images: CachedImages
    labels: Mapping[str, Tensor]
    labelled: Mapping[str, npt.NDArray[np.bool_]]
    policy: AugmentPolicy
    seed: int
    batch_size: int
    rank: int
    world_size: int
    device: torch.device

    def steps(self, n: int) -> int:
        """Return into how many steps `n` places are dealt."""
        # Batch norm needs two images at least in every process.
        most = n // (2 * self.world_size)
        return max(min(round(n / self.batch_size), most), 1)

    def epoch(self, plan: Plan, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch; the next one is read while one is used."""
        places = np.array_split(np.arange(len(plan)), self.steps(len(plan)))
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = reader.submit(self._read, plan, places[0])
            for step, own in enumerate(places):
                pixels = ahead.result()
                if step + 1 < len(places):
                    ahead = reader.submit(self._read, plan, places[step + 1])
                yield self._batch(pixels, plan, own, epoch)

    def _own(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return places[self.rank :: self.world_size]

    def _read(self, plan: Plan, places: npt.NDArray[np.int64]) -> UInt8Image:
        return self.images.take(plan[self._own(places), 0])

    def _batch(
        self, pixels: UInt8Image, plan: Plan, places: npt.NDArray[np.int64], epoch: int
    ) -> Batch:
        own = self._own(places)
        numbers = uniforms(self.seed, epoch, own, RANDOM_COLUMNS)
        images = images_to_tensor(augment(pixels, self.policy, numbers), self.device)
        indices = plan[own, 0]
        return Batch(
            images=images,
            labels={
                name: values[torch.from_numpy(indices)].to(self.device)
                for name, values in self.labels.items()
            },
            # Every process knows all labels, so the global count needs no communication.
            counts={
                name: int(known[plan[places, 0]].sum()) for name, known in self.labelled.items()
            },
            indices=indices,
        )
