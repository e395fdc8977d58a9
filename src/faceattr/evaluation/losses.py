"""How wrong each row is: the figure by which images are ranked."""

from __future__ import annotations

import numpy as np

from faceattr.evaluation.metrics import ClassificationData, FloatArray, RegressionData

__all__ = ["row_losses"]


def row_losses(data: RegressionData | ClassificationData, *, by_label: bool = False) -> FloatArray:
    """Return the loss of each row.

    Parameters
    ----------
    data : RegressionData or ClassificationData
    by_label : bool, default False
        Leave probabilities out of account.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        For numbers the absolute error, in the task's unit; for classes 1 less the probability of
        the true class, or without probabilities 1 where wrong and 0 where right.
    """
    if isinstance(data, RegressionData):
        return data.absolute_error
    if by_label or data.truth_probability is None:
        return np.asarray(data.truth != data.prediction, dtype=np.float64)
    return 1.0 - data.truth_probability
