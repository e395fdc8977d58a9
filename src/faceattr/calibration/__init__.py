"""Calibration as it is applied: honest probabilities, intervals that hold, and refusals.

It is fitted by `faceattr.evaluation.Calibrator`, on rows that no training has seen, and kept with a
model (`Model.calibration`) or applied to anyone's predictions table.
"""

from faceattr.calibration.abstention import Abstention
from faceattr.calibration.calibration import Calibration
from faceattr.calibration.groups import GroupRule
from faceattr.calibration.intervals import GroupQuantiles, Interval, conformal_quantile
from faceattr.calibration.parts import ClassCalibration, NumberCalibration
from faceattr.calibration.temperature import scale_probabilities

__all__ = [
    "Abstention",
    "Calibration",
    "ClassCalibration",
    "GroupQuantiles",
    "GroupRule",
    "Interval",
    "NumberCalibration",
    "conformal_quantile",
    "scale_probabilities",
]
