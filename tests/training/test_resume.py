"""Checkpoints, and trainings that go on from them."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceattr import Dataset, Model
from faceattr.exceptions import FaceAttrError, InvalidArgumentError, OutputError, TrainingError
from faceattr.training import checkpoints, forget_finished
from faceattr.training.checkpoints import Checkpoint, CheckpointFolder
from training.samples import drawings, faces_on_disk, fit, halves, same, state, tiny, weights_digest

EVERYTHING = {
    "epochs": 4,
    "accumulate": 2,
    "mixup": 0.3,
    "freeze_epochs": 1,
    "clip_norm": 1.0,
}


class PowerCut(BaseException):
    """Nobody catches it."""


@pytest.fixture(scope="module")
def faces():
    return drawings()


def cut_after(epochs):
    """Return an `on_epoch` that fails when so many epochs are on disk."""

    def on_epoch(row):
        if row["epoch"] == epochs:
            raise PowerCut

    return on_epoch


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def interrupted(faces, folder, after, valid=None, **settings):
    """Train until `after` epochs are on disk; return what the trainer is made with."""
    trainer = {"checkpoint_folder": folder}
    with pytest.raises(PowerCut):
        fit(faces, valid=valid, trainer=trainer, on_epoch=cut_after(after), **settings)
    return trainer


@pytest.mark.parametrize("restore", ["best", "last", "ema", "average"])
@pytest.mark.parametrize("after", [1, 3])
def test_a_resumed_training_ends_where_an_undisturbed_one_does(faces, tmp_path, restore, after):
    train, valid = halves(faces)
    settings = {**EVERYTHING, "restore": restore}
    settings |= {"average_epochs": 2} if restore == "average" else {}
    model, trainer = fit(train, tiny(faces, dropout=0.3), valid, **settings)
    interrupted(train, tmp_path, after, valid, model=tiny(faces, dropout=0.3), **settings)
    again, resumed = fit(
        train,
        tiny(faces, dropout=0.3),
        valid,
        trainer={"checkpoint_folder": tmp_path},
        resume=True,
        **settings,
    )
    assert weights_digest(again) == weights_digest(model)
    timed = ["seconds", "images_per_second"]
    pd.testing.assert_frame_equal(
        resumed.history_.drop(columns=timed), trainer.history_.drop(columns=timed)
    )
    assert names_in(tmp_path) == ["epoch-000003", "epoch-000004"]


def test_the_memory_order_of_the_optimiser_is_that_of_its_weights(faces, tmp_path):
    settings = {"epochs": 2, "ema_decay": 0.0, "restore": "last", "batch_size": 20}
    network = {"weights": None, "image_size": 32}
    model, _ = fit(faces, Model(tasks=faces.tasks, **network), **settings)
    interrupted(faces, tmp_path, 1, model=Model(tasks=faces.tasks, **network), **settings)
    again, _ = fit(
        faces,
        Model(tasks=faces.tasks, **network),
        trainer={"checkpoint_folder": tmp_path},
        resume=True,
        **settings,
    )
    assert same(state(model), state(again))


def test_resume_without_a_checkpoint_starts_and_after_the_end_gives_the_result(faces, tmp_path):
    trainer = {"checkpoint_folder": tmp_path / "new"}
    model, first = fit(faces, trainer=trainer, resume=True)
    again, second = fit(faces, trainer=trainer, resume=True)
    assert same(state(model), state(again))
    pd.testing.assert_frame_equal(first.history_, second.history_)
    assert second.stopped_ == "epochs"


def test_an_early_end_is_remembered(faces, tmp_path):
    train, valid = halves(faces)
    settings = {"epochs": 9, "patience": 1, "lr": 1e-30, "weight_decay": 0.0}
    settings |= {"trainer": {"checkpoint_folder": tmp_path}}
    _, first = fit(train, tiny(faces).freeze_backbone(), valid, **settings)
    _, again = fit(train, tiny(faces).freeze_backbone(), valid, resume=True, **settings)
    assert first.stopped_ == again.stopped_ == "patience"
    assert len(first.history_) == len(again.history_) == 2


def test_checkpoints_of_an_earlier_training_are_not_overwritten(faces, tmp_path):
    fit(faces, trainer={"checkpoint_folder": tmp_path})
    with pytest.raises(InvalidArgumentError, match="resume=True") as caught:
        fit(faces, trainer={"checkpoint_folder": tmp_path})
    assert caught.value.rows == ("epoch-000001", "epoch-000002")


def test_resume_needs_a_folder(faces):
    with pytest.raises(InvalidArgumentError, match="checkpoint_folder"):
        fit(faces, resume=True)


def relabelled(faces):
    table = faces.table.copy()
    table.loc[3, "age"] = 99.0
    return Dataset(table, tasks=faces.tasks)


def other_pixels(faces):
    table = faces.table.copy()
    table.loc[3, "path"] = "synthetic:5/3/32"
    return Dataset(table, tasks=faces.tasks)


def reordered(faces):
    return faces.select(faces.table["sample_id"].tolist()[::-1])


class EveryThird:
    def plan(self, epoch):
        rows = np.arange(0, 40, 3)
        return np.stack([rows, np.zeros_like(rows)], axis=1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lr": 0.02}, "config.lr"),
        ({"epochs": 5}, "config.epochs"),
        ({"loss_weights": {"gender": 0.5}}, "config.loss_weights.gender"),
        ({"faces": relabelled}, "train.labels"),
        ({"faces": other_pixels}, "train.pixels"),
        ({"faces": reordered}, "train.ids"),
        ({"faces": lambda faces: faces.select(np.arange(40) < 39)}, "train.images"),
        ({"sample_weight": [1.0] * 39 + [2.0]}, "train.weights"),
        ({"sampler": EveryThird()}, "train.plan"),
        ({"valid": lambda: Dataset.synthetic(9, seed=4, size=32)}, "valid"),
        ({"model": lambda faces: tiny(faces, dropout=0.5)}, "network.dropout"),
    ],
)
def test_another_training_is_refused_and_both_are_shown(faces, tmp_path, change, named):
    interrupted(faces, tmp_path, 1, epochs=3)
    before = sorted(tmp_path.rglob("*"))
    settings = {"epochs": 3, "resume": True, "trainer": {"checkpoint_folder": tmp_path}, **change}
    data = settings.pop("faces", lambda same: same)(faces)
    if "valid" in settings:
        settings["valid"] = with_other_ids(settings["valid"]())
    if "model" in settings:
        settings["model"] = settings["model"](faces)
    with pytest.raises(TrainingError) as caught:
        fit(data, **settings)
    assert any(row.startswith(named) for row in caught.value.rows)
    assert named in caught.value.expected
    assert named in caught.value.found
    assert sorted(tmp_path.rglob("*")) == before


def with_other_ids(faces):
    table = faces.table.assign(sample_id="valid-" + faces.table["sample_id"])
    return Dataset(table, tasks=faces.tasks)


def test_another_network_of_ones_own_is_refused(faces, tmp_path):
    from training.samples import PlainBackbone

    interrupted(faces, tmp_path, 1, epochs=3)
    with pytest.raises(TrainingError, match="does not fit the network"):
        fit(
            faces,
            tiny(faces, PlainBackbone),
            epochs=3,
            resume=True,
            trainer={"checkpoint_folder": tmp_path},
        )


def damage(folder, how):
    """Damage a checkpoint as crashes, disks and people do."""
    target = folder / "model.safetensors"
    if how == "half deleted":
        (folder / "optimizer.safetensors").unlink()
    elif how == "no state":
        (folder / "state.json").unlink()
    elif how == "cut off":
        target.write_bytes(target.read_bytes()[:-7])
    elif how == "one bit":
        data = bytearray(target.read_bytes())
        data[-3] ^= 1
        target.write_bytes(bytes(data))
    elif how == "pickle":
        target.write_bytes(pickle.dumps({"weight": [1, 2, 3]}))
    elif how == "deep":
        (folder / "state.json").write_text("[" * 100_000)
    elif how == "other json":
        (folder / "state.json").write_text('{"format": "faceattr-checkpoint", "version": [1]}')


HOW = ["half deleted", "no state", "cut off", "one bit", "pickle", "deep", "other json"]


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(faces, tmp_path, how, caplog):
    whole, _ = fit(faces, epochs=3)
    interrupted(faces, tmp_path, 2, epochs=3)
    damage(tmp_path / "epoch-000002", how)
    with caplog.at_level(logging.INFO, "faceattr"):
        model, _ = fit(faces, epochs=3, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert "epoch-000002" in caplog.text
    assert "going on after epoch 1" in caplog.text
    assert same(state(model), state(whole))


def test_nothing_but_damage_is_an_error(faces, tmp_path):
    interrupted(faces, tmp_path, 2, epochs=3)
    for name in ("epoch-000001", "epoch-000002"):
        damage(tmp_path / name, "cut off")
    with pytest.raises(TrainingError) as caught:
        fit(faces, epochs=3, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert [row.split(":")[0][-6:] for row in caught.value.rows] == ["000002", "000001"]


@pytest.mark.parametrize(
    ("old", "new"), [('"step": 10', '"step": 99'), ('"progress"', '"progresz"'), ("0.01", "0.02")]
)
def test_a_state_that_was_changed_counts_as_damaged(faces, tmp_path, old, new, caplog):
    interrupted(faces, tmp_path, 2, epochs=3)
    path = tmp_path / "epoch-000002" / "state.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with caplog.at_level(logging.INFO, "faceattr"):
        fit(faces, epochs=3, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert "state.json is not what was written" in caplog.text
    assert "going on after epoch 1" in caplog.text


def test_a_second_training_in_the_same_folder_is_refused(faces, tmp_path):
    errors = []

    def intrude(row):
        for resume in (True, False):
            with pytest.raises(TrainingError) as caught:
                fit(faces, resume=resume, trainer={"checkpoint_folder": tmp_path})
            errors.append(caught.value)
        with pytest.raises(TrainingError):
            forget_finished(tmp_path)

    whole, _ = fit(faces)
    model, _ = fit(faces, trainer={"checkpoint_folder": tmp_path}, on_epoch=intrude)
    assert same(state(model), state(whole))
    assert all(str(os.getpid()) in error.found for error in errors)
    forget_finished(tmp_path)
    assert names_in(tmp_path) == []


def test_a_policy_with_other_strengths_is_another_training(faces, tmp_path, monkeypatch):
    from faceattr.training.augment import POLICIES

    interrupted(faces, tmp_path, 1, epochs=3)
    items = {**POLICIES._items, "strong": dataclasses.replace(POLICIES._items["strong"], flip=0.1)}
    monkeypatch.setattr(POLICIES, "_items", items)
    with pytest.raises(TrainingError) as caught:
        fit(faces, epochs=3, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert caught.value.rows == ("augment.flip",)


@given(data=st.data())
def test_bytes_changed_at_random_never_pass_for_a_checkpoint(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    tensors = {"model": {"weight": torch.arange(6.0).reshape(2, 3)}}
    written = CheckpointFolder(folder).write(1, Checkpoint({"progress": {"epoch": 1}}, tensors))
    target = written / data.draw(st.sampled_from(["state.json", "model.safetensors"]))
    old = target.read_bytes()
    start = data.draw(st.integers(0, len(old) - 1))
    end = start + data.draw(st.integers(0, 9))
    target.write_bytes(old[:start] + data.draw(st.binary(max_size=20)) + old[end:])
    found = newest_or_reason(folder)
    # JSON may be written in another way and still say the same.
    if isinstance(found, Checkpoint):
        assert found.state["progress"] == {"epoch": 1}
        assert torch.equal(found.tensors["model"]["weight"], tensors["model"]["weight"])
    else:
        assert "epoch-000001" in found


def newest_or_reason(folder):
    try:
        return CheckpointFolder(folder).newest()
    except TrainingError as error:
        return error.rows[0]


def test_a_hostile_name_of_a_part_is_refused(tmp_path):
    written = CheckpointFolder(tmp_path).write(1, Checkpoint({}, {}))
    state_file = written / "state.json"
    text = json.loads(state_file.read_text())
    text = {**text, "files": {"../../secret": "0"}}
    text.pop("sha256")
    text["sha256"] = checkpoints._state_digest(text)
    state_file.write_text(json.dumps(text))
    with pytest.raises(TrainingError, match="no name of a file"):
        CheckpointFolder(tmp_path).newest()


def test_what_a_killed_process_left_half_written_is_removed(faces, tmp_path):
    interrupted(faces, tmp_path, 1, epochs=2)
    (tmp_path / ".partial-7-epoch-000002").mkdir()
    (tmp_path / ".partial-7-epoch-000002" / "model.safetensors").write_bytes(b"half")
    fit(faces, epochs=2, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert names_in(tmp_path) == ["epoch-000001", "epoch-000002"]


@pytest.mark.parametrize("when", ["tensors", "state", "rename"])
def test_a_full_disk_stops_and_keeps_what_is_there(faces, tmp_path, monkeypatch, when):
    whole, _ = fit(faces, epochs=3)
    interrupted(faces, tmp_path, 1, epochs=3)
    full = OSError(28, "No space left on device")

    def fails(*arguments, **named):
        raise full

    with monkeypatch.context() as patch:
        if when == "tensors":
            patch.setattr(checkpoints, "save_file", fails)
        elif when == "state":
            patch.setattr(checkpoints.Path, "write_text", fails)
        else:
            patch.setattr(checkpoints.Path, "rename", fails)
        with pytest.raises(OutputError, match="No space left"):
            fit(faces, epochs=3, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert names_in(tmp_path) == ["epoch-000001"]
    model, _ = fit(faces, epochs=3, resume=True, trainer={"checkpoint_folder": tmp_path})
    assert same(state(model), state(whole))


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(faces, tmp_path):
    (tmp_path / "file").write_text("in the way")
    model, before = tiny(faces), state(tiny(faces))
    with pytest.raises(OutputError, match="checkpoint_folder"):
        fit(faces, model, trainer={"checkpoint_folder": tmp_path / "file" / "run"}, on_epoch=print)
    assert same(state(model), before)


def test_a_vanished_image_is_named_at_resume(tmp_path, faces):
    on_disk = faces_on_disk(faces, tmp_path)
    interrupted(on_disk, tmp_path / "run", 1)
    (tmp_path / "7.png").unlink()
    with pytest.raises(FaceAttrError) as caught:
        fit(on_disk, resume=True, trainer={"checkpoint_folder": tmp_path / "run"})
    assert caught.value.rows == (faces.table["sample_id"].iloc[7],)


def test_no_code_is_run_from_files(faces, tmp_path, monkeypatch):
    def forbidden(*arguments, **named):
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "load", forbidden)
    monkeypatch.setattr(pickle, "loads", forbidden)
    monkeypatch.setattr(pickle, "Unpickler", forbidden)
    monkeypatch.setattr(torch, "load", forbidden)
    fit(faces, epochs=2, trainer={"checkpoint_folder": tmp_path})
    shutil.rmtree(tmp_path / "epoch-000002")
    model, _ = fit(faces, epochs=2, resume=True, trainer={"checkpoint_folder": tmp_path})
    Model.from_pretrained(model.save_pretrained(tmp_path / "model"), backbone=tiny(faces).backbone)
