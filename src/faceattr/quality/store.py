"""Scores that were computed before, on disk, by what a file holds and by what scored it.

Numbers only: digests of files and of metrics, scores, and why there is none. No pixels, no names.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from faceattr._folders import cache_folder, delete_files, file_size
from faceattr.quality.metric import NoScore

__all__ = ["Entry", "QualityCache", "ScoreStore", "open_store"]

_log = logging.getLogger(__name__)

Entry: TypeAlias = tuple[bytes, int, float]
"""A file's key, the number of a metric, and its score."""

_FILE = "scores-v1.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS scores (
    key BLOB, metric INTEGER, value REAL, note TEXT, PRIMARY KEY (key, metric)
) WITHOUT ROWID"""
_KEYS_AT_ONCE = 500
_PATIENCE = 10.0
"""Seconds to wait for another process that writes."""

_README = """This folder holds quality scores made by faceattr: numbers, each beside a digest of the
file that it was computed from. There are no images and no file names in it. It may be deleted at
any time; scores are computed again when needed. Its place can be set with the environment variable
FACEATTR_CACHE.
"""


class QualityCache:
    """The folder of quality scores that were computed before.

    It holds numbers, each beside a digest of the file that was scored: no pixels and no names.

    Parameters
    ----------
    folder : path, optional
        By default the environment variable ``FACEATTR_CACHE``, else ``faceattr`` in the user's
        cache folder, where `QualityFilter.score` keeps its scores.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the cache lies; the scores are in its sub-folder ``quality``."""
        return cache_folder() if self._folder is None else Path(self._folder)

    def size_bytes(self) -> int:
        """Return how many bytes the scores take up."""
        return sum(file_size(path) for path in self._files())

    def clear(self) -> int:
        """Delete all scores, and nothing else.

        Returns
        -------
        int
            The number of bytes freed.

        Raises
        ------
        OutputError
            If a file cannot be deleted.
        """
        return delete_files(self._files(), "scores cannot be deleted")

    def _files(self) -> list[Path]:
        return sorted((self.folder / "quality").glob("scores-*.sqlite*"))


@contextmanager
def open_store(tags: Sequence[str | None], *, cache: bool) -> Iterator[ScoreStore | None]:
    """Open the scores of these metrics until the block ends; None where nothing is to be kept."""
    if not cache:
        yield None
        return
    with closing(ScoreStore(QualityCache().folder / "quality", tags)) as store:
        yield store


class ScoreStore:
    """Kept scores of some metrics; a store that cannot be used is gone on without.

    Parameters
    ----------
    folder : Path
        Made where needed.
    tags : sequence of str or None
        What the scores of each metric are kept by; None where they are not kept.
    """

    def __init__(self, folder: Path, tags: Sequence[str | None]) -> None:
        self._path = folder / _FILE
        self._tags = [None if tag is None else _number_of(tag) for tag in tags]
        self._positions = {
            number: position for position, number in enumerate(self._tags) if number is not None
        }
        self._connection: sqlite3.Connection | None = None
        self._writes = True
        try:
            _make_folder(folder)
            self._connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
            self._connection.execute(_TABLE)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    @property
    def usable(self) -> bool:
        """Whether there is a store to ask."""
        return self._connection is not None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, dict[int, float]]:
        """Return the scores known of files, by key and by position of the metric."""
        found: dict[bytes, dict[int, float]] = {}
        try:
            for key, metric, value, note in self._rows(keys):
                position = self._positions.get(metric)
                score = _score(value, note)
                if position is not None and score is not None:
                    found.setdefault(key, {})[position] = score
        except sqlite3.Error as error:
            self._give_up(error)
            return {}
        return found

    def put(self, entries: Iterable[Entry]) -> None:
        """Keep scores; all of them, or none where the process is killed meanwhile."""
        if self._connection is None or not self._writes:
            return
        rows = [
            (key, self._tags[position], None if math.isnan(score) else score, _note(score))
            for key, position, score in entries
            if self._tags[position] is not None
        ]
        try:
            # At once for writing: a transaction that reads first could not wait for its turn.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR REPLACE INTO scores VALUES (?,?,?,?)", rows)
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._writes = False
            _warn(self._path, error, "new scores are not kept")

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, int, object, object]]:
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            part = wanted[start : start + _KEYS_AT_ONCE]
            if self._connection is None:
                return
            marks = ",".join("?" * len(part))
            query = f"SELECT key, metric, value, note FROM scores WHERE key IN ({marks})"
            yield from self._connection.execute(query, part)

    def _give_up(self, error: Exception) -> None:
        self.close()
        _warn(self._path, error, "everything is scored anew and not kept")


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    readme = folder / "README.txt"
    if not readme.exists():
        readme.write_text(_README, encoding="utf-8")


def _number_of(tag: str) -> int:
    digest = blake2b(tag.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _score(value: object, note: object) -> float | None:
    if isinstance(value, float):
        return value
    return NoScore(note) if value is None and isinstance(note, str) else None


def _note(score: float) -> str:
    return score.reason if isinstance(score, NoScore) else ""


def _warn(path: Path, error: Exception, effect: str) -> None:
    _log.warning(
        "the quality cache %s cannot be used (%s): %s; "
        "faceattr.quality.QualityCache().clear() empties it",
        path,
        error,
        effect,
    )
