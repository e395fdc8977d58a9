"""Images decoded and resized once, kept on disk, and read from there by every later epoch.

What a file holds is the key, not what it is called: a changed file is decoded again, a moved or
copied one is not. Pixels lie in packs, plain files that are mapped into memory, so that a data set
larger than the memory can be used and several processes share one copy.
"""

from __future__ import annotations

import operator
import shutil
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from faceattr._folders import cache_folder, delete_files, file_size
from faceattr._parallel import map_threads
from faceattr._validation import check_integer, check_output_folder
from faceattr.data._packs import Pack, PackWriter, load_packs, pack_files, remove_leftovers
from faceattr.data.reader import content_key, is_drawing, read_sample
from faceattr.exceptions import DataError, ImageReadError, OutputError
from faceattr.images import (
    DECODE_VERSION,
    UInt8Image,
    key_of_bytes,
    read_bytes,
    read_image,
    resize_image,
)

if TYPE_CHECKING:
    from faceattr.data.dataset import Dataset

__all__ = ["CachedImages", "ImageCache"]

_CHANNELS = 3
_SPARE_BYTES = 64 * 2**20
_PACK_BYTES = 2**29

_README = """This folder holds decoded images, faces of people among them, made by faceattr from the
data sets that were used on this computer. It may be deleted at any time; it is made again when
needed. Its place can be set with the environment variable FACEATTR_CACHE.
"""


class CachedImages:
    """The images of a data set at one size, in the data set's order.

    Made by `ImageCache.open`. The files of the data set are not needed any more. `Model.predict`
    takes it in place of the data set and gives the same table, as long as `size` is the model's.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        pack_of: npt.NDArray[np.int32],
        row_of: npt.NDArray[np.int64],
        size: int,
        *,
        table: pd.DataFrame,
        digest: str,
    ) -> None:
        self._packs = packs
        self._digest = digest
        self._pack_of = pack_of
        self._row_of = row_of
        self._size = size
        self._table = table

    @property
    def table(self) -> pd.DataFrame:
        """The data set's index table, a row an image; changing it changes nothing here."""
        return self._table.copy(deep=False)

    @property
    def size(self) -> int:
        """Side length in pixels."""
        return self._size

    @property
    def digest(self) -> str:
        """Hexadecimal digest of what the images' files hold, in order."""
        return self._digest

    def __len__(self) -> int:
        return len(self._row_of)

    def read(self, position: SupportsIndex) -> UInt8Image:
        """Return one image, uint8 of shape (size, size, 3); IndexError outside the data set."""
        image: UInt8Image = self.take([operator.index(position)])[0]
        return image

    def take(self, positions: Sequence[int] | npt.NDArray[np.integer[Any]]) -> UInt8Image:
        """Return the images at some positions of the data set.

        Parameters
        ----------
        positions : sequence of int, length n
            From 0 to ``len(self) - 1``, in any order, also repeated.

        Returns
        -------
        numpy.ndarray of uint8, shape (n, size, size, 3)
            RGB, 0-255; a copy.

        Raises
        ------
        IndexError
            If a position is outside the data set.
        """
        wanted = np.asarray(positions, dtype=np.intp).reshape(-1)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"positions from 0 to {len(self) - 1} are there")
        images = np.empty((wanted.size, self._size, self._size, _CHANNELS), dtype=np.uint8)
        owner, rows = self._pack_of[wanted], self._row_of[wanted]
        for number in np.unique(owner):
            mine = owner == number
            pixels = self._packs[number].pixels
            if mine.all():
                # Rows are known to be there; this mode alone writes without a copy in between.
                np.take(pixels, rows, axis=0, out=images, mode="clip")
            else:
                images[mine] = pixels[rows[mine]]
        return images


