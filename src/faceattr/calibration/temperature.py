"""Temperature: probabilities made less, or more, sure of themselves."""

from __future__ import annotations

import numpy as np

from faceattr._validation import check_number
from faceattr.calibration.columns import FloatArray

__all__ = ["log_probabilities", "scale_probabilities"]

_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""What a network's probability of 0 may have been: the least that it can put out."""


def log_probabilities(probabilities: FloatArray) -> FloatArray:
    """Return the logarithms of probabilities; those of 0 are taken for 1.4e-45."""
    logs: FloatArray = np.log(np.maximum(probabilities, _SMALLEST))
    return logs


def scale_probabilities(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Scale probabilities by a temperature: ``softmax(log(p) / T)``.

    Up to a constant in each row, log(p) is what went into the softmax, so this is temperature
    scaling of a network's outputs without them. The most probable class stays so.

    Parameters
    ----------
    probabilities : numpy.ndarray of float64, shape (n, k)
        Rows add up to 1; rows of NaN stay as they are.
    temperature : float
        Above 0. Above 1 probabilities come closer to each other, below 1 they part; 1 changes
        nothing.

    Returns
    -------
    numpy.ndarray of float64, shape (n, k)

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If the temperature is not a number above 0.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks", ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from faceattr.calibration import scale_probabilities
    >>> scale_probabilities(np.array([[0.9, 0.1]]), 2.0)
    array([[0.75, 0.25]])
    """
    temperature = check_number(temperature, "temperature", low=0, low_open=True)
    if temperature == 1.0:
        return probabilities
    scaled = log_probabilities(probabilities) / temperature
    shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
    result: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
    return result
