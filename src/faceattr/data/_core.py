"""What every data set can do: hold its table, read an image, keep some rows, find duplicates."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._requests import SourceReader
from faceattr._validation import check_no_text
from faceattr.data._aligning import in_table_order
from faceattr.data._fingerprints import Prints
from faceattr.data.duplicates import FoundDuplicates, search_duplicates
from faceattr.data.index import check_index, check_rejects, empty_rejects
from faceattr.data.prints_table import take_all_prints
from faceattr.data.reader import content_key, read_sample, try_reading
from faceattr.exceptions import DataError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.tasks import RegressionTask, Task, TaskSet

if TYPE_CHECKING:
    from faceattr.binning import BinSpec
    from faceattr.data.audit import Audit

__all__ = ["IndexedImages", "Sample", "Selection"]

Selection: TypeAlias = npt.NDArray[np.bool_] | pd.Series | Iterable[str] | Iterable[bool]


class Sample(NamedTuple):
    """One image and its labels.

    Attributes
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        RGB, 0-255, as decoded.
    labels : dict of str to float, str or None
        A value a task: a number, the name of a class, or None where not labelled, as where only a
        range is known; that stands in the data set's `table`.
    sample_id : str
        The row's id.
    """

    image: UInt8Image
    labels: dict[str, float | str | None]
    sample_id: str


class IndexedImages:
    """Images and their labels, as a table; see `Dataset`, which adds where they come from."""

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        tasks: TaskSet | Task | Iterable[Task],
        rejects: pd.DataFrame | None = None,
    ) -> None:
        self._tasks = tasks if isinstance(tasks, TaskSet) else TaskSet(tasks)
        self._table = check_index(table, self._tasks)
        self._rejects = empty_rejects() if rejects is None else check_rejects(rejects)
        self._prints: Prints | None = None
        self._duplicates: FoundDuplicates | None = None

    @classmethod
    def _trusted(cls, table: pd.DataFrame, tasks: TaskSet, rejects: pd.DataFrame) -> Self:
        # For tables that are known to be in normal form: a million labels take seconds to parse.
        made = cls.__new__(cls)
        made._tasks = tasks
        made._table = table
        made._rejects = rejects
        made._prints = None
        made._duplicates = None
        return made

    def _rows(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Self:
        part = self._trusted(
            self._table.iloc[rows].reset_index(drop=True), self._tasks, empty_rejects()
        )
        part._prints = None if self._prints is None else self._prints.take(rows)
        return part

    @property
    def table(self) -> pd.DataFrame:
        """The index table; changing it does not change the data set."""
        return self._table.copy(deep=False)

    @property
    def rejects(self) -> pd.DataFrame:
        """What was found and cannot be used: columns ``path`` and ``reason``."""
        return self._rejects.copy(deep=False)

    @property
    def reader(self) -> SourceReader:
        """How images are read by what stands in the column ``path``; scoring makes use of it."""
        return SourceReader(read_sample, content_key)

    @property
    def tasks(self) -> TaskSet:
        """The tasks, by name."""
        return self._tasks

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return (
            f"Dataset({len(self)} images, tasks={list(self._tasks)}, {len(self._rejects)} rejects)"
        )

    def __getitem__(self, position: SupportsIndex) -> Sample:
        """Decode the image at a position; negative ones count from the end.

        Labels that are missing, or known as a range alone, are None.
        """
        row = self._position(position)
        labels: dict[str, float | str | None] = {}
        for name in self._tasks:
            value = self._table[name].iloc[row]
            labels[name] = None if pd.isna(value) else self._plain(name, value)
        return Sample(self.read(row), labels, str(self._table["sample_id"].iloc[row]))

    def read(self, position: SupportsIndex) -> UInt8Image:
        """Decode one image.

        Returns
        -------
        numpy.ndarray of uint8, shape (H, W, 3)
            RGB, 0-255, of the image's own size.

        Raises
        ------
        ImageReadError
            If it cannot be read.
        IndexError
            If there is no such position.
        """
        return read_sample(str(self._table["path"].iloc[self._position(position)]))

    def select(self, mask_or_ids: Selection) -> Self:
        """Keep some of the images.

        Parameters
        ----------
        mask_or_ids : sequence of bool or of str
            A truth value for each row in the table's order, or ids in the order wanted. A Series of
            truth values goes by its index: the numbers of the table's rows, or ids.

        Returns
        -------
        Dataset
            Its `rejects` are empty: they belong to the whole, and to no part of it.

        Raises
        ------
        DataError
            If the mask has another length or misses rows, or an id is unknown or given twice.
        """
        return self._rows(_positions(mask_or_ids, self._table["sample_id"]))

    def reject(self, reasons: Mapping[str, str]) -> Self:
        """Leave some of the images out, and keep in mind which and why.

        Parameters
        ----------
        reasons : mapping of str to str
            Why, by id; a series with ids as its index is one.

        Returns
        -------
        Dataset
            The other images; its `rejects` are those of this data set and a row more for each
            image left out, so that nothing is lost count of.

        Raises
        ------
        DataError
            If an id is unknown or given twice, or a reason is no text.

        Examples
        --------
        >>> from faceattr import Dataset
        >>> faces = Dataset.synthetic(3)
        >>> kept = faces.reject({faces.table["sample_id"][0]: "too dark"})
        >>> len(kept), list(kept.rejects["reason"])
        (2, ['too dark'])
        """
        if not isinstance(reasons, pd.Series | Mapping):
            raise InvalidTypeError(
                "not reasons by id",
                argument="reasons",
                expected='a mapping such as {"a.jpg": "too dark"}',
                found=repr(reasons)[:120],
            )
        given = (
            reasons if isinstance(reasons, pd.Series) else pd.Series(dict(reasons), dtype=object)
        )
        rows = _positions(pd.Series(given.index, dtype=object), self._table["sample_id"])
        texts = given.tolist()
        wrong = [str(key) for key, text in given.items() if not isinstance(text, str) or not text]
        if wrong:
            raise DataError("no reason", argument="reasons", rows=wrong, expected="text")
        left = np.ones(len(self), dtype=np.bool_)
        left[rows] = False
        kept = self._rows(left)
        paths = self._table["path"].iloc[rows].tolist()
        refused = pd.DataFrame({"path": paths, "reason": texts}, dtype="str")
        kept._rejects = pd.concat([self._rejects, refused], ignore_index=True)
        return kept

    def duplicates(self) -> pd.DataFrame:
        """Find images that show the same photograph.

        Identical are files with equal bytes; for drawings, equal paths. Near-duplicates are copies
        that were scaled, compressed, recoloured or cropped a little: their 256-bit difference
        hashes differ in few bits (every pair within 16 bits is looked at, and most of those up to
        32), and the fine structure of their middle, decoded, correlates by 0.88 or more, which
        different photographs of faces that fill the image do not reach. Images without structure
        can only be identical, mirrored copies are not looked for, and files that cannot be opened
        are no one's duplicate.

        Each image is decoded once; the result is kept for later calls and splits of this data set.

        Returns
        -------
        pandas.DataFrame
            A row for each image that has a duplicate: ``sample_id``, ``group`` (int64, from 0),
            ``kind`` ("identical" if another file has the same bytes, else "near"). Sorted by group
            and id; it does not depend on the order of the rows.
        """
        return self._search_duplicates()[0].table.copy(deep=False)

    def audit(
        self,
        predictions: pd.DataFrame | None = None,
        *,
        by: Sequence[str] | None = None,
        bins: Mapping[str, BinSpec] | None = None,
        min_images: int = 20,
        progress: bool = False,
    ) -> Audit:
        """Find what is wrong with the data before training on it.

        Looked for are files that cannot be decoded, odd names, duplicates and duplicates whose
        labels conflict, missing labels, classes and joint groups with few images, numbers that pile
        up, and, with predictions, labels that are probably wrong. Every image is decoded once.

        Parameters
        ----------
        predictions : pandas.DataFrame, optional
            Out-of-fold predictions: ``sample_id``, for each task ``<task>_pred``, for classes
            ``<task>_prob_<class>``, for numbers also ``<task>_std`` where it is known. They are
            compared with the labels of this data set. Predictions of images that the model was
            trained on hide wrong labels, because it has learned them. Needs the extra ``audit``.
        by : sequence of str, optional
            Columns whose joint groups are counted; ``()`` for none. By default all tasks, then
            the columns of text or truth values with 2 to 12 values, as far as there are at most 200
            groups.
        bins : mapping of str to edges or int, optional
            Bins of numbers in `by`; ages have the usual groups and other numbers five quantiles by
            default.
        min_images : int, default 20
            Groups and classes with fewer images are findings.
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        faceattr.data.Audit
            Tables, `summary`, `plot` and `to_html`, and what mends the data: `keep_one`,
            `group_labels`, `sample_weight` and `suspected`.

        Raises
        ------
        TableError
            If the predictions repeat an id, lack a column, or a probability is none; or a column of
            `by` is missing.
        DataError
            If not one prediction is of this data set, or the data set is empty.
        InvalidArgumentError, InvalidTypeError
            If `min_images` is below 1, bins do not fit, or there would be more than 1,000 groups.
        MissingDependencyError
            If there are predictions, but no cleanlab.

        Examples
        --------
        >>> from faceattr import Dataset
        >>> audit = Dataset.synthetic(40).audit(by=["gender"])
        >>> list(audit.cells["gender"]), list(audit.cells["n"])
        (['male', 'female'], [20, 20])
        """
        from faceattr.data.audit.auditing import AuditSettings, run_audit  # late: seldom needed

        settings = AuditSettings(by, bins, min_images)
        settings.check()
        return run_audit(self, predictions, settings, progress=progress)

    def _search_duplicates(self, *, progress: bool = False) -> tuple[FoundDuplicates, Prints]:
        """Return the duplicates with counts of pairs, and fingerprints; kept for later calls."""
        if self._prints is None:
            self._prints = take_all_prints(self._table["path"].tolist(), progress=progress)
        if self._duplicates is None:
            ids, paths = self._table["sample_id"].tolist(), self._table["path"].tolist()
            self._duplicates = search_duplicates(ids, paths, self._prints)
        return self._duplicates, self._prints

    def verify(self, *, progress: bool = False) -> Self:
        """Decode every image, and reject those that cannot be read.

        Parameters
        ----------
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        Dataset
            The readable images; `rejects` has a row more for each of the others.

        Raises
        ------
        DataError
            If not one of them can be read.
        """
        readable, refused = try_reading(self._table["path"].tolist(), progress=progress)
        if len(self) and not readable.any():
            raise DataError(
                "not one image can be read",
                argument="dataset",
                rows=refused["path"].tolist(),
                expected="paths of image files",
                found=refused["reason"].iloc[0],
                hint="root= is what the paths of a list are relative to; they have forward slashes",
            )
        verified = self._rows(readable)
        verified._rejects = pd.concat([self._rejects, refused], ignore_index=True)
        return verified

    def _plain(self, task: str, label: object) -> float | str:
        return float(str(label)) if isinstance(self._tasks[task], RegressionTask) else str(label)

    def _position(self, position: SupportsIndex) -> int:
        row = operator.index(position)
        if not -len(self) <= row < len(self):
            raise IndexError(f"position {row} of a data set of {len(self)} images")
        return row % len(self)


def _positions(mask_or_ids: Selection, ids: pd.Series) -> npt.NDArray[np.intp]:
    check_no_text(mask_or_ids, "mask_or_ids", "a sequence of ids")
    if not isinstance(mask_or_ids, Iterable):
        raise InvalidTypeError(
            "neither a mask nor ids",
            argument="mask_or_ids",
            expected="a bool for each row, or sample ids",
            found=repr(mask_or_ids),
        )
    wanted = pd.Series(mask_or_ids if isinstance(mask_or_ids, pd.Series) else list(mask_or_ids))
    if len(wanted) == 0 and len(ids) > 0:
        return np.empty(0, dtype=np.intp)
    if pd.api.types.is_bool_dtype(wanted):
        return _masked(in_table_order(wanted, ids, "mask_or_ids"), len(ids))
    if not all(isinstance(value, str) for value in wanted):
        raise InvalidTypeError(
            "neither a mask nor ids",
            argument="mask_or_ids",
            expected="a bool for each row, or sample ids",
            found=repr(wanted.iloc[0]),
        )
    return _of_ids(wanted, ids)


def _masked(mask: pd.Series, length: int) -> npt.NDArray[np.intp]:
    if len(mask) != length or mask.isna().any():
        raise DataError(
            "the mask does not fit",
            argument="mask_or_ids",
            expected=f"{length} values, none missing",
            found=f"{len(mask)} values, {int(mask.isna().sum())} missing",
        )
    return np.flatnonzero(mask.to_numpy(dtype=bool))


def _of_ids(wanted: pd.Series, ids: pd.Series) -> npt.NDArray[np.intp]:
    repeated = wanted[wanted.duplicated()].tolist()
    if repeated:
        raise DataError("ids given twice", argument="mask_or_ids", rows=repeated)
    positions = pd.Index(ids).get_indexer(pd.Index(wanted))
    unknown = wanted[positions < 0].tolist()
    if unknown:
        raise DataError(
            "ids that the data set does not have",
            argument="mask_or_ids",
            rows=unknown,
            expected=f"ids such as {ids.iloc[0]!r}" if len(ids) else "none: the data set is empty",
        )
    return np.asarray(positions, dtype=np.intp)
