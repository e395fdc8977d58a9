"""A table made piece by piece, so that a job that was stopped goes on where it was.

Finished pieces lie in ``<output>.parts`` until the table is whole. Each is a CSV file with a record
beside it, written last, as the parts of a divided job have one (`faceattr.tables.write_shard`): of
what images, by what settings, with the digests of its own files. A piece without a record, or that
is not as its record says, is made again, so nothing rests on what a power cut leaves of a file.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

import faceattr
from faceattr._memory import keep_freed_memory
from faceattr._validation import check_output_folder
from faceattr.exceptions import InvalidArgumentError, OutputError, TableError
from faceattr.jobs._parts import Listing
from faceattr.tables import read_table, write_table
from faceattr.tables._disk import sync, try_lock, types_path, writing
from faceattr.tables._shard_record import (
    Setting,
    ShardRecord,
    digest_files,
    digest_ids,
    read_record,
    record_path,
    write_record,
)
from faceattr.tables.joining import join_tables
from faceattr.tables.shard import Shard

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StreamedRun", "parts_folder", "piece_size", "stream_table"]

_log = logging.getLogger(__name__)

PIECE = 1000
"""Images a piece, about: some seconds of work, which is what an interruption costs."""

_LOCK = ".lock"
_OWN = re.compile(r"\.?piece-\d{6}\.csv(\..*)?")
_STATE = "files"


@dataclass(frozen=True)
class StreamedRun:
    """What makes a run this one and no other.

    Attributes
    ----------
    target : Path
        The file of the whole table.
    listing : Listing
        The images, in the order of the rows.
    kind : str
        What the table holds, such as "predictions".
    settings : mapping of str to scalar
        What makes it.
    rows : int
        Images a piece.
    """

    target: Path
    listing: Listing
    kind: str
    settings: Mapping[str, Setting]
    rows: int


def piece_size(batch_size: int) -> int:
    """Return how many images a piece has: whole batches, so that pieces change no number."""
    return batch_size * max(1, round(PIECE / batch_size))


def parts_folder(target: Path) -> Path:
    """Return where the pieces of a table lie while it is not whole."""
    return target.with_name(target.name + ".parts")


def stream_table(
    run: StreamedRun,
    make: Callable[[Listing], pd.DataFrame],
    *,
    watch: Callable[[pd.DataFrame], None],
    finished: Callable[[], None] | None = None,
    progress: bool = False,
) -> None:
    """Make what is not there yet of a table, piece by piece, then put it together.

    Parameters
    ----------
    run : StreamedRun
    make : callable
        Returns the rows of some images.
    watch : callable
        Is shown every piece, in order, also those that were there.
    finished : callable, optional
        Called when the table is whole, before the pieces go.
    progress : bool, default False
        Show a progress bar on stderr.

    Raises
    ------
    InvalidArgumentError
        If an unfinished run of other images or settings lies there.
    OutputError
        If a file cannot be written, or another process makes the same table.
    """
    pieces = _Pieces(run)
    with pieces.locked(), keep_freed_memory():
        done = pieces.done()
        count = sum(len(pieces.listings[number].ids) for number in done)
        total = len(run.listing.ids)
        if done:
            _log.info("going on with %s: %s of %s images are done", run.target, count, total)
        with tqdm(total=total, initial=count, unit="image", disable=not progress) as bar:
            for number, listing in enumerate(pieces.listings):
                if number in done:
                    watch(read_table(pieces.path(number)))
                    continue
                with _telling(bar):
                    watch(pieces.make(number, make))
                bar.update(len(listing.ids))
        pieces.finish()
        if finished is not None:
            finished()
        pieces.remove()


@contextmanager
def _telling(bar: tqdm[None]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        _log.info("%s of %s images are done; the same call goes on with the rest", bar.n, bar.total)
        raise


class _Pieces:
    """The pieces of one run, in the folder beside its table."""

    def __init__(self, run: StreamedRun) -> None:
        ids, paths = run.listing.ids, run.listing.paths
        starts = range(0, max(1, len(ids)), run.rows)  # a table of no row is a piece too
        cuts = [slice(start, start + run.rows) for start in starts]
        self.listings = [Listing(ids[cut], paths[cut]) for cut in cuts]
        self._run = run
        self._folder = parts_folder(run.target)
        self._ids = digest_ids(ids)
        self._settings = {
            "faceattr": faceattr.__version__,
            **run.settings,
            "paths": digest_ids(paths),
            "images a piece": run.rows,
        }

    def path(self, number: int) -> Path:
        """Return the file of a piece."""
        return self._folder / f"piece-{number + 1:06d}.csv"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes away from the folder, which is made where needed."""
        check_output_folder(self._folder, "output")
        with (self._folder / _LOCK).open("a+", encoding="utf-8") as file:
            if not try_lock(file):
                raise OutputError(
                    "another process makes this table",
                    argument="output",
                    found=str(self._folder),
                    hint="wait until it has ended, or name another file",
                )
            try:
                yield
            finally:
                self._leave()

    def done(self) -> set[int]:
        """Return which pieces are there, whole, and of images as they are now.

        Raises
        ------
        InvalidArgumentError
            If there are pieces of another run.
        """
        records = sorted(self._folder.glob("piece-*.csv.shard.json"))
        pieces = [record.with_name(record.name.removesuffix(".shard.json")) for record in records]
        numbers = {self.path(number): number for number in range(len(self.listings))}
        return {numbers[piece] for piece in pieces if self._is_done(piece, numbers.get(piece))}

    def make(self, number: int, make: Callable[[Listing], pd.DataFrame]) -> pd.DataFrame:
        """Make a piece, write it, and return it; its record comes last."""
        path, listing = self.path(number), self.listings[number]
        with writing(path):
            record_path(path).unlink(missing_ok=True)
        state = _state_of(listing.paths)  # before they are read: what changes then is seen later
        table = make(listing)
        write_table(table, path)
        with writing(path):
            write_record(self._record(number, state, digest_files(path)), path)
        return table

    def finish(self) -> None:
        """Put the table together and flush it to the disk, so that the pieces may go."""
        target = self._run.target
        with writing(target):  # that of an earlier part there
            record_path(target).unlink(missing_ok=True)
        join_tables([self.path(number) for number in range(len(self.listings))], target)
        with writing(target):
            for written in (target, types_path(target)):
                if written.exists():
                    sync(written)
            sync(target.parent)

    def remove(self) -> None:
        """Remove the pieces, and what a killed process left of one."""
        for path in list(self._folder.iterdir()):
            if _OWN.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _leave(self) -> None:
        """Remove the folder, unless there are pieces, or somebody's files, in it."""
        if all(path.name == _LOCK for path in self._folder.iterdir()):
            with suppress(OSError):  # where no open file can be removed
                (self._folder / _LOCK).unlink(missing_ok=True)
                self._folder.rmdir()

    def _record(self, number: int, state: str, files: tuple[str, str | None]) -> ShardRecord:
        shard = Shard(number + 1, len(self.listings))
        settings = {**self._settings, _STATE: state}
        return ShardRecord(
            self._run.kind, settings, shard, len(self._run.listing.ids), self._ids, files
        )

    def _is_done(self, path: Path, number: int | None) -> bool:
        try:
            record, files = read_record(path), digest_files(path)
        except (TableError, OSError) as error:
            _log.warning("a damaged piece is made again: %s", error)
            return False
        state = "" if number is None else _state_of(self.listings[number].paths)
        self._check_same(record, self._record(number or 0, state, record.files))
        if number is None or files != record.files or record.shard.number != number + 1:
            _log.warning("a damaged piece is made again: %s", path)
            return False
        if record.settings.get(_STATE) != state:
            _log.warning("images have changed since %s was made: it is made again", path)
            return False
        return True

    def _check_same(self, found: ShardRecord, wanted: ShardRecord) -> None:
        theirs, ours = _told(found), _told(wanted)
        differ = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        if differ:
            raise InvalidArgumentError(
                "an unfinished run of other images, another model or other settings lies there",
                argument="output",
                rows=differ,
                expected=_shown(theirs, differ) + " (of the unfinished run)",
                found=_shown(ours, differ) + " (now)",
                hint=f"to go on, give what that run was given; delete {self._folder} to start anew",
            )


def _told(record: ShardRecord) -> dict[str, Setting]:
    known = {name: value for name, value in record.settings.items() if name != _STATE}
    of = record.shard.of
    return {"kind": record.kind, "images": record.total, "ids": record.ids, **known, "pieces": of}


def _shown(told: Mapping[str, Setting], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {str(told.get(name, 'not told'))[:16]}" for name in names)


def _state_of(paths: Sequence[str]) -> str:
    """Return a digest of the sizes and times of files, which tells whether one was changed."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = Path(path).stat()
            digest.update(f"{status.st_size}:{status.st_mtime_ns};".encode())
        except (OSError, ValueError):  # not there, or a name that no file can have
            digest.update(b"-;")
    return digest.hexdigest()
