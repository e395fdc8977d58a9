"""How near an explanation comes to the network alone, for one task and many, beside lime.

    python benchmarks/bench_explain.py [--data UTKFACE] [--samples 500] [--threads N] [--quick]

The reference is the forward pass alone on as many images as LIME has samples: the same model in
evaluation and inference mode, on random uint8 images of the same shape, channels last, in batches
of the same size.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from _common import (
    CHIP_SIDE,
    Result,
    compare,
    open_images,
    options_parser,
    seconds_of,
    table_text,
    write_page,
)
from faceattr import ClassificationTask, Explainer, Model, RegressionTask, TaskSet
from faceattr.explain.sampling import Perturber, hidden_image
from faceattr.explain.segments import make_segments
from faceattr.images import UInt8Image, resize_image

SAMPLES = 500
BATCH_SIZE = 64
AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", ("male", "female"))
MORE = [
    ClassificationTask("race", ("White", "Black", "Asian", "Indian", "Others")),
    *(ClassificationTask(f"attribute_{n}", ("no", "yes")) for n in range(5)),
]
TASKS = {1: TaskSet(AGE), 2: TaskSet([AGE, GENDER]), 8: TaskSet([AGE, GENDER, *MORE])}


def main() -> None:
    parser = options_parser(__doc__, data=True)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    samples = 40 if options.quick else options.samples
    turns = 1 if options.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        image = open_images(options.data, Path(folder), 1).read(0)
    results: list[Result] = []
    small, size = (64, 64) if options.quick else (128, CHIP_SIDE)
    for tasks in TASKS:
        for parts in ("grid", "slic", "face") if tasks == 2 else ("grid",):
            results += measure(image, Setting(small, tasks, parts, samples), turns)
    results += measure(image, Setting(size, 2, "grid", samples), turns)
    sections = {
        "": f"MobileNetV3-Small, one image, {samples} samples, batches of {BATCH_SIZE}. The "
        "reference is the forward pass alone on as many random uint8 images of the same shape "
        "(channels last, inference mode, same threads), in the same run. An explanation reads and "
        "scales its image, cuts it into parts, and fits every task and class.",
        "Beside lime": beside_lime(image, size, samples, turns=1 if options.quick else 2),
        "Where the rest goes": table_text(steps(image, size, samples)),
    }
    write_page(
        options,
        "explain",
        "Speed of explanations",
        results,
        sections,
        threads=torch.get_num_threads(),
    )


@dataclass(frozen=True)
class Work:
    """A model, and the images that its forward pass is timed on."""

    model: Model
    images: torch.Tensor

    @classmethod
    def of(cls, size: int, tasks: int, samples: int) -> Work:
        model = Model(tasks=TASKS[tasks], weights=None, image_size=size).eval()
        generator = torch.Generator().manual_seed(0)
        shape = (samples, 3, size, size)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        return cls(model, images.contiguous(memory_format=torch.channels_last))

    def forward(self) -> None:
        with torch.inference_mode():
            for start in range(0, len(self.images), BATCH_SIZE):
                self.model(self.images[start : start + BATCH_SIZE])


class Setting(NamedTuple):
    """What is explained, into how many parts."""

    size: int
    tasks: int
    segments: str
    samples: int


def measure(image: UInt8Image, setting: Setting, turns: int) -> list[Result]:
    work = Work.of(setting.size, setting.tasks, setting.samples)
    explainer = Explainer(work.model, segments=setting.segments, num_samples=setting.samples)
    results: list[Result] = []
    for grade, target in ((False, 1.25), (True, 1.6)):
        explain = partial(explainer.explain, image, grade=grade, batch_size=BATCH_SIZE)
        found = compare(explain, work.forward, turns=turns)
        tasks = f"{setting.tasks} task{'' if setting.tasks == 1 else 's'}"
        graded = "with grades" if grade else "without grades"
        results.append(
            Result(
                f"times the network alone, {setting.segments}, {tasks}, {graded}",
                found.times,
                target,
                n=f"{setting.samples} samples of {setting.size} px",
            )
        )
    return results


def beside_lime(image: UInt8Image, size: int, samples: int, turns: int) -> str:
    """Return text on the seconds of lime's own explainer at its best batch size."""
    work = Work.of(size, 2, samples)
    picture = resize_image(image, size)
    segments = make_segments("grid", picture).labels
    model = work.model

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return model.predict_values(images, batch_size=len(images))["gender"]

    def explain(batch_size: int) -> None:
        lime_explain(picture, predict, segments, samples, batch_size)

    sizes = (10,) if samples < 100 else (10, 50, 250)
    seconds = {each: best_of(partial(explain, each), turns) for each in sizes}
    best = min(seconds, key=seconds.__getitem__)
    ours = Explainer(model, segments="grid", num_samples=samples)
    rows = [
        {"what": "network alone", "seconds": f"{best_of(work.forward, turns):.3f}"},
        *(
            {"what": f"lime, one task, batches of {each}", "seconds": f"{value:.3f}"}
            for each, value in seconds.items()
        ),
    ]
    for grade in (False, True):
        taken = best_of(partial(ours.explain, image, grade=grade), turns)
        graded = "with grades" if grade else "without grades"
        rows.append({"what": f"faceattr, two tasks, {graded}", "seconds": f"{taken:.3f}"})
    return (
        f"`LimeImageExplainer.explain_instance` on the same {size} px image, parts and model, one "
        f"task a call, its best batch size of those tried {best}; fastest of {turns}.\n\n"
        + table_text(rows)
    )


def lime_explain(
    image: UInt8Image,
    predict: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]],
    segments: npt.NDArray[np.int32],
    samples: int,
    batch_size: int,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lime import lime_image

    lime_image.tqdm = lambda rows: rows  # its bar cannot be turned off otherwise
    explainer = lime_image.LimeImageExplainer(random_state=0)
    explainer.explain_instance(
        image,
        predict,
        top_labels=1,
        num_samples=samples,
        batch_size=batch_size,
        segmentation_fn=lambda _: segments,
    )


def steps(image: UInt8Image, size: int, samples: int) -> list[dict[str, str]]:
    """Time what is done beside the network, each step alone."""
    picture = resize_image(image, size)
    rows: list[dict[str, str]] = []
    for name in ("grid", "face", "slic", "quickshift"):
        taken = best_of(partial(make_segments, name, picture), 3)
        rows.append({"step": f"parts: {name}", "milliseconds": f"{taken * 1000:.1f}"})
    segments = make_segments("grid", picture)
    masks = np.random.default_rng(0).integers(0, 2, (samples, len(segments)), dtype=np.uint8)
    perturb = Perturber(picture, hidden_image(picture, segments), segments)

    def perturb_all() -> None:
        for start in range(0, samples, BATCH_SIZE):
            perturb(masks[start : start + BATCH_SIZE])

    rows.append(
        {"step": "perturbed images", "milliseconds": f"{best_of(perturb_all, 3) * 1000:.1f}"}
    )
    return rows


def best_of(step: Callable[[], object], times: int) -> float:
    """Return the seconds of the fastest of some calls; one more goes first."""
    step()
    return min(seconds_of(step) for _ in range(times))


if __name__ == "__main__":
    main()
