"""What the benchmarks share: paired timing, the description of the machine, and their pages.

A shared or noisy machine makes seconds worthless, so every target is a ratio of two things that are
measured in turns within one run: first A and B, then B and A, and so on. The middle of the ratios
of all turns is the result, the lowest and the highest say how sure it is.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from faceattr import Dataset

__all__ = [
    "CHIP_SIDE",
    "Ratio",
    "Result",
    "compare",
    "machine",
    "open_images",
    "options_parser",
    "shown_command",
    "table_text",
    "write_page",
]

CHIP_SIDE = 200
"""Pixels a side of UTKFace's chips, and of the drawings in their place."""

RESULTS = Path(__file__).parents[1] / "docs" / "results"
PACKAGES = ("torch", "torchvision", "numpy", "pandas", "opencv-python", "pillow")


@dataclass(frozen=True)
class Ratio:
    """Two things measured in turns.

    Attributes
    ----------
    measured, reference : tuple of float
        Seconds of each turn.
    """

    measured: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def times(self) -> tuple[float, ...]:
        """How many times the reference's seconds the measured thing took, by turn."""
        return tuple(a / b for a, b in zip(self.measured, self.reference, strict=True))

    @property
    def shares(self) -> tuple[float, ...]:
        """Which share of the reference's speed the measured thing had, by turn."""
        return tuple(1 / ratio for ratio in self.times)


@dataclass(frozen=True)
class Result:
    """A line of a page: what was measured, against which target.

    Attributes
    ----------
    what : str
    values : sequence of float
        A number a turn; their median is the result.
    target : float
    at_least : bool, default False
        Whether the target is a lower bound; an upper one otherwise.
    unit : str, default ""
    n : str, default ""
        Of how many images, files or rows each value is.
    """

    what: str
    values: Sequence[float]
    target: float
    at_least: bool = False
    unit: str = ""
    n: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    def row(self) -> dict[str, str]:
        unit = f" {self.unit}" if self.unit else ""
        return {
            "what": self.what,
            "target": f"{'at least' if self.at_least else 'at most'} {_number(self.target)}{unit}",
            "median": f"{_number(self.value)}{unit}",
            "lowest to highest": f"{_number(min(self.values))} to {_number(max(self.values))}",
            "turns": str(len(self.values)),
            "n": self.n,
            "": "met" if self.met else "missed",
        }


def compare(
    measured: Callable[[], object],
    reference: Callable[[], object],
    *,
    turns: int = 7,
    warm_up: int = 1,
) -> Ratio:
    """Time two things in turns, each going first in every second one."""
    for _ in range(warm_up):
        measured()
        reference()
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(turns):
        pair = [(0, measured), (1, reference)]
        for place, function in reversed(pair) if turn % 2 else pair:
            seconds[place].append(seconds_of(function))
    return Ratio(tuple(seconds[0]), tuple(seconds[1]))


def seconds_of(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    gc.collect()
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def machine(threads: int | None = None) -> dict[str, str]:
    """Describe the machine and the versions, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    said = {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }
    said |= {name: version(name) for name in PACKAGES}
    return said if threads is None else {**said, "threads": str(threads)}


def options_parser(description: str | None, *, data: bool = False) -> argparse.ArgumentParser:
    """Return a parser of the options that every benchmark has; `data` for those on real chips."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    if data:
        parser.add_argument(
            "--data", help="folder of UTKFace chips; drawings, and no page, without"
        )
    parser.add_argument("--quick", action="store_true", help="little data, few turns: does it run?")
    parser.add_argument("--out", type=Path, help="folder of the page; --quick alone writes none")
    return parser


def open_images(data: str | None, folder: Path, count: int) -> Dataset:
    """Return real chips, spread over the collection, or as many drawings as JPEG files."""
    if data is not None:
        chips = Dataset.from_utkface(data)
        rows = np.linspace(0, len(chips) - 1, count).astype(int)
        return chips.select(chips.table["sample_id"].iloc[rows].tolist())
    faces = Dataset.synthetic(count, size=CHIP_SIDE)
    paths = [str(folder / f"{number}.jpg") for number in range(count)]
    for number, path in enumerate(paths):
        Image.fromarray(faces.read(number)).save(path, quality=95)
    return Dataset(faces.table.assign(path=paths), tasks=faces.tasks)


def shown_command(options: argparse.Namespace) -> str:
    """Return the command of this run, with a general name in place of the data's folder."""
    script = Path(sys.argv[0]).name
    parts = ["python", f"benchmarks/{script}"]
    if getattr(options, "data", None):
        parts.append("--data UTKFACE")
    return " ".join(parts + (["--quick"] if options.quick else []))


def write_page(
    options: argparse.Namespace,
    name: str,
    title: str,
    results: Sequence[Result],
    sections: Mapping[str, str],
    *,
    threads: int | None = None,
) -> str:
    """Print the page ``speed-NAME.md``, and write it unless the run is quick or lacks its data.

    Parameters
    ----------
    options : argparse.Namespace
        Of `options_parser`.
    name, title : str
    results : sequence of Result
    sections : mapping of str to str
        Further text by heading; the one with the heading "" stands first.
    threads : int, optional
        Of torch, where it took part.
    """
    parts = [f"# {title}", f"```\n{shown_command(options)}\n```"]
    parts += [sections[""]] if "" in sections else []
    parts.append(table_text([result.row() for result in results]))
    parts += [f"## {heading}\n\n{text}" for heading, text in sections.items() if heading]
    facts = [{"": key, "here": value} for key, value in machine(threads).items()]
    parts.append(f"## Machine\n\n{table_text(facts)}")
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    lacks_data = getattr(options, "data", "not needed") is None
    folder = options.out or (None if options.quick or lacks_data else RESULTS)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"speed-{name}.md").write_text(text, encoding="utf-8")
    print(text)
    return text


def table_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows with equal keys as a Markdown table."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns)]
    lines += [[str(row[column]) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
