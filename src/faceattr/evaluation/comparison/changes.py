"""Which images one side gets better than the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.evaluation.losses import row_losses
from faceattr.evaluation.metrics import FloatArray
from faceattr.evaluation.rows import TaskRows, row_names
from faceattr.tasks import ClassificationTask

__all__ = ["image_changes"]


def image_changes(
    table: pd.DataFrame, a: Sequence[TaskRows], b: Sequence[TaskRows]
) -> pd.DataFrame:
    """Return the loss of each image on both sides.

    Parameters
    ----------
    table : pandas.DataFrame
        Of the first side, for the ids.
    a, b : sequence of TaskRows
        One a table of the side, of the same rows.

    Returns
    -------
    pandas.DataFrame
        ``sample_id`` (or the number of the row), the label, ``pred_a`` and ``pred_b`` (of several
        tables the mean, or the class that most of them say), ``loss_a``, ``loss_b`` and ``change``.
        Losses are of one kind: without probabilities in any table they are not used of the others.
    """
    task, used = a[0].task, a[0].used
    names = row_names(table)
    truth = a[0].data.truth
    classes = task.classes if isinstance(task, ClassificationTask) else None
    by_label = any(getattr(part.data, "probabilities", None) is None for part in (*a, *b))
    loss_a, loss_b = (
        np.mean([row_losses(part.data, by_label=by_label) for part in side], axis=0)
        for side in (a, b)
    )
    return pd.DataFrame(
        {
            "sample_id": pd.Series([names[row] for row in used], dtype="str"),
            task.name: truth if classes is None else _named(truth, classes),
            "pred_a": _predicted(a, classes),
            "pred_b": _predicted(b, classes),
            "loss_a": loss_a,
            "loss_b": loss_b,
            "change": loss_b - loss_a,
        }
    )


def _predicted(side: Sequence[TaskRows], classes: Sequence[str] | None) -> FloatArray | pd.Series:
    if classes is None:
        return np.asarray(np.mean([part.data.prediction for part in side], axis=0))
    votes = [[part.data.prediction == code for part in side] for code in range(len(classes))]
    return _named(np.asarray(votes).sum(axis=1).argmax(axis=0), classes)


def _named(codes: npt.NDArray[Any], classes: Sequence[str]) -> pd.Series:
    return pd.Series(np.array(classes, dtype=object)[codes.astype(np.intp)], dtype="str")
