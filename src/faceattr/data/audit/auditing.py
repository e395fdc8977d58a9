"""Making an audit: all checks of one data set, those that cost nothing first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from faceattr._validation import check_integer
from faceattr.binning import BinSpec
from faceattr.data.audit.audit import Audit
from faceattr.data.audit.cells import cell_table, class_table, missing_table
from faceattr.data.audit.conflicts import conflict_table, group_kinds
from faceattr.data.audit.files import odd_name_table, unreadable_table
from faceattr.data.audit.pile_ups import heaping_table, pile_up_table
from faceattr.data.audit.suspects import find_suspects, no_suspects
from faceattr.exceptions import DataError, InvalidTypeError

if TYPE_CHECKING:
    from faceattr.data._core import IndexedImages

__all__ = ["AuditSettings", "run_audit"]


@dataclass(frozen=True)
class AuditSettings:
    """How groups are counted; see `Dataset.audit`."""

    by: Sequence[str] | None
    bins: Mapping[str, BinSpec] | None
    min_images: int

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        check_integer(self.min_images, "min_images", low=1)
        if self.bins is not None and not isinstance(self.bins, Mapping):
            raise InvalidTypeError(
                "not a mapping",
                argument="bins",
                expected="edges or a number of bins, by column",
                found=repr(self.bins),
            )


def run_audit(
    dataset: IndexedImages,
    predictions: pd.DataFrame | None,
    settings: AuditSettings,
    *,
    progress: bool,
) -> Audit:
    """Audit a data set; see `Dataset.audit`."""
    if not len(dataset):
        raise DataError("the data set is empty", argument="dataset", expected="an image or more")
    table, tasks = dataset.table, dataset.tasks
    # What can be refused is looked at before images are.
    suspects = no_suspects() if predictions is None else find_suspects(table, tasks, predictions)
    bins = {} if settings.bins is None else settings.bins
    cells = cell_table(table, tasks, settings.by, bins, settings.min_images)
    found, prints = dataset._search_duplicates(progress=progress)
    kinds = group_kinds(table, found.table, prints.keys)
    return Audit(
        dataset=dataset,
        min_images=settings.min_images,
        unreadable=unreadable_table(table, prints.hashed, progress=progress),
        odd_names=odd_name_table(table),
        duplicates=found.table,
        pairs_confirmed=found.confirmed,
        pairs_refused=found.refused,
        conflicts=conflict_table(table, tasks, found.table, kinds),
        missing=missing_table(table, tasks),
        classes=class_table(table, tasks, settings.min_images),
        pile_ups=pile_up_table(table, tasks),
        heaping=heaping_table(table, tasks),
        cells=cells,
        suspects=suspects.table,
        unpredicted=suspects.unpredicted,
    )
