"""Training, beside a loop that only computes and beside one that is written plainly.

    python benchmarks/bench_training.py --data UTKFACE

All three take the same steps with the same network, heads, losses and optimiser on the same number
of threads. The bare loop computes on tensors that are in memory already; the plain one is the usual
script: PIL in a DataLoader with two workers, torchvision's transforms image by image. Ours starts
from files and an empty cache, and writes checkpoints.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torchvision import transforms

from _common import Result, compare, open_images, options_parser, table_text, write_page
from faceattr import Dataset, Model, TrainConfig, Trainer
from faceattr._memory import keep_freed_memory
from faceattr.data import ImageCache
from faceattr.training.augment import RANDOM_COLUMNS, augment
from faceattr.training.batches import Step
from faceattr.training.ema import WeightAverage
from faceattr.training.engine import Engine
from faceattr.training.losses import batch_losses, decayed_parameters, mean_losses, weighted_sum
from faceattr.training.randomness import uniforms
from faceattr.training.setup import make_batches, make_plans, open_part

BATCH, SIDE = 64, 128
POLICY = "strong"


def main() -> None:
    options = parse_options()
    images, epochs, turns = (128, 1, 1) if options.quick else (1024, 6, 3)
    with tempfile.TemporaryDirectory() as folder:
        faces = open_images(options.data, Path(folder), images)
        bench = Bench(faces, epochs, Path(folder))
        bare = compare(bench.ours, bench.bare, turns=turns)
        kept = compare(bench.ours, bench.bare_that_keeps, turns=turns, warm_up=0)
        plain = compare(bench.ours, bench.plain, turns=turns, warm_up=0)
        stages = bench.stages()
    seen = f"{epochs} x {len(faces)} images"
    results = [
        Result("speed, share of the bare loop's", bare.shares, 0.85, at_least=True, n=seen),
        Result(
            "the same where it keeps freed memory too", kept.shares, 0.85, at_least=True, n=seen
        ),
        Result("speed, times the plain loop's", plain.shares, 1.7, at_least=True, n=seen),
    ]
    write_page(
        options,
        "training",
        "Speed of training",
        results,
        {
            "": f"MobileNetV3-Small at {SIDE} px, batches of {BATCH}, augmentation {POLICY!r}, "
            f"AdamW, {bench.steps} steps a turn. Ours decodes the files, augments, clips "
            "gradients, keeps an average of the weights, and writes checkpoints. The bare loop "
            "does none of this. The plain one decodes and augments in every epoch, clips with "
            "torch's function, and averages with torch's `AveragedModel`. Where the C library is "
            "glibc, ours keeps freed memory in the process while it trains, which speeds up the "
            "network itself; the second line compares it with a bare loop that does so as well.",
            "Images a second": table_text(
                [
                    {"loop": "ours", "median": bench.rate(bare.measured)},
                    {"loop": "bare", "median": bench.rate(bare.reference)},
                    {"loop": "bare, keeping freed memory", "median": bench.rate(kept.reference)},
                    {"loop": "plain", "median": bench.rate(plain.reference)},
                ]
            ),
            "Where the time goes": stages_text(stages),
        },
        threads=torch.get_num_threads(),
    )


@dataclass
class Bench:
    """The three loops over the same images."""

    faces: Dataset
    epochs: int
    folder: Path
    turn: int = 0

    @property
    def steps(self) -> int:
        return self.epochs * round(len(self.faces) / BATCH)

    def model(self) -> Model:
        return Model(tasks=self.faces.tasks, weights=None, image_size=SIDE)

    def config(self) -> TrainConfig:
        return TrainConfig(epochs=self.epochs, batch_size=BATCH, augment=POLICY)

    def rate(self, seconds: tuple[float, ...]) -> str:
        return f"{self.epochs * len(self.faces) / float(np.median(seconds)):.0f}"

    def ours(self) -> None:
        self.turn += 1
        trainer = Trainer(
            self.config(),
            progress=False,
            cache_folder=self.folder / f"cache-{self.turn}",
            checkpoint_folder=self.folder / f"run-{self.turn}",
        )
        trainer.fit(self.model(), self.faces)

    def bare(self) -> None:
        model = self.model().train()
        optimizer = optimizer_of(model)
        images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE)).float()
        images = images.contiguous(memory_format=torch.channels_last)
        labels = self.labels(model)
        for _ in range(self.steps):
            step(
                model, optimizer, images, {name: values[:BATCH] for name, values in labels.items()}
            )

    def bare_that_keeps(self) -> None:
        with keep_freed_memory():
            self.bare()

    def plain(self) -> None:
        model = self.model().to(memory_format=torch.contiguous_format).train()
        model.features = model.backbone  # type: ignore[method-assign]  # normalised in the transforms
        optimizer = optimizer_of(model)
        labels = self.labels(model)
        loader = DataLoader(
            Files(self.faces.table["path"].tolist(), plain_transforms()),
            batch_size=BATCH,
            shuffle=True,
            num_workers=2,
        )
        smoothing = get_ema_multi_avg_fn(0.998)  # type: ignore[no-untyped-call]
        average = AveragedModel(model, multi_avg_fn=smoothing, use_buffers=True)
        for _ in range(self.epochs):
            for rows, images in loader:
                own = {name: values[rows] for name, values in labels.items()}
                step(model, optimizer, images, own, clip=5.0)
                average.update_parameters(model)

    def labels(self, model: Model) -> dict[str, Tensor]:
        labels = {name: model.head(name).encode(self.faces.table) for name in model.tasks}
        for name, values in labels.items():
            model.head(name).prepare(values)
        return labels

    def stages(self) -> Stages:
        """Take an epoch's steps as the trainer does, with a watch in hand."""
        stages = Stages()
        model = self.model()
        self.labels(model)
        with stages.measured("decode into the cache"):
            part = open_part(self.faces, model, ImageCache(self.folder / "stages"), Engine())
        batches = make_batches(part, self.config(), Engine())
        plan = make_plans(len(self.faces), self.config(), None)(0)
        numbers = uniforms(0, 0, np.arange(len(plan)), RANDOM_COLUMNS)
        with stages.measured("augment (in a thread of its own)"):
            for place in range(0, len(plan), BATCH):
                rows = slice(place, place + BATCH)
                augment(part.images.take(plan[rows, 0]), batches.policy, numbers[rows])
        average = WeightAverage(model, 0.998)
        optimizer = optimizer_of(model.train())
        steps = iter(batches.epoch(plan, 0))
        while True:
            with stages.measured("wait for the next batch, copy it"):
                taken = next(steps, None)
            if taken is None:
                return stages
            watched_step(stages, model, optimizer, taken)
            with stages.measured("average of the weights"):
                average.update()


