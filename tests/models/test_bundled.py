"""The model that is shipped: its files, and its card's figures on real chips."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from bundled_checks import check_figures, check_images
from faceattr import Dataset, Model
from faceattr.models import bundled_models
from faceattr.models.bundled import FOLDER

ROOT = Path(__file__).parents[2]
NAME = "utkface-mobilenetv3-small"
HOME = FOLDER / NAME
LARGEST = 4_000_000


@pytest.fixture(scope="module")
def shipped() -> Model:
    return Model.from_pretrained(NAME)


def test_the_licence_lies_there_and_in_the_metadata() -> None:
    text = (HOME / "LICENSE.txt").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    identifier = text.splitlines()[0]
    assert identifier == "LicenseRef-faceattr-utkface-weights"
    assert identifier in project["license"]
    assert f"src/faceattr/models/bundled/{NAME}/LICENSE.txt" in project["license-files"]
    for file in project["license-files"]:
        assert (ROOT / file).is_file()
    for words in ("non-commercial research", "Zhifei Zhang", "BSD 3-Clause", "AS IS"):
        assert words in text


def test_it_and_nothing_else_is_bundled() -> None:
    assert bundled_models() == (NAME,)


def test_the_files_are_small_and_tell_what_they_are(shipped: Model) -> None:
    assert sum(path.stat().st_size for path in HOME.iterdir()) <= LARGEST
    config = json.loads((HOME / "config.json").read_text(encoding="utf-8"))
    assert config["precision"] == "half"
    assert config["training_data"] == "UTKFace"
    assert "non-commercial" in config["licence"]
    assert {"crop_template", "mean", "std", "calibration"} <= set(config)
    assert shipped.card is not None
    assert shipped.card.startswith(f"# Model card: {NAME}\n")


def test_it_reads_age_and_gender_with_intervals(shipped: Model) -> None:
    table = shipped.predict(Dataset.synthetic(3, size=64))
    assert table["age_low"].le(table["age_pred"]).all()
    assert table["age_pred"].le(table["age_high"]).all()
    assert table["age_level"].eq(0.9).all()
    assert set(table["gender_pred"]) <= {"male", "female"}


def test_it_has_the_figures_of_its_card(shipped: Model, utkface_folder: Path) -> None:
    chosen, wanted = check_images(HOME, Dataset.from_utkface(utkface_folder))
    if len(chosen) < wanted:
        pytest.skip(f"only {len(chosen)} of the {wanted} images to check with are here")
    assert check_figures(shipped, HOME, chosen) >= 10
    check = pd.read_csv(HOME / "check.csv")
    mae = check[(check["by"] == "overall") & (check["metric"] == "mae")]["value"].item()
    assert shipped.card is not None
    assert f"an MAE of {mae:.2f} years" in shipped.card
