"""Metrics of classes, such as gender.

Every function returns one column a class and a last one for all classes. A figure that would divide
by 0 is NaN, and averages go over the classes for which it is defined: what scikit-learn gives with
``zero_division=np.nan``. The class columns treat a class against all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr.evaluation.metrics import (
    ClassificationData,
    FloatArray,
    classification_metric,
    ratio,
    sums_by_code,
)
from faceattr.exceptions import InvalidArgumentError

__all__ = [
    "ECE_BINS",
    "accuracy",
    "average_precision",
    "brier",
    "confidence_bins",
    "ece",
    "f1",
    "log_loss",
    "precision",
    "recall",
    "roc_auc",
    "support",
]

ECE_BINS = 15
"""Bins of the calibration error, as in most papers."""

_Mask: TypeAlias = npt.NDArray[np.bool_]
_Ranking: TypeAlias = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
_Curve: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]


def _labelled(data: ClassificationData) -> _Mask:
    return _with_all(_is_class(data.truth, data.n_classes))


def _predicted(data: ClassificationData) -> _Mask:
    return _with_all(_is_class(data.prediction, data.n_classes))


def _labelled_or_predicted(data: ClassificationData) -> _Mask:
    return _labelled(data) | _predicted(data)


@classification_metric("support", label="rows", better=None, interval=False, rows=_labelled)
def support(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Count the rows labelled with a class, and all rows."""
    labelled, _, _ = _tallies(data, counts)
    return _with_last(labelled, counts.sum(axis=1))