def watched_step(
    stages: Stages, model: Model, optimizer: torch.optim.Optimizer, taken: Step
) -> None:
    (batch,) = taken.batches
    with stages.measured("forward pass and losses"):
        losses = batch_losses(model, model(batch.images), batch)
        total = weighted_sum(mean_losses(losses, taken.counts), {})
    with stages.measured("backward pass"):
        total.backward()  # type: ignore[no-untyped-call]
    with stages.measured("clip gradients"):
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    with stages.measured("optimiser"):
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


@dataclass
class Stages:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        spent = time.perf_counter() - started
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent


class Files(torch.utils.data.Dataset[tuple[int, Tensor]]):
    """Images by file, as scripts have it."""

    def __init__(self, paths: list[str], transform: Callable[[Image.Image], Tensor]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[int, Tensor]:
        with Image.open(self.paths[row]) as image:
            return row, self.transform(image.convert("RGB"))


def plain_transforms() -> Callable[[Image.Image], Tensor]:
    """Return torchvision's transforms with the strengths of the policy "strong"."""
    made: Callable[[Image.Image], Tensor] = transforms.Compose(
        [
            transforms.Resize(SIDE),
            transforms.RandomHorizontalFlip(0.5),
            transforms.RandomAffine(18, translate=(0.08, 0.08), scale=(0.85, 1.15)),
            transforms.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.4),
            transforms.RandomGrayscale(0.1),
            transforms.ToTensor(),
            transforms.RandomErasing(0.4, scale=(0.02, 0.2)),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    return made


def optimizer_of(model: Model) -> torch.optim.Optimizer:
    heavy = decayed_parameters(model)
    known = {id(parameter) for parameter in heavy}
    light = [p for p in model.parameters() if id(p) not in known]
    groups = [{"params": heavy, "weight_decay": 0.02}, {"params": light, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.002, fused=True)


def step(
    model: Model,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: dict[str, Tensor],
    *,
    clip: float | None = None,
) -> None:
    outputs = model(images)
    losses = {name: model.head(name).loss(outputs[name], labels[name]).mean() for name in labels}
    weighted_sum(losses, {}).backward()  # type: ignore[no-untyped-call]
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def stages_text(stages: Stages) -> str:
    total = sum(stages.seconds.values())
    rows = [
        {"stage": name, "seconds": f"{spent:.2f}", "share": f"{spent / total:.1%}"}
        for name, spent in stages.seconds.items()
    ]
    return (
        "One epoch from an empty cache, stage by stage. Augmentation is measured by itself here; "
        "in training it runs beside the network, and only what it holds up is waited for.\n\n"
        + table_text(rows)
    )


def parse_options() -> argparse.Namespace:
    return options_parser(__doc__, data=True).parse_args()


if __name__ == "__main__":
    main()
