"""What a training must achieve, on drawings and on real chips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceattr import BinnedEvaluator, Dataset, Model, TrainConfig, Trainer

WEIGHTS = "mobilenet_v3_small-imagenet1k_v1-features.safetensors"


def best_constant(train, test):
    return float((test.table["age"] - train.table["age"].median()).abs().mean())


def test_two_thousand_drawings_are_learned_from_random_weights():
    train = Dataset.synthetic(2000, seed=1, size=64)
    unseen = Dataset.synthetic(1000, seed=2, size=64)
    model = Model(tasks=train.tasks, weights=None, image_size=64)
    config = TrainConfig(epochs=12, batch_size=32, lr=0.004, augment="light")
    Trainer(config, progress=False).fit(model, train)
    evaluation = BinnedEvaluator(by=(), n_boot=0, tasks=model.tasks).evaluate(model.predict(unseen))
    assert evaluation.value("age/mae") < 0.4 * best_constant(train, unseen)
    assert evaluation.value("gender/accuracy") > 0.90


def test_a_few_hundred_real_chips(utkface_folder):
    faces = Dataset.from_utkface(utkface_folder)
    few = faces.select(faces.table["sample_id"].sample(500, random_state=0).tolist()).verify()
    train, test = few.split(train=0.8, test=0.2, seed=0)
    weights = Path(utkface_folder).parents[1] / "weights" / WEIGHTS
    model = Model(tasks=faces.tasks, weights=weights if weights.is_file() else None, image_size=64)
    config = TrainConfig(epochs=4, batch_size=32, augment="light", ema_decay=0.9)
    trainer = Trainer(config, progress=False).fit(model, train)
    losses = trainer.history_["train_loss"].to_numpy()
    assert losses[-1] < 0.9 * losses[0]
    predictions = model.predict(test)
    assert (predictions["error"] == "").all()
    assert predictions["sample_id"].tolist() == test.table["sample_id"].tolist()
    assert (predictions["age_q05"] <= predictions["age_pred"] + 1e-9).all()
    if weights.is_file():
        evaluation = BinnedEvaluator(by="age", n_boot=50).evaluate(predictions)
        assert evaluation.value("age/mae") < best_constant(train, test)
        assert evaluation.by("age", task="age")["n"].sum() == len(test)


def test_predictions_of_real_chips_do_not_depend_on_how_they_are_handed_over(utkface_folder):
    paths = sorted(Path(utkface_folder).glob("*.jpg"))[:6]
    model = Model(tasks=Dataset.synthetic(2).tasks, weights=None, image_size=64)
    by_path = model.predict(paths)
    by_bytes = model.predict([path.read_bytes() for path in paths])
    np.testing.assert_allclose(by_path["age_pred"], by_bytes["age_pred"], atol=1e-4)
    assert by_path["age_pred"].notna().all()
    assert by_path["age_pred"].iloc[0] == pytest.approx(
        model.predict(paths[0])["age_pred"].iloc[0], abs=1e-3
    )
