"""`Dataset`: a table of images and their labels, and what was refused."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._validation import check_integer, check_number
from faceattr.data.csv_index import index_csv
from faceattr.data.duplicates import find_duplicates
from faceattr.data.fingerprints import Prints, take_prints
from faceattr.data.index import (
    check_index,
    check_rejects,
    empty_rejects,
    index_folder,
    index_utkface,
    order_columns,
    utkface_tasks,
)
from faceattr.data.reader import drawing_path, read_sample, try_reading
from faceattr.data.splits import (
    DUPLICATES,
    assign_parts,
    check_shares,
    group_codes,
    require_rows,
    strata_codes,
)
from faceattr.exceptions import DataError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

__all__ = ["Dataset", "Sample"]

Selection: TypeAlias = npt.NDArray[np.bool_] | pd.Series | Iterable[str] | Iterable[bool]


class Sample(NamedTuple):
    """One image and its labels.

    Attributes
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        RGB, 0-255, as decoded.
    labels : dict of str to float, str or None
        A value a task: a number, the name of a class, or None where not labelled.
    sample_id : str
        The row's id.
    """

    image: UInt8Image
    labels: dict[str, float | str | None]
    sample_id: str


class Dataset:
    """Images and their labels, as a table; nothing is decoded until it is asked for.

    A data set does not change: whatever selects, splits or relabels returns a new one.

    Parameters
    ----------
    table : pandas.DataFrame
        The index table: ``sample_id`` and ``path`` (both unique text; the path is the one to open,
        or ``synthetic:SEED/INDEX/SIZE`` for a drawing), a column a task (missing = not labelled),
        and columns to group by. It is checked and copied.
    tasks : TaskSet, task or iterable of tasks
        What the label columns mean.
    rejects : pandas.DataFrame, optional
        Columns ``path`` and ``reason``: what was found but cannot be used.

    Raises
    ------
    TableError
        If a column is missing or its name is reserved, or an id is missing or repeated.
    DataError
        If a label cannot be read.
    """

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
        self._duplicates: pd.DataFrame | None = None

    @classmethod
    def from_utkface(
        cls,
        folder: str | Path,
        *,
        tasks: Iterable[str] = ("age", "gender"),
        verify: bool = False,
    ) -> Dataset:
        """List a folder of UTKFace chips, ``age_gender_race_stamp.jpg.chip.jpg``.

        The columns ``age`` (float64 years, 0-116), ``gender`` ("male", "female") and ``race``
        ("White", "Black", "Asian", "Indian", "Others") are there in any case; those that are no
        task are columns to group by. Files that do not end like an image, and hidden ones, are not
        counted as found; of all others, accepted and rejected ones together are all there are.

        Parameters
        ----------
        folder : path
            Searched with all its sub-folders.
        tasks : iterable of str, default ("age", "gender")
            Names among "age", "gender" and "race".
        verify : bool, default False
            Decode every image now and reject those that cannot be read; see `verify`.

        Returns
        -------
        Dataset
            Rows in order of ``sample_id``, the path relative to the folder.

        Raises
        ------
        DataError
            If the folder cannot be read, or no name in it can.
        """
        task_set = utkface_tasks(tasks)
        index = index_utkface(folder)
        found = cls._trusted(order_columns(index.table, task_set), task_set, index.rejects)
        return found.verify() if verify else found

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        tasks: TaskSet | Task | Iterable[Task],
        root: str | Path | None = None,
        path_column: str = "path",
        groups: Sequence[str] | None = None,
        verify: bool = False,
    ) -> Dataset:
        """Read the list of images and labels from a CSV file.

        Files that do not exist are not looked for here: they are rejected by `verify`, or come back
        in the column ``error`` of a prediction.

        Parameters
        ----------
        path : path
            A CSV file in UTF-8 with a line of column names.
        tasks : TaskSet, task or iterable of tasks
            Which columns hold labels, and how to read them. Empty text means not labelled.
        root : path, optional
            What the paths in the file are relative to; the folder of the CSV file by default.
        path_column : str, default "path"
            The column of paths. A row without a path is rejected.
        groups : sequence of str, optional
            The other columns to keep, to group by; all by default. Those that hold numbers alone
            are read as numbers.
        verify : bool, default False
            Decode every image now and reject those that cannot be read.

        Returns
        -------
        Dataset
            Rows in the file's order. ``sample_id`` is the file's column of that name where it has
            one, else the path relative to the root with forward slashes.

        Raises
        ------
        DataError
            If the file cannot be read or lacks a column, a label cannot be read, or a label column
            holds no label at all.
        TableError
            If an image is listed twice, or a column's name is reserved.
        """
        task_set = tasks if isinstance(tasks, TaskSet) else TaskSet(tasks)
        index = index_csv(path, root=root, tasks=task_set, path_column=path_column, groups=groups)
        found = cls._trusted(index.table, task_set, index.rejects)
        return found.verify() if verify else found

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, task: ClassificationTask | str, verify: bool = False
    ) -> Dataset:
        """List a folder with a sub-folder for each class.

        Parameters
        ----------
        folder : path
            Its sub-folders are the classes; what lies deeper belongs to the sub-folder above. Files
            outside of them, or below one that is no class, are rejected.
        task : ClassificationTask or str
            A name alone takes all sub-folders with images as classes, in alphabetical order.
        verify : bool, default False
            Decode every image now and reject those that cannot be read.

        Raises
        ------
        DataError
            If the folder cannot be read, or holds fewer than two classes and `task` is only a name.
        """
        index, found_task = index_folder(folder, task)
        found = cls._trusted(index.table, TaskSet(found_task), index.rejects)
        return found.verify() if verify else found

    @classmethod
    def synthetic(
        cls, n: int, *, seed: int = 0, size: int = 128, label_noise: float = 0.0
    ) -> Dataset:
        """Make a data set of drawings: cartoons of faces, not photographs.

        Parameters
        ----------
        n : int
            Number of drawings, at least 1. The first drawings do not depend on it.
        seed : int, default 0
            Names the collection.
        size : int, default 128
            Side length in pixels.
        label_noise : float, default 0.0
            How wrong the labels are, 0 to 1; see `faceattr.data.synthetic.noisy_labels`.

        Returns
        -------
        Dataset
            Tasks age and gender; columns skin, light, blur and pose to group by. Nothing lies on
            disk: images are drawn when read.

        Raises
        ------
        InvalidArgumentError
            If an argument is outside its limits.
        """
        from faceattr.data import synthetic  # late: real images need no drawing

        check_integer(n, "n", low=1)
        check_integer(size, "size", low=1, high=synthetic.MAX_SIZE)
        check_number(label_noise, "label_noise", low=0.0, high=1.0)
        table = synthetic.attributes(seed, np.arange(n))
        if label_noise > 0:
            table = synthetic.noisy_labels(table, label_noise, seed)
        table["sample_id"] = [f"drawing-{index:06d}" for index in range(n)]
        table["path"] = [drawing_path(seed, index, size) for index in range(n)]
        return cls(table, tasks=utkface_tasks(("age", "gender")))

    @classmethod
    def _trusted(cls, table: pd.DataFrame, tasks: TaskSet, rejects: pd.DataFrame) -> Dataset:
        # For tables that are known to be in normal form: a million labels take seconds to parse.
        made = cls.__new__(cls)
        made._tasks = tasks
        made._table = table
        made._rejects = rejects
        made._prints = None
        made._duplicates = None
        return made

    def _rows(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Dataset:
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
        """Decode the image at a position; negative ones count from the end."""
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

    def select(self, mask_or_ids: Selection) -> Dataset:
        """Keep some of the images.

        Parameters
        ----------
        mask_or_ids : sequence of bool or of str
            A truth value for each row in the table's order, or ids in the order wanted.

        Returns
        -------
        Dataset
            Its `rejects` are empty: they belong to the whole, and to no part of it.

        Raises
        ------
        DataError
            If the mask has another length, or an id is unknown or given twice.
        """
        return self._rows(_positions(mask_or_ids, self._table["sample_id"]))

    def split(
        self,
        *,
        train: float,
        valid: float = 0.0,
        test: float = 0.0,
        seed: int = 0,
        groups: str | None = "duplicates",
        stratify: Sequence[str] | None = None,
    ) -> tuple[Dataset, ...]:
        """Split into parts that share no group and have alike labels.

        Parameters
        ----------
        train, valid, test : float
            Shares of the images; they sum to 1.
        seed : int, default 0
            Same seed, same images, same parts, whatever the order of the rows.
        groups : str, optional
            A group is never divided. By default "duplicates": images that are identical or nearly
            so (see `duplicates`) stay together, without which no test is honest. Or a column, such
            as one that names persons (rows without a value stand alone), or None.
        stratify : sequence of str, optional
            Columns whose joint values every part has in like shares; all tasks by default, none
            with ``()``. Numbers are cut into ten bins, missing values are a class of their own.

        Returns
        -------
        tuple of Dataset
            The parts with a share above 0, in the order train, valid, test. Their tables have a
            column ``split`` with the part's name, their rows are in the order of this data set, and
            their `rejects` are empty.

        Raises
        ------
        InvalidArgumentError
            If the shares do not sum to 1.
        DataError
            If a part would be empty, or a column is unknown.
        """
        shares = check_shares({"train": train, "valid": valid, "test": test})
        parts = self._parts(list(shares.values()), list(shares), seed, groups, stratify)
        return tuple(self._part(parts == number, name) for number, name in enumerate(shares))

    def folds(
        self,
        k: int,
        *,
        seed: int = 0,
        groups: str | None = "duplicates",
        stratify: Sequence[str] | None = None,
    ) -> Iterator[tuple[Dataset, Dataset]]:
        """Split k times, so that every image is in one test part.

        Parameters
        ----------
        k : int
            Number of folds, at least 2.
        seed, groups, stratify
            As for `split`.

        Returns
        -------
        iterator of (train, test)
            Pairs of data sets; the column ``split`` says "train" or "test".

        Raises
        ------
        DataError
            If a fold would be empty, or a column is unknown.
        """
        check_integer(k, "k", low=2)
        names = [f"fold {number}" for number in range(k)]
        parts = self._parts([1.0 / k] * k, names, seed, groups, stratify)
        return (
            (self._part(parts != number, "train"), self._part(parts == number, "test"))
            for number in range(k)
        )

    def _parts(
        self,
        shares: Sequence[float],
        names: Sequence[str],
        seed: int,
        groups: str | None,
        stratify: Sequence[str] | None,
    ) -> npt.NDArray[np.int64]:
        check_integer(seed, "seed", low=0)
        strata = strata_codes(self._table, list(self._tasks) if stratify is None else stratify)
        duplicates = self.duplicates() if groups == DUPLICATES else None
        codes = group_codes(self._table, groups, duplicates)
        parts = assign_parts(self._table["sample_id"], strata, codes, shares, seed)
        require_rows(parts, names, len(np.unique(codes)))
        return parts

    def _part(self, mask: npt.NDArray[np.bool_], name: str) -> Dataset:
        part = self._rows(mask)
        part._table["split"] = pd.Series(name, index=part._table.index, dtype="str")
        part._table = order_columns(part._table, self._tasks)
        return part

    def duplicates(self) -> pd.DataFrame:
        """Find images that show the same photograph.

        Identical are files with equal bytes; for drawings, equal paths. Near-duplicates are copies
        that were scaled, compressed, recoloured or cropped a little: their 256-bit difference
        hashes differ in few bits (every pair within 16 bits is looked at, and most of those up to
        32), and the fine structure of their middle, decoded, correlates by 0.93 or more, which
        different photographs, even of one person, do not reach. Images without structure can only
        be identical; files that cannot be opened are no one's duplicate.

        Each image is decoded once; the result is kept for later calls and splits of this data set.

        Returns
        -------
        pandas.DataFrame
            A row for each image that has a duplicate: ``sample_id``, ``group`` (int64, from 0),
            ``kind`` ("identical" if another file has the same bytes, else "near"). Sorted by group
            and id; it does not depend on the order of the rows.
        """
        if self._duplicates is None:
            self._prints = self._prints or take_prints(self._table["path"].tolist())
            self._duplicates = find_duplicates(
                self._table["sample_id"].tolist(), self._table["path"].tolist(), self._prints
            )
        return self._duplicates.copy(deep=False)

    def verify(self, *, progress: bool = False) -> Dataset:
        """Decode every image, and reject those that cannot be read.

        Parameters
        ----------
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        Dataset
            The readable images; `rejects` has a row more for each of the others.
        """
        readable, refused = try_reading(self._table["path"].tolist(), progress=progress)
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
    if isinstance(mask_or_ids, str):
        raise InvalidTypeError(
            "a single string",
            argument="mask_or_ids",
            expected="a sequence of ids",
            found=repr(mask_or_ids),
            hint=f"[{mask_or_ids!r}]",
        )
    wanted = pd.Series(mask_or_ids if isinstance(mask_or_ids, pd.Series) else list(mask_or_ids))
    if len(wanted) == 0 and len(ids) > 0:
        return np.empty(0, dtype=np.intp)
    if pd.api.types.is_bool_dtype(wanted):
        return _masked(wanted, len(ids))
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
