"""From a flagged table to a data set without the flagged images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, TypeVar

import pandas as pd

from faceattr.exceptions import DataError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality.columns import REASONS

__all__ = ["Images", "Rejecting", "check_dataset", "drop_flagged", "rows_of"]


class Rejecting(Protocol):
    """A data set that can leave images out and keep in mind why, such as `Dataset`."""

    @property
    def table(self) -> pd.DataFrame:
        """The index table, a row an image."""
        ...

    def read(self, position: int, /) -> UInt8Image:
        """Return the image of a row, uint8 (H, W, 3)."""
        ...

    def reject(self, reasons: Mapping[str, str]) -> Self:
        """Return the other images, with these among the rejects."""
        ...


Images = TypeVar("Images", bound=Rejecting)


def check_dataset(dataset: object) -> None:
    """Raise unless images can be left out of this."""
    if not callable(getattr(dataset, "reject", None)):
        raise InvalidTypeError(
            "not a data set that can leave images out",
            argument="dataset",
            expected="a Dataset",
            found=type(dataset).__name__,
        )


def rows_of(dataset: Rejecting, quality: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that are about a data set; it must have all of them."""
    ids = dataset.table["sample_id"]
    unknown = ids[~ids.isin(quality["sample_id"])].tolist()
    if unknown:
        raise DataError(
            "images of the data set are not in the quality table",
            argument="quality",
            rows=unknown,
            expected=f"a row for each of {len(ids):,} images",
            found=f"none for {len(unknown):,} of them",
            hint="QualityFilter(...).score(dataset)",
        )
    return quality[quality["sample_id"].isin(ids)]


def drop_flagged(dataset: Images, flagged: pd.DataFrame) -> Images:
    """Reject the images of a data set that have reasons."""
    reasons = flagged.loc[flagged[REASONS] != "", ["sample_id", REASONS]]
    return dataset.reject(dict(zip(reasons["sample_id"], reasons[REASONS], strict=True)))
