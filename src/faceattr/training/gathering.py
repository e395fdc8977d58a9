"""Prediction by several processes: each takes a share, all get the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer
from faceattr.data import Dataset
from faceattr.exceptions import TrainingError
from faceattr.models import Model
from faceattr.models.predict import predict
from faceattr.models.torch_runtime import TorchRuntime

if TYPE_CHECKING:
    from faceattr.training.engine import Engine

__all__ = ["predict_in_shares"]


def predict_in_shares(
    engine: Engine, model: Model, dataset: Dataset, batch_size: int, *, progress: bool
) -> pd.DataFrame:
    """Predict every `world_size`-th batch in each process, then put all rows in order.

    The batches are those of one process, so that each image goes through the same arithmetic.

    Raises
    ------
    TrainingError
        If the processes together did not return every row exactly once.
    """
    check_integer(batch_size, "batch_size", low=1)
    model = model.to(engine.device)
    engine.agree(model)
    own = _own_batches(len(dataset), batch_size, engine.rank, engine.world_size)
    show = progress and engine.is_main
    share = _Share(dataset, own)
    part = predict(TorchRuntime(model), share, batch_size=batch_size, progress=show)
    gathered = engine.gather((own, part))
    positions = np.concatenate([rows for rows, _ in gathered])
    table = pd.concat([rows for _, rows in gathered], ignore_index=True)
    order = np.argsort(positions)
    if not np.array_equal(positions[order], np.arange(len(dataset))):
        raise TrainingError("the processes did not return every row exactly once")
    return table.iloc[order].reset_index(drop=True)


def _own_batches(n: int, batch_size: int, rank: int, world_size: int) -> npt.NDArray[np.int64]:
    positions = np.arange(n)
    return np.flatnonzero((positions // batch_size) % world_size == rank).astype(np.int64)


class _Share:
    """Some rows of a data set, as prediction sees it."""

    def __init__(self, dataset: Dataset, positions: npt.NDArray[np.int64]) -> None:
        self._dataset = dataset
        self._positions = positions
        self.table = dataset.table.iloc[positions].reset_index(drop=True)

    def read(self, position: int) -> Any:
        return self._dataset.read(int(self._positions[position]))
