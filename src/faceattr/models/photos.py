"""From photos to a predictions table with a row a face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import Tensor
from tqdm.auto import tqdm

from faceattr._requests import ImagesInput, gather_requests
from faceattr._validation import check_integer
from faceattr.faces import Detector
from faceattr.faces.detector import as_detector
from faceattr.faces.searching import FaceRows, search_photos
from faceattr.images import UInt8Image
from faceattr.models.predict import evaluation_mode, forward, predictions_table

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = ["predict_photos"]


def predict_photos(
    model: Model,
    inputs: ImagesInput,
    faces: Detector | str | Path,
    *,
    batch_size: int,
    progress: bool = False,
) -> pd.DataFrame:
    """Find the faces of photos and predict each; what `Model.predict` does with `faces`.

    Photos are read once, and only the chips of a few are held at any time.
    """
    check_integer(batch_size, "batch_size", low=1)
    detector = as_detector(faces)
    requests = gather_requests(inputs)
    rows = FaceRows(requests)
    positions: list[int] = []
    waiting: list[UInt8Image] = []
    outputs: list[dict[str, Tensor]] = []
    found = search_photos(requests, detector, model.image_size)
    with evaluation_mode(model):
        for searched in tqdm(found, total=len(requests), unit="photo", disable=not progress):
            positions += rows.add(searched)
            waiting += searched.chips
            while len(waiting) >= batch_size:
                outputs.append(forward(model, np.stack(waiting[:batch_size])))
                del waiting[:batch_size]
        if waiting:
            outputs.append(forward(model, np.stack(waiting)))
    where = np.array(positions, dtype=np.int64)
    return predictions_table(model, rows.to_table(), where, outputs, rows.errors)
