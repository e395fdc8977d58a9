"""Two processes give what one gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from faceattr.tables import read_table

SCRIPT = Path(__file__).with_name("two_processes.py")


def test_two_processes_train_and_predict_as_one(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    commands = {
        one: [sys.executable, str(SCRIPT), str(one)],
        two: [*torchrun, "--nproc_per_node=2", str(SCRIPT), str(two)],
    }
    for command in commands.values():
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
    alone = read_table(one / "predictions-0.csv")
    for rank in (0, 1):
        table = read_table(two / f"predictions-{rank}.csv")
        assert table["sample_id"].tolist() == alone["sample_id"].tolist()
        np.testing.assert_allclose(table["age_pred"], alone["age_pred"], atol=1e-3)
        np.testing.assert_allclose(table["gender_prob_male"], alone["gender_prob_male"], atol=1e-5)
        histories = [read_table(one / "history-0.csv"), read_table(two / f"history-{rank}.csv")]
        for column in ("lr", "train_loss", "train_age_loss", "valid_loss", "valid_age_mae"):
            np.testing.assert_allclose(*(history[column] for history in histories), rtol=1e-4)
    # With batch norm the training differs from that of one process, but all agree on its result.
    first = read_table(two / "normed-0.csv")
    for name in ("normed-1.csv", "normed-alone-0.csv", "normed-alone-1.csv"):
        np.testing.assert_allclose(read_table(two / name)["age_pred"], first["age_pred"], atol=1e-3)
