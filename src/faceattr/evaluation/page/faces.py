"""Figures of images: the most wrong, or samples, a row of them for each bin."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from faceattr._validation import check_choice, check_integer
from faceattr.evaluation.page.pictures import Pictures, PicturesInput
from faceattr.evaluation.page.text import captions
from faceattr.evaluation.wrong import TasksInput, Wrong
from faceattr.exceptions import DataError, InvalidArgumentError
from faceattr.images import UInt8Image
from faceattr.report import plot_strips

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["draw_images", "sample_rows"]

_IN_A_ROW = 6
_LETTERS = 22
_SEED = 0
_BLANK = np.full((8, 8, 3), 230, dtype=np.uint8)

Rows = npt.NDArray[np.intp]


def draw_images(
    ax: Axes,
    evaluation: Evaluation,
    images: PicturesInput,
    which: str,
    *,
    task: TasksInput,
    by: str | None,
    n: int,
) -> Axes:
    """Draw images of an evaluation; see `Evaluation.draw_images`."""
    check_choice(which, "which", ("wrong", "random"))
    check_integer(n, "n", low=1)
    if which == "random" and task is not None:
        raise InvalidArgumentError(
            "samples are of no task", argument="task", found=repr(task), hint="which='wrong'"
        )
    pictures = Pictures(evaluation.table, images, len(evaluation.table))
    if not pictures.available:
        raise DataError(
            "there are no images",
            argument="images",
            expected="a Dataset, a folder, a mapping or a function of the id, or a column 'path'",
            found="no file at any path",
        )
    if which == "wrong":
        wrong = Wrong.of(evaluation, task)
        rows, title = dict(_wrong(wrong, by, n)), f"most wrong: {', '.join(wrong.names)}"
    else:
        rows, title = dict(_random(evaluation, by, n)), "samples"
    strips = {
        name: [_captioned(evaluation, pictures, int(row)) for row in chosen]
        for name, chosen in rows.items()
    }
    return plot_strips(ax, strips or {"": []}, title=title + (f" by {by}" if by else ""))


def sample_rows(rows: Rows, count: int, code: int) -> Rows:
    """Return some of the rows of a bin, drawn by a fixed seed, in their order."""
    chosen = np.random.default_rng([_SEED, code]).permutation(len(rows))[:count]
    return np.asarray(rows[np.sort(chosen)], dtype=np.intp)


def _wrong(wrong: Wrong, by: str | None, n: int) -> Iterator[tuple[str, Rows]]:
    if by is not None:
        yield from wrong.of_bins(by, n).items()
        return
    rows = wrong.rows[:n]
    for start in range(0, len(rows), _IN_A_ROW):
        part = rows[start : start + _IN_A_ROW]
        yield f"{start + 1}-{start + len(part)}", part


def _random(evaluation: Evaluation, by: str | None, n: int) -> Iterator[tuple[str, Rows]]:
    if by is None:
        yield "all", sample_rows(np.arange(len(evaluation.table)), n, 0)
        return
    grouping = evaluation.groupings[check_choice(by, "by", list(evaluation.groupings))]
    for code, name in enumerate(grouping.names):
        yield name, sample_rows(np.flatnonzero(grouping.codes == code), n, code)


def _captioned(evaluation: Evaluation, pictures: Pictures, row: int) -> tuple[UInt8Image, str]:
    image = pictures.image(row)
    lines = [] if image is not None else ["cannot be read"]
    lines += captions(evaluation, row).values()
    text = "\n".join(textwrap.fill(line, _LETTERS) for line in lines)
    return (_BLANK if image is None else image), text
