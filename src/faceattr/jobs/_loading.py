"""Saved models as prediction takes them: a folder by torch, or an exported file by ONNX Runtime."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceattr._validation import check_choice
from faceattr._versions import installed_version
from faceattr.exceptions import InvalidArgumentError, ModelFileError
from faceattr.models._files import CONFIG_NAME, WEIGHTS_NAME
from faceattr.models.finding import find_model
from faceattr.models.runtimes import RUNTIMES
from faceattr.tables._disk import file_digest

if TYPE_CHECKING:
    import pandas as pd

    from faceattr._requests import ImagesInput
    from faceattr.faces import Detector
    from faceattr.models import Model, OnnxModel

__all__ = ["EXPORTED_NAME", "SavedModel", "load_saved"]

_log = logging.getLogger(__name__)

EXPORTED_NAME = "model.onnx"
"""The exported file that belongs to a folder, where it is of the same weights."""

_EXPORT_PAYS = 50_000
"""Images from which the seconds of an export are fewer than those that it saves."""


@dataclass(frozen=True)
class SavedModel:
    """A model that was loaded, and what computes.

    Attributes
    ----------
    model : Model or OnnxModel
    runtime : str
        ``"torch"``, ``"onnx"`` or ``"auto"``, as `Model.predict` takes it.
    files : tuple of Path
        What was loaded.
    """

    model: Model | OnnxModel
    runtime: str
    files: tuple[Path, ...]

    def predict(
        self,
        inputs: ImagesInput,
        *,
        batch_size: int,
        progress: bool = False,
        faces: Detector | str | Path | None = None,
    ) -> pd.DataFrame:
        """Return the predictions table."""
        from faceattr.models import OnnxModel

        if isinstance(self.model, OnnxModel):
            return self.model.predict(inputs, batch_size=batch_size, progress=progress, faces=faces)
        return self.model.predict(
            inputs, batch_size=batch_size, progress=progress, faces=faces, runtime=self.runtime
        )

    def describe(self) -> dict[str, str | int]:
        """Tell by what the predictions are made, so that no other model's are put among them."""
        digests = {file.name: file_digest(file) for file in self.files}
        return {**digests, "image_size": self.model.image_size, "runtime": self.runtime}

    def versions(self) -> dict[str, str]:
        """Tell the versions of what computes, since another one may differ in the last digits."""
        names = ("torch",) if self.runtime == "torch" else ("torch", "onnxruntime")
        return {name: installed_version(name) for name in names}


def load_saved(model: str | Path, runtime: str = "auto", *, count: int | None = None) -> SavedModel:
    """Load a model for prediction.

    Parameters
    ----------
    model : str or path
        A folder of `Model.save_pretrained`, a bundled model or one of the hub, or an ``.onnx`` file
        of `Model.export`.
    runtime : {"auto", "torch", "onnx"}, default "auto"
        What computes for a folder. ``"auto"`` takes its ``model.onnx`` by ONNX Runtime where that
        is installed and the file is of the weights in the folder; else torch, unless there are so
        many images that exporting first is faster.
    count : int, optional
        How many images will be predicted; unknown by default.

    Raises
    ------
    ModelFileError
        If there is no saved model, or it is damaged.
    InvalidArgumentError
        If there is no such runtime, or it is torch's and the model a file.
    MissingDependencyError
        If onnxruntime is needed and not there.
    """
    check_choice(runtime, "runtime", RUNTIMES)
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        return _load_file(path, runtime)
    folder = find_model(model)
    if runtime != "torch":
        exported = _exported(folder, required=runtime == "onnx")
        if exported is not None:
            return exported
    from faceattr.models import Model

    chosen = "torch" if runtime == "auto" and (count or 0) < _EXPORT_PAYS else runtime
    files = (folder / CONFIG_NAME, folder / WEIGHTS_NAME)
    return SavedModel(Model.from_pretrained(folder), chosen, files)


def _load_file(path: Path, runtime: str) -> SavedModel:
    from faceattr.models import OnnxModel

    if runtime == "torch":
        raise InvalidArgumentError(
            "an ONNX file is not run by torch",
            argument="runtime",
            expected="'auto' or 'onnx', or the folder of the model",
            found=repr(runtime),
        )
    return SavedModel(OnnxModel.from_file(path), "onnx", (path,))


def _exported(folder: Path, *, required: bool) -> SavedModel | None:
    """Return the exported file of a folder, if it can be used in place of the weights."""
    from faceattr.models.export.onnx_model import OnnxModel
    from faceattr.models.export.session import has_runtime

    path = folder / EXPORTED_NAME
    if not path.is_file() or not (required or has_runtime()):
        return None
    try:
        model = OnnxModel.from_file(path)
        reason = _differs(model, folder)
    except (ModelFileError, OSError, ValueError) as error:
        reason = str(error)
    else:
        if reason is None:
            return SavedModel(model, "onnx", (path,))
    _log.warning("%s is not used: %s; `faceattr export` renews it", path, reason)
    return None


def _differs(model: OnnxModel, folder: Path) -> str | None:
    """Return why a file is not the same model as its folder."""
    export = model.description.export
    if export.get("quantize") is not None:
        return f"it is {export['quantize']}"
    if file_digest(folder / WEIGHTS_NAME) not in export.get("weights", {}).values():
        return "it was made of other weights"
    saved = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    if not _same(model.description.config, saved):
        return "it was made of another description"
    return None


def _same(exported: Mapping[str, Any], saved: Mapping[str, Any]) -> bool:
    apart = {"versions", "precision", "mean", "std"}
    left, right = (
        {k: v for k, v in config.items() if k not in apart} for config in (exported, saved)
    )
    # Means are stored in 0-1 and used in 0-255, so a copy of a copy differs in the last digit.
    near = all(
        math.isclose(a, b, rel_tol=1e-6)
        for key in ("mean", "std")
        for a, b in zip(exported[key], saved[key], strict=True)
    )
    return near and left == right
