"""From images to the predictions table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from faceattr._validation import check_integer
from faceattr.exceptions import TableError
from faceattr.images import UInt8Image
from faceattr.models.requests import PredictInput, gather_requests, read_batches

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = [
    "concatenate_outputs",
    "images_to_tensor",
    "outputs_to_columns",
    "predict",
    "predictions_table",
]


def predict(
    model: Model, inputs: PredictInput, *, batch_size: int = 128, progress: bool = False
) -> pd.DataFrame:
    """Predict images; what `Model.predict` does."""
    check_integer(batch_size, "batch_size", low=1)
    requests = gather_requests(inputs)
    errors: dict[int, str] = {}
    outputs: list[dict[str, Tensor]] = []
    positions: list[npt.NDArray[np.int64]] = []
    with (
        evaluation_mode(model),
        tqdm(total=len(requests), unit="image", disable=not progress) as bar,
    ):
        for batch in read_batches(requests, model.image_size, batch_size):
            errors.update(batch.errors)
            positions.append(batch.positions)
            if len(batch.positions):
                outputs.append(forward(model, batch.images))
            bar.update(len(batch.positions) + len(batch.errors))
    order = np.concatenate([*positions, np.empty(0, np.int64)])
    return predictions_table(model, requests.table, order, outputs, errors)


def predictions_table(
    model: Model,
    table: pd.DataFrame,
    positions: npt.NDArray[np.int64],
    outputs: Iterable[dict[str, Tensor]],
    errors: dict[int, str],
) -> pd.DataFrame:
    """Put outputs beside the rows that asked for them.

    Parameters
    ----------
    model : Model
        Whose heads say what the outputs mean.
    table : pandas.DataFrame of n rows
        What is known of each request.
    positions : numpy.ndarray of int64, shape (m,)
        The row that each output belongs to.
    outputs : iterable of dict of str to torch.Tensor
        Raw outputs, batch by batch, m rows in all.
    errors : dict of int to str
        Reasons, by row, for what has no output.

    Returns
    -------
    pandas.DataFrame of n rows
    """
    columns = outputs_to_columns(model, outputs)
    _check_free([*columns, "error"], table)
    filled = {name: _at(values, positions, len(table)) for name, values in columns.items()}
    reasons = pd.Series([errors.get(row, "") for row in range(len(table))], dtype="str")
    known = table.reset_index(drop=True)
    return pd.concat(
        [known, pd.DataFrame(filled, index=known.index), reasons.rename("error")], axis=1
    )


def outputs_to_columns(
    model: Model, outputs: Iterable[dict[str, Tensor]]
) -> dict[str, npt.NDArray[Any]]:
    """Turn raw outputs, batch by batch, into columns."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, values in concatenate_outputs(model, outputs).items():
        columns.update(model.head(name).columns(values))
    return columns


def concatenate_outputs(model: Model, outputs: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Put raw outputs of batches together; tensors of no rows where there is no batch."""
    batches = list(outputs)
    empty = {
        name: torch.empty(0, model.head(name).output_size(task))
        for name, task in model.tasks.items()
    }
    return {name: torch.cat([batch[name] for batch in batches] or [empty[name]]) for name in empty}


def images_to_tensor(images: UInt8Image, device: torch.device | None = None) -> Tensor:
    """View uint8 ``(N, H, W, 3)`` as a channels-last tensor ``(N, 3, H, W)``, without a copy."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return tensor if device is None else tensor.to(device, non_blocking=True)


def forward(model: Model, images: UInt8Image) -> dict[str, Tensor]:
    """Return raw outputs of uint8 images ``(N, H, W, 3)``, on the CPU."""
    with torch.inference_mode():
        outputs = model(images_to_tensor(images, model.mean.device))
    return {name: values.float().cpu() for name, values in outputs.items()}


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """Set a model to evaluation for a while, then back to what it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _check_free(names: Iterable[str], table: pd.DataFrame) -> None:
    taken = [name for name in names if name in table]
    if taken:
        raise TableError(
            "columns of the data set have the names of predictions",
            rows=taken,
            hint="rename these columns of the data set",
        )


def _at(values: npt.NDArray[Any], positions: npt.NDArray[np.int64], n: int) -> pd.Series:
    if values.dtype == object:
        names = pd.Series(pd.NA, index=range(n), dtype="str")
        names.iloc[positions] = values
        return names
    column = np.full(n, np.nan)
    column[positions] = values
    return pd.Series(column)
