"""The one way from a file, bytes or array to pixels, and the one way to resize them.

Data sets, quality scores, prediction and explanation all start from what `read_image` returns:
uint8 RGB of shape (H, W, 3), turned upright as the EXIF orientation says. 16-bit images keep their
high byte, transparent pixels are laid over white, CMYK and palette images are converted, and of an
animation the first frame is taken. JPEG, PNG, BMP, WebP, TIFF and GIF are read, by what a file
holds, whatever it is called.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from faceattr._jpeg import MAX_SCANS, is_decoded_soon, plain_jpeg_size
from faceattr._validation import check_integer
from faceattr.exceptions import DataError, ImageReadError, InvalidTypeError

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "UNREAD_SUFFIXES",
    "ImageSource",
    "UInt8Image",
    "find_images",
    "read_image",
    "resize_image",
]

UInt8Image: TypeAlias = npt.NDArray[np.uint8]
ImageSource: TypeAlias = str | Path | bytes | UInt8Image | Image.Image

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"),
        *(".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
"""Endings, in lower case, of the files that folder searches take for images."""

UNREAD_SUFFIXES = frozenset(
    {
        *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".psd", ".tga", ".exr"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
    }
)
"""Endings of images that are found as well, and are not read: each gets its reason."""

_FOUND = IMAGE_SUFFIXES | UNREAD_SUFFIXES

MAX_PIXELS = 100_000_000
"""Images of more pixels are refused before they are decoded (10,000 x 10,000)."""

DECODE_VERSION = 1
"""Raised whenever the same file would give other pixels; caches are keyed by it."""

KEY_BYTES = 16
"""Length of the key of a file's content: 128 bits, so that no two files share one by chance."""

_WHITE = 255
_WHITE_OF_FLOATS = 2

# PIL knows others, some of which other programs decode: Ghostscript would run what a file holds.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

# What damaged and hostile files make of PIL's decoders.
_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError, zlib.error),
    *(TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError),
)

# A PIL image that is opened but not read is read by one thread, also where it is given twice.
_LOADING = threading.Lock()


def read_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> UInt8Image:
    """Read one image.

    Parameters
    ----------
    source : path, bytes, PIL image or array
        An array is uint8 RGB ``(H, W, 3)`` or gray ``(H, W)`` and is returned as RGB, not decoded.
    max_pixels : int, default 100,000,000
        Larger images are refused from their header alone.

    Returns
    -------
    numpy.ndarray of uint8, shape (H, W, 3)
        RGB, 0-255, contiguous.

    Raises
    ------
    ImageReadError
        If the file is missing, empty, truncated, too large or no image of a kind that is read, or
        a JPEG of more than 100 scans, which would take minutes.
    InvalidTypeError
        If `source` is none of the accepted types, or an array of another dtype or shape.
    """
    if isinstance(source, np.ndarray):
        return check_array(source)
    if isinstance(source, Image.Image):
        with _reading("PIL image"), _LOADING:  # one that was opened may not be decoded yet
            source.load()
            return _from_pil(source, "PIL image", max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), "bytes", max_pixels)
    if isinstance(source, str | Path):
        return _decode(read_bytes(source), str(source), max_pixels)
    raise InvalidTypeError(
        "not an image",
        argument="source",
        expected="a path, bytes, a PIL image or a uint8 array (H, W, 3)",
        found=type(source).__name__,
    )


def read_bytes(path: str | Path) -> bytes:
    """Return a file's bytes; ImageReadError where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ImageReadError(f"the file cannot be opened ({reason})", rows=[str(path)]) from error


def key_of_bytes(data: bytes) -> bytes:
    """Return 16 bytes that say what a file holds, whatever it is called."""
    return blake2b(data, digest_size=KEY_BYTES).digest()


def resize_image(image: UInt8Image, size: int) -> UInt8Image:
    """Cut the largest centred square out of an image and scale it to ``size`` pixels a side.

    Averaging over areas when it shrinks, cubic when it grows. An image that is square already is
    only scaled; its proportions are never changed.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        Any size of at least one pixel.
    size : int
        Side length in pixels, from 1 to 4096.

    Returns
    -------
    numpy.ndarray of uint8, shape (size, size, 3)
    """
    check_integer(size, "size", low=1, high=4096)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=method), dtype=np.uint8)


def find_images(folder: str | Path) -> list[Path]:
    """List the image files below a folder, whatever they hold.

    A file is an image by its ending (`IMAGE_SUFFIXES`, and `UNREAD_SUFFIXES`, so that photos of a
    phone do not vanish); other files and hidden ones (names that start with a dot, or lie in such a
    folder) are not found.

    Parameters
    ----------
    folder : path
        Searched with all its sub-folders; links are followed, a link back to a parent is not.

    Returns
    -------
    list of Path
        Each starts with `folder`; sorted by their names below it.

    Raises
    ------
    DataError
        If the folder, or one inside it, cannot be read.
    """
    root = Path(folder)
    return [root / name for name in image_names(root)]


def image_names(folder: str | Path) -> list[str]:
    """Return what `find_images` finds, relative to the folder and with forward slashes."""
    root = os.fspath(Path(folder))
    try:
        return sorted(_walk(root, "", frozenset()))
    except OSError as error:
        raise DataError(
            "the folder cannot be read",
            argument="folder",
            found=f"{error.filename or root} ({error.strerror or error})",
            hint="~ does not stand for a home folder here: Path(folder).expanduser()"
            if root.startswith("~")
            else "give the folder that holds the images",
        ) from error


def _walk(folder: str, prefix: str, parents: frozenset[tuple[int, int]]) -> Iterator[str]:
    status = Path(folder).stat()
    here = (status.st_dev, status.st_ino)
    if here in parents:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/", parents | {here})
            elif is_image_name(entry.name):
                yield prefix + entry.name


def is_image_name(name: str) -> bool:
    """Tell whether a file is taken for an image by its name, be it one that is not read."""
    return ending_of(name) in _FOUND


def ending_of(name: str) -> str:
    """Return the ending of a file's name in lower case, with its dot; "" where it has none."""
    stem, dot, ending = name.rpartition(".")
    return (dot + ending).lower() if stem else ""


