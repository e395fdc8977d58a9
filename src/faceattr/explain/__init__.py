"""Explanations: which parts of a face a model uses, and how far that can be trusted."""

from faceattr.explain.attribution import Attribution
from faceattr.explain.curves import Curves
from faceattr.explain.explainer import Explainer
from faceattr.explain.explanation import Explanation
from faceattr.explain.explanations import Explanations
from faceattr.explain.faithfulness import Grade, GradeLimits
from faceattr.explain.lime_model import Lime
from faceattr.explain.methods import (
    EXPLANATION_METHODS,
    grad_cam,
    occlusion,
    register_method,
)
from faceattr.explain.predicting import ExplainableModel
from faceattr.explain.scene import Scene
from faceattr.explain.segments import (
    SEGMENTERS,
    Segments,
    face_segments,
    grid_segments,
    quickshift_segments,
    slic_segments,
)

__all__ = [
    "EXPLANATION_METHODS",
    "SEGMENTERS",
    "Attribution",
    "Curves",
    "ExplainableModel",
    "Explainer",
    "Explanation",
    "Explanations",
    "Grade",
    "GradeLimits",
    "Lime",
    "Scene",
    "Segments",
    "face_segments",
    "grad_cam",
    "grid_segments",
    "occlusion",
    "quickshift_segments",
    "register_method",
    "slic_segments",
]
