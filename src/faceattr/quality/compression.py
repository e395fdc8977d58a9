"""Traces of compression and scaling: the 8x8 grid of JPEG, and the size of the file's image."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image
from faceattr.quality.metric import Complaint, NoScore, quality_metric
from faceattr.quality.views import gray

__all__ = ["blockiness", "size"]

_BLOCK = 8
_SMALLEST = 32


@quality_metric(
    "size",
    label="Size",
    unit="pixels",
    range=(1, None),
    worse="low",
    source="shorter side of the image as it is read",
    complaints=(
        Complaint("too small", "come closer, or use a larger version of the picture"),
        Complaint("too large", "scale the picture down"),
    ),
)
def size(image: UInt8Image) -> float:
    """Return the shorter side in pixels."""
    return float(min(image.shape[:2]))


@quality_metric(
    "blockiness",
    label="Blockiness",
    unit="gray levels",
    range=(0, 255),
    worse="high",
    source="after Wang, Sheikh & Bovik, No-reference perceptual quality assessment of JPEG "
    "compressed images, ICIP 2002",
    complaints=(
        Complaint("no trace of JPEG", "none is needed"),
        Complaint("strongly compressed", "use the original file, or a higher JPEG quality"),
    ),
)
def blockiness(image: UInt8Image) -> float:
    """Return by how much gray values step more between 8x8 blocks than inside them.

    At the file's own resolution: a picture that was scaled after compression has lost its grid.
    """
    if min(image.shape[:2]) < _SMALLEST:
        return NoScore(f"smaller than {_SMALLEST} pixels")
    return max(0.0, float(_excess(_mean_steps(gray(image))).mean()))


def _mean_steps(luma: UInt8Image) -> npt.NDArray[np.float32]:
    """Return how much luma changes from column to column and from row to row, float32 (4, n).

    Two rows for columns (upper and lower half of the image), two for rows (left and right half),
    as far as the shorter side goes.
    """
    across = cv2.absdiff(luma[:, 1:], luma[:, :-1])
    down = cv2.absdiff(luma[1:], luma[:-1])
    length = min(across.shape[1], down.shape[0])
    middle, centre = across.shape[0] // 2, down.shape[1] // 2
    halves = (
        (across[:middle], 0),
        (across[middle:], 0),
        (down[:, :centre], 1),
        (down[:, centre:], 1),
    )
    steps = np.empty((4, length), dtype=np.float32)
    for row, (half, axis) in enumerate(halves):
        steps[row] = cv2.reduce(half, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()[:length]
    return steps


def _excess(steps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the step at block boundaries beyond the steps beside it, float32 (4,).

    The grid may be shifted, by a crop. Each half of the image names the shift at which the other
    is measured, since the largest of eight noisy numbers would be above 0 without any grid.
    """
    beyond = steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2
    n_blocks = beyond.shape[1] // _BLOCK
    by_shift = beyond[:, : n_blocks * _BLOCK].reshape(4, n_blocks, _BLOCK)
    by_shift = np.sort(by_shift, axis=1)
    typical = by_shift[:, n_blocks // 2]  # the median: an edge of the picture is no grid
    return np.asarray(typical[_OTHER_HALF, typical.argmax(axis=1)])


_OTHER_HALF = np.array([1, 0, 3, 2])
