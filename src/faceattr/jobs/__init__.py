"""Whole jobs as one call each: train from a job file, predict, explain, score, evaluate, audit.

This is what the command line calls. A `TrainingJob` says everything that a training needs and can
be written as a TOML file; torch is loaded when a job runs that needs it, not before.
"""

from __future__ import annotations

from faceattr.jobs.auditing import AuditSection, run_audit
from faceattr.jobs.comparing import run_comparison
from faceattr.jobs.duplicates import run_duplicates
from faceattr.jobs.evaluating import run_evaluation
from faceattr.jobs.explaining import run_explanation
from faceattr.jobs.exporting import run_export
from faceattr.jobs.job import DEMO, TrainingJob
from faceattr.jobs.merging import MergeResult, run_merge
from faceattr.jobs.predicting import (
    PredictionCounts,
    PredictionFile,
    run_prediction,
    stream_prediction,
)
from faceattr.jobs.quality import run_quality
from faceattr.jobs.reporting import run_report
from faceattr.jobs.sampling import SamplerSection
from faceattr.jobs.sections import DataSection, EvaluateSection, ModelSection, SplitSection
from faceattr.jobs.training import TrainingResult, run_training

__all__ = [
    "DEMO",
    "AuditSection",
    "DataSection",
    "EvaluateSection",
    "MergeResult",
    "ModelSection",
    "PredictionCounts",
    "PredictionFile",
    "SamplerSection",
    "SplitSection",
    "TrainingJob",
    "TrainingResult",
    "run_audit",
    "run_comparison",
    "run_duplicates",
    "run_evaluation",
    "run_explanation",
    "run_export",
    "run_merge",
    "run_prediction",
    "run_quality",
    "run_report",
    "run_training",
    "stream_prediction",
]
