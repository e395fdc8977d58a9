"""Which runtime predicts for a model that lives in Python."""

from __future__ import annotations

import hashlib
import logging
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from faceattr._validation import check_choice
from faceattr.exceptions import ExportError, InvalidArgumentError, MissingDependencyError
from faceattr.models.runtimes import RUNTIMES, Runtime
from faceattr.models.torch_runtime import TorchRuntime

if TYPE_CHECKING:
    from faceattr.images import UInt8Image
    from faceattr.models.export.session import Session
    from faceattr.models.model import Model

__all__ = ["choose_runtime"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept:
    """What became of a model's last export: a session, or why there is none."""

    key: bytes
    session: Session | None
    error: ExportError | None = None


# Beside the models and not in them, so that copying or sending a model does not meet a session.
_KEPT: weakref.WeakKeyDictionary[Model, _Kept] = weakref.WeakKeyDictionary()
_EXPORTING = threading.Lock()


def choose_runtime(model: Model, runtime: str) -> Runtime:
    """Return what computes a prediction.

    A network of ONNX Runtime is made once, in memory, compared with the model, and kept as long as
    the model's weights, buffers and layers are the same to the bit, and so is its image size.

    Parameters
    ----------
    model : Model
    runtime : {"torch", "onnx", "auto"}
        ``"auto"`` is ONNX Runtime where it is installed, the model lies on the CPU and can be
        exported; else torch.

    Raises
    ------
    InvalidArgumentError
        If there is no such runtime, or the model lies on another device.
    ExportError, MissingDependencyError
        If the runtime is ``"onnx"`` and the model cannot be exported.
    """
    check_choice(runtime, "runtime", RUNTIMES)
    if runtime == "torch":
        return TorchRuntime(model)
    try:
        return _onnx(model)
    except (ExportError, MissingDependencyError, InvalidArgumentError) as error:
        if runtime == "onnx":
            raise
        _log.info("predicting by torch: %s", error)
        return TorchRuntime(model)


def _onnx(model: Model) -> Runtime:
    from faceattr.models.export.exporting import export_in_memory
    from faceattr.models.export.graph import check_exporter
    from faceattr.models.export.programs import SubstituteRuntime

    check_exporter("runtime")
    if model.mean.device.type != "cpu":
        raise InvalidArgumentError(
            "the model lies on another device",
            argument="runtime",
            expected="a model on the CPU",
            found=str(model.mean.device),
            hint='runtime="torch", or model.to("cpu")',
        )
    with _EXPORTING:
        key = _key(model)
        kept = _KEPT.get(model)
        if kept is None or kept.key != key:
            try:
                kept = _Kept(key, export_in_memory(model))
            except ExportError as error:
                kept = _Kept(key, None, error)
            _KEPT[model] = kept
    if kept.session is None:
        raise kept.error or ExportError("the model cannot be exported", argument="model")
    session, names = kept.session, list(model.tasks)

    def compute(images: UInt8Image) -> dict[str, Tensor]:
        found = session.run(images, names)
        return {name: torch.from_numpy(found[name]) for name in names}

    return SubstituteRuntime(model, compute)


def _key(model: Model) -> bytes:
    """Return what changes whenever a weight, a buffer, a layer or the image size does."""
    digest = hashlib.blake2b(f"{model.image_size} {model!r}".encode(), digest_size=32)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        plain = tensor.detach().contiguous().reshape(-1)
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(plain.view(torch.uint8).numpy().data)
    return digest.digest()
