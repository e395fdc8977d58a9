"""How trainings end early: by patience, by a callback, by Ctrl-C, by a loss that is no number."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TrainingError
from training.samples import drawings, fit, halves, same, state, tiny


@pytest.fixture(scope="module")
def faces():
    return drawings()


def test_patience_ends_when_nothing_improves(faces):
    train, valid = halves(faces)
    _, trainer = fit(
        train,
        tiny(faces).freeze_backbone(),
        valid,
        epochs=20,
        patience=3,
        lr=1e-30,
        weight_decay=0.0,
    )
    assert trainer.stopped_ == "patience"
    assert len(trainer.history_) == 4


def test_patience_does_not_end_what_improves(faces):
    train, valid = halves(faces)
    _, trainer = fit(train, valid=valid, epochs=6, patience=6)
    assert trainer.stopped_ == "epochs"


def test_patience_needs_validation(faces):
    with pytest.raises(InvalidArgumentError, match="patience=2"):
        fit(faces, patience=2)


def test_a_callback_sees_every_epoch_and_may_end(faces):
    rows = []

    def on_epoch(row):
        rows.append(row)
        return row["epoch"] == 3

    _, trainer = fit(faces, epochs=9, on_epoch=on_epoch)
    assert trainer.stopped_ == "callback"
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["train_loss"] == trainer.history_["train_loss"].iloc[-1]


def interrupt_at(place, times=1):
    """Return a sampler that presses Ctrl-C while an epoch is planned."""

    class Pressing:
        def plan(self, epoch):
            if epoch == place:
                for _ in range(times):
                    os.kill(os.getpid(), signal.SIGINT)
            order = np.random.default_rng(epoch).permutation(40)
            return np.stack([order, np.zeros(40, int)], axis=1)

    return Pressing()


class Ordered:
    def plan(self, epoch):
        order = np.random.default_rng(epoch).permutation(40)
        return np.stack([order, np.zeros(40, int)], axis=1)


@pytest.mark.parametrize("restore", ["ema", "last"])
def test_ctrl_c_keeps_the_last_epoch(faces, tmp_path, restore, caplog):
    settings = {"epochs": 4, "restore": restore, "schedule": "constant"}
    after_two, _ = fit(faces, sampler=Ordered(), **(settings | {"epochs": 2}))
    whole, _ = fit(faces, sampler=Ordered(), **settings)
    trainer = {"checkpoint_folder": tmp_path}
    before = signal.getsignal(signal.SIGINT)
    model, stopped = fit(faces, sampler=interrupt_at(2), trainer=trainer, **settings)
    assert stopped.stopped_ == "interrupt"
    assert "interrupted" in caplog.text
    assert len(stopped.history_) == 2
    assert same(state(model), state(after_two))
    assert not model.training
    assert model.info["training"]["stopped"] == "interrupt"
    assert signal.getsignal(signal.SIGINT) is before
    again, _ = fit(faces, sampler=Ordered(), trainer=trainer, resume=True, **settings)
    assert same(state(again), state(whole))


def test_ctrl_c_in_the_first_epoch_gives_the_model_back(faces):
    model = tiny(faces)
    with pytest.raises(KeyboardInterrupt):
        fit(faces, model, sampler=interrupt_at(0))
    assert same(state(model), state(tiny(faces)))
    assert model.training == tiny(faces).training


def test_ctrl_c_in_the_last_epoch_is_not_lost(faces, tmp_path):
    def press(row):
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    trainer = {"checkpoint_folder": tmp_path}
    model, stopped = fit(faces, on_epoch=press, trainer=trainer)
    assert stopped.stopped_ == "interrupt"
    again, finished = fit(faces, trainer=trainer, resume=True)
    assert finished.stopped_ == "epochs"
    assert same(state(model), state(again))


def test_what_a_callback_ended_can_go_on(faces, tmp_path):
    trainer = {"checkpoint_folder": tmp_path}
    whole, _ = fit(faces, epochs=3)
    _, first = fit(faces, epochs=3, trainer=trainer, on_epoch=lambda row: row["epoch"] == 1)
    again, second = fit(faces, epochs=3, trainer=trainer, resume=True)
    assert (first.stopped_, second.stopped_) == ("callback", "epochs")
    assert same(state(again), state(whole))


def test_pressing_twice_stops_at_once(faces):
    with pytest.raises(KeyboardInterrupt):
        fit(faces, epochs=3, sampler=interrupt_at(1, times=2))


def test_another_thread_leaves_signals_alone(faces):
    done = []
    thread = threading.Thread(target=lambda: done.append(fit(faces)[1].stopped_))
    thread.start()
    thread.join()
    assert done == ["epochs"]


def test_a_handler_of_the_users_own_stays(faces):
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        _, trainer = fit(faces, sampler=interrupt_at(1))
    finally:
        signal.signal(signal.SIGINT, before)
    assert trainer.stopped_ == "epochs"
    assert pressed == [signal.SIGINT]


def test_a_loss_that_is_no_number_stops_with_the_ids(faces):
    with pytest.raises(TrainingError) as caught:
        fit(faces, lr=1e30, clip_norm=None, restore="last", epochs=5)
    assert caught.value.rows
    assert set(caught.value.rows) <= set(faces.table["sample_id"])


def test_the_one_image_that_has_no_loss_is_named(faces):
    model = tiny(faces)
    head = model.head("age")
    bad = faces.table["sample_id"].iloc[7]
    age = float(faces.table["age"].iloc[7])
    plain = head.loss
    head.loss = lambda outputs, labels: plain(outputs, labels) / (1.0 * (head_label(labels) != age))
    alike = (faces.table["age"] == age).sum()
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+ .*\['age'\]") as caught:
        fit(faces, model)
    assert len(caught.value.rows) <= alike
    assert all(
        float(faces.table["age"][faces.table["sample_id"] == row].iloc[0]) == age
        for row in caught.value.rows
    )
    assert alike > 1 or caught.value.rows == (bad,)


def head_label(labels):
    return labels if labels.ndim == 1 else labels[:, 0]


def test_a_gradient_that_is_no_number_stops_before_the_weights_are_spoiled(faces):
    model = tiny(faces)
    calls = []

    def poison(grad):
        calls.append(1)
        return grad * float("nan") if len(calls) == 3 else grad

    model.heads["gender"].linear.weight.register_hook(poison)
    with pytest.raises(TrainingError, match="gradient is no longer a number in epoch 1, step 3"):
        fit(faces, model)
    assert all(bool(value.isfinite().all()) for value in state(model).values())


def test_a_partner_without_a_loss_is_named_too(faces):
    model = tiny(faces)
    bad = faces.table["sample_id"].iloc[7]
    table = faces.table.copy()
    table.loc[table["sample_id"] != bad, "age"] = float("nan")
    head = model.head("age")
    plain = head.mixed_loss

    def no_number(outputs, labels, other, share):
        known = head.labelled(labels) | head.labelled(other)
        return plain(outputs, labels, other, share).masked_fill(known, float("nan"))

    head.mixed_loss = no_number
    with pytest.raises(TrainingError) as caught:
        fit(Dataset(table, tasks=faces.tasks), model, mixup=0.4)
    assert bad in caught.value.rows
    assert len(caught.value.rows) <= 3


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sampler": object()}, "sampler"),
        ({"on_epoch": 3}, "on_epoch"),
    ],
)
def test_what_cannot_be_called_is_refused_at_once(faces, settings, named):
    with pytest.raises(InvalidTypeError) as caught:
        fit(faces, **settings)
    assert caught.value.argument == named


def test_a_head_that_gives_one_loss_for_all_is_refused(faces):
    model = tiny(faces)
    plain = model.head("gender").loss
    model.head("gender").loss = lambda outputs, labels: plain(outputs, labels).mean()
    with pytest.raises(InvalidArgumentError, match="'gender'"):
        fit(faces, model)
