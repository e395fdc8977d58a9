from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "weights" / "yunet_n_640_640.onnx"


@pytest.fixture(scope="session")
def yunet() -> Path:
    """Return the file of a YuNet; skip the test where there is none."""
    chosen = os.environ.get("FACEATTR_YUNET")
    path = Path(chosen) if chosen else _BESIDE_THE_PROJECT
    if not path.is_file():
        pytest.skip(f"no face detector at {path}; set FACEATTR_YUNET to the ONNX file of a YuNet")
    return path
