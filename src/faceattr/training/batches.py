"""From an epoch's plan to steps: pixels, labels and weights of this process's share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from faceattr.data.cache import CachedImages
from faceattr.data.sampling import Plan
from faceattr.images import UInt8Image
from faceattr.models.torch_runtime import images_to_tensor
from faceattr.training.augment import RANDOM_COLUMNS, AugmentPolicy, augment
from faceattr.training.mixup import Mixture, mix_images, mix_weights, mixture_of
from faceattr.training.randomness import uniforms

__all__ = ["Batch", "Batches", "Sampler", "Step", "Targets"]

Places = npt.NDArray[np.int64]


class Sampler(Protocol):
    """Chooses which images an epoch shows."""

    def plan(self, epoch: int) -> Plan:
        """Return the plan of an epoch, a pure function of the epoch and the sampler's own seed."""
        ...


@dataclass(frozen=True)
class Targets:
    """What a data set says about its n images, as tensors.

    Attributes
    ----------
    labels : mapping of str to torch.Tensor
        Encoded labels by task, first dimension n.
    known : mapping of str to torch.Tensor of bool, shape (n,)
        Which labels are there, by task.
    weight : torch.Tensor of float32, shape (n,), or None
        How much an image counts, 1 on average; None where all count the same.
    """

    labels: Mapping[str, Tensor]
    known: Mapping[str, Tensor]
    weight: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Images that go through the network together.

    Attributes
    ----------
    images : torch.Tensor of uint8 or float32, shape (N, 3, H, W)
    labels : dict of str to torch.Tensor
        Encoded labels by task, first dimension N.
    other : dict of str to torch.Tensor, or None
        Labels of the images that are mixed in.
    share : torch.Tensor of float32, shape (N,), or None
        Which part of each image is its own, in [0.5, 1].
    weight : torch.Tensor of float32, shape (N,), or None
        How much the image counts, of a mixed one by the shares of both.
    indices : numpy.ndarray of int64, shape (N,) or (N, 2)
        Which images of the data set these are, with those that are mixed in.
    """

    images: Tensor
    labels: dict[str, Tensor]
    other: dict[str, Tensor] | None
    share: Tensor | None
    weight: Tensor | None
    indices: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Step:
    """One step of the optimiser: this process's batches, and what all processes have together.

    Attributes
    ----------
    batches : sequence of Batch
        One, or as many as gradients are accumulated over.
    counts : dict of str to float
        How many labels of each task the step has over all batches and processes.
    """

    batches: list[Batch]
    counts: dict[str, float]


@dataclass(frozen=True)
class Batches:
    """Deals plans out to steps, processes and batches.

    What an image becomes depends on the seed, the epoch and its place in the plan alone.

    Attributes
    ----------
    images : CachedImages
        Decoded images by index.
    targets : Targets
    policy, repeat_policy : AugmentPolicy
        Of an image's first appearance in the epoch, and of its repeats.
    seed : int
    batch_size : int
        Images a step, over all processes.
    accumulate : int
        Batches a step, in each process.
    mixup : float
        Parameter of the beta distribution of shares; 0 mixes nothing.
    rank, world_size : int
    device : torch.device
    threads : int, default 1
        How many read and augment the images of a step; what they make does not depend on it.
    """

    images: CachedImages
    targets: Targets
    policy: AugmentPolicy
    repeat_policy: AugmentPolicy
    seed: int
    batch_size: int
    accumulate: int
    mixup: float
    rank: int
    world_size: int
    device: torch.device
    threads: int = 1

    def steps(self, n: int) -> int:
        """Return into how many steps `n` places are dealt."""
        # Batch norm needs two images at least in every batch of every process.
        most = n // (2 * self.world_size * self.accumulate)
        return max(min(round(n / self.batch_size), most), 1)

    def epoch(self, plan: Plan, epoch: int) -> Iterator[Step]:
        """Yield the steps of an epoch; the next one is read and augmented while one is used."""
        deals = np.array_split(np.arange(len(plan)), self.steps(len(plan)))
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(self.threads) as pool:
            ahead = reader.submit(self._read, pool, plan, epoch, deals[0])
            for number in range(len(deals)):
                read = ahead.result()
                if number + 1 < len(deals):
                    ahead = reader.submit(self._read, pool, plan, epoch, deals[number + 1])
                yield self._step(read, plan)

    def _read(self, pool: Executor, plan: Plan, epoch: int, places: Places) -> _Read:
        own = np.arange(len(places))[self.rank :: self.world_size]
        mixture = mixture_of(places, self.mixup, self.seed, epoch)
        # A partner may belong to another process, so its pixels are made here too.
        partners = places[:0] if mixture is None else mixture.partners[own]
        needed = np.union1d(places[own], partners)

        def make(some: Places) -> UInt8Image:
            numbers = uniforms(self.seed, epoch, some, RANDOM_COLUMNS)
            return self._augmented(self.images.take(plan[some, 0]), plan[some, 1], numbers)

        if self.threads == 1:
            return _Read(places, own, mixture, needed, make(needed))
        made = list(pool.map(make, np.array_split(needed, self.threads)))
        return _Read(places, own, mixture, needed, np.concatenate(made))

    def _augmented(
        self, images: UInt8Image, repeats: Places, numbers: npt.NDArray[np.float64]
    ) -> UInt8Image:
        again = repeats > 0
        if self.policy == self.repeat_policy or not again.any():
            return augment(images, self.policy, numbers)
        changed = np.empty_like(images)
        for rows, policy in ((~again, self.policy), (again, self.repeat_policy)):
            changed[rows] = augment(images[rows], policy, numbers[rows])
        return changed

    def _step(self, read: _Read, plan: Plan) -> Step:
        pieces = np.array_split(read.own, self.accumulate)
        return Step([self._batch(read, plan, rows) for rows in pieces], self._counts(read, plan))

    def _batch(self, read: _Read, plan: Plan, rows: Places) -> Batch:
        indices = plan[read.places[rows], 0]
        images = images_to_tensor(read.pixels(read.places[rows]), self.device)
        weight = self._weights(indices)
        if read.mixture is None:
            return Batch(images, self._labels(indices), None, None, weight, indices)
        partners = read.mixture.partners[rows]
        others = plan[partners, 0]
        share = torch.from_numpy(read.mixture.share[rows]).to(self.device)
        images = mix_images(images, images_to_tensor(read.pixels(partners), self.device), share)
        if weight is not None:
            weight, share = mix_weights(weight, self._weights(others), share)
        both = np.stack([indices, others], axis=1)
        return Batch(images, self._labels(indices), self._labels(others), share, weight, both)

    def _weights(self, indices: Places) -> Tensor | None:
        weight = self.targets.weight
        return None if weight is None else weight[torch.from_numpy(indices)].to(self.device)

    def _labels(self, indices: Places) -> dict[str, Tensor]:
        rows = torch.from_numpy(indices)
        return {name: values[rows].to(self.device) for name, values in self.targets.labels.items()}

    def _counts(self, read: _Read, plan: Plan) -> dict[str, float]:
        # Every process knows all labels, so the global count needs no communication.
        own = torch.from_numpy(plan[read.places, 0])
        if read.mixture is None:
            return {name: float(known[own].sum()) for name, known in self.targets.known.items()}
        others = torch.from_numpy(plan[read.mixture.partners, 0])
        share = torch.from_numpy(read.mixture.share).double()
        return {
            name: float((share * known[own] + (1 - share) * known[others]).sum())
            for name, known in self.targets.known.items()
        }


@dataclass(frozen=True)
class _Read:
    """What the reading thread hands over: a step's places, and augmented images by place.

    `own` are this process's rows of `places`; `images` are those at the places `needed`.
    """

    places: Places
    own: Places
    mixture: Mixture | None
    needed: Places
    images: UInt8Image

    def pixels(self, places: Places) -> UInt8Image:
        if np.array_equal(places, self.needed):
            return self.images
        return self.images[np.searchsorted(self.needed, places)]
