"""Two processes give what one gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceattr.tables import read_table

SCRIPT = Path(__file__).with_name("two_processes.py")
TIMES = ["seconds", "images_per_second"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def run(command, folder, **environment):
    tests = os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")])
    fixed = {"OMP_NUM_THREADS": "1", "PYTHONPATH": tests}
    return subprocess.Popen(
        [*command, str(SCRIPT), str(folder)],
        env=os.environ | fixed | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    for process in processes:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said[-3000:]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    one, two = folders
    finish(run([sys.executable], one))
    finish(run([*TORCHRUN, "--standalone", "--nproc_per_node=2"], two))
    return one, two


@pytest.mark.parametrize("rank", [0, 1])
def test_predictions_are_those_of_one_process(runs, rank):
    one, two = runs
    alone = read_table(one / "predictions-0.csv")
    table = read_table(two / f"predictions-{rank}.csv")
    assert table["sample_id"].tolist() == alone["sample_id"].tolist()
    assert table.columns.tolist() == alone.columns.tolist()
    numbers = alone.select_dtypes("number").columns
    np.testing.assert_allclose(table[numbers], alone[numbers], atol=1e-5, rtol=0)
    assert table["gender_pred"].tolist() == alone["gender_pred"].tolist()


@pytest.mark.parametrize("rank", [0, 1])
def test_losses_rates_and_figures_are_those_of_one_process(runs, rank):
    one, two = (read_table(folder / f"history-{rank * i}.csv") for i, folder in enumerate(runs))
    assert one["lr"].tolist() == two["lr"].tolist()
    for column in one.columns.drop([*TIMES, "lr"]):
        np.testing.assert_allclose(two[column], one[column], rtol=1e-4, err_msg=column)


@pytest.mark.parametrize("rank", [0, 1])
def test_gradients_are_those_of_one_process(runs, rank):
    one, two = (np.loadtxt(folder / f"gradients-{rank * i}.txt") for i, folder in enumerate(runs))
    assert one.shape == two.shape
    scale = np.abs(one).max(axis=1, keepdims=True)
    # The first step starts from equal weights; later ones also carry what rounding did to them.
    np.testing.assert_allclose(two[0] / scale[0], one[0] / scale[0], atol=1e-6)
    np.testing.assert_allclose(two / scale, one / scale, atol=1e-3)


def test_with_batch_norm_all_processes_agree(runs):
    _, two = runs
    first = read_table(two / "normed-0.csv")["age_pred"]
    for name in ("normed-1.csv", "normed-alone-0.csv", "normed-alone-1.csv"):
        np.testing.assert_allclose(read_table(two / name)["age_pred"], first, atol=1e-5)


@pytest.mark.parametrize("name", ["whole", "resumed"])
def test_parts_and_mixtures_are_those_of_one_process(runs, name):
    one, two = (read_table(folder / f"{name}-0.csv") for folder in runs)
    for column in one.columns.drop(TIMES):
        np.testing.assert_allclose(two[column], one[column], rtol=1e-3, err_msg=column)


def test_two_processes_go_on_from_a_checkpoint_as_if_undisturbed(runs):
    for folder in runs:
        whole, resumed = (read_table(folder / f"{name}-0.csv") for name in ("whole", "resumed"))
        assert whole.drop(columns=TIMES).equals(resumed.drop(columns=TIMES))


def test_two_machines_give_what_two_processes_give(runs, tmp_path):
    """Two launchers that find each other over TCP stand for two machines."""
    _, two = runs
    command = [*TORCHRUN, "--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d"]
    command += [f"--rdzv_id={os.getpid()}", f"--rdzv_endpoint=127.0.0.1:{free_port()}"]
    finish(*(run([*command, f"--node_rank={node}"], tmp_path) for node in range(2)))
    for name in ("history", "predictions"):
        for rank in (0, 1):
            found, known = (read_table(f / f"{name}-{rank}.csv") for f in (tmp_path, two))
            numbers = known.select_dtypes("number").columns.difference(TIMES)
            np.testing.assert_allclose(found[numbers], known[numbers], rtol=1e-5, atol=1e-6)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
