"""Sharpness: the Laplacian's variance and the energy of fine detail, both at 200 pixels a side.

A measure of blur depends on the resolution at which it is taken, so both metrics look at the
centred square of the luma at one fixed size. Both keep to the middle of it, where the face is:
the edge of a black border would pass for detail in a blurred face.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image
from faceattr.quality.metric import Complaint, NoScore, quality_metric
from faceattr.quality.reduced import gray_square

__all__ = ["high_frequency_energy", "laplacian_variance"]

_SMALLEST = 16
_TOO_SMALL = f"smaller than {_SMALLEST} pixels"

_WIDE = slice(25, 175)  # the middle three quarters
_NARROW = slice(36, 164)  # 128 pixels, of which a spectrum is made fastest
_SPECTRUM_SIDE = 128
_TAPER = 16

_ROUNDING = 1 / 12
"""Variance of the rounding to whole gray levels: less detail than this cannot be told from none."""

_CUT = 0.25
"""Detail begins here, in parts of the highest frequency (periods shorter than 8 pixels)."""

_BLURRED = Complaint(
    "blurred", "hold the camera still, focus on the face and clean the lens; come closer"
)
_GRAINY = Complaint(
    "grainy or over-sharpened", "use more light, and switch sharpening filters of the camera off"
)


@quality_metric(
    "laplacian_variance",
    label="Variance of the Laplacian",
    unit="gray levels squared",
    range=(0, None),
    worse="low",
    source="Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000",
    complaints=(_BLURRED, _GRAINY),
)
def laplacian_variance(image: UInt8Image) -> float:
    """Return the variance of the Laplacian over the middle 150 of 200 pixels a side."""
    if min(image.shape[:2]) < _SMALLEST:
        return NoScore(_TOO_SMALL)
    edges = cv2.Laplacian(gray_square(image)[_WIDE, _WIDE], cv2.CV_16S)
    mean = cv2.mean(edges)[0]
    return max(0.0, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean * mean)


@quality_metric(
    "high_frequency_energy",
    label="Energy of fine detail",
    unit="dB",
    range=(10 * math.log10(_ROUNDING), None),
    worse="low",
    source="Liu, Li & Jia, Image partial blur detection and classification, CVPR 2008 (spectrum); "
    "energy above a quarter of the highest frequency",
    complaints=(_BLURRED, _GRAINY),
)
def high_frequency_energy(image: UInt8Image) -> float:
    """Return the mean energy of fine detail in the middle of 200 pixels a side, in dB."""
    if min(image.shape[:2]) < _SMALLEST:
        return NoScore(_TOO_SMALL)
    middle = gray_square(image)[_NARROW, _NARROW]
    # The window of a bright flat image would have some detail of its own.
    varying = middle - np.float32(cv2.mean(middle)[0])
    spectrum = cv2.dft(cv2.multiply(varying, _WINDOW))
    # OpenCV keeps one of each pair of conjugate numbers; these three are their own conjugates.
    single = float(spectrum[0, -1]) ** 2 + float(spectrum[-1, 0]) ** 2
    single += float(spectrum[-1, -1]) ** 2
    total = 2 * cv2.norm(spectrum, cv2.NORM_L2SQR, _HIGH) - single
    return 10 * math.log10(max(0.0, total) / _SPECTRUM_SIDE**4 + _ROUNDING)


def _window(side: int) -> npt.NDArray[np.float32]:
    """Return a window with soft borders and a mean square of 1, so that noise keeps its energy.

    Without it the step from the right border to the left one would pass for detail.
    """
    rise = np.sin(np.pi / 2 * (np.arange(_TAPER) + 0.5) / _TAPER) ** 2
    line = np.concatenate([rise, np.ones(side - 2 * _TAPER), rise[::-1]])
    return np.asarray(np.outer(line, line) / (line**2).mean(), dtype=np.float32)


def _high_band(side: int) -> npt.NDArray[np.uint8]:
    """Return where the packed spectrum of `cv2.dft` holds frequencies above the cut, as 0 and 1."""
    paired = (np.arange(side) + 1) // 2  # real and imaginary part lie side by side
    full = np.minimum(np.arange(side), side - np.arange(side))
    across = np.broadcast_to(paired, (side, side))
    down = np.repeat(full[:, None], side, axis=1)
    down[:, [0, -1]] = paired[:, None]  # the columns of real numbers are packed downward
    return np.asarray(np.hypot(across, down) > _CUT * side / 2, dtype=np.uint8)


_WINDOW = _window(_SPECTRUM_SIDE)
_HIGH = _high_band(_SPECTRUM_SIDE)
