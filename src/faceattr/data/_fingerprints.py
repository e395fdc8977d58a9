"""What an image is recognised by: its bytes, a perceptual hash, and its fine structure.

The hash is the difference hash (N. Krawetz, "Kind of like that", 2013) of 16 x 16 bits: the image
is shrunk to 17 x 16 gray values, and a bit says whether a value is larger than its left neighbour,
here by more than 3, so that an even background has the same bits however it was compressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr._parallel import map_threads
from faceattr.data.reader import (
    content_key,
    is_drawing,
    read_sample,
)
from faceattr.exceptions import ImageReadError
from faceattr.images import KEY_BYTES, UInt8Image, key_of_bytes, read_bytes, read_image

__all__ = [
    "DETAIL_LENGTH",
    "HASH_BYTES",
    "Details",
    "Prints",
    "difference_hash",
    "fine_detail",
    "take_prints",
]

HASH_BYTES = 32
"""Length of `difference_hash`: 256 bits."""

_HASH_SIDE = 16
_HASH_STEP = 3
_DETAIL_SIDE = 64
_DETAIL_MARGIN = 12
_DETAIL_SIGMA = 4.0
# Gray levels; keeps the noise of even areas small.
_DETAIL_FLOOR = 4.0
# Gray levels; no face is so even.
_LEAST_DETAIL = 1.0

DETAIL_LENGTH = (_DETAIL_SIDE - 2 * _DETAIL_MARGIN) ** 2
"""Length of `fine_detail`."""

Detail: TypeAlias = npt.NDArray[np.float32]
_Print: TypeAlias = tuple[bytes, bytes]

_DETAILS_KEPT = 2048

_UNKNOWN = bytes(KEY_BYTES)
_NO_HASH = b""


class Prints(NamedTuple):
    """Fingerprints of n images, in order.

    Attributes
    ----------
    keys : numpy.ndarray of uint8, shape (n, 16)
        What the file holds; zeros where it cannot be opened.
    hashes : numpy.ndarray of uint8, shape (n, 32)
        The difference hash; zeros where there is none.
    opened, hashed : numpy.ndarray of bool, shape (n,)
        Whether there is a key, and a hash: drawings, damaged images and even areas have none.
    """

    keys: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint8]
    opened: npt.NDArray[np.bool_]
    hashed: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Prints:
        """Return the fingerprints of some rows."""
        return Prints(self.keys[rows], self.hashes[rows], self.opened[rows], self.hashed[rows])


def take_prints(paths: Sequence[str]) -> Prints:
    """Read and decode every image once; none is kept."""
    found = Prints(
        np.zeros((len(paths), KEY_BYTES), dtype=np.uint8),
        np.zeros((len(paths), HASH_BYTES), dtype=np.uint8),
        np.zeros(len(paths), dtype=np.bool_),
        np.zeros(len(paths), dtype=np.bool_),
    )
    for row, (key, code) in enumerate(map_threads(_print_of, paths)):
        found.keys[row] = np.frombuffer(key, dtype=np.uint8)
        found.opened[row] = key != _UNKNOWN
        if code != _NO_HASH:
            found.hashes[row] = np.frombuffer(code, dtype=np.uint8)
            found.hashed[row] = True
    return found


def _print_of(path: str) -> _Print:
    key = _UNKNOWN
    try:
        if is_drawing(path):
            return content_key(path), _NO_HASH
        data = read_bytes(path)
        key = key_of_bytes(data)
        image = read_image(data)
    except ImageReadError:
        return key, _NO_HASH
    if fine_detail(image) is None:
        return key, _NO_HASH
    return key, difference_hash(image)


def difference_hash(image: UInt8Image) -> bytes:
    """Return the 256-bit difference hash of an image, uint8 of shape (H, W, 3), as 32 bytes."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    step = small[:, 1:].astype(np.int16) - small[:, :-1]
    return np.packbits(step > _HASH_STEP).tobytes()


def fine_detail(image: UInt8Image) -> Detail | None:
    """Return the fine structure of an image's middle, from which light and contrast are taken away.

    The image is shrunk to 64 x 64 gray values; from each its surroundings (Gaussian, 4 pixels) are
    subtracted, and it is divided by the contrast there. The middle 40 x 40 values are shifted and
    scaled to mean 0 and length 1, so that the product of two of them is their correlation. Light,
    and what a warp fills the borders with, do not matter; the features of a face do, and more than
    its outline.

    Returns
    -------
    numpy.ndarray of float32, shape (1600,), or None
        None for an even area, which has no structure to compare.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    side = (_DETAIL_SIDE, _DETAIL_SIDE)
    small = cv2.resize(gray, side, interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = small - cv2.GaussianBlur(small, (0, 0), _DETAIL_SIGMA)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _DETAIL_SIGMA))
    middle = slice(_DETAIL_MARGIN, _DETAIL_SIDE - _DETAIL_MARGIN)
    if float(contrast[middle, middle].max()) < _LEAST_DETAIL:
        return None
    detail = (fine / (contrast + _DETAIL_FLOOR))[middle, middle].reshape(-1)
    detail = detail - detail.mean()
    return np.asarray(detail / np.linalg.norm(detail), dtype=np.float32)


class Details:
    """The fine structure of images, decoded when first asked for; a limited number is kept.

    Parameters
    ----------
    paths : sequence of str
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._kept: dict[int, Detail] = {}

    def correlate(
        self, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float32]:
        """Return the correlations of pairs of images; 0 where one cannot be read."""
        rows = np.unique(np.concatenate([left, right]))
        if len(self._kept) + len(rows) > _DETAILS_KEPT:
            self._kept.clear()
        new = [row for row in rows.tolist() if row not in self._kept]
        found = map_threads(_detail_of, [self._paths[row] for row in new])
        self._kept.update(zip(new, found, strict=True))
        details = np.stack([self._kept[row] for row in rows.tolist()])
        one, other = np.searchsorted(rows, left), np.searchsorted(rows, right)
        correlations = np.einsum("ij,ij->i", details[one], details[other], dtype=np.float32)
        return np.asarray(correlations, dtype=np.float32)


def _detail_of(path: str) -> Detail:
    try:
        detail = fine_detail(read_sample(path))
    except ImageReadError:
        detail = None
    return np.zeros(DETAIL_LENGTH, dtype=np.float32) if detail is None else detail
