"""Networks: backbones, heads, the model and its files."""

from faceattr.models.heads import HEADS, Head, register_head
from faceattr.models.model import Model
from faceattr.models.requests import PredictInput

__all__ = ["HEADS", "Head", "Model", "PredictInput", "register_head"]