@classification_metric("accuracy", label="accuracy", better="higher", interval="share")
def accuracy(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Share of right decisions: this class or another; over all classes, the right class."""
    labelled, predicted, right = _tallies(data, counts)
    total = counts.sum(axis=1)
    wrong = labelled + predicted - 2 * right
    return _with_last(
        ratio(total[:, None] - wrong, total[:, None]), ratio(right.sum(axis=1), total)
    )


@classification_metric(
    "precision", label="precision", better="higher", interval="share", rows=_predicted
)
def precision(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Share of the predictions of a class that are right; over all classes the plain mean."""
    _, predicted, right = _tallies(data, counts)
    return _with_mean(ratio(right, predicted))


@classification_metric("recall", label="recall", better="higher", interval="share", rows=_labelled)
def recall(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Share of the rows of a class that are found; over all classes the plain mean."""
    labelled, _, right = _tallies(data, counts)
    return _with_mean(ratio(right, labelled))


@classification_metric("f1", label="F1", better="higher", rows=_labelled_or_predicted)
def f1(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Harmonic mean of precision and recall; over all classes the plain mean."""
    labelled, predicted, right = _tallies(data, counts)
    return _with_mean(ratio(2 * right, labelled + predicted))


@classification_metric("roc_auc", label="ROC AUC", better="higher", needs_probabilities=True)
def roc_auc(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Area under the ROC curve of each class against the others.

    It is the chance that a row of the class gets a higher probability than another row, ties
    counting half; NaN where one of the two kinds is absent. Over two classes it is that of the
    positive class, over more the plain mean.
    """
    return _ranked(data, counts, _auc)


@classification_metric(
    "average_precision", label="average precision", better="higher", needs_probabilities=True
)
def average_precision(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Average precision of each class against the others.

    The sum of precisions at every threshold, weighted by the recall gained there, without
    interpolation; NaN where the class is absent. Over two classes it is that of the positive class,
    over more the plain mean.
    """
    return _ranked(data, counts, _average_precision)


@classification_metric(
    "log_loss", label="log loss", better="lower", needs_probabilities=True, rows=_labelled
)
def log_loss(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Mean of -log(probability of the true class), over the rows of a class and over all rows.

    Probabilities are kept 2.2e-16 away from 0 and 1, so that one wrong certainty costs 36, not
    infinity.
    """
    probabilities = _probabilities(data)[np.arange(len(data)), data.truth]
    tiny = np.finfo(np.float64).eps
    losses = -np.log(np.clip(probabilities, tiny, 1.0 - tiny))
    labelled, _, _ = _tallies(data, counts)
    by_class = sums_by_code(counts * losses, data.truth, data.n_classes)
    return _with_last(ratio(by_class, labelled), ratio(counts @ losses, counts.sum(axis=1)))


@classification_metric("brier", label="Brier score", better="lower", needs_probabilities=True)
def brier(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Mean squared distance of probabilities from what came true: 0 at best.

    Of a class, its probability against 1 for its own rows and 0 for others (Brier 1950). Over two
    classes it is that of the positive class, 0 to 1; over more the sum of all, 0 to 2.
    """
    squares = (_probabilities(data) - _is_class(data.truth, data.n_classes)) ** 2
    by_class = ratio(counts @ squares, counts.sum(axis=1, keepdims=True))
    if data.n_classes == 2:
        return _with_last(by_class, by_class[:, data.positive])
    return _with_last(by_class, by_class.sum(axis=1))


@classification_metric(
    "ece", label="calibration error (ECE)", better="lower", needs_probabilities=True
)
def ece(data: ClassificationData, counts: FloatArray) -> FloatArray:
    """Compute the expected calibration error (ECE) in 15 bins of equal width, 0 to 1.

    Over all classes: how far the probability of the predicted class is from the share of right
    predictions, in each bin, averaged by the rows of the bins (Guo et al. 2017). Of a class: its
    probability against its share (Kull et al. 2019). Even perfect probabilities get more than 0 by
    chance, and a resample more than the table: intervals lie too high.
    """
    probabilities, truth = _probabilities(data), _is_class(data.truth, data.n_classes)
    by_class = [
        _binned_gap(probabilities[:, label], truth[:, label], counts)
        for label in range(data.n_classes)
    ]
    chosen = probabilities[np.arange(len(data)), data.prediction]
    right = data.truth == data.prediction
    return np.column_stack([*by_class, _binned_gap(chosen, right, counts)])


def _binned_gap(confidence: FloatArray, right: _Mask, counts: FloatArray) -> FloatArray:
    bins = confidence_bins(confidence, ECE_BINS)
    gaps = sums_by_code(counts * (confidence - right), bins, ECE_BINS)
    return ratio(np.abs(gaps).sum(axis=1), counts.sum(axis=1))


def confidence_bins(confidence: FloatArray, n_bins: int) -> npt.NDArray[np.int64]:
    """Return the bin of each probability, of equal width and right-closed, shape (n,)."""
    places = np.searchsorted(np.linspace(0.0, 1.0, n_bins + 1)[1:-1], confidence, side="left")
    return np.asarray(places, dtype=np.int64)


def _is_class(codes: npt.NDArray[np.int64], n_classes: int) -> _Mask:
    return np.equal(codes[:, None], np.arange(n_classes))


def _tallies(
    data: ClassificationData, counts: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Count, for each sample and class, the rows labelled, predicted, and both."""
    confusion = data.confusion(counts)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    return confusion.sum(axis=2), confusion.sum(axis=1), right


def _with_last(by_class: FloatArray, overall: FloatArray) -> FloatArray:
    return np.column_stack([by_class, overall])


def _with_all(by_class: _Mask) -> _Mask:
    return np.column_stack([by_class, np.ones(len(by_class), dtype=np.bool_)])


def _with_mean(by_class: FloatArray) -> FloatArray:
    defined = ~np.isnan(by_class)
    total = np.where(defined, by_class, 0.0).sum(axis=1)
    return _with_last(by_class, ratio(total, defined.sum(axis=1).astype(np.float64)))


def _ranked(data: ClassificationData, counts: FloatArray, curve: _Curve) -> FloatArray:
    by_class = np.column_stack(
        [
            curve(*_by_threshold(ranking, data.truth == label, counts))
            for label, ranking in enumerate(data.rankings)
        ]
    )
    if data.n_classes == 2:
        return _with_last(by_class, by_class[:, data.positive])
    return _with_mean(by_class)


def _probabilities(data: ClassificationData) -> FloatArray:
    if data.probabilities is None:
        raise InvalidArgumentError("probabilities are needed", argument="data")
    return data.probabilities


def _auc(above: FloatArray, all_: FloatArray) -> FloatArray:
    negative = all_ - above
    # Rows of the same score form one step: pairs within it count half.
    higher = np.cumsum(above, axis=1) - above / 2
    pairs = above.sum(axis=1) * negative.sum(axis=1)
    return ratio((negative * higher).sum(axis=1), pairs)


def _average_precision(gained: FloatArray, all_: FloatArray) -> FloatArray:
    precisions = ratio(np.cumsum(gained, axis=1), np.cumsum(all_, axis=1))
    weighted = np.where(gained > 0, precisions, 0.0) * gained
    return ratio(weighted.sum(axis=1), gained.sum(axis=1))


def _by_threshold(
    ranking: _Ranking, positive: _Mask, counts: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Count positive and all rows of every distinct score, the highest score first."""
    order, starts = ranking
    sorted_counts = counts[:, order]
    if len(starts) == len(order):
        return sorted_counts * positive[order], sorted_counts
    gained = np.add.reduceat(sorted_counts * positive[order], starts, axis=1)
    return gained, np.add.reduceat(sorted_counts, starts, axis=1)
