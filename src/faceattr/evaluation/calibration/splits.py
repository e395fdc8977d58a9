"""Coverage over random splits: what a calibration gives on rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._grouping import Grouping
from faceattr._validation import check_integer, check_number
from faceattr.binning import BinSpec
from faceattr.calibration import GroupRule, Interval
from faceattr.calibration.intervals import Frame, least_rows
from faceattr.evaluation.calibration.calibrator import Calibrator
from faceattr.evaluation.calibration.fitting import (
    Settings,
    check_settings,
    fit_interval,
    need_rows,
)
from faceattr.evaluation.calibration.reading import (
    check_by,
    check_held_out,
    check_new,
    check_table,
    join_groups,
    read_scored,
)
from faceattr.evaluation.groups import By, group_tables
from faceattr.evaluation.groups import check_by as check_shown
from faceattr.evaluation.metrics import FloatArray
from faceattr.evaluation.rows import tasks_of
from faceattr.exceptions import TableError
from faceattr.tasks import RegressionTask, TaskSet

__all__ = ["coverage_over_splits"]


def coverage_over_splits(
    predictions: pd.DataFrame,
    quality: pd.DataFrame | None = None,
    *,
    calibrator: Calibrator | None = None,
    by: By = None,
    bins: Mapping[str, BinSpec] | None = None,
    n_splits: int = 200,
    share: float = 0.5,
    seed: int = 0,
) -> pd.DataFrame:
    """Fit intervals on a random part of the rows and count what they hold on the rest, many times.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of held-out rows, as the model made them.
    quality : pandas.DataFrame, optional
        Further columns to group by, by ``sample_id``.
    calibrator : Calibrator, optional
        What is fitted in each split; ``Calibrator()`` by default. Its groups are learned anew in
        each split, from the rows that it is fitted on.
    by, bins : optional
        Groups for which coverage is shown, as for `BinnedEvaluator`: labels too, since here they
        are known. They need not be those of the calibrator.
    n_splits : int, default 200
        Splits; the same seed gives the same ones to every calibrator.
    share : float, default 0.5
        Share of the rows that intervals are fitted on, 0.01 to 0.99.
    seed : int, default 0

    Returns
    -------
    pandas.DataFrame
        For each task of numbers all rows ("overall") and each group: ``task``, ``by``, ``bin``,
        ``n`` (rows of the group), ``n_test`` (how many were tested in a split, on average),
        ``level``, ``coverage`` (mean over the splits), ``mean_low`` and ``mean_high`` (95 %
        interval of that mean for endlessly many splits of these rows), ``coverage_low`` and
        ``coverage_high`` (between these 95 % of the splits lie: what one calibration may get),
        ``width`` (mean, in the task's unit), ``width_low`` and ``width_high``. NaN where no split
        tested a row of the group.

    Raises
    ------
    TableError
        If a column is missing, rows were trained on or are calibrated already, there is no task of
        numbers, or there are too few rows for a split.
    InvalidArgumentError, InvalidTypeError
        If an argument is outside its limits.

    Notes
    -----
    Splits of the same rows are not independent of each other; the interval of the mean says how
    well these rows were explored, not how other images would do. Near-duplicates on both sides of a
    split do no harm here: splits are random, so that both sides are exchangeable.
    """
    calibrator = Calibrator() if calibrator is None else calibrator
    table = check_table(predictions)
    settings = check_settings(calibrator.level, calibrator.score, calibrator.min_count)
    check_integer(n_splits, "n_splits", low=1, high=100_000)
    check_integer(seed, "seed", low=0)
    check_number(share, "share", low=0.01, high=0.99)
    tasks = tasks_of(table, calibrator.tasks)
    check_held_out(table)
    check_new(table, tasks)
    if "sample_id" in table.columns:
        table = table.sort_values("sample_id", kind="stable", key=lambda ids: ids.astype(str))
    table = table.reset_index(drop=True)
    own = check_by(calibrator.by, calibrator.bins, tasks)
    shown = group_tables(table, quality, check_shown(by, bins, table, quality), bins, tasks)
    joined = join_groups(table, quality, own)
    numbers = [task for task in tasks.values() if isinstance(task, RegressionTask)]
    if not numbers:
        raise TableError("no task of numbers", argument="predictions", found=f"{list(tasks)}")
    found = []
    for task in numbers:
        trial = _Trial.of(joined, task, settings, calibrator)
        drawn = _draws(len(trial.truth), n_splits, share, seed)
        results = [trial.run(fitted) for fitted in drawn]
        found += [row for groups in shown for row in _rows(trial, groups, results)]
    return pd.DataFrame(found)


@dataclass(frozen=True, eq=False)
class _Result:
    """What one split found: the tested rows, which were covered, and the widths of all."""

    tested: npt.NDArray[np.bool_]
    covered: npt.NDArray[np.bool_]
    width: FloatArray


@dataclass(frozen=True, eq=False)
class _Trial:
    """A task's rows, and how intervals are fitted to some of them."""

    task: RegressionTask
    settings: Settings
    table: pd.DataFrame
    used: npt.NDArray[np.intp]
    truth: FloatArray
    frame: Frame
    scores: FloatArray
    calibrator: Calibrator

    @classmethod
    def of(
        cls, table: pd.DataFrame, task: RegressionTask, settings: Settings, calibrator: Calibrator
    ) -> _Trial:
        rows = read_scored(table, task, settings.score)
        own = table.iloc[rows.used].reset_index(drop=True)
        return cls(task, settings, own, rows.used, rows.truth, rows.frame, rows.scores, calibrator)

    def run(self, fitted: npt.NDArray[np.bool_]) -> _Result:
        need_rows(int(fitted.sum()), least_rows(self.settings.level), self.task.name)
        interval, codes = self._fit(fitted)
        stretch = np.full(len(self.truth), interval.quantile)
        if interval.groups is not None:
            own = [interval.quantile if q is None else q for q in interval.groups.quantiles]
            stretch = np.array([*own, interval.quantile])[codes]
        low, high = self.frame.limits(stretch, self.task.bounds)
        # By the score, since the same number reached by another way differs in its last digit.
        covered = (self.scores <= stretch) | ((low <= self.truth) & (self.truth <= high))
        return _Result(~fitted, covered, high - low)

    def _fit(self, fitted: npt.NDArray[np.bool_]) -> tuple[Interval, npt.NDArray[np.intp]]:
        by, bins = self.calibrator.by, self.calibrator.bins or {}
        if by is None:
            return fit_interval(self.scores[fitted], self.settings), np.empty(0, dtype=np.intp)
        part = self.table[[by]]
        rule = GroupRule.learn(part[fitted], by, bins, TaskSet(self.task))
        codes = rule.assign(part)
        return fit_interval(self.scores[fitted], self.settings, (rule, codes[fitted])), codes


def _draws(n: int, n_splits: int, share: float, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield which rows are fitted on."""
    generator = np.random.default_rng(seed)
    size = round(share * n)
    for _ in range(n_splits):
        fitted = np.zeros(n, dtype=np.bool_)
        fitted[generator.permutation(n)[:size]] = True
        yield fitted


def _rows(trial: _Trial, groups: Grouping, results: list[_Result]) -> Iterator[dict[str, object]]:
    """Yield a row a group."""
    codes, k = groups.codes[trial.used], len(groups.names)
    counts, covered, widths = np.zeros((3, len(results), k))
    for line, result in enumerate(results):
        own = codes[result.tested]
        counts[line] = np.bincount(own, minlength=k)
        covered[line] = np.bincount(own, result.covered[result.tested], minlength=k)
        widths[line] = np.bincount(own, result.width[result.tested], minlength=k)
    n = np.bincount(codes, minlength=k)
    for group, name in enumerate(groups.names):
        some = counts[:, group] > 0
        tested = counts[some, group]
        yield {
            "task": trial.task.name,
            "by": groups.column,
            "bin": name,
            "n": int(n[group]),
            "n_test": float(counts[:, group].mean()),
            "level": trial.settings.level,
            **_spread("coverage", covered[some, group] / tested, mean=True),
            **_spread("width", widths[some, group] / tested),
        }


def _spread(name: str, values: FloatArray, *, mean: bool = False) -> dict[str, float]:
    if not len(values):
        values = np.full(1, np.nan)
    middle = float(values.mean())
    low, high = np.quantile(values, [0.025, 0.975])
    found = {name: middle}
    if mean:
        spread = values.std(ddof=1) if len(values) > 1 else np.nan
        reach = 1.96 * spread / np.sqrt(len(values))
        found |= {"mean_low": float(middle - reach), "mean_high": float(middle + reach)}
    return found | {f"{name}_low": float(low), f"{name}_high": float(high)}
