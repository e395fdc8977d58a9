"""Networks: backbones, heads, the model and its files."""

from faceattr._requests import ImagesInput as PredictInput
from faceattr.models.bundled import bundled_models
from faceattr.models.cost import model_cost
from faceattr.models.heads import HEADS, Head, register_head
from faceattr.models.model import Model

__all__ = [
    "HEADS",
    "Head",
    "Model",
    "PredictInput",
    "bundled_models",
    "model_cost",
    "register_head",
]
