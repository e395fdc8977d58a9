"""From a model to a file that has been checked."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._requests import ImagesInput
from faceattr._validation import check_choice, check_output_folder
from faceattr._versions import installed_version
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, OutputError
from faceattr.images import UInt8Image
from faceattr.models.export import comparing
from faceattr.models.export.comparing import Bounds, Pictures
from faceattr.models.export.description import Description
from faceattr.models.export.graph import check_exporter, finish_graph, opset_of
from faceattr.models.export.network import ExportedNetwork, describe, to_onnx, to_program
from faceattr.models.export.onnx_model import OnnxRuntime
from faceattr.models.export.programs import program_runtime
from faceattr.models.export.quantizing import Quantized, quantize_layers
from faceattr.models.export.report import ExportReport
from faceattr.models.export.session import Session
from faceattr.models.torch_runtime import TorchRuntime

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = ["export_in_memory", "export_model"]

_log = logging.getLogger(__name__)

_Rows: TypeAlias = npt.NDArray[np.int64]

_FORMATS = {".onnx": "onnx", ".pt2": "torch.export"}
_VERSIONS = ("faceattr", "torch", "onnx", "onnxscript", "onnxruntime")
_LEAST_TO_CALIBRATE = 16
_JUDGED = 128
"""Calibration images on which the search for 8-bit layers compares."""
_TEXT = (
    "Attributes of face images, written by faceattr: appearance as labelled in the training data. "
    "Images go in as uint8 RGB; the metadata says what each output means."
)


def export_model(
    model: Model,
    path: str | Path,
    *,
    quantize: str | None = None,
    images: ImagesInput | None = None,
    tolerance: float | Mapping[str, float] | None = None,
) -> ExportReport:
    """Write a model as a file that others can run; what `Model.export` does."""
    target, kind = _check_path(path)
    _check_quantize(quantize, kind, images)
    if kind == "onnx":
        check_exporter("path")
    size = model.image_size
    pictures = Pictures.draw(size) if images is None else Pictures.read(images, size)
    comparing.check_enough(pictures, 1 if quantize is None else _LEAST_TO_CALIBRATE)
    if pictures.unread:
        _log.warning("%d images cannot be read and take no part", len(pictures.unread))
    work = _Work(model, ExportedNetwork(model), pictures, tolerance)
    made = work.program() if kind == "torch.export" else work.onnx(quantize)
    return _write(target, made, _Asked(kind, quantize, pictures))


@dataclass(frozen=True)
class _Asked:
    """What was asked for, and what it is compared on."""

    format: str
    quantize: str | None
    pictures: Pictures


@dataclass(frozen=True)
class _Made:
    """A file's content, and how to tell its differences once it is written."""

    content: bytes
    compare: Callable[[Path | bytes], pd.DataFrame]
    float_layers: tuple[str, ...] = ()


