"""An exported model, run by ONNX Runtime; torch is loaded only for heads of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from faceattr.models.decoding import DECODERS, Columns
from faceattr.models.export.description import Description
from faceattr.models.export.session import CPU, Session
from faceattr.models.predict import DEFAULT_BATCH_SIZE, predict, predict_values

if TYPE_CHECKING:
    import pandas as pd

    from faceattr._requests import ImagesInput
    from faceattr.calibration import Calibration
    from faceattr.faces import Detector
    from faceattr.images import UInt8Image
    from faceattr.models.runtimes import Outputs
    from faceattr.tasks import TaskSet

__all__ = ["OnnxModel", "OnnxRuntime"]


class OnnxModel:
    """A trained model in an ONNX file: it predicts as the `Model` did that wrote it.

    `from_file` opens one. torch is not loaded, unless a head is one of the user's own. It can be
    used by several threads at once.

    Attributes
    ----------
    description : Description
        All that the file says.
    """

    def __init__(self, session: Session, description: Description) -> None:
        self.description = description
        self._runtime = OnnxRuntime(session, description)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        threads: int | None = None,
        providers: Sequence[str] = CPU,
    ) -> OnnxModel:
        """Open what `Model.export` wrote; nothing else is needed.

        Parameters
        ----------
        path : path
            The ``.onnx`` file.
        threads : int, optional
            Threads that one forward pass uses; as many as there are cores by default. A service
            that answers many requests at once is faster with 1.
        providers : sequence of str, default ("CPUExecutionProvider",)
            Where ONNX Runtime computes, in order of preference.

        Raises
        ------
        ModelFileError
            If the file is missing or damaged, or `Model.export` did not write it.
        InvalidArgumentError
            If this onnxruntime lacks a provider.
        MissingDependencyError
            Without onnxruntime, which the extra ``onnx`` brings.
        """
        session = Session.open(Path(path).expanduser(), threads=threads, providers=providers)
        return cls(session, Description.from_metadata(session.metadata, str(path)))

    @property
    def tasks(self) -> TaskSet:
        """What is predicted."""
        return self._runtime.tasks

    @property
    def image_size(self) -> int:
        """Side length in pixels at which images are predicted."""
        return self._runtime.image_size

    @property
    def calibration(self) -> Calibration | None:
        """What `predict` applies to its own table."""
        return self._runtime.calibration

    @property
    def card(self) -> str | None:
        """The model card, Markdown."""
        return self.description.card

    @property
    def licence_text(self) -> str | None:
        """The licence of the weights in full."""
        return self.description.licence_text

    @property
    def info(self) -> dict[str, Any]:
        """What `fit` and the user told about the model."""
        return dict(self.description.config.get("info", {}))

    def predict(
        self,
        inputs: ImagesInput,
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
        progress: bool = False,
        faces: Detector | str | Path | None = None,
    ) -> pd.DataFrame:
        """Predict images; see `Model.predict`, whose table this is.

        Parameters
        ----------
        inputs : path, folder, array, PIL image, bytes, Dataset, CachedImages, or a sequence
            As `Model.predict` takes them.
        batch_size : int, default 64
            Images a forward pass.
        progress : bool, default False
            Show a progress bar on stderr.
        faces : FaceDetector, or path, optional
            The images are photos: find the faces in them, and predict each.

        Returns
        -------
        pandas.DataFrame
            The predictions table: one row a request, in order.

        Raises
        ------
        InvalidTypeError
            If `inputs` holds something that is no image, path or Dataset.
        DataError
            If a folder holds no image.
        """
        return predict(self._runtime, inputs, batch_size=batch_size, progress=progress, faces=faces)

    def predict_values(
        self, images: UInt8Image, *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Predict images that are at hand at the model's size; see `Model.predict_values`.

        Parameters
        ----------
        images : numpy.ndarray of uint8, shape (n, image_size, image_size, 3)
            RGB; they are not scaled.
        batch_size : int, default 64
            Images a forward pass.

        Returns
        -------
        dict of str to numpy.ndarray of float64, shape (n, 1) or (n, classes)
            By task the number in its unit, or the probability of each class.

        Raises
        ------
        InvalidTypeError
            If the images are of another size or kind.
        """
        return predict_values(self._runtime, images, batch_size)


class OnnxRuntime:
    """An exported file as prediction sees it.

    Parameters
    ----------
    session : Session
    description : Description
    """

    def __init__(self, session: Session, description: Description) -> None:
        self._session = session
        self._heads = description.heads
        self.tasks = description.tasks
        self.image_size = description.image_size
        self.calibration = description.calibration()
        self._decoders = {
            name: _decoder(description, name, facts.kind) for name, facts in self._heads.items()
        }

    def working(self) -> AbstractContextManager[None]:
        """Hold nothing: a session does not change."""
        return nullcontext()

    def run(self, images: UInt8Image) -> Outputs:
        """Return raw outputs as arrays ``(N, K)`` of float32."""
        return self._session.run(images, list(self.tasks))

    def decoded(self, images: UInt8Image) -> dict[str, npt.NDArray[np.float64]]:
        """Return what the file itself decodes, by task ``(N, 1)`` or ``(N, classes)``."""
        names = {name: facts.decoded for name, facts in self._heads.items() if facts.decoded}
        if not names:  # a session takes no names for all of them
            return {}
        found = self._session.run(images, list(names.values()))
        return {
            name: found[output].astype(np.float64).reshape(len(images), -1)
            for name, output in names.items()
        }

    def join(self, batches: Iterable[Outputs]) -> Outputs:
        """Put arrays of batches together."""
        parts = list(batches)
        return {
            name: np.concatenate(
                [np.empty((0, facts.size), np.float32), *(part[name] for part in parts)]
            )
            for name, facts in self._heads.items()
        }

    def columns(self, outputs: Outputs) -> Columns:
        """Decode arrays as the heads do."""
        columns: Columns = {}
        for name in self.tasks:
            columns.update(self._decoders[name].columns(outputs[name]))
        return columns


@dataclass(frozen=True)
class _Decoder:
    """One of the library's own heads."""

    task: Any
    kind: str
    constants: Mapping[str, Any]

    def columns(self, outputs: npt.NDArray[Any]) -> Columns:
        return DECODERS[self.kind](self.task, self.constants, outputs.astype(np.float64))


def _decoder(description: Description, name: str, kind: str) -> Any:
    if kind in DECODERS:
        return _Decoder(description.tasks[name], kind, description.heads[name].constants)
    from faceattr.models.export.own_heads import OwnHead

    return OwnHead.build(description, name)
