"""Predictions to calibrate: ages whose errors grow with age, genders that are too sure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet

TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female")),
    ]
)


def make_predictions(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """Return predictions with everything that a calibration may use."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(0, 90, n)
    std = 1 + age / 10
    guess = np.clip(age + rng.normal(0, std), 0, 116)
    logit = rng.normal(0, 2, n)
    truth = np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), "female", "male")
    female = 1 / (1 + np.exp(-2.5 * logit))  # two and a half times too sure
    return pd.DataFrame(
        {
            "sample_id": [f"{i:05}.jpg" for i in range(n)],
            "age": age,
            "age_pred": guess,
            "age_std": std,
            "age_q05": np.maximum(guess - std, 0),
            "age_q95": np.minimum(guess + std, 116),
            "gender": truth,
            "gender_pred": np.where(female > 0.5, "female", "male"),
            "gender_prob_male": 1 - female,
            "gender_prob_female": female,
            "camera": np.array(["phone", "webcam", "scanner"])[rng.integers(0, 3, n)],
            "error": "",
        }
    )
