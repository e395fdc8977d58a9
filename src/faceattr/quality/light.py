"""Light: brightness, contrast, entropy and clipping, all from one histogram of the luma."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image
from faceattr.quality.metric import Complaint, quality_metric
from faceattr.quality.views import gray, shared_view

__all__ = ["clipped_bright", "clipped_dark", "contrast", "entropy", "luma_shares", "luminance"]

_LEVELS = np.arange(256, dtype=np.float64)

_BLACK = 5
_WHITE = 251
"""Compression lifts black and lowers white by a few gray levels; these still count as clipped."""

_BT601 = "ITU-R BT.601 luma"
_TOO_DARK = Complaint("too dark", "turn towards the light, or add light from the front")
_TOO_BRIGHT = Complaint("too bright", "avoid direct sun and flash, or lower the exposure")
_FLAT = Complaint("little contrast", "avoid fog, haze and light from behind; clean the lens")
_HARSH = Complaint("harsh contrast", "use even light from the front, without hard shadows")
_PLAIN = Complaint("few gray levels", "use the original picture, with more light")
_BUSY = Complaint("many gray levels", "use more light, so that the camera adds less noise")


@shared_view
def luma_shares(image: UInt8Image) -> npt.NDArray[np.float64]:
    """Return the share of pixels at each gray level, float64 (256,), which sum to 1."""
    counts = cv2.calcHist([gray(image)], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    return np.asarray(counts / counts.sum())


@shared_view
def _mean(image: UInt8Image) -> float:
    return float(luma_shares(image) @ _LEVELS)


@quality_metric(
    "luminance",
    label="Luminance",
    unit="gray levels",
    range=(0, 255),
    worse="both",
    source=f"mean of the {_BT601}",
    complaints=(_TOO_DARK, _TOO_BRIGHT),
)
def luminance(image: UInt8Image) -> float:
    """Return the mean luma, 0-255."""
    return min(_mean(image), 255.0)


@quality_metric(
    "contrast",
    label="Contrast",
    unit="gray levels squared",
    range=(0, 127.5**2),
    worse="low",
    source=f"variance of the {_BT601} (RMS contrast squared; Peli, JOSA A 7(10), 1990)",
    complaints=(_FLAT, _HARSH),
)
def contrast(image: UInt8Image) -> float:
    """Return the variance of the luma."""
    away = _LEVELS - _mean(image)
    return min(float(luma_shares(image) @ (away * away)), 127.5**2)


@quality_metric(
    "entropy",
    label="Entropy",
    unit="bits",
    range=(0, 8),
    worse="low",
    source=f"Shannon, A mathematical theory of communication, 1948; 256 levels of the {_BT601}",
    complaints=(_PLAIN, _BUSY),
)
def entropy(image: UInt8Image) -> float:
    """Return the entropy of the luma's histogram."""
    shares = luma_shares(image)
    shares = shares[shares > 0]
    return min(max(0.0, -float(shares @ np.log2(shares))), 8.0)


@quality_metric(
    "clipped_dark",
    label="Share of black pixels",
    range=(0, 1),
    worse="high",
    source=f"share of pixels with a {_BT601} below {_BLACK}",
    complaints=(
        Complaint("no black", "none is needed"),
        Complaint("black areas", "add light from the front; cut black borders off"),
    ),
)
def clipped_dark(image: UInt8Image) -> float:
    """Return the share of pixels that are black, 0-1."""
    return min(float(luma_shares(image)[:_BLACK].sum()), 1.0)


@quality_metric(
    "clipped_bright",
    label="Share of white pixels",
    range=(0, 1),
    worse="high",
    source=f"share of pixels with a {_BT601} of at least {_WHITE}",
    complaints=(
        Complaint("no white", "none is needed"),
        Complaint("burnt-out areas", "avoid direct sun and flash, or lower the exposure"),
    ),
)
def clipped_bright(image: UInt8Image) -> float:
    """Return the share of pixels that are white, 0-1."""
    return min(float(luma_shares(image)[_WHITE:].sum()), 1.0)
