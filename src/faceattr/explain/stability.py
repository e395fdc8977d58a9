"""How far two halves of the samples give the same explanation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceattr.explain.attribution import Attribution
from faceattr.explain.scene import SPLITS, FloatArray, Scene

__all__ = ["Stability", "split_half_stability"]

_SPLITS = 10
_TOP = 5


class Stability(NamedTuple):
    """What two halves of the samples have in common, the mean over several ways to halve them.

    Attributes
    ----------
    rank_correlation : float
        Spearman's, of the parts' weights.
    weight_correlation : float
        Pearson's, of the same.
    top_five : float
        Share of the five parts of the largest absolute weight.
    """

    rank_correlation: float
    weight_correlation: float
    top_five: float


def split_half_stability(
    scene: Scene, attribution: Attribution, outputs: Sequence[int]
) -> list[Stability]:
    """Compare the weights that disjoint halves of the samples give, ten times.

    Parameters
    ----------
    scene : Scene
    attribution : Attribution
        Of that scene.
    outputs : sequence of int, length T

    Returns
    -------
    list of Stability, length T
        NaN for methods without samples, and for a single part.
    """
    half = attribution.n_samples // 2
    if attribution.refit is None or half < 2 or attribution.weights.shape[1] < 2:
        return [Stability(np.nan, np.nan, np.nan)] * len(outputs)
    rng, chosen = scene.random(SPLITS), list(outputs)
    pairs: list[FloatArray] = []
    for _ in range(_SPLITS):
        order = rng.permutation(attribution.n_samples)
        rows = order[:half], order[half : 2 * half]
        pairs.append(np.stack([attribution.refit(each)[chosen] for each in rows]))
    halves = np.stack(pairs).transpose(2, 0, 1, 3)  # (tasks, splits, 2, parts)
    return [Stability(_correlation(_ranks(h)), _correlation(h), _overlap(h)) for h in halves]


def _ranks(halves: FloatArray) -> FloatArray:
    flat = pd.DataFrame(halves.reshape(-1, halves.shape[-1]))
    ranks: FloatArray = flat.rank(axis=1).to_numpy(dtype=np.float64).reshape(halves.shape)
    return ranks


def _correlation(halves: FloatArray) -> float:
    centred = halves - halves.mean(axis=-1, keepdims=True)
    products = (centred[:, 0] * centred[:, 1]).sum(axis=-1)
    norms = np.sqrt((centred**2).sum(axis=-1).prod(axis=-1))
    known = norms > 0
    correlations: FloatArray = np.asarray(products[known] / norms[known])
    return float(correlations.mean()) if len(correlations) else float("nan")


def _overlap(halves: FloatArray) -> float:
    top = min(_TOP, int(halves.shape[-1]))
    strongest = np.argsort(-np.abs(halves), axis=-1, kind="stable")[..., :top]
    common: list[int] = [len(set(a.tolist()) & set(b.tolist())) for a, b in strongest]
    return float(sum(common)) / (len(common) * top)
