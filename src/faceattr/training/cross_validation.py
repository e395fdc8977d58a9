"""Cross-validation: a prediction of every image by a model that has not seen it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from faceattr._validation import check_integer
from faceattr.data import Dataset
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError
from faceattr.models import Model
from faceattr.tables import read_table, write_table
from faceattr.tables.files import check_columns
from faceattr.training.batches import Sampler
from faceattr.training.checks import check_fit
from faceattr.training.config import TrainConfig
from faceattr.training.identity import folds_identity
from faceattr.training.runs import check_run
from faceattr.training.saving import forget_finished
from faceattr.training.trainer import Trainer

__all__ = ["FOLD", "cross_validate"]

_log = logging.getLogger(__name__)

FOLD = "fold"
"""The column that tells which fold an image was held out in."""


def cross_validate(
    dataset: Dataset,
    model_factory: Callable[[], Model],
    config: TrainConfig | None = None,
    k: int | str = 5,
    *,
    groups: str | None = "duplicates",
    sampler: Callable[[Dataset], Sampler] | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict every image by a model that was trained without it.

    The images are divided into k folds (`Dataset.folds`, by ``config.seed``); k models are trained,
    each on all folds but one, and predict the one left out. It costs k trainings.

    Parameters
    ----------
    dataset : Dataset
        With the model's tasks. Images without a label are predicted like all others.
    model_factory : callable
        Returns a new model each time, without arguments: ``lambda: Model(tasks=ds.tasks)``. One
        that is not random gives each fold the same start.
    config : TrainConfig, optional
        The library's recipe by default. There is no validation part, so what looks at one
        (``restore="best"``, ``schedule="plateau"``, `patience`) is refused.
    k : int or str, default 5
        Folds, at least 2; or the column that names each image's fold, such as the official ones of
        a data set (see `Dataset.parts`), which are numbered by their names, short ones first.
    groups : str, optional
        What no fold divides: "duplicates" by default, a column, or None; see `Dataset.split`. Of
        given folds it is told where they do.
    sampler : callable, optional
        Returns the sampler of a training part: ``lambda train: BalancedSampler(train, "age")``.
    folder : path, optional
        Where checkpoints and each fold's ``predictions.csv`` and ``history.csv`` are kept. The same
        call goes on where an earlier one was stopped, and ends with the same table; on the CPU with
        the same number of threads bit for bit.
    progress : bool, default True
        Show progress bars on stderr.

    Returns
    -------
    pandas.DataFrame
        A predictions table, a row an image in the data set's order, with a column ``fold`` (int64,
        from 0). `BinnedEvaluator` and `Dataset.audit` take it.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError, DataError
        If an argument does not fit; before anything is trained where that can be told.
    TrainingError
        If `folder` holds the folds of another configuration, network, starting weights, sampler or
        data, or a training fails; see `Trainer.fit`.
    TableError
        If `folder` is given and the data set has a column that no file keeps.
    OutputError
        If `folder` cannot be written to.
    KeyboardInterrupt
        If interrupted; what `folder` holds can be gone on with.

    Notes
    -----
    The models share most of their training images, so figures of the folds are not independent: a
    standard error over folds is too small (Bengio and Grandvalet 2004, "No Unbiased Estimator of
    the Variance of K-Fold Cross-Validation", JMLR 5).

    Examples
    --------
    >>> from faceattr import Dataset, Model, TrainConfig, cross_validate
    >>> faces = Dataset.synthetic(24, size=32)
    >>> def small():
    ...     return Model(tasks=faces.tasks, weights=None, image_size=32)
    >>> config = TrainConfig(epochs=1, batch_size=8)
    >>> predictions = cross_validate(faces, small, config, k=2, progress=False)
    >>> len(predictions), sorted(predictions["fold"].unique().tolist())
    (24, [0, 1])
    """
    chosen = _check(dataset, model_factory, config, sampler, k)
    first = _make_model(model_factory, [])
    if isinstance(k, str):
        pairs = _given_folds(dataset, k, groups)
    else:
        pairs = list(dataset.folds(k, seed=chosen.seed, groups=groups))
    for train, _ in pairs:
        check_fit(first, train, None, chosen)
    kept = None if folder is None else Path(folder).expanduser()
    samplers = [None if sampler is None else sampler(train) for train, _ in pairs]
    if kept is not None:
        check_columns(dataset.table)
        folds = {"k": k, "groups": groups}
        plans = [np.asarray(each.plan(0)) for each in samplers if each is not None]
        check_run(kept, folds_identity(dataset, first, chosen, folds, plans))
    run = _Folds(model_factory, chosen, samplers, kept, progress, [first])
    tables = [run.predict(number, *pair) for number, pair in enumerate(pairs)]
    return _in_order(pd.concat(tables, ignore_index=True), dataset)


