"""The trainer: one call from data sets to a trained model and its history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr.data import Dataset, ImageCache
from faceattr.data.sampling import Plan
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models import Model
from faceattr.training.batches import Sampler
from faceattr.training.checks import (
    check_calls,
    check_fit,
    check_sample_weight,
    check_sampler,
    check_share,
)
from faceattr.training.config import TrainConfig
from faceattr.training.ema import clone_state
from faceattr.training.gathering import predict_in_shares
from faceattr.training.loop import EpochCallback, Run
from faceattr.training.progress import Progress
from faceattr.training.saving import RunSaver
from faceattr.training.setup import (
    Part,
    flat_settings,
    history_table,
    identify,
    make_batches,
    make_plans,
    make_validator,
    open_part,
    training_record,
)
from faceattr.training.teaching import Teacher, check_teacher

if TYPE_CHECKING:
    from faceattr.training.engine import Engine

__all__ = ["Trainer"]

_log = logging.getLogger(__name__)


class Trainer:
    """Trains models under one configuration.

    Parameters
    ----------
    config : TrainConfig, optional
        The library's recipe by default.
    progress : bool, default True
        Show a progress bar on stderr with loss, learning rate, images a second and time left.
    cache_folder : path, optional
        Where decoded images are kept; by default what ``FACEATTR_CACHE`` names, or the user's cache
        folder. It holds faces.
    checkpoint_folder : path, optional
        Where a checkpoint is written after every epoch; the last two are kept. None by default.
    trackers : sequence of str, default ()
        Where the history goes besides: accelerate's trackers by name, such as "tensorboard",
        "wandb" and "mlflow". Their packages are installed by the user.
    tracker_folder : path, optional
        For trackers that write files, such as TensorBoard.

    Attributes
    ----------
    history_ : pandas.DataFrame
        One row an epoch, after `fit`: ``epoch`` (from 1), ``lr`` (of its last step),
        ``train_loss`` (weighted sum) and ``train_<task>_loss``, ``images_per_second`` (training
        alone), ``valid_loss``, ``valid_<task>_loss`` and ``valid_<task>_<metric>`` where there is a
        validation part (of the averaged weights where there is an average), ``seconds``.
    stopped_ : str
        Why the training ended: "epochs" (all done), "patience", "callback" or "interrupt".
    rank_ : int
        This process's number; 0 where there is only one, and for the one that should write.

    Examples
    --------
    >>> from faceattr import Dataset, Model, TrainConfig, Trainer
    >>> faces = Dataset.synthetic(16, seed=0, size=32)
    >>> model = Model(tasks=faces.tasks, weights=None, image_size=32)
    >>> trainer = Trainer(TrainConfig(epochs=1, batch_size=8), progress=False).fit(model, faces)
    >>> len(trainer.history_), trainer.stopped_
    (1, 'epochs')
    """

    history_: pd.DataFrame
    stopped_: str
    rank_: int

    def __init__(
        self,
        config: TrainConfig | None = None,
        *,
        progress: bool = True,
        cache_folder: str | Path | None = None,
        checkpoint_folder: str | Path | None = None,
        trackers: Sequence[str] = (),
        tracker_folder: str | Path | None = None,
    ) -> None:
        self.config = config
        self.progress = progress
        self.cache_folder = cache_folder
        self.checkpoint_folder = checkpoint_folder
        self.trackers = trackers
        self.tracker_folder = tracker_folder

    def fit(
        self,
        model: Model,
        train: Dataset,
        valid: Dataset | None = None,
        *,
        sampler: Sampler | None = None,
        sample_weight: Sequence[float] | pd.Series | str | None = None,
        teacher: pd.DataFrame | None = None,
        on_epoch: EpochCallback | None = None,
        resume: bool = False,
    ) -> Self:
        """Train a model in place.

        Images are decoded and resized once into the cache; later epochs decode nothing. Ctrl-C ends
        the training after the current step: the model is then as after the last whole epoch, and
        `stopped_` is "interrupt".

        Parameters
        ----------
        model : Model
            Changed in place; left in evaluation mode with the weights that ``config.restore`` asks
            for, with a record of the training in ``model.info``, and without a calibration or a
            card, which are of other weights.
        train : Dataset
            At least two images, with the model's tasks. Missing labels are left out of the loss.
        valid : Dataset, optional
            Looked at after every epoch; its figures stand in the history. A task that nobody
            labelled here has none.
        sampler : BalancedSampler or object with ``plan(epoch)``, optional
            Chooses the images of an epoch: int64 (M, 2) of image index and repeat. By default every
            image once in an order that (seed, epoch) decides. One with ``check_dataset(dataset)``
            is asked whether it was made for `train`.
        sample_weight : sequence of float, Series or str, optional
            How much each training image's loss counts, at least 0, in the table's order, or as a
            Series by ``sample_id``; or the name of the column that holds it. Only the proportions
            matter: they are scaled to a mean of 1. Of mixed images each label counts by its own
            image's weight.
        teacher : pandas.DataFrame, optional
            A predictions table with all training images: what other models say of them, of which
            each label takes ``config.teacher_weight`` (Hinton et al. 2015, arXiv:1503.02531). An
            image without a label learns from the teacher alone, one without a prediction from its
            label. Predictions by models that have not seen the image, as `cross_validate` makes
            them, also tell labels that are likely wrong; they must not come from models that have
            seen images the new one is to be measured on.
        on_epoch : callable, optional
            Called after each epoch, when its checkpoint is written, with its row of the history, a
            dict of str to float, in every process. Returning True ends the training, which
            `resume` can go on with; what it raises leaves `fit`.
        resume : bool, default False
            Go on from the newest whole checkpoint in `checkpoint_folder`; without one the training
            starts at its beginning, so that the same command serves for both. On the CPU with the
            same number of threads and processes the weights are those of an undisturbed training,
            bit for bit.

        Returns
        -------
        Trainer
            Itself, with `history_` and `stopped_`.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If an argument does not fit, or `checkpoint_folder` holds checkpoints and `resume` is
            False.
        DataError
            If an image cannot be read or labels are missing altogether.
        MissingDependencyError
            If the package of a tracker is not installed.
        TrainingError
            If only one class is labelled; if a loss or gradient is no number (the images are
            named); if another training uses the folder; or if the checkpoint is that of another
            configuration, network, starting weights or data. (Those of a module of the user's own
            are not looked at: they may be drawn anew in each process.)
        OutputError
            If a checkpoint or the cache cannot be written.
        KeyboardInterrupt
            If interrupted before the first epoch was done, or twice.

        Notes
        -----
        Whatever ends `fit` before its first epoch is done leaves the model as it was.
        """
        config = self._config()
        check_fit(model, train, valid, config)
        check_calls(sampler, on_epoch)
        check_sampler(sampler, train)
        weight = check_sample_weight(sample_weight, train)
        taught = check_teacher(teacher, config.teacher_weight, model, train, valid)
        saver = self._saver(resume)
        engine = self._engine(model, config)
        check_share(train, config, engine.world_size)
        progress = Progress()
        try:
            with _as_it_was(model, progress), saver.held(engine):
                parts = self._open(model, (train, valid), engine, weight=weight, teacher=taught)
                plans = make_plans(len(train), config, sampler, engine.world_size)
                run = self._run(model, parts, engine, plans, progress)
                run.on_epoch, run.saver = on_epoch, saver
                saver.begin(run, lambda: identify(run, *parts))
                engine.start_trackers(flat_settings(config))
                run.run()
        finally:
            engine.finish(model)
        self.history_ = history_table(progress.history)
        self.stopped_ = progress.stopped
        self.rank_ = engine.rank
        model.info["training"] = training_record(run, parts, sampler, taught)
        return self

    def predict(self, model: Model, dataset: Dataset, *, batch_size: int = 64) -> pd.DataFrame:
        """Predict a data set with all processes; each returns the whole table.

        The table is that of `Model.predict`, row by row.
        """
        if not isinstance(dataset, Dataset):
            raise InvalidTypeError(
                "not a data set",
                argument="dataset",
                expected="a faceattr.Dataset",
                found=type(dataset).__name__,
                hint="model.predict takes paths, folders, arrays and images",
            )
        from faceattr.training.engine import Engine

        self._config()
        engine = Engine()
        self.rank_ = engine.rank
        return predict_in_shares(engine, model, dataset, batch_size, progress=self.progress)

    def _config(self) -> TrainConfig:
        if self.config is None:
            return TrainConfig()
        if not isinstance(self.config, TrainConfig):
            raise InvalidTypeError(
                "not a configuration",
                argument="config",
                expected="a TrainConfig",
                found=type(self.config).__name__,
                hint="Trainer(TrainConfig(epochs=10))",
            )
        return self.config

    def _saver(self, resume: bool) -> RunSaver:
        if resume and self.checkpoint_folder is None:
            raise InvalidArgumentError(
                "nothing to go on from",
                argument="resume",
                expected="a trainer with a checkpoint_folder",
                found="checkpoint_folder=None",
                hint='Trainer(config, checkpoint_folder="run/checkpoints")',
            )
        return RunSaver(self.checkpoint_folder, resume=resume)

    def _engine(self, model: Model, config: TrainConfig) -> Engine:
        # Late: accelerate takes as long to load as torch.
        from faceattr.training.engine import Engine, check_trackers

        check_trackers(self.trackers, self.tracker_folder)
        return Engine(
            config.mixed_precision,
            parts_rest=config.freeze_epochs > 0 or model.backbone_name is None,
            trackers=self.trackers,
            tracker_folder=self.tracker_folder,
        )

    def _open(
        self,
        model: Model,
        data: tuple[Dataset, Dataset | None],
        engine: Engine,
        *,
        weight: npt.NDArray[np.float32] | None,
        teacher: Teacher | None,
    ) -> tuple[Part, Part | None]:
        cache = ImageCache(self.cache_folder)
        train, valid = data
        trained = open_part(
            train, model, cache, engine, weight=weight, teacher=teacher, progress=self.progress
        )
        if valid is None:
            return trained, None
        return trained, open_part(valid, model, cache, engine, progress=self.progress)

    def _run(
        self,
        model: Model,
        parts: tuple[Part, Part | None],
        engine: Engine,
        plan: Callable[[int], Plan],
        progress: Progress,
    ) -> Run:
        train, valid = parts
        config = self._config()
        for name, labels in train.targets.labels.items():
            model.head(name).prepare(labels)
        return Run(
            model=model,
            ids=train.data.table["sample_id"].tolist(),
            batches=make_batches(train, config, engine),
            plan=plan,
            validator=None if valid is None else make_validator(valid, config, engine),
            config=config,
            engine=engine,
            progress=progress,
            show=self.progress,
        )


@contextmanager
def _as_it_was(model: Model, progress: Progress) -> Iterator[None]:
    """Leave the model unchanged where training ends before its first epoch does."""
    state, was_training = clone_state(model.state_dict()), model.training
    calibration, model.calibration = model.calibration, None
    card, model.card = model.card, None
    if calibration is not None:
        _log.warning("the model's calibration ends here: it was fitted for other weights")
    try:
        yield
    except BaseException:
        if progress.epoch == 0:
            model.load_state_dict(state)
            model.train(was_training)
            model.calibration, model.card = calibration, card
        raise
