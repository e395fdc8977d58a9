"""A gate before a model, in the shape of a service: bytes in, JSON out, without a web framework.

    python examples/service.py --model out/ photo.jpg other.png
    base64 -w0 photo.jpg | python examples/service.py --model out/

Each file, or each line of base64 on stdin, gets one line of JSON. Copy `Gate` into a service of
your own: `Gate.answer` takes any bytes at all and returns a dict. What is too large, broken or no
picture is refused, as far as possible before it is decoded; what the quality filter does not accept
is refused with reasons and advice; and where the model is not sure, it abstains.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from faceattr import ClassificationTask, Model, QualityFilter
from faceattr.exceptions import FaceAttrError, ImageReadError
from faceattr.images import UInt8Image, read_image

BUNDLED = "utkface-mobilenetv3-small"
MAX_BYTES = 5_000_000
MAX_PIXELS = 2048 * 2048  # a crop of a face; decoding and scoring it takes some hundred megabytes
STARTS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WebP": b"RIFF"}
STATEMENT = (
    "Estimates of appearance as labelled in the training data. They are no facts about a person,"
    " and not for decisions about people."
)


class Gate:
    """Answers for one image at a time; safe to be shared by the threads of a service.

    Parameters
    ----------
    model : Model
    name : str
        What the answers call it.
    quality : QualityFilter
        With thresholds.
    max_bytes, max_pixels : int
        Larger files, and images, are refused before they are decoded.
    parallel : int
        Answers that are worked out at a time. Others wait, so that memory does not grow with the
        number of callers.
    """

    def __init__(
        self,
        model: Model,
        name: str,
        quality: QualityFilter,
        *,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        parallel: int = 1,
    ) -> None:
        self.model = model
        self.quality = quality
        self.max_bytes = max_bytes
        self.max_pixels = max_pixels
        self.about = {"name": name, "licence": model.info.get("licence") or "not stated"}
        self._turns = threading.BoundedSemaphore(parallel)

    @classmethod
    def open(cls, model: str, preset: str = "standard", **limits: int) -> Gate:
        """Load a model, and try everything once, so that no caller pays for the first time."""
        loaded = Model.from_pretrained(model)
        name = loaded.info.get("name") or Path(model).name
        gate = cls(loaded, str(name), QualityFilter(preset), **limits)
        blank = np.zeros((64, 64, 3), dtype=np.uint8)
        gate.quality.check(blank)
        gate.model.predict([blank])
        return gate

    def answer(self, data: bytes) -> dict[str, Any]:
        """Return what is known of an image, as plain JSON types; for any bytes, and in short time.

        ``status`` is "accepted", "refused" (with ``reasons`` and ``advice``, and without
        predictions) or "abstained" (the model is sure of nothing).
        """
        with self._turns:
            try:
                image = self._read(data)
            except ImageReadError as error:
                return self._refusal([_reason(error)], [_advice(error)])
            verdict = self.quality.check(image)
            if not verdict.accepted:
                said = verdict.to_dict()
                return self._refusal(said["reasons"], said["advice"], said["scores"])
            row = self.model.predict([image]).iloc[0]
        predictions = {name: self._prediction(name, row) for name in self.model.tasks}
        unsure = all(found["abstained"] for found in predictions.values())
        return {
            "status": "abstained" if unsure else "accepted",
            "reasons": ["the model is not sure enough"] if unsure else [],
            "advice": [],
            "scores": verdict.to_dict()["scores"],
            "predictions": predictions,
            "model": self.about,
            "statement": STATEMENT,
        }

    def _read(self, data: bytes) -> UInt8Image:
        """Decode a picture once, for the filter and the model; what may not be decoded is not."""
        if len(data) > self.max_bytes:
            raise ImageReadError("too large", expected=f"at most {self.max_bytes} bytes")
        if not data.startswith(tuple(STARTS.values())):
            raise ImageReadError("not a picture", expected=" or ".join(STARTS))
        return read_image(data, max_pixels=self.max_pixels)

    def _refusal(
        self, reasons: list[str], advice: list[str], scores: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "status": "refused",
            "reasons": reasons,
            "advice": advice,
            "scores": scores or {},
            "predictions": {},
            "model": self.about,
            "statement": STATEMENT,
        }

    def _prediction(self, name: str, row: pd.Series) -> dict[str, Any]:
        task = self.model.tasks[name]
        if bool(row.get(f"{name}_abstain", False)):
            return {"abstained": True}
        if isinstance(task, ClassificationTask):
            shares = {label: _number(row[f"{name}_prob_{label}"]) for label in task.classes}
            return {"abstained": False, "value": row[f"{name}_pred"], "probabilities": shares}
        ends = {
            end: _number(row.get(f"{name}_{end}", math.nan)) for end in ("low", "high", "level")
        }
        value = _number(row[f"{name}_pred"])
        return {"abstained": False, "value": value, "unit": task.unit, **ends}


def _reason(error: ImageReadError) -> str:
    more = [text for text in (error.found, error.expected) if text is not None]
    return error.problem + (f" ({', '.join(more)})" if more else "")


def _advice(error: ImageReadError) -> str:
    return "send a smaller picture" if "large" in error.problem else "send another file"


def _number(value: float) -> float | None:
    """Return a number that JSON can hold; null where the model has no interval."""
    return None if math.isnan(value) else round(float(value), 4)


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    """Yield what the lines of a stream hold, decoded from base64; nothing for what is none.

    Of a line that is too long only so much is kept that it can be seen to be.
    """
    most = 4 * (max_bytes // 3 + 2)
    while line := stream.readline(most):
        rest = line
        while len(rest) == most and not rest.endswith(b"\n"):
            rest = stream.readline(most)
        try:
            yield base64.b64decode(line.rstrip(b"\r\n"), validate=True)
        except binascii.Error:
            yield b""


def read_files(paths: Sequence[str], max_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of files, one more than are allowed at most."""
    for path in paths:
        with Path(path).open("rb") as file:
            yield file.read(max_bytes + 1)


def main() -> None:
    options = parse_options()
    try:
        gate = Gate.open(options.model, options.preset)
    except FaceAttrError as error:
        sys.exit(f"the model cannot be loaded ({error}); name the folder of one by --model")
    files, lines = (
        read_files(options.image, gate.max_bytes),
        read_lines(sys.stdin.buffer, gate.max_bytes),
    )
    for number, data in enumerate(files if options.image else lines):
        name = options.image[number] if options.image else number
        print(json.dumps({"image": name, **gate.answer(data)}, allow_nan=False), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Answer for images, one line of JSON each.")
    parser.add_argument("image", nargs="*", help="files; without any, lines of base64 on stdin")
    parser.add_argument("--model", default=BUNDLED, help=f"folder or name of a model ({BUNDLED})")
    parser.add_argument("--preset", default="standard", help="lenient, standard or strict")
    return parser.parse_args()


if __name__ == "__main__":
    main()
