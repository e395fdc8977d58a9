"""compare: the differences of two models on the same images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.binning import BinSpec
from faceattr.evaluation.bootstrap import resampled_counts
from faceattr.evaluation.cells import Cell, cells_of
from faceattr.evaluation.comparison.changes import image_changes
from faceattr.evaluation.comparison.figures import comparison_rows, right_and_wrong
from faceattr.evaluation.comparison.pairing import (
    Side,
    check_columns,
    common_rows,
    pair_tables,
    side_tables,
)
from faceattr.evaluation.comparison.result import Comparison
from faceattr.evaluation.comparison.significance import mcnemar_p
from faceattr.evaluation.evaluator import BinnedEvaluator
from faceattr.evaluation.groups import By
from faceattr.evaluation.prepared import Prepared, prepare, read_tasks, usable
from faceattr.evaluation.rows import TaskRows, task_rows
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.tasks import ClassificationTask, TaskSet

__all__ = ["compare"]


def compare(
    a: Side,
    b: Side,
    quality: pd.DataFrame | None = None,
    *,
    by: By = None,
    bins: Mapping[str, BinSpec] | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    evaluator: BinnedEvaluator | None = None,
) -> Comparison:
    """Tell whether model b is better than model a, on the same images.

    Images, not predictions, are resampled: in each resample both models are judged by the same
    images, so that what is hard for both does not blur their difference. Each figure is given for
    both, with the difference b - a, its bootstrap interval and p-value.

    Parameters
    ----------
    a, b : pandas.DataFrame, or sequence of pandas.DataFrame
        Predictions; see `BinnedEvaluator.evaluate`. Several tables are several trainings of one
        model, with other seeds: their figures are averaged. The interval is over images; how much
        a figure changes from seed to seed is another thing, and one training a side says nothing
        of it.
    quality : pandas.DataFrame, optional
        Further columns to group by.
    by, bins, n_boot, seed
        As in `BinnedEvaluator`.
    evaluator : BinnedEvaluator, optional
        In the place of these four, to set the tasks, metrics, confidence or least count as well.

    Returns
    -------
    Comparison

    Raises
    ------
    TableError
        If the tables are not about the same images (the error names those that differ), their
        labels differ, they share no task, or a column is missing.
    InvalidArgumentError, InvalidTypeError
        If an argument is outside its limits.

    Notes
    -----
    Figures rest on the images that have a label and a prediction in all tables; others are counted,
    see `Comparison.left_out`. A p-value is that of the bootstrap, twice the share of resamples on
    the other side of 0; for accuracy, where each side is one table, that of McNemar's exact test.
    ``p_holm`` is corrected for the number of bins of a column, within a task and metric
    [1]_. It is not corrected for the number of metrics, columns or models that you look at.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
       of Statistics 6, 1979. Q. McNemar, Psychometrika 12, 1947. B. Efron and R. Tibshirani, "An
       Introduction to the Bootstrap", 1993.

    Examples
    --------
    >>> import pandas as pd
    >>> from faceattr import compare
    >>> labels = pd.DataFrame({"sample_id": [f"{n}.jpg" for n in range(40)], "age": range(40)})
    >>> a = labels.assign(age_pred=labels["age"] + 5.0)
    >>> b = labels.assign(age_pred=labels["age"] + [2.0, 4.0] * 20)
    >>> compare(a, b, by=()).table().loc["mae", ["a", "b", "difference"]].tolist()
    [5.0, 3.0, -2.0]
    """
    settings = _settings(by, bins, n_boot, seed, evaluator)
    sides = side_tables(a, "a"), side_tables(b, "b")
    tables = pair_tables(*sides)
    tasks = _shared_tasks(settings, tables)
    ready = prepare(_with_tasks(settings, tasks), tables[0], quality)
    parts = {
        name: [ready.parts[name], *(task_rows(table, task) for table in tables[1:])]
        for name, task in tasks.items()
    }
    paired = {name: common_rows(own, ready.table) for name, own in parts.items()}
    check_columns(tables, ready.by)
    cells = {name: _cells(own, ready, settings) for name, own in paired.items()}
    for counts in resampled_counts(len(ready.table), settings.n_boot, settings.seed):
        for cell in chain.from_iterable(chain(*chain(*cells.values()))):
            cell.resample(counts)
    n_a, confidence = len(sides[0]), float(settings.confidence)
    frames = [
        comparison_rows(own[:n_a], own[n_a:], confidence)
        for each in cells.values()
        for own in zip(*each, strict=True)
    ]
    return Comparison(
        frame=pd.concat(frames, ignore_index=True),
        tasks=tasks,
        columns=ready.columns,
        sizes=(n_a, len(sides[1])),
        confidence=confidence,
        min_count=settings.min_count,
        left_out=_left_out(parts, n_a, paired),
        changes={
            name: image_changes(ready.table, own[:n_a], own[n_a:]) for name, own in paired.items()
        },
        decisions=_decisions(cells) if n_a == len(sides[1]) == 1 else None,
        metrics={name: {each.name: each for each in own} for name, own in ready.metrics.items()},
    )


def _settings(
    by: By,
    bins: Mapping[str, BinSpec] | None,
    n_boot: int,
    seed: int,
    evaluator: BinnedEvaluator | None,
) -> BinnedEvaluator:
    if evaluator is None:
        return BinnedEvaluator(by, bins, n_boot=n_boot, seed=seed)
    if not isinstance(evaluator, BinnedEvaluator):
        raise InvalidTypeError(
            "not an evaluator",
            argument="evaluator",
            expected="a BinnedEvaluator",
            found=type(evaluator).__name__,
        )
    if (by, bins, n_boot, seed) != (None, None, 1000, 0):
        raise InvalidArgumentError(
            "settings are given twice",
            argument="evaluator",
            expected="either an evaluator or by, bins, n_boot and seed",
            hint="BinnedEvaluator(by=..., n_boot=...)",
        )
    return evaluator


def _with_tasks(settings: BinnedEvaluator, tasks: TaskSet) -> BinnedEvaluator:
    chosen = copy(settings)
    chosen.tasks = tasks
    return chosen


def _shared_tasks(settings: BinnedEvaluator, tables: Sequence[pd.DataFrame]) -> TaskSet:
    """Tell the tasks from what all tables have, so that classes are those of all of them."""
    if settings.tasks is not None:
        return read_tasks(settings, tables[0])
    shared = [name for name in tables[0].columns if all(name in table for table in tables)]
    return read_tasks(settings, pd.concat([table[shared] for table in tables], ignore_index=True))


def _cells(
    parts: Sequence[TaskRows], ready: Prepared, settings: BinnedEvaluator
) -> list[list[list[Cell]]]:
    """Return the cells of each table: a list a grouping, of a cell a bin."""
    known = ready.metrics[parts[0].task.name]
    metrics = usable(known, parts, asked=settings.metrics is not None)
    return [list(cells_of(part, ready.groupings, metrics, settings.min_count)) for part in parts]


def _left_out(
    parts: Mapping[str, Sequence[TaskRows]], n_a: int, paired: Mapping[str, Sequence[TaskRows]]
) -> pd.DataFrame:
    rows = {
        task: {
            "n": len(paired[task][0].used),
            "n_failed_a": _any(part.failed for part in own[:n_a]),
            "n_failed_b": _any(part.failed for part in own[n_a:]),
            "n_missing_label": _any(part.unlabelled for part in own),
        }
        for task, own in parts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("task").astype("int64")


def _any(masks: Iterable[npt.NDArray[np.bool_]]) -> int:
    return int(np.any(list(masks), axis=0).sum())


def _decisions(cells: Mapping[str, Sequence[Sequence[Sequence[Cell]]]]) -> pd.DataFrame:
    """Count who is right, for each task of classes and each bin."""
    rows = []
    for a, b in cells.values():
        for one, other in zip(chain(*a), chain(*b), strict=True):
            if isinstance(one.task, ClassificationTask):
                both, only_a, only_b, neither = right_and_wrong(one, other)
                rows.append(
                    {
                        "task": one.task.name,
                        "by": one.grouping.column,
                        "bin": one.grouping.names[one.index],
                        "n": both + only_a + only_b + neither,
                        "both_right": both,
                        "only_a": only_a,
                        "only_b": only_b,
                        "both_wrong": neither,
                        "p": mcnemar_p(only_a, only_b),
                    }
                )
    columns = ["task", "by", "bin", "n", "both_right", "only_a", "only_b", "both_wrong", "p"]
    return pd.DataFrame(rows, columns=columns)
