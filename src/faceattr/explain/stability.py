"""How far two halves of the samples give the same explanation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from faceattr.explain.attribution import Attribution
from faceattr.explain.scene import SPLITS, FloatArray, Scene

__all__ = ["split_half_stability"]

_SPLITS = 10
_TOP = 5


def split_half_stability(
    scene: Scene, attribution: Attribution, outputs: Sequence[int]
) -> list[tuple[float, float]]:
    """Return rank correlation and overlap of the top five between halves of the samples."""
    half = attribution.n_samples // 2
    if attribution.refit is None or half < 2 or attribution.weights.shape[1] < 2:
        return [(np.nan, np.nan)] * len(outputs)
    rng = scene.random(SPLITS)
    pairs: list[FloatArray] = []
    for _ in range(_SPLITS):
        order = rng.permutation(attribution.n_samples)
        first, second = (attribution.refit(rows) for rows in (order[:half], order[half : 2 * half]))
        pairs.append(np.stack([first[list(outputs)], second[list(outputs)]]))
    halves = np.stack(pairs)  # (splits, 2, tasks, parts)
    each = [halves[:, :, task] for task in range(len(outputs))]
    return [(_rank_correlation(pair), _overlap(pair)) for pair in each]


def _rank_correlation(halves: FloatArray) -> float:
    shape = halves.shape
    ranks = pd.DataFrame(halves.reshape(-1, shape[-1])).rank(axis=1).to_numpy().reshape(shape)
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    products = (centred[:, 0] * centred[:, 1]).sum(axis=-1)
    norms = np.sqrt((centred**2).sum(axis=-1).prod(axis=-1))
    known = norms > 0
    correlations: FloatArray = products[known] / norms[known]
    return float(correlations.mean()) if len(correlations) else float("nan")


def _overlap(halves: FloatArray) -> float:
    top = min(_TOP, halves.shape[-1])
    strongest = np.argsort(-np.abs(halves), axis=-1, kind="stable")[..., :top]
    common = [len(set(a.tolist()) & set(b.tolist())) for a, b in strongest]
    return float(np.mean(common)) / top
