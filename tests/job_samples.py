"""A training job of a second, for tests."""

from __future__ import annotations

from pathlib import Path

from faceattr.jobs import TrainingJob

TINY = {
    "data": {"kind": "synthetic", "n": 40, "size": 32},
    "model": {"weights": None, "image_size": 32},
    "train": {"epochs": 1, "batch_size": 16},
    "evaluate": {"n_boot": 10},
}


def tiny(output: Path, *overrides: str) -> TrainingJob:
    return TrainingJob.from_dict({**TINY, "output": str(output)}).changed(overrides)