def check_array(array: object, argument: str = "source") -> UInt8Image:
    """Return an array as an image, uint8 (H, W, 3); InvalidTypeError if it is none."""
    if not isinstance(array, np.ndarray):
        raise InvalidTypeError(
            "not an image",
            argument=argument,
            expected="a uint8 array (H, W, 3) in RGB, or (H, W)",
            found=type(array).__name__,
            hint="faceattr.images.read_image(...) reads files, bytes and PIL images",
        )
    gray = array.ndim == 2
    rgb = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (gray or rgb) or array.size == 0:
        raise InvalidTypeError(
            "not an image",
            argument=argument,
            expected="uint8 of shape (H, W, 3) in RGB, or (H, W)",
            found=f"{array.dtype} of shape {array.shape}",
            hint=_array_hint(array),
        )
    image = np.repeat(array[:, :, None], 3, axis=2) if gray else array
    return np.ascontiguousarray(image, dtype=np.uint8)


_CHANNEL_HINTS = {
    1: "for one channel: image[:, :, 0]",
    4: "for RGBA: image[:, :, :3], or PIL.Image.fromarray(image)",
}


def _array_hint(array: npt.NDArray[Any]) -> str:
    if array.size == 0:
        return "it has no pixels"
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        return "for channels first: image.transpose(1, 2, 0)"
    if array.ndim == 3 and array.shape[2] in _CHANNEL_HINTS:
        return _CHANNEL_HINTS[array.shape[2]]
    if array.ndim == 4:
        return "for a batch: one image at a time, such as images[0]"
    if array.dtype.kind in "iu" or float(np.nanmax(array)) > 1:
        return "for numbers in 0-255: image.round().clip(0, 255).astype('uint8')"
    return "for floats in 0-1: (image * 255).round().astype('uint8')"


def _decode(data: bytes, name: str, max_pixels: int) -> UInt8Image:
    if not data:
        raise ImageReadError("the file is empty", rows=[name])
    if not is_decoded_soon(data):
        raise ImageReadError(
            "made to be decoded for ever", rows=[name], expected=f"at most {MAX_SCANS} scans"
        )
    size = plain_jpeg_size(data)
    if size is not None and size[0] * size[1] <= max_pixels:
        # OpenCV decodes a plain JPEG to PIL's very pixels in half the time; the rest is PIL's.
        with suppress(cv2.error):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
            if pixels is not None:
                return np.asarray(pixels, dtype=np.uint8)
    with _reading(name), Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        return _from_pil(opened, name, max_pixels)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except ImageReadError:
        raise
    except UnidentifiedImageError as error:
        raise ImageReadError("not an image file", rows=[name]) from error
    except _DAMAGED as error:
        raise ImageReadError(f"damaged or truncated ({error})", rows=[name]) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageReadError("too large to be decoded safely", rows=[name]) from error


def _from_pil(image: Image.Image, name: str, max_pixels: int) -> UInt8Image:
    if image.width * image.height > max_pixels:
        raise ImageReadError(
            "too large", rows=[name], expected=f"at most {max_pixels} pixels", found=f"{image.size}"
        )
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I") or upright.mode == "F":
        return check_array(_high_byte(upright))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (_WHITE, _WHITE, _WHITE, _WHITE))
        upright = Image.alpha_composite(paper, layer)
    return np.array(upright.convert("RGB"), dtype=np.uint8)


def _high_byte(image: Image.Image) -> UInt8Image:
    with np.errstate(invalid="ignore"):
        values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0)
    most = values.max(initial=0.0)
    # As programs that compute in float write it, with a little beyond white where they sharpened.
    if image.mode == "F" and most <= _WHITE_OF_FLOATS:
        values = values * _WHITE
    # Modes I and F also hold 8-bit data; only what exceeds 8 bits is scaled down.
    sixteen = image.mode.startswith("I;16") or most > _WHITE
    return np.clip(values // (256.0 if sixteen else 1.0), 0, _WHITE).astype(np.uint8)
