"""How fast images are scored, against piq and against a plain script of well-known packages.

    python benchmarks/bench_quality.py [--data UTKFACE] [--images 2048] [--quick]

Both sides are given decoded images and all cores. The plain script calls piq, OpenCV, NumPy and
scikit-image image by image, as notebooks do.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.color
import skimage.measure
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
from faceattr._parallel import cores
from faceattr.images import UInt8Image
from faceattr.quality import DEFAULT_METRICS, QUALITY_METRICS, QualityFilter, brisque_scores
from faceattr.quality._support_vectors import support_vectors
from faceattr.quality.views import sharing

IMAGES = 2048
PLAIN = 96
BATCHES = (1, 4, 8, 16, 32, 64)
CHECK_REPEATS = 50
UNIQUE = "unique_colours"


def main() -> None:
    parser = options_parser(__doc__, data=True)
    parser.add_argument("--images", type=int, default=IMAGES)
    options = parser.parse_args()
    count = 24 if options.quick else options.images
    turns = 1 if options.quick else 7
    give_piq_the_vectors()
    with tempfile.TemporaryDirectory() as folder:
        chips = open_images(options.data, Path(folder), count)
        images = [chips.read(row) for row in range(count)]
        few = images[: 8 if options.quick else PLAIN]
        piq_rates = {size: rate(few, partial(piq_scores, few, size)) for size in BATCHES}
        best = max(piq_rates, key=lambda size: piq_rates[size])
        steps = time_steps(few, 1 if options.quick else 5)
        results = [
            *against_piq(images, few, best, turns),
            *against_plain(images, few, turns),
            *from_files(chips, turns),
            one_chip(images[0], 2 if options.quick else CHECK_REPEATS),
        ]
        differences = np.abs(np.array(brisque_scores(few)) - piq_scores(few, 1))
        sections = {
            "": f"{'UTKFace chips' if options.data else 'Drawings'} of {CHIP_SIDE} px, "
            f"{cores()} cores. Scores are not taken from the cache. A figure such as 10 means: ten "
            "times as many images a second as the reference, which scored "
            f"{len(few)} images in each turn. piq is given the same support vectors.",
            "piq.brisque by batch size": table_text(
                [{"images a batch": size, "images/s": f"{r:.0f}"} for size, r in piq_rates.items()]
            ),
            "The same numbers": f"Of {len(few)} images BRISQUE differs from piq's by "
            f"{np.median(differences):.4f} (median), {np.quantile(differences, 0.95):.4f} (95 of "
            f"100 are nearer) and {differences.max():.4f} (largest). Shapes are looked up in steps "
            "of 0.001 by both; where rounding takes the next step, a score moves by about 0.05.",
            "Each metric alone": "Milliseconds an image, one thread, middle of the turns. Alone, a "
            "metric makes its own gray values; together they are made once.\n\n"
            + table_text(steps),
        }
    write_page(options, "quality", "Speed of quality scores", results, sections)


def against_piq(
    images: Sequence[UInt8Image], few: Sequence[UInt8Image], best: int, turns: int
) -> list[Result]:
    ratio = compare(
        partial(score, images, ["brisque"]), partial(piq_scores, few, best), turns=turns
    )
    gains = [share * len(images) / len(few) for share in ratio.shares]
    what = f"BRISQUE against piq.brisque, {best} images a batch"
    return [Result(what, gains, 8, at_least=True, unit="times", n=f"{len(images):,}")]


def against_plain(
    images: Sequence[UInt8Image], few: Sequence[UInt8Image], turns: int
) -> list[Result]:
    results = []
    for left_out, target in (((), 20), ((UNIQUE,), 10)):
        names = [name for name in DEFAULT_METRICS if name not in left_out]
        ratio = compare(
            partial(score, images, names), partial(plain_scores, few, names), turns=turns
        )
        gains = [share * len(images) / len(few) for share in ratio.shares]
        what = f"the {len(names)} default metrics against the plain script"
        what += f", without {UNIQUE}" if left_out else ""
        results.append(Result(what, gains, target, True, "times", f"{len(images):,}"))
    return results


def from_files(chips: Any, turns: int) -> list[Result]:
    filtering = QualityFilter(cache=False)
    filtering.score(chips)
    rates = [len(chips) / seconds_of(lambda: filtering.score(chips)) for _ in range(turns)]
    what = "all default metrics, from JPEG files"
    return [Result(what, rates, 500, True, "images/s", f"{len(chips):,}")]


def one_chip(image: UInt8Image, repeats: int) -> Result:
    check = QualityFilter("standard").check
    check(image)
    times = [1000 * seconds_of(lambda: check(image)) for _ in range(repeats)]
    return Result("check of one decoded chip", times, 10, unit="ms", n="1")


def score(images: Sequence[UInt8Image], names: Sequence[str]) -> None:
    QualityFilter(metrics=names, cache=False).score(list(images))


def rate(images: Sequence[UInt8Image], work: Callable[[], object]) -> float:
    work()
    return len(images) / statistics.median(seconds_of(work) for _ in range(3))


def give_piq_the_vectors() -> None:
    """Put the bundled support vectors in the place of piq's download."""
    vectors = support_vectors("bundled")
    coefficients = torch.from_numpy(vectors.coefficients).float()

    def load_url(*_: object, **__: object) -> tuple[torch.Tensor, torch.Tensor]:
        return coefficients, torch.from_numpy(vectors.vectors).float()

    import_module("piq.brisque").load_url = load_url  # type: ignore[attr-defined]


