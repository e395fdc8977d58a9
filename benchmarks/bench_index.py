"""How fast, and in how much memory, names of files become a data set.

    python benchmarks/bench_index.py [--files 1000000] [--quick]

Makes empty files with names as in UTKFace in a temporary folder, and lists them in fresh processes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from _children import run_child
from _common import Result, options_parser, table_text, write_page

FILES = 1_000_000
A_FOLDER = 5_000
TURNS = 3

LIST_THEM = """
from faceattr import Dataset
before = memory("VmRSS")
started = time.perf_counter()
ds = Dataset.from_utkface(sys.argv[1])
say(seconds=time.perf_counter() - started, before=before, peak=memory("VmHWM"))
say(rows=len(ds), rejects=len(ds.rejects), table=int(ds.table.memory_usage(deep=True).sum()))
"""

PARTS = """
import pandas as pd
from faceattr import Dataset
from faceattr.data import index
from faceattr.images import image_names
started = time.perf_counter()
names = image_names(sys.argv[1])
listed = time.perf_counter()
for name in names:
    index.parse_utkface_name(name.rpartition("/")[2])
parsed = time.perf_counter()
say(list=listed - started, parse=parsed - listed)
"""


def main() -> None:
    parser = options_parser(__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    options = parser.parse_args()
    files = 2_000 if options.quick else options.files
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), files)
        turns = [run_child(LIST_THEM, folder) for _ in range(1 if options.quick else TURNS)]
        parts = run_child(PARTS, folder)
    if any(turn["rows"] != files for turn in turns):
        raise SystemExit(f"{files} files were made, and listed: {[turn['rows'] for turn in turns]}")
    n = f"{files:,} files"
    results = [
        Result("list and parse", [turn["seconds"] for turn in turns], 60, unit="s", n=n),
        Result("peak memory", [turn["peak"] / 2**20 for turn in turns], 1024, unit="MiB", n=n),
    ]
    sections = {
        "": "Names of files become a table of paths and labels (`Dataset.from_utkface`); no file "
        "is opened. Each turn is a fresh process, and its peak memory is that of the process as a "
        "whole (VmHWM), packages and the table included.",
        "Where the time and the memory go": table_text(
            [
                {"what": "listing the folders, sorted", "here": f"{parts['list']:.1f} s"},
                {"what": "parsing the names", "here": f"{parts['parse']:.1f} s"},
                {"what": "the process before", "here": f"{turns[0]['before'] / 2**20:.0f} MiB"},
                {"what": "the table", "here": f"{turns[0]['table'] / 2**20:.0f} MiB"},
            ]
        ),
    }
    write_page(options, "index", "Speed of indexing", results, sections)


def make_files(root: Path, count: int) -> None:
    """Make empty files, some thousands a folder; all names can be read."""
    rng = np.random.default_rng(0)
    ages, genders, races = (rng.integers(0, high, count) for high in (117, 2, 5))
    folder = root
    for number in range(count):
        if number % A_FOLDER == 0:
            folder = root / f"part-{number // A_FOLDER:04d}"
            folder.mkdir()
        name = f"{ages[number]}_{genders[number]}_{races[number]}_{20170109142408075 + number}"
        (folder / f"{name}.jpg.chip.jpg").touch()


if __name__ == "__main__":
    main()
