"""What an image is recognised by: its bytes, a perceptual hash, and its fine structure.

The hash is the difference hash (N. Krawetz, "Kind of like that", 2013) of 16 x 16 bits: the image
is shrunk to 17 x 16 gray values, and a bit says whether a value is larger than its left neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.data.reader import (
    KEY_BYTES,
    content_key,
    is_drawing,
    key_of_bytes,
    map_threads,
    read_sample,
)
from faceattr.exceptions import ImageReadError
from faceattr.images import UInt8Image, read_bytes, read_image

__all__ = [
    "DETAIL_LENGTH",
    "HASH_BYTES",
    "Prints",
    "details_of",
    "difference_hash",
    "fine_detail",
    "take_prints",
]

HASH_BYTES = 32
"""Length of `difference_hash`: 256 bits."""

_HASH_SIDE = 16
_DETAIL_SIDE = 32
_DETAIL_MARGIN = 6
_DETAIL_SIGMA = 3.0
# Gray levels. The blurriest of 19,000 chips has 3; an even area has less than 1.
_LEAST_DETAIL = 1.0

DETAIL_LENGTH = (_DETAIL_SIDE - 2 * _DETAIL_MARGIN) ** 2
"""Length of `fine_detail`."""

Detail: TypeAlias = npt.NDArray[np.float32]
_Print: TypeAlias = tuple[bytes, bytes]

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
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes()


def fine_detail(image: UInt8Image) -> Detail | None:
    """Return the fine structure of an image's middle, from which shading is taken away.

    The image is shrunk to 32 x 32 gray values, a Gaussian blur of 3 pixels is subtracted, and the
    middle 20 x 20 values are shifted and scaled to mean 0 and length 1, so that the product of two
    of them is their correlation. Light, contrast and what a warp fills the borders with do not
    matter, the features of a face do.

    Returns
    -------
    numpy.ndarray of float32, shape (400,), or None
        None for an even area, which has no structure to compare.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    side = (_DETAIL_SIDE, _DETAIL_SIDE)
    small = cv2.resize(gray, side, interpolation=cv2.INTER_AREA).astype(np.float32)
    shading = cv2.GaussianBlur(small, (0, 0), _DETAIL_SIGMA)
    middle = slice(_DETAIL_MARGIN, _DETAIL_SIDE - _DETAIL_MARGIN)
    detail = (small - shading)[middle, middle].reshape(-1)
    detail = detail - detail.mean()
    length = float(np.linalg.norm(detail))
    if length < _LEAST_DETAIL * np.sqrt(DETAIL_LENGTH):
        return None
    return np.asarray(detail / length, dtype=np.float32)


def details_of(paths: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return `fine_detail` of images, shape (n, 400); zeros, which match nothing, for none."""
    details = np.zeros((len(paths), DETAIL_LENGTH), dtype=np.float32)
    for row, detail in enumerate(map_threads(_detail_of, paths)):
        if detail is not None:
            details[row] = detail
    return details


def _detail_of(path: str) -> Detail | None:
    try:
        return fine_detail(read_sample(path))
    except ImageReadError:
        return None
