"""Evaluation: any table of predictions, by any group, with counts and intervals."""

import faceattr.evaluation.classification
import faceattr.evaluation.regression  # noqa: F401 - both register the library's metrics
from faceattr.evaluation.comparison import Comparison, compare
from faceattr.evaluation.evaluation import Evaluation
from faceattr.evaluation.evaluator import BinnedEvaluator
from faceattr.evaluation.metrics import (
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
    ClassificationData,
    Metric,
    RegressionData,
    classification_metric,
    higher_is_better,
    regression_metric,
)
from faceattr.evaluation.selective import risk_coverage
from faceattr.evaluation.selective_result import RiskCoverage

__all__ = [
    "CLASSIFICATION_METRICS",
    "REGRESSION_METRICS",
    "BinnedEvaluator",
    "ClassificationData",
    "Comparison",
    "Evaluation",
    "Metric",
    "RegressionData",
    "RiskCoverage",
    "classification_metric",
    "compare",
    "higher_is_better",
    "regression_metric",
    "risk_coverage",
]
