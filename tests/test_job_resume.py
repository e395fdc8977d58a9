"""Training jobs that are cut off, interrupted, shared by two processes, or know ages as ranges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import Dataset, Model
from faceattr.data.sampling import Plan
from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs import TrainingJob, run_training
from faceattr.tables import read_table
from faceattr.training import setup, trainer
from job_samples import TINY, tiny


@pytest.fixture
def power_cut(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """End the process's training before the second epoch."""
    whole = setup.make_plans

    def failing(*arguments: Any) -> Callable[[int], Plan]:
        def plan(epoch: int) -> Plan:
            if epoch == 1:
                raise InterruptedError
            return whole(*arguments)(epoch)

        return plan

    monkeypatch.setattr(trainer, "make_plans", failing)
    return monkeypatch


def test_an_unfinished_job_goes_on_when_asked_to(
    tmp_path: Path, power_cut: pytest.MonkeyPatch
) -> None:
    job = tiny(tmp_path / "out").changed(["train.epochs=2"])
    with pytest.raises(InterruptedError):
        run_training(job, progress=False)
    power_cut.undo()
    with pytest.raises(InvalidArgumentError, match="--resume"):
        run_training(job, progress=False)
    resumed = run_training(job, resume=True, progress=False)
    whole = run_training(replace(job, output=str(tmp_path / "other")), progress=False)
    pd.testing.assert_frame_equal(
        resumed.predictions.drop(columns="path"), whole.predictions.drop(columns="path")
    )
    # It is finished now, so that it may be replaced.
    again = run_training(job, progress=False)
    pd.testing.assert_frame_equal(again.predictions, resumed.predictions)


def test_an_interrupted_job_saves_the_last_epoch(tmp_path: Path) -> None:
    job = tiny(tmp_path / "out").changed(["train.epochs=3"])
    with pytest.MonkeyPatch.context() as patch:
        press_at(patch, epoch=1)
        with pytest.raises(KeyboardInterrupt):
            run_training(job, progress=False)
    kept = Model.from_pretrained(tmp_path / "out")
    assert kept.info["training"]["epochs"] == 1
    assert not (tmp_path / "out" / "predictions.csv").exists()
    assert len(run_training(job, resume=True, progress=False).history) == 3


def test_an_interrupted_job_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run_training(tiny(folder), progress=False)
    before = read_table(folder / "split.csv")
    assert (folder / "gallery.png").exists()
    job = tiny(folder).changed(["train.epochs=3", "split.seed=5"])
    with pytest.MonkeyPatch.context() as patch:
        press_at(patch, epoch=1)
        with pytest.raises(KeyboardInterrupt):
            run_training(job, progress=False)
    names = {path.name for path in folder.iterdir()}
    assert not names & {"predictions.csv", "predictions.csv.types.json", "metrics.csv"}
    assert not names & {"evaluation.png", "gallery.png"}
    assert json.loads((folder / "job.json").read_text())["job"]["split"]["seed"] == 5
    assert not read_table(folder / "split.csv").equals(before)
    run_training(job, resume=True, progress=False)
    tested = read_table(folder / "split.csv").query("split == 'test'")["sample_id"]
    assert set(read_table(folder / "predictions.csv")["sample_id"]) == set(tested)


def press_at(patch: pytest.MonkeyPatch, epoch: int) -> None:
    """Press Ctrl-C when an epoch is planned."""
    whole = setup.make_plans

    def pressing(*arguments: Any) -> Callable[[int], Plan]:
        def plan(number: int) -> Plan:
            if number == epoch:
                os.kill(os.getpid(), signal.SIGINT)
            return whole(*arguments)(number)

        return plan

    patch.setattr(trainer, "make_plans", pressing)


def test_two_processes_run_a_job_together(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(
        "[data]\nkind = 'synthetic'\nn = 40\nsize = 32\n[model]\nweights = 'none'\n"
        "image_size = 32\n[train]\nepochs = 1\nbatch_size = 16\n[evaluate]\nn_boot = 10\n"
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc_per_node=2", "-m", "faceattr", "train", str(job)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out"), "--quiet", "--json"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["history"]) == 1  # one process writes
    model = Model.from_pretrained(tmp_path / "out")
    assert model.info["training"]["processes"] == 2
    assert len(read_table(tmp_path / "out" / "predictions.csv")) == 8


@pytest.mark.parametrize("everything", [True, False])
def test_fairface_whose_ages_are_all_groups(tmp_path: Path, everything: bool) -> None:
    faces = Dataset.synthetic(40, seed=3, size=32)
    rows = ["file,age,gender,race,service_test"]
    for number, row in enumerate(faces.table.itertuples()):
        Image.fromarray(faces.read(number)).save(tmp_path / f"{number}.png")
        low = int(np.clip(row.age // 10 * 10, 10, 60))
        age = f"{low}-{low + 9}" if everything or number % 2 else f"{row.age:.0f}"
        rows.append(f"{number}.png,{age},{row.gender.capitalize()},White,True")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    data = {"kind": "fairface", "path": str(tmp_path / "labels.csv")}
    job = TrainingJob.from_dict({**TINY, "data": data, "output": str(tmp_path / "out")})
    result = run_training(job, progress=False)
    assert result.model.info["training"]["labels"]["age"] == len(faces) * 7 // 10
    assert np.isfinite(result.history["train_age_loss"]).all()
    assert result.evaluation.value("gender/support") == 8
    assert (result.predictions["age"].isna()).all() == everything
