"""The calibrator: from predictions of held-out rows to a calibration."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from faceattr._validation import check_choice
from faceattr.binning import BinSpec
from faceattr.calibration import (
    Abstention,
    Calibration,
    ClassCalibration,
    GroupRule,
    NumberCalibration,
    scale_probabilities,
)
from faceattr.calibration.columns import read_numbers
from faceattr.calibration.intervals import Score, least_rows
from faceattr.calibration.parts import Part, confidence_of
from faceattr.evaluation.calibration.abstaining import Abstain
from faceattr.evaluation.calibration.fitting import (
    Settings,
    check_settings,
    fit_interval,
    fit_temperature,
    need_rows,
)
from faceattr.evaluation.calibration.reading import (
    ScoredRows,
    check_by,
    check_held_out,
    check_new,
    check_table,
    classes_of,
    join_groups,
    read_scored,
)
from faceattr.evaluation.rows import tasks_of
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = ["Calibrator"]

_log = logging.getLogger(__name__)


class Calibrator:
    """Learn from held-out rows how far predictions can be trusted.

    Classes get a temperature (Guo et al. 2017), numbers conformal intervals: one width for all rows
    (split), or one a group (Mondrian).

    Parameters
    ----------
    level : float, default 0.9
        The share of truths that intervals are to hold, between 0 and 1.
    by : str, optional
        A column of the predictions or the quality table whose groups get intervals of their own,
        so that the level holds within each: the prediction (``"age_pred"``), a quality metric, a
        camera. Not a label, which a new image lacks.
    bins : mapping of str to edges or int, optional
        Bins of `by`, as for `BinnedEvaluator`. The outer ones of quantiles are open.
    score : {"absolute", "normalized", "quantile"}, default "absolute"
        How intervals are shaped: as wide for everyone; in proportion to ``<task>_std`` (Lei et al.
        2018); or ``<task>_q05`` to ``<task>_q95`` moved by one number (Romano et al. 2019).
    min_count : int, default 10
        Rows that a group needs for a quantile of its own, and never fewer than the quantile needs
        to exist: 9 at 0.9, 19 at 0.95. A smaller group, and rows of no known group, get the
        quantile over all rows. The level is not promised for these, and where they are the harder
        ones it is missed there and a little over all; a log warning and ``calibration.to_frame()``
        name such groups. With n rows the coverage that a group gets varies by about
        ``sqrt(level * (1 - level) / n)`` from one set of rows to another: 9 points with 10 rows
        at 0.9, 4 with 50.
    abstain : mapping of str to Abstain, optional
        Rules of abstention, by task.
    tasks : TaskSet, task or sequence of tasks, optional
        Without it, those told from the columns, whose intervals have no bounds.

    Notes
    -----
    An interval of level 0.9 holds the truth for nine of ten new rows on average, if these are
    exchangeable with those it was fitted on: drawn from the same population in the same way. It is
    no promise for every kind of face: by default the level holds over all rows, and groups can be
    above or below it. `coverage_over_splits` shows what groups get.

    Held-out means rows on which neither weights nor settings were chosen. What can be told is
    refused: rows whose ``split`` is "train" (out-of-fold predictions of such rows are held out:
    drop the column). A validation part on which the best epoch was chosen
    makes a calibration slightly too hopeful.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks", ICML. Lei,
    G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-Free Predictive Inference for
    Regression", JASA 113. Romano, Patterson and Candes 2019, "Conformalized Quantile Regression",
    NeurIPS. Vovk, Lindsay, Nouretdinov and Gammerman 2003, "Mondrian Confidence Machine". Bostrom
    and Johansson 2020, "Mondrian Conformal Regressors", COPA.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from faceattr.evaluation import Calibrator
    >>> table = pd.DataFrame({"age": 30.0 + np.arange(19), "age_pred": 30.0})
    >>> Calibrator(level=0.9).fit(table)["age"].interval.quantile
    17.0
    """

    def __init__(
        self,
        level: float = 0.9,
        by: str | None = None,
        bins: Mapping[str, BinSpec] | None = None,
        *,
        score: Score = "absolute",
        min_count: int = 10,
        abstain: Mapping[str, Abstain] | None = None,
        tasks: TaskSet | Task | Iterable[Task] | None = None,
    ) -> None:
        self.level = level
        self.by = by
        self.bins = bins
        self.score = score
        self.min_count = min_count
        self.abstain = abstain
        self.tasks = tasks

    def fit(self, predictions: pd.DataFrame, quality: pd.DataFrame | None = None) -> Calibration:
        """Fit all tasks.

        Parameters
        ----------
        predictions : pandas.DataFrame
            Of rows that no training has seen, as the model made them. Rows without a label or a
            prediction are left out. The order of the rows changes nothing.
        quality : pandas.DataFrame, optional
            Where the column to group by is, by ``sample_id``.

        Returns
        -------
        Calibration

        Raises
        ------
        TableError
            If a column is missing, rows were trained on, there are too few of them, or the
            predictions are calibrated already.
        InvalidArgumentError, InvalidTypeError
            If an argument of the calibrator is outside its limits, or a rule of abstention cannot
            be had.
        """
        table = check_table(predictions)
        settings = check_settings(self.level, self.score, self.min_count)
        tasks = tasks_of(table, self.tasks)
        by = check_by(self.by, self.bins, tasks)
        rules = _check_rules(self.abstain, tasks)
        check_held_out(table)
        check_new(table, tasks)
        joined = join_groups(table, quality, by)
        parts = [
            part
            for task in tasks.values()
            if (part := self._fit_task(joined, task, settings, rules.get(task.name))) is not None
        ]
        if not parts:
            raise TableError(
                "no task can be calibrated",
                argument="predictions",
                expected="probabilities of classes, or predictions of numbers",
                found=f"the columns {list(table.columns)}",
            )
        ids = table["sample_id"].astype(str) if "sample_id" in table.columns else ()
        return Calibration(tuple(parts), fitted_on=frozenset(ids))

    def _fit_task(
        self, table: pd.DataFrame, task: Task, settings: Settings, rule: Abstain | None
    ) -> Part | None:
        if isinstance(task, ClassificationTask):
            return self._fit_classes(table, task, rule)
        rows = read_scored(table, task, settings.score)
        need_rows(len(rows.used), least_rows(settings.level), task.name)
        groups = None
        if self.by is not None:
            used = table.iloc[rows.used].reset_index(drop=True)
            found = GroupRule.learn(used, self.by, self.bins or {}, TaskSet(task))
            groups = found, found.assign(used)
        interval = fit_interval(rows.scores, settings, groups)
        if interval.groups is not None and interval.groups.fallback:
            _log.warning(
                "%s: groups of %s with fewer than %d rows take the quantile over all rows: %s",
                task.name,
                self.by,
                settings.least,
                ", ".join(interval.groups.fallback),
            )
        abstention = None
        if rule is not None:
            abstention = _fit_number_rule(rule, table, rows, task)
        return NumberCalibration(task, interval, abstention)

    def _fit_classes(
        self, table: pd.DataFrame, task: ClassificationTask, rule: Abstain | None
    ) -> ClassCalibration | None:
        columns = [prob_column(task.name, label) for label in task.classes]
        if self.tasks is None and not any(name in table.columns for name in columns):
            _log.warning("%s: not calibrated, since there are no probabilities", task.name)
            return None
        part, probabilities = classes_of(table, task)
        need_rows(len(part.used), 2, task.name)
        truth = part.data.truth.astype(np.int64)
        temperature = fit_temperature(probabilities, truth)
        abstention = None
        if rule is not None:
            confidence = scale_probabilities(probabilities, temperature).max(axis=1)
            right = (part.data.truth == part.data.prediction).astype(np.float64)
            abstention = rule.fit(confidence, right, task.name)
        return ClassCalibration(task, temperature, len(part.used), abstention)


def _fit_number_rule(
    rule: Abstain, table: pd.DataFrame, rows: ScoredRows, task: Task
) -> Abstention:
    confidence = confidence_of(table, task)[rows.used]
    error = np.abs(read_numbers(table, pred_column(task.name))[rows.used] - rows.truth)
    return rule.fit(confidence, (error <= (rule.within or 0.0)).astype(np.float64), task.name)


def _check_rules(rules: Mapping[str, Abstain] | None, tasks: TaskSet) -> Mapping[str, Abstain]:
    if rules is not None and not isinstance(rules, Mapping):
        raise InvalidTypeError(
            "not rules by task",
            argument="abstain",
            expected='a mapping such as {"gender": Abstain(coverage=0.9)}',
            found=repr(rules)[:120],
        )
    for name, rule in (rules or {}).items():
        check_choice(name, "abstain", list(tasks))
        if not isinstance(rule, Abstain):
            raise InvalidTypeError(
                "not a rule of abstention",
                argument=f"abstain[{name!r}]",
                expected="Abstain(coverage=0.9) or Abstain(right=0.98)",
                found=repr(rule),
            )
        if isinstance(tasks[name], ClassificationTask) != (rule.within is None):
            raise InvalidArgumentError(
                "is for numbers alone" if rule.within is not None else "does not say what is right",
                argument=f"within of abstain[{name!r}]",
                expected="how far off a number may be; nothing for classes",
                found=repr(rule.within),
            )
    return rules or {}
