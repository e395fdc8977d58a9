"""From a row's path to pixels: an image file, or a drawing that the path describes."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from faceattr._parallel import map_threads
from faceattr.exceptions import ImageReadError, InvalidArgumentError
from faceattr.images import KEY_BYTES, UInt8Image, key_of_bytes, read_bytes, read_image

__all__ = ["content_key", "drawing_path", "is_drawing", "read_sample"]

_DRAWING = re.compile(r"synthetic:(\d+)/(\d+)/(\d+)", re.ASCII)


def drawing_path(seed: int, index: int, size: int) -> str:
    """Return the path that stands for a drawing, ``synthetic:SEED/INDEX/SIZE``."""
    return f"synthetic:{seed}/{index}/{size}"


def is_drawing(path: str) -> bool:
    """Tell whether a path stands for a drawing rather than a file."""
    return path.startswith("synthetic:")


def read_sample(path: str | Path) -> UInt8Image:
    """Read the image that a path of an index table stands for.

    Parameters
    ----------
    path : str or Path
        A file, or ``synthetic:SEED/INDEX/SIZE`` for a drawing, which is drawn anew.

    Returns
    -------
    numpy.ndarray of uint8, shape (H, W, 3)
        RGB, 0-255.

    Raises
    ------
    ImageReadError
        If the file cannot be read, or the text after ``synthetic:`` is not three whole numbers.
    """
    text = str(path)
    if not is_drawing(text):
        return read_image(path)
    from faceattr.data.synthetic import draw  # late: files need no drawing

    seed, index, size = _parse_drawing(text)
    try:
        return draw(seed, index, size)
    except InvalidArgumentError as error:
        raise ImageReadError(f"not a drawing ({error})", rows=[text]) from error


def content_key(path: str) -> bytes:
    """Return 16 bytes that say what a path holds: equal for equal files, whatever their names.

    Raises
    ------
    ImageReadError
        If the file cannot be opened.
    """
    if is_drawing(path):
        return blake2b(path.encode(), digest_size=KEY_BYTES, key=_drawing_code()).digest()
    return key_of_bytes(read_bytes(path))


@functools.cache
def _drawing_code() -> bytes:
    # A drawing is what the code draws, so a change of the code is a change of the content.
    code = b"".join(path.read_bytes() for path in drawing_modules())
    return blake2b(code, digest_size=KEY_BYTES).digest()


def drawing_modules() -> list[Path]:
    """Return the files of the code that draws."""
    here = Path(__file__).parent
    drawing = sorted((here / "drawing").rglob("*.py"))
    return [here / "synthetic.py", here / "variation.py", *drawing]


def _parse_drawing(path: str) -> tuple[int, int, int]:
    match = _DRAWING.fullmatch(path)
    if match is None:
        raise ImageReadError(
            "not the path of a drawing", rows=[path], expected="synthetic:SEED/INDEX/SIZE"
        )
    seed, index, size = (int(number) for number in match.groups())
    return seed, index, size


def try_reading(
    paths: Sequence[str], *, progress: bool = False
) -> tuple[npt.NDArray[np.bool_], pd.DataFrame]:
    """Decode every image once.

    Returns
    -------
    readable : numpy.ndarray of bool, shape (n,)
    rejects : pandas.DataFrame
        Columns ``path`` and ``reason``, a row for each that cannot be read.
    """
    results = map_threads(_reason_unreadable, paths)
    bar = tqdm(results, total=len(paths), desc="verifying", unit="image", disable=not progress)
    reasons = pd.Series(list(bar), dtype=object)
    bad = reasons.notna()
    refused = {"path": pd.Series(list(paths), dtype="str")[bad], "reason": reasons[bad]}
    return ~bad.to_numpy(dtype=bool), pd.DataFrame(refused, dtype="str")


def _reason_unreadable(path: str) -> str | None:
    try:
        read_sample(path)
    except ImageReadError as error:
        return error.problem
    return None
