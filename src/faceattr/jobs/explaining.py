"""Explain the predictions of image files by a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr._validation import check_output_folder
from faceattr.exceptions import FaceAttrError
from faceattr.jobs.predicting import image_paths

if TYPE_CHECKING:
    from faceattr.explain import Explanations

__all__ = ["run_explanation"]

_MOST_DRAWN = 48


def run_explanation(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    method: str = "lime",
    segments: str = "face",
    num_samples: int = 500,
    seed: int = 0,
    output: str | Path | None = None,
    progress: bool = False,
) -> Explanations:
    """Explain what a saved model predicts of images, for all of its tasks.

    Parameters
    ----------
    model : str or path
        As in `run_prediction`.
    inputs : path or sequence of paths
        Files and folders, as in `run_prediction`.
    method, segments, num_samples, seed
        As in `faceattr.Explainer`.
    output : path, optional
        A folder for ``weights.csv``, ``grades.csv``, ``errors.csv`` (the images that could not be
        read), ``explanations.html`` and a picture a task of the first 48 images, ``<task>.png``.
        The last two show faces.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    Explanations

    Raises
    ------
    ModelFileError
        If there is no saved model, or it is damaged.
    InvalidArgumentError
        If there is no such method or segmentation, a number is outside its limits, or a folder of
        images is one of a model.
    DataError
        If none of the paths exists.
    ImageReadError
        If none of the images can be read.
    OutputError
        If `output` cannot be written.
    """
    from faceattr.explain import Explainer

    folder = None if output is None else check_output_folder(output, "output")
    images = image_paths([inputs] if isinstance(inputs, str | Path) else list(inputs))
    from faceattr.models import Model

    explainer = Explainer(
        Model.from_pretrained(model),
        method=method,
        segments=segments,
        num_samples=num_samples,
        seed=seed,
    )
    found = explainer.explain(images, progress=progress)
    if folder is not None:
        _write(found, folder)
    return found


def _write(found: Explanations, folder: Path) -> None:
    from faceattr.tables import write_table

    for task in _tasks_before(folder / "weights.csv") - set(found.tasks):
        (folder / f"{task}.png").unlink(missing_ok=True)
    write_table(found.to_frame(), folder / "weights.csv")
    write_table(found.grades(), folder / "grades.csv")
    write_table(found.errors, folder / "errors.csv")
    found.to_html(folder / "explanations.html")
    for task in found.tasks:
        found[:_MOST_DRAWN].plot(task).savefig(folder / f"{task}.png", dpi=110)


def _tasks_before(weights: Path) -> set[str]:
    """Return the tasks of the explanations that are about to be replaced; their pictures go too."""
    from faceattr.tables import read_table

    try:
        tasks = set(read_table(weights)["task"].dropna().astype(str))
    except (FaceAttrError, KeyError):
        return set()  # none, or no table of ours
    return {task for task in tasks if Path(task).name == task}
