"""Work on many items with all cores, in order and with bounded memory."""

from __future__ import annotations

import logging
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["cores", "map_processes", "map_threads"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_THREADS = 16
_IDLE_SECONDS = 60
# A worker is one of as many as there are cores: libraries in it must not start threads as well.
_ONE_THREAD_EACH = dict.fromkeys(
    ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"], "1"
)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` in order, computed by as many threads as there are cores.

    Only a few results a thread wait at any time, so memory does not grow with the items.
    """
    workers = min(_MOST_THREADS, cores())
    with ThreadPoolExecutor(workers) as pool:
        yield from _map_ahead(pool, function, items, ahead=8 * workers)


def map_processes(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` in order, computed by as many processes as there are cores.

    For work that many short calls make slow in threads, which take turns at the interpreter. The
    processes need about a second to start, stay for a minute, and do not run the caller's script
    (loky). What they cannot do, as where no process may be started or one is killed, is done here.
    """
    from loky import get_reusable_executor  # late: not all work is worth processes

    workers = cores()
    try:
        pool = get_reusable_executor(workers, timeout=_IDLE_SECONDS, env=_ONE_THREAD_EACH)
    except (OSError, ImportError, BrokenExecutor) as error:
        _log.warning("no worker processes (%s): working with threads", error)
        yield from map_threads(function, items)
        return
    yield from _map_ahead(pool, function, items, ahead=3 * workers)


def _map_ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    waiting: deque[tuple[Item, Future[Result] | None]] = deque()
    try:
        for item in items:
            waiting.append((item, _submit(pool, function, item)))
            if len(waiting) >= ahead:
                yield _result(function, *waiting.popleft())
        while waiting:
            yield _result(function, *waiting.popleft())
    finally:
        for _, future in waiting:
            if future is not None:
                future.cancel()


def _submit(
    pool: Executor, function: Callable[[Item], Result], item: Item
) -> Future[Result] | None:
    try:
        return pool.submit(function, item)
    except (BrokenExecutor, OSError):
        return None


def _result(
    function: Callable[[Item], Result], item: Item, future: Future[Result] | None
) -> Result:
    if future is not None:
        try:
            return future.result()
        except pickle.PicklingError:  # something that cannot be sent, such as an open file
            pass
        except BrokenExecutor as error:
            _log.warning("a worker process ended (%s): going on without it", error)
    return function(item)