class _Work:
    """A model to export and what it predicts."""

    def __init__(
        self,
        model: Model,
        network: ExportedNetwork,
        pictures: Pictures,
        tolerance: float | Mapping[str, float] | None,
    ) -> None:
        self._model = model
        self._network = network
        self._images = pictures.images
        self._wanted = comparing.values_of(TorchRuntime(model), self._images)
        self._tolerance = tolerance

    def onnx(self, quantize: str | None) -> _Made:
        """Return an ONNX file's content."""
        bounds = self._bounds("largest" if quantize is None else "mean")
        description = describe(self._network, self._model, quantize=None, float_layers=[])
        content = finish_graph(to_onnx(self._network), description.to_metadata(), _TEXT)
        rows = np.arange(len(self._images))
        if quantize is None:
            return _Made(content, self._comparer(rows, bounds))
        # Every second image calibrates, the others tell what came of it.
        found = self._quantize(content, rows[::2], bounds)
        facts = {"quantize": quantize, "float_layers": list(found.float_layers)}
        described = replace(description, export={**description.export, **facts})
        whole = finish_graph(found.content, described.to_metadata(), _TEXT)
        return _Made(whole, self._comparer(rows[1::2], bounds), found.float_layers)

    def program(self) -> _Made:
        """Return the content of a file of torch.export."""
        bounds = self._bounds("largest")
        description = describe(self._network, self._model, quantize=None, float_layers=[])
        content = to_program(self._network, description.to_metadata())

        def compare(source: Path | bytes) -> pd.DataFrame:
            found = comparing.values_of(program_runtime(self._model, source), self._images)
            return comparing.compare_values(self._model.tasks, self._wanted, [found], bounds)

        return _Made(content, compare)

    def _bounds(self, bounded: str) -> Bounds:
        return comparing.make_bounds(self._model.tasks, bounded, self._tolerance, self._wanted)

    def _quantize(self, content: bytes, rows: _Rows, bounds: Bounds) -> Quantized:
        # Spread over all of them: files are often in order of what they show.
        spread = np.linspace(0, len(rows) - 1, min(len(rows), _JUDGED)).astype(np.int64)
        compare = self._comparer(rows[spread], bounds)

        def judge(network: bytes) -> float:
            differences = compare(network)
            return float((differences["mean"] / differences["bound"]).max(skipna=False))

        return quantize_layers(content, self._images[rows], judge)

    def _comparer(self, rows: _Rows, bounds: Bounds) -> Callable[[Path | bytes], pd.DataFrame]:
        images: UInt8Image = self._images[rows]
        wanted = {name: values[rows] for name, values in self._wanted.items()}

        def compare(source: Path | bytes) -> pd.DataFrame:
            session = Session.open(source)
            name = str(source) if isinstance(source, Path) else "the network"
            runtime = OnnxRuntime(session, Description.from_metadata(session.metadata, name))
            found = [comparing.values_of(runtime, images), runtime.decoded(images)]
            return comparing.compare_values(self._model.tasks, wanted, found, bounds)

        return compare


def export_in_memory(model: Model) -> Session:
    """Return a model as a network of ONNX Runtime, compared with it on patterns.

    Raises
    ------
    ExportError
        If it cannot be exported, or does not compute the same.
    MissingDependencyError
        Without the packages of the extra ``onnx``.
    """
    check_exporter("runtime")
    pictures = Pictures.draw(model.image_size)
    made = _Work(model, ExportedNetwork(model), pictures, None).onnx(None)
    comparing.check_differences(made.compare(made.content), "the exported network")
    return Session.open(made.content)


def _write(target: Path, made: _Made, asked: _Asked) -> ExportReport:
    """Write the file under another name, compare what was written, and let it take its place."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(made.content)
        differences = made.compare(partial)
        comparing.check_differences(differences, "the file")
        report = ExportReport(
            path=target,
            format=asked.format,
            quantize=asked.quantize,
            size=len(made.content),
            differences=differences,
            compared_on=asked.pictures.kind,
            unread=asked.pictures.unread,
            float_layers=made.float_layers,
            opset=opset_of(made.content) if asked.format == "onnx" else None,
            versions=_versions(asked.format),
        )
        partial.replace(target)
        report.report_path.write_text(report.to_json(), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            "the file cannot be written", argument="path", found=f"{target} ({error})"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return report


def _check_path(path: str | Path) -> tuple[Path, str]:
    target = Path(path).expanduser()
    kind = _FORMATS.get(target.suffix.lower())
    if kind is None:
        raise InvalidArgumentError(
            "the ending does not say a format",
            argument="path",
            expected=" or ".join(f"a name that ends in {suffix}" for suffix in _FORMATS),
            found=repr(str(path)),
        )
    check_output_folder(target.parent, "path")
    return target, kind


def _check_quantize(quantize: str | None, kind: str, images: object) -> None:
    if quantize is None:
        return
    check_choice(quantize, "quantize", ["int8"])
    if kind != "onnx":
        raise InvalidArgumentError(
            "only ONNX files are made 8-bit",
            argument="quantize",
            expected="None, or a path that ends in .onnx",
            found=repr(quantize),
        )
    if images is None:
        raise InvalidTypeError(
            "8-bit layers are calibrated with images like those to predict",
            argument="images",
            expected=f"a folder, paths or arrays, at least {_LEAST_TO_CALIBRATE} images",
            found="None",
            hint='model.export("model.onnx", quantize="int8", images="photos/")',
        )


def _versions(kind: str) -> dict[str, str]:
    names = _VERSIONS if kind == "onnx" else _VERSIONS[:2]
    return {name: installed_version(name) for name in names}
