"""YuNet in OpenCV: a file of weights, an image, rows of numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.exceptions import ModelFileError
from faceattr.images import UInt8Image

__all__ = ["YuNet", "read_weights"]

_COLUMNS = 15
_MOST_BOXES = 5000
_PROBE = 64
_LOADING = threading.Lock()


def read_weights(path: str | Path) -> bytes:
    """Return the bytes of a model file; ModelFileError where there are none."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(
            "the face detector cannot be opened",
            argument="model_path",
            expected="the ONNX file of a YuNet",
            found=f"{path} ({error.strerror or error})",
            hint="faceattr.faces.fetch_detector() downloads one and returns its path",
        ) from error
    return data


class YuNet:
    """One loaded network. It holds buffers, so each thread needs one of its own.

    Parameters
    ----------
    weights : bytes
        The ONNX file.
    name : str
        What errors call it.
    min_score : float
        Lowest score of a box, 0 to 1.
    max_overlap : float
        Of two boxes that overlap more (intersection over union), only the better is kept.
    """

    def __init__(self, weights: bytes, name: str, min_score: float, max_overlap: float) -> None:
        data, none = np.frombuffer(weights, np.uint8), np.empty(0, np.uint8)
        try:
            with _without_notes():
                self._network = cv2.FaceDetectorYN.create(
                    "onnx", data, none, (_PROBE, _PROBE), min_score, max_overlap, _MOST_BOXES
                )
            self.detect(np.zeros((_PROBE, _PROBE, 3), dtype=np.uint8))
        except cv2.error as error:
            raise ModelFileError(
                "not a face detector that OpenCV can run",
                argument="model_path",
                expected="the ONNX file of a YuNet",
                found=f"{name} ({' '.join(str(error).split())})",
                hint="faceattr.faces.fetch_detector() downloads one and returns its path",
            ) from error

    def detect(self, image: UInt8Image) -> npt.NDArray[np.float64]:
        """Return a row a face: x, y, width, height, five points (x, y), score; in pixels.

        `image` is uint8 BGR ``(H, W, 3)``.
        """
        self._network.setInputSize((image.shape[1], image.shape[0]))
        found = self._network.detect(image)[1]
        if found is None:
            return np.empty((0, _COLUMNS))
        rows = np.asarray(found, dtype=np.float64).reshape(-1, _COLUMNS)
        return rows[np.isfinite(rows).all(axis=1)]


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keep OpenCV 5 from a note on stderr each time a network is loaded."""
    logging = cv2.utils.logging
    with _LOADING:  # the level is one for all threads
        before = logging.getLogLevel()
        logging.setLogLevel(min(before, logging.LOG_LEVEL_ERROR))
        try:
            yield
        finally:
            logging.setLogLevel(before)
