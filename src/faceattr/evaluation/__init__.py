"""Evaluation: any table of predictions, by any group, with counts and intervals."""

import faceattr.evaluation.classification
import faceattr.evaluation.regression  # noqa: F401 - both register the library's metrics
from faceattr.evaluation.averaging import average_predictions
from faceattr.evaluation.calibration.abstaining import Abstain, abstention_curve
from faceattr.evaluation.calibration.calibrator import Calibrator
from faceattr.evaluation.calibration.reliability import reliability
from faceattr.evaluation.calibration.showing import before_and_after
from faceattr.evaluation.calibration.splits import coverage_over_splits
from faceattr.evaluation.card import ModelFacts, model_card
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
from faceattr.evaluation.selective import RiskCoverage, risk_coverage

__all__ = [
    "CLASSIFICATION_METRICS",
    "REGRESSION_METRICS",
    "Abstain",
    "BinnedEvaluator",
    "Calibrator",
    "ClassificationData",
    "Comparison",
    "Evaluation",
    "Metric",
    "ModelFacts",
    "RegressionData",
    "RiskCoverage",
    "abstention_curve",
    "average_predictions",
    "before_and_after",
    "classification_metric",
    "compare",
    "coverage_over_splits",
    "higher_is_better",
    "model_card",
    "regression_metric",
    "reliability",
    "risk_coverage",
]
