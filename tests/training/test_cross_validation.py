"""Every image is predicted once, by a model that saw neither it nor its duplicates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from faceattr import (
    BalancedSampler,
    BinnedEvaluator,
    Dataset,
    Model,
    TrainConfig,
    Trainer,
    cross_validate,
)
from faceattr.exceptions import (
    DataError,
    InvalidArgumentError,
    InvalidTypeError,
    OutputError,
    TableError,
    TrainingError,
)
from faceattr.tables import read_table
from training.samples import QUICK, drawings, faces_on_disk, tiny

SCRIPT = Path(__file__).with_name("folds_script.py")


def run(faces, config=QUICK, k=3, **options):
    return cross_validate(faces, lambda: tiny(faces), config, k, progress=False, **options)


def watch(monkeypatch):
    """Return a list that takes the ids of each training part."""
    seen = []
    fit = Trainer.fit

    def note(self, model, train, *arguments, **options):
        seen.append(set(train.table["sample_id"]))
        return fit(self, model, train, *arguments, **options)

    monkeypatch.setattr(Trainer, "fit", note)
    return seen


def test_every_image_is_predicted_once_in_order(monkeypatch):
    faces = drawings(30)
    seen = watch(monkeypatch)
    table = run(faces)
    assert table["sample_id"].tolist() == faces.table["sample_id"].tolist()
    assert table["fold"].dtype == np.int64
    assert sorted(table["fold"].unique()) == [0, 1, 2]
    assert table["age_pred"].notna().all()
    assert "split" not in table
    for fold, ids in enumerate(seen):
        held_out = set(table.loc[table["fold"] == fold, "sample_id"])
        assert held_out.isdisjoint(ids)
        assert held_out | ids == set(table["sample_id"])


def test_duplicates_are_never_in_training_and_test(tmp_path, monkeypatch):
    faces = faces_on_disk(drawings(12), tmp_path)
    for position in range(12):
        (tmp_path / f"copy-{position}.png").write_bytes((tmp_path / f"{position}.png").read_bytes())
    table = faces.table
    copies = table.assign(
        sample_id="copy-" + table["sample_id"],
        path=[str(tmp_path / f"copy-{position}.png") for position in range(12)],
    )
    doubled = Dataset(pd.concat([table, copies], ignore_index=True), tasks=faces.tasks)
    seen = watch(monkeypatch)
    found = run(doubled, k=2)
    folds = found["fold"].to_numpy()
    np.testing.assert_array_equal(folds[:12], folds[12:])
    assert all({name.removeprefix("copy-") for name in ids} <= ids for ids in seen)


def test_the_same_call_gives_the_same_table_and_another_seed_other_folds():
    faces = drawings(24)
    first = run(faces)
    pd.testing.assert_frame_equal(first, run(faces))
    other = run(faces, TrainConfig(epochs=1, batch_size=8, seed=1))
    assert (first["fold"] != other["fold"]).any()


def test_images_without_labels_are_predicted_and_columns_kept():
    table = drawings(24).table.assign(split="train")
    table.loc[:4, "age"] = np.nan
    faces = Dataset(table, tasks=drawings(1).tasks)
    found = run(faces)
    assert found["age"].isna().sum() == 5
    assert found["age_pred"].notna().all()
    assert found["skin"].equals(faces.table["skin"])
    assert set(found["split"]) == {"train"}


def test_the_evaluator_takes_it_and_groups_by_fold():
    faces = drawings(30)
    evaluation = BinnedEvaluator(by="fold", n_boot=0, tasks=faces.tasks).evaluate(run(faces))
    assert evaluation.by("fold", task="age", metrics=["mae"])["n"].sum() == 30


def test_a_sampler_is_made_for_each_training_part():
    faces = drawings(30)
    made = []

    def sampler(train):
        made.append(BalancedSampler(train, "gender"))
        return made[-1]

    balanced = run(faces, sampler=sampler)
    assert [len(plan.dataset) for plan in made] == [20, 20, 20]
    assert not balanced["age_pred"].equals(run(faces)["age_pred"])


def test_what_was_stopped_goes_on_to_the_same_table(tmp_path, monkeypatch):
    faces = drawings(24)
    whole = run(faces)
    fit = Trainer.fit
    calls = []

    def stop_in_second_fold(self, model, train, **options):
        calls.append(len(calls))
        stop = len(calls) == 2
        fit(self, model, train, on_epoch=(lambda row: stop), **options)
        if stop:
            raise KeyboardInterrupt
        return self

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "fit", stop_in_second_fold)
        with pytest.raises(KeyboardInterrupt):
            run(faces, folder=tmp_path / "run")
    assert (tmp_path / "run" / "fold-0" / "predictions.csv").exists()
    assert list((tmp_path / "run" / "fold-1" / "checkpoints").glob("epoch-*"))
    seen = watch(monkeypatch)
    pd.testing.assert_frame_equal(run(faces, folder=tmp_path / "run"), whole)
    assert len(seen) == 2  # the first fold was read
    again = run(faces, folder=tmp_path / "run")
    pd.testing.assert_frame_equal(again, whole)
    assert len(seen) == 2
    history = read_table(tmp_path / "run" / "fold-1" / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert not list((tmp_path / "run").glob("fold-*/checkpoints/epoch-*"))


def test_a_killed_process_goes_on_to_the_same_table(tmp_path):
    tests = os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": tests}
    command = [sys.executable, str(SCRIPT)]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, env=environment)
    killed = subprocess.Popen([*command, str(tmp_path / "killed")], env=environment)
    checkpoint = tmp_path / "killed" / "fold-1" / "checkpoints" / "epoch-000001"
    until = time.monotonic() + 120
    while not checkpoint.exists() and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    subprocess.run([*command, str(tmp_path / "killed")], check=True, env=environment)
    tables = [(tmp_path / name / "all.csv").read_bytes() for name in ("whole", "killed")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"config": TrainConfig(epochs=1, batch_size=8)}, "config.epochs"),
        ({"k": 2}, "folds.k"),
        ({"groups": None}, "folds.groups"),
    ],
)
def test_a_folder_of_another_run_is_refused(tmp_path, changed, key):
    faces = drawings(24)
    run(faces, folder=tmp_path)
    with pytest.raises(TrainingError, match="the folder is that of another") as caught:
        run(faces, folder=tmp_path, **changed)
    assert caught.value.argument == "folder"
    assert key in caught.value.rows


def test_other_labels_and_other_networks_are_another_run(tmp_path):
    faces = drawings(24)
    run(faces, k=2, folder=tmp_path)
    other = faces.with_labels(faces.table[["sample_id"]].assign(age=30.0))
    with pytest.raises(TrainingError) as caught:
        run(other, k=2, folder=tmp_path)
    assert caught.value.rows == ("columns.age",)
    with pytest.raises(TrainingError) as caught:
        cross_validate(faces, lambda: tiny(faces, dropout=0.7), QUICK, 2, folder=tmp_path)
    assert caught.value.rows == ("network.dropout",)


def test_another_start_or_sampler_is_another_run(tmp_path):
    faces = drawings(24)

    def started(seed, folder, **options):
        def build():
            return Model(tasks=faces.tasks, weights=None, image_size=32, seed=seed)

        config = TrainConfig(epochs=1, batch_size=8)
        return cross_validate(faces, build, config, 2, folder=tmp_path / folder, **options)

    first = started(0, "a")
    pd.testing.assert_frame_equal(started(0, "a"), first)
    with pytest.raises(TrainingError) as caught:
        started(1, "a")
    assert caught.value.rows == ("started_from",)
    for by in ("gender", "age"):
        with pytest.raises(TrainingError) as caught:
            started(0, "a", sampler=lambda train, by=by: BalancedSampler(train, by))
        assert "folds.plans" in caught.value.rows


def test_a_column_that_cannot_be_kept_is_told_before_training(tmp_path, monkeypatch):
    seen = watch(monkeypatch)
    faces = drawings(24)
    dated = faces.table.assign(taken=pd.Timestamp("2024-01-01"))
    with pytest.raises(TableError, match="taken") as caught:
        run(Dataset(dated, tasks=faces.tasks), folder=tmp_path / "cv")
    assert "astype(str)" in caught.value.hint
    assert seen == []
    assert not (tmp_path / "cv").exists()


def test_a_folder_of_other_files_or_a_damaged_record_is_refused(tmp_path):
    faces = drawings(24)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match="holds other files") as caught:
        run(faces, folder=tmp_path)
    assert caught.value.rows == ("notes.txt",)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match="cannot be read"):
        run(faces, folder=tmp_path)
    with pytest.raises(OutputError):
        run(faces, folder=tmp_path / "notes.txt" / "run")


def test_the_record_is_plain_json(tmp_path):
    run(drawings(24), k=2, folder=tmp_path)
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert record["folds"] == {"k": 2, "groups": "duplicates", "images": 24}
    assert "path" not in record["columns"]


@pytest.mark.parametrize(
    "settings", [{"restore": "best"}, {"schedule": "plateau"}, {"patience": 2}]
)
def test_what_needs_a_validation_part_fails_at_once(settings, monkeypatch):
    seen = watch(monkeypatch)
    with pytest.raises(InvalidArgumentError) as caught:
        run(drawings(24), TrainConfig(epochs=1, batch_size=8, **settings))
    assert caught.value.argument == "valid"
    assert not seen


def test_a_model_in_place_of_a_factory_is_refused():
    faces = drawings(24)
    with pytest.raises(InvalidTypeError, match="lambda") as caught:
        cross_validate(faces, tiny(faces), QUICK)
    assert caught.value.argument == "model_factory"


def test_a_factory_that_returns_one_model_twice_is_refused():
    faces = drawings(24)
    model = tiny(faces)
    with pytest.raises(InvalidArgumentError, match="same model twice"):
        cross_validate(faces, lambda: model, QUICK, 2, progress=False)


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"dataset": [1]}, InvalidTypeError, "dataset"),
        ({"model_factory": lambda: 3}, InvalidTypeError, "model_factory"),
        ({"config": {"epochs": 2}}, InvalidTypeError, "config"),
        ({"k": 1}, InvalidArgumentError, "k"),
        ({"k": 100}, InvalidArgumentError, "k"),
        ({"sampler": 3}, InvalidTypeError, "sampler"),
        ({"groups": "person"}, DataError, "groups"),
        ({"k": "site"}, DataError, "k"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, named):
    faces = drawings(24)
    given = {"dataset": faces, "model_factory": lambda: tiny(faces), "config": QUICK} | arguments
    with pytest.raises(error) as caught:
        cross_validate(**given, progress=False)
    assert caught.value.argument == named


def test_a_column_of_that_name_is_refused():
    faces = Dataset(drawings(24).table.assign(fold=1), tasks=drawings(1).tasks)
    with pytest.raises(DataError, match="column of that name"):
        run(faces)


def test_tasks_that_the_data_lack_are_told_before_training(monkeypatch):
    faces = drawings(24)
    seen = watch(monkeypatch)
    only_age = Dataset(faces.table, tasks=faces.tasks["age"])
    with pytest.raises(InvalidArgumentError):
        cross_validate(only_age, lambda: tiny(faces), QUICK, progress=False)
    assert not seen
    assert isinstance(tiny(faces), Model)
