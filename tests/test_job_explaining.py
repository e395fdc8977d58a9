"""What an explanation job leaves in a folder that held explanations before."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from faceattr import Dataset, Model
from faceattr.jobs import run_explanation
from faceattr.tables import write_table

DRAWINGS = Dataset.synthetic(2, size=32)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "0.png"
    Image.fromarray(DRAWINGS.read(0)).save(path)
    return path


def explain(tasks: list[str], picture: Path, output: Path) -> set[str]:
    model = Model(tasks=[DRAWINGS.tasks[name] for name in tasks], weights=None, image_size=32)
    model.save_pretrained(picture.parent / "model")
    run_explanation(picture.parent / "model", picture, num_samples=12, output=output)
    return {path.name for path in output.glob("*.png")}


def test_pictures_of_earlier_tasks_go(tmp_path: Path, picture: Path) -> None:
    output = tmp_path / "why"
    assert explain(["age", "gender"], picture, output) == {"age.png", "gender.png"}
    (output / "notes.png").write_bytes(b"my own")
    assert explain(["gender"], picture, output) == {"gender.png", "notes.png"}


def test_a_table_of_others_removes_nothing(tmp_path: Path, picture: Path) -> None:
    output = tmp_path / "why"
    output.mkdir()
    (tmp_path / "mine.png").write_bytes(b"my own")
    (output / "weights.csv").write_text("kilograms\n80\n", encoding="utf-8")
    assert explain(["age"], picture, output) == {"age.png"}
    write_table(
        pd.DataFrame({"task": pd.Series(["../mine", "age"], dtype="str")}), output / "weights.csv"
    )
    assert explain(["age"], picture, output) == {"age.png"}
    assert (tmp_path / "mine.png").exists()
