"""Predictions about drawings, whose errors are made up: for pages with pictures and no face."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceattr import Dataset


def drawings(n: int = 90, seed: int = 0) -> tuple[Dataset, pd.DataFrame]:
    """Return drawn faces, and a table of predictions about them."""
    faces = Dataset.synthetic(n, seed=seed, size=64)
    rng = np.random.default_rng(seed)
    table = faces.table[["sample_id", "path", "age", "gender"]].copy()
    table["age_pred"] = np.clip(table["age"] + rng.normal(1, 6, n), 0, 116)
    sure = np.clip(rng.beta(5, 2, n), 0.01, 0.99)  # of the true class
    female = np.where(table["gender"] == "female", sure, 1 - sure)
    table["gender_pred"] = np.where(female > 0.5, "female", "male")
    table["gender_prob_male"], table["gender_prob_female"] = 1 - female, female
    return faces, table
