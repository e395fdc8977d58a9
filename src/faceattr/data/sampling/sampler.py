"""`BalancedSampler`: epochs in which rare groups get their share."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._ranges import label_columns
from faceattr._validation import (
    check_choice,
    check_integer,
    check_names,
    check_number,
    plain_number,
)
from faceattr.binning import Bins
from faceattr.data._core import IndexedImages
from faceattr.data.sampling.cells import BalanceSpec, Cells, make_cells
from faceattr.data.sampling.plans import Plan, Tapes
from faceattr.data.sampling.quotas import cell_quotas
from faceattr.data.sampling.report import SamplingReport
from faceattr.data.sampling.smoothing import LabelDistributionSmoothing
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BalancedSampler"]

_log = logging.getLogger(__name__)

_MISSING = ("refuse", "cell")
_MANY_REPEATS = 10


@dataclass(frozen=True, eq=False)
class BalancedSampler:
    """Chooses an epoch's images so that rare groups get a larger share, by repeating images.

    The plan of an epoch is a pure function of the labels, `seed` and the epoch. Nothing is drawn
    with replacement: a cell's images take turns, so that each is shown as often as any other of
    its cell, give or take one, and shares differ from what `report` says by about one image.
    Repeats are spread over the epoch, and ``TrainConfig(repeat_augment=...)`` changes them more
    strongly than first appearances.

    Parameters
    ----------
    dataset : Dataset
        The training part.
    by : str or sequence of str
        Columns whose joint groups, the cells, are balanced: of the data set's table or of
        `quality`.
    bins : mapping of str to edges, int or LabelDistributionSmoothing, optional
        How columns of numbers are cut: by edges (right-closed, the lowest included, None for an
        open end), into a number of bins with about as many images each, or finely and smoothed.
        Without it ``age`` goes to the usual age groups (`USUAL_BINS` of `faceattr.binning`, also
        of luminance and BRISQUE), other numbers to five quantiles; text,
        categories and whole numbers with at most ten values make a group a value. A number known
        as a range counts as its middle.
    strength : float, default 1.0
        From 0, shares as they are, to 1, equal shares of all cells that hold an image. Between
        them a cell of n images gets a share in proportion to ``n ** (1 - strength)``.
    max_repeats : int, optional
        How often an image may stand in an epoch at most; 1 shows none twice. What a cell may not
        have goes to the others. No limit by default.
    epoch_size : int, optional
        Images an epoch shows; as many as there are by default.
    seed : int, default 0
        Of order and choice.
    quality : pandas.DataFrame, optional
        A quality table with a ``sample_id``, for columns such as "luminance" or "ita".
    missing : {"refuse", "cell"}, default "refuse"
        Whether images without a value of a column, or with one beyond the edges, are an error or
        make a cell of their own, which then gets its share like any other.

    Raises
    ------
    TableError, DataError, InvalidArgumentError, InvalidTypeError
        By `plan`, `report` and all others, if an argument does not fit. The constructor only
        stores.

    Notes
    -----
    With several processes, all make the same plan, and its M images are dealt to
    ``round(M / batch_size)`` steps whose sizes differ by one at most; in a step, process r of w
    takes the places r, r + w, r + 2 w and so on. So nobody pads, nothing is left out at the end,
    and what all see together is the plan.

    References
    ----------
    Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition",
    arXiv:1910.09217, for shares between equal and as they are.

    Examples
    --------
    >>> from faceattr import BalancedSampler, Dataset
    >>> faces = Dataset.synthetic(200, seed=0)
    >>> sampler = BalancedSampler(faces, by=["age", "gender"], strength=0.5, max_repeats=5, seed=0)
    >>> sampler.plan(0).shape
    (200, 2)
    >>> sampler.report().largest_repeat
    4
    """

    dataset: IndexedImages
    by: str | Sequence[str]
    bins: Mapping[str, BalanceSpec] | None = None
    _: KW_ONLY
    strength: float = 1.0
    max_repeats: int | None = None
    epoch_size: int | None = None
    seed: int = 0
    quality: pd.DataFrame | None = field(default=None, repr=False)
    missing: str = "refuse"

    def plan(self, epoch: int) -> Plan:
        """Return an epoch's plan.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        numpy.ndarray of int64, shape (epoch_size, 2)
            Rows in the order in which images are shown: the image's position in the data set, and
            the number of this repeat, 0 to how often it stands in the epoch less one. Which of its
            appearances has the number 0 is drawn. With strength 0 and the default `epoch_size`
            every image stands in it once, in the order of a training without a sampler.
        """
        check_integer(epoch, "epoch", low=0)
        return self._tapes.plan(epoch)

    def report(self) -> SamplingReport:
        """Return the shares of all cells before and after, and what they cost."""
        counts, repeats = self._cells.counts.ravel(), self._repeats
        quotas = counts * repeats
        table = self._cells.groups.labels().assign(
            n=counts,
            share_before=counts / counts.sum(),
            share_after=quotas / quotas.sum(),
            images_per_epoch=quotas,
            mean_repeats=repeats,
            most_repeats=np.ceil(np.round(repeats, 9)).astype(np.int64),
            capped=self._capped(),
        )
        return SamplingReport(
            cells=table,
            by=self._columns,
            epoch_size=self._size,
            n_images=len(self.dataset),
            effective_sample_size=float(quotas.sum() ** 2 / (quotas * repeats).sum()),
            largest_repeat=int(table["most_repeats"].max()),
        )

    def plot(self) -> Figure:
        """Draw the shares of all cells before and after; see `SamplingReport.plot`."""
        return self.report().plot()

    def expected_repeats(self) -> pd.Series:
        """Return how often each image stands in an epoch on average.

        Returns
        -------
        pandas.Series of float64
            By ``sample_id``, in the data set's order. ``fit(..., sample_weight=...)`` takes it, for
            weights in the place of repeats.
        """
        ids = pd.Index(self.dataset.table["sample_id"], name="sample_id")
        repeats = self._repeats[self._cells.groups.numbers()]
        return pd.Series(repeats, index=ids, name="expected_repeats")

    def check_dataset(self, dataset: IndexedImages) -> None:
        """Check that the plan is about this data set; `Trainer.fit` asks before it trains.

        Raises
        ------
        InvalidArgumentError
            If its images are others, in another order, or have other labels in a balanced column.
        """
        if dataset is self.dataset:
            return
        mine, other = self.dataset.table, dataset.table
        if not mine["sample_id"].equals(other["sample_id"]):
            raise _another_dataset(mine["sample_id"].tolist(), other["sample_id"].tolist())
        for column in self._compared(mine):
            if not (column in other and mine[column].equals(other[column])):
                raise InvalidArgumentError(
                    f"the sampler balances other labels of {column!r} than those trained on",
                    argument="sampler",
                    hint="make the sampler of the data set that is trained on, "
                    "BalancedSampler(train, ...)",
                )

    def _compared(self, table: pd.DataFrame) -> list[str]:
        """Return the columns of the data set that the plan rests on, ranges included."""
        tasks = self.dataset.tasks
        found = [
            label_columns(tasks[column], table.columns) if column in tasks else [column]
            for column in self._columns
        ]
        return [name for names in found for name in names if name in table]

    def to_dict(self) -> dict[str, Any]:
        """Return what the sampler does in plain JSON types, for the record of a training."""
        return {
            "kind": type(self).__name__,
            "by": list(self._columns),
            "bins": {name: _plain_spec(spec) for name, spec in (self.bins or {}).items()},
            "strength": plain_number(self.strength),
            "max_repeats": plain_number(self.max_repeats),
            "epoch_size": plain_number(self._size),
            "seed": plain_number(self.seed),
            "missing": self.missing,
        }

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        columns = check_names(self.by, "by")
        if not columns:
            raise InvalidArgumentError(
                "nothing to balance", argument="by", expected='columns, such as ["age", "gender"]'
            )
        if self.bins is not None and not isinstance(self.bins, Mapping):
            raise InvalidTypeError(
                "not a mapping",
                argument="bins",
                expected="the bins of each column, by its name",
                found=repr(self.bins),
                hint=f"bins={{{columns[0]!r}: {self.bins!r}}}",
            )
        stray = [name for name in self.bins or {} if name not in columns]
        if stray:
            raise InvalidArgumentError(
                "bins of a column that is not balanced",
                argument="bins",
                expected=f"columns among by={list(columns)}",
                found=repr(stray[0]),
            )
        return columns

    @cached_property
    def _size(self) -> int:
        if self.epoch_size is None:
            return len(self.dataset)
        return check_integer(self.epoch_size, "epoch_size", low=1)

    @cached_property
    def _cells(self) -> Cells:
        if not isinstance(self.dataset, IndexedImages):
            raise InvalidTypeError(
                "not a data set",
                argument="dataset",
                expected="a faceattr.Dataset",
                found=type(self.dataset).__name__,
            )
        if not len(self.dataset):
            raise DataError("no image to choose from", argument="dataset")
        check_choice(self.missing, "missing", _MISSING)
        return make_cells(
            self.dataset.table,
            self.dataset.tasks,
            self._columns,
            self.bins or {},
            quality=self.quality,
            refuse_missing=self.missing == "refuse",
        )

    @cached_property
    def _quotas(self) -> npt.NDArray[np.float64]:
        """Images an epoch takes of each cell that holds any."""
        if self.max_repeats is not None:
            check_integer(self.max_repeats, "max_repeats", low=1)
        return self._shares_of(self.max_repeats)

    @cached_property
    def _repeats(self) -> npt.NDArray[np.float64]:
        """How often an image of each cell, in the flattened order, stands in an epoch."""
        counts = self._cells.counts.ravel()
        repeats = np.zeros(len(counts))
        repeats[counts > 0] = self._quotas / counts[counts > 0]
        return repeats

    def _shares_of(self, max_repeats: int | None) -> npt.NDArray[np.float64]:
        counts, smoothed = self._cells.counts.ravel(), self._cells.smoothed.ravel()
        return cell_quotas(
            counts[counts > 0],
            smoothed[counts > 0],
            strength=check_number(self.strength, "strength", low=0, high=1),
            epoch_size=self._size,
            max_repeats=max_repeats,
        )

    def _capped(self) -> npt.NDArray[np.bool_]:
        counts = self._cells.counts.ravel()
        capped = np.zeros(len(counts), dtype=np.bool_)
        if self.max_repeats is not None:
            free = self._shares_of(None) / counts[counts > 0]
            capped[counts > 0] = free > self.max_repeats
        return capped

    @cached_property
    def _tapes(self) -> Tapes:
        counts, numbers = self._cells.counts.ravel(), self._cells.groups.numbers()
        seed = check_integer(self.seed, "seed", low=0)
        filled = np.flatnonzero(counts)
        tapes = Tapes.of(np.searchsorted(filled, numbers), counts[filled], self._quotas, seed)
        self._warn()
        return tapes

    def _warn(self) -> None:
        report = self.report()
        if report.largest_repeat > _MANY_REPEATS:
            cells = report.cells
            worst = cells.iloc[int(cells["most_repeats"].to_numpy().argmax())]
            name = ", ".join(f"{column} {worst[column]}" for column in report.by)
            _log.warning(
                "each of the %d images of %s stands in an epoch up to %d times; max_repeats or a "
                "smaller strength prevents it",
                worst["n"],
                name,
                report.largest_repeat,
            )


def _another_dataset(mine: list[str], other: list[str]) -> InvalidArgumentError:
    same = sorted(mine) == sorted(other)
    differing = [b for a, b in zip(mine, other, strict=False) if a != b] or other[len(mine) :]
    return InvalidArgumentError(
        "the sampler was made of another data set"
        if not same
        else "the sampler was made of these images in another order",
        argument="sampler",
        rows=differing,
        expected=f"its {len(mine):,} images, in order",
        found=f"{len(other):,} images",
        hint="make the sampler of the data set that is trained on, BalancedSampler(train, ...)",
    )


def _plain_spec(spec: BalanceSpec) -> Any:
    if isinstance(spec, LabelDistributionSmoothing):
        return {"width": spec.width, "sigma": spec.sigma, "kernel_size": spec.kernel_size}
    if isinstance(spec, int | np.integer):
        return int(spec)
    edges = spec.edges if isinstance(spec, Bins) else tuple(spec)
    return [None if edge is None else float(edge) for edge in edges]
