"""Some images scored in one go, by a thread or by another process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from faceattr._parallel import map_processes, map_threads
from faceattr._requests import SourceReader
from faceattr.exceptions import ImageReadError, InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.quality.columns import UNREADABLE, as_one
from faceattr.quality.finding import WEIGHTS, find_metric
from faceattr.quality.metric import NoScore, QualityMetric, is_own
from faceattr.quality.piq_adaptor import PIQ_PREFIX
from faceattr.quality.views import sharing

__all__ = [
    "Done",
    "Task",
    "can_leave",
    "key_of",
    "score_elsewhere",
    "score_here",
    "score_images",
]

_HELD_VALUES = 6_000_000
"""Pixel values that a worker holds to score images together: 50 chips, or a photograph alone."""

Piece: TypeAlias = "Sequence[Task]"


@dataclass(frozen=True)
class Task:
    """What is left to compute of an image.

    Attributes
    ----------
    row : int
        Its position among the requests.
    sample_id : str
    source : object
        What its reader reads.
    key : bytes, optional
        What it held when it was looked for in the store.
    missing : tuple of int
        Positions of the metrics that are not known of it yet.
    """

    row: int
    sample_id: str
    source: Any
    key: bytes | None
    missing: tuple[int, ...]


@dataclass(frozen=True)
class Done:
    """What became of it: scores of the metrics that were missing, or why it cannot be read."""

    row: int
    missing: tuple[int, ...]
    scores: Sequence[float] = ()
    error: str = ""
    key: bytes | None = None


def score_here(
    metrics: Sequence[QualityMetric], reader: SourceReader, pieces: Iterable[Piece]
) -> Iterator[list[Done]]:
    """Score pieces with threads."""
    return map_threads(partial(_score_piece, metrics, reader), pieces)


def score_elsewhere(
    metrics: Sequence[QualityMetric], reader: SourceReader, pieces: Iterable[Piece]
) -> Iterator[list[Done]]:
    """Score pieces with worker processes, which know the library's own metrics by name."""
    names = [(metric.name, metric.variant or WEIGHTS[0]) for metric in metrics]
    return map_processes(partial(_score_named, names, reader), pieces)


def can_leave(metrics: Sequence[QualityMetric], reader: SourceReader) -> bool:
    """Tell whether other processes can do this: they know no metric but the library's own."""
    ours = all(is_own(metric) and not metric.name.startswith(PIQ_PREFIX) for metric in metrics)
    return ours and reader.portable


def _score_named(
    names: Sequence[tuple[str, str]], reader: SourceReader, tasks: Piece
) -> list[Done]:
    metrics = [find_metric(name, "metrics", weights) for name, weights in names]
    return _score_piece(metrics, reader, tasks)


def _score_piece(
    metrics: Sequence[QualityMetric], reader: SourceReader, tasks: Piece
) -> list[Done]:
    done: list[Done] = []
    held: list[tuple[Task, UInt8Image]] = []
    for task in tasks:
        try:
            image = reader.read(task.source)
        except (ImageReadError, InvalidTypeError) as error:
            done.append(Done(task.row, task.missing, error=_unreadable(error)))
            continue
        values = sum(other.size for _, other in held) + image.size
        if held and (values > _HELD_VALUES or held[0][0].missing != task.missing):
            done += _score_held(metrics, reader, held)
            held = []
        held.append((task, image))
    return [*done, *_score_held(metrics, reader, held)]


def _score_held(
    metrics: Sequence[QualityMetric],
    reader: SourceReader,
    held: Sequence[tuple[Task, UInt8Image]],
) -> Iterator[Done]:
    """Score images together, of which the same metrics are missing."""
    if not held:
        return
    wanted = [metrics[position] for position in held[0][0].missing]
    ids = [task.sample_id for task, _ in held]
    every = score_images(wanted, [image for _, image in held], ids)
    for (task, _), scores in zip(held, every, strict=True):
        # A file that was changed between the two looks at it has scores under neither key.
        same = task.key is not None and key_of(reader, task.source) == task.key
        yield Done(task.row, task.missing, scores, key=task.key if same else None)


def key_of(reader: SourceReader, source: object) -> bytes | str | None:
    """Return what an image holds, why that cannot be told, or None for what is no file."""
    try:
        return reader.key(source)
    except ImageReadError as error:
        return _unreadable(error)


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
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(
            "the metric returned no number",
            argument=metric.name,
            rows=[sample_id],
            expected="a float, or a NoScore with the reason",
            found=f"{value!r} ({type(value).__name__})",
            hint="float(...)" if isinstance(value, bool | np.bool_) else None,
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


def _unreadable(error: ImageReadError | InvalidTypeError) -> str:
    found = "" if error.found is None else f" ({error.found})"
    return as_one(f"{UNREADABLE}: {error.problem}{found}")
