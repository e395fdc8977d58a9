"""Predict image files with a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceattr._validation import check_integer
from faceattr.exceptions import DataError, InvalidArgumentError
from faceattr.jobs._checks import table_file
from faceattr.jobs._loading import load_saved
from faceattr.jobs._parts import (
    ListedImages,
    Listing,
    Part,
    check_part,
    list_folder,
    list_paths,
    record_part,
)
from faceattr.tables._disk import file_digest

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.faces import FaceDetector
    from faceattr.tables import Shard

__all__ = [
    "PredictionCounts",
    "PredictionFile",
    "image_paths",
    "run_prediction",
    "stream_prediction",
]


@dataclass
class PredictionCounts:
    """How many images and rows there are, and what has no prediction.

    Attributes
    ----------
    images : int
        Images that were asked for.
    rows : int
        Rows of the table: one an image, or one a face.
    failed : int
        Rows without a prediction.
    first_failed : tuple of (str, str), optional
        The id of the first of these, and the reason.
    """

    images: int
    rows: int = 0
    failed: int = 0
    first_failed: tuple[str, str] | None = None

    def add(self, table: pd.DataFrame) -> None:
        """Count the rows of a table, or of a piece of it."""
        failed = table[table["error"] != ""]
        if self.first_failed is None and len(failed):
            self.first_failed = (failed["sample_id"].iloc[0], failed["error"].iloc[0])
        self.rows += len(table)
        self.failed += len(failed)


@dataclass(frozen=True)
class PredictionFile:
    """Predictions in a file.

    Attributes
    ----------
    path : Path
        The table.
    counts : PredictionCounts
    """

    path: Path
    counts: PredictionCounts


_OF_A_MODEL = "model.safetensors"
"""The file by which a folder of a model is known, before torch is loaded."""


def run_prediction(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    output: str | Path | None = None,
    batch_size: int = 64,
    progress: bool = False,
    shard: Shard | str | None = None,
    faces: str | Path | None = None,
    runtime: str = "auto",
) -> pd.DataFrame:
    """Predict images with a saved model.

    Parameters
    ----------
    model : str or path
        The folder that a training job or `Model.save_pretrained` wrote, a bundled model, or
        ``user/name`` on the Hugging Face hub, as for `Model.from_pretrained`; or the ``.onnx`` file
        of `run_export`.
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
    faces : path, optional
        The ONNX file of a face detector (YuNet): the images are photos, and each face found in them
        is a row. Not for parts.
    runtime : {"auto", "torch", "onnx"}, default "auto"
        What computes for a folder: ONNX Runtime or torch, whose results differ in the last digits.
        ``"auto"`` takes the folder's ``model.onnx`` (`run_export`) where onnxruntime is installed
        and the file is of the same weights, and exports first where there are 50,000 images or
        more and no `shard`; else torch. All parts have to be made by the same.

    Returns
    -------
    pandas.DataFrame
        The predictions table of `Model.predict`: one row an image, with the reason in ``error``
        where it could not be read.

    Raises
    ------
    ModelFileError
        If there is no saved model or detector, or it is damaged.
    InvalidArgumentError
        If there is nothing to predict, a folder of images is one of a model, `output` is no name
        of a table, there is no such part or runtime, or faces are to be searched in parts.
    DataError
        If none of the paths exists.
    OutputError
        If `output` cannot be written.
    """
    options: dict[str, Any] = {"batch_size": batch_size, "progress": progress, "faces": faces}
    if output is not None:
        from faceattr.tables import read_table

        options |= {"output": output, "shard": shard, "runtime": runtime}
        return read_table(stream_prediction(model, inputs, **options).path)
    check_part(shard, None)
    images = image_paths([inputs] if isinstance(inputs, str | Path) else list(inputs))
    return load_saved(model, runtime, count=_count(images)).predict(images, **options)


def stream_prediction(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    output: str | Path,
    batch_size: int = 64,
    progress: bool = False,
    shard: Shard | str | None = None,
    faces: str | Path | None = None,
    runtime: str = "auto",
) -> PredictionFile:
    """Predict images into a file, for folders of any size: the table is never in memory as a whole.

    Results are written as they come, into ``<output>.parts``, and put together at the end, when
    that folder is removed. The same call goes on where an earlier one was stopped, whatever
    stopped it, and ends with the file of an undisturbed run, byte by byte on the same machine. A
    piece whose images have changed meanwhile (size or time of a file) is made again.

    Parameters
    ----------
    model, inputs
        As for `run_prediction`.
    output : path
        A ``.csv`` or ``.parquet`` file for the table.
    batch_size, progress, shard, faces, runtime
        As for `run_prediction`.

    Returns
    -------
    PredictionFile

    Raises
    ------
    ModelFileError
        If there is no saved model or detector, or it is damaged.
    InvalidArgumentError
        If there is nothing to predict, `output` is no name of a table, there is no such part or
        runtime, or faces are to be searched in parts; if an unfinished run of another model, other
        images or another batch size lies beside `output`.
    DataError
        If none of the paths exists.
    OutputError
        If `output` cannot be written, or another process makes it.
    """
    target = table_file(output, "output")
    part = check_part(shard, target)
    _check_whole(part, faces)
    check_integer(batch_size, "batch_size", low=1)
    images = image_paths([inputs] if isinstance(inputs, str | Path) else list(inputs))
    listing = _list(images, unique=part is not None)
    from faceattr.faces.watching import told_together
    from faceattr.jobs._streaming import StreamedRun, piece_size, stream_table

    detector, searching = _open_detector(faces)
    own = listing if part is None else listing.part(part.shard)
    # All parts have to be made alike, however many images each has.
    loaded = load_saved(model, runtime, count=len(own.ids) if part is None else None)
    known = loaded.describe()
    settings = {**known, **searching, **loaded.versions(), "batch_size": batch_size}
    run = StreamedRun(target, own, "predictions", settings, piece_size(batch_size))
    counts = PredictionCounts(images=len(own.ids))
    with told_together():
        stream_table(
            run,
            lambda piece: loaded.predict(
                ListedImages(piece), batch_size=batch_size, faces=detector
            ),
            watch=counts.add,
            progress=progress,
            finished=None if part is None else partial(record_part, part, listing, run.kind, known),
        )
    return PredictionFile(target, counts)


def _open_detector(faces: str | Path | None) -> tuple[FaceDetector | None, dict[str, str]]:
    """Return what finds faces, and what tells it from others."""
    if faces is None:
        return None, {}
    from faceattr.faces import FaceDetector

    detector = FaceDetector(faces)
    detector.check()
    return detector, {"faces": file_digest(Path(faces))}


def _check_whole(part: Part | None, faces: str | Path | None) -> None:
    if part is not None and faces is not None:
        raise InvalidArgumentError(
            "parts have a row an image, and faces are not known before they are found",
            argument="shard",
            expected="None where faces are searched",
            found=str(part.shard),
            hint="predict sub-folders one by one, and put their tables together with pandas.concat",
        )


def _count(images: Path | list[str | Path]) -> int:
    from faceattr.images import image_names

    return len(image_names(images)) if isinstance(images, Path) else len(images)


def _list(images: Path | list[str | Path], *, unique: bool) -> Listing:
    if not isinstance(images, Path):
        return list_paths(images, unique=unique)
    from faceattr.images import image_names

    names = image_names(images)
    if not names:
        raise _no_image(images)
    return list_folder(images, names)


def image_paths(inputs: list[str | Path]) -> Path | list[str | Path]:
    """Return the folder where one is given alone, else the files and those of folders."""
    from faceattr.images import find_images

    if not inputs:
        raise InvalidArgumentError(
            "no image is given", argument="inputs", expected="a path or more"
        )
    there = _there(inputs)
    _check_no_model(there)
    folders = {str(item) for item in there if Path(item).is_dir()}
    if len(inputs) == 1 and folders:
        return Path(inputs[0])
    images: list[str | Path] = []
    for item in inputs:
        found: Sequence[str | Path] = find_images(item) if str(item) in folders else [item]
        if not found:
            raise _no_image(item)
        images += found
    return images


def _there(inputs: list[str | Path]) -> list[str | Path]:
    """Return the paths that exist; raise if none does, as when a folder's name is mistyped."""
    there = [item for item in inputs if _exists(item)]
    if not there:
        raise DataError(
            "no such file or folder",
            argument="inputs",
            rows=list(map(str, inputs)),
            expected="image files and folders of them",
            hint=f"a relative path starts from {Path.cwd()}",
        )
    return there


def _exists(item: str | Path) -> bool:
    try:
        return Path(item).exists()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def _check_no_model(inputs: list[str | Path]) -> None:
    """Raise if a folder is one of a model, whose pictures are figures."""
    folders = [item for item in inputs if (Path(item) / _OF_A_MODEL).is_file()]
    if folders:
        raise InvalidArgumentError(
            "the folder holds a model, not images to look at",
            argument="inputs",
            rows=list(map(str, folders)),
            expected="image files and folders of them",
            found=f"a file {_OF_A_MODEL}",
            hint=f"faceattr predict INPUT... --model {folders[0]}, and explain likewise; in Python"
            " the model is the first argument",
        )


def _no_image(folder: str | Path) -> DataError:
    return DataError("the folder holds no image", argument="inputs", found=str(folder))
