"""How fast the stages of a run are, from decoding to intervals.

    python benchmarks/bench_pipeline.py [--data UTKFACE] [--images 1024] [--size 128]

Without `--data` it works on drawings, which it writes to a temporary folder as PNG files first.
Every stage is measured once, so expect a tenth more or less from run to run.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from PIL import Image

from faceattr import BinnedEvaluator, Dataset, Model, TrainConfig, Trainer, __version__
from faceattr.data import ImageCache

Stopwatch: TypeAlias = Callable[[str, int], AbstractContextManager[None]]


def main() -> None:
    options = _options()
    rows: list[dict[str, object]] = []

    @contextmanager
    def measured(stage: str, images: int) -> Iterator[None]:
        print(f"{stage} ...", file=sys.stderr)
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        rows.append(
            {
                "stage": stage,
                "images": images,
                "seconds": round(seconds, 2),
                "images_per_second": round(images / seconds, 1),
            }
        )

    with tempfile.TemporaryDirectory() as folder:
        _measure(options, Path(folder), measured)
    print(f"# faceattr {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"# {platform.machine()}, Python {platform.python_version()}, {options.size} px")
    print(pd.DataFrame(rows).to_csv(index=False), end="")


def _measure(options: argparse.Namespace, folder: Path, measured: Stopwatch) -> None:
    ds = _dataset(options, folder / "drawings", measured)
    cache = ImageCache(folder / "cache")
    with measured("decode and resize into the cache", len(ds)):
        images = cache.open(ds, options.size)
    with measured("read from the cache, batches of 64", len(ds)):
        for start in range(0, len(ds), 64):
            images.take(np.arange(start, min(start + 64, len(ds))))
    with measured("split, duplicates kept together", len(ds)):
        train, test = ds.split(train=0.8, test=0.2, seed=0)
    model = Model(tasks=ds.tasks, weights=None, image_size=options.size)
    trainer = Trainer(TrainConfig(epochs=2, seed=0), progress=False, cache_folder=folder / "cache")
    with measured("train two epochs, set-up included", 2 * len(train)):
        trainer.fit(model, train)
    model.predict(test.read(0))  # the first call of a network makes plans that later ones use
    with measured("predict, decoding included", len(test)):
        predictions = model.predict(test)
    with measured("evaluate by age, 1000 resamples", len(test)):
        BinnedEvaluator(by=["age"], n_boot=1000).evaluate(predictions)


def _dataset(options: argparse.Namespace, folder: Path, measured: Stopwatch) -> Dataset:
    if options.data:
        ds = Dataset.from_utkface(options.data)
        return ds.select(np.arange(len(ds)) < options.images)
    drawings = Dataset.synthetic(options.images, seed=0, size=200)
    folder.mkdir()
    with measured("draw", len(drawings)):
        pictures = [drawings.read(position) for position in range(len(drawings))]
    table = drawings.table.drop(columns="path")
    table["path"] = [f"{name}.png" for name in table["sample_id"]]
    for name, picture in zip(table["path"], pictures, strict=True):
        Image.fromarray(picture).save(folder / name)
    table.drop(columns="sample_id").to_csv(folder / "labels.csv", index=False)
    return Dataset.from_csv(folder / "labels.csv", root=folder, tasks=drawings.tasks)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", help="folder of UTKFace chips; drawings without it")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--size", type=int, default=128, help="side length in pixels")
    return parser.parse_args()


if __name__ == "__main__":
    main()
