"""Ctrl-C in the middle of a training."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupt"]

_log = logging.getLogger(__name__)


class Interrupt:
    """Turns the first Ctrl-C within its context into a wish; a second one stops at once.

    Handlers of the user's own, other threads and ignored signals are left as they are.

    Attributes
    ----------
    requested : bool
        Whether somebody wants to stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        _log.warning("interrupted: stopping after this step; Ctrl-C again stops at once")