def piq_scores(images: Sequence[UInt8Image], size: int) -> np.ndarray:
    """Score by piq, `size` images at a time, with all threads of torch."""
    piq = import_module("piq.brisque")
    found = []
    for start in range(0, len(images), size):
        stack = np.stack(images[start : start + size])
        pixels = torch.from_numpy(stack).permute(0, 3, 1, 2).float()
        found.append(piq.brisque(pixels, data_range=255.0, reduction="none").numpy())
    # piq knows another rho than these vectors' own.
    return np.concatenate(found) - 153.591 - support_vectors("bundled").rho


def plain_scores(images: Sequence[UInt8Image], names: Sequence[str]) -> None:
    """Score image by image; as many at once as there are cores, one thread each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(lambda image: [PLAINLY[name](image) for name in names], images))
    finally:
        torch.set_num_threads(threads)


def plain_gray(image: UInt8Image) -> UInt8Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def plain_sharp(image: UInt8Image) -> float:
    return float(cv2.Laplacian(plain_gray(image), cv2.CV_64F).var())


def plain_fft(image: UInt8Image) -> float:
    """Take the low frequencies out of the spectrum, and look at what is left of the picture."""
    spectrum = np.fft.fftshift(np.fft.fft2(plain_gray(image)))
    middle_y, middle_x = (side // 2 for side in spectrum.shape)
    spectrum[middle_y - 30 : middle_y + 30, middle_x - 30 : middle_x + 30] = 0
    left = np.fft.ifft2(np.fft.ifftshift(spectrum))
    return float(np.mean(20 * np.log(np.abs(left) + 1e-9)))


def plain_entropy(image: UInt8Image) -> float:
    entropy: Callable[[UInt8Image], float] = skimage.measure.shannon_entropy
    return float(entropy(plain_gray(image)))


def plain_blocks(image: UInt8Image) -> float:
    luma = plain_gray(image).astype(np.float64)
    steps = np.abs(np.diff(luma, axis=1)).mean(axis=0), np.abs(np.diff(luma, axis=0)).mean(axis=1)
    return float(np.mean([line[7::8].mean() - line.mean() for line in steps]))


def plain_skin(image: UInt8Image) -> float:
    lab = skimage.color.rgb2lab(image)
    chroma = skimage.color.rgb2ycbcr(image)
    skin = (chroma[..., 1] > 77) & (chroma[..., 1] < 127)
    skin &= (chroma[..., 2] > 133) & (chroma[..., 2] < 173)
    if not skin.any():
        return float("nan")
    angles = np.degrees(np.arctan2(lab[..., 0][skin] - 50, lab[..., 2][skin]))
    return float(np.median(angles))


PLAINLY: dict[str, Callable[[UInt8Image], float]] = {
    "brisque": lambda image: float(piq_scores([image], 1)[0]),
    "laplacian_variance": plain_sharp,
    "high_frequency_energy": plain_fft,
    "luminance": lambda image: float(plain_gray(image).mean()),
    "contrast": lambda image: float(plain_gray(image).var()),
    "entropy": plain_entropy,
    UNIQUE: lambda image: float(len(np.unique(image.reshape(-1, 3), axis=0))),
    "size": lambda image: float(min(image.shape[:2])),
    "clipped_dark": lambda image: float((plain_gray(image) < 5).mean()),
    "clipped_bright": lambda image: float((plain_gray(image) > 250).mean()),
    "blockiness": plain_blocks,
    "grayscale": lambda image: float((np.ptp(image, axis=2) < 10).mean() > 0.99),
    "ita": plain_skin,
}


def time_steps(images: Sequence[UInt8Image], turns: int) -> list[dict[str, str]]:
    """Time each metric, and each step of the plain script, alone and with one thread."""
    metrics = {name: QUALITY_METRICS.get(name, argument="metric") for name in DEFAULT_METRICS}

    def together() -> None:
        for image in images:
            with sharing():
                for metric in metrics.values():
                    metric(image)

    def alone(function: Callable[[UInt8Image], float]) -> float:
        seconds = [seconds_of(lambda: [function(image) for image in images]) for _ in range(turns)]
        return 1000 * statistics.median(seconds) / len(images)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    for name, metric in metrics.items():
        ours, plain = alone(metric), alone(PLAINLY[name])
        rows.append((name, ours, plain))
    torch.set_num_threads(threads)
    whole = 1000 * statistics.median(seconds_of(together) for _ in range(turns)) / len(images)
    rows.append(("all, one after the other", whole, sum(plain for _, _, plain in rows)))
    return [
        {
            "metric": name,
            "here, ms": f"{ours:.3f}",
            "plain, ms": f"{plain:.3f}",
            "times": f"{plain / ours:.1f}",
        }
        for name, ours, plain in rows
    ]


if __name__ == "__main__":
    main()
