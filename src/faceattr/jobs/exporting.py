"""Write a saved model as a file that runs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._loading import EXPORTED_NAME

if TYPE_CHECKING:
    from faceattr.models import ExportReport

__all__ = ["run_export"]


def run_export(
    model: str | Path,
    output: str | Path | None = None,
    *,
    quantize: str | None = None,
    images: str | Path | None = None,
) -> ExportReport:
    """Export a saved model; see `Model.export`.

    Parameters
    ----------
    model : str or path
        The folder that a training job or `Model.save_pretrained` wrote, a bundled model, or
        ``user/name`` on the Hugging Face hub.
    output : path, optional
        The file, ending in ``.onnx`` or ``.pt2``; needed unless `model` is a folder. By default
        ``model.onnx`` in it, which `run_prediction` then takes where onnxruntime is installed;
        ``model-int8.onnx`` for int8.
    quantize : {None, "int8"}
        8-bit layers; needs `images`.
    images : path, optional
        A folder of images to compare on, and for ``"int8"`` to calibrate with.

    Returns
    -------
    ExportReport

    Raises
    ------
    ModelFileError
        If there is no saved model, or it is damaged.
    ExportError
        If the model cannot be exported, or the file does not predict what the model predicts.
    MissingDependencyError
        If the packages of the extra ``onnx`` are lacking.
    InvalidArgumentError, InvalidTypeError
        If an argument is outside its limits, or images are lacking.
    OutputError
        If the file cannot be written.
    """
    from faceattr.models import Model

    target = _default_target(model, quantize) if output is None else Path(output)
    return Model.from_pretrained(model).export(target, quantize=quantize, images=images)


def _default_target(model: str | Path, quantize: str | None) -> Path:
    """Return the file in the model's folder; of a bundled model that is not the user's."""
    if not Path(model).is_dir():
        raise InvalidArgumentError(
            "the model is no folder that the file could lie in",
            argument="output",
            expected="a file that ends in .onnx or .pt2",
            found="None",
        )
    return Path(model) / (EXPORTED_NAME if quantize is None else f"model-{quantize}.onnx")
