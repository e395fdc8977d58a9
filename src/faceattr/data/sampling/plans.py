"""An epoch's plan: which images it shows, in which order, and how often each has been shown.

A plan is a pure function of its arguments. How it is dealt to processes is no concern of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Plan", "Tapes", "shuffled_plan"]

Plan: TypeAlias = npt.NDArray[np.int64]
"""An epoch's images in order: int64 of shape (M, 2), columns image index and number of repeat."""

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

_GOLDEN_RATIO = (5**0.5 - 1) / 2
_WHOLE = 1e-6
# Longer than the seeds of epochs and steps, and so generators apart from theirs.
_TAPES, _FRACTION = (0, 0, 0, 2), (0, 0, 0, 3)


def shuffled_plan(n: int, seed: int, epoch: int) -> Plan:
    """Return a plan that shows each of `n` images once, in an order that (seed, epoch) decides."""
    order = _epoch_generator(seed, epoch).permutation(n)
    return np.stack([order, np.zeros(n, np.int64)], axis=1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Tapes:
    """The images of each cell in an order of their own, from which epochs take turns.

    An epoch takes as many from a cell as its quota says, beginning where the epoch before left off,
    and starts over at the end. So of a cell that is shown less than once an epoch, every image is
    seen before any comes back.

    Attributes
    ----------
    order : numpy.ndarray of int64, shape (n,)
        Image indices, cell after cell.
    counts : numpy.ndarray of int64, shape (K,)
        Images of each cell, all above 0.
    quotas : numpy.ndarray of float64, shape (K,)
        Images an epoch takes of each cell, on average over epochs; the sum is a whole number.
    seed : int
    """

    order: Integers
    counts: Integers
    quotas: Floats
    seed: int

    @classmethod
    def of(cls, cells: npt.NDArray[np.intp], counts: Integers, quotas: Floats, seed: int) -> Tapes:
        """Lay images, given by the numbers of their cells, on tapes, each in a random order."""
        shuffled = np.random.default_rng([seed, *_TAPES]).permutation(len(cells))
        order = shuffled[np.argsort(cells[shuffled], kind="stable")]
        return cls(order.astype(np.int64), counts, quotas, seed)

    def plan(self, epoch: int) -> Plan:
        """Return an epoch's plan.

        The repeats of an image are spread over the epoch, one in each of as many equal stretches.
        Which of them has the number 0 is drawn, so that the early part of an epoch is no other than
        the late one. Where each image is shown once, the plan is that of `shuffled_plan`.
        """
        return _spread(self._shown(epoch), _epoch_generator(self.seed, epoch))

    def _shown(self, epoch: int) -> Integers:
        """Return how often each image stands in an epoch, shape (n,)."""
        taken = self._taken(epoch + 1)
        begin, length = taken[:-1].sum(axis=0), taken[-1]
        # How far an image is on its tape from where the epoch begins.
        ahead = self._place - (begin % self.counts)[self._cell]
        ahead += np.where(ahead < 0, self.counts[self._cell], 0)
        laps, rest = np.divmod(length, self.counts)
        shown = np.empty(len(self.order), dtype=np.int64)
        shown[self.order] = laps[self._cell] + (ahead < rest[self._cell])
        return shown

    @cached_property
    def _cell(self) -> Integers:
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def _place(self) -> Integers:
        """The place of each image, in `order`, on the tape of its cell."""
        starts = np.cumsum(self.counts) - self.counts
        return np.arange(len(self.order)) - starts[self._cell]

    def _taken(self, epochs: int) -> Integers:
        """Return how many images the first epochs take of each cell, shape (epochs, K).

        Rounded systematically: the quotas, laid end to end, are cut at whole numbers plus a
        fraction that moves on by the golden ratio. Every epoch has its exact length, a cell gets
        its quota rounded down or up, and over epochs about one image more or less than its due.
        """
        ends = np.concatenate([[0.0], np.cumsum(self.quotas)])
        whole = np.rint(ends)
        ends = np.where(np.abs(ends - whole) < _WHOLE, whole, ends)
        first = np.random.default_rng([self.seed, *_FRACTION]).random()
        fractions = (first + _GOLDEN_RATIO * np.arange(epochs)) % 1.0
        cuts: Integers = np.floor(ends[None, :] + fractions[:, None]).astype(np.int64)
        return cuts[:, 1:] - cuts[:, :-1]


def _spread(shown: Integers, generator: np.random.Generator) -> Plan:
    """Put images in an order in which the repeats of each are far from one another."""
    image = np.repeat(np.arange(len(shown)), shown)
    count = shown[image]
    repeat = np.arange(len(image)) - np.repeat(np.cumsum(shown) - shown, shown)
    order = generator.permutation(len(image))
    moment = np.empty(len(image))
    moment[order] = np.arange(len(image)) / max(len(image), 1)
    turns = generator.random(len(shown))[image]
    stretch = (repeat + (turns * count).astype(np.int64)) % count
    order = np.argsort((stretch + moment) / count, kind="stable")
    plan = np.empty((len(order), 2), dtype=np.int64)
    plan[:, 0], plan[:, 1] = image[order], repeat[order]
    return plan


def _epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([seed, epoch])
