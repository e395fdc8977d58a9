"""Balanced training from a job file."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from faceattr import Dataset
from faceattr.exceptions import DataError, FaceAttrError, TableError
from faceattr.jobs import SamplerSection, TrainingJob, run_training
from faceattr.tables import read_table, write_table
from job_samples import tiny

BINS = "sampler.bins={age = [0, 20, inf]}"


def test_a_job_balances_and_tells_the_shares(tmp_path: Path) -> None:
    job = tiny(tmp_path, 'sampler.by=["age", "gender"]', BINS, "sampler.max_repeats=4")
    result = run_training(job, progress=False)
    cells = read_table(tmp_path / "sampling.csv")
    assert cells["n"].sum() == 28
    assert cells["share_after"].sum() == pytest.approx(1)
    assert (tmp_path / "sampling.png").exists()
    assert result.model.info["training"]["sampler"]["max_repeats"] == 4
    record = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    again = TrainingJob.from_dict(record["job"]).sampler
    assert again == SamplerSection(["age", "gender"], {"age": [0, 20, None]}, max_repeats=4)
    run_training(tiny(tmp_path), progress=False)
    assert not list(tmp_path.glob("sampling*"))


def test_columns_of_a_quality_table_and_smoothing_are_read(tmp_path: Path) -> None:
    faces = Dataset.synthetic(40, size=32)
    light = pd.DataFrame({"sample_id": faces.table["sample_id"], "luminance": range(40)})
    write_table(light.astype({"luminance": float}), tmp_path / "quality.csv")
    job = tiny(
        tmp_path / "out",
        'sampler.by=["age", "luminance"]',
        "sampler.bins={luminance = 2}",
        "sampler.smoothing={age = {sigma = 1.0, width = 5}}",
        f"sampler.quality={tmp_path / 'quality.csv'}",
        "sampler.epoch_size=20",
    )
    run_training(job, progress=False)
    cells = read_table(tmp_path / "out" / "sampling.csv")
    assert cells["images_per_epoch"].sum() == pytest.approx(20)
    assert (
        set(cells["luminance"].dropna()) == {"0-19", "19-39"} or cells["luminance"].nunique() == 2
    )


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["sampler.strength=0.5"], "sampler.strength"),
        (['sampler.by=["age"]', "sampler.strength=2"], "sampler.strength"),
        (["sampler.by=age"], "sampler.by"),
        (['sampler.by=["age"]', "sampler.missing=drop"], "sampler.missing"),
        (['sampler.by=["age"]', "sampler.epoch_size=0"], "sampler.epoch_size"),
        (['sampler.by=["age"]', "sampler.smoothing={age = 2}"], "sampler.smoothing.age"),
        (['sampler.by=["age"]', "sampler.quality=3"], "sampler.quality"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    tmp_path: Path, overrides: list[str], named: str
) -> None:
    with pytest.raises(FaceAttrError) as caught:
        tiny(tmp_path, *overrides).check()
    assert caught.value.argument == named


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (['sampler.by=["height"]'], "by"),
        (['sampler.by=["age"]', "sampler.smoothing={age = {sigmas = 2}}"], "sampler.smoothing.age"),
        (['sampler.by=["age"]', "sampler.max_repeats=1", "sampler.epoch_size=90"], "epoch_size"),
        (['sampler.by=["age"]', "sampler.quality=nowhere.csv"], "path"),
    ],
)
def test_what_does_not_fit_the_data_ends_before_training(
    tmp_path: Path, overrides: list[str], named: str
) -> None:
    with pytest.raises((FaceAttrError, DataError, TableError)) as caught:
        run_training(tiny(tmp_path, *overrides), progress=False)
    assert caught.value.argument == named
    assert not (tmp_path / "model.safetensors").exists()


def test_the_default_balances_nothing() -> None:
    SamplerSection().check()
    assert SamplerSection().by is None
