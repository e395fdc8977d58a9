"""The scripts of benchmarks/ run to their end on little data; nothing here is about speed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chip_samples import write_chips
from faceattr import Dataset, Model
from faceattr.tables import write_table

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PAGES = {
    "bench_explain": "explain",
    "bench_imports": "imports",
    "bench_index": "index",
    "bench_predict": "predict",
    "bench_quality": "quality",
    "bench_sampling": "sampling",
    "bench_training": "training",
}
MEASURING_MEMORY = ("bench_cost", "bench_evaluation", "bench_export", "bench_memory")
if Path("/proc/self/status").exists():
    PAGES |= {name: name.removeprefix("bench_") for name in MEASURING_MEMORY}


@pytest.mark.parametrize("script", list(PAGES))
def test_quick_run_writes_its_page(script: str, tmp_path: Path) -> None:
    options = ["--quick", "--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{script}.py"), *options],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / f"speed-{PAGES[script]}.md").read_text(encoding="utf-8")
    assert page in done.stdout.replace("\r", "")
    assert f"python benchmarks/{script}.py --quick" in page
    assert "## Machine" in page


def test_every_script_is_listed_and_tried() -> None:
    listed = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    scripts = {path.stem for path in BENCHMARKS.glob("bench_*.py")}
    assert all(f"`{script}.py`" in listed for script in scripts)
    assert set(PAGES) <= scripts


def test_killed_trainings_end_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    """Two kills, as docs/results/kills.md has twenty: anywhere, and within a checkpoint."""
    options = ["--kills", "2", "--images", "96", "--page", str(tmp_path / "kills.md")]
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "kill_and_resume.py"), *options],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 ended with the weights" in (tmp_path / "kills.md").read_text(encoding="utf-8")


def test_8_bits_beside_float(tmp_path: Path) -> None:
    faces = Dataset.from_utkface(write_chips(tmp_path / "UTKFace", 60))
    test = faces.select(list(faces.table["sample_id"][:36]))
    model = Model(tasks=faces.tasks, weights=None, image_size=32)
    model.save_pretrained(tmp_path / "model")
    write_table(model.predict(test), tmp_path / "model" / "predictions.csv")
    page = tmp_path / "int8.md"
    options = [tmp_path / "model", "--data", tmp_path / "UTKFace", "--page", page]
    options += ["--most", 30, "--calibrate", 16, "--n-boot", 20]
    script = [sys.executable, str(BENCHMARKS / "int8_accuracy.py")]
    done = subprocess.run(
        [*script, *map(str, options)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "30 held-out images; 16 others" in text
    assert "20 paired resamples" in text
    overall = text.partition("## Differences of errors")[2]
    assert "| age | mae |" in overall
    assert "| gender | accuracy |" in overall
