"""Methods of explanation: functions of a scene that say what each part adds to each output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.explain.attribution import Attribution
from faceattr.explain.lime_model import Lime
from faceattr.explain.predicting import DifferentiableModel
from faceattr.explain.scene import Scene
from faceattr.registry import Registry

__all__ = [
    "EXPLANATION_METHODS",
    "Attribution",
    "ExplanationMethod",
    "grad_cam",
    "occlusion",
    "register_method",
    "run_method",
]

ExplanationMethod: TypeAlias = Callable[[Scene], "Attribution | npt.NDArray[np.float64]"]
"""A `Scene` to an `Attribution`, or to its weights alone: float64 (outputs, parts)."""

EXPLANATION_METHODS: Registry[ExplanationMethod] = Registry("explanation method")


def register_method(name: str, method: ExplanationMethod) -> ExplanationMethod:
    """Make a method of one's own known by name, for ``Explainer(method=name)``.

    Raises
    ------
    InvalidArgumentError
        If the name is taken.
    InvalidTypeError
        If it is no function.
    """
    if not callable(method):
        raise _no_method(method)
    return EXPLANATION_METHODS.register(name, method)


def run_method(method: str | ExplanationMethod, scene: Scene) -> Attribution:
    """Explain a scene, and check what the method hands over.

    Raises
    ------
    InvalidArgumentError
        If the name is unknown, or the weights have another shape or are not finite.
    InvalidTypeError
        If `method` is neither a name nor a function, or returns something else.
    """
    found: object = method
    if isinstance(method, str):
        found = EXPLANATION_METHODS.get(method, argument="method")
    if not callable(found):
        raise _no_method(found)
    made = found(scene)
    attribution = Attribution(made) if isinstance(made, np.ndarray) else made
    if not isinstance(attribution, Attribution):
        raise InvalidTypeError(
            "the method returns something else than an explanation",
            argument="method",
            expected="an Attribution, or an array of weights",
            found=type(made).__name__,
        )
    _check(attribution.weights, (len(scene.outputs), len(scene.segments)), "weights")
    if attribution.maps is not None:
        _check(attribution.maps, (len(scene.outputs), *scene.image.shape[:2]), "maps")
    return attribution


def _check(values: npt.NDArray[np.float64], shape: tuple[int, ...], what: str) -> None:
    if values.shape != shape or values.dtype.kind != "f" or not np.isfinite(values).all():
        finite = "" if values.dtype.kind != "f" or np.isfinite(values).all() else ", not all finite"
        raise InvalidArgumentError(
            f"the method returns other {what} than it should",
            argument="method",
            expected=f"finite floats of shape {shape}",
            found=f"{values.dtype} of shape {values.shape}{finite}",
        )


def occlusion(scene: Scene) -> Attribution:
    """Hide one part at a time: its weight is what the prediction loses by that.

    One image a part, and one for the whole.

    References
    ----------
    Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks".
    """
    parts = len(scene.segments)
    masks = np.ones((parts + 1, parts), dtype=np.uint8)
    np.fill_diagonal(masks[1:], 0)
    values = scene.predict(masks)
    return Attribution((values[0] - values[1:]).T)


def grad_cam(scene: Scene) -> Attribution:
    """Weigh the maps of the network's last stage by their gradients; a part's weight is the mean.

    Only for a `faceattr.Model`. Weights are in no unit: they tell parts of one image and output
    apart, and their sign whether a part speaks for the output.

    References
    ----------
    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-Based
    Localization". The sign is kept, where the paper sets negative values to 0.
    """
    model = scene.predictor.model
    if not isinstance(model, DifferentiableModel):
        raise InvalidArgumentError(
            f"{'a function' if model is None else type(model).__name__} has no gradients",
            argument="method",
            expected="'lime', 'occlusion' or a method of one's own",
            found="'grad_cam'",
            hint="Explainer(model, method='grad_cam')",
        )
    by_task = model.grad_cam(scene.image[None].copy())
    small = np.concatenate([by_task[name][0] for name in scene.predictor.tasks])
    height, width = scene.image.shape[:2]
    maps = np.stack(
        [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in small]
    ).astype(np.float64)
    return Attribution(scene.segment_means(maps), maps=maps, in_units=False)


def _no_method(found: object) -> InvalidTypeError:
    return InvalidTypeError(
        "not an explanation method",
        argument="method",
        expected=f"one of {list(EXPLANATION_METHODS)}, or a function of a Scene",
        found=repr(found),
    )


register_method("lime", Lime())
register_method("occlusion", occlusion)
register_method("grad_cam", grad_cam)
