"""The scripts that make the files of the package."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bundled_checks import check_figures, check_images, tell_apart
from chip_samples import write_chips
from faceattr import Dataset, Model, QualityFilter, TrainConfig
from faceattr.models import bundled
from faceattr.tables import write_table
from faceattr.training import AugmentPolicy

SCRIPTS = Path(__file__).parents[1] / "scripts"
TASKS = Dataset.synthetic(1, size=32).tasks
IMAGES, MEASURED, CHECKED = 260, 240, 200
FIGURES = {"figures.csv", "check.csv", "check_images.txt"}


@pytest.fixture
def bundle(monkeypatch):
    spec = importlib.util.spec_from_file_location("bundle_model", SCRIPTS / "bundle_model.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bundle_model", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CHECKED", CHECKED)
    return module


@pytest.fixture
def made(tmp_path):
    """Files as a training leaves them, of drawings named like UTKFace's chips."""
    data = write_chips(tmp_path / "UTKFace", IMAGES, size=48)
    faces = Dataset.from_utkface(data)
    test = faces.select(list(faces.table["sample_id"][:MEASURED]))
    model = tell_apart(Model(tasks=faces.tasks, weights=None, image_size=32))
    model.save_pretrained(tmp_path / "model")
    write_table(model.predict(test), tmp_path / "predictions.csv")
    quality = QualityFilter(metrics=["luminance", "ita"], cache=False).score(test)
    write_table(quality, tmp_path / "quality.csv")
    return tmp_path


def options(folder):
    words = [folder / "model", "--data", folder / "UTKFace", "--out", folder / "out" / "tiny"]
    words += ["--predictions", folder / "predictions.csv", "--quality", folder / "quality.csv"]
    words += ["--measured", "The first drawings.", "--n-boot", 20, "--splits", 5]
    return list(map(str, words))


def test_the_folder_of_a_bundled_model(bundle, made, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bundle_model.py", *options(made)])
    bundle.main()
    out = made / "out" / "tiny"
    files = {"config.json", "model.safetensors", "MODEL_CARD.md", "LICENSE.txt"}
    assert {path.name for path in out.iterdir()} == files | FIGURES
    assert "bytes" in capsys.readouterr().out
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert (config["precision"], config["training_data"]) == ("half", "UTKFace")
    assert "measured" not in config["info"]  # the card has it, which ends when the model changes
    licence = (out / "LICENSE.txt").read_text(encoding="utf-8")
    assert licence.startswith("LicenseRef-faceattr-utkface-weights\n")

    monkeypatch.setattr(bundled, "FOLDER", made / "out")
    monkeypatch.setattr(bundled, "_given", set())
    model = Model.from_pretrained("tiny")
    assert "non-commercial" in capsys.readouterr().err
    chosen, wanted = check_images(out, Dataset.from_utkface(made / "UTKFace"))
    assert len(chosen) == wanted == CHECKED
    assert check_figures(model, out, chosen) >= 4
    assert model.predict(chosen)["age_level"].eq(0.9).all()
    for title in ("# Model card: tiny", "### By age", "### By race label", "### By luminance"):
        assert title in model.card
    for text in ("The first drawings.", "(ITA)", "held by intervals of 90%", "Not measured."):
        assert text in model.card


def test_the_card_tells_of_every_lap_and_of_the_quantile(bundle):
    model = Model(tasks=TASKS, heads={"age": "median"}, weights=None, image_size=48)
    assert "0.50 quantile" in bundle.age_text(model)
    assert "no record" in bundle.training_text(model)
    record = {"epochs": 3, "images": {"train": 1200}, "config": {"lr": 0.002, "seed": 7}}
    model.info["training"] = record
    model.info["earlier_training"] = [{**record, "image_size": 32, "epochs": 5}]
    text = bundle.training_text(model)
    assert "1,200 images, 5 epochs at 32 pixels (lr 0.002, seed 7); then 3 epochs at 48" in text
    plain = Model(tasks=TASKS, heads={"age": "distribution"}, weights=None, image_size=48)
    assert "is the mean" in bundle.age_text(plain)


def test_the_card_tells_what_a_policy_does(bundle):
    kinds = [
        ("strong", "strong"),
        (AugmentPolicy(flip=0.5), "flip 0.5"),
        (AugmentPolicy(rotation=8.0, erase=0.1), "rotation 8.0 and erase 0.1 and erase_area 0.2"),
        (AugmentPolicy(), "none"),
    ]
    for augment, words in kinds:
        assert bundle.setting(TrainConfig(augment=augment).to_dict()["augment"]) == words


def test_figures_that_are_not_those_of_the_file_are_found(bundle, made, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bundle_model.py", *options(made)])
    bundle.main()
    out = made / "out" / "tiny"
    chosen, _ = check_images(out, Dataset.from_utkface(made / "UTKFace"))
    figures = pd.read_csv(out / "check.csv")
    figures.loc[figures["metric"] == "mae", "value"] += 0.02
    figures.to_csv(out / "check.csv", index=False)
    with pytest.raises(AssertionError, match="age"):
        check_figures(Model.from_pretrained(out), out, chosen)


def test_precision_that_costs_too_much_is_no_model(bundle):
    rng = np.random.default_rng(0)
    full = pd.DataFrame({"sample_id": [str(k) for k in range(50)], "age": rng.uniform(0, 90, 50)})
    full["gender"] = "male"
    full = full.assign(age_pred=full["age"] + 3, gender_pred="male")
    assert "0 of 50" in bundle.check_agreement(full, full)
    with pytest.raises(SystemExit, match=r"MAE 3\.100 in place of 3\.000"):
        bundle.check_agreement(full, full.assign(age_pred=full["age_pred"] + 0.1))
    other = full.assign(gender_pred=np.where(np.arange(50) < 3, "female", "male"))
    with pytest.raises(SystemExit, match=r"accuracy 0\.9400"):
        bundle.check_agreement(full, other)
    with pytest.raises(SystemExit):
        bundle.check_agreement(full, full.iloc[1:])
    with pytest.raises(ValueError, match=r"[Mm]erge"):
        bundle.check_agreement(full, full.iloc[[0, 0]])


def test_a_folder_that_is_too_large_is_not_written(bundle, made, monkeypatch):
    monkeypatch.setattr(bundle, "LARGEST", 1000)
    monkeypatch.setattr(sys, "argv", ["bundle_model.py", *options(made)])
    with pytest.raises(SystemExit, match="at most 1,000"):
        bundle.main()
    assert not (made / "out").exists()
