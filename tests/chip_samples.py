"""Drawings in files that are named as UTKFace's chips are."""

from __future__ import annotations

from pathlib import Path

import cv2

from faceattr import Dataset


def write_chips(folder: Path, count: int, size: int = 64) -> Path:
    """Write drawings into a new folder, and return it."""
    faces = Dataset.synthetic(count, size=size)
    folder.mkdir()
    for position, row in enumerate(faces.table.itertuples()):
        gender = int(row.gender == "female")
        name = f"{row.age:.0f}_{gender}_{position % 5}_2017{position:013d}.jpg.chip.jpg"
        cv2.imwrite(str(folder / name), faces.read(position)[:, :, ::-1])
    return folder
