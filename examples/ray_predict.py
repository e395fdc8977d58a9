"""Predict and score the images of a folder with Ray Data: many processes, or many machines.

    python -m pip install "faceattr[ray]"
    python examples/ray_predict.py --data photos/ --model out/ --out tables/ --workers 2

Each worker loads the model once and is handed batches of names; it reads the files itself, so on
several machines the folder must be at the same place on all of them. The tables are those of one
process, in the same order: quality bit by bit, predictions too where that process has one thread
(``torch.set_num_threads(1)``), else but for the last digits. Ray starts on this machine; for a
cluster leave the arguments of `ray.init` away.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pandas as pd
import ray
import torch

from faceattr import Model, QualityFilter
from faceattr.images import find_images
from faceattr.tables import write_table

BATCH = 64


class Worker:
    """Predicts and scores batches of images, with one thread for the network."""

    def __init__(self, model: str, preset: str) -> None:
        torch.set_num_threads(1)
        self.model = Model.from_pretrained(model)
        self.quality = QualityFilter(preset, cache=False)

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        paths = batch["path"].tolist()
        predictions = self.model.predict(paths, batch_size=BATCH)
        quality = self.quality.flag(self.quality.score(paths))
        predictions["sample_id"] = batch["sample_id"].tolist()
        return pd.concat([predictions, quality.drop(columns="sample_id")], axis=1)


def list_images(folder: Path) -> pd.DataFrame:
    """Return ids and paths as `Model.predict` has them of a folder."""
    paths = find_images(folder)
    names = [path.relative_to(folder).as_posix() for path in paths]
    return pd.DataFrame({"sample_id": names, "path": list(map(str, paths))}, dtype="str")


def run(folder: Path, model: str, preset: str, workers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the predictions and the quality table of a folder."""
    images = list_images(folder)
    # A block is a batch: a network's last digits depend on which images it sees together.
    blocks = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    rows = ray.data.from_pandas(blocks).map_batches(
        Worker,
        fn_constructor_kwargs={"model": model, "preset": preset},
        batch_size=BATCH,
        batch_format="pandas",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
    )
    found = [plain(block) for block in rows.iter_batches(batch_size=None, batch_format="pyarrow")]
    return split_columns(pd.concat(found, ignore_index=True))


def plain(block: Any) -> pd.DataFrame:
    """Return an Arrow table with the types that the library's tables have."""
    table: pd.DataFrame = block.to_pandas()
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name].dtype)]
    return table.astype(dict.fromkeys(texts, "str"))


def split_columns(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    end = list(table).index("error") + 1
    return table.iloc[:, :end], pd.concat([table[["sample_id"]], table.iloc[:, end:]], axis=1)


def main() -> None:
    options = parse_options()
    settings: dict[str, Any] = {"num_cpus": options.workers, "include_dashboard": False}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(**settings, logging_level="warning")
    model = str(options.model.absolute())
    predictions, quality = run(options.data.absolute(), model, options.preset, options.workers)
    write_table(predictions, options.out / "predictions.csv")
    write_table(quality, options.out / "quality.csv")
    print(f"{len(predictions):,} images, {(predictions['error'] != '').sum():,} could not be read")
    ray.shutdown()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Predict and score a folder with Ray Data.")
    parser.add_argument("--data", type=Path, required=True, help="folder of images")
    parser.add_argument("--model", type=Path, required=True, help="folder of a model")
    parser.add_argument("--preset", default="standard", help="of the quality filter")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("ray-output"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
