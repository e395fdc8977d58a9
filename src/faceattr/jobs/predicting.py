"""Predict image files with a saved model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr._validation import check_integer
from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._checks import table_file
from faceattr.jobs._parts import (
    ListedImages,
    Listing,
    check_part,
    list_folder,
    list_paths,
    record_part,
)

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.models import Model
    from faceattr.tables import Shard

__all__ = ["PredictionFile", "image_paths", "run_prediction", "stream_prediction"]


@dataclass(frozen=True)
class PredictionFile:
    """Predictions in a file.

    Attributes
    ----------
    path : Path
        The table.
    images : int
        Its rows.
    unread : int
        Images that could not be read.
    first_unread : tuple of (str, str), optional
        The id of the first one, and the reason.
    """

    path: Path
    images: int
    unread: int
    first_unread: tuple[str, str] | None = None


def run_prediction(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    output: str | Path | None = None,
    batch_size: int = 64,
    progress: bool = False,
    shard: Shard | str | None = None,
) -> pd.DataFrame:
    """Predict images with a saved model.

    Parameters
    ----------
    model : path
        The folder that a training job or `Model.save_pretrained` wrote.
    inputs : path or sequence of paths
        Files and folders. Of a single folder the ids are relative to it; else they are the paths.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table, which is then made as by
        `stream_prediction`: the same call goes on where an earlier one was stopped.
    batch_size : int, default 64
        Images a forward pass.
    progress : bool, default False
        Show a progress bar on stderr.
    shard : Shard or str, optional
        Predict only this part of the images, such as ``"2/8"``, and write it so that `run_merge`
        puts all parts together; needs `output`, and images that are each given once.

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
        If there is nothing to predict, `output` is no name of a table, or there is no such part.
    OutputError
        If `output` cannot be written.
    """
    if output is not None:
        from faceattr.tables import read_table

        written = stream_prediction(
            model, inputs, output=output, batch_size=batch_size, progress=progress, shard=shard
        )
        return read_table(written.path)
    check_part(shard, None)
    images = image_paths([inputs] if isinstance(inputs, str | Path) else list(inputs))
    from faceattr.models import Model

    return Model.from_pretrained(model).predict(images, batch_size=batch_size, progress=progress)


def stream_prediction(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    output: str | Path,
    batch_size: int = 64,
    progress: bool = False,
    shard: Shard | str | None = None,
) -> PredictionFile:
    """Predict images into a file, for folders of any size: the table is never in memory as a whole.

    Results are written as they come, into ``<output>.parts``, and put together at the end, when
    that folder is removed. The same call goes on where an earlier one was stopped, whatever
    stopped it, and ends with the file of an undisturbed run, byte by byte on the same machine. A
    piece whose images have changed meanwhile (size or time of a file) is made again.

    Parameters
    ----------
    model, inputs, batch_size, progress, shard
        As for `run_prediction`.
    output : path
        A ``.csv`` or ``.parquet`` file for the table.

    Returns
    -------
    PredictionFile

    Raises
    ------
    ModelFileError
        If there is no saved model, or it is damaged.
    InvalidArgumentError
        If there is nothing to predict, `output` is no name of a table, or there is no such part;
        if an unfinished run of another model, other images or another batch size lies beside
        `output`.
    OutputError
        If `output` cannot be written, or another process makes it.
    """
    target = table_file(output, "output")
    part = check_part(shard, target)
    check_integer(batch_size, "batch_size", low=1)
    images = image_paths([inputs] if isinstance(inputs, str | Path) else list(inputs))
    listing = _list(images, unique=part is not None)
    from faceattr.jobs._streaming import StreamedRun, piece_size, stream_table
    from faceattr.models import Model

    loaded = Model.from_pretrained(model)
    own = listing if part is None else listing.part(part.shard)
    known = _describe(loaded, Path(model))
    settings = {**known, "torch": version("torch"), "batch_size": batch_size}
    run = StreamedRun(target, own, "predictions", settings, piece_size(batch_size))
    unread = _Unread()
    stream_table(
        run,
        lambda piece: loaded.predict(ListedImages(piece), batch_size=batch_size),
        watch=unread.count,
        progress=progress,
        finished=None if part is None else partial(record_part, part, listing, run.kind, known),
    )
    return PredictionFile(target, len(own.ids), unread.number, unread.first)


class _Unread:
    """Counts the images that could not be read."""

    def __init__(self) -> None:
        self.number = 0
        self.first: tuple[str, str] | None = None

    def count(self, table: pd.DataFrame) -> None:
        failed = table[table["error"] != ""]
        if self.first is None and len(failed):
            self.first = (failed["sample_id"].iloc[0], failed["error"].iloc[0])
        self.number += len(failed)


def _list(images: Path | list[str | Path], *, unique: bool) -> Listing:
    if not isinstance(images, Path):
        return list_paths(images, unique=unique)
    from faceattr.images import image_names

    names = image_names(images)
    if not names:
        raise _no_image(images)
    return list_folder(images, names)


def _describe(model: Model, folder: Path) -> dict[str, str | int]:
    """Tell by what the predictions are made, so that no other model's are put among them."""
    from faceattr.models.pretrained import CONFIG_NAME, WEIGHTS_NAME

    digests = {name: _sha256(folder / name) for name in (CONFIG_NAME, WEIGHTS_NAME)}
    return {**digests, "image_size": model.image_size}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def image_paths(inputs: list[str | Path]) -> Path | list[str | Path]:
    """Return the folder where one is given alone, else the files and those of folders."""
    from faceattr.images import find_images

    if not inputs:
        raise InvalidArgumentError(
            "no image is given", argument="inputs", expected="a path or more"
        )
    if len(inputs) == 1 and Path(inputs[0]).is_dir():
        return Path(inputs[0])
    images: list[str | Path] = []
    for item in inputs:
        found: Sequence[str | Path] = find_images(item) if Path(item).is_dir() else [item]
        if not found:
            raise _no_image(item)
        images += found
    return images


def _no_image(folder: str | Path) -> InvalidArgumentError:
    return InvalidArgumentError("the folder holds no image", argument="inputs", found=str(folder))
