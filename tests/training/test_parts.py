"""Configuration, learning rates, random numbers and the average of weights."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from faceattr import TrainConfig
from faceattr.data.sampling import shuffled_plan
from faceattr.exceptions import FaceAttrError, InvalidArgumentError
from faceattr.training.ema import WeightAverage
from faceattr.training.randomness import uniforms
from faceattr.training.schedule import learning_rate, plateau_falls

WRONG = {
    "epochs": [0, 1.5, "many", True],
    "batch_size": [0, 1, None],
    "accumulate": [0, 33, 1.5],
    "lr": [0, -1.0, float("nan"), "high"],
    "schedule": ["warm", None],
    "cycle_epochs": [0, 19],
    "pct_start": [0, 1, 1.5],
    "div_factor": [0.5],
    "final_div_factor": [0],
    "step_epochs": [0],
    "step_factor": [0, 1],
    "weight_decay": [-0.1],
    "l1": [-1],
    "loss_weights": [{"age": -1}, {"age": "much"}, [1]],
    "freeze_epochs": [-1, 19],
    "clip_norm": [0, -1],
    "ema_decay": [1.0, -0.5],
    "average_epochs": [-1, 19, 0.5, 2],
    "augment": ["wild", 3],
    "repeat_augment": ["wild", 0.5],
    "mixup": [-0.1, 101, "much"],
    "teacher_weight": [-0.1, 1.1, "much"],
    "restore": ["first", "average"],
    "patience": [0, 1.5],
    "monitor": ["mae", "age/", "age/mae/x", 3],
    "mixed_precision": ["fp8"],
    "seed": [-1, 0.5],
}


def test_every_setting_has_a_wrong_value_to_try():
    assert set(WRONG) == {item.name for item in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG.items() for v in values])
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(FaceAttrError) as caught:
        TrainConfig(**{name: value})
    assert name in caught.value.argument


def test_config_round_trip_through_json():
    config = TrainConfig.study(loss_weights={"gender": 0.9, "age": 2.0}, epochs=20)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_study_keeps_its_shape_over_fewer_epochs():
    assert TrainConfig.study().cycle_epochs == 15
    assert TrainConfig.study(epochs=3).cycle_epochs == 2
    assert TrainConfig.study(epochs=6, cycle_epochs=6).cycle_epochs == 6


def test_unknown_settings_are_all_named():
    with pytest.raises(InvalidArgumentError) as caught:
        TrainConfig.from_dict({"epoch": 3, "epochs": 2, "rate": 1})
    assert caught.value.rows == ("epoch", "rate")


def test_ema_cannot_be_restored_where_there_is_none():
    with pytest.raises(InvalidArgumentError, match="average"):
        TrainConfig(ema_decay=0)


@pytest.mark.parametrize(("epochs", "cycle", "steps"), [(18, 15, 60), (3, None, 7)])
def test_one_cycle_is_torchs_then_stays(epochs, cycle, steps):
    config = TrainConfig.study(epochs=epochs, cycle_epochs=cycle)
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1)
    total = (cycle or epochs) * steps
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=config.lr,
        total_steps=total,
        pct_start=config.pct_start,
        div_factor=config.div_factor,
        final_div_factor=config.final_div_factor,
        cycle_momentum=False,
    )
    for step in range(total):
        expected = optimizer.param_groups[0]["lr"]
        assert learning_rate(config, step, steps) == pytest.approx(expected, rel=1e-9)
        optimizer.step()
        if step + 1 < total:
            reference.step()
    final = config.lr / config.div_factor / config.final_div_factor
    for step in range(total, epochs * steps):
        assert learning_rate(config, step, steps) == pytest.approx(final)


@given(
    schedule=st.sampled_from(["one_cycle", "cosine", "step", "plateau", "constant"]),
    epochs=st.integers(1, 30),
    steps=st.integers(1, 50),
    place=st.floats(0, 1),
)
def test_rates_are_positive_and_below_the_peak(schedule, epochs, steps, place):
    config = TrainConfig(schedule=schedule, epochs=epochs, lr=0.01)
    rate = learning_rate(config, int(place * (epochs * steps - 1)), steps, [3.0, 2.0, 2.5])
    assert 0 < rate <= 0.01 * (1 + 1e-12)


def test_step_schedule():
    config = TrainConfig(schedule="step", step_epochs=2, step_factor=0.1, lr=1.0, epochs=6)
    rates = [learning_rate(config, step, 3) for step in range(0, 18, 3)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_plateau_counts_epochs_without_gain():
    assert plateau_falls([5, 4, 4, 4, 4, 4, 3, 3, 3], 2) == 3
    assert plateau_falls([], 2) == 0


def test_random_numbers_belong_to_seed_epoch_and_position():
    positions = np.arange(1000)
    numbers = uniforms(1, 2, positions, 5)
    np.testing.assert_array_equal(uniforms(1, 2, positions[::-1].copy(), 5), numbers[::-1])
    np.testing.assert_array_equal(uniforms(1, 2, positions[300:301], 5), numbers[300:301])
    for other in (uniforms(2, 2, positions, 5), uniforms(1, 3, positions, 5)):
        assert (other != numbers).mean() > 0.99


def test_random_numbers_are_uniform_and_uncorrelated():
    numbers = uniforms(0, 0, np.arange(20_000), 4)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    # Bounds of five standard errors.
    assert np.abs(numbers.mean(axis=0) - 0.5).max() < 5 * np.sqrt(1 / 12 / 20_000)
    correlation = np.corrcoef(numbers.T) - np.eye(4)
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)
    neighbours = np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(20_000)


@given(n=st.integers(1, 200), seed=st.integers(0, 99), epoch=st.integers(0, 99))
def test_a_shuffled_plan_shows_every_image_once(n, seed, epoch):
    plan = shuffled_plan(n, seed, epoch)
    assert sorted(plan[:, 0]) == list(range(n))
    assert (plan[:, 1] == 0).all()
    np.testing.assert_array_equal(plan, shuffled_plan(n, seed, epoch))


def test_the_average_follows_weights_and_statistics():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = WeightAverage(network, decay=0.9)
    expected = copy.deepcopy(network.state_dict())
    for step in range(1, 6):
        with torch.no_grad():
            for value in network.state_dict().values():
                value.add_(1)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                expected[key] = decay * expected[key] + (1 - decay) * value
            else:
                expected[key] = value.clone()
    state = average.model.state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(state[key], value)
    assert not any(p.requires_grad for p in average.model.parameters())
