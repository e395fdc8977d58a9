"""What is plainly no face chip is told where it is taken for one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields

import numpy as np

from faceattr._requests import Requests
from faceattr.images import UInt8Image

__all__ = ["WatchedRequests", "looks_like_chip", "told_together", "watch_requests"]

_log = logging.getLogger("faceattr.faces")

_MOST_UNEQUAL = (4, 3)
_SMALLEST_CHIP, _LARGEST_CHIP = 16, 2000
_EXAMPLES = 3


def looks_like_chip(height: int, width: int) -> bool:
    """Tell whether an image may be a face chip, by its size alone.

    It plainly is none where its sides are as unequal as those of most cameras' photos (4 to 3 or
    more), longer than 2,000 pixels or shorter than 16. A square photo of a whole person passes.

    Parameters
    ----------
    height, width : int
        In pixels.

    Returns
    -------
    bool

    Examples
    --------
    >>> from faceattr.faces import looks_like_chip
    >>> looks_like_chip(200, 200), looks_like_chip(218, 178), looks_like_chip(480, 640)
    (True, True, False)
    """
    long, short = max(height, width), min(height, width)
    possible = short >= _SMALLEST_CHIP and long <= _LARGEST_CHIP
    return possible and _MOST_UNEQUAL[1] * long < _MOST_UNEQUAL[0] * short


@dataclass(frozen=True)
class WatchedRequests(Requests):
    """Requests that remember which of their images are plainly no chips."""

    strange: dict[int, tuple[int, int]] = field(default_factory=dict)

    def read(self, position: int) -> UInt8Image:
        """Return the image at a position, or raise ImageReadError."""
        image = super().read(position)
        height, width = image.shape[:2]
        if not looks_like_chip(height, width):
            self.strange[position] = (width, height)
        return image

    def tell(self) -> None:
        """Log one warning of all that were read, if there were any; see `told_together`."""
        first = sorted(self.strange)[:_EXAMPLES]
        names = np.asarray(self.known["sample_id"], dtype=object)
        shown = [f"{names[row]} ({'x'.join(map(str, self.strange[row]))})" for row in first]
        together = _TOGETHER.get()
        if together is None:
            _Strange(len(self), len(self.strange), shown).log()
        else:
            together.add(len(self), len(self.strange), shown)


@dataclass
class _Strange:
    """How many of how many images are plainly no chips, and the first of them."""

    images: int = 0
    strange: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, images: int, strange: int, shown: list[str]) -> None:
        self.images += images
        self.strange += strange
        self.shown = (self.shown + shown)[:_EXAMPLES]

    def log(self) -> None:
        if not self.strange:
            return
        _log.warning(
            "%d of %d images are plainly no face chips (as oblong as 4 to 3 or more, or with a "
            "side under %d or over %d pixels), such as %s: the central square of each was taken "
            "for a face; "
            'model.predict(photos, faces="yunet.onnx") searches for faces instead',
            self.strange,
            self.images,
            _SMALLEST_CHIP,
            _LARGEST_CHIP,
            ", ".join(self.shown),
        )


_TOGETHER: ContextVar[_Strange | None] = ContextVar("together", default=None)


@contextmanager
def told_together() -> Iterator[None]:
    """Make one warning of those of several requests, at the end, whatever ends it."""
    together = _Strange()
    token = _TOGETHER.set(together)
    try:
        yield
    finally:
        _TOGETHER.reset(token)
        together.log()


def watch_requests(requests: Requests) -> WatchedRequests:
    """Return requests that remember which of their images are plainly no chips."""
    return WatchedRequests(**{item.name: getattr(requests, item.name) for item in fields(Requests)})
