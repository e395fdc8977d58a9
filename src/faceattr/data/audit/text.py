"""An audit as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

if TYPE_CHECKING:
    from faceattr.data.audit.audit import Audit

__all__ = [
    "SEVERITIES",
    "about_duplicates",
    "finding_title",
    "headline",
    "percent",
    "records",
    "summary_text",
]

SEVERITIES = ("high", "medium", "low")
"""What is wrong for certain or spoils a test; what probably does harm; what one should know."""

_WIDTH = 96


def records(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return the rows of a table one after another, as mappings."""
    return iter(cast("list[dict[str, Any]]", table.to_dict("records")))


def percent(share: float) -> str:
    """Return a share as text that never calls something nothing."""
    return "below 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def finding_title(finding: str, task: str) -> str:
    """Return what was found, with the task where it is about one."""
    return f"{task}: {finding}" if task else finding


def headline(audit: Audit) -> str:
    """Return how many findings there are, in one line without a full stop."""
    counts = audit.severity_counts()
    tasks = ", ".join(audit.dataset.tasks)
    found = ", ".join(f"{counts[name]} of {name} severity" for name in SEVERITIES)
    total = sum(counts.values())
    words = f"{total} finding{'s' * (total != 1)} ({found})" if total else "nothing found"
    return f"{len(audit.dataset):,} images, labelled for {tasks}: {words}"


def about_duplicates(audit: Audit) -> str:
    """Return how many duplicates there are and how they were told."""
    table = audit.duplicates
    compared = (
        f"Of the pairs with close hashes {audit.pairs_confirmed:,} were confirmed by their pixels "
        f"and {audit.pairs_refused:,} refused"
    )
    if not len(table):
        return f"No image shows the same photograph as another. {compared}"
    identical = int((table["kind"] == "identical").sum())
    return (
        f"{len(table):,} images in {table['group'].nunique():,} groups show the same photograph "
        f"as another; {identical:,} of them have a file with the same bytes. {compared}"
    )


def summary_text(audit: Audit) -> str:
    """Return an audit as text; see `Audit.summary`."""
    lines = [headline(audit), ""]
    for row in records(audit.findings):
        title = finding_title(row["finding"], row["task"])
        count = f"{row['n']:,} {row['counted']} ({percent(row['share'])})"
        lines.append(f"{row['severity']:<7}{title}: {count}")
        lines += textwrap.wrap(
            row["advice"], _WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
    if len(audit.findings):
        lines.append("")
    lines += textwrap.wrap(about_duplicates(audit) + ".", _WIDTH)
    if not len(audit.suspects):
        lines += textwrap.wrap(
            "Labels were not judged: give out-of-fold predictions, ds.audit(predictions).", _WIDTH
        )
    return "\n".join(lines) + "\n"
