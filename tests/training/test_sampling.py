"""Training by a balanced plan: the same everywhere, and repeats that are augmented more."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from faceattr import BalancedSampler, TrainConfig, Trainer
from faceattr.data import ImageCache
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TrainingError
from faceattr.training import AugmentPolicy
from faceattr.training.augment import RANDOM_COLUMNS, as_policy, augment
from faceattr.training.batches import Batches, Targets
from faceattr.training.randomness import uniforms
from training.samples import QUICK, drawings, fit, same, state, tiny

BINS = {"age": [0, 20, 40, None]}


def balanced(faces, **arguments):
    return BalancedSampler(faces, ["age", "gender"], BINS, **arguments)


def batches(faces, *, rank=0, world_size=1, policy="none", repeat_policy="none", batch_size=7):
    n = len(faces)
    return Batches(
        images=ImageCache().open(faces, 32),
        targets=Targets({"age": torch.zeros(n)}, {"age": torch.ones(n, dtype=torch.bool)}),
        policy=as_policy(policy, "policy"),
        repeat_policy=as_policy(repeat_policy, "repeat_policy"),
        seed=3,
        batch_size=batch_size,
        accumulate=1,
        mixup=0.0,
        rank=rank,
        world_size=world_size,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("epoch_size", [40, 53, 90])
def test_what_two_processes_see_is_the_plan_of_one(epoch_size):
    faces = drawings()
    plan = balanced(faces, epoch_size=epoch_size).plan(2)
    alone = [step.batches[0].indices for step in batches(faces).epoch(plan, 2)]
    pairs = [list(batches(faces, rank=rank, world_size=2).epoch(plan, 2)) for rank in range(2)]
    assert len(pairs[0]) == len(pairs[1]) == len(alone)
    for indices, first, second in zip(alone, *pairs, strict=True):
        woven = np.empty(len(indices), dtype=np.int64)
        woven[0::2], woven[1::2] = first.batches[0].indices, second.batches[0].indices
        np.testing.assert_array_equal(woven, indices)
    np.testing.assert_array_equal(np.concatenate(alone), plan[:, 0])


def test_repeats_alone_are_augmented_by_the_other_policy():
    faces = drawings()
    plan = balanced(faces, epoch_size=90).plan(0)
    again = plan[:, 1] > 0
    assert again.any()
    dealt = batches(faces, repeat_policy="strong")
    pixels = torch.cat([step.batches[0].images for step in dealt.epoch(plan, 4)])
    made = pixels.permute(0, 2, 3, 1).numpy()
    originals = dealt.images.take(plan[:, 0])
    np.testing.assert_array_equal(made[~again], originals[~again])
    numbers = uniforms(3, 4, np.arange(90), RANDOM_COLUMNS)
    changed = augment(originals[again], as_policy("strong", "policy"), numbers[again])
    np.testing.assert_array_equal(made[again], changed)
    assert (made[again] != originals[again]).any(axis=(1, 2, 3)).all()


def test_an_image_that_comes_back_is_changed_in_another_way():
    faces = drawings(4)
    plan = np.array([[1, 0], [1, 1], [2, 0], [1, 2]])
    dealt = batches(faces, policy="strong", repeat_policy="strong", batch_size=4)
    (step,) = dealt.epoch(plan, 0)
    images = step.batches[0].images
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images[1], images[3])


def test_strength_zero_trains_as_without_a_sampler():
    faces = drawings()
    plain, _ = fit(faces, augment="light")
    sampled, _ = fit(faces, sampler=balanced(faces, strength=0.0), augment="light")
    assert same(state(plain), state(sampled))
    other, _ = fit(faces, sampler=balanced(faces), augment="light")
    assert not same(state(plain), state(other))


def test_repeat_augment_reaches_the_training():
    faces = drawings()
    plain, _ = fit(faces, sampler=balanced(faces, epoch_size=80), augment="light")
    settings = {"augment": "light", "repeat_augment": "strong"}
    stronger, _ = fit(faces, sampler=balanced(faces, epoch_size=80), **settings)
    assert not same(state(plain), state(stronger))
    without, _ = fit(faces, augment="light")
    unused, _ = fit(faces, **settings)  # nothing is shown twice
    assert same(state(without), state(unused))


def test_fit_refuses_a_sampler_of_another_data_set():
    faces = drawings()
    part = faces.select(np.arange(len(faces)) < 30)
    model = tiny(faces)
    before = state(model)
    with pytest.raises(InvalidArgumentError, match="another data set") as caught:
        Trainer(QUICK, progress=False).fit(model, part, sampler=balanced(faces))
    assert caught.value.argument == "sampler"
    assert same(before, state(model))


def test_a_resumed_training_sees_the_same_plans(tmp_path):
    faces = drawings()
    whole, _ = fit(faces, sampler=balanced(faces), epochs=3)
    kept = {"checkpoint_folder": tmp_path}
    stop = {"on_epoch": lambda row: row["epoch"] == 1}
    fit(faces, sampler=balanced(faces), trainer=kept, epochs=3, **stop)
    resumed, trainer = fit(faces, sampler=balanced(faces), trainer=kept, epochs=3, resume=True)
    assert trainer.stopped_ == "epochs"
    assert same(state(whole), state(resumed))


def test_a_training_is_not_resumed_with_another_sampler(tmp_path):
    faces = drawings()
    kept = {"checkpoint_folder": tmp_path}
    stop = {"on_epoch": lambda row: row["epoch"] == 1}
    fit(faces, sampler=balanced(faces), trainer=kept, **stop)
    with pytest.raises(TrainingError) as caught:
        fit(faces, sampler=balanced(faces, seed=1), trainer=kept, resume=True)
    assert caught.value.rows == ("train.plan",)


def test_the_model_tells_how_it_was_sampled():
    faces = drawings()
    model, _ = fit(faces, sampler=balanced(faces, strength=0.5), epochs=1)
    assert model.info["training"]["sampler"]["by"] == ["age", "gender"]
    assert model.info["training"]["sampler"]["strength"] == 0.5
    plain, _ = fit(faces, epochs=1)
    assert plain.info["training"]["sampler"] is None


def test_a_policy_of_ones_own_is_kept_with_the_configuration():
    own = AugmentPolicy(flip=1.0, rotation=3)
    config = TrainConfig(augment=own, repeat_augment="strong")
    plain = json.loads(json.dumps(config.to_dict()))
    assert plain["augment"]["rotation"] == 3
    assert TrainConfig.from_dict(plain) == config
    with pytest.raises(InvalidArgumentError) as caught:
        TrainConfig.from_dict({"augment": {"flop": 1.0}})
    assert caught.value.argument == "augment"
    assert caught.value.rows == ("flop",)
    with pytest.raises(InvalidTypeError) as typed:
        TrainConfig(repeat_augment=0.5)
    assert typed.value.argument == "repeat_augment"


def test_a_policy_of_ones_own_trains():
    faces = drawings()
    named, _ = fit(faces, augment="light")
    own, _ = fit(faces, augment=as_policy("light", "augment"))
    assert same(state(named), state(own))
