"""Curves of deletion and insertion (Petsiuk et al. 2018), beside those of random orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from faceattr.explain.sampling import Masks
from faceattr.explain.scene import GRADES, FloatArray, Scene

__all__ = ["Curves", "draw_curves"]

_STEPS = 8
_RANDOM_ORDERS = 4


@dataclass(frozen=True, eq=False)
class Curves:
    """Predictions while parts are hidden or shown, one after the other.

    Attributes
    ----------
    shares : numpy.ndarray of float64, shape (m,)
        Share of the parts that were taken so far, 0 to 1.
    deletion : numpy.ndarray of float64, shape (m,)
        Parts are hidden, that of the highest weight first.
    insertion : numpy.ndarray of float64, shape (m,)
        Parts are shown, that of the highest weight first.
    random : numpy.ndarray of float64, shape (r, m)
        Parts are shown in random orders. Hiding them in the reverse order has the same area.
    correlation : float
        Between sums of weights and predictions, over the images of the random orders.
    """

    shares: FloatArray
    deletion: FloatArray
    insertion: FloatArray
    random: FloatArray
    correlation: float

    @property
    def reach(self) -> float:
        """Distance between the highest and the lowest prediction."""
        heights = np.concatenate([self.deletion, self.insertion, self.random.ravel()])
        return float(heights.max() - heights.min())

    @property
    def deletion_area(self) -> float:
        """Mean height of the curve of deletion."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_area(self) -> float:
        """Mean height of the curve of insertion."""
        return float(np.trapezoid(self.insertion, self.shares))

    @property
    def random_area(self) -> float:
        """Mean height of the curves of random orders."""
        return float(np.trapezoid(self.random.mean(axis=0), self.shares))


def draw_curves(scene: Scene, weights: FloatArray, outputs: Sequence[int]) -> list[Curves]:
    """Predict what it does to hide and show parts in the order of their weights, and at random.

    Parameters
    ----------
    scene : Scene
    weights : numpy.ndarray of float64, shape (T, S)
        A row for each of `outputs`.
    outputs : sequence of int, length T

    Returns
    -------
    list of Curves, length T
        From one batch of images for all of them: 14 each, and 29 that they share.
    """
    parts = weights.shape[1]
    counts = np.unique(np.linspace(0, parts, _STEPS + 1).round().astype(int))
    inner, rng = counts[1:-1], scene.random(GRADES)
    orders = [rng.permutation(parts) for _ in range(_RANDOM_ORDERS)]
    ranked = [np.argsort(-row, kind="stable") for row in weights]
    shown = [_first(order, inner) for order in (*orders, *ranked)]
    hidden = [1 - _first(order, inner) for order in ranked]
    masks = np.concatenate([np.zeros((1, parts), np.uint8), *shown, *hidden])
    values = scene.predict(masks)
    heights = values[1:].reshape(len(shown) + len(hidden), len(inner), values.shape[1])
    free = 1 + len(orders) * len(inner)
    made: list[Curves] = []
    for row, output in enumerate(outputs):
        ends = float(values[0, output]), float(scene.original[output])
        column = heights[..., output]
        made.append(
            Curves(
                counts / parts,
                _between(ends[::-1], column[len(shown) + row][None])[0],
                _between(ends, column[len(orders) + row][None])[0],
                _between(ends, column[: len(orders)]),
                _correlation(masks[:free] @ weights[row], values[:free, output]),
            )
        )
    return made


def _between(ends: tuple[float, float], heights: FloatArray) -> FloatArray:
    """Return curves, (r, m), with the values at which all of them start and end."""
    return np.pad(heights, ((0, 0), (1, 1)), constant_values=((0.0, 0.0), ends))


def _first(order: npt.NDArray[np.intp], counts: npt.NDArray[np.int_]) -> Masks:
    """Return masks in which the first parts of an order are shown, a row a count."""
    rank = np.argsort(order)
    return (rank[None] < counts[:, None]).astype(np.uint8)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
