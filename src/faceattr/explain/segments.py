"""The parts of an image that an explanation speaks of: grids, superpixels, regions of the face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr._validation import check_integer
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.explain.face_regions import LandmarkPoints, face_labels
from faceattr.images import UInt8Image
from faceattr.registry import Registry

__all__ = [
    "SEGMENTERS",
    "Segmenter",
    "Segments",
    "SegmentsLike",
    "face_segments",
    "grid_segments",
    "make_segments",
    "quickshift_segments",
    "slic_segments",
]


@dataclass(frozen=True, eq=False)
class Segments:
    """An image cut into parts.

    Attributes
    ----------
    labels : numpy.ndarray of int32, shape (H, W)
        The part of each pixel, from 0 without gaps.
    names : tuple of str
        A name a part.
    """

    labels: npt.NDArray[np.int32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def sizes(self) -> npt.NDArray[np.int64]:
        """Return how many pixels each part has."""
        return np.bincount(self.labels.ravel(), minlength=len(self)).astype(np.int64)


Segmenter: TypeAlias = Callable[[UInt8Image], "Segments | npt.NDArray[Any]"]
"""An image, uint8 (H, W, 3), to its parts: `Segments`, or whole numbers (H, W)."""

SegmentsLike: TypeAlias = str | Segments | npt.NDArray[Any] | Segmenter

SEGMENTERS: Registry[Segmenter] = Registry("segmentation")


def make_segments(segments: SegmentsLike, image: UInt8Image) -> Segments:
    """Cut an image into parts.

    Parameters
    ----------
    segments : str, array, Segments or callable
        A registered name ("face", "grid", "slic", "quickshift"), whole numbers of shape (H, W), or
        a function of the image that returns such numbers or `Segments`.
    image : numpy.ndarray of uint8, shape (H, W, 3)

    Returns
    -------
    Segments
        Numbers are made to start at 0 without gaps, in ascending order.

    Raises
    ------
    InvalidArgumentError
        If the name is unknown, the shape is another one than the image's, or the labels of
        `Segments` do not go from 0 to the last name.
    InvalidTypeError
        If it is none of these, or the numbers are not whole.
    """
    found: object = segments
    if isinstance(segments, str):
        found = SEGMENTERS.get(segments, argument="segments")
    if callable(found):
        found = found(image)
    if isinstance(found, Segments):
        _check_parts(found)
    else:
        found = _from_array(found)
    if found.labels.shape != image.shape[:2]:
        raise InvalidArgumentError(
            "the parts are those of an image of another size",
            argument="segments",
            expected=f"shape {image.shape[:2]}",
            found=f"shape {found.labels.shape}",
            hint="give a function of the image, which knows its size",
        )
    return found


def _check_parts(segments: Segments) -> None:
    """Raise unless every part has a name and every name a part: weights would go to others."""
    labels, names = segments.labels, segments.names
    if not isinstance(labels, np.ndarray) or labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise InvalidTypeError(
            "not the labels of parts",
            argument="segments",
            expected="whole numbers of shape (H, W)",
            found=_shown(labels),
        )
    there = np.unique(labels)
    if not np.array_equal(there, np.arange(len(names))):
        raise InvalidArgumentError(
            "the labels are not those of the names",
            argument="segments",
            expected=f"0 to {len(names) - 1}, each somewhere, for {len(names)} names",
            found=f"{there[:20].tolist()}",
            hint="give the array alone: its numbers may be any, and are the names",
        )


def _shown(array: object) -> str:
    text = f"{array.dtype}, {array.shape}" if isinstance(array, np.ndarray) else repr(array)
    return text[:120]


def _from_array(array: object) -> Segments:
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "iub":
        raise InvalidTypeError(
            "not parts of an image",
            argument="segments",
            expected="a name, whole numbers of shape (H, W), Segments, or a function of the image",
            found=_shown(array),
        )
    values, labels = np.unique(array, return_inverse=True)
    names = tuple(f"segment {value}" for value in values.tolist())
    return Segments(labels.reshape(array.shape).astype(np.int32), names)


def grid_segments(image: UInt8Image, *, rows: int = 8, columns: int = 8) -> Segments:
    """Cut an image into a regular grid.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
    rows, columns : int, default 8
        Cells, as even as whole pixels allow; at most one a pixel.

    Returns
    -------
    Segments
        Named "row 1, column 1" and so on, from the top left.
    """
    height, width = image.shape[:2]
    rows = min(check_integer(rows, "rows", low=1), height)
    columns = min(check_integer(columns, "columns", low=1), width)
    down = np.arange(height, dtype=np.int32) * rows // height
    across = np.arange(width, dtype=np.int32) * columns // width
    names = tuple(f"row {r + 1}, column {c + 1}" for r in range(rows) for c in range(columns))
    return Segments(down[:, None] * np.int32(columns) + across[None], names)


def slic_segments(image: UInt8Image, *, count: int = 50, compactness: float = 10.0) -> Segments:
    """Cut an image into superpixels of similar colour and even size.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
    count : int, default 50
        About how many.
    compactness : float, default 10
        How much nearness counts beside colour; larger gives squarer parts.

    Returns
    -------
    Segments

    References
    ----------
    Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods".
    """
    from skimage.segmentation import slic  # late: a second to load, and not all parts need it

    count = check_integer(count, "count", low=1)
    return _from_array(slic(image, n_segments=count, compactness=compactness, start_label=0))


def quickshift_segments(
    image: UInt8Image, *, kernel_size: float = 4, max_dist: float = 200, ratio: float = 0.2
) -> Segments:
    """Cut an image as lime does unless told otherwise; slow, and with parts of any size.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
    kernel_size, max_dist, ratio : float
        As in `skimage.segmentation.quickshift`; lime's values are the default. Its random seed, for
        breaking ties, is fixed.

    Returns
    -------
    Segments

    References
    ----------
    Vedaldi and Soatto 2008, "Quick Shift and Kernel Methods for Mode Seeking".
    """
    from skimage import segmentation  # late, as above

    quickshift: Callable[..., npt.NDArray[np.int64]] = segmentation.quickshift
    found = quickshift(image, kernel_size=kernel_size, max_dist=max_dist, ratio=ratio, rng=42)
    return _from_array(found)


def face_segments(image: UInt8Image, *, points: LandmarkPoints | None = None) -> Segments:
    """Cut the image of a face into its regions: brows, eyes, nose, mouth, cheeks, and so on.

    Left and right are those of the picture. Explanations of many faces can be averaged by region,
    since every face has the same ones.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        An aligned face, as in UTKFace's chips: its pixels are not looked at, only its size.
    points : sequence of five (x, y), optional
        Where the eyes, the tip of the nose and the corners of the mouth are, as shares of width
        and height; left ones of the picture first. Where they are in aligned chips by default.

    Returns
    -------
    Segments
        Up to 18 regions; in images of very few pixels some have none and are left out.

    Raises
    ------
    InvalidArgumentError
        If `points` are not five finite pairs that span a face.
    """
    labels, names = face_labels(image.shape[0], image.shape[1], points)
    return Segments(labels, names)


SEGMENTERS.register("face", face_segments)
SEGMENTERS.register("grid", grid_segments)
SEGMENTERS.register("slic", slic_segments)
SEGMENTERS.register("quickshift", quickshift_segments)
