"""Mixup: images that are partly another image, and labels that are partly the other's.

Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization" (arXiv:1710.09412). Heads mix what
the labels stand for (`Head.mixed_loss`): a mixture of a child and an old man is a distribution with
two peaks, not a man of middle age.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from faceattr.training.randomness import MIXUP, step_generator, uniforms

__all__ = ["Mixture", "mix_images", "mix_weights", "mixture_of"]


@dataclass(frozen=True)
class Mixture:
    """Who is mixed with whom.

    Attributes
    ----------
    partners : numpy.ndarray of int64, shape (n,)
        Places in the epoch's plan.
    share : numpy.ndarray of float32, shape (n,)
        What an image keeps of itself, in [0.5, 1].
    """

    partners: npt.NDArray[np.int64]
    share: npt.NDArray[np.float32]


def mixture_of(
    places: npt.NDArray[np.int64], alpha: float, seed: int, epoch: int
) -> Mixture | None:
    """Choose partners and shares within a step.

    Parameters
    ----------
    places : numpy.ndarray of int64, shape (n,)
        All places of the step, over all processes; each is the partner of exactly one.
    alpha : float
        Shares follow Beta(alpha, alpha), the larger of the two parts being the image's own; 0 mixes
        nothing.
    seed, epoch : int

    Returns
    -------
    Mixture or None
    """
    if alpha == 0:
        return None
    from scipy.special import betaincinv  # late: few trainings mix

    partners = step_generator(seed, epoch, int(places[0])).permutation(places)
    drawn = betaincinv(alpha, alpha, uniforms(seed, epoch, places, 1, purpose=MIXUP)[:, 0])
    return Mixture(partners, np.maximum(drawn, 1 - drawn).astype(np.float32))


def mix_images(images: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """Return ``share * images + (1 - share) * others``, float32 ``(N, 3, H, W)``."""
    return torch.lerp(others.float(), images.float(), share[:, None, None, None])


def mix_weights(weight: Tensor, other: Tensor | None, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a mixed image counts, and which part of its loss is its own, both ``(N,)``.

    A label then counts by its image's share times its image's weight.
    """
    first = share * weight
    second = (1 - share) * (torch.ones_like(weight) if other is None else other)
    total = first + second
    return total, torch.where(total > 0, first / total.clamp(min=1e-12), share)
