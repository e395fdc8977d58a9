"""Networks: backbones, heads, the model and its files.

The names are loaded on first use, so that an exported model (`OnnxModel`) predicts without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceattr._requests import ImagesInput as PredictInput
    from faceattr.models.bundled import bundled_models
    from faceattr.models.cost import model_cost
    from faceattr.models.export.onnx_model import OnnxModel
    from faceattr.models.export.report import ExportReport
    from faceattr.models.heads import HEADS, Head, register_head
    from faceattr.models.model import Model

__all__ = [
    "HEADS",
    "ExportReport",
    "Head",
    "Model",
    "OnnxModel",
    "PredictInput",
    "bundled_models",
    "model_cost",
    "register_head",
]

_HOMES = {
    "HEADS": ("faceattr.models.heads", "HEADS"),
    "ExportReport": ("faceattr.models.export.report", "ExportReport"),
    "Head": ("faceattr.models.heads", "Head"),
    "Model": ("faceattr.models.model", "Model"),
    "OnnxModel": ("faceattr.models.export.onnx_model", "OnnxModel"),
    "PredictInput": ("faceattr._requests", "ImagesInput"),
    "bundled_models": ("faceattr.models.bundled", "bundled_models"),
    "model_cost": ("faceattr.models.cost", "model_cost"),
    "register_head": ("faceattr.models.heads", "register_head"),
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        module, attribute = _HOMES[name]
        value: object = getattr(import_module(module), attribute)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
