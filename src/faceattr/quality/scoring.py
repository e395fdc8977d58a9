"""From images to a table of scores: each decoded once, by all cores, in memory that stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from faceattr._requests import Requests, text_array
from faceattr._parallel import map_threads
from faceattr.exceptions import ImageReadError, InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality.metric import NoScore, QualityMetric
from faceattr.quality.store import ScoreStore
from faceattr.quality.views import sharing

__all__ = ["NOTES", "UNREADABLE", "score_images", "score_requests"]

NOTES = "notes"
UNREADABLE = "cannot be read"

_CHUNK = 1024
"""Images between two visits of the store: what a killed run loses at most."""
_PIECE = 16
"""Images that a thread scores in one go."""
_HELD_VALUES = 6_000_000
"""Pixel values that a thread holds to score images together: 50 chips, or a photograph alone."""
_KEYS = 64
"""Files that a thread reads in one go to see what they hold."""

Item = TypeVar("Item")

Missing: TypeAlias = tuple[int, ...]
"""Positions of the metrics that are not known of an image yet."""


def score_images(
    metrics: Sequence[QualityMetric], images: Sequence[UInt8Image], ids: Sequence[str]
) -> list[list[float]]:
    """Return the scores of each image, uint8 (H, W, 3), in the order of the metrics."""
    seen = [image.view() for image in images]
    for image in seen:
        image.flags.writeable = False  # what a metric changes, the others would see
    with sharing():
        columns = [_score(metric, seen, ids) for metric in metrics]
    return [list(scores) for scores in zip(*columns, strict=True)]


def _score(metric: QualityMetric, images: Sequence[UInt8Image], ids: Sequence[str]) -> list[float]:
    if metric.batch is None:
        values = [
            _call(metric, metric.function, image, ids[row]) for row, image in enumerate(images)
        ]
    else:
        values = list(_call(metric, metric.batch, images, ", ".join(ids)))
    if len(values) != len(images):
        raise InvalidTypeError(
            "the metric returned more or fewer numbers than it was given images",
            argument=metric.name,
            expected=str(len(images)),
            found=str(len(values)),
        )
    return [_check_score(metric, value, name) for value, name in zip(values, ids, strict=True)]


def _call(metric: QualityMetric, function: Callable[[Any], Any], given: object, names: str) -> Any:
    try:
        return function(given)
    except Exception as error:
        error.add_note(f"while scoring {metric.name} of {names}")
        raise


def _check_score(metric: QualityMetric, value: object, sample_id: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(
            "the metric returned no number",
            argument=metric.name,
            rows=[sample_id],
            expected="a float, or a NoScore with the reason",
            found=f"{value!r} ({type(value).__name__})",
        )
    score = value if isinstance(value, NoScore) else float(value)
    if np.isnan(score):
        return score if isinstance(score, NoScore) else NoScore("not defined")
    if not metric.low <= score <= metric.high or np.isinf(score):
        raise InvalidArgumentError(
            "the metric returned what lies outside its range",
            argument=metric.name,
            rows=[sample_id],
            expected=f"a finite number from {metric.low:g} to {metric.high:g}",
            found=repr(score),
        )
    return score


def score_requests(
    requests: Requests,
    metrics: Sequence[QualityMetric],
    store: ScoreStore | None,
    *,
    progress: bool = False,
) -> pd.DataFrame:
    """Score images; what is in the store is read, what is new is put there.

    Returns
    -------
    pandas.DataFrame
        ``sample_id``, a float64 column a metric, ``notes``; a row a request, in order.
    """
    scoring = _Scoring(requests, metrics, store)
    with tqdm(total=len(requests), desc="scoring", unit="image", disable=not progress) as bar:
        for start in range(0, len(requests), _CHUNK):
            for done in scoring.run(range(start, min(start + _CHUNK, len(requests)))):
                bar.update(done)
    return scoring.to_table()


@dataclass(frozen=True)
class _Task:
    """What is left to compute of an image."""

    row: int
    key: bytes | None
    missing: Missing


@dataclass(frozen=True)
class _Done:
    """What became of it."""

    task: _Task
    scores: Sequence[float] = ()
    error: str = ""
    keep: bool = False


class _Scoring:
    """The columns of a table of scores, filled chunk by chunk; no image outlives its scores."""

    def __init__(
        self, requests: Requests, metrics: Sequence[QualityMetric], store: ScoreStore | None
    ) -> None:
        self._requests = requests
        self._metrics = metrics
        self._store = store
        self._ids = np.asarray(requests.known["sample_id"], dtype=object)
        self._scores = np.full((len(metrics), len(requests)), np.nan)
        self._notes: dict[int, dict[int, str]] = {}

    def run(self, rows: range) -> Iterator[int]:
        """Score some rows; yields how many are done since it last did."""
        tasks = self._look_up(rows)
        yield len(rows) - len(tasks)
        pieces = _slices(tasks, _PIECE)
        new: list[tuple[bytes, int, float]] = []
        try:
            for piece in map_threads(self._compute, pieces):
                for done in piece:
                    new += self._fill(done)
                yield len(piece)
        finally:  # what is done is kept, also where a metric failed or somebody lost patience
            if self._store is not None and new:
                self._store.put(new)

    def to_table(self) -> pd.DataFrame:
        """Return the table."""
        notes = np.full(len(self._requests), "", dtype=object)
        for row, found in self._notes.items():
            notes[row] = "; ".join(found[position] for position in sorted(found))
        columns = {
            metric.name: values for metric, values in zip(self._metrics, self._scores, strict=True)
        }
        return pd.DataFrame(
            {"sample_id": text_array(self._ids), **columns, NOTES: text_array(notes)}
        )

    def _look_up(self, rows: range) -> list[_Task]:
        """Fill in what the store knows, and return what it does not."""
        every = tuple(range(len(self._metrics)))
        key = self._requests.key
        if self._store is None or not self._store.usable or key is None:
            return [_Task(row, None, every) for row in rows]
        pieces = _slices(rows, _KEYS)
        keys = [key for piece in map_threads(self._keys, pieces) for key in piece]
        known = self._store.get([key for key in keys if isinstance(key, bytes)])
        tasks = []
        for row, found in zip(rows, keys, strict=True):
            if isinstance(found, str):
                self._notes[row] = {0: found}
                continue
            scores: Mapping[int, float] = {} if found is None else known.get(found, {})
            for position, score in sorted(scores.items()):
                self._set(row, position, score)
            missing = tuple(position for position in every if position not in scores)
            if missing:
                tasks.append(_Task(row, found, missing))
        return tasks

    def _keys(self, rows: Sequence[int]) -> list[bytes | str | None]:
        return [self._key(row) for row in rows]

    def _key(self, row: int) -> bytes | str | None:
        if self._requests.key is None:
            return None
        try:
            return self._requests.key(row)
        except ImageReadError as error:
            return _unreadable(error)

    def _compute(self, tasks: Sequence[_Task]) -> list[_Done]:
        done: list[_Done] = []
        held: list[tuple[_Task, UInt8Image]] = []
        for task in tasks:
            try:
                image = self._requests.read(task.row)
            except (ImageReadError, InvalidTypeError) as error:
                done.append(_Done(task, error=_unreadable(error)))
                continue
            pixels = sum(other.size for _, other in held) + image.size
            if held and (pixels > _HELD_VALUES or held[0][0].missing != task.missing):
                done += self._score(held)
                held = []
            held.append((task, image))
        return [*done, *self._score(held)]

    def _score(self, held: Sequence[tuple[_Task, UInt8Image]]) -> Iterator[_Done]:
        """Score images together, of which the same metrics are missing."""
        if not held:
            return
        metrics = [self._metrics[position] for position in held[0][0].missing]
        ids = [str(self._ids[task.row]) for task, _ in held]
        every = score_images(metrics, [image for _, image in held], ids)
        for (task, _), scores in zip(held, every, strict=True):
            # A file that was changed between the two looks at it has scores under neither key.
            keep = task.key is not None and self._key(task.row) == task.key
            yield _Done(task, scores, keep=keep)

    def _fill(self, done: _Done) -> Iterator[tuple[bytes, int, float]]:
        """Fill in what is new, and yield what is to be kept of it."""
        task = done.task
        if done.error:
            self._scores[:, task.row] = np.nan
            self._notes[task.row] = {0: done.error}
            return
        for position, score in zip(task.missing, done.scores, strict=True):
            self._set(task.row, position, score)
            if done.keep and task.key is not None:
                yield task.key, position, score

    def _set(self, row: int, position: int, score: float) -> None:
        self._scores[position, row] = score
        if isinstance(score, NoScore):
            reason = score.reason.replace("; ", ", ")  # which stands between notes
            note = f"{self._metrics[position].name}: {reason}"
            self._notes.setdefault(row, {})[position] = note


def _slices(items: Sequence[Item], length: int) -> list[Sequence[Item]]:
    return [items[start : start + length] for start in range(0, len(items), length)]


def _unreadable(error: ImageReadError | InvalidTypeError) -> str:
    found = "" if error.found is None else f" ({error.found})"
    return f"{UNREADABLE}: {error.problem}{found}"
