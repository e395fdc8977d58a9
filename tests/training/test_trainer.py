"""Training end to end, on drawings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from faceattr import (
    BalancedSampler,
    BinnedEvaluator,
    ClassificationTask,
    Dataset,
    Model,
    RegressionTask,
    TaskSet,
    TrainConfig,
    Trainer,
)
from faceattr.exceptions import (
    DataError,
    FaceAttrError,
    InvalidArgumentError,
    InvalidTypeError,
    TrainingError,
)
from training.samples import (
    QUICK,
    TinyBackbone,
    drawings,
    faces_on_disk,
    fit,
    halves,
    same,
    state,
    tiny,
)


@pytest.fixture(scope="module")
def faces():
    return drawings()


def test_history_and_record(faces):
    train, valid = halves(faces)
    model, trainer = fit(train, valid=valid)
    history = trainer.history_
    assert history["epoch"].tolist() == [1, 2]
    assert {
        "lr",
        "train_loss",
        "train_age_loss",
        "train_gender_loss",
        "valid_loss",
        "valid_age_mae",
        "valid_gender_accuracy",
        "images_per_second",
        "seconds",
    } <= set(history)
    assert np.isfinite(history.to_numpy(dtype=float)).all()
    assert model.info["training"]["images"] == {"train": 30, "valid": 10}
    assert not model.training


def test_validation_figures_are_those_of_the_predictions(faces):
    train, valid = halves(faces)
    model, trainer = fit(train, valid=valid)
    table = model.predict(valid)
    last = trainer.history_.iloc[-1]
    assert last["valid_age_mae"] == pytest.approx((table["age"] - table["age_pred"]).abs().mean())
    assert last["valid_gender_accuracy"] == (table["gender"] == table["gender_pred"]).mean()


def test_the_same_seed_gives_the_same_weights(faces):
    def train(seed):
        model = tiny(faces, seed=0, dropout=0.0)
        return state(fit(faces, model, seed=seed)[0])

    first = train(1)
    assert same(first, train(1))
    assert not same(first, train(2))


def test_dropout_follows_the_seed_and_leaves_global_state_alone(faces):
    def train():
        model = tiny(faces, seed=0, dropout=0.5)
        before = torch.random.get_rng_state()
        fit(faces, model)
        assert torch.equal(before, torch.random.get_rng_state())
        return state(model)

    first = train()
    torch.manual_seed(2)
    assert same(first, train())


def test_a_network_learns_a_brightness(tmp_path):
    from PIL import Image

    rows = []
    for number in range(64):
        level = 40 + 170 * (number % 2)
        Image.new("RGB", (32, 32), (level, level, level)).save(tmp_path / f"{number}.png")
        rows.append((f"{number}.png", level / 255, "bright" if number % 2 else "dark"))
    table = pd.DataFrame(rows, columns=["path", "level", "kind"])
    table.to_csv(tmp_path / "labels.csv", index=False)
    tasks = TaskSet(
        [RegressionTask("level", bounds=(0, 1)), ClassificationTask("kind", ("dark", "bright"))]
    )
    data = Dataset.from_csv(tmp_path / "labels.csv", tasks=tasks)
    model, _ = fit(data, epochs=15, lr=0.03, restore="last", augment="none", schedule="cosine")
    predictions = model.predict(data)
    assert (predictions["kind"] == predictions["kind_pred"]).mean() == 1
    assert (predictions["level"] - predictions["level_pred"]).abs().mean() < 0.1


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "step", "constant"])
def test_schedules_reach_the_optimiser(faces, schedule):
    _, trainer = fit(faces, schedule=schedule, epochs=3, step_epochs=1)
    rates = trainer.history_["lr"]
    if schedule == "constant":
        assert rates.tolist() == [QUICK.lr] * 3
    elif schedule == "step":
        assert rates.tolist() == pytest.approx([0.01, 0.003, 0.0009])
    else:
        assert rates.iloc[-1] < 1e-3 * QUICK.lr


def test_plateau_lowers_the_rate_when_nothing_improves(faces):
    train, valid = halves(faces)
    model = tiny(faces).freeze_backbone()
    # Nothing is learned at this rate, so every epoch after the first is one without gain.
    _, trainer = fit(
        train,
        model,
        valid,
        schedule="plateau",
        epochs=4,
        step_epochs=1,
        lr=1e-30,
        ema_decay=0.0,
        restore="last",
        weight_decay=0.0,
    )
    np.testing.assert_allclose(trainer.history_["lr"] / 1e-30, [1, 1, 0.3, 0.09])


def test_the_studys_recipe_runs(faces):
    model = tiny(faces, heads={"age": "linear", "gender": "logit"})
    config = TrainConfig.study(epochs=2, cycle_epochs=1, batch_size=16)
    trainer = Trainer(config, progress=False).fit(model, faces)
    assert trainer.history_["lr"].iloc[-1] == pytest.approx(
        config.lr / config.div_factor / config.final_div_factor
    )


def test_frozen_epochs_leave_the_backbone(faces):
    model = tiny(faces)
    before = state(model.backbone)
    fit(faces, model, freeze_epochs=2, restore="last")
    assert same(before, state(model.backbone))
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_l1_pulls_weights_towards_zero(faces):
    plain, _ = fit(faces, tiny(faces), epochs=5, restore="last", weight_decay=0.0)
    pulled, _ = fit(faces, tiny(faces), epochs=5, restore="last", weight_decay=0.0, l1=10.0)
    size = [float(m.heads["age"].linear.weight.detach().abs().sum()) for m in (plain, pulled)]
    assert size[1] < size[0]


def test_a_loss_weight_of_zero_leaves_a_head_alone(faces):
    model = tiny(faces)
    before = state(model.heads["gender"])
    fit(faces, model, loss_weights={"gender": 0.0}, weight_decay=0.0, restore="last")
    assert same(before, state(model.heads["gender"]))


@pytest.mark.parametrize("monitor", ["loss", "age/mae", "gender/accuracy", "age/r2"])
def test_best_is_the_epoch_with_the_best_monitored_value(faces, monitor):
    train, valid = halves(faces)
    model, trainer = fit(
        train, valid=valid, epochs=6, restore="best", monitor=monitor, ema_decay=0.0, lr=0.2
    )
    column = trainer.history_["valid_" + monitor.replace("/", "_")]
    best = column.max() if monitor in ("gender/accuracy", "age/r2") else column.min()
    assert column.max() > column.min(), "the epochs differ, so that there is something to choose"
    if monitor == "loss":
        # One more epoch that changes nothing tells the loss of the weights that were kept.
        again = TrainConfig(epochs=1, lr=1e-30, weight_decay=0.0, ema_decay=0.0, restore="last")
        model.freeze_backbone()
        history = Trainer(again, progress=False).fit(model, train, valid).history_
        assert history["valid_loss"].iloc[0] == pytest.approx(best, rel=1e-5)
    else:
        evaluation = BinnedEvaluator(by=(), n_boot=0, tasks=faces.tasks)
        assert evaluation.evaluate(model.predict(valid)).value(monitor) == pytest.approx(best)


def test_a_monitor_that_is_no_number_stops(faces):
    women = (faces.table["gender"] == "female").to_numpy()
    train, valid = (
        faces.select(~women | (np.arange(40) < 20)),
        faces.select(women & (np.arange(40) >= 20)),
    )
    with pytest.raises(TrainingError, match="no number"):
        fit(train, valid=valid, restore="best", monitor="gender/roc_auc")


def test_a_frozen_backbone_stays_frozen(faces):
    model = tiny(faces).freeze_backbone()
    before = state(model.backbone)
    fit(faces, model, restore="last")
    assert same(before, state(model.backbone))
    assert model.backbone_frozen


def test_a_weight_that_the_user_fixed_stays_fixed(faces):
    model = tiny(faces)
    fixed = model.backbone.layers[0].weight.requires_grad_(False)
    before = fixed.clone()
    fit(faces, model, restore="last", freeze_epochs=1)
    assert torch.equal(fixed, before)
    assert not fixed.requires_grad


def test_a_second_training_keeps_what_the_head_has_learned(faces):
    model = tiny(faces, heads={"age": "linear"})
    fit(faces, model, restore="last")
    before = model.predict(faces)["age_pred"]
    old = faces.select((faces.table["age"] > 30).to_numpy())
    fit(old, model.freeze_backbone(), lr=1e-30, weight_decay=0.0, restore="last")
    np.testing.assert_allclose(model.predict(faces)["age_pred"], before, atol=1e-3)


def test_mixed_precision_stays_in_training(faces, tmp_path):
    model, _ = fit(faces, mixed_precision="bf16")
    again = Model.from_pretrained(model.save_pretrained(tmp_path), backbone=TinyBackbone())
    np.testing.assert_array_equal(
        model.predict(faces)["age_pred"], again.predict(faces)["age_pred"]
    )


def test_losses_count_every_label_the_same(faces):
    table = faces.table.copy()
    table.loc[5:, "age"] = np.nan
    sparse = Dataset(table, tasks=faces.tasks)
    losses = []
    for batch_size in (2, 40):
        model = tiny(faces, seed=0).freeze_backbone()
        _, trainer = fit(
            sparse, model, batch_size=batch_size, epochs=1, lr=1e-30, augment="none", weight_decay=0
        )
        losses.append(trainer.history_["train_age_loss"].iloc[0])
    assert losses[0] == pytest.approx(losses[1], rel=0.2)


def test_restore_chooses_between_average_and_last(faces):
    states = []
    for restore in ("last", "ema"):
        model = tiny(faces)
        states.append(state(fit(faces, model, restore=restore)[0]))
    assert not same(*states)


def test_missing_labels_are_left_out(faces):
    table = faces.table.copy()
    table.loc[table.index[:30], "age"] = np.nan
    table.loc[table.index[20:], "gender"] = None
    partial = Dataset(table.drop(columns="split", errors="ignore"), tasks=faces.tasks)
    model, trainer = fit(partial)
    assert np.isfinite(trainer.history_["train_loss"]).all()
    assert model.info["training"]["labels"] == {"age": 10, "gender": 20}


def test_later_epochs_need_no_files(tmp_path, faces):
    on_disk = faces_on_disk(faces, tmp_path)

    class DeletesAfterTheFirstEpoch:
        def plan(self, epoch):
            if epoch == 1:
                for path in tmp_path.glob("*.png"):
                    path.unlink()
            return np.stack([np.arange(40), np.zeros(40, int)], axis=1)

    _, trainer = fit(on_disk, epochs=3, sampler=DeletesAfterTheFirstEpoch())
    assert len(trainer.history_) == 3
    assert not list(tmp_path.glob("*.png"))


def test_a_sampler_decides_what_is_seen(faces):
    class OnlyYoung:
        def __init__(self):
            self.epochs = []

        def plan(self, epoch):
            self.epochs.append(epoch)
            young = np.flatnonzero(faces.table["age"] < 30)
            return np.stack([young, np.zeros_like(young)], axis=1)

    table = faces.table.assign(age=faces.table["age"].where(faces.table["age"] < 30))
    partial = Dataset(table, tasks=faces.tasks)
    _, everything = fit(partial, tiny(faces).freeze_backbone(), lr=1e-30, augment="none")
    sampler = OnlyYoung()
    _, young = fit(
        partial, tiny(faces).freeze_backbone(), sampler=sampler, lr=1e-30, augment="none"
    )
    assert sampler.epochs == [0, 1]
    # The labelled ages are the same ones; genders are those of fewer images.
    assert (
        young.history_["train_gender_loss"].iloc[0]
        != everything.history_["train_gender_loss"].iloc[0]
    )


@pytest.mark.parametrize(
    "plan",
    [
        np.zeros((3,), int),
        np.array([[99, 0], [0, 0]]),
        [[1, 0], [2]],
        np.zeros((0, 2), int),
        np.ones((4, 2)),
    ],
)
def test_a_wrong_plan_is_refused(faces, plan):
    class Wrong:
        def plan(self, epoch):
            return plan

    with pytest.raises(InvalidArgumentError, match="plan"):
        fit(faces, sampler=Wrong())


def test_small_batches_never_hold_one_image(faces):
    odd = faces.select(np.arange(40) < 15)
    model = Model(tasks=faces.tasks, weights=None, image_size=32)
    _, trainer = fit(odd, model, batch_size=2, epochs=1)
    assert len(trainer.history_) == 1


@pytest.mark.parametrize("n", [2, 3, 7, 9])
def test_fewer_images_than_a_batch(faces, n):
    by_turns = faces.table.groupby("gender").cumcount().sort_values(kind="stable").index[:n]
    few = faces.select(faces.table["sample_id"].iloc[by_turns].tolist())
    _, trainer = fit(few, batch_size=64)
    assert len(trainer.history_) == 2


def test_one_image_is_too_few(faces):
    with pytest.raises(DataError, match="too few"):
        fit(faces.select(faces.table["sample_id"].iloc[:1].tolist()), tiny(faces))


def test_one_class_only(faces):
    women = faces.select((faces.table["gender"] == "female").to_numpy())
    with pytest.raises(TrainingError) as caught:
        fit(women)
    assert "'female'" in caught.value.found


def test_no_label_at_all(faces):
    table = faces.table.assign(age=np.nan)
    with pytest.raises(FaceAttrError, match="age"):
        fit(Dataset(table, tasks=faces.tasks))


def test_an_unreadable_image_is_named(tmp_path, faces):
    on_disk = faces_on_disk(faces, tmp_path)
    (tmp_path / "7.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        fit(on_disk)
    assert any("000007" in row or "7.png" in row for row in caught.value.rows)


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"model": "net"}, InvalidTypeError, "model"),
        ({"train": "folder"}, InvalidTypeError, "train"),
        ({"valid": 3}, InvalidTypeError, "valid"),
        ({"config": TrainConfig(restore="best")}, InvalidArgumentError, "valid"),
        ({"config": TrainConfig(schedule="plateau")}, InvalidArgumentError, "valid"),
        ({"config": TrainConfig(monitor="height/mae")}, InvalidArgumentError, "monitor"),
        ({"config": TrainConfig(monitor="age/speed")}, InvalidArgumentError, "monitor"),
        ({"config": TrainConfig(monitor="age/bias")}, InvalidArgumentError, "monitor"),
        ({"config": TrainConfig(loss_weights={"x": 1})}, InvalidArgumentError, "loss_weights"),
        ({"config": {"epochs": 3}}, InvalidTypeError, "config"),
    ],
)
def test_wrong_arguments_are_named(faces, change, error, named):
    arguments = {"model": tiny(faces), "train": faces, "valid": None, "config": QUICK, **change}
    config = arguments.pop("config")
    with pytest.raises(error) as caught:
        Trainer(config, progress=False).fit(**arguments)
    assert caught.value.argument == named


def test_train_and_valid_must_not_share_images(faces):
    with pytest.raises(DataError) as caught:
        fit(faces, valid=faces.select(np.arange(40) < 3))
    assert len(caught.value.rows) == 3


def test_tasks_must_agree(faces):
    age_only = Dataset(faces.table, tasks=[faces.tasks["age"]])
    with pytest.raises(InvalidArgumentError, match="gender"):
        fit(age_only, tiny(faces))
    other = Dataset(
        faces.table, tasks=[RegressionTask("age", bounds=(0, 200)), faces.tasks["gender"]]
    )
    with pytest.raises(InvalidArgumentError, match="mean different things"):
        fit(other, tiny(faces))


def test_trainer_predict_is_model_predict(faces):
    model, trainer = fit(faces)
    expected = model.predict(faces)
    table = trainer.predict(model, faces, batch_size=7)
    assert table.columns.tolist() == expected.columns.tolist()
    np.testing.assert_allclose(table["age_pred"], expected["age_pred"], atol=1e-4)
    with pytest.raises(InvalidTypeError):
        trainer.predict(model, "folder")


def test_constructor_only_stores():
    trainer = Trainer(config="nonsense", cache_folder="/no/such/place")
    assert trainer.config == "nonsense"
    assert not hasattr(trainer, "history_")


def test_numbers_of_numpy_are_those_of_python(tmp_path):
    faces = drawings(16)
    settings = {"seed": np.int64(0), "lr": np.float32(0.01), "epochs": np.int64(1)}
    config = TrainConfig(batch_size=8, loss_weights={"gender": np.float32(0.5)}, **settings)
    assert {type(config.seed), type(config.epochs)} == {int}
    assert type(config.lr) is float
    model = tiny(faces)
    sampler = BalancedSampler(faces, "gender", seed=np.int64(1), strength=np.float32(0.5))
    trainer = Trainer(config, progress=False, checkpoint_folder=tmp_path / "checkpoints")
    trainer.fit(model, faces, sampler=sampler)
    model.save_pretrained(tmp_path / "model")
    assert TrainConfig.study(epochs=np.int64(18)).cycle_epochs == 15


def test_weights_of_images_follow_their_rows():
    faces = drawings(16)
    ages = faces.table["age"] + 1
    plain = fit(faces, sample_weight=ages)[0]
    for shuffled in (ages[::-1], pd.Series(ages.to_numpy(), faces.table["sample_id"])[::-1]):
        assert same(state(fit(faces, sample_weight=shuffled)[0]), state(plain))
