"""From images to a table of scores: each decoded once, by all cores, in memory that stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from faceattr._parallel import cores, map_threads
from faceattr._requests import Requests, text_array
from faceattr.quality.columns import NOTES, as_one, join_texts, split_texts
from faceattr.quality.metric import NoScore, QualityMetric
from faceattr.quality.pieces import (
    Done,
    Task,
    can_leave,
    key_of,
    score_elsewhere,
    score_here,
)
from faceattr.quality.store import Entry, ScoreStore

__all__ = ["score_requests"]

_CHUNK = 1024
"""Images between two visits of the store, and about what a killed run loses."""
_PIECE = 16
"""Images that a worker scores in one go."""
_KEYS = 64
"""Files that a thread reads in one go to see what they hold."""
_MANY = 2000
"""Images from which on starting processes is worth its second."""

Item = TypeVar("Item")


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
        for done in scoring.run():
            bar.update(done)
    return scoring.to_table()


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
        self._notes = np.full(len(requests), "", dtype=object)
        self._texts: dict[str, str] = {}  # each note once, however many images have it
        self._order = {metric.name: place for place, metric in enumerate(metrics)}
        self._known = 0

    def run(self) -> Iterator[int]:
        """Score all images; yields how many are done since it last did."""
        new: list[Entry] = []
        try:
            for piece in self._score():
                for done in piece:
                    new += self._fill(done)
                if len(new) >= _CHUNK * len(self._metrics):
                    new = self._keep(new)
                known, self._known = self._known, 0
                yield len(piece) + known
        finally:  # what is done is kept, also where a metric failed or somebody lost patience
            self._keep(new)
        yield self._known

    def _keep(self, new: Sequence[Entry]) -> list[Entry]:
        if self._store is not None and new:
            self._store.put(new)
        return []

    def to_table(self) -> pd.DataFrame:
        """Return the table."""
        names = [metric.name for metric in self._metrics]
        table = pd.DataFrame(self._scores.T, columns=names, copy=False)
        table.insert(0, "sample_id", pd.Series(text_array(self._ids)))
        table[NOTES] = text_array(self._notes)
        return table

    def _score(self) -> Iterator[list[Done]]:
        """Score what the store does not know; it is asked for the next images meanwhile."""
        count = len(self._requests)
        chunks = [range(at, min(at + _CHUNK, count)) for at in range(0, count, _CHUNK)]
        first = self._look_up(chunks[0]) if chunks else []
        later = (task for chunk in chunks[1:] for task in self._look_up(chunk))
        pieces = _pieces(chain(first, later))
        # Threads take turns at the interpreter, which many short calls of a metric keep busy.
        many = cores() > 1 and count >= _MANY and 2 * len(first) > len(chunks[0])
        reader = self._requests.reader
        if many and can_leave(self._metrics, reader):
            return score_elsewhere(self._metrics, reader, pieces)
        return score_here(self._metrics, reader, pieces)

    def _look_up(self, rows: range) -> list[Task]:
        """Fill in what the store knows, and return what it does not."""
        every = tuple(range(len(self._metrics)))
        if self._store is None or not self._store.usable:
            return [self._task(row, None, every) for row in rows]
        look = partial(_keys, self._requests)
        keys = [key for piece in map_threads(look, _slices(rows, _KEYS)) for key in piece]
        known = self._store.get([key for key in keys if isinstance(key, bytes)])
        tasks = []
        for row, key in zip(rows, keys, strict=True):
            if isinstance(key, str):
                self._note(row, key)
                continue
            scores: Mapping[int, float] = {} if key is None else known.get(key, {})
            for position, score in scores.items():
                self._set(row, position, score)
            missing = tuple(position for position in every if position not in scores)
            if missing:
                tasks.append(self._task(row, key, missing))
        self._known += len(rows) - len(tasks)
        return tasks

    def _task(self, row: int, key: bytes | None, missing: tuple[int, ...]) -> Task:
        return Task(row, str(self._ids[row]), self._requests.source(row), key, missing)

    def _fill(self, done: Done) -> Iterator[tuple[bytes, int, float]]:
        """Fill in what is new, and yield what is to be kept of it."""
        if done.error:
            self._scores[:, done.row] = np.nan
            self._note(done.row, done.error)
            return
        for position, score in zip(done.missing, done.scores, strict=True):
            self._set(done.row, position, score)
            if done.key is not None:
                yield done.key, position, score

    def _set(self, row: int, position: int, score: float) -> None:
        self._scores[position, row] = score
        if isinstance(score, NoScore):
            notes = split_texts(self._notes[row])
            notes.append(f"{self._metrics[position].name}: {as_one(score.reason)}")
            # What was in the store comes first: put the notes in the order of the metrics.
            notes.sort(key=lambda note: self._order[note.partition(": ")[0]])
            self._note(row, join_texts(notes))

    def _note(self, row: int, text: str) -> None:
        self._notes[row] = self._texts.setdefault(text, text)


def _keys(requests: Requests, rows: Sequence[int]) -> list[bytes | str | None]:
    return [key_of(requests.reader, requests.source(row)) for row in rows]


def _pieces(tasks: Iterator[Task]) -> Iterator[list[Task]]:
    while piece := list(islice(tasks, _PIECE)):
        yield piece


def _slices(items: Sequence[Item], length: int) -> list[Sequence[Item]]:
    return [items[start : start + length] for start in range(0, len(items), length)]
