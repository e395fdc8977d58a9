"""Prediction by several processes: each takes a share, all get the whole table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from faceattr.data import Dataset
from faceattr.exceptions import TrainingError
from faceattr.models import Model
from faceattr.models.predict import predict
from faceattr.training.engine import Engine

__all__ = ["predict_in_shares"]


def predict_in_shares(
    engine: Engine, model: Model, dataset: Dataset, batch_size: int, *, progress: bool
) -> pd.DataFrame:
    """Predict every `world_size`-th row in each process, then put all rows in order.

    Raises
    ------
    TrainingError
        If the processes together did not return every row exactly once.
    """
    model = model.to(engine.device)
    engine.agree(model)
    own = np.arange(len(dataset))[engine.rank :: engine.world_size]
    show = progress and engine.is_main
    part = predict(model, _Share(dataset, own), batch_size=batch_size, progress=show)
    gathered = engine.gather((own, part))
    positions = np.concatenate([rows for rows, _ in gathered])
    table = pd.concat([rows for _, rows in gathered], ignore_index=True)
    order = np.argsort(positions)
    if not np.array_equal(positions[order], np.arange(len(dataset))):
        raise TrainingError("the processes did not return every row exactly once")
    return table.iloc[order].reset_index(drop=True)


class _Share:
    """Some rows of a data set, as prediction sees it."""

    def __init__(self, dataset: Dataset, positions: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        self._dataset = dataset
        self._positions = positions
        self.table = dataset.table.iloc[positions].reset_index(drop=True)

    def read(self, position: int) -> Any:
        return self._dataset.read(int(self._positions[position]))
