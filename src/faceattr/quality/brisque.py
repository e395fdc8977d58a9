"""BRISQUE, the blind/referenceless image spatial quality evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt

from faceattr._validation import check_choice
from faceattr.images import UInt8Image, check_array
from faceattr.quality._scene_statistics import (
    FEATURES,
    Moments,
    features_of,
    half_size,
    scene_moments,
)
from faceattr.quality._support_vectors import BrisqueWeights, support_vectors
from faceattr.quality.metric import QUALITY_METRICS, Complaint, NoScore, QualityMetric
from faceattr.quality.views import gray

__all__ = ["BrisqueWeights", "brisque", "brisque_features", "brisque_metric", "brisque_scores"]

SMALLEST_SIDE = 16
"""Pixels: of smaller images half of the statistics would come from their border."""


def brisque(image: UInt8Image, *, weights: BrisqueWeights = "bundled") -> float:
    """Score how natural an image looks; lower is better.

    The same number as `piq.brisque` gives with the same support vectors, in a fraction of the time.
    Both take the nearest shape of a table in steps of 0.001; where rounding makes piq take the next
    one, scores differ by about 0.05. Within 0.05 are 98 of 100 face chips (largest difference
    0.08), and about 90 of 100 images with strong noise or blur (0.25).

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        RGB, 0-255, at the resolution it was taken or stored in: scaling an image changes its score.
    weights : {"bundled", "live"}, default "bundled"
        The 770 support vectors that come with the library, from the package brisque 0.2.0, or the
        original 774, which are downloaded once by piq's address. Both were trained on the LIVE data
        set; scores differ by about 2.

    Returns
    -------
    float
        From about 0, natural, to 100, heavily distorted; natural images may be below 0. A `NoScore`
        for images without structure or with a side below 16 pixels.

    Raises
    ------
    InvalidTypeError
        If `image` is no such array.
    InvalidArgumentError
        If `weights` is none of the choices.
    WeightsError
        If the original support vectors cannot be downloaded.

    References
    ----------
    A. Mittal, A. K. Moorthy and A. C. Bovik, "No-reference image quality assessment in the spatial
    domain", IEEE Transactions on Image Processing 21(12), 2012.
    """
    return brisque_scores([image], weights=weights)[0]


def brisque_scores(
    images: Sequence[UInt8Image], *, weights: BrisqueWeights = "bundled"
) -> list[float]:
    """Score several images, of any sizes, with one pass through the support vectors.

    Parameters
    ----------
    images : sequence of numpy.ndarray of uint8, shape (H, W, 3)
    weights : {"bundled", "live"}, default "bundled"

    Returns
    -------
    list of float
        Of each what `brisque` returns.

    Raises
    ------
    InvalidTypeError, InvalidArgumentError, WeightsError
        As in `brisque`.
    """
    vectors = support_vectors(weights)
    moments = [_moments(check_array(image, "image")) for image in images]
    known = [found for found in moments if isinstance(found, tuple)]
    scores = iter(vectors.predict(features_of(known)).tolist() if known else [])
    return [
        image if isinstance(image, NoScore) else _or_no_score(next(scores)) for image in moments
    ]


def brisque_features(image: UInt8Image) -> npt.NDArray[np.float64]:
    """Return the 36 natural scene statistics that BRISQUE is computed from.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)

    Returns
    -------
    numpy.ndarray of float64, shape (36,)
        At full and at half size: shape and variance of the normalised luma, and for its products
        with the neighbours to the left, above, above left and below left the shape, the mean, and
        the variances left and right of 0. NaN where there is no score.
    """
    moments = _moments(check_array(image, "image"))
    if isinstance(moments, NoScore):
        return np.full(FEATURES, np.nan)
    features: npt.NDArray[np.float64] = features_of([moments])[0]
    return features


def brisque_metric(weights: BrisqueWeights) -> QualityMetric:
    """Return the quality metric "brisque" with one of the two sets of support vectors."""

    def one(image: UInt8Image) -> float:
        return brisque(image, weights=weights)

    def many(images: Sequence[UInt8Image]) -> Sequence[float]:
        return brisque_scores(images, weights=weights)

    check_choice(weights, "weights", get_args(BrisqueWeights))
    return QualityMetric(
        name="brisque",
        label="BRISQUE",
        unit="",
        low=-np.inf,
        high=np.inf,
        worse="high",
        version=1,
        source="Mittal, Moorthy & Bovik 2012, IEEE TIP 21(12)",
        too_low=None,
        too_high=Complaint(
            "distorted by blur, noise or compression",
            "hold the camera still, clean its lens, and send the original file",
        ),
        function=one,
        batch=many,
        variant="" if weights == "bundled" else weights,
    )


def _moments(image: UInt8Image) -> tuple[Moments, Moments] | NoScore:
    if min(image.shape[:2]) < SMALLEST_SIDE:
        return NoScore(f"smaller than {SMALLEST_SIDE} pixels")
    luma = gray(image)
    if luma.min() == luma.max():
        return NoScore("a flat image")
    full = luma.astype(np.float32)
    return scene_moments(full), scene_moments(half_size(full))


def _or_no_score(score: float) -> float:
    return NoScore("too little structure") if np.isnan(score) else score


QUALITY_METRICS.register("brisque", brisque_metric("bundled"))
