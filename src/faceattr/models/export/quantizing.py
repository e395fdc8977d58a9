"""8-bit networks: which layers to leave in float, found by trying each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from faceattr.exceptions import ExportError
from faceattr.images import UInt8Image
from faceattr.models.export.graph import layers, with_shapes
from faceattr.models.export.session import measure_ranges, to_int8

__all__ = ["Quantized", "quantize_layers"]

_log = logging.getLogger(__name__)

_BATCH = 32
_AIM = 0.7
"""Share of the bound that the search may use up: other images differ a little more."""


@dataclass(frozen=True)
class Quantized:
    """A network some of whose layers compute in 8 bits.

    Attributes
    ----------
    content : bytes
        Of an ONNX file.
    float_layers : tuple of str
        Those with weights that stayed as they were.
    """

    content: bytes
    float_layers: tuple[str, ...]


def quantize_layers(
    network: bytes, images: UInt8Image, judge: Callable[[bytes], float]
) -> Quantized:
    """Make as many layers 8-bit as the bound allows.

    If all of them are too many, each is tried alone; the layers are then taken in order of what
    they cost, as many as keep within 0.7 of the bound.

    Parameters
    ----------
    network : bytes
        An ONNX file in float.
    images : numpy.ndarray of uint8, shape (n, H, W, 3)
        Images to calibrate with.
    judge : callable
        Returns the difference of a network from the model, as a multiple of the bound.

    Raises
    ------
    ExportError
        If not even one layer can be made 8-bit.
    """
    names = layers(network)
    batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    trial = _Trial(network, measure_ranges(network, batches), judge)
    if not names or trial.cost(names) <= _AIM:
        chosen = names
    else:
        costs = {name: trial.cost([name]) for name in names}
        _log.info("tried %d layers in 8 bits, one by one", len(names))
        ordered = sorted(names, key=costs.__getitem__)
        chosen = ordered[: _most(ordered, trial)]
    if not chosen:
        raise ExportError(
            "no layer can be made 8-bit within the bound",
            argument="quantize",
            found=f"{len(names)} layers with weights",
            hint="a larger tolerance, or quantize=None",
        )
    kept = tuple(name for name in names if name not in set(chosen))
    return Quantized(trial.network(chosen), kept)


def _most(ordered: Sequence[str], trial: _Trial) -> int:
    """Return how many of the layers, from the start, keep within the aim together."""
    good, bad = 0, len(ordered)  # all of them are too many
    while bad - good > 1:
        middle = (good + bad) // 2
        if trial.cost(ordered[:middle]) <= _AIM:
            good = middle
        else:
            bad = middle
    return good


class _Trial:
    def __init__(self, network: bytes, ranges: Any, judge: Callable[[bytes], float]) -> None:
        self._network = network
        self._ranges = ranges
        self._judge = judge

    def network(self, names: Sequence[str]) -> bytes:
        return to_int8(with_shapes(self._network), self._ranges, names)

    def cost(self, names: Sequence[str]) -> float:
        return self._judge(self.network(names))
