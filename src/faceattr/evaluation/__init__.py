"""Evaluation: any table of predictions, by any group, with counts and intervals."""

# The first two register the metrics that come with the library.
from faceattr.evaluation import classification, regression
from faceattr.evaluation.evaluation import Evaluation
from faceattr.evaluation.evaluator import BinnedEvaluator
from faceattr.evaluation.metrics import (
    ClassificationData,
    Metric,
    RegressionData,
    classification_metric,
    higher_is_better,
    regression_metric,
)

__all__ = [
    "BinnedEvaluator",
    "ClassificationData",
    "Evaluation",
    "Metric",
    "RegressionData",
    "classification",
    "classification_metric",
    "higher_is_better",
    "regression",
    "regression_metric",
]
