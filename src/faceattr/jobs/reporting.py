"""Write the page of an evaluation; torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.jobs.evaluating import run_evaluation
from faceattr.jobs.sections import EvaluateSection
from faceattr.report.html import check_page_path

if TYPE_CHECKING:
    from faceattr.evaluation import Evaluation

__all__ = ["run_report"]


def run_report(
    predictions: str | Path,
    output: str | Path,
    *,
    quality: str | Path | None = None,
    images: str | Path | None = None,
    title: str | None = None,
    settings: EvaluateSection | None = None,
    tasks: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Evaluate a file of predictions and write a page about it.

    Parameters
    ----------
    predictions : path
        As in `run_evaluation`.
    output : path
        An ``.html`` file.
    quality : path, optional
        A table of further columns to group by, keyed by ``sample_id``.
    images : path, optional
        The folder that the ids are relative to; the column ``path`` by default.
    title : str, optional
        Of the page.
    settings, tasks
        As in `run_evaluation`.

    Returns
    -------
    Evaluation

    Raises
    ------
    TableError
        If a table cannot be read, lacks a column or holds what it should not.
    InvalidArgumentError, InvalidTypeError
        If a setting cannot be used, or there is no such task.
    OutputError
        If the page cannot be written.
    """
    check_page_path(output, "output")
    evaluation = run_evaluation(predictions, quality, settings=settings, tasks=tasks)
    evaluation.to_html(output, images, title=title or "Evaluation")
    return evaluation
