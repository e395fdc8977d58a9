"""Compare the predictions of two models, whoever made them; torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.jobs._making import make_evaluator
from faceattr.jobs._targets import Targets
from faceattr.jobs.evaluating import missing_texts, pick_tasks
from faceattr.jobs.sections import EvaluateSection

if TYPE_CHECKING:
    from faceattr.evaluation import Comparison

__all__ = ["run_comparison"]


def run_comparison(
    a: Sequence[str | Path],
    b: Sequence[str | Path],
    quality: str | Path | None = None,
    *,
    settings: EvaluateSection | None = None,
    tasks: Mapping[str, Sequence[str]] | None = None,
    output: str | Path | None = None,
    figure: str | Path | None = None,
) -> Comparison:
    """Compare files of predictions.

    Parameters
    ----------
    a, b : sequence of path
        CSV or Parquet files of the same images; several are trainings with other seeds.
    quality : path, optional
        A table of further columns to group by, keyed by ``sample_id``.
    settings : EvaluateSection, optional
        Columns to group by, bins, bootstrap.
    tasks : mapping of str to sequence of str, optional
        As in `run_evaluation`.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table of differences.
    figure : path, optional
        A ``.png``, ``.pdf`` or ``.svg`` file for `Comparison.plot`.

    Returns
    -------
    Comparison

    Raises
    ------
    TableError
        If a table cannot be read, or the tables are not of the same images.
    InvalidArgumentError, InvalidTypeError
        If a setting cannot be used, or there is no such task.
    OutputError
        If a file cannot be written.
    """
    from faceattr.evaluation import compare
    from faceattr.tables import read_table

    settings = EvaluateSection() if settings is None else settings
    settings.check()
    targets = Targets.check(output, figure, [*a, *b, quality])
    missing = missing_texts(tasks)
    sides = [[read_table(path, missing=missing) for path in side] for side in (a, b)]
    scores = None if quality is None else read_table(quality)
    chosen = pick_tasks(sides[0][0], tasks) if tasks else None
    comparison = compare(sides[0], sides[1], scores, evaluator=make_evaluator(settings, chosen))
    targets.write(comparison)
    return comparison
