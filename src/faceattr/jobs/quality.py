"""Score the images of a folder and flag those beyond thresholds; no labels, no model, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceattr.exceptions import DataError, FaceAttrError, InvalidArgumentError
from faceattr.jobs._checks import check_file, table_file
from faceattr.jobs._parts import ListedImages, Listing, Part, check_part, list_folder, save_part

if TYPE_CHECKING:
    import pandas as pd

    from faceattr.quality import QualityFilter
    from faceattr.tables import Shard

__all__ = ["run_quality"]


def run_quality(
    source: str | Path,
    quality_filter: QualityFilter | None = None,
    *,
    output: str | Path | None = None,
    page: str | Path | None = None,
    shard: Shard | str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Score the images of a folder, and flag them where there are thresholds.

    Parameters
    ----------
    source : path
        A folder, searched with all its sub-folders; ids are paths relative to it. Or a ``.csv`` or
        ``.parquet`` file that holds the scores already: then it is only flagged.
    quality_filter : QualityFilter, optional
        What to score and where to draw the line; by default the usual metrics and no threshold. Its
        quantiles are learned from these images.
    output : path, optional
        A ``.csv`` or ``.parquet`` file for the table. If thresholds cannot be learned from the
        scores of a folder, these are written all the same.
    page : path, optional
        A ``.html`` file for `QualityFilter.to_html`; it holds pictures of the images.
    shard : Shard or str, optional
        Only score this part of the images, such as ``"2/8"``, and write it so that `run_merge` puts
        all parts together. Needs `output`. Flags and pages are for the whole.
    progress : bool, default False
        Show a progress bar on stderr.

    Returns
    -------
    pandas.DataFrame
        The quality table of `QualityFilter.score`, or of `QualityFilter.flag` where there are
        thresholds.

    Raises
    ------
    DataError
        If there is no such folder, it cannot be read or holds no image, or there are no scores to
        learn a threshold from.
    TableError
        Of a table, if it lacks the ids, or a metric that has a threshold.
    InvalidArgumentError, InvalidTypeError
        If `output` or `page` is no name of such a file, there is no such
        part, or the filter cannot be used.
    OutputError
        If a file cannot be written.
    """
    from faceattr.quality import QualityFilter
    from faceattr.tables import write_table

    target = None if output is None else table_file(output, "output")
    page_target = None if page is None else check_file(page, "page", (".html", ".htm"))
    part = check_part(shard, target)
    chosen = QualityFilter() if quality_filter is None else quality_filter
    if part is not None:
        _check_whole(chosen, page_target, source)
        return _score_part(Path(source), chosen, part, progress=progress)
    table = _scores(Path(source), chosen, page_target, progress=progress)
    try:
        table = _flagged(table, chosen)
    except FaceAttrError:
        if target is not None and not _is_table(Path(source)):
            write_table(table, target)  # scoring was the work
        raise
    if target is not None:
        write_table(table, target)
    if page_target is not None:
        chosen.to_html(page_target, Path(source), table)
    return table


def _scores(
    source: Path, chosen: QualityFilter, page: Path | None, *, progress: bool
) -> pd.DataFrame:
    if not _is_table(source):
        return chosen.score(ListedImages(_listed(source)), progress=progress)
    if page is not None:
        raise InvalidArgumentError(
            "a page shows images, which a table does not have",
            argument="page",
            hint="give the folder of the images; kept scores are not computed again",
        )
    from faceattr.quality.flags import check_quality
    from faceattr.tables import read_table

    chosen.metric_versions()  # which checks the filter before anything is read
    table = read_table(source)
    check_quality(table, {}, repeats=True)
    return table


def _flagged(table: pd.DataFrame, chosen: QualityFilter) -> pd.DataFrame:
    if chosen.quantiles is not None:
        chosen.fit(table)
    elif chosen.thresholds is None:
        return table
    return chosen.flag(table)


def _score_part(folder: Path, chosen: QualityFilter, part: Part, *, progress: bool) -> pd.DataFrame:
    versions = chosen.metric_versions()
    listing = _listed(folder)
    table = chosen.score(ListedImages(listing.part(part.shard)), progress=progress)
    settings = {f"metric {name}": version for name, version in versions.items()}
    save_part(table, part, listing, kind="quality", settings=settings)
    return table


def _check_whole(chosen: QualityFilter, page: Path | None, source: str | Path) -> None:
    """Raise if a part is to be flagged: thresholds can be learned and looked at for all at once."""
    given = [
        name
        for name, value in (
            ("thresholds", chosen.thresholds),
            ("quantiles", chosen.quantiles),
            ("page", page),
        )
        if value is not None
    ]
    if given or _is_table(Path(source)):
        raise InvalidArgumentError(
            "a part only holds scores; flags and pages are for the whole",
            argument="shard",
            expected="metrics, a folder and an output alone",
            found=", ".join(given) or str(source),
            hint="merge the parts, and flag the merged table",
        )


def _is_table(source: Path) -> bool:
    return source.suffix.lower() in {".csv", ".parquet"} and not source.is_dir()


def _listed(source: Path) -> Listing:
    """Return the images of a folder; an error where it is none, or holds none."""
    from faceattr.images import image_names

    if not source.is_dir():
        raise DataError(
            "neither a folder of images nor a quality table",
            argument="source",
            expected="a folder, or a file that ends in .csv or .parquet",
            found=str(source),
        )
    names = image_names(source)
    if not names:
        raise DataError("the folder holds no image", argument="source", found=str(source))
    return list_folder(source, names)
