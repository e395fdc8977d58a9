"""`Audit`: what is wrong with a data set, as tables, text, figures and a page; what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from faceattr._validation import check_choice, check_integer, check_number
from faceattr.data.audit.conflicts import members_of
from faceattr.data.audit.findings import find_findings
from faceattr.data.audit.mending import (
    cautious_labels,
    common_labels,
    group_sizes,
    kept_ids,
    suspect_factors,
)
from faceattr.data.audit.text import records, summary_text
from faceattr.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from faceattr.data._core import IndexedImages

__all__ = ["Audit"]

_RULES = ("majority", "cautious")
_TABLES = (
    *("findings", "rejects", "unreadable", "odd_names", "duplicates", "conflicts", "missing"),
    *("classes", "pile_ups", "heaping", "cells", "suspects"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What is wrong with a data set; `Dataset.audit` makes it.

    Tables without a row keep their columns.

    Attributes
    ----------
    dataset : Dataset
        The data set that was audited.
    min_images : int
        Groups and classes with fewer images are few.
    unreadable : pandas.DataFrame
        Files that cannot be decoded: ``sample_id``, ``path``, ``reason`` (text).
    odd_names : pandas.DataFrame
        Accepted files whose names need attention: ``sample_id``, ``path``, ``reason`` (text).
    duplicates : pandas.DataFrame
        As `Dataset.duplicates` returns it: ``sample_id``, ``group`` (int64), ``kind``.
    pairs_confirmed, pairs_refused : int
        Pairs of near-duplicates by their hashes whose decoded images agreed, and did not.
    conflicts : pandas.DataFrame
        Groups of duplicates whose known labels disagree, a row a group and task: ``group`` (int64),
        ``kind`` ("identical" if all files have the same bytes, else "near"), ``task``, ``n``
        (int64, images with a label), ``labels`` (text, joined by " | "), ``spread`` (float64:
        highest less lowest number, or the number of classes), ``images`` (ids, joined by " | ").
        Classes first, then by spread.
    missing : pandas.DataFrame
        Images without a label, a row a task: ``task``, ``n`` (int64), ``share`` (float64).
    classes : pandas.DataFrame
        ``task``, ``class``, ``n`` (int64), ``share`` (float64, of the labelled), ``few`` (bool).
    pile_ups : pandas.DataFrame
        Numbers that occur at least twice as often as their neighbours and more often than chance:
        ``task``, ``value`` (float64), ``n`` (int64), ``expected``, ``ratio``, ``p`` (float64).
    heaping : pandas.DataFrame
        Whipple's index of ages that end in 0 or 5, 100 without heaping: ``task``, ``whipple``
        (float64), ``n`` (int64).
    cells : pandas.DataFrame
        Joint groups, also empty ones: a column of bin names for each column grouped by, ``n``
        (int64), ``share`` (float64), ``few`` (bool).
    suspects : pandas.DataFrame
        All labels that were judged: ``task``, ``sample_id``, ``label``, ``prediction`` (text),
        ``score`` (float64, 0-1, lower is more suspect), ``is_issue`` (bool), ``rank`` (int64 from
        1, of the task). Empty without predictions.
    unpredicted : int
        Images without a prediction, if there were predictions.
    """

    dataset: IndexedImages
    min_images: int
    unreadable: pd.DataFrame
    odd_names: pd.DataFrame
    duplicates: pd.DataFrame
    pairs_confirmed: int
    pairs_refused: int
    conflicts: pd.DataFrame
    missing: pd.DataFrame
    classes: pd.DataFrame
    pile_ups: pd.DataFrame
    heaping: pd.DataFrame
    cells: pd.DataFrame
    suspects: pd.DataFrame
    unpredicted: int

    def __repr__(self) -> str:
        return f"Audit({len(self.dataset)} images, {len(self.findings)} findings)"

    @property
    def rejects(self) -> pd.DataFrame:
        """What was found and not accepted: columns ``path`` and ``reason``."""
        return self.dataset.rejects

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What is wrong, a row a finding, most serious first.

        Columns: ``finding`` (text), ``task`` (empty where it is about all), ``severity`` ("high":
        wrong for certain, or spoils training or test; "medium": probably does harm; "low": good to
        know), ``n`` (int64), ``counted`` (what n counts: "images", "files", "duplicate groups",
        "joint groups", "classes"), ``share`` (float64, of all of these), ``advice`` (a
        sentence with the call that mends it). Within a severity the largest share is first.
        """
        return find_findings(self)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all tables by name, to be written with `faceattr.tables.write_table`."""
        return {name: getattr(self, name) for name in _TABLES}

    def summary(self) -> str:
        """Return the main results as text, most serious first, with what mends each."""
        return summary_text(self)

    def plot(self) -> Figure:
        """Draw labels with their pile-ups, and the sizes of the joint groups.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from faceattr.data.audit.plots import plot_audit  # late: tables need no matplotlib

        return plot_audit(self)

    def to_html(self, path: str | Path, *, worst: int = 24) -> Path:
        """Write a page: the findings, then each with its tables, figures and images.

        Parameters
        ----------
        path : path
            A ``.html`` file; it needs no other file and no network.
        worst : int, default 24
            At most so many conflicting groups, duplicates and suspects are shown with pictures; 0
            for a page without any picture of an image.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InvalidArgumentError
            If the name does not end in ``.html``, or `worst` is below 0.
        OutputError
            If it cannot be written.
        """
        from faceattr.data.audit.page import write_page

        return write_page(self, path, worst=worst)

    def keep_one(self) -> list[str]:
        """Choose one image of each group of duplicates, and all images that are in none.

        Kept is the image that has the label of its group (as `group_labels` gives it) in most
        tasks; of these the one with most labels, and of these the first by id.

        Returns
        -------
        list of str
            Ids in the data set's order, for `Dataset.select`.
        """
        return kept_ids(self.dataset.table, self.dataset.tasks, self.duplicates)

    def group_labels(
        self, *, rule: str = "majority", max_spread: float | None = None
    ) -> pd.DataFrame:
        """Give the images of each group of duplicates one label.

        Parameters
        ----------
        rule : {"majority", "cautious"}, default "majority"
            "majority": of classes the most frequent one, missing where two are equally frequent; of
            numbers the median; where only ranges are known, what they have in common. Members
            without a label get that of their group. "cautious": the labels that are in conflict
            become missing, in conflicting groups and tasks alone, and nothing else changes.
        max_spread : float, optional
            With "majority", numbers of a group that lie further apart become missing: the median
            of 1 and 53 is right for nobody.

        Returns
        -------
        pandas.DataFrame
            ``sample_id`` and the label columns, for `Dataset.with_labels`; without a row where
            there is nothing to change.

        Raises
        ------
        InvalidArgumentError
            If there is no such rule, or `max_spread` is below 0 or given for the other rule.
        """
        check_choice(rule, "rule", _RULES)
        if max_spread is not None:
            check_number(max_spread, "max_spread", low=0.0)
            if rule == "cautious":
                raise InvalidArgumentError(
                    "of no use for this rule", argument="max_spread", expected='rule="majority"'
                )
        table, tasks = self.dataset.table, self.dataset.tasks
        if rule == "cautious":
            return cautious_labels(table, tasks, self.duplicates, self.conflicts)
        return common_labels(members_of(table, self.duplicates), tasks, max_spread)

    def sample_weight(
        self, *, duplicates: bool = True, suspects: float | str | None = None
    ) -> pd.Series:
        """Return how much each image is to count in training.

        Parameters
        ----------
        duplicates : bool, default True
            An image of a group of k duplicates counts 1/k, so that each group counts as one.
        suspects : float or "score", optional
            What the weight of an image with a probably wrong label, of any task, is multiplied by:
            a number from 0 to 1, or its score, the lowest one if there are several.

        Returns
        -------
        pandas.Series of float64, by ``sample_id``
            0 to 1, for ``Trainer.fit(sample_weight=...)``.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If `suspects` is neither such a number nor "score", or there were no predictions.
        """
        sizes = group_sizes(self.dataset.table, self.duplicates)
        weight = 1.0 / sizes if duplicates else pd.Series(1.0, index=sizes.index)
        if suspects is not None:
            self._need_suspects("suspects")
            factor: float | None = None
            if suspects != "score":
                factor = check_number(suspects, "suspects", low=0.0, high=1.0)
            issues = self.suspects[self.suspects["is_issue"]]
            factors = suspect_factors(issues, factor)
            weight = weight * factors.reindex(weight.index).fillna(1.0)
        return weight.rename("sample_weight")

    def suspected(
        self, task: str | None = None, *, most: int | None = None, below: float | None = None
    ) -> pd.Series:
        """Name the images whose labels are probably wrong, most suspect first.

        Parameters
        ----------
        task : str, optional
            All tasks by default; an image that is suspect in several is named once.
        most : int, optional
            At most so many of a task.
        below : float, optional
            Those with a score below this, in place of those that are an issue.

        Returns
        -------
        pandas.Series of str, by ``sample_id``
            Why: for ``ds.reject(audit.suspected("gender"))``, and to look at them
            ``ds.select(audit.suspected("gender").index)``.

        Raises
        ------
        InvalidArgumentError
            If there were no predictions of the task, or a limit cannot be used.
        """
        self._need_suspects("task", task)
        rows = self.suspects if task is None else self.suspects[self.suspects["task"] == task]
        if below is None:
            rows = rows[rows["is_issue"]]
        else:
            rows = rows[rows["score"] < check_number(below, "below", low=0.0)]
        if most is not None:
            rows = rows.groupby("task").head(check_integer(most, "most", low=0))
        rows = rows.sort_values("rank", kind="stable")
        texts = [
            f"{row['task']} {row['label']} is suspect (predicted {row['prediction']})"
            for row in records(rows)
        ]
        reasons = pd.Series(texts, index=pd.Index(rows["sample_id"], name="sample_id"), dtype="str")
        return reasons.groupby(level=0, sort=False).agg("; ".join).astype("str").rename("reason")

    def _need_suspects(self, argument: str, task: str | None = None) -> None:
        judged = [str(name) for name in self.suspects["task"].unique()]
        if not judged or (task is not None and task not in judged):
            raise InvalidArgumentError(
                "no label was judged by predictions",
                argument=argument,
                expected=f"one of {judged}" if judged else "an audit with predictions",
                found=repr(task) if task is not None else "none",
                hint="ds.audit(predictions), with out-of-fold predictions of the task",
            )

    def severity_counts(self) -> dict[str, int]:
        """Return how many findings there are of each severity."""
        counts = self.findings["severity"].value_counts()
        return {name: int(counts.get(name, 0)) for name in ("high", "medium", "low")}
