"""Ray Data gives the tables of one process; needs ray and, for its blocks, pyarrow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from faceattr import ClassificationTask, Dataset, Model, QualityFilter, RegressionTask
from faceattr.tables import read_table

SCRIPT = Path(__file__).parents[1] / "examples" / "ray_predict.py"
IMAGES = 70  # more than a batch


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    faces = Dataset.synthetic(IMAGES, seed=3, size=64)
    for number in range(IMAGES):
        place = folder / ("sub" if number % 3 else ".")
        Image.fromarray(faces.read(number)).save(place / f"{number:02d}.png")
    (folder / "05.png").write_bytes(b"no image")
    return folder


def test_ray_gives_the_tables_of_one_process(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray Data needs the extra 'ray'")
    pytest.importorskip("pyarrow", reason="Ray Data needs the extra 'ray', which brings pyarrow")
    tasks = [RegressionTask("age", bounds=(0, 116)), ClassificationTask("sex", ("m", "f"))]
    model = Model(tasks=tasks, weights=None, image_size=32).eval()
    model.save_pretrained(tmp_path / "model")
    options = ["--data", photos, "--model", tmp_path / "model", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, options), "--preset", "lenient"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "71 images, 1 could not be read" in done.stdout
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have it: the last digits may depend on it
    expected = model.predict(photos)
    torch.set_num_threads(threads)
    found = read_table(tmp_path / "out" / "predictions.csv")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    quality = QualityFilter("lenient", cache=False)
    flagged = quality.flag(quality.score(photos))
    found = read_table(tmp_path / "out" / "quality.csv")
    pd.testing.assert_frame_equal(found, flagged, check_exact=True)
    assert (flagged["reasons"] != "").any()
