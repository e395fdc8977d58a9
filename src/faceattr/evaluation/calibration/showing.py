"""What a calibration changes, on rows that it was not fitted on."""

from __future__ import annotations

import pandas as pd

from faceattr.calibration import Calibration
from faceattr.evaluation.calibration.reading import check_held_out, check_table
from faceattr.evaluation.evaluator import BinnedEvaluator
from faceattr.exceptions import InvalidTypeError, TableError

__all__ = ["before_and_after", "check_not_fitted_on"]

SHOWN = ("log_loss", "brier", "ece", "accuracy", "coverage", "interval_width")
"""What calibration is about, and accuracy, which it leaves as it is."""


def before_and_after(
    calibration: Calibration,
    predictions: pd.DataFrame,
    quality: pd.DataFrame | None = None,
    *,
    evaluator: BinnedEvaluator | None = None,
) -> pd.DataFrame:
    """Evaluate predictions before and after a calibration.

    Parameters
    ----------
    calibration : Calibration
    predictions : pandas.DataFrame
        Labelled, as the model made them, of rows that the calibration was not fitted on.
    quality : pandas.DataFrame, optional
        Further columns to group by.
    evaluator : BinnedEvaluator, optional
        Groups and intervals; by default those of ``BinnedEvaluator()``, of the calibrated tasks.

    Returns
    -------
    pandas.DataFrame
        Rows of `Evaluation.to_frame` with a first column ``stage``, "before" or "after": of classes
        log loss, Brier score, calibration error and accuracy; of numbers coverage and width of
        intervals, which are there after alone.

    Raises
    ------
    TableError
        If a row is one that the calibration was fitted on, or that was trained on; and what
        `Calibration.apply` and `BinnedEvaluator.evaluate` raise.
    """
    if not isinstance(calibration, Calibration):
        raise InvalidTypeError(
            "not a calibration",
            argument="calibration",
            expected="Calibration",
            found=type(calibration).__name__,
        )
    table = check_table(predictions)
    check_held_out(table)
    check_not_fitted_on(calibration, table)
    chosen = BinnedEvaluator(tasks=calibration.tasks) if evaluator is None else evaluator
    frames = []
    for stage, rows in (("before", table), ("after", calibration.apply(table, quality))):
        frame = chosen.evaluate(rows, quality).to_frame()
        frame = frame[frame["metric"].isin(SHOWN)]
        frame.insert(0, "stage", stage)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def check_not_fitted_on(calibration: Calibration, predictions: pd.DataFrame) -> None:
    """Raise if rows are among those that a calibration was fitted on.

    It knows their ids until it is saved; one that was loaded again cannot tell.

    Raises
    ------
    TableError
    """
    if not calibration.fitted_on or "sample_id" not in predictions.columns:
        return
    ids = predictions["sample_id"].astype(str)
    seen = ids[ids.isin(calibration.fitted_on)]
    if len(seen):
        raise TableError(
            "the calibration was fitted on these rows, and looks better on them than on others",
            argument="predictions",
            rows=list(seen),
            expected="rows that neither training nor calibration has seen",
            hint="coverage_over_splits(predictions) fits and tests on the same table, in turns",
        )
