"""The page of an audit: the findings first, then a section for each with its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from faceattr._validation import check_integer
from faceattr.data.audit.conflicts import SEPARATOR
from faceattr.data.audit.pictures import Pictures
from faceattr.data.audit.plots import wanted_panels
from faceattr.data.audit.text import about_duplicates, finding_title, headline, percent, records
from faceattr.report.html import (
    Markup,
    check_page_path,
    html_cards,
    html_figure,
    html_figures,
    html_groups,
    html_page,
    html_points,
    html_section,
    html_table,
    privacy_note,
    write_html,
)
from faceattr.report.style import single_figure
from faceattr.tasks import RegressionTask

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
    """Show each finding as a point: the advice is too long for a table on a telephone."""
    if not len(audit.findings):
        return html_section("Findings", "Nothing was found.")
    points = (
        (
            row["severity"],
            f"{finding_title(row['finding'], row['task'])}: {row['n']:,} {row['counted']}, "
            f"{percent(row['share'])}",
            row["advice"],
        )
        for row in records(audit.findings)
    )
    return html_section("Findings, most serious first", html_points(points))


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
    for task, rows in audit.conflicts.groupby("task", sort=False):
        shown = [_conflict(row, pictures) for row in records(rows.head(worst))]
        parts: list[str] = [html_groups(shown)] if shown else []
        parts += _more(len(rows) - len(shown), "groups", "audit.conflicts") if worst else []
        title = f"{task}: duplicates with labels that conflict"
        yield html_section(title, _about_conflicts(audit, str(task), rows), *parts)


def _about_conflicts(audit: Audit, task: str, rows: pd.DataFrame) -> str:
    groups, same = audit.duplicates["group"].nunique(), int((rows["kind"] == "identical").sum())
    known = audit.dataset.tasks[task]
    how_far = ""
    if isinstance(known, RegressionTask):
        middle, most = rows["spread"].median(), rows["spread"].max()
        how_far = f" Half of them differ by {middle:g} {known.unit} or more, at most by {most:g}."
    return (
        f"{len(rows):,} of {groups:,} groups of duplicates have labels that disagree, "
        f"{same:,} of them files with the same bytes. At least one label of each is wrong.{how_far}"
    )


def _conflict(row: Mapping[str, Any], pictures: Pictures) -> tuple[str, Markup]:
    names, labels = row["images"].split(SEPARATOR), row["labels"].split(SEPARATOR)
    pairs = zip(names, labels, strict=False)
    cards = html_cards(pictures.card(name, label, name) for name, label in pairs)
    return f"group {row['group']}, {row['kind']}", cards


def _suspects(audit: Audit, pictures: Pictures, worst: int) -> Iterator[str]:
    for task, rows in audit.suspects.groupby("task", sort=False):
        issues = rows[rows["is_issue"]]
        text = (
            f"{len(issues):,} of {len(rows):,} labels that were judged, most suspect first. A "
            "model errs most at rare faces and values, so many of these labels may be right: look "
            "before you leave them out. Score: lower is more suspect."
        )
        cards = [
            pictures.card(
                row["sample_id"], f"label {row['label']}", f"predicted {row['prediction']}",
                f"score {row['score']:.2g}", row["sample_id"],
            )
            for row in records(issues.head(worst))
        ]  # fmt: skip
        more = _more(len(issues) - len(cards), "suspects", "audit.suspects") if worst else []
        body = [html_cards(cards)] if cards else []
        yield html_section(f"{task}: suspected labels", text, *body, *more)


def _duplicates(audit: Audit, pictures: Pictures, worst: int) -> str:
    """Show near-duplicates whose labels agree, since those that conflict are shown already."""
    parts: list[str] = [about_duplicates(audit) + "."]
    table = audit.duplicates
    agree = table[~table["group"].isin(audit.conflicts["group"])]
    near = agree[(agree["kind"] == "near").groupby(agree["group"]).transform("any")]
    groups = near["group"].unique()[:worst]
    if len(groups):
        parts.append("Near-duplicates without a conflict, group by group:")
        shown = near[near["group"].isin(groups)].groupby("group", sort=False)["sample_id"]
        boxes = ((f"group {group}", _cards(names, pictures)) for group, names in shown)
        parts.append(html_groups(boxes))
        parts += _more(near["group"].nunique() - len(groups), "groups", "audit.duplicates")
    return html_section("Duplicates", *parts)


def _cards(names: pd.Series, pictures: Pictures) -> Markup:
    return html_cards(pictures.card(name, pictures.labels(name), name) for name in names)


def _more(count: int, what: str, where: str) -> list[str]:
    return [f"And {count:,} more {what}, which stand in {where}."] if count > 0 else []


def _labels(audit: Audit) -> str:
    figures = [
        html_figure(single_figure(panel), name)
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
    parts += [
        f"Whipple's index of {row['task']}: {row['whipple']:.0f} from {row['n']:,} labels of 23 "
        "to 62 years (100: no preference for 0 and 5; from 125 rough; 500: nothing else)."
        for row in records(audit.heaping)
    ]
    missing = audit.missing[audit.missing["n"] > 0]
    parts += [
        f"{row['n']:,} images ({percent(row['share'])}) have no label of {row['task']}."
        for row in records(missing)
    ]
    return html_section("Labels", *parts)


def _groups(audit: Audit) -> str:
    names = [name for name in audit.cells.columns if name not in {"n", "share", "few"}]
    if not names:
        return ""
    panel = wanted_panels(audit).get("images in joint groups")
    parts: list[str] = []
    if panel is not None:
        parts.append(
            html_figure(single_figure(panel), "images in joint groups", wide=panel.is_wide)
        )
    few = audit.cells[audit.cells["few"] & (audit.cells["n"] > 0)].sort_values("n", kind="stable")
    if len(few):
        parts.append(html_table(few[[*names, "n"]].head(_MOST_LISTED)))
        parts += _more(len(few) - _MOST_LISTED, "groups", "audit.cells")
    empty = int((audit.cells["few"] & (audit.cells["n"] == 0)).sum())
    text = (
        f"Groups of {len(audit.cells):,} with fewer than {audit.min_images} images: {len(few):,}; "
        f"without any: {empty:,}."
    )
    return html_section(f"Joint groups of {', '.join(names)}", text, *parts)
