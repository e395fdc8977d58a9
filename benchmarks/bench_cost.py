"""What the study's three networks cost, from one call each, and whether counted memory is real.

    python benchmarks/bench_cost.py [--threads N] [--seconds 120] [--quick]

Figures are those of `faceattr.models.model_cost`. Memory is counted there, so it is measured here
as well: each network makes its pass in fresh processes that are watched from outside (Linux only).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from _children import watch_child
from _common import Result, options_parser, table_text, write_page
from faceattr.models import model_cost
from faceattr.report import cost_summary
from faceattr.report.markdown import to_markdown

NETWORKS = ["vgg16", "resnet50", "mobilenet_v3_small"]
SIZES = {"as published": 224, "at the library's default size": 128}
BATCH = 64
TURNS = 3
MEMORY_TARGET = 1.5

STUDY = {
    "parameters": ("138 M", "25.6 M", "2.5 M"),
    "size, FP32": ("528 MB", "98 MB", "10 MB"),
    "speed, times VGG16": ("1", "2.5", "10"),
    "FLOPs": ("15.5 G", "4.1 G", "0.056 G"),
    "memory, times VGG16": ("1", "0.6", "0.15"),
}
"""The study's table of the three; it does not say how speed and memory were found."""

PASS = """
import numpy as np
import torch
from faceattr import Model, RegressionTask
from faceattr.models.torch_runtime import forward
name, side, count, threads = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(threads)
model = Model(name, RegressionTask("age", bounds=(0, 116)), weights=None, image_size=side).eval()
images = np.zeros((count, side, side, 3), dtype=np.uint8)
images += 1  # a page that nobody wrote to takes no memory
forward(model, images[:1])
say(before=memory("RssAnon"), given=images.nbytes)
say(weights=sum(t.nbytes for t in [*model.parameters(), *model.buffers()]))
mark("start")
forward(model, images)
time.sleep(0.05)  # so that short passes are seen too
mark("stop")
"""


def main() -> None:
    parser = options_parser(__doc__)
    # Several wait for each other as soon as another program takes a core: noise, not cost.
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--seconds", type=float, default=120, help="of the rounds of each size")
    options = parser.parse_args()
    threads = options.threads
    networks = NETWORKS[-2:] if options.quick else NETWORKS
    sizes = {"small": 32} if options.quick else SIZES
    batch = 2 if options.quick else BATCH
    seconds = 0.1 if options.quick else options.seconds
    costs = {
        said: model_cost(
            networks, image_size=side, batch_size=batch, seconds=seconds, threads=threads
        )
        for said, side in sizes.items()
    }
    first = next(iter(costs.values()))
    sections = {
        "": f"`model_cost({networks})` with random weights, heads for age and gender, batches of "
        f"{batch} images. Figures are medians with quartiles; `x` is how many times the first "
        "model's figure. MB are 10^6 bytes.",
        **{
            f"{said[0].upper()}{said[1:]}: {sizes[said]} px": to_markdown(cost_summary(table))
            for said, table in costs.items()
        },
    }
    if not options.quick:
        sections["Beside the study's table"] = beside_the_study(first)
    sections["Memory, counted and measured"] = (
        "Measured is the largest anonymous memory (RssAnon of `/proc`, read every few milliseconds "
        "from outside) of a fresh process during one pass of a batch, less what it held before, "
        "plus weights and images. What it has beyond the counted is what kernels take for "
        "themselves, weights in another layout among it, and what the C library keeps."
    )
    results = memory_results(first, threads, turns=1 if options.quick else TURNS)
    write_page(options, "cost", "What networks cost", results, sections, threads=threads)


def memory_results(costs: pd.DataFrame, threads: int, turns: int) -> list[Result]:
    return [
        Result(
            f"{row['name']}: measured memory of a batch, times the counted",
            [measured_memory(row, threads) / row["memory_batch_mb"] for _ in range(turns)],
            MEMORY_TARGET,
            n=f"{row['batch_size']} images of {row['image_size']} px",
        )
        for _, row in costs.iterrows()
    ]


def measured_memory(row: pd.Series, threads: int) -> float:
    """Return the megabytes of weights, images and the pass of a batch in a fresh process."""
    watched = watch_child(PASS, row["backbone"], row["image_size"], row["batch_size"], threads)
    said = watched.said
    grown = watched.peak("start", "stop") - int(said["before"])
    return (grown + int(said["weights"]) + int(said["given"])) / 1e6


def beside_the_study(costs: pd.DataFrame) -> str:
    by_name = costs.set_index("name").loc[NETWORKS]
    published = by_name["parameters_published"].astype(float)
    here: dict[str, Sequence[str]] = {
        "parameters": [f"{value / 1e6:.3g} M" for value in published],
        "size, FP32": [f"{4 * value / 2**20:.3g} MiB" for value in published],
        "speed, times VGG16": [
            f"{1 / latency:.3g} alone, {batches:.3g} in batches"
            for latency, batches in zip(
                by_name["latency_ms_relative"], by_name["throughput_relative"], strict=True
            )
        ],
        "FLOPs": [f"{value / 1e9:.3g} G" for value in by_name["multiply_adds"]],
        "memory, times VGG16": [
            f"{one:.2g} alone, {batch:.2g} in batches"
            for one, batch in zip(
                by_name["memory_mb_relative"], by_name["memory_batch_mb_relative"], strict=True
            )
        ],
    }
    rows = [
        {"": what}
        | {
            f"{name}, {who}": values[what][place]
            for place, name in enumerate(NETWORKS)
            for who, values in (("study", STUDY), ("here", here))
        }
        for what in STUDY
    ]
    return (
        "Parameters and size are those of the networks as published, each with its classifier of "
        "1,000 classes; with two heads in its place they are those of the tables above. Of "
        "MobileNetV3-Small the published classifier is two layers and most of the weights; "
        "VGG16's backbone keeps its two layers of 4,096. The study's megabytes are MiB, and what "
        "it calls FLOPs are multiply-adds, as here.\n\n" + table_text(rows)
    )


if __name__ == "__main__":
    main()
