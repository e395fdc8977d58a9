"""How long it takes until the public names are there, in fresh processes.

python benchmarks/bench_imports.py [--quick]
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from _common import Ratio, Result, compare, options_parser, seconds_of, table_text, write_page

TURNS = 11

# What is measured, what a user would have to load anyway, and how many times its time is allowed.
PAIRS = (
    ("from faceattr import Trainer", "import torch", 1.3),
    ("from faceattr import Model", "import torch", 1.3),
    ("from faceattr import BinnedEvaluator", "import pandas, sklearn", 1.2),
)
ALONE = ("import faceattr", 0.1)
SHOWN = 10


def main() -> None:
    options = options_parser(__doc__).parse_args()
    turns = 1 if options.quick else TURNS
    pairs = PAIRS[-1:] if options.quick else PAIRS
    ratios: list[tuple[str, str, float, Ratio]] = []
    for code, reference, target in pairs:
        found = compare(
            partial(run, code), partial(run, reference), turns=turns, warm_up=turns // TURNS
        )
        ratios.append((code, reference, target, found))
    empty = [seconds_of(partial(run, "pass")) for _ in range(turns)]
    alone = [seconds_of(partial(run, ALONE[0])) for _ in range(turns)]
    results = [
        Result(f"`{code}`: times `{reference}`", found.times, target)
        for code, reference, target, found in ratios
    ]
    results.append(Result(f"`{ALONE[0]}`, Python's own start included", alone, ALONE[1], unit="s"))
    seconds = [
        {"statement": f"`{code}`", "seconds, lowest to highest": spread(found)}
        for pair in ratios
        for code, found in ((pair[0], pair[3].measured), (pair[1], pair[3].reference))
    ]
    seconds.append({"statement": "`pass`", "seconds, lowest to highest": spread(empty)})
    sections = {
        "": "Each turn starts Python anew, with files in the system's cache. torchvision, timm, "
        "accelerate and matplotlib are loaded where they are first used: when a model is built, a "
        "training starts, a figure is drawn.",
        "Seconds": table_text(seconds),
        **{
            f"Where the time of `{code}` goes": table_text(longest(code))
            for code, *_ in pairs[:: len(PAIRS) - 1]
        },
    }
    write_page(options, "imports", "Speed of imports", results, sections)


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def spread(seconds: tuple[float, ...] | list[float]) -> str:
    return f"{min(seconds):.2f} to {max(seconds):.2f}"


def longest(code: str) -> list[dict[str, str]]:
    """Return the packages that take most of an import, by the time spent in their own modules."""
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    own: dict[str, int] = {}
    for line in done.stderr.splitlines():
        fields = line.removeprefix("import time:").split("|")
        if len(fields) == 3 and fields[0].strip().isdigit():
            package = fields[2].strip().partition(".")[0]
            own[package] = own.get(package, 0) + int(fields[0])
    ordered = sorted(own.items(), key=lambda item: -item[1])[:SHOWN]
    return [{"package": name, "own time": f"{time / 1000:.0f} ms"} for name, time in ordered]


if __name__ == "__main__":
    main()
