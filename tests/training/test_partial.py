"""What is learned from labels that are missing, weighed or mixed, and from steps in parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceattr import Dataset, Model, TrainConfig
from faceattr.data import ImageCache
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError
from faceattr.training.ema import EpochAverage
from faceattr.training.engine import Engine
from faceattr.training.losses import batch_losses, mean_losses, weighted_sum
from faceattr.training.mixup import mix_images, mixture_of
from faceattr.training.setup import make_batches, make_plans, open_part
from training.samples import PlainBackbone, drawings, fit, halves, same, seeded, state, tiny


@pytest.fixture(scope="module")
def faces():
    return drawings()


def partly_labelled(faces):
    table = faces.table.copy()
    table.loc[table.index[:25], "age"] = np.nan
    table.loc[table.index[20:], "gender"] = None
    return Dataset(table, tasks=faces.tasks)


def with_ranges(faces, rows=slice(0, 20)):
    """Return the same drawings, of some of which only the decade is known."""
    table = faces.table.copy()
    decade = (table["age"] // 10) * 10
    table["age_min"] = decade.iloc[rows]
    table["age_max"] = (decade + 9).clip(upper=116).iloc[rows]
    table.loc[table.index[rows], "age"] = np.nan
    return Dataset(table, tasks=faces.tasks)


def test_ranges_are_learned_from(faces, caplog):
    ranged = with_ranges(faces)
    model, trainer = fit(ranged)
    assert model.info["training"]["labels"] == {"age": 40, "gender": 40}
    without = ranged.table.drop(columns=["age_min", "age_max"])
    other, _ = fit(Dataset(without, tasks=faces.tasks))
    assert other.info["training"]["labels"] == {"age": 20, "gender": 40}
    assert not same(state(model), state(other))
    assert np.isfinite(trainer.history_["train_age_loss"]).all()
    assert "only a range" not in caplog.text


def test_a_head_that_knows_no_ranges_says_so(faces, caplog):
    fit(with_ranges(faces), tiny(faces, heads={"age": "linear"}))
    assert "20 images have only a range for task 'age'" in caplog.text


def test_only_ranges_are_enough_and_teach_the_decade(faces):
    only = with_ranges(faces, slice(None))
    settings = {"epochs": 40, "lr": 0.05, "augment": "none", "restore": "last"}
    model, trainer = fit(only, tiny(faces, dropout=0.0), **settings)
    losses = trainer.history_["train_age_loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]
    errors = (model.predict(faces)["age_pred"] - faces.table["age"]).abs()
    constant = (faces.table["age"] - faces.table["age"].median()).abs()
    assert errors.mean() < constant.mean()


def test_two_data_sets_with_different_labels_teach_one_network(faces):
    ages = Dataset(faces.table.drop(columns="gender"), tasks=faces.tasks["age"])
    other = Dataset.synthetic(30, seed=5, size=32)
    genders = Dataset(other.table.drop(columns="age"), tasks=other.tasks["gender"])
    both = Dataset.concat({"a": ages, "b": genders})
    model, trainer = fit(both, Model(seeded(PlainBackbone), both.tasks, image_size=32))
    assert model.info["training"]["labels"] == {"age": 40, "gender": 30}
    assert np.isfinite(trainer.history_[["train_age_loss", "train_gender_loss"]]).all(axis=None)


def gradients(faces, weight=None, **settings):
    """Return losses and gradients of a first epoch in which nothing is learned."""
    config = TrainConfig(ema_decay=0.0, restore="last", augment="none", **settings)
    model = tiny(faces, PlainBackbone, dropout=0.0).train()
    engine = Engine()
    part = open_part(faces, model, ImageCache(), engine, weight=weight)
    batches = make_batches(part, config, engine)
    found = []
    for step in batches.epoch(make_plans(len(faces), config, None)(0), 0):
        model.zero_grad()
        total = 0.0
        for batch in step.batches:
            losses = batch_losses(model, model(batch.images), batch)
            loss = weighted_sum(mean_losses(losses, step.counts), {})
            loss.backward()
            total += float(loss.detach())
        grads = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        found.append((total, grads))
    return found


@pytest.mark.parametrize("mixup", [0.0, 0.4])
@pytest.mark.parametrize("partly", [False, True])
def test_accumulated_batches_give_the_gradient_of_a_large_one(faces, partly, mixup):
    data = partly_labelled(faces) if partly else faces
    one = gradients(data, batch_size=20, mixup=mixup)
    four = gradients(data, batch_size=20, accumulate=4, mixup=mixup)
    assert len(one) == len(four) == 2
    for (loss, grad), (loss4, grad4) in zip(one, four, strict=True):
        assert loss4 == pytest.approx(loss, rel=1e-5)
        torch.testing.assert_close(grad4, grad, rtol=1e-4, atol=1e-6)


def test_accumulated_training_is_that_of_large_batches(faces):
    plain = {"backbone": PlainBackbone, "dropout": 0.0}
    one, _ = fit(faces, tiny(faces, **plain), batch_size=20, epochs=3)
    four, _ = fit(faces, tiny(faces, **plain), batch_size=20, epochs=3, accumulate=4)
    for key, value in state(one).items():
        torch.testing.assert_close(four.state_dict()[key], value, rtol=1e-3, atol=1e-4)


def test_too_many_batches_for_the_images(faces):
    with pytest.raises(DataError, match="too few images"):
        fit(faces.select(np.arange(40) < 7), accumulate=4)


class Alternating:
    """Plans of 40 and of 16 images by turns."""

    def plan(self, epoch):
        rows = np.arange(16 if epoch % 2 else 40)
        return np.stack([rows, np.zeros_like(rows)], axis=1)


def test_rates_follow_epochs_where_plans_differ_in_length(faces):
    settings = {"schedule": "step", "step_epochs": 2, "step_factor": 0.5, "epochs": 6}
    _, trainer = fit(faces, sampler=Alternating(), **settings)
    assert trainer.history_["lr"].tolist() == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]
    _, cycle = fit(faces, sampler=Alternating(), epochs=6, pct_start=0.4)
    peak = cycle.history_["lr"].to_numpy().argmax()
    assert (np.diff(cycle.history_["lr"])[peak:] < 0).all()


def test_a_plan_too_short_for_its_batches_is_refused(faces):
    class Three:
        def plan(self, epoch):
            return np.array([[0, 0], [1, 0], [2, 0]])

    with pytest.raises(InvalidArgumentError, match="at least 8"):
        fit(faces, sampler=Three(), accumulate=4)


def test_weights_count_images_like_repeats(faces):
    doubled = np.where(np.arange(40) < 10, 2.0, 1.0)
    weighted = gradients(faces, (doubled / doubled.mean()).astype(np.float32), batch_size=40)
    table = pd.concat([faces.table, faces.table[:10].assign(sample_id=lambda t: t.sample_id + "b")])
    table.loc[table["sample_id"].str.endswith("b"), "path"] += ""
    model = tiny(faces, PlainBackbone, dropout=0.0).train()
    images = np.stack([faces.read(row) for row in [*range(40), *range(10)]])
    outputs = model(torch.from_numpy(images).permute(0, 3, 1, 2))
    labels = {name: model.head(name).encode(table.reset_index(drop=True)) for name in model.tasks}
    losses = {name: model.head(name).loss(outputs[name], labels[name]).mean() for name in labels}
    sum(losses.values()).backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    torch.testing.assert_close(weighted[0][1], expected, rtol=1e-4, atol=1e-6)


def test_only_the_proportions_of_weights_matter(faces):
    weights = np.random.default_rng(0).random(40)
    one, _ = fit(faces, sample_weight=weights)
    other, _ = fit(faces, sample_weight=1000 * weights)
    plain, _ = fit(faces)
    for key, value in state(one).items():
        torch.testing.assert_close(other.state_dict()[key], value, rtol=1e-3, atol=1e-4)
    assert not same(state(one), state(plain))


def test_weights_may_stand_in_a_column(faces):
    weights = np.linspace(0, 2, 40)
    table = faces.table.assign(trust=weights)
    column, _ = fit(Dataset(table, tasks=faces.tasks), sample_weight="trust")
    array, _ = fit(faces, sample_weight=weights)
    assert same(state(column), state(array))


def test_weights_of_a_series_go_by_id(faces):
    weights = pd.Series(np.linspace(0, 2, 40), index=faces.table["sample_id"])
    by_id, _ = fit(faces, sample_weight=weights.sample(frac=1, random_state=0))
    by_place, _ = fit(faces, sample_weight=weights.to_numpy())
    assert same(state(by_id), state(by_place))


@pytest.mark.parametrize("weight", [np.ones((40, 1)), 2.0, {"a": 1}])
def test_weights_of_another_shape_are_refused(faces, weight):
    with pytest.raises(InvalidTypeError, match="sample_weight"):
        fit(faces, sample_weight=weight)


def test_mixed_in_images_count_by_their_weights(faces):
    half = np.where(np.arange(40) < 20, 1.0, 0.0)
    table = faces.table.copy()
    table.loc[table.index[20:], "age"] = 100.0  # of no weight, so that it must not matter
    settings = {"batch_size": 20, "mixup": 0.4}
    weight = (half / half.mean()).astype(np.float32)
    one = gradients(faces, weight, **settings)
    other = gradients(Dataset(table, tasks=faces.tasks), weight, **settings)
    for (_, grad), (_, changed) in zip(one, other, strict=True):
        torch.testing.assert_close(grad, changed)


@pytest.mark.parametrize(
    ("weight", "rows"),
    [
        ("nonsense", 0),
        ([1.0] * 39, 0),
        ([0.0] * 40, 0),
        ([-1.0] + [1.0] * 39, 1),
        ([float("nan"), float("inf")] + [1.0] * 38, 2),
        (["much"] * 40, 40),
    ],
)
def test_wrong_weights_are_refused(faces, weight, rows):
    with pytest.raises(InvalidArgumentError) as caught:
        fit(faces, sample_weight=weight)
    assert caught.value.argument == "sample_weight"
    assert len(caught.value.rows) == rows


@given(n=st.integers(1, 40), alpha=st.floats(0.05, 10), seed=st.integers(0, 9))
def test_everybody_is_the_partner_of_one(n, alpha, seed):
    places = np.arange(100, 100 + n)
    found = mixture_of(places, alpha, seed, 3)
    assert sorted(found.partners) == places.tolist()
    assert found.share.min() >= 0.5
    assert found.share.max() <= 1


def test_shares_follow_the_beta_distribution():
    share = mixture_of(np.arange(20_000), 0.4, 0, 0).share.astype(float)
    drawn = np.random.default_rng(0).beta(0.4, 0.4, 20_000)
    expected = np.maximum(drawn, 1 - drawn)
    # Two samples: five standard errors of the difference.
    assert abs(share.mean() - expected.mean()) < 5 * expected.std() * np.sqrt(2 / 20_000)
    assert mixture_of(np.arange(9), 0.0, 0, 0) is None


def test_images_are_mixed_by_their_shares():
    one = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    other = torch.full((2, 3, 4, 4), 200, dtype=torch.uint8)
    mixed = mix_images(one, other, torch.tensor([0.75, 1.0]))
    assert mixed[:, 0, 0, 0].tolist() == [125.0, 100.0]


def test_mixed_losses_are_those_of_both_labels(faces):
    model = tiny(faces, PlainBackbone, dropout=0.0)
    engine = Engine()
    config = TrainConfig(mixup=0.4, batch_size=40, augment="none")
    part = open_part(faces, model, ImageCache(), engine)
    plan = make_plans(40, config, None)(0)
    (step,) = make_batches(part, config, engine).epoch(plan, 0)
    (batch,) = step.batches
    mixture = mixture_of(np.arange(40), 0.4, config.seed, 0)
    images = part.images.take(plan[:, 0]).astype(np.float32)
    share = mixture.share[:, None, None, None]
    expected = share * images + (1 - share) * images[mixture.partners]
    np.testing.assert_allclose(batch.images.permute(0, 2, 3, 1), expected, atol=0.01)
    outputs = model(batch.images)
    losses = batch_losses(model, outputs, batch)["gender"]
    labels = part.targets.labels["gender"][torch.from_numpy(plan[:, 0])]
    others = labels[torch.from_numpy(mixture.partners)]
    chances = torch.log_softmax(outputs["gender"], dim=1)
    weight = torch.from_numpy(mixture.share)
    direct = -weight * chances.gather(1, labels[:, None])[:, 0]
    direct = direct - (1 - weight) * chances.gather(1, others[:, None])[:, 0]
    torch.testing.assert_close(losses, direct)
    assert step.counts == pytest.approx({"age": 40.0, "gender": 40.0})


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_the_number_of_reading_threads_changes_nothing(faces, mixup):
    config = TrainConfig(mixup=mixup, batch_size=10)
    model, engine = tiny(faces, PlainBackbone), Engine()
    batches = make_batches(open_part(faces, model, ImageCache(), engine), config, engine)
    plan = make_plans(40, config, None)(0)
    several = dataclasses.replace(batches, threads=7)
    for one, other in zip(batches.epoch(plan, 0), several.epoch(plan, 0), strict=True):
        assert torch.equal(one.batches[0].images, other.batches[0].images)
        assert one.counts == other.counts


def test_mixup_changes_training_and_keeps_missing_labels_out(faces):
    partial = partly_labelled(faces)
    mixed, trainer = fit(partial, mixup=0.4)
    plain, _ = fit(partial)
    assert not same(state(mixed), state(plain))
    assert np.isfinite(trainer.history_["train_loss"]).all()


def test_late_epochs_are_averaged(faces):
    states = []

    class Watching:
        """Looks at the weights when the next epoch is planned."""

        def plan(self, epoch):
            states.append({k: v.double() for k, v in state(model).items()})
            rows = np.arange(40)
            return np.stack([rows, np.zeros_like(rows)], axis=1)

    model = tiny(faces)
    settings = {"epochs": 4, "ema_decay": 0.0, "lr": 0.05}
    fit(faces, model, sampler=Watching(), restore="average", average_epochs=3, **settings)
    last, _ = fit(faces, sampler=Watching(), restore="last", **settings)
    ends = [*states[2:4], {k: v.double() for k, v in state(last).items()}]
    for key, value in state(model).items():
        if value.is_floating_point():
            mean = torch.stack([end[key] for end in ends]).mean(dim=0)
            torch.testing.assert_close(value.double(), mean, rtol=1e-4, atol=1e-6)
    assert not same(state(model), state(last))


def test_the_mean_of_epochs_is_a_mean():
    mean = EpochAverage()
    for number in (1.0, 2.0, 6.0):
        mean.add({"weight": torch.tensor([number]), "steps": torch.tensor(int(number))})
    assert mean.state["weight"].item() == pytest.approx(3.0)
    assert mean.state["steps"].item() == 6
    assert mean.epochs == 3


def test_validation_may_lack_the_labels_of_a_task(faces):
    train, valid = halves(faces)
    table = valid.table.copy()
    table["age"] = np.nan
    partial = Dataset(table, tasks=faces.tasks)
    _, trainer = fit(train, valid=partial, restore="best", ema_decay=0.0)
    history = trainer.history_
    assert history[["valid_age_mae", "valid_age_loss"]].isna().all(axis=None)
    assert history["valid_loss"].equals(history["valid_gender_loss"].rename("valid_loss"))
    assert history["valid_gender_accuracy"].notna().all()
    for unmeasured in (partial, with_ranges(valid, slice(None))):
        with pytest.raises(DataError, match="'age/mae'"):
            fit(train, valid=unmeasured, monitor="age/mae")


def test_validation_without_any_label_is_refused(faces):
    train, valid = halves(faces)
    table = valid.table.copy()
    table["age"], table["gender"] = np.nan, None
    with pytest.raises(DataError, match="no image of this part has a label"):
        fit(train, valid=Dataset(table, tasks=faces.tasks))


def test_float16_wants_an_accelerator(faces):
    with pytest.raises(InvalidArgumentError, match="float16"):
        fit(faces, mixed_precision="fp16")


def test_auto_precision_is_full_on_the_cpu(faces):
    automatic, trainer = fit(faces, mixed_precision="auto")
    plain, _ = fit(faces)
    assert same(state(automatic), state(plain))
    assert automatic.info["training"]["precision"] == "no"
    assert trainer.stopped_ == "epochs"
