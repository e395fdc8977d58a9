"""Images of a data set for a page, found by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceattr.exceptions import ImageReadError
from faceattr.report.html import html_image

if TYPE_CHECKING:
    from faceattr.data._core import IndexedImages

__all__ = ["Pictures"]


class Pictures:
    """Cards with the images of a data set."""

    def __init__(self, dataset: IndexedImages) -> None:
        self._dataset = dataset
        ids = dataset.table["sample_id"].tolist()
        self._positions = {name: position for position, name in enumerate(ids)}

    def card(self, sample_id: str, heading: str, *lines: str) -> list[str]:
        """Return a card for `html_cards`; words in place of an image that cannot be read."""
        try:
            image = self._dataset.read(self._positions[sample_id])
        except ImageReadError:
            return ["cannot be read", heading, *lines]
        return [html_image(image, sample_id), heading, *lines]
