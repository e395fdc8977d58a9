"""Jobs that follow the parts a list comes with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from faceattr import Dataset
from faceattr.exceptions import DataError, InvalidArgumentError
from faceattr.jobs import TrainingJob, run_training
from faceattr.tables import read_table
from job_samples import TINY

AGE = {"kind": "regression", "name": "age", "unit": "years", "bounds": [0, 116]}


def job_of(folder: Path, parts: list[str], *overrides: str) -> TrainingJob:
    faces = Dataset.synthetic(len(parts), seed=3, size=32)
    names = [f"{number:02d}.png" for number in range(len(parts))]
    for number, name in enumerate(names):
        Image.fromarray(faces.read(number)).save(folder / name)
    table = pd.DataFrame({"path": names, "age": faces.table["age"], "official": parts})
    table.to_csv(folder / "labels.csv", index=False)
    data = {"kind": "csv", "path": str(folder / "labels.csv"), "tasks": [AGE]}
    sections = {
        **TINY,
        "data": data,
        "split": {"column": "official"},
        "output": str(folder / "out"),
    }
    return TrainingJob.from_dict(sections).changed(overrides)


def test_a_column_says_who_is_tested(tmp_path: Path) -> None:
    result = run_training(job_of(tmp_path, ["Train", "Train", "Val", "test"] * 6), progress=False)
    assert set(result.predictions["sample_id"]) == {f"{n:02d}.png" for n in range(3, 24, 4)}
    split = read_table(tmp_path / "out" / "split.csv")
    assert split["split"].tolist() == ["train", "train", "valid", "test"] * 6
    assert set(result.predictions["split"]) == {"test"}
    assert "valid_loss" in result.history


def test_a_column_named_split_is_one_too(tmp_path: Path) -> None:
    job = job_of(tmp_path, ["training", "validation", "testing", "training"] * 6)
    labels = tmp_path / "labels.csv"
    labels.write_text(labels.read_text(encoding="utf-8").replace("official", "split"), "utf-8")
    result = run_training(job.changed(["split.column=split"]), progress=False)
    assert set(result.predictions["split"]) == {"test"}
    assert len(result.predictions) == 6


def test_a_sole_other_part_is_the_test_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="faceattr"):
        result = run_training(job_of(tmp_path, ["train", "train", "val"] * 8), progress=False)
    assert "'official' names no test part" in caplog.text
    assert len(result.predictions) == 8
    assert set(result.predictions["split"]) == {"test"}


@pytest.mark.parametrize(
    "parts",
    [["train"], ["val", "test"], ["train", "test", "extra"], ["train", "val", "valid", "test"]],
    ids=" ".join,
)
def test_parts_that_are_none(tmp_path: Path, parts: list[str]) -> None:
    job = job_of(tmp_path, parts * 4)
    with pytest.raises(DataError, match=rf"split\.column.*found.*'{parts[-1]}'"):
        run_training(job, progress=False)
    assert not (tmp_path / "out" / "config.json").exists()


def test_a_column_and_shares_exclude_each_other(tmp_path: Path) -> None:
    job = job_of(tmp_path, ["train", "test"], "split.seed=1", "split.valid=0", "split.test=0.3")
    with pytest.raises(InvalidArgumentError, match=r"split\.valid, split\.test, split\.seed"):
        job.check()


def test_no_column_can_be_said(tmp_path: Path) -> None:
    assert job_of(tmp_path, ["train", "test"], "split.column=none").split.column is None
