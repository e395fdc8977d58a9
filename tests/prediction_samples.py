"""Predictions to evaluate: ages and genders, drawn by seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet


def make_predictions(n: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 117, n).astype(np.float64)
    female = rng.random(n)
    truth = np.where(rng.random(n) < female, "female", "male")
    return pd.DataFrame(
        {
            "sample_id": [f"{i:05}.jpg" for i in range(n)],
            "path": [f"/data/{i:05}.jpg" for i in range(n)],
            "age": age,
            "age_pred": np.clip(age + rng.normal(0, 4 + age / 20), 0, 116),
            "gender": truth,
            "gender_pred": np.where(female > 0.5, "female", "male"),
            "gender_prob_male": 1 - female,
            "gender_prob_female": female,
            "error": "",
        }
    )


TASKS = TaskSet(
    [
        RegressionTask("age", unit="years", bounds=(0, 116)),
        ClassificationTask("gender", classes=("male", "female")),
    ]
)
