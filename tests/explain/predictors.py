"""Predictors that tests know everything about, and images for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from faceattr import ClassificationTask, RegressionTask
from faceattr.explain import Segments
from faceattr.images import UInt8Image

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", ("male", "female"))
RACE = ClassificationTask("race", ("a", "b", "c"))

Values = npt.NDArray[np.float64]


def noise(seed: int = 0, height: int = 48, width: int = 48) -> UInt8Image:
    rng = np.random.default_rng(seed)
    return rng.integers(60, 256, (height, width, 3)).astype(np.uint8)


def linear(segments: Segments, coefficients: Values) -> Callable[[UInt8Image], Values]:
    """Return a function that adds a coefficient a part for the share of it that is not black."""

    def predict(images: UInt8Image) -> Values:
        shown = (images.max(axis=3) > 0).reshape(len(images), -1)
        labels = segments.labels.ravel()
        shares = np.stack([shown[:, labels == part].mean(axis=1) for part in range(len(segments))])
        return np.asarray(coefficients @ shares)

    return predict


def brightness(images: UInt8Image) -> dict[str, Values]:
    """Predict age and gender from parts of the image, each from its own."""
    light = images.astype(np.float64) / 255
    left, top = light[:, :, : images.shape[2] // 2], light[:, : images.shape[1] // 3]
    female = 1 / (1 + np.exp(6 - 12 * top.std(axis=(1, 2, 3)) * 3))
    return {
        "age": 80 * left.std(axis=(1, 2, 3)) + 20 * light[..., 0].mean(axis=(1, 2)),
        "gender": np.stack([1 - female, female], axis=1),
    }
