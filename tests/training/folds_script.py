"""Run by test_cross_validation in a process of its own, which is killed once."""

from __future__ import annotations

import sys
from pathlib import Path

from faceattr import TrainConfig, cross_validate
from faceattr.tables import write_table
from training.samples import drawings, tiny

if __name__ == "__main__":
    faces = drawings(40)
    config = TrainConfig(epochs=6, batch_size=8, lr=0.01)
    folder = Path(sys.argv[1])
    table = cross_validate(faces, lambda: tiny(faces), config, 2, folder=folder, progress=False)
    write_table(table, folder / "all.csv")
