"""What dropping images, or refusing to answer, does to the error of the rest."""

from faceattr.evaluation.selective.curves import risk_coverage
from faceattr.evaluation.selective.result import RiskCoverage

__all__ = ["RiskCoverage", "risk_coverage"]
