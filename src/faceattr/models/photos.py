"""From photos to a predictions table with a row a face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from faceattr._requests import ImagesInput, gather_requests
from faceattr._validation import check_integer
from faceattr.faces import Detector
from faceattr.faces.detector import as_detector
from faceattr.faces.searching import FaceRows, search_photos
from faceattr.images import UInt8Image
from faceattr.models.predict import predictions_table

if TYPE_CHECKING:
    from faceattr.models.runtimes import Outputs, Runtime

__all__ = ["predict_photos"]


def predict_photos(
    runtime: Runtime,
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
    outputs: list[Outputs] = []
    found = search_photos(requests, detector, runtime.image_size)
    with runtime.working():
        for searched in tqdm(found, total=len(requests), unit="photo", disable=not progress):
            positions += rows.add(searched)
            waiting += searched.chips
            while len(waiting) >= batch_size:
                outputs.append(runtime.run(np.stack(waiting[:batch_size])))
                del waiting[:batch_size]
        if waiting:
            outputs.append(runtime.run(np.stack(waiting)))
    where = np.array(positions, dtype=np.int64)
    return predictions_table(runtime, rows.to_table(), where, outputs, rows.errors)
