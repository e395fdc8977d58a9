"""Images of a data set for a page, found by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceattr._ranges import range_ends
from faceattr.data.audit.conflicts import range_text
from faceattr.exceptions import ImageReadError
from faceattr.report.html import html_image
from faceattr.tasks import RegressionTask

if TYPE_CHECKING:
    from faceattr.data._core import IndexedImages

__all__ = ["Pictures"]


class Pictures:
    """Cards with the images of a data set."""

    def __init__(self, dataset: IndexedImages) -> None:
        self._dataset = dataset
        ids = dataset.table["sample_id"].tolist()
        self._positions = {name: position for position, name in enumerate(ids)}

    def labels(self, sample_id: str) -> str:
        """Return the known labels of an image as text, such as "26, female"."""
        position = self._positions[sample_id]
        row = self._dataset.table.iloc[[position]]
        texts: list[str] = []
        for name, task in self._dataset.tasks.items():
            if isinstance(task, RegressionTask):
                low, high = range_ends(row, task)
                texts.append(range_text(float(low[0]), float(high[0])))
            else:
                texts += row[name].dropna().astype(str).tolist()
        return ", ".join(text for text in texts if text) or "no label"

    def card(self, sample_id: str, heading: str, *lines: str) -> list[str]:
        """Return a card for `html_cards`; words in place of an image that cannot be read."""
        try:
            image = self._dataset.read(self._positions[sample_id])
        except (ImageReadError, KeyError):
            return ["cannot be read", heading, *lines]
        return [html_image(image, sample_id), heading, *lines]
