"""A model and its calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from faceattr.calibration import Calibration
from faceattr.exceptions import InvalidTypeError
from faceattr.tables import pred_column

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = ["fit_to_model"]


def fit_to_model(model: Model, calibration: Calibration) -> Calibration:
    """Return a calibration as a model applies it, with the bounds of the model's own tasks.

    Raises
    ------
    InvalidTypeError, InvalidArgumentError
        If it is no calibration, or not one that the model's own predictions are enough for.
    """
    if not isinstance(calibration, Calibration):
        raise InvalidTypeError(
            "not a calibration",
            argument="calibration",
            expected="a Calibration, as Calibrator().fit(predictions) returns it, or None",
            found=repr(calibration),
        )
    own = calibration.for_tasks(model.tasks)
    own.check_columns(_predicted(model))
    return own


def _predicted(model: Model) -> list[str]:
    """Return the columns that the heads put out."""
    found: list[str] = []
    for name, task in model.tasks.items():
        head = model.head(name)
        empty = torch.empty(0, head.output_size(task))
        found += [pred_column(name), *head.columns(empty)]
    return found
