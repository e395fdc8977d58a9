"""Small data sets with known faults, for the tests of audits."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from faceattr import ClassificationTask, Dataset, RegressionTask
from faceattr.data.synthetic import draw
from faceattr.tasks import Task

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", ("male", "female"))


def write_faulty_folder(folder: Path) -> None:
    """Write drawings as UTKFace chips: copies, conflicts, a broken file, odd and bad names."""
    for index in range(6):
        Image.fromarray(draw(4, index, 200)).save(folder / f"{20 + index}_0_0_{index}.jpg")
    shutil.copy(folder / "20_0_0_0.jpg", folder / "50_1_0_10.jpg")  # both labels in conflict
    shutil.copy(folder / "21_0_0_1.jpg", folder / "21_0_0_11.jpg")  # none
    small = Image.open(folder / "22_0_0_2.jpg").resize((120, 120))
    small.save(folder / "23_0_0_12.jpg")  # near, a year apart
    (folder / "30_1_0_20.jpg").write_bytes(b"\xff\xd8\xff no image")
    shutil.copy(folder / "25_0_0_5.jpg", folder / "25_0_0_21jpg.jpg")
    (folder / "31_0_20170101.jpg").write_bytes(b"no field of race")


def table_of(n: int, **columns: object) -> pd.DataFrame:
    """Return an index table of n drawings, which are never decoded."""
    ids = [f"d{index:05d}" for index in range(n)]
    paths = [f"synthetic:9/{index}/32" for index in range(n)]
    return pd.DataFrame({"sample_id": ids, "path": paths, **columns})


def copies(groups: list[int], tasks: list[Task], **labels: object) -> Dataset:
    """Return a data set in which rows of the same group are copies of one drawing."""
    table = table_of(len(groups), **labels)
    table["path"] = [f"synthetic:9/{group}/32" for group in groups]
    return Dataset(table, tasks=tasks)


def predicted(
    ds: Dataset, *, sure: float = 0.95, spread: float = 4.0, seed: int = 0
) -> pd.DataFrame:
    """Return predictions that are right about the labels, up to noise that grows with age."""
    generator = np.random.default_rng(seed)
    table = ds.table
    noise: npt.NDArray[np.float64] = generator.normal(0, 1, len(table))
    std = 0.5 + spread * table["age"].to_numpy() / 50
    female = np.where(table["gender"] == "female", sure, 1 - sure)
    return pd.DataFrame(
        {
            "sample_id": table["sample_id"],
            "age_pred": table["age"] + noise * std,
            "age_std": std,
            "gender_pred": table["gender"],
            "gender_prob_male": 1 - female,
            "gender_prob_female": female,
        }
    )
