"""Wrong labels by confident learning; the only file that knows cleanlab.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in
Dataset Labels", JAIR 70) takes a label for wrong where the model is surer of another class than it
is on average of images with that label.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import MissingDependencyError

__all__ = ["check_installed", "score_classes", "score_numbers"]

Scores = npt.NDArray[np.float64]


def check_installed() -> None:
    """Raise MissingDependencyError without cleanlab."""
    if importlib.util.find_spec("cleanlab") is None:
        raise MissingDependencyError(
            "wrong labels are looked for with cleanlab",
            argument="predictions",
            hint='pip install "faceattr[audit]", or call audit() without predictions',
        )


def score_classes(
    labels: npt.NDArray[np.int64], probabilities: Scores
) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Score labels of classes, and say which are probably wrong.

    Parameters
    ----------
    labels : numpy.ndarray of int64, shape (n,)
        0 to K - 1.
    probabilities : numpy.ndarray of float64, shape (n, K)

    Returns
    -------
    scores : numpy.ndarray of float64, shape (n,)
        The probability of the label, 0 to 1.
    is_issue : numpy.ndarray of bool, shape (n,)
        Off-diagonals of the confident joint.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    if not len(labels):
        return np.empty(0), np.empty(0, dtype=np.bool_)
    found = find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    scores = get_label_quality_scores(labels, probabilities, method="self_confidence")
    return np.asarray(scores, dtype=np.float64), np.asarray(found, dtype=np.bool_)


def score_numbers(deviations: Scores) -> Scores:
    """Score labels that are numbers.

    Parameters
    ----------
    deviations : numpy.ndarray of float64, shape (n,)
        How far the prediction lies from the label, in units of its usual error.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        ``exp(-deviation)``, 0 to 1.
    """
    from cleanlab.regression.rank import get_label_quality_scores

    padded = np.append(deviations, [0.0, 0.0])  # it refuses a single number
    scores = get_label_quality_scores(padded, np.zeros(len(padded)), method="residual")
    return np.asarray(scores, dtype=np.float64)[:-2]
