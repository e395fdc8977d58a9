"""How a model is saved, exported and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import nn

if TYPE_CHECKING:
    from faceattr._requests import ImagesInput
    from faceattr.models.export.onnx_model import OnnxModel
    from faceattr.models.export.report import ExportReport
    from faceattr.models.model import Model

__all__ = ["SavedModule"]


class SavedModule(nn.Module):
    """The part of `Model` that writes and reads files."""

    def save_pretrained(self, folder: str | Path, *, precision: str = "full") -> Path:
        """Save weights (safetensors), description (JSON) and card into a folder.

        Parameters
        ----------
        folder : path
            Made where needed.
        precision : {"full", "half"}, default "full"
            "half" writes large parameters as float16, which about halves the file; small ones,
            buffers and what float16 cannot hold stay as they are.

        Returns
        -------
        pathlib.Path
            `folder`.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If there is no such precision, or `info` holds what JSON cannot.
        OutputError
            If the folder cannot be written to.
        """
        from faceattr.models.pretrained import save_model

        return save_model(cast("Model", self), folder, precision=precision)

    def export(
        self,
        path: str | Path,
        *,
        quantize: str | None = None,
        images: ImagesInput | None = None,
        tolerance: float | Mapping[str, float] | None = None,
    ) -> ExportReport:
        """Write the model as one file that runs without this library, and compare it.

        Normalisation is inside: images go in as uint8 RGB ``(N, 3, image_size, image_size)``, any
        number at once. Tasks, decoding, calibration and the card travel in the file. What was
        written is read back and has to predict what the model predicts; else no file is left.

        Parameters
        ----------
        path : path
            Ends in ``.onnx`` (ONNX Runtime and others; the extra ``onnx``) or ``.pt2``
            (`torch.export.load`).
        quantize : {None, "int8"}
            ``"int8"`` makes as many layers 8-bit as the tolerance allows; ONNX only.
        images : as `predict` takes them, optional
            Faces to compare on, at most 512 of them, evenly spread; patterns by default. For
            ``"int8"`` at least 16: every second one calibrates, the others compare.
        tolerance : float or mapping of str to float, optional
            By task the largest difference that is accepted, for ``"int8"`` the largest mean
            difference: in probability, or the task's unit. By default 0.001 of probability and
            1/10,000 of a number's range (0.0116 years for ages to 116), for ``"int8"`` 0.02 and
            1/200 (0.58 years) on average.

        Returns
        -------
        ExportReport
            The differences; also written beside the file, as ``<file>.report.json``.

        Raises
        ------
        ExportError
            If the model cannot be exported, or the file differs by more than the tolerance.
        MissingDependencyError
            If the packages of the extra ``onnx`` are lacking.
        InvalidArgumentError, InvalidTypeError
            If an argument is outside its limits, or images are lacking.
        OutputError
            If the file cannot be written.
        """
        from faceattr.models.export.exporting import export_model

        return export_model(
            cast("Model", self), path, quantize=quantize, images=images, tolerance=tolerance
        )

    @staticmethod
    def from_onnx(path: str | Path, *, threads: int | None = None) -> OnnxModel:
        """Open what `export` wrote; see `OnnxModel.from_file`, which does without torch."""
        from faceattr.models.export.onnx_model import OnnxModel

        return OnnxModel.from_file(path, threads=threads)

    @classmethod
    def from_pretrained(
        cls, name_or_folder: str | Path, *, backbone: nn.Module | None = None
    ) -> Model:
        """Load a model, in evaluation mode and full precision.

        Parameters
        ----------
        name_or_folder : str or path
            What `save_pretrained` wrote into a folder; else a name of `bundled_models`, which needs
            no network; else ``user/name`` or ``user/name@revision`` of the Hugging Face hub. Only
            weights, description, card and licence are read: nothing that is loaded can run code.
        backbone : torch.nn.Module, optional
            An untrained instance of the backbone, where the model was built on a module of one's
            own.

        Returns
        -------
        Model

        Raises
        ------
        InvalidTypeError
            If it is neither text nor a path.
        ModelFileError
            If there is no such model, the error says where it was looked for; or if a file is
            damaged, written by a newer version, or not the one that the description calls for.
        """
        from faceattr.models.finding import find_model
        from faceattr.models.pretrained import load_model

        return load_model(find_model(name_or_folder), backbone=backbone)
