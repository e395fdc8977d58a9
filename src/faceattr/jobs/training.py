"""Run a training job: split, train, predict what training never saw, evaluate, keep everything."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from faceattr._validation import check_output_folder
from faceattr.jobs._making import build_model, make_evaluator, open_dataset, split_dataset
from faceattr.jobs.job import TrainingJob
from faceattr.jobs.sampling import make_sampler

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.data import Dataset
    from faceattr.evaluation import BinnedEvaluator, Evaluation
    from faceattr.models import Model
    from faceattr.training import Trainer

__all__ = ["TrainingResult", "run_training"]

_log = logging.getLogger(__name__)

_SOURCES = {
    "utkface": "UTKFace, for non-commercial research only",
    "fairface": "FairFace, CC BY 4.0",
    "synthetic": "drawings, no photographs",
}


@dataclass(frozen=True)
class TrainingResult:
    """What a training job made.

    Attributes
    ----------
    model : Model
    history : pandas.DataFrame
        A row an epoch; see `Trainer`.
    predictions : pandas.DataFrame
        Of the test part.
    evaluation : Evaluation
        Of these predictions.
    folder : Path
        Where all of it was saved.
    rank : int, default 0
        This process's number; the first one has saved it.
    """

    model: Model
    history: pd.DataFrame
    predictions: pd.DataFrame
    evaluation: Evaluation
    folder: Path
    rank: int = 0


def run_training(
    job: TrainingJob, *, resume: bool = False, progress: bool = True
) -> TrainingResult:
    """Run a training job, and save what it makes.

    Settings, data, weights and the output folder are checked before the training starts. When it
    ends or is interrupted, what an earlier job left in the folder goes; it then holds the model
    (``config.json``, ``model.safetensors``), ``job.json`` (what was run, with versions), the tables
    ``history.csv``, ``split.csv``, ``rejects.csv``, and, of a training that has ended,
    ``predictions.csv`` and ``metrics.csv`` (see `faceattr.tables.read_table`), with ``history.png``
    and ``evaluation.png``; of a balanced training also ``sampling.csv`` and ``sampling.png``.
    Images are shown in it, ``gallery.png``, only where they are drawings. Checkpoints lie in its
    sub-folder ``checkpoints``. Under torchrun all processes train and predict together, and the
    first one writes.

    Parameters
    ----------
    job : TrainingJob
    resume : bool, default False
        Go on from the newest checkpoint in the output folder, where there is one.
    progress : bool, default True
        Show progress bars on stderr.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If a setting cannot be used, or the folder holds a training that was not finished and
        `resume` is False.
    OutputError
        If the output folder cannot be written to.
    DataError, WeightsError
        If the images, labels or weights cannot be used.
    TrainingError
        If the loss stops being a number, or the checkpoint is that of another training.
    KeyboardInterrupt
        If interrupted; the model of the last whole epoch is saved then.
    """
    from faceattr.jobs._saving import save_parts, save_results, save_sampling, save_training

    job.check()
    folder = check_output_folder(job.output, "output")
    faces = open_dataset(job.data, progress=progress)
    _tell_rejects(faces)
    model = build_model(job.model, faces.tasks)
    parts = split_dataset(job.split, faces)
    evaluator = _evaluator(job, model, parts["test"])
    _log.info("images: %s", ", ".join(f"{len(part):,} {name}" for name, part in parts.items()))
    sampler = make_sampler(job.sampler, parts["train"])
    if sampler is not None:
        _log.info("%s", sampler.report())
    trainer = _trainer(job, folder, resume=resume, progress=progress)
    model.info["training_data"] = _SOURCES.get(job.data.kind, Path(str(job.data.path)).name)
    trainer.fit(model, parts["train"], parts.get("valid"), sampler=sampler, resume=resume)
    if trainer.rank_ == 0:
        # At once: whatever may go wrong from here on, the training is not lost.
        save_training(model, trainer.history_, folder)
        save_parts(job, model, parts, faces.rejects, folder)
        save_sampling(sampler, folder)
    if trainer.stopped_ == "interrupt":
        raise KeyboardInterrupt
    predictions = trainer.predict(model, parts["test"])
    evaluation = evaluator.evaluate(predictions)
    result = TrainingResult(
        model, trainer.history_, predictions, evaluation, folder, rank=trainer.rank_
    )
    if trainer.rank_ == 0:
        save_results(job, result, parts["test"])
    return result


def _trainer(job: TrainingJob, folder: Path, *, resume: bool, progress: bool) -> Trainer:
    from faceattr.training import Trainer, forget_finished

    checkpoints = folder / "checkpoints"
    if not resume and os.environ.get("RANK", "0") == "0":
        forget_finished(checkpoints)
    return Trainer(job.train_config(), progress=progress, checkpoint_folder=checkpoints)


def _tell_rejects(faces: Dataset) -> None:
    rejects = faces.rejects
    if len(rejects):
        first = rejects.iloc[0]
        _log.warning(
            "%s of %s files are left out, such as %s (%s); all stand in rejects.csv",
            f"{len(rejects):,}",
            f"{len(rejects) + len(faces):,}",
            first["path"],
            first["reason"],
        )


def _evaluator(job: TrainingJob, model: Model, test: Dataset) -> BinnedEvaluator:
    """Return the evaluator, after it has done its work on labels in place of predictions."""
    make_evaluator(replace(job.evaluate, n_boot=0), test.tasks).evaluate(_as_predicted(model, test))
    return make_evaluator(job.evaluate, test.tasks)


def _as_predicted(model: Model, test: Dataset) -> pd.DataFrame:
    """Return the table of a model that is always right, and sure of it."""
    from faceattr.tables import prob_column

    truth, columns = test.table, model.predict([]).columns
    made: dict[str, pd.Series] = {}
    for name in test.tasks:
        known, start = truth[name], prob_column(name, "")
        for column in (column for column in columns if column.startswith(f"{name}_")):
            made[column] = known
            if column.startswith(start):
                right = known == column.removeprefix(start)
                made[column] = right.astype("float64").where(known.notna())
    return truth.assign(**made)
