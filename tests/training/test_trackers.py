"""Trackers by name, which are accelerate's."""

from __future__ import annotations

import importlib.util

import pytest

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, MissingDependencyError
from training.samples import drawings, fit, halves


@pytest.fixture(scope="module")
def faces():
    return drawings()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_history(faces, tmp_path):
    train, valid = halves(faces)
    trainer = {"trackers": ["tensorboard"], "tracker_folder": tmp_path}
    _, trained = fit(train, valid=valid, trainer=trainer, loss_weights={"gender": 0.5})
    written = read_scalars(tmp_path)
    for column in ("train_loss", "valid_age_mae", "lr"):
        assert [value for _, value in written[column]] == pytest.approx(trained.history_[column])
        assert [epoch for epoch, _ in written[column]] == [1, 2]


def read_scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for path in folder.rglob("events.*"):
        events = EventAccumulator(str(path)).Reload()
        for tag in events.Tags()["scalars"]:
            found[tag] = [(event.step, event.value) for event in events.Scalars(tag)]
    return found


def test_trackers_are_none_by_default(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(faces)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("trainer", "error", "named"),
    [
        ({"trackers": ["notebook"]}, InvalidArgumentError, "trackers"),
        ({"trackers": "tensorboard"}, InvalidTypeError, "trackers"),
        ({"trackers": ["tensorboard"]}, InvalidArgumentError, "tracker_folder"),
    ],
)
def test_wrong_trackers_are_refused_before_anything_is_done(faces, trainer, error, named):
    with pytest.raises(error) as caught:
        fit(faces, trainer=trainer)
    assert caught.value.argument == named


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="mlflow is installed")
def test_a_missing_package_is_named(faces):
    with pytest.raises(MissingDependencyError, match="pip install mlflow"):
        fit(faces, trainer={"trackers": ["mlflow"]})
