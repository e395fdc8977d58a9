"""Job files: what they may hold, how settings are replaced, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import faceattr
from faceattr.exceptions import (
    DataError,
    InvalidArgumentError,
    InvalidTypeError,
)
from faceattr.jobs import (
    DEMO,
    DataSection,
    SplitSection,
    TrainingJob,
)
from faceattr.jobs._making import open_bins

JOB_FILE = """
output = "glasses-model"

[data]
kind = "csv"
path = "labels.csv"
root = "photos"
tasks = [
  {kind = "regression", name = "age", unit = "years", bounds = [0, 116]},
  {kind = "classification", name = "glasses", classes = ["no", "yes"], codes = {0 = "no"}},
]

[split]
train = 0.6
valid = 0.0
test = 0.4
groups = "person"

[model]
weights = "none"
heads = {age = "linear"}

[train]
preset = "study"
epochs = 20
clip_norm = 2

[evaluate]
by = ["age", "camera"]
bins = {age = [0, 18, inf]}
"""


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    path = tmp_path / "job.toml"
    path.write_text(JOB_FILE, encoding="utf-8")
    return path


def test_a_job_file_says_everything(job_file: Path) -> None:
    job = TrainingJob.from_toml(job_file)
    job.check()
    config = job.train_config()
    assert (job.data.kind, job.data.root, job.output) == ("csv", "photos", "glasses-model")
    assert job.split == SplitSection(0.6, 0.0, 0.4, groups="person")
    assert job.model.weights is None
    assert (config.batch_size, config.epochs, config.clip_norm) == (256, 20, 2)
    assert open_bins(job.evaluate.bins) == {"age": [0, 18, None]}


def test_a_job_survives_json(job_file: Path) -> None:
    job = TrainingJob.from_toml(job_file)
    again = TrainingJob.from_dict(json.loads(json.dumps(job.to_dict(), allow_nan=False)))
    assert again.to_dict() == job.to_dict()
    assert again.train_config() == job.train_config()


def test_what_is_not_said_has_a_default() -> None:
    job = TrainingJob.from_dict({"data": {"kind": "synthetic"}})
    job.check()
    assert job == TrainingJob(DataSection("synthetic"))
    assert job.train_config() == faceattr.TrainConfig()


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("train.epochs=3", "train", "epochs", 3),
        ("train.lr = 1e-3", "train", "lr", 0.001),
        ("data.verify=false", "data", "verify", False),
        ("data.path=photos/été 1", "data", "path", "photos/été 1"),
        ('data.path="12"', "data", "path", "12"),
        ('data.tasks=["age"]', "data", "tasks", ["age"]),
        ("split.groups=none", "split", "groups", None),
        ("train.clip_norm=none", "train", "clip_norm", None),
        ("train.augment=none", "train", "augment", "none"),
        ("train.loss_weights.gender=0.9", "train", "loss_weights", {"gender": 0.9}),
        ("data.path=2024-01-31", "data", "path", "2024-01-31"),
        ("data.path=1\nn = 2", "data", "path", "1\nn = 2"),
    ],
)
def test_overrides_have_types(override: str, section: str, key: str, value: object) -> None:
    changed = TrainingJob(DataSection("utkface")).changed([override]).to_dict()[section][key]
    assert changed == value
    assert type(changed) is type(value)


def test_overrides_replace_what_the_file_says(job_file: Path) -> None:
    job = TrainingJob.from_toml(job_file, ["train.epochs=16", "output=other"])
    assert job.train_config().epochs == 16
    assert job.output == "other"
    assert job.data.path == "labels.csv"


def test_a_single_override_may_be_one_text() -> None:
    assert DEMO.changed("train.epochs=1").train_config().epochs == 1


def test_overrides_do_not_change_the_job() -> None:
    before = DEMO.to_dict()
    DEMO.changed(["train.epochs=1", "evaluate.bins.age=3"])
    assert DEMO.to_dict() == before


@pytest.mark.parametrize(
    "override",
    ["train.epochs", "=3", "train.=3", "output.x=3", 'data.tasks=["age"', "output='x", "data={"],
)
def test_an_override_that_is_none_is_refused(override: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"train\.epochs=3"):
        DEMO.changed([override])


@given(st.integers(1, 10**6), st.floats(0.001, 10), st.text(st.characters(codec="utf-8")))
def test_any_value_comes_through_an_override(epochs: int, rate: float, path: str) -> None:
    quoted = json.dumps(path, ensure_ascii=False).replace("\x7f", "\\u007f")
    job = DEMO.changed([f"train.epochs={epochs}", f"train.lr={rate!r}", f"output={quoted}"])
    assert (job.train["epochs"], job.train["lr"], job.output) == (epochs, rate, path)


def test_all_unknown_settings_are_named_with_those_that_were_meant() -> None:
    mapping = {
        "data": {"kind": "synthetic", "frob": 1},
        "train": {"epoch": 3, "image_size": 64},
        "modle": {"seed": 1},
        "epochs": 4,
        "ouput": "x",
    }
    with pytest.raises(InvalidArgumentError) as caught:
        TrainingJob.from_dict(mapping)
    assert set(caught.value.rows) == {
        *("data.frob", "train.epoch", "train.image_size", "modle.seed", "epochs", "ouput")
    }
    hint = str(caught.value.hint)
    assert "train.epochs instead of train.epoch;" in hint
    assert "model.image_size instead of train.image_size" in hint
    assert "model.seed instead of modle.seed" in hint
    assert "train.epochs instead of epochs" in hint
    assert "output instead of ouput" in hint
    assert "leave out data.frob" in hint
    assert "in [data] kind, path" in str(caught.value.expected)


def test_unknown_settings_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my job.toml"
    path.write_text('[data]\nkind = "synthetic"\nm = 3\n', encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match=re.escape(f"{path}: unknown settings")):
        TrainingJob.from_toml(path)


def test_a_section_must_be_one() -> None:
    with pytest.raises(InvalidTypeError, match=r"split: not a section.*\[split\]"):
        TrainingJob.from_dict({"data": {"kind": "synthetic"}, "split": 0.8})
    with pytest.raises(InvalidTypeError, match="data: not a section"):
        TrainingJob.from_dict({"data": "photos"})


@pytest.mark.parametrize("mapping", [{}, {"data": {}}, {"data": {"path": "x"}}])
def test_the_kind_of_data_is_needed(mapping: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"data\.kind.*utkface"):
        TrainingJob.from_dict(mapping)


def test_a_byte_order_mark_is_passed_over(job_file):
    wanted = TrainingJob.from_toml(job_file)
    job_file.write_bytes(b"\xef\xbb\xbf" + job_file.read_bytes())
    assert TrainingJob.from_toml(job_file) == wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [("[data\nkind = 3", "line 1"), ("[data]\nkind = utkface", "line 2"), (b"\xff\xfe", "utf-8")],
)
def test_damaged_files_are_named_with_the_place(
    tmp_path: Path, text: str | bytes, found: str
) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=found) as caught:
        TrainingJob.from_toml(path)
    assert caught.value.argument == str(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nope\.toml.*No such file"):
        TrainingJob.from_toml(tmp_path / "nope.toml")
    with pytest.raises(DataError, match="directory"):
        TrainingJob.from_toml(tmp_path)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        (DataSection("utkface"), "data.path"),
        (DataSection("utkface", path=""), "data.path"),
        (DataSection("utkface", path="x", n=3), "data.n"),
        (DataSection("csv", path="x", root="y", label_noise=0.5), "data.label_noise"),
        (DataSection("utkface", path="x", tasks="age"), "data.tasks"),
        (DataSection("utkface", path="x", tasks=[{"kind": "regression"}]), "data.tasks[0]"),
        (DataSection("fairface"), "labels.csv"),
        (DataSection("fairface", path="x", path_column="y"), "data.path_column"),
        (DataSection("fairface", path="x", tasks=[{"kind": "regression"}]), "data.tasks[0]"),
        (DataSection("csv", path="x"), "data.tasks"),
        (DataSection("csv", path="x", tasks=["age"]), "data.tasks[0]"),
        (DataSection("csv", path="x", tasks=[{"kind": "guess", "name": "age"}]), "kind"),
        (DataSection("csv", path="x", tasks=[{"kind": "regression", "nam": "age"}]), "nam"),
        (
            DataSection("csv", path="x", tasks=[{"kind": "regression", "name": "a", "bounds": 3}]),
            "task",
        ),
        (
            DataSection(
                "csv",
                path="x",
                tasks=[
                    {
                        "kind": "classification",
                        "name": "a",
                        "classes": ["x", "y"],
                        "codes": "xy",
                    }
                ],
            ),
            "data.tasks[0]",
        ),
        (DataSection("folder", path="x"), "data.tasks"),
        (DataSection("folder", path="x", tasks=["a", "b"]), "data.tasks"),
    ],
)
def test_data_sections_that_cannot_be_used(section: DataSection, named: str) -> None:
    with pytest.raises((InvalidArgumentError, InvalidTypeError)) as caught:
        section.check()
    assert named in str(caught.value)
