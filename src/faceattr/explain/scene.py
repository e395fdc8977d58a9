"""What an explanation method is given: an image, its parts, and somebody who predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError
from faceattr.explain.predicting import Output, Predictor
from faceattr.explain.sampling import Masks, Perturber, generator, perturbation_matrix
from faceattr.explain.segments import Segments
from faceattr.images import UInt8Image

__all__ = ["FloatArray", "Scene"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

SAMPLES, GRADES, SPLITS = range(3)
"""What random numbers are for: methods, orders of curves, subsets of samples."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One image to be explained, and all that a method needs for it.

    Attributes
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        As the predictor takes it.
    segments : Segments
        Its S parts.
    hidden : numpy.ndarray of uint8, shape (H, W, 3)
        What is seen where a part is hidden.
    predictor : Predictor
    num_samples : int
        How many perturbed images a method that draws them may have.
    seed : int
    batch_size : int
        Perturbed images that are made at a time.
    """

    image: UInt8Image
    segments: Segments
    hidden: UInt8Image
    predictor: Predictor
    num_samples: int
    seed: int
    batch_size: int = field(default=64)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What the K columns of predictions are."""
        return self.predictor.outputs

    @cached_property
    def original(self) -> FloatArray:
        """The predictions of the image itself, (K,)."""
        prediction: FloatArray = self.predictor.predict(self.image[None].copy())[0]
        return prediction

    def predict(self, masks: Masks) -> FloatArray:
        """Predict images in which some parts are hidden.

        Parameters
        ----------
        masks : numpy.ndarray, shape (m, S)
            1 where a part is shown, 0 where it is hidden.

        Returns
        -------
        numpy.ndarray of float64, shape (m, K)
            Numbers in the unit of their task, probabilities of classes.
        """
        rows = np.asarray(masks)
        if rows.ndim != 2 or rows.shape[1] != len(self.segments):
            raise InvalidArgumentError(
                "not a row of parts for each image",
                argument="masks",
                expected=f"shape (m, {len(self.segments)})",
                found=str(rows.shape),
            )
        shown = (rows != 0).astype(np.uint8)
        starts = range(0, len(shown), self.batch_size)
        parts = [
            self.predictor.predict(self._perturb(shown[start : start + self.batch_size]))
            for start in starts
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.outputs)))

    def draw_masks(self) -> Masks:
        """Return random masks, uint8 (num_samples, S), the first of them all 1."""
        return perturbation_matrix(self.num_samples, len(self.segments), self.random(SAMPLES))

    def random(self, purpose: int = SAMPLES) -> np.random.Generator:
        """Return random numbers that depend on the seed, the image and a purpose alone."""
        return generator(self.seed, self.image, purpose)

    def segment_means(self, maps: npt.ArrayLike) -> FloatArray:
        """Return the mean of maps ``(K, H, W)`` over each part, float64 (K, S)."""
        planes: Sequence[FloatArray] = list(np.asarray(maps, dtype=np.float64))
        labels, sizes = self.segments.labels.ravel(), self.segments.sizes()
        sums = [np.bincount(labels, plane.ravel(), minlength=len(sizes)) for plane in planes]
        return np.stack(sums) / sizes

    @cached_property
    def _perturb(self) -> Perturber:
        return Perturber(self.image, self.hidden, self.segments)
