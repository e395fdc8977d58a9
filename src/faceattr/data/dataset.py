"""`Dataset`: a table of images and their labels, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from faceattr._validation import check_integer, check_number
from faceattr.data._core import Sample
from faceattr.data._csv import index_csv
from faceattr.data._dividing import DivisibleImages
from faceattr.data._fairface import fairface_tasks, index_fairface
from faceattr.data._relabel import (
    check_datasets,
    check_same_meaning,
    join_tables,
    relabel,
    tasks_by_name,
    union_of_tasks,
    with_prefix,
)
from faceattr.data.index import index_folder, index_utkface, order_columns, utkface_tasks
from faceattr.data.reader import drawing_path
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = ["Dataset", "Sample"]


class Dataset(DivisibleImages):
    """Images and their labels, as a table; nothing is decoded until it is asked for.

    A data set does not change: whatever selects, splits or relabels returns a new one.

    Parameters
    ----------
    table : pandas.DataFrame
        The index table: ``sample_id`` and ``path`` (both unique text; the path is the one to open,
        or ``synthetic:SEED/INDEX/SIZE`` for a drawing), a column a task (missing = not labelled),
        and columns to group by. Numbers known as a range stand in two columns, ``age_min`` and
        ``age_max`` for ages (both ends inclusive, the label missing); where all are ranges the
        label's own column may be left out. It is checked and copied.
    tasks : TaskSet, task or iterable of tasks
        What the label columns mean.
    rejects : pandas.DataFrame, optional
        Columns ``path`` and ``reason``: what was found but cannot be used.

    Raises
    ------
    TableError
        If a column is missing or its name is reserved, or an id is missing or repeated.
    DataError
        If a label or a range cannot be read, or a label lies outside its range.
    """

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
    def from_fairface(
        cls,
        path: str | Path,
        *,
        root: str | Path | None = None,
        tasks: Iterable[str] = ("age", "gender"),
        verify: bool = False,
    ) -> Dataset:
        """Read the labels of FairFace, a CSV file with the columns file, age, gender and race.

        Ages are groups there, which become ranges: ``age_min`` and ``age_max`` (10-19 is 10 to 19,
        "more than 70" is 70 to 116), while ``age`` is missing; a plain whole number is an age. Age
        and gender are the tasks of `from_utkface`, so that `concat` takes both. Other spellings in
        use are read too ("70+", "Latino Hispanic", "male"), and groups that a spreadsheet took for
        a date ("03-Sep", "Oct-19"). An empty cell is a label that is not known.

        Parameters
        ----------
        path : path
            ``fairface_label_train.csv`` or the like.
        root : path, optional
            What the paths in the file are relative to; the folder of the CSV file by default.
            Files that do not exist are not looked for here, as in `from_csv`.
        tasks : iterable of str, default ("age", "gender")
            Names among "age", "gender" and "race". What is no task is a column to group by, as are
            all other columns of the file (``service_test``, text).
        verify : bool, default False
            Decode every image now and reject those that cannot be read.

        Returns
        -------
        Dataset
            Rows in the file's order; ``sample_id`` is the path relative to the root. Rows with a
            label that is unknown to FairFace are in `rejects` with the file's line: accepted and
            rejected ones together are all rows.

        Raises
        ------
        DataError
            If the file cannot be read, lacks a column, or no row can be used.
        TableError
            If an image is listed twice, or a column's name is reserved.

        References
        ----------
        Karkkainen and Joo 2021, "FairFace: Face Attribute Dataset for Balanced Race, Gender, and
        Age for Bias Measurement and Mitigation", WACV.
        """
        task_set = fairface_tasks(tasks)
        index = index_fairface(path, root=root, tasks=task_set)
        found = cls._trusted(index.table, task_set, index.rejects)
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
            Which columns hold labels, and how to read them. Empty text means not labelled. Numbers
            known as a range are read from ``<task>_min`` and ``<task>_max``, where both are there.
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
            If the file cannot be read or lacks a column, a label or range cannot be read, or a task
            has no label at all.
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

    def with_labels(
        self, table: pd.DataFrame, *, tasks: TaskSet | Task | Iterable[Task] = ()
    ) -> Dataset:
        """Give images other labels, more labels, or more columns to group by.

        Parameters
        ----------
        table : pandas.DataFrame
            ``sample_id`` and the columns to set, for all images or some. A value that is missing
            here becomes missing; images that are not listed keep what they have. Ids that the data
            set does not have are passed over, with a warning in the log. Whoever gives a label to
            rows that have a range outside of it gives these another range too, or none.
        tasks : TaskSet, task or iterable of tasks, default ()
            New tasks, or new meanings of old ones, by the name of their column. Columns that are no
            task's are columns to group by.

        Returns
        -------
        Dataset
            The same images and rejects.

        Raises
        ------
        TableError
            If ``sample_id`` or the column of a new task is missing, or an id is repeated.
        DataError
            If no id fits, a label or range cannot be read, or a label lies outside its range.
        """
        task_set = TaskSet({**self._tasks, **tasks_by_name(tasks)}.values())
        labelled = self._trusted(relabel(self._table, table, task_set), task_set, self._rejects)
        labelled._prints, labelled._duplicates = self._prints, self._duplicates
        return labelled

    @staticmethod
    def concat(datasets: Sequence[Dataset] | Mapping[str, Dataset]) -> Dataset:
        """Put data sets together.

        Parameters
        ----------
        datasets : sequence of Dataset, or mapping of str to Dataset
            Their tasks may differ. Those of one name are the same but for the codes of classes,
            which are for reading alone; the first data set's are kept. In a mapping the names are
            put before the ids, ``NAME/ID``, for data sets in which one id means different images.

        Returns
        -------
        Dataset
            All rows and all rejects, in the given order, with all tasks, in the order in which they
            first appear. A column that a data set lacks is missing in its rows, so images are not
            labelled for the tasks that theirs does not have.

        Raises
        ------
        DataError
            If tasks of one name differ, a label column of one data set is only a column to group by
            in another, or an id occurs twice.
        """
        check_datasets(datasets, Dataset)
        named = datasets if isinstance(datasets, Mapping) else None
        parts = list(datasets.values() if isinstance(datasets, Mapping) else datasets)
        names = [f"datasets[{n}]" for n in range(len(parts))] if named is None else list(named)
        task_sets = [part._tasks for part in parts]
        tasks = union_of_tasks(task_sets)
        tables = {name: part._table for name, part in zip(names, parts, strict=True)}
        check_same_meaning(tables, task_sets, tasks)
        joined = join_tables(tables if named is None else with_prefix(tables), tasks)
        rejects = pd.concat([part._rejects for part in parts], ignore_index=True)
        return Dataset._trusted(joined, tasks, rejects)
