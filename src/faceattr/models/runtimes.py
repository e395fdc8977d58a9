"""What prediction needs of whatever computes: torch or another runtime; itself without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from faceattr.calibration import Calibration
    from faceattr.images import UInt8Image
    from faceattr.models.decoding import Columns
    from faceattr.tasks import TaskSet

__all__ = ["RUNTIMES", "Outputs", "Runtime"]

RUNTIMES = ("torch", "onnx", "auto")
"""What `Model.predict` lets users choose among."""

Outputs: TypeAlias = Mapping[str, Any]
"""Raw outputs by task, a row an image: tensors or arrays, as the runtime has them."""


class Runtime(Protocol):
    """A trained network, ready to compute; the predictions table is made from this alone."""

    @property
    def tasks(self) -> TaskSet:
        """What it predicts."""
        ...

    @property
    def image_size(self) -> int:
        """Side length in pixels of its images."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """What is applied to the table."""
        ...

    def working(self) -> AbstractContextManager[None]:
        """Hold whatever has to be as it is for prediction, such as the evaluation mode."""
        ...

    def run(self, images: UInt8Image) -> Outputs:
        """Return the raw outputs of uint8 images ``(N, H, W, 3)``."""
        ...

    def join(self, batches: Iterable[Outputs]) -> Outputs:
        """Put outputs of batches together; no rows where there is no batch."""
        ...

    def columns(self, outputs: Outputs) -> Columns:
        """Turn raw outputs into the columns of all tasks, in order."""
        ...
