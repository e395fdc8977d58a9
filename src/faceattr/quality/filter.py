"""Score images, draw a line, say what lies beyond it and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from faceattr._requests import ImagesInput, gather_requests
from faceattr.exceptions import ImageReadError, InvalidTypeError
from faceattr.images import ImageSource, read_image
from faceattr.quality.columns import BRISQUE_WEIGHTS, UNREADABLE
from faceattr.quality.dropping import Images, check_dataset, drop_flagged, rows_of
from faceattr.quality.finding import BRISQUE, find_metric
from faceattr.quality.flags import MISSING, check_quality, check_weights, flag_table
from faceattr.quality.metric import QualityMetric
from faceattr.quality.pieces import score_images
from faceattr.quality.scoring import score_requests
from faceattr.quality.settings import (
    check_settings,
    limits_in_force,
    tags_of,
    versions_of,
    wanted_metrics,
)
from faceattr.quality.store import open_store
from faceattr.quality.thresholds import (
    Limits,
    Pair,
    Thresholds,
    check_quantiles,
    check_thresholds,
    learn,
)
from faceattr.quality.verdict import Verdict, judge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["QualityFilter"]


class QualityFilter:
    """Score images, and leave out those beyond a line that is drawn afterwards.

    Scoring is the work, and needs no threshold. Thresholds are looked at by `flag`, `filter` and
    `check` alone, so that changing them costs nothing.

    Parameters
    ----------
    thresholds : mapping of str to (low, high), or {"lenient", "standard", "strict"}, optional
        The values of each metric that are accepted, both ends included, None for an open end; or
        the name of a preset (`faceattr.quality.PRESETS`).
    metrics : sequence of str, optional
        What to score: names in `faceattr.quality.QUALITY_METRICS`, or ``"piq.<name>"``. By default
        `faceattr.quality.DEFAULT_METRICS`. Metrics that have a threshold or quantiles are scored
        in any case.
    quantiles : mapping of str to (low, high), optional
        Thresholds that `fit` learns: the shares of the images that lie below each end, from 0 to 1,
        None for an open end; ``{"brisque": (None, 0.95)}`` leaves out the worst twentieth.
    missing : {"flag", "keep"}, default "flag"
        What becomes of an image for which a metric with a threshold is not defined. One that
        cannot be read is flagged in any case: its note says so, or it has no note and no score at
        all, of two metrics at least, or of ``size`` or ``luminance``, which every image has.
    weights : {"bundled", "live"}, default "bundled"
        Whose support vectors BRISQUE is computed with.
    cache : bool, default True
        Keep scores in the user's cache folder (`QualityCache`), by what a file holds: numbers
        only. A second call reads the files to see what they hold, and scores what is new.

    Attributes
    ----------
    thresholds_ : dict of str to (low, high)
        After `fit`: the given thresholds, and the learned ones in the place of any given for the
        same metric.

    Examples
    --------
    >>> import numpy as np
    >>> from faceattr.quality import QualityFilter, quality_metric
    >>> @quality_metric("greenness", range=(0, 255))
    ... def greenness(image):
    ...     return float(image[:, :, 1].mean())
    >>> green = QualityFilter({"greenness": (None, 100)}, metrics=["greenness"])
    >>> print(green.check(np.full((8, 8, 3), 120, dtype=np.uint8)))
    rejected: greenness too high (greenness 120, at most 100)
    """

    thresholds_: dict[str, Pair]

    def __init__(
        self,
        thresholds: Thresholds | None = None,
        *,
        metrics: Sequence[str] | None = None,
        quantiles: Mapping[str, Pair] | None = None,
        missing: str = "flag",
        weights: str = "bundled",
        cache: bool = True,
    ) -> None:
        self.thresholds = thresholds
        self.metrics = metrics
        self.quantiles = quantiles
        self.missing = missing
        self.weights = weights
        self.cache = cache

    def score(self, images: ImagesInput, *, progress: bool = False) -> pd.DataFrame:
        """Score images on every metric, with all cores.

        Parameters
        ----------
        images : path, paths, folder, arrays, PIL images, bytes or Dataset
            What `Model.predict` takes, except images from the image cache: they were resized, and
            would have other scores.
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        pandas.DataFrame
            A row a request, in order: ``sample_id``, a float64 column a metric, ``brisque_weights``
            where BRISQUE is among them, and ``notes``: empty, ``"<metric>: <why it is not
            defined>; ..."``, or ``"cannot be read: <why>"`` for an image without any score.

        Raises
        ------
        InvalidTypeError
            If something is no image, path or data set, or comes from the image cache; or a metric
            returns no number.
        DataError
            If a folder holds no image.
        InvalidArgumentError
            If there is no such metric, or one returns a number outside its range.
        """
        metrics = self._metrics()
        requests = gather_requests(images, "images")
        if requests.stacked is not None:
            raise InvalidTypeError(
                "images from the image cache were resized, and would have other scores",
                argument="images",
                expected="the data set itself",
                found=type(images).__name__,
            )
        with open_store(tags_of(metrics, warn=self.cache), cache=self.cache) as store:
            table = score_requests(requests, metrics, store, progress=progress)
        if any(metric.name == BRISQUE for metric in metrics):
            weights = pd.Series(self.weights, index=table.index, dtype="str")
            table.insert(len(table.columns) - 1, BRISQUE_WEIGHTS, weights)
        return table

    def fit(self, quality: pd.DataFrame) -> Self:
        """Learn thresholds from the scores of a data set, as `quantiles` says.

        Parameters
        ----------
        quality : pandas.DataFrame
            What `score` returned; what is missing in it is left out.

        Returns
        -------
        QualityFilter
            This filter, with `thresholds_`.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If there are no `quantiles`, or they are no shares.
        TableError
            If the table lacks a metric, or its BRISQUE has other weights.
        """
        self._check()
        shares = check_quantiles(self.quantiles)
        check_quality(quality, shares, repeats=True)
        self._check_weights(quality, shares)
        self.thresholds_ = {**check_thresholds(self.thresholds), **learn(quality, shares)}
        return self

    def flag(self, quality: pd.DataFrame) -> pd.DataFrame:
        """Say which images lie beyond the thresholds, and why.

        Parameters
        ----------
        quality : pandas.DataFrame
            What `score` returned, also flagged before; it is not changed.

        Returns
        -------
        pandas.DataFrame
            The table with ``is_<metric>_issue`` (bool) for each metric that has a threshold, and
            ``reasons``: empty, or ``"too dark (luminance 31.2, at least 60); ..."``.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If there is no threshold, or one cannot be used; or `fit` has not learned them yet.
        TableError
            If the table lacks a metric, or its BRISQUE has other weights.
        """
        limits = self._limits()
        check_quality(quality, limits, repeats=True)
        self._check_weights(quality, limits)
        return flag_table(quality, limits, self.missing)

    def filter(self, dataset: Images, quality: pd.DataFrame | None = None) -> Images:
        """Leave out the images of a data set that lie beyond the thresholds.

        Parameters
        ----------
        dataset : Dataset
        quality : pandas.DataFrame, optional
            What `score` returned for this data set, or a larger one; by default it is scored. It
            is joined by ids alone: scores of other images with the same ids are not noticed.

        Returns
        -------
        Dataset
            The other images. Its `rejects` have a row more for each image left out, with the
            reasons.

        Raises
        ------
        DataError
            If the table lacks images of the data set: nothing is kept unseen.
        InvalidArgumentError, InvalidTypeError, TableError
            As for `flag`; if an id stands twice in the table; if `dataset` is none.
        """
        limits = self._limits()
        check_dataset(dataset)
        if quality is None:
            quality = self.score(dataset)
        check_quality(quality, limits, repeats=False)
        return drop_flagged(dataset, self.flag(rows_of(dataset, quality)))

    def check(self, image: ImageSource) -> Verdict:
        """Judge one image, as in production: only metrics that have a threshold, and no cache.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            An array is uint8 RGB ``(H, W, 3)`` or gray ``(H, W)``.

        Returns
        -------
        Verdict
            An image that cannot be read is not accepted.

        Raises
        ------
        ImageReadError
            If there is no file of this name.
        InvalidArgumentError, InvalidTypeError
            As for `flag`; if `image` is none of the above.
        """
        limits = self._limits()
        if isinstance(image, str | Path) and not Path(image).is_file():
            raise ImageReadError("no such file", argument="image", rows=[str(image)])
        metrics = [find_metric(name, "thresholds", self.weights) for name in limits]
        try:
            pixels = read_image(image)
        except ImageReadError as error:
            return Verdict(False, (f"{UNREADABLE}: {error.problem}",), ("send another file",))
        [scores] = score_images(metrics, [pixels], [_name(image)])
        return judge(metrics, scores, limits, flag_missing=self.missing == MISSING[0])

    def summary(self, quality: pd.DataFrame) -> str:
        """Return the scores and what the thresholds leave out as text.

        Parameters
        ----------
        quality : pandas.DataFrame
            What `score` or `flag` returned.

        Returns
        -------
        str
            For a terminal, at most 100 characters wide. Without thresholds the scores alone.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError, TableError
            As for `flag`.
        """
        from faceattr.quality.summary import summarise

        return summarise(self._flag_if_any(quality), self._limits(needed=False))

    def plot(self, quality: pd.DataFrame, images: ImagesInput | None = None) -> Figure:
        """Draw the scores: a histogram a metric, with its thresholds.

        Parameters
        ----------
        quality : pandas.DataFrame
            What `score` or `flag` returned.
        images : path, paths, folder, arrays, PIL images, bytes or Dataset, optional
            What was scored. A strip of images from best to worst is then drawn beside each
            histogram.

        Returns
        -------
        matplotlib.figure.Figure
            Not attached to any window.

        Raises
        ------
        DataError
            If `images` lack some of those in the table.
        InvalidArgumentError, InvalidTypeError, TableError
            As for `flag`.
        """
        from faceattr.quality.plots import plot_quality  # late: figures are not always drawn

        limits = self._limits(needed=False)
        return plot_quality(self._flag_if_any(quality), limits, images)

    def to_html(
        self, path: str | Path, images: ImagesInput, quality: pd.DataFrame, *, worst: int = 12
    ) -> Path:
        """Write a page that shows the scores, the thresholds and the worst images of each metric.

        One file that needs no other and no network. It holds pictures of the images, so it is as
        private as they are.

        Parameters
        ----------
        path : path
            Ends in ``.html``; its folder is made where needed.
        images : path, paths, folder, arrays, PIL images, bytes or Dataset
            What was scored.
        quality : pandas.DataFrame
            What `score` or `flag` returned.
        worst : int, default 12
            Images shown a metric, at most; 0 for a page without any.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        DataError
            If `images` lack some of those in the table.
        InvalidArgumentError, InvalidTypeError, TableError
            As for `flag`.
        OutputError
            If the file cannot be written.
        """
        from faceattr.quality.page import write_page

        limits = self._limits(needed=False)
        return write_page(path, images, self._flag_if_any(quality), limits, worst=worst)

    def metric_versions(self) -> dict[str, str]:
        """Return, by metric, what its scores depend on: version, weights, decoding.

        Parts of a table that differ in it do not belong together. For a metric of your own it has
        a digest of the function too, unless that holds what cannot be compared.
        """
        return versions_of(self._metrics())

    def _check(self) -> None:
        check_settings(missing=self.missing, weights=self.weights, cache=self.cache)

    def _metrics(self) -> list[QualityMetric]:
        self._check()
        return wanted_metrics(self.metrics, self.thresholds, self.quantiles, self.weights)

    def _limits(self, *, needed: bool = True) -> dict[str, Limits]:
        """Return the thresholds in force, learned ones after `fit`."""
        self._check()
        learned = getattr(self, "thresholds_", None)
        return limits_in_force(self.thresholds, self.quantiles, learned, needed=needed)

    def _check_weights(self, quality: pd.DataFrame, limits: Mapping[str, Any]) -> None:
        if BRISQUE in limits:
            check_weights(quality, self.weights)

    def _flag_if_any(self, quality: pd.DataFrame) -> pd.DataFrame:
        if self._limits(needed=False):
            return self.flag(quality)
        check_quality(quality, {}, repeats=True)
        return quality


def _name(image: ImageSource) -> str:
    return str(image) if isinstance(image, str | Path) else "the image"
