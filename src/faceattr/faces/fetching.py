"""The detector of OpenCV's model zoo, downloaded when it is asked for."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path

from faceattr._folders import cache_folder
from faceattr._validation import check_output_folder
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, OutputError, WeightsError

__all__ = ["YUNET_SHA256", "YUNET_URL", "fetch_detector"]

YUNET_URL = (
    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx"
)
"""Where OpenCV's model zoo has YuNet; MIT licence."""

YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""SHA-256 of that file, 232,589 bytes, as the model zoo's own pointer to it says."""

_MOST_BYTES = 64 * 2**20
_SECONDS = 60


def fetch_detector(
    folder: str | Path | None = None, *, url: str = YUNET_URL, sha256: str = YUNET_SHA256
) -> Path:
    """Download a face detector's file once, check it, and return its path.

    Nothing else in the library downloads a detector. A file that is there already is checked and
    not downloaded again.

    Parameters
    ----------
    folder : path, optional
        Where to put it; by default ``detectors`` in the folder of caches (``FACEATTR_CACHE``).
    url : str
        An https address; OpenCV's model zoo by default.
    sha256 : str
        What the file must hold, as 64 hexadecimal digits.

    Returns
    -------
    Path
        For `FaceDetector`.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If `url` is no https address, or `sha256` no digest.
    WeightsError
        If it cannot be downloaded, or is another file.
    OutputError
        If the folder cannot be written to.
    """
    _check(url, sha256)
    parent = cache_folder() / "detectors" if folder is None else Path(folder)
    target = parent / url.rpartition("/")[2]
    if target.is_file() and _digest(target.read_bytes()) == sha256.lower():
        return target
    data = _download(url)
    if _digest(data) != sha256.lower():
        raise WeightsError(
            "the download is another file than expected",
            argument="url",
            rows=[url],
            expected=f"SHA-256 {sha256.lower()}",
            found=f"{len(data):,} bytes of SHA-256 {_digest(data)}",
            hint="download a YuNet by hand and give its path to FaceDetector",
        )
    return _write(data, check_output_folder(parent, "folder") / target.name)


def _check(url: str, sha256: str) -> None:
    for value, argument in ((url, "url"), (sha256, "sha256")):
        if not isinstance(value, str):
            raise InvalidTypeError(
                "not text", argument=argument, expected="text", found=type(value).__name__
            )
    name = url.rpartition("/")[2]
    if not url.startswith("https://") or not name.endswith(".onnx"):
        raise InvalidArgumentError(
            "not the address of a detector",
            argument="url",
            expected="https://... that ends in .onnx",
            found=repr(url),
        )
    if len(sha256) != 64 or not all(digit in "0123456789abcdefABCDEF" for digit in sha256):
        raise InvalidArgumentError(
            "no SHA-256", argument="sha256", expected="64 hexadecimal digits", found=repr(sha256)
        )


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise WeightsError(
            "the face detector cannot be downloaded",
            argument="url",
            rows=[url],
            found=str(error),
            hint="download a YuNet by hand and give its path to FaceDetector",
        ) from error
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(data: bytes, target: Path) -> Path:
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            "the file cannot be written", argument="folder", found=f"{target} ({error})"
        ) from error
    return target
