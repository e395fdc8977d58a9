"""`faceattr export`, and prediction with what it wrote."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import Model
from faceattr.cli import main
from faceattr.evaluation import Calibrator
from faceattr.exceptions import InvalidArgumentError, TableError
from faceattr.jobs import _loading as loading
from faceattr.jobs import run_export, run_merge, run_prediction
from faceattr.tables import read_table
from models.export.export_samples import drawings


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A saved model with its file."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    make_model().save_pretrained(folder)
    run_export(folder)
    return folder


def make_model(seed: int = 0) -> Model:
    faces = drawings(4)
    return Model(
        "test_resnet.r160_in1k", faces.tasks, weights=None, image_size=32, seed=seed
    ).eval()


@pytest.fixture
def saved(exported, tmp_path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in exported.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(drawings(4).read(number)).save(folder / f"{number}.png")
    return folder


def test_the_file_of_a_folder_is_taken(saved, photos, caplog):
    with caplog.at_level(logging.WARNING, "faceattr"):
        assert loading.load_saved(saved).runtime == "onnx"
    assert not caplog.records
    found, wanted = run_prediction(saved, photos), run_prediction(saved, photos, runtime="torch")
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-4, atol=1e-4)
    assert not found.equals(wanted)  # the last digits tell that torch did not compute it
    pd.testing.assert_frame_equal(run_prediction(saved / "model.onnx", photos), found)
    pd.testing.assert_frame_equal(Model.from_pretrained(saved).predict(photos), wanted)


def test_the_file_of_half_precision_is_taken(tmp_path):
    folder = make_model().save_pretrained(tmp_path / "half", precision="half")
    run_export(folder)
    assert loading.load_saved(folder).runtime == "onnx"


def _other_weights(folder):
    make_model(seed=1).save_pretrained(folder)


def _calibrated(folder):
    model = Model.from_pretrained(folder)
    model.calibration = Calibrator(tasks=model.tasks).fit(model.predict(drawings(40)))
    model.save_pretrained(folder)


def _damaged(folder):
    (folder / "model.onnx").write_bytes(b"half of it")


def _int8(folder):
    images = folder.parent / "many"
    images.mkdir()
    for number in range(20):
        Image.fromarray(drawings(20).read(number)).save(images / f"{number}.png")
    model = Model.from_pretrained(folder)
    model.export(folder / "model.onnx", quantize="int8", images=images, tolerance=1e3)


@pytest.mark.parametrize("change", [_other_weights, _calibrated, _damaged, _int8])
def test_a_file_of_another_model_is_not_taken(saved, photos, caplog, change):
    change(saved)
    with caplog.at_level(logging.WARNING, "faceattr"):
        found = run_prediction(saved, photos)
    assert "is not used" in caplog.text
    pd.testing.assert_frame_equal(found, Model.from_pretrained(saved).predict(photos))


def test_without_a_file_many_images_are_worth_an_export(saved, monkeypatch):
    for name in ("model.onnx", "model.onnx.report.json"):
        (saved / name).unlink()
    assert loading.load_saved(saved, count=49_999).runtime == "torch"
    assert loading.load_saved(saved, count=50_000).runtime == "auto"
    assert loading.load_saved(saved, "onnx").runtime == "onnx"
    assert loading.load_saved(saved, "torch", count=50_000).runtime == "torch"


def test_torch_does_not_run_files(saved, photos):
    with pytest.raises(InvalidArgumentError, match="runtime"):
        run_prediction(saved / "model.onnx", photos, runtime="torch")
    with pytest.raises(InvalidArgumentError, match="runtime"):
        run_prediction(saved, photos, runtime="fast")


def test_parts_of_two_runtimes_are_not_merged(saved, photos, tmp_path):
    parts = [tmp_path / f"{number}.csv" for number in (1, 2)]
    run_prediction(saved, photos, output=parts[0], shard="1/2")
    run_prediction(saved, photos, output=parts[1], shard="2/2", runtime="torch")
    with pytest.raises(TableError):
        run_merge(parts)
    run_prediction(saved, photos, output=parts[1], shard="2/2")
    whole = run_prediction(saved, photos)
    np.testing.assert_allclose(run_merge(parts).table["age_pred"], whole["age_pred"], atol=1e-3)


def test_predicting_with_the_file_does_not_load_torch(saved, photos, tmp_path):
    code = (
        "import sys\nfrom faceattr.cli import main\n"
        "code = main(sys.argv[1:])\nprint(code, 'torch' in sys.modules)"
    )
    output = tmp_path / "table.csv"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "predict",
            str(photos),
            "--model",
            str(saved),
            "--output",
            str(output),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.stdout.split() == ["0", "False"]
    assert len(read_table(output)) == 4


def test_the_command(exported, tmp_path, capsys):
    target = tmp_path / "a.onnx"
    assert main(["export", str(exported), str(target)]) == 0
    shown = capsys.readouterr()
    assert "age: differs from the model by" in shown.out
    assert str(target) + ".report.json" in shown.err
    assert main(["export", str(exported), str(tmp_path / "b.pt2"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == "b.pt2"
    assert main(["export", str(exported), str(target), "--quantize", "int8"]) == 2
    assert "images" in capsys.readouterr().err
