"""What several metrics look at: gray values, the image at a fixed side length, its spectrum.

Each view is a pure function of the image. While one image is scored by all metrics, views are
computed once and shared: inside ``with sharing():`` they are kept, by thread, until the block ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from faceattr.images import UInt8Image

__all__ = ["gray", "shared_view", "sharing"]

T = TypeVar("T")

_kept = threading.local()


@contextmanager
def sharing() -> Iterator[None]:
    """Keep the views of images, which must not change meanwhile, until the block ends."""
    before = getattr(_kept, "views", None)
    _kept.views = {}
    try:
        yield
    finally:
        _kept.views = before


def shared_view(function: Callable[[UInt8Image], T]) -> Callable[[UInt8Image], T]:
    """Let metrics that look at the same image inside `sharing` share what a function returns."""

    @wraps(function)
    def view(image: UInt8Image) -> T:
        views: dict[Any, tuple[UInt8Image, T]] | None = getattr(_kept, "views", None)
        if views is None:
            return function(image)
        key = (function, id(image))  # the image is kept beside the view, so its id stays its own
        if key not in views:
            views[key] = (image, function(image))
        return views[key][1]

    return view


@shared_view
def gray(image: UInt8Image) -> npt.NDArray[np.uint8]:
    """Return the luma of an image (ITU-R BT.601, rounded), uint8 (H, W), 0-255."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
