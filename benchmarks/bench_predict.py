"""How near prediction comes to the bare network, for many images and for one.

    python benchmarks/bench_predict.py [--data UTKFACE] [--images 2048] [--threads N] [--quick]

The reference is the forward pass alone: the same model in evaluation and inference mode, on random
uint8 images of the same shape, channels last, in batches of the same size.
"""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from _common import (
    CHIP_SIDE,
    Result,
    compare,
    open_images,
    options_parser,
    table_text,
    write_page,
)
from faceattr import Dataset, Model
from faceattr.data import ImageCache
from faceattr.images import UInt8Image, read_bytes, read_image, resize_image
from faceattr.models.predict import PredictionColumns
from faceattr.models.torch_runtime import TorchRuntime, forward

IMAGES = 2048
SIDE = 128
ONE_REPEATS = 25
BATCH_SIZE: int = inspect.signature(Model.predict).parameters["batch_size"].default


def main() -> None:
    parser = options_parser(__doc__, data=True)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    count = 16 if options.quick else options.images // BATCH_SIZE * BATCH_SIZE
    with tempfile.TemporaryDirectory() as folder:
        chips = open_images(options.data, Path(folder), count)
        model = Model(tasks=chips.tasks, weights=None, image_size=SIDE).eval()
        work = Work(chips, model, repeats=2 if options.quick else ONE_REPEATS)
        results = measure(work, Path(folder), turns=1 if options.quick else 9)
        sections = {
            "": f"MobileNetV3-Small at {SIDE} px; {'UTKFace chips' if options.data else 'drawings'}"
            f" as JPEG files of {CHIP_SIDE} px, files in the system's cache; batches of "
            f"{BATCH_SIZE} images. The reference is the forward pass alone on random uint8 images "
            "of the same shape (channels last, inference mode, same threads), in the same run.",
            "Where the time goes, many images": table_text(parts_of_many(work)),
            "Where the time goes, one image": table_text(parts_of_one(work)),
            "The forward pass by batch size": "Large batches are slower where the C library "
            "gives the memory of large activations back to the system after each layer and gets "
            "it anew, page by page; with the environment variables `MALLOC_MMAP_THRESHOLD_` and "
            "`MALLOC_TRIM_THRESHOLD_` at 4000000000 (glibc) it keeps the memory. "
            f"{BATCH_SIZE} is the default of `predict`.\n\n" + table_text(by_batch_size(work)),
        }
    write_page(
        options,
        "predict",
        "Speed of prediction",
        results,
        sections,
        threads=torch.get_num_threads(),
    )


@dataclass(frozen=True)
class Work:
    """What is predicted, with what, and how often a single image is."""

    chips: Dataset
    model: Model
    repeats: int

    @property
    def paths(self) -> list[str]:
        return self.chips.table["path"].tolist()

    def forward(self, images: int, batch_size: int) -> None:
        with torch.inference_mode():
            batch = random_images(min(batch_size, images))
            for _ in range(max(1, images // batch_size)):
                self.model(batch)


def measure(work: Work, folder: Path, turns: int) -> list[Result]:
    n = f"{len(work.chips):,} images"
    bare = partial(work.forward, len(work.chips), BATCH_SIZE)
    files = compare(partial(work.model.predict, work.paths), bare, turns=turns)
    listed = compare(partial(work.model.predict, work.chips), bare, turns=turns)
    cached = ImageCache(folder / "cache").open(work.chips, SIDE)
    cache = compare(partial(work.model.predict, cached), bare, turns=turns)
    share = partial(Result, at_least=True, n=n)
    results = [
        share("share of the bare speed, from paths", files.shares, 0.7),
        share("share of the bare speed, from a data set", listed.shares, 0.7),
        share("share of the bare speed, from the image cache", cache.shares, 0.9),
    ]
    once = partial(repeat, partial(work.forward, 1, 1), work.repeats)
    singles: dict[str, str | UInt8Image] = {"array": work.chips.read(0), "path": work.paths[0]}
    for name, image in singles.items():
        predict = partial(repeat, partial(work.model.predict, image), work.repeats)
        found = compare(predict, once, turns=turns * 2)
        n = f"1 image, {work.repeats} times"
        results.append(Result(f"times the bare pass, one {name}", found.times, 1.5, n=n))
    return results


def parts_of_many(work: Work) -> list[dict[str, str]]:
    """Time each step alone, on one thread but for the network, for one image on average."""
    paths = work.paths[:512]
    files = [read_bytes(path) for path in paths]
    images = [read_image(data) for data in files]
    ready = np.stack([resize_image(image, SIDE) for image in images])[:BATCH_SIZE]
    outputs = forward(work.model, ready)
    rows = np.arange(len(ready))

    def columns() -> None:
        filling = PredictionColumns(
            TorchRuntime(work.model), work.chips.table.iloc[: len(rows)], len(rows)
        )
        filling.add(rows, outputs)
        filling.to_table()

    steps: list[tuple[str, Callable[[], object], int]] = [
        ("read the file", lambda: [read_bytes(path) for path in paths], len(paths)),
        ("decode", lambda: [read_image(data) for data in files], len(paths)),
        ("cut and scale", lambda: [resize_image(image, SIDE) for image in images], len(paths)),
        ("network, all threads", lambda: forward(work.model, ready), len(ready)),
        ("columns and table", columns, len(ready)),
    ]
    return [
        {"step": name, "microseconds an image": f"{best_of(step) / n * 1e6:.0f}"}
        for name, step, n in steps
    ]


def parts_of_one(work: Work) -> list[dict[str, str]]:
    path, model = work.paths[0], work.model
    image = read_image(path)
    ready = resize_image(image, SIDE)[None]
    outputs = forward(model, ready)

    def table() -> None:
        filling = PredictionColumns(TorchRuntime(model), work.chips.table.iloc[:1], 1)
        filling.add(np.arange(1), outputs)
        filling.to_table()

    steps: list[tuple[str, Callable[[], object]]] = [
        ("read and decode", lambda: read_image(path)),
        ("cut and scale", lambda: resize_image(image, SIDE)),
        ("network", lambda: forward(model, ready)),
        ("columns and table", table),
        ("whole call", lambda: model.predict(path)),
    ]
    return [
        {"step": name, "microseconds": f"{best_of(step, work.repeats) * 1e6:.0f}"}
        for name, step in steps
    ]


def by_batch_size(work: Work) -> list[dict[str, str]]:
    images = min(512, len(work.chips))
    sizes = [size for size in (1, 16, 32, 64, 128, 256) if size <= images]
    seconds = {size: best_of(partial(work.forward, images, size)) for size in sizes}
    return [
        {"batch size": str(size), "microseconds an image": f"{best / images * 1e6:.0f}"}
        for size, best in seconds.items()
    ]


def best_of(step: Callable[[], object], times: int = 5) -> float:
    """Return the seconds of the fastest of some calls; one more goes first."""
    step()
    seconds: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def repeat(function: Callable[[], object], times: int) -> None:
    for _ in range(times):
        function()


def random_images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3, SIDE, SIDE)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
