"""Fresh processes that measure themselves, and are watched from outside.

A child prints one line of JSON at its end. Its anonymous memory and that of the processes that it
starts (RssAnon of /proc, Linux only) is read every few milliseconds by the parent, so that the
watching takes part in nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Watched", "run_child", "watch_child"]

PAUSE = 0.003

_HELP = """
import json, sys, time
_said = {"marks": []}
def mark(name):
    _said["marks"].append((name, time.monotonic()))
def say(**facts):
    _said.update(facts)
def memory(key):
    with open("/proc/self/status") as file:
        lines = [line.split() for line in file]
    return next(int(line[1]) * 1024 for line in lines if line[0] == key + ":")
def end():
    print(json.dumps(_said))
"""


@dataclass(frozen=True)
class Watched:
    """What a child said, and what was seen of it.

    Attributes
    ----------
    said : dict
    samples : list of (float, int)
        Seconds on the monotonic clock, and bytes of anonymous memory.
    """

    said: dict[str, Any]
    samples: list[tuple[float, int]]

    def peak(self, start: str, stop: str) -> int:
        """Return the most bytes between two marks."""
        marks = dict(self.said["marks"])
        inside = [size for at, size in self.samples if marks[start] <= at <= marks[stop]]
        return max(inside, default=0)


def run_child(code: str, *arguments: object) -> dict[str, Any]:
    """Run Python code in a fresh process and return what it said by ``say`` and ``mark``."""
    return watch_child(code, *arguments).said


def watch_child(code: str, *arguments: object) -> Watched:
    """Run Python code in a fresh process and watch its anonymous memory."""
    texts = [str(argument) for argument in arguments]
    command = [sys.executable, "-c", f"{_HELP}\n{code}\nend()", *texts]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    samples: list[tuple[float, int]] = []
    while child.poll() is None:
        size = _anonymous(child.pid)
        if size is not None:
            samples.append((time.monotonic(), size))
        time.sleep(PAUSE)
    output, _ = child.communicate()
    if child.returncode:
        raise SystemExit(f"a child failed: {code}")
    return Watched(json.loads(output.splitlines()[-1]), samples)


def _anonymous(process: int) -> int | None:
    """Return the memory of a process and of those that it started; None when it has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        started = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return None
    own = next((int(f[1]) * 1024 for f in _fields(text) if f[0] == "RssAnon:"), None)
    if own is None:
        return None
    return own + sum(_anonymous(int(child)) or 0 for child in started.split())


def _fields(text: str) -> Sequence[list[str]]:
    return [fields for line in text.splitlines() if len(fields := line.split()) > 1]