@dataclass(frozen=True)
class _Folds:
    factory: Callable[[], Model]
    config: TrainConfig
    samplers: Sequence[Sampler | None]
    folder: Path | None
    progress: bool
    made: list[Model]

    def predict(self, number: int, train: Dataset, test: Dataset) -> pd.DataFrame:
        """Return the predictions of a fold, from its folder where they are finished."""
        own = None if self.folder is None else self.folder / f"fold-{number}"
        if own is not None and (own / "predictions.csv").exists():
            _log.info("fold %d is finished already: %s", number, own)
            return read_table(own / "predictions.csv")
        _log.info("fold %d: %d images to train on, %d held out", number, len(train), len(test))
        model = self.made[0] if number == 0 else _make_model(self.factory, self.made)
        checkpoints = None if own is None else own / "checkpoints"
        trainer = Trainer(self.config, progress=self.progress, checkpoint_folder=checkpoints)
        trainer.fit(model, train, sampler=self.samplers[number], resume=own is not None)
        if trainer.stopped_ == "interrupt":
            raise KeyboardInterrupt
        found = trainer.predict(model, test).assign(**{FOLD: np.int64(number)})
        if own is not None and checkpoints is not None and trainer.rank_ == 0:
            write_table(trainer.history_, own / "history.csv")
            write_table(found, own / "predictions.csv")
            forget_finished(checkpoints)
        return found


def _check(
    dataset: Dataset, model_factory: object, config: object, sampler: object, k: int | str
) -> TrainConfig:
    if not isinstance(dataset, Dataset):
        raise _wrong_type(dataset, "dataset", "a faceattr.Dataset")
    if isinstance(model_factory, Model) or not callable(model_factory):
        raise _wrong_type(
            model_factory,
            "model_factory",
            "a function that returns a new Model each time",
            hint="cross_validate(ds, lambda: Model(tasks=ds.tasks), ...)",
        )
    if config is not None and not isinstance(config, TrainConfig):
        raise _wrong_type(config, "config", "a TrainConfig")
    if sampler is not None and not callable(sampler):
        raise _wrong_type(
            sampler,
            "sampler",
            "a function of each fold's training part",
            hint='sampler=lambda train: BalancedSampler(train, by="age")',
        )
    if not isinstance(k, str):
        check_integer(k, "k", low=2, high=max(len(dataset), 2))
    if FOLD in dataset.table:
        raise DataError(
            "the data set has a column of that name",
            argument="dataset",
            rows=[FOLD],
            expected="the name free for the number of the fold",
            hint="rename the column",
        )
    return TrainConfig() if config is None else config


def _given_folds(
    dataset: Dataset, column: str, groups: str | None
) -> list[tuple[Dataset, Dataset]]:
    """Return a pair of all other images and those of a fold, for each name in a column."""
    known = dataset.table.columns
    parts = dataset.parts(column, groups=groups) if column in known else {}
    if len(parts) < 2:
        raise DataError(
            "these are no folds",
            argument="k",
            expected="a number, or a column that names two folds or more",
            found=f"{column!r}, which names {', '.join(map(repr, parts)) or 'none'}",
            hint=f"the columns are {', '.join(map(repr, known))}",
        )
    ids = dataset.table["sample_id"]
    ordered = [parts[name] for name in sorted(parts, key=lambda name: (len(name), name))]  # 2, 10
    return [(dataset.select(~ids.isin(part.table["sample_id"])), part) for part in ordered]


def _make_model(factory: Callable[[], Model], made: list[Model]) -> Model:
    model = factory()
    if not isinstance(model, Model):
        raise _wrong_type(model, "model_factory", "a function that returns a faceattr.Model")
    if any(model is other for other in made):
        raise InvalidArgumentError(
            "returned the same model twice, which has seen the images that it is to predict",
            argument="model_factory",
            expected="a new model each time",
            hint="build the model inside: lambda: Model(tasks=ds.tasks)",
        )
    made.append(model)
    return model


def _wrong_type(
    value: object, argument: str, expected: str, hint: str | None = None
) -> InvalidTypeError:
    return InvalidTypeError(
        "of a wrong type",
        argument=argument,
        expected=expected,
        found=type(value).__name__,
        hint=hint,
    )


def _in_order(predictions: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Put rows in the data set's order; a column ``split`` is the data set's own, or is gone."""
    known = dataset.table
    places = pd.Index(predictions["sample_id"]).get_indexer(pd.Index(known["sample_id"]))
    ordered: pd.DataFrame = predictions.iloc[places].reset_index(drop=True)
    if "split" in known:
        return ordered.assign(split=known["split"])
    return ordered.drop(columns="split")
