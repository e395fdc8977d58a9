from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm", "accelerate", "piq")


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh process holds after running `code`."""
    report = "import json, sys; print(json.dumps([m.partition('.')[0] for m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_faceattr_loads_nothing_heavy() -> None:
    loaded = loaded_by("import faceattr; faceattr.__version__")
    assert loaded.isdisjoint({"numpy", "pandas", "cv2", "PIL", "sklearn", "matplotlib", *HEAVY})


@pytest.mark.parametrize(
    "module",
    [
        "faceattr.binning",
        "faceattr.calibration",
        "faceattr.data",
        "faceattr.data.audit.auditing",
        "faceattr.data.audit.page",
        "faceattr.evaluation",
        "faceattr.explain",
        "faceattr.faces",
        "faceattr.images",
        "faceattr.quality",
        "faceattr.report",
        "faceattr.tables",
        "faceattr.tasks",
    ],
)
def test_tables_images_and_evaluation_do_without_torch(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)


def test_the_names_for_tables_do_without_torch() -> None:
    names = "Dataset, BinnedEvaluator, Explainer, QualityFilter, TaskSet, RegressionTask"
    assert loaded_by(f"from faceattr import {names}").isdisjoint(HEAVY)


def test_an_exported_model_is_named_without_torch() -> None:
    assert loaded_by("from faceattr.models import ExportReport, OnnxModel").isdisjoint(HEAVY)


def test_training_is_named_before_its_packages_are_loaded() -> None:
    loaded = loaded_by("from faceattr import Model, TrainConfig, Trainer")
    assert "torch" in loaded
    assert loaded.isdisjoint({"accelerate", "matplotlib", "sklearn", "timm", "torchvision"})


def test_evaluation_loads_what_tables_need() -> None:
    loaded = loaded_by("from faceattr import BinnedEvaluator")
    assert loaded.isdisjoint({"PIL", "cv2", "matplotlib", "scipy", "sklearn", *HEAVY})


def test_the_probe_sees_torch_where_it_is_loaded() -> None:
    assert "torch" in loaded_by("import torch")
