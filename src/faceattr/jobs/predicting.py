"""Predict image files with a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._checks import table_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_prediction"]


def run_prediction(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    output: str | Path | None = None,
    batch_size: int = 64,
    progress: bool = False,
) -> pd.DataFrame:
    """Predict images with a saved model.

    Parameters
    ----------
    model : path
        The folder that a training job or `Model.save_pretrained` wrote.
    inputs : path or sequence of paths
        Files and folders. Of a single folder the ids are relative to it; else they are the paths.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table.
    batch_size : int, default 64
        Images a forward pass.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        The predictions table of `Model.predict`: one row an image, with the reason in ``error``
        where it could not be read.

    Raises
    ------
    ModelFileError
        If there is no saved model, or it is damaged.
    InvalidArgumentError
        If there is nothing to predict, or `output` is no name of a table.
    OutputError
        If `output` cannot be written.
    """
    target = None if output is None else table_file(output, "output")
    images = _images([inputs] if isinstance(inputs, str | Path) else list(inputs))
    from faceattr.models import Model
    from faceattr.tables import write_table

    loaded = Model.from_pretrained(model)
    table = loaded.predict(images, batch_size=batch_size, progress=progress)
    if target is not None:
        write_table(table, target)
    return table


def _images(inputs: list[str | Path]) -> Path | list[str | Path]:
    from faceattr.images import find_images

    if not inputs:
        raise InvalidArgumentError(
            "nothing to predict", argument="inputs", expected="a path or more"
        )
    if len(inputs) == 1 and Path(inputs[0]).is_dir():
        return Path(inputs[0])
    images: list[str | Path] = []
    for item in inputs:
        found: Sequence[str | Path] = find_images(item) if Path(item).is_dir() else [item]
        if not found:
            raise InvalidArgumentError(
                "the folder holds no image", argument="inputs", found=str(item)
            )
        images += found
    return images
