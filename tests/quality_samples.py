"""Quality metrics that count their calls, and a folder of images to score."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import pytest
from PIL import Image

from faceattr.quality import QUALITY_METRICS, Complaint, NoScore, quality_metric

LIGHT = ("t_light", "t_spread", "t_red")


@dataclass
class Calls:
    """How often each metric was asked."""

    count: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def add(self, name: str) -> None:
        with self.lock:
            self.count[name] += 1

    def __reduce__(self) -> str:
        return "calls"  # how often it was asked is no part of what a metric is

    def take(self) -> int:
        total = self.count.total()
        self.count.clear()
        return total


def register(calls: Calls) -> None:
    """Register three metrics: mean, deviation (not defined for flat images), and mean of red."""
    dark = Complaint("too dark", "turn towards the light")
    bright = Complaint("too bright", "step out of the sun")

    @quality_metric(
        "t_light", label="light", range=(0, 255), worse="both", complaints=(dark, bright)
    )
    def light(image):
        calls.add("t_light")
        return float(image.mean())

    @quality_metric("t_spread", label="spread", unit="levels", range=(0, 128), worse="low")
    def spread(image):
        calls.add("t_spread")
        deviation = float(image.std())
        return deviation if deviation > 0 else NoScore("a flat image; no detail")

    @quality_metric("t_red", range=(0, 255))
    def red(image):
        calls.add("t_red")
        return float(image[:, :, 0].mean())


def flat(value: int, side: int = 12) -> np.ndarray:
    return np.full((side, side, 3), value, dtype=np.uint8)


def noisy(value: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-9, 10, (12, 12, 3))
    return np.clip(value + noise, 0, 255).astype(np.uint8)


def save(path: Path, image: np.ndarray) -> Path:
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Register the metrics for the length of a test, and count their calls."""
    monkeypatch.setattr(QUALITY_METRICS, "_items", dict(QUALITY_METRICS._items))
    made = Calls()
    register(made)
    return made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six images, from dark to bright, the fourth flat, and two that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, value in enumerate((20, 60, 100, 140, 180, 220)):
        image = flat(value) if number == 3 else noisy(value, number)
        save(folder / f"{number}.png", image)
    (folder / "2a.png").write_bytes(b"")
    (folder / "9.jpg").write_bytes(b"\xff\xd8 no image")
    return folder
