"""All that an audit found as one table, most serious first, each with what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from faceattr.data.audit.pile_ups import ROUGH
from faceattr.data.audit.text import SEVERITIES, records
from faceattr.tasks import RegressionTask

if TYPE_CHECKING:
    from faceattr.data.audit.audit import Audit

__all__ = ["find_findings"]

_TYPES = {
    "finding": "str", "task": "str", "severity": "str", "n": "int64", "counted": "str",
    "share": "float64", "advice": "str",
}  # fmt: skip
_MUCH_MISSING = 0.5
_MANY_SUSPECTS = 0.005


class _Finding(NamedTuple):
    finding: str
    task: str
    severity: str
    n: int
    counted: str
    total: int
    advice: str


def find_findings(audit: Audit) -> pd.DataFrame:
    """List the findings of an audit; see `Audit.findings`."""
    found = [*_files(audit), *_duplicates(audit), *_labels(audit), *_groups(audit)]
    found += _suspects(audit)
    rows = [
        (item.finding, item.task, item.severity, item.n, item.counted,
         item.n / max(item.total, 1), item.advice)
        for item in found
        if item.n
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)
    order = pd.DataFrame({"severity": table["severity"].map(SEVERITIES.index)})
    order["share"] = -table["share"]
    order = order.sort_values(["severity", "share"], kind="stable")
    return table.loc[order.index].reset_index(drop=True)


def _files(audit: Audit) -> Iterator[_Finding]:
    images, refused = len(audit.dataset), len(audit.rejects)
    yield _Finding(
        "files that cannot be decoded", "", "high", len(audit.unreadable), "images", images,
        'Leave them out: ds.reject(audit.unreadable.set_index("sample_id")["reason"]).',
    )  # fmt: skip
    yield _Finding(
        "files that were not accepted", "", "medium", refused, "files", images + refused,
        "See audit.rejects for each one's reason; mend the names or the list and read them again.",
    )  # fmt: skip
    yield _Finding(
        "odd names", "", "low", len(audit.odd_names), "images", images,
        "They were read, but other tools may stumble over them: rename those in audit.odd_names.",
    )  # fmt: skip


def _duplicates(audit: Audit) -> Iterator[_Finding]:
    images, groups = len(audit.dataset), audit.duplicates["group"].nunique()
    surplus = len(audit.duplicates) - groups
    yield _Finding(
        "images that show what another one shows", "", "medium", surplus, "images", images,
        "Splits keep them on one side; keep one of each with ds.select(audit.keep_one()), or "
        "count them as one with Trainer.fit(..., sample_weight=audit.sample_weight()).",
    )  # fmt: skip
    for task, rows in audit.conflicts.groupby("task", sort=False):
        yield _Finding(
            "duplicates with labels that conflict", str(task),
"high", len(rows), "duplicate groups",
            groups,
            "At least one label of each is wrong: ds.with_labels(audit.group_labels()) gives one "
            'label to all, audit.group_labels(rule="cautious") takes the doubtful ones away.',
        )  # fmt: skip


def _labels(audit: Audit) -> Iterator[_Finding]:
    images = len(audit.dataset)
    for row in records(audit.missing):
        severity = "medium" if row["share"] > _MUCH_MISSING else "low"
        yield _Finding(
            "images without a label", row["task"], severity, row["n"], "images", images,
            "Training passes over them for this task; add labels with ds.with_labels(table).",
        )  # fmt: skip
    for task, rows in audit.classes.groupby("task", sort=False):
        few = rows[rows["few"]]
        severity = "high" if (few["n"] == 0).any() else "medium"
        yield _Finding(
            "classes with few images", str(task), severity, len(few), "classes", len(rows),
            f"Collect more of {', '.join(map(repr, few['class']))}, or put classes together: "
            "no figure about them will mean anything.",
        )  # fmt: skip
    for task, rows in audit.pile_ups.groupby("task", sort=False):
        values = ", ".join(f"{value:g}" for value in rows["value"].head(5))
        yield _Finding(
            "values that pile up", str(task), "medium", int(rows["n"].sum()), "images", images,
            f"Such labels are often guesses or defaults (most at {values}): look at some, and "
            "judge errors near these values with care.",
        )  # fmt: skip
    for row in records(audit.heaping[audit.heaping["whipple"] >= ROUGH]):
        surplus = round(row["n"] * (row["whipple"] - 100) / 500)
        yield _Finding(
            "ages rounded to 0 and 5", row["task"], "low", surplus, "images", images,
            f"Whipple's index is {row['whipple']:.0f} (100: not rounded): labels are good to a few "
            "years at best, so errors below that say little.",
        )  # fmt: skip


def _groups(audit: Audit) -> Iterator[_Finding]:
    few = audit.cells[audit.cells["few"]]
    empty = int((few["n"] == 0).sum())
    yield _Finding(
        "joint groups with few images", "", "medium", len(few) - empty, "joint groups",
        len(audit.cells),
        "See audit.cells: figures about them will have wide intervals; collect more, use wider "
        "bins, or draw them more often in training.",
    )  # fmt: skip
    yield _Finding(
        "joint groups without any image", "", "low", empty, "joint groups", len(audit.cells),
        "See audit.cells: nothing can be said of how the model does there.",
    )  # fmt: skip


def _suspects(audit: Audit) -> Iterator[_Finding]:
    for name, rows in audit.suspects.groupby("task", sort=False):
        task = str(name)
        issues = int(rows["is_issue"].sum())
        many = issues >= _MANY_SUSPECTS * len(rows)
        if isinstance(audit.dataset.tasks[task], RegressionTask):
            # A model errs by decades at rare faces: more of these labels are right than wrong.
            finding, severity = "labels far from their predictions", "medium" if many else "low"
        else:
            finding, severity = "labels that are probably wrong", "high" if many else "medium"
        yield _Finding(
            finding, task, severity, issues, "images", len(rows),
            f'Look at audit.suspected("{task}"), most suspect first, and leave wrong ones out with '
            "ds.reject(...), or weigh all of them less with audit.sample_weight(suspects=0.2).",
        )  # fmt: skip
    yield _Finding(
        "images without a prediction", "", "low", audit.unpredicted, "images", len(audit.dataset),
        "Their labels were not judged; predictions of all folds together cover every image.",
    )  # fmt: skip
