"""The trainer: one call from data sets to a trained model and its history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Self

import pandas as pd

from faceattr.data import Dataset, ImageCache
from faceattr.exceptions import InvalidTypeError
from faceattr.models import Model
from faceattr.training.augment import POLICIES
from faceattr.training.batches import Batches, Sampler
from faceattr.training.checks import check_fit, check_share
from faceattr.training.config import TrainConfig
from faceattr.training.engine import Engine
from faceattr.training.gathering import predict_in_shares
from faceattr.training.loop import Run
from faceattr.training.validation import Validator

__all__ = ["Trainer"]


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

    Attributes
    ----------
    history_ : pandas.DataFrame
        One row an epoch, after `fit`: ``epoch`` (from 1), ``lr`` (of its last step),
        ``train_loss`` (weighted sum) and ``train_<task>_loss``, ``images_per_second`` (training
        alone), ``valid_loss``, ``valid_<task>_loss`` and ``valid_<task>_<metric>`` where there is a
        validation part (of the averaged weights where there is an average), ``seconds``.

    Examples
    --------
    >>> from faceattr import Dataset, Model, TrainConfig, Trainer
    >>> faces = Dataset.synthetic(16, seed=0, size=32)
    >>> model = Model(tasks=faces.tasks, weights=None, image_size=32)
    >>> trainer = Trainer(TrainConfig(epochs=1, batch_size=8), progress=False).fit(model, faces)
    >>> len(trainer.history_)
    1
    """

    history_: pd.DataFrame

    def __init__(
        self,
        config: TrainConfig | None = None,
        *,
        progress: bool = True,
        cache_folder: str | Path | None = None,
    ) -> None:
        self.config = config
        self.progress = progress
        self.cache_folder = cache_folder

    def fit(
        self,
        model: Model,
        train: Dataset,
        valid: Dataset | None = None,
        *,
        sampler: Sampler | None = None,
    ) -> Self:
        """Train a model in place.

        Images are decoded and resized once into the cache; later epochs decode nothing.

        Parameters
        ----------
        model : Model
            Changed in place; left in evaluation mode with the weights that ``config.restore`` asks
            for, and with a record of the training in ``model.info``.
        train : Dataset
            At least two images, with the model's tasks. Missing labels are left out of the loss.
        valid : Dataset, optional
            Looked at after every epoch; its figures stand in the history.
        sampler : object with ``plan(epoch)``, optional
            Chooses the images of an epoch: int64 (M, 2) of image index and repeat. By default every
            image once in an order that (seed, epoch) decides.

        Returns
        -------
        Trainer
            Itself, with `history_`.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If an argument does not fit.
        DataError
            If an image cannot be read or labels are missing altogether.
        TrainingError
            If only one class is labelled, or the loss stops being a number.
        """
        config = self._config()
        check_fit(model, train, valid, config)
        started = time.perf_counter()
        engine = Engine(config.mixed_precision, parts_rest=config.freeze_epochs > 0)
        check_share(train, engine.world_size)
        run = Run(
            model=model,
            train=train,
            batches=self._batches(model, train, engine, config),
            validator=None if valid is None else self._validator(model, valid, engine, config),
            config=config,
            engine=engine,
            sampler=sampler,
            progress=self.progress,
        )
        try:
            run.run()
        finally:
            engine.finish(model)
        self.history_ = pd.DataFrame(run.history).astype({"epoch": "int64"})
        model.info["training"] = {
            "config": config.to_dict(),
            "images": {"train": len(train), "valid": 0 if valid is None else len(valid)},
            "labels": {name: int(train.table[name].notna().sum()) for name in model.tasks},
            "seconds": round(time.perf_counter() - started, 1),
        }
        return self

    def predict(self, model: Model, dataset: Dataset, *, batch_size: int = 128) -> pd.DataFrame:
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
        engine = Engine(self._config().mixed_precision)
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

    def _batches(
        self, model: Model, train: Dataset, engine: Engine, config: TrainConfig
    ) -> Batches:
        labels = {name: model.head(name).encode(train.table) for name in model.tasks}
        for name, values in labels.items():
            model.head(name).prepare(values)
        return Batches(
            images=self._open(train, model),
            labels=labels,
            labelled={n: model.head(n).labelled(v).numpy() for n, v in labels.items()},
            policy=POLICIES.get(config.augment, argument="augment"),
            seed=config.seed,
            batch_size=config.batch_size,
            rank=engine.rank,
            world_size=engine.world_size,
            device=engine.device,
        )

    def _validator(
        self, model: Model, valid: Dataset, engine: Engine, config: TrainConfig
    ) -> Validator:
        labels = {name: model.head(name).encode(valid.table) for name in model.tasks}
        return Validator(self._open(valid, model), valid.table, labels, config, engine)

    def _open(self, dataset: Dataset, model: Model) -> Any:
        return ImageCache(self.cache_folder).open(dataset, model.image_size, progress=self.progress)
