"""The page of an evaluation: figures with intervals and counts first, then bins, then faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from faceattr._validation import check_integer
from faceattr.evaluation.metrics import RegressionData
from faceattr.evaluation.page.faces import sample_rows
from faceattr.evaluation.page.pictures import Pictures, PicturesInput
from faceattr.evaluation.page.text import (
    bins_table,
    captions,
    counts_table,
    headline_table,
    over_bins_table,
    task_table,
)
from faceattr.evaluation.plots import panels_by, panels_of
from faceattr.evaluation.wrong import Wrong
from faceattr.exceptions import InvalidTypeError
from faceattr.report.html import (
    Markup,
    check_page_path,
    html_cards,
    html_contents,
    html_figure,
    html_figures,
    html_groups,
    html_page,
    html_section,
    html_subsection,
    html_table,
    html_text,
    privacy_note,
    write_html,
)
from faceattr.report.style import Panel, single_figure

if TYPE_CHECKING:
    from faceattr.evaluation.evaluation import Evaluation

__all__ = ["PageSettings", "write_page"]

_APPEARANCE = (
    "Attributes are appearance as labelled by whoever labelled these images, never a person's "
    "identity, age or gender."
)
_BIASED = (
    "Of many bins one is worst by chance alone, the more so the smaller they are: the worst value, "
    "the difference and the ratio exaggerate how unlike the bins are, and so do their intervals."
)
_MOST_LISTED = 100
_SHORT_NAME = 20


@dataclass(frozen=True)
class PageSettings:
    """What a page holds; see `Evaluation.to_html`."""

    title: str
    worst: int
    samples: int
    max_images: int

    def check(self) -> None:
        """Raise unless the settings can be used."""
        if not isinstance(self.title, str):
            raise InvalidTypeError(
                "not a text", argument="title", expected="str", found=type(self.title).__name__
            )
        for name in ("worst", "samples", "max_images"):
            check_integer(getattr(self, name), name, low=0, high=10_000)


class _Section(NamedTuple):
    title: str
    parts: Sequence[str]


def write_page(
    evaluation: Evaluation, path: str | Path, images: PicturesInput, settings: PageSettings
) -> Path:
    """Write the page."""
    target = check_page_path(path, "path")
    settings.check()
    pictures = Pictures(evaluation.table, images, settings.max_images)
    # The most wrong come first to the pictures, since there is room for so many only.
    wrong = list(_most_wrong(evaluation, pictures, settings.worst))
    bins = [_by(evaluation, column) for column in evaluation.columns]
    sections = [_headline(evaluation), *_tasks(evaluation), *bins, *wrong]
    sections += _samples(evaluation, pictures, settings.samples)
    sections += _left_out(evaluation, pictures)
    notes = [html_text(_APPEARANCE, kind="note")]
    if pictures.shown > len(pictures.failed):
        notes.append(privacy_note())
    anchors = [f"section-{place}" for place in range(len(sections))]
    titles = [section.title for section in sections]
    shown = [
        html_section(section.title, *section.parts, anchor=anchor)
        for section, anchor in zip(sections, anchors, strict=True)
    ]
    contents = html_contents(zip(anchors, titles, strict=True))
    return write_html(html_page(settings.title, *notes, contents, *shown), target)


def _headline(evaluation: Evaluation) -> _Section:
    parts = [html_table(headline_table(evaluation)), _about_intervals(evaluation)]
    parts += [html_table(counts_table(evaluation))]
    return _Section("Main figures", parts)


def _about_intervals(evaluation: Evaluation) -> str:
    if evaluation.frame["ci_low"].notna().any():
        return (
            f"In brackets: {evaluation.confidence:.0%} bootstrap intervals over the images. "
            "n: rows that a figure rests on."
        )
    return "No intervals were computed (n_boot=0). n: rows that a figure rests on."


def _tasks(evaluation: Evaluation) -> Iterator[_Section]:
    for name, task in evaluation.tasks.items():
        parts = [_named(task_table(evaluation, task))]
        parts += _figures(panels_of(evaluation, task))
        yield _Section(f"Task: {name}", parts)


def _figures(panels: Mapping[str, Panel]) -> list[Markup]:
    """Return figures side by side, then those that are too wide for it."""
    shown = {
        name: html_figure(single_figure(panel), name, wide=panel.is_wide)
        for name, panel in panels.items()
    }
    narrow = [markup for name, markup in shown.items() if not panels[name].is_wide]
    wide = [markup for name, markup in shown.items() if panels[name].is_wide]
    return [*([html_figures(narrow, large=True)] if narrow else []), *wide]


def _by(evaluation: Evaluation, column: str) -> _Section:
    parts: list[str] = [
        f"A bin of fewer than {evaluation.min_count} rows has too few for figures; its rows count "
        f"in those over all rows. {_BIASED}"
    ]
    for name, task in evaluation.tasks.items():
        body: list[str] = [_named(bins_table(evaluation, task, column))]
        over = over_bins_table(evaluation, task, column)
        if len(over):
            body += ["Over the bins that have figures:", _named(over)]
        body += _figures(panels_by(evaluation, task, column))
        parts.append(html_subsection(f"{name} by {column}", *body))
    return _Section(f"By {column}", parts)


def _samples(evaluation: Evaluation, pictures: Pictures, samples: int) -> Iterator[_Section]:
    if not samples or not pictures.available:
        return
    for column, grouping in evaluation.groupings.items():
        strips, left_out = [], 0
        for code, name in enumerate(grouping.names):
            rows = np.flatnonzero(grouping.codes == code)
            chosen = sample_rows(rows, samples, code)
            if len(chosen) > pictures.room:
                left_out += 1
            elif len(chosen):
                title = f"{name}: {len(chosen)} of n = {len(rows):,}, drawn at random"
                strips.append((title, _strip(evaluation, chosen.tolist(), pictures)))
        parts: list[str] = [html_groups(strips, strips=True)] if strips else []
        if left_out:
            parts.append(f"No room for {left_out:,} bins: the page holds at most max_images.")
        yield _Section(f"Samples by {column}", parts)


def _strip(evaluation: Evaluation, rows: Sequence[int], pictures: Pictures) -> Markup:
    return html_cards([pictures.picture(row), *_lines(evaluation, row)] for row in rows)


def _most_wrong(evaluation: Evaluation, pictures: Pictures, worst: int) -> Iterator[_Section]:
    if not worst:
        return
    lists = [(f"Most wrong: {name}", [name]) for name in evaluation.tasks]
    if len(lists) > 1:
        together = "both tasks" if len(lists) == 2 else "all tasks"
        lists.append((f"Most wrong: {together}", list(evaluation.tasks)))
    for title, names in lists:
        rows = Wrong.of(evaluation, names).rows
        parts = [_about_wrong(evaluation, names, len(rows), min(worst, len(rows)))]
        if len(rows):
            parts += _gallery(evaluation, names, rows[:worst].tolist(), pictures)
        yield _Section(title, parts)


def _about_wrong(evaluation: Evaluation, names: Sequence[str], count: int, shown: int) -> str:
    if len(names) > 1:
        text = "the mean of how high they rank among all rows in each task"
        found = f"{count:,} rows are wrong in every task; below the first {shown:,} by {text}."
        return found if count else "No row is wrong in every task."
    part = evaluation.parts[names[0]]
    if not count:
        return f"None of {len(part.data):,} rows is wrong."
    if isinstance(part.data, RegressionData):
        return f"The {shown:,} largest errors of {len(part.data):,} rows."
    order = "in the order of their ids"
    if part.data.probabilities is not None:
        order = "the least probable true class first"
    return f"{count:,} of {len(part.data):,} rows are wrong; below {shown:,}, {order}."


def _gallery(
    evaluation: Evaluation, names: Sequence[str], rows: Sequence[int], pictures: Pictures
) -> list[str]:
    """Show rows as pictures as long as there is room, then as a table."""
    first = rows[: pictures.room]
    cards = [
        [pictures.picture(row), *_lines(evaluation, row, names), pictures.name(row)]
        for row in first
    ]
    parts: list[str] = [html_cards(cards)] if cards else []
    rest = rows[len(first) :]
    if rest:
        told = [{"id": pictures.name(row), **captions(evaluation, row)} for row in rest]
        table = pd.DataFrame(told)[["id", *names]]
        parts.append(html_table(table.apply(lambda column: column.map(_without_task(column.name)))))
    return parts


def _without_task(name: object) -> Mapping[str, str] | object:
    start = f"{name}: "
    return lambda text: str(text).removeprefix(start)


def _lines(evaluation: Evaluation, row: int, names: Sequence[str] = ()) -> list[str]:
    """Return the captions of all tasks, the named ones first."""
    told = captions(evaluation, row)
    return [told[name] for name in dict.fromkeys([*names, *told])]


def _left_out(evaluation: Evaluation, pictures: Pictures) -> Iterator[_Section]:
    failed = np.logical_or.reduce([part.failed for part in evaluation.parts.values()])
    if failed.any():
        table = pd.DataFrame({"id": [pictures.name(int(row)) for row in np.flatnonzero(failed)]})
        if "error" in evaluation.table.columns:
            table["error"] = evaluation.table["error"].to_numpy(dtype=object)[failed]
        yield _Section(f"Without a prediction: {len(table):,}", _limited(table))
    if pictures.failed:
        table = pd.DataFrame(list(pictures.failed.items()), columns=["id", "reason"])
        text = f"Of {pictures.shown:,} images that this page wanted to show:"
        yield _Section(f"Images that cannot be read: {len(table):,}", [text, *_limited(table)])


def _named(table: pd.DataFrame) -> Markup:
    """Return a table whose first column stays in sight, unless its names are long."""
    longest = max((len(str(name)) for name in table[table.columns[0]]), default=0)
    return html_table(table, keep_first=longest <= _SHORT_NAME)


def _limited(table: pd.DataFrame) -> list[str]:
    more = len(table) - _MOST_LISTED
    rest = [f"And {more:,} more, which stand in the table."] if more > 0 else []
    return [html_table(table.head(_MOST_LISTED)), *rest]