class ImageCache:
    """A folder of images that were decoded and resized before.

    Parameters
    ----------
    folder : path, optional
        By default the environment variable ``FACEATTR_CACHE``, else ``faceattr`` in the user's
        cache folder. The images of people lie there until `clear` is called.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the cache lies; the images are in its sub-folder ``images``."""
        return cache_folder() if self._folder is None else Path(self._folder).expanduser()

    def open(self, dataset: Dataset, size: int, *, progress: bool = False) -> CachedImages:
        """Bring a data set's images into the cache, as far as they are not there, and open it.

        Each file is read to see what it holds; only those that are new are decoded, and cut to a
        square and resized as `faceattr.images.resize_image` does. Several processes may do this at
        once, and being stopped half-way leaves nothing behind that is taken for an image.

        Parameters
        ----------
        dataset : Dataset
        size : int
            Side length in pixels, 1 to 4096.
        progress : bool, default False
            Show a progress bar on stderr while images are decoded.

        Returns
        -------
        CachedImages

        Raises
        ------
        DataError
            If images cannot be read; the others are in the cache by then.
        OutputError
            If the folder cannot be written to or the disk has too little room.
        """
        check_integer(size, "size", low=1, high=4096)
        table = dataset.table
        paths, ids = table["path"].tolist(), table["sample_id"].tolist()
        keys = list(map_threads(_try_key, paths))
        build = _Build(self._images() / f"v{DECODE_VERSION}-{size}", size)
        new: dict[bytes, str] = {}
        for key, path in zip(keys, paths, strict=True):
            if isinstance(key, bytes) and key not in build.where:
                new.setdefault(key, path)
        if new:
            self._make_room(build.folder, len(new) * size * size * _CHANNELS)
            build.add(new, progress)
        return build.look_up(ids, keys, table)

    def size_bytes(self) -> int:
        """Return how many bytes the images in the cache take up."""
        return sum(file_size(path) for path in pack_files(self._images()))

    def clear(self) -> int:
        """Delete all images from the cache, and nothing else.

        Returns
        -------
        int
            The number of bytes freed.

        Raises
        ------
        OutputError
            If a file cannot be deleted.
        """
        return delete_files(pack_files(self._images()), "an image cannot be deleted")

    def _images(self) -> Path:
        return self.folder / "images"

    def _make_room(self, folder: Path, needed: int) -> None:
        check_output_folder(folder, "folder")
        remove_leftovers(folder)
        readme = self._images() / "README.txt"
        if not readme.exists():
            readme.write_text(_README, encoding="utf-8")
        free = shutil.disk_usage(folder).free
        if free < needed + _SPARE_BYTES:
            raise OutputError(
                "too little room for the image cache",
                argument="folder",
                expected=f"{(needed + _SPARE_BYTES) / 2**20:,.0f} MiB free",
                found=f"{free / 2**20:,.0f} MiB free in {folder}",
                hint="make room, choose a smaller image size, clear the cache with "
                "ImageCache().clear(), or set FACEATTR_CACHE to a folder on another disk",
            )


class _Build:
    """The packs of one size, the place of each key in them, and what could not be read."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self.packs: list[Pack] = []
        self.where: dict[bytes, tuple[int, int]] = {}
        self.errors: dict[bytes, ImageReadError] = {}
        for pack in load_packs(folder, size):
            self._place(pack, pack.keys)

    def add(self, new: Mapping[bytes, str], progress: bool) -> None:
        """Decode images, by key and path, into packs of limited length."""
        rows = max(1, _PACK_BYTES // (self.size * self.size * _CHANNELS))
        items = list(new.items())
        with tqdm(total=len(items), desc="decoding", unit="image", disable=not progress) as bar:
            for start in range(0, len(items), rows):
                self._add_pack(items[start : start + rows], bar)

    def _add_pack(self, items: Sequence[tuple[bytes, str]], bar: tqdm[NoReturn]) -> None:
        writer = PackWriter(self.folder, self.size)
        asked: list[bytes] = []
        try:
            decoded = map_threads(lambda item: _try_decode(item[1], self.size), items)
            for (key, _), result in zip(items, decoded, strict=True):
                bar.update()
                if isinstance(result, ImageReadError):
                    self.errors[key] = result
                else:
                    # A file may have changed since its key was taken: it is kept as what it is now.
                    writer.add(*result)
                    asked.append(key)
            if asked:
                self._place(writer.finish(), asked)
        finally:
            writer.discard()

    def _place(self, pack: Pack, keys: Sequence[bytes]) -> None:
        number = len(self.packs)
        self.packs.append(pack)
        self.where.update((key, (number, row)) for row, key in enumerate(keys))

    def look_up(
        self, ids: Sequence[str], keys: Sequence[bytes | ImageReadError], table: pd.DataFrame
    ) -> CachedImages:
        """Open the images with these keys; an error names the rows that could not be read."""
        errors = [self.errors.get(key) if isinstance(key, bytes) else key for key in keys]
        bad = [row for row, error in enumerate(errors) if error is not None]
        if bad:
            raise DataError(
                "images cannot be read",
                argument="dataset",
                rows=[ids[row] for row in bad],
                found=str(errors[bad[0]]),
                hint="dataset = dataset.verify() moves them to dataset.rejects",
            )
        known = [key for key in keys if isinstance(key, bytes)]
        places = np.array([self.where[key] for key in known], dtype=np.int64).reshape(-1, 2)
        owner = places[:, 0].astype(np.int32)
        digest = blake2b(b"".join(known), digest_size=16).hexdigest()
        return CachedImages(self.packs, owner, places[:, 1], self.size, table=table, digest=digest)


def _try_key(path: str) -> bytes | ImageReadError:
    try:
        return content_key(path)
    except ImageReadError as error:
        return error


def _try_decode(path: str, size: int) -> tuple[bytes, UInt8Image] | ImageReadError:
    try:
        if is_drawing(path):
            return content_key(path), resize_image(read_sample(path), size)
        data = read_bytes(path)
        return key_of_bytes(data), resize_image(read_image(data), size)
    except ImageReadError as error:
        return error
