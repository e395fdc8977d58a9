"""The page of an audit: the findings first, then a section for each with its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from faceattr._validation import check_integer
from faceattr.data.audit.conflicts import SEPARATOR
from faceattr.data.audit.pictures import Pictures
from faceattr.data.audit.plots import single_figure, wanted_panels
from faceattr.data.audit.text import about_duplicates, finding_title, headline, percent
from faceattr.report.html import (
    Markup,
    check_page_path,
    html_cards,
    html_figure,
    html_figures,
    html_page,
    html_section,
    html_table,
    privacy_note,
    write_html,
)

if TYPE_CHECKING:
    from faceattr.data.audit.audit import Audit

__all__ = ["write_page"]

_MOST_LISTED = 100


def write_page(audit: Audit, path: str | Path, *, worst: int) -> Path:
    """Write the page; see `Audit.to_html`."""
    target = check_page_path(path, "path")
    check_integer(worst, "worst", low=0)
    pictures = Pictures(audit.dataset)
    parts: list[str] = [privacy_note()] if worst else []
    parts += [headline(audit) + ".", _findings(audit)]
    parts += [_listed("Files that cannot be decoded", audit.unreadable)]
    parts += [*_conflicts(audit, pictures, worst), *_suspects(audit, pictures, worst)]
    parts += [_duplicates(audit, pictures, worst), _labels(audit), _groups(audit)]
    parts += [_listed("Files that were not accepted", audit.rejects)]
    parts += [_listed("Odd names", audit.odd_names)]
    return write_html(html_page("Audit of the data", *(part for part in parts if part)), target)


def _findings(audit: Audit) -> Markup:
    """Show each finding as a paragraph: the advice is too long for a table on a telephone."""
    if not len(audit.findings):
        return html_section("Findings", "Nothing was found.")
    cards = []
    for row in audit.findings.itertuples():
        title = finding_title(str(row.finding), str(row.task))
        count = f"{row.n:,} {row.counted}, {percent(float(row.share))}"  # type: ignore[arg-type]
        cards += [f"{row.severity}: {title}: {count}. {row.advice}"]
    return html_section("Findings, most serious first", *cards)


def _listed(title: str, table: pd.DataFrame) -> str:
    if not len(table):
        return ""
    first = "sample_id" if "sample_id" in table else "path"
    return html_section(f"{title}: {len(table):,}", *_limited(table[[first, "reason"]]))


def _limited(table: pd.DataFrame) -> list[str]:
    more = len(table) - _MOST_LISTED
    rest = [f"And {more:,} more, which stand in the table."] if more > 0 else []
    return [html_table(table.head(_MOST_LISTED)), *rest]


def _conflicts(audit: Audit, pictures: Pictures, worst: int) -> Iterator[str]:
    groups = audit.duplicates["group"].nunique()
    for task, rows in audit.conflicts.groupby("task", sort=False):
        same = int((rows["kind"] == "identical").sum())
        text = (
            f"{len(rows):,} of {groups:,} groups of duplicates have labels that disagree, "
            f"{same:,} of them files with the same bytes. At least one label of each is wrong."
        )
        shown = rows.head(worst)
        parts = [text]
        for row in shown.itertuples():
            names, labels = str(row.images).split(SEPARATOR), str(row.labels).split(SEPARATOR)
            cards = [
                pictures.card(name, label, name) for name, label in zip(names, labels, strict=False)
            ]
            parts += [f"Group {row.group} ({row.kind}):", html_cards(cards)]
        parts += _more(len(rows) - len(shown), "groups", "audit.conflicts") if worst else []
        yield html_section(f"{task}: duplicates with labels that conflict", *parts)


def _suspects(audit: Audit, pictures: Pictures, worst: int) -> Iterator[str]:
    for task, rows in audit.suspects.groupby("task", sort=False):
        issues = rows[rows["is_issue"]]
        text = (
            f"{len(issues):,} of {len(rows):,} labels that were judged, most suspect first. A "
            "model errs most at rare faces and values, so some of these labels are right: look "
            "before you leave them out. Score: lower is more suspect."
        )
        cards = [
            pictures.card(
                str(row.sample_id), f"label {row.label}", f"predicted {row.prediction}",
                f"score {row.score:.2g}", str(row.sample_id),
            )
            for row in issues.head(worst).itertuples()
        ]  # fmt: skip
        more = _more(len(issues) - len(cards), "suspects", "audit.suspects") if worst else []
        body = [html_cards(cards)] if cards else []
        yield html_section(f"{task}: labels that are probably wrong", text, *body, *more)


def _duplicates(audit: Audit, pictures: Pictures, worst: int) -> str:
    """Show near-duplicates whose labels agree, since those that conflict are shown already."""
    parts: list[str] = [about_duplicates(audit) + "."]
    table = audit.duplicates
    agree = table[~table["group"].isin(audit.conflicts["group"])]
    near = agree[(agree["kind"] == "near").groupby(agree["group"]).transform("any")]
    groups = near["group"].unique()[:worst]
    if len(groups):
        parts.append("Near-duplicates without a conflict, group by group:")
        cards = [
            pictures.card(str(row.sample_id), f"group {row.group}", str(row.sample_id))
            for row in near[near["group"].isin(groups)].itertuples()
        ]
        parts.append(html_cards(cards))
        parts += _more(near["group"].nunique() - len(groups), "groups", "audit.duplicates")
    return html_section("Duplicates", *parts)


def _more(count: int, what: str, where: str) -> list[str]:
    return [f"And {count:,} more {what}, which stand in {where}."] if count > 0 else []


def _labels(audit: Audit) -> str:
    figures = [
        html_figure(single_figure(*panel), name)
        for name, panel in wanted_panels(audit).items()
        if name.startswith("labels")
    ]
    parts: list[str] = [html_figures(figures)]
    if len(audit.pile_ups):
        piles = audit.pile_ups.assign(
            value=audit.pile_ups["value"].map("{:g}".format),
            n=audit.pile_ups["n"].map("{:,}".format),
            expected=audit.pile_ups["expected"].map("{:,.0f}".format),
            ratio=audit.pile_ups["ratio"].map("{:.1f}".format),
        ).drop(columns="p")
        parts.append("Values that occur at least twice as often as their neighbours:")
        parts += _limited(piles)
    for row in audit.heaping.itertuples():
        parts.append(
            f"Whipple's index of {row.task}: {row.whipple:.0f} from {row.n:,} labels of 23 to 62 "
            "years (100: no preference for 0 and 5; from 125 rough; 500: nothing else)."
        )
    missing = audit.missing[audit.missing["n"] > 0]
    parts += [
        f"{row.n:,} images ({percent(float(row.share))}) have no label of {row.task}."  # type: ignore[arg-type]
        for row in missing.itertuples()
    ]
    return html_section("Labels", *parts)


def _groups(audit: Audit) -> str:
    names = [name for name in audit.cells.columns if name not in {"n", "share", "few"}]
    if not names:
        return ""
    panel = wanted_panels(audit).get("images in joint groups")
    parts = [html_figure(single_figure(*panel), "images in joint groups")] if panel else []
    few = audit.cells[audit.cells["few"] & (audit.cells["n"] > 0)].sort_values("n", kind="stable")
    if len(few):
        parts.append(html_table(few[[*names, "n"]].head(_MOST_LISTED)))
        parts += _more(len(few) - _MOST_LISTED, "groups", "audit.cells")  # type: ignore[arg-type]
    empty = int((audit.cells["few"] & (audit.cells["n"] == 0)).sum())
    text = (
        f"{len(few):,} of {len(audit.cells):,} groups have fewer than {audit.min_images} images, "
        f"and {empty:,} have none."
    )
    return html_section(f"Joint groups of {', '.join(names)}", text, *parts)
