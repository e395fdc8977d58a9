"""Whether memory stays flat while the number of images grows.

    python benchmarks/bench_memory.py [--quick]

Makes small JPEG files of noise in a temporary folder (no two are near-duplicates) and indexes,
compares, scores and predicts 2,000, 20,000 and 200,000 of them, each in a fresh process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from _children import Watched, watch_child
from _common import Result, options_parser, table_text, write_page

SIZES = (2_000, 20_000, 200_000)
SIDE = 32
A_FOLDER = 2_000
# Duplicates cannot be found without the fingerprints of all images, 50 bytes each.
TARGETS = {"index": 100, "duplicates": 150, "predict": 100, "quality": 100}

# What a table holds: its columns, and each text once, though two columns may share it.
TABLE_BYTES = """
def held(table):
    texts = {}
    total = 0
    for name in table:
        if table[name].dtype == "str":
            values = table[name].to_numpy(dtype=object)
            texts.update((id(v), sys.getsizeof(v)) for v in values if isinstance(v, str))
        total += table[name].memory_usage(index=False, deep=False)
    return total + sum(texts.values())
"""

# Each work is done once with few images first, so that what stays for good is not counted.
WORKS = {
    "index": """
work = Dataset.from_utkface
result = work
table = lambda ds: ds.table
prepare = str
""",
    "duplicates": """
prepare = Dataset.from_utkface
work = lambda ds: ds.duplicates()
table = lambda found: found
""",
    "quality": """
from faceattr import QualityFilter
prepare = Dataset.from_utkface
work = QualityFilter(cache=False).score
table = lambda found: found
""",
    "predict": f"""
from faceattr import Model
prepare = Dataset.from_utkface
model = Model(tasks=prepare(sys.argv[2]).tasks, weights=None, image_size={SIDE})
work = model.predict
table = lambda found: found.drop(columns=[c for c in ds_columns if c in found])
""",
}

RUN = """
import gc
from faceattr import Dataset
{work}
ds_columns = ("sample_id", "path", "age", "gender", "race")
work(prepare(sys.argv[2]))
given = prepare(sys.argv[1])
gc.collect()
say(before=memory("RssAnon"))
mark("start")
started = time.perf_counter()
done = work(given)
say(seconds=time.perf_counter() - started)
time.sleep(0.05)  # so that short works are seen too
mark("stop")
say(table=held(table(done)))
"""


def main() -> None:
    options = options_parser(__doc__).parse_args()
    sizes = (20, 80) if options.quick else SIZES
    with tempfile.TemporaryDirectory() as name:
        folders = make_images(Path(name), sizes)
        seen = {
            work: {n: measure(work, folder, folders[sizes[0]]) for n, folder in folders.items()}
            for work in WORKS
        }
    results = [
        Result(
            f"{work}: beyond the table, for each further image",
            [bytes_an_image(found)],
            TARGETS[work],
            unit="bytes",
            n=f"{sizes[0]:,} to {sizes[-1]:,} images",
        )
        for work, found in seen.items()
    ]
    sections = {
        "": "Anonymous memory (RssAnon of `/proc`, read every few milliseconds from outside) of a "
        f"fresh process that has done the same work with {sizes[0]:,} images before. Files are "
        f"JPEGs of noise, {SIDE} px a side. The tables grow by their rows; what else grows is "
        f"measured. A decoded image has {3 * SIDE**2:,} bytes, and the network's raw outputs for "
        "it have 476.",
        "By number of images": table_text(
            [line(work, n, watched) for work, found in seen.items() for n, watched in found.items()]
        ),
        "Where it goes": "Of each image, finding duplicates keeps 50 bytes of fingerprints with "
        "the data set for later splits, and sorts them. Prediction turns raw outputs into "
        "columns batch by batch, and reads at most three batches ahead. Scoring is done by "
        "worker processes, whose memory is counted too. The threads' heaps make the peak of one "
        "run differ from the next by some MiB.",
    }
    write_page(options, "memory", "Memory by number of images", results, sections)


def make_images(root: Path, sizes: tuple[int, ...]) -> dict[int, Path]:
    """Make files of noise; the folder of each size lies in the next larger one."""
    rng = np.random.default_rng(0)
    names = [
        root / "/".join(f"to-{n}" for n in reversed(sizes[place:])) for place in range(len(sizes))
    ]
    for number in range(sizes[-1]):
        home = names[next(place for place, n in enumerate(sizes) if number < n)]
        folder = home / f"part-{number // A_FOLDER:04d}"
        if number in (0, *sizes) or number % A_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        stamp = f"{number % 117}_{number % 2}_{number % 5}_{20170109142408075 + number}"
        _, data = cv2.imencode(".jpg", pixels)
        (folder / f"{stamp}.jpg").write_bytes(data.tobytes())
    return dict(zip(sizes, names, strict=True))


def measure(work: str, folder: Path, few: Path) -> Watched:
    return watch_child(TABLE_BYTES + RUN.format(work=WORKS[work]), folder, few)


def beyond(watched: Watched) -> int:
    """Return the peak over what was there before, less the table."""
    said = watched.said
    return watched.peak("start", "stop") - int(said["before"]) - int(said["table"])


def bytes_an_image(found: Mapping[int, Watched]) -> float:
    few, many = min(found), max(found)
    return (beyond(found[many]) - beyond(found[few])) / (many - few)


def line(work: str, n: int, watched: Watched) -> dict[str, str]:
    said = watched.said
    return {
        "work": work,
        "images": f"{n:,}",
        "seconds": f"{said['seconds']:.1f}",
        "peak, MiB": f"{watched.peak('start', 'stop') / 2**20:.1f}",
        "before, MiB": f"{said['before'] / 2**20:.1f}",
        "table, MiB": f"{said['table'] / 2**20:.1f}",
        "beyond the table, MiB": f"{beyond(watched) / 2**20:.1f}",
    }


if __name__ == "__main__":
    main()
