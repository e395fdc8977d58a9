"""Audit a data set and write what was found; torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceattr._validation import check_integer, check_output_folder
from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._checks import check_file, check_mapping, check_texts
from faceattr.jobs._making import open_dataset
from faceattr.jobs.sections import DataSection

if TYPE_CHECKING:
    from faceattr.data import Audit

__all__ = ["AuditSection", "data_of", "run_audit"]


@dataclass(frozen=True)
class AuditSection:
    """How an audit counts and what its page shows; see `Dataset.audit`.

    Parameters
    ----------
    by : sequence of str, optional
        Columns whose joint groups are counted; all tasks and columns with few values by default.
    bins : mapping of str to edges or int
        Bins of numbers. A first or last edge that is None is an open end.
    min_images : int, default 20
        Groups and classes with fewer images are findings.
    worst : int, default 24
        At most so many suspects, conflicts and duplicates are shown with pictures; 0 for none.
    """

    by: Sequence[str] | None = None
    bins: Mapping[str, Any] = field(default_factory=dict)
    min_images: int = 20
    worst: int = 24

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        if self.by is not None:
            check_texts(self.by, "by")
        check_mapping(self.bins, "bins")
        check_integer(self.min_images, "min_images", low=1)
        check_integer(self.worst, "worst", low=0)


def run_audit(
    data: DataSection,
    predictions: str | Path | None = None,
    *,
    settings: AuditSection | None = None,
    output: str | Path | None = None,
    tables: str | Path | None = None,
    progress: bool = False,
) -> Audit:
    """Audit a data set.

    Parameters
    ----------
    data : DataSection
        Which images and labels. They are not verified first: the audit names what it cannot read.
    predictions : path, optional
        A CSV or Parquet file of out-of-fold predictions, for suspected labels. May be of some of
        the images.
    settings : AuditSection, optional
        Groups and pictures.
    output : path, optional
        A ``.html`` file for `Audit.to_html`; it holds pictures of the images.
    tables : path, optional
        A folder that takes all tables as CSV files, by the names that the audit has for them.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    faceattr.data.Audit

    Raises
    ------
    DataError
        If the data cannot be read, or a table cannot.
    InvalidArgumentError, InvalidTypeError
        If a setting cannot be used, or `output` is no name of a page.
    MissingDependencyError
        If there are predictions, but no cleanlab.
    OutputError
        If a file cannot be written.
    """
    chosen = AuditSection() if settings is None else settings
    chosen.check()
    data.check()
    page = None if output is None else check_file(output, "output", (".html", ".htm"))
    folder = None if tables is None else check_output_folder(tables, "tables")
    from faceattr.tables import read_table, write_table

    told = None if predictions is None else read_table(predictions)
    # Drawings have no files, and no such setting.
    dataset = open_dataset(data if data.kind == "synthetic" else replace(data, verify=False))
    audit = dataset.audit(
        told, by=chosen.by, bins=chosen.bins, min_images=chosen.min_images, progress=progress
    )
    if folder is not None:
        for name, table in audit.tables().items():
            write_table(table, folder / f"{name}.csv")
    if page is not None:
        audit.to_html(page, worst=chosen.worst)
    return audit


def data_of(path: str | Path) -> DataSection:
    """Return which images and labels a job file is about.

    Raises
    ------
    DataError
        If the file cannot be read.
    InvalidArgumentError
        If its section ``data`` says not which, or has keys that there are not.
    """
    from faceattr.jobs._settings import read_toml

    try:
        return DataSection(**check_mapping(read_toml(path).get("data", {}), "data"))
    except TypeError as error:
        raise InvalidArgumentError(
            "not the data of a job",
            argument=f"{path}, data",
            expected='[data] kind = "utkface", path = "UTKFace/"',
            found=str(error),
        ) from error
