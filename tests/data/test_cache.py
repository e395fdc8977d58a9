"""The image cache: nothing is decoded twice, and nothing broken is ever served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import Dataset, RegressionTask
from faceattr.data import ImageCache, _packs, cache
from faceattr.data.synthetic import draw
from faceattr.exceptions import DataError, InvalidArgumentError, OutputError
from faceattr.images import DECODE_VERSION, read_image, resize_image

AGE = RegressionTask("age", bounds=(0, 116))
SIZE = 24


def make(folder: Path, count: int = 10) -> Dataset:
    folder.mkdir(exist_ok=True)
    for index in range(count):
        Image.fromarray(draw(0, index, 40)).save(folder / f"{index:03d}.png")
    return listed(folder)


def listed(folder: Path) -> Dataset:
    paths = sorted(folder.glob("*.png"))
    table = pd.DataFrame({"sample_id": [path.name for path in paths], "age": 1.0})
    table["path"] = [str(path) for path in paths]
    return Dataset(table, tasks=AGE)


def expected(ds: Dataset, size: int = SIZE) -> np.ndarray:
    return np.stack([resize_image(ds.read(row), size) for row in range(len(ds))])


def packs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("pack-*.u8"))


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    return make(tmp_path / "faces")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect a mark for each image that the cache decodes."""
    marks: list[int] = []

    def counting(source: bytes) -> np.ndarray:
        marks.append(len(source))
        return read_image(source)

    monkeypatch.setattr(cache, "read_image", counting)
    return marks


class TestReading:
    def test_images_are_those_of_the_files(self, ds: Dataset) -> None:
        images = ImageCache().open(ds, SIZE)
        assert (len(images), images.size) == (10, SIZE)
        found = images.take(range(10))
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected(ds))

    def test_any_order_also_repeated(self, ds: Dataset) -> None:
        images, whole = ImageCache().open(ds, SIZE), expected(ds)
        order = np.array([3, 3, 0, 9, 3])
        np.testing.assert_array_equal(images.take(order), whole[order])
        assert images.take([]).shape == (0, SIZE, SIZE, 3)
        found = images.take(order)
        found[:] = 0
        np.testing.assert_array_equal(images.take(order), whole[order])
        for wrong in ([10], [-1], [0, 99]):
            with pytest.raises(IndexError, match="0 to 9"):
                images.take(wrong)

    def test_parts_share_what_the_whole_decoded(self, ds: Dataset, decoded: list[int]) -> None:
        ImageCache().open(ds, SIZE)
        part = ds.select(ds.table["sample_id"][::-2])
        found = ImageCache().open(part, SIZE).take(range(5))
        np.testing.assert_array_equal(found, expected(ds)[::-2])
        assert len(decoded) == 10

    def test_several_packs_are_one_cache(
        self, ds: Dataset, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "_PACK_BYTES", 3 * SIZE * SIZE * 3)
        for _ in range(2):
            images = ImageCache().open(ds, SIZE)
            np.testing.assert_array_equal(images.take(range(10)), expected(ds))
        assert len(packs(cache_folder)) == 4

    def test_drawings(self) -> None:
        drawings = Dataset.synthetic(6, size=32)
        for size in (16, 32):
            found = ImageCache().open(drawings, size).take(range(6))
            np.testing.assert_array_equal(found, expected(drawings, size))

    def test_no_image_at_all(self, ds: Dataset) -> None:
        images = ImageCache().open(ds.select([]), SIZE)
        assert len(images) == 0
        assert images.take([]).shape == (0, SIZE, SIZE, 3)

    def test_real_chips(self, utkface_folder: Path, decoded: list[int]) -> None:
        chips = Dataset.from_utkface(utkface_folder)
        chips = chips.select(chips.table["sample_id"][::80])
        images = ImageCache().open(chips, 64)
        rows = [0, 5, len(chips) - 1]
        for row, image in zip(rows, images.take(rows), strict=True):
            np.testing.assert_array_equal(image, resize_image(chips.read(row), 64))
        ImageCache().open(chips, 64)
        assert len(decoded) == len({Path(path).read_bytes() for path in chips.table["path"]})

    @pytest.mark.parametrize("size", [0, 5000])
    def test_refuses_other_sizes(self, ds: Dataset, size: int) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            ImageCache().open(ds, size)
        assert caught.value.argument == "size"


class TestKeys:
    def test_a_second_opening_decodes_nothing(self, ds: Dataset, decoded: list[int]) -> None:
        for _ in range(3):
            ImageCache().open(ds, SIZE)
        assert len(decoded) == 10

    def test_the_files_may_be_deleted_once_it_is_open(self, ds: Dataset) -> None:
        whole = expected(ds)
        images = ImageCache().open(ds, SIZE)
        shutil.rmtree(Path(ds.table["path"].iloc[0]).parent)
        np.testing.assert_array_equal(images.take(range(10)), whole)

    def test_the_cache_may_be_cleared_while_it_is_open(self, ds: Dataset) -> None:
        images = ImageCache().open(ds, SIZE)
        ImageCache().clear()
        np.testing.assert_array_equal(images.take(range(10)), expected(ds))

    def test_only_a_changed_file_is_decoded_again(self, ds: Dataset, decoded: list[int]) -> None:
        ImageCache().open(ds, SIZE)
        decoded.clear()
        changed = Path(ds.table["path"].iloc[4])
        times = changed.stat()
        Image.fromarray(draw(9, 9, 40)).save(changed)
        os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))  # what counts is the content
        found = ImageCache().open(ds, SIZE).take(range(10))
        assert decoded == [changed.stat().st_size]
        np.testing.assert_array_equal(found, expected(ds))

    def test_a_renamed_or_copied_file_is_not_decoded_again(
        self, ds: Dataset, decoded: list[int]
    ) -> None:
        ImageCache().open(ds, SIZE)
        first = Path(ds.table["path"].iloc[0])
        shutil.copy(first, first.with_name("copy.png"))
        first.rename(first.with_name("other name.png"))
        renamed = listed(first.parent)
        found = ImageCache().open(renamed, SIZE).take(range(len(renamed)))
        np.testing.assert_array_equal(found, expected(renamed))
        assert len(decoded) == 10

    def test_another_size_is_another_image(self, ds: Dataset, decoded: list[int]) -> None:
        ImageCache().open(ds, SIZE)
        ImageCache().open(ds, SIZE + 1)
        assert len(decoded) == 20

    def test_a_file_that_changes_meanwhile_is_kept_as_what_it_is(
        self, ds: Dataset, monkeypatch: pytest.MonkeyPatch, decoded: list[int]
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(cache, "content_key", lambda path: path.encode()[-16:])
            found = ImageCache().open(ds, SIZE).take(range(10))
        np.testing.assert_array_equal(found, expected(ds))
        ImageCache().open(ds, SIZE)
        assert len(decoded) == 10  # under the keys that the files really have


def drop_listing(pack: Path) -> None:
    pack.with_suffix(".json").unlink()


def garble_listing(pack: Path) -> None:
    pack.with_suffix(".json").write_bytes(b"\x00{")


def empty_listing(pack: Path) -> None:
    pack.with_suffix(".json").write_text("{}")


def nested_deeply(pack: Path) -> None:
    pack.with_suffix(".json").write_text("[" * 100_000)


def no_dictionary(pack: Path) -> None:
    pack.with_suffix(".json").write_text("[1, 2]")


def other_keys(pack: Path) -> None:
    head = json.loads(pack.with_suffix(".json").read_text())
    head["keys"] = [1, 2]
    pack.with_suffix(".json").write_text(json.dumps(head))


def shorten_pixels(pack: Path) -> None:
    pack.write_bytes(pack.read_bytes()[:-5])


def lengthen_pixels(pack: Path) -> None:
    pack.write_bytes(pack.read_bytes() + b"12345")


def drop_pixels(pack: Path) -> None:
    pack.unlink()


class TestDamage:
    @pytest.mark.parametrize(
        "damage",
        [
            drop_listing,
            garble_listing,
            empty_listing,
            no_dictionary,
            nested_deeply,
            other_keys,
            shorten_pixels,
            lengthen_pixels,
            drop_pixels,
        ],
    )
    def test_a_damaged_pack_is_made_again(
        self, ds: Dataset, cache_folder: Path, decoded: list[int], damage: Callable[[Path], None]
    ) -> None:
        ImageCache().open(ds, SIZE)
        (pack,) = packs(cache_folder)
        damage(pack)
        found = ImageCache().open(ds, SIZE).take(range(10))
        np.testing.assert_array_equal(found, expected(ds))
        assert len(decoded) == 20
        ImageCache().open(ds, SIZE)
        assert len(decoded) == 20

    def test_being_interrupted_leaves_nothing_that_is_taken_for_an_image(
        self, ds: Dataset, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(source: bytes) -> np.ndarray:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(cache, "read_image", interrupted)
            with pytest.raises(KeyboardInterrupt):
                ImageCache().open(ds, SIZE)
        assert ImageCache().size_bytes() == 0
        np.testing.assert_array_equal(ImageCache().open(ds, SIZE).take(range(10)), expected(ds))

    def test_being_killed_leaves_nothing_that_is_taken_for_an_image(
        self, ds: Dataset, cache_folder: Path
    ) -> None:
        ds.table.to_csv(cache_folder / "list.csv", index=False)
        code = (
            "import os, sys\n"
            "from faceattr import Dataset, RegressionTask\n"
            "from faceattr.data import ImageCache, _packs\n"
            "real, calls = _packs.PackWriter.add, []\n"
            "def add(self, key, image):\n"
            "    real(self, key, image)\n"
            "    self._file.flush()\n"
            "    calls.append(key)\n"
            "    if len(calls) == 5: os._exit(9)\n"
            "_packs.PackWriter.add = add\n"
            "ds = Dataset.from_csv(sys.argv[1], tasks=RegressionTask('age'))\n"
            f"ImageCache().open(ds, {SIZE})\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(cache_folder / "list.csv")], check=False
        )
        assert run.returncode == 9
        assert ImageCache().size_bytes() == 5 * SIZE * SIZE * 3  # it tells of what is left over
        assert packs(cache_folder) == []
        np.testing.assert_array_equal(ImageCache().open(ds, SIZE).take(range(10)), expected(ds))

    def test_leftovers_of_the_dead_are_removed_after_a_day(
        self, ds: Dataset, cache_folder: Path
    ) -> None:
        folder = cache_folder / "images" / f"v{DECODE_VERSION}-{SIZE}"
        folder.mkdir(parents=True)
        for name, age in (("old.tmp", 2 * 86_400), ("new.tmp", 60)):
            (folder / name).write_bytes(b"12345")
            then = (folder / name).stat().st_mtime - age
            os.utime(folder / name, (then, then))
        ImageCache().open(ds, SIZE)
        assert [path.name for path in folder.glob("*.tmp")] == ["new.tmp"]

    def test_two_processes_at_once(self, ds: Dataset, cache_folder: Path) -> None:
        ds.table.to_csv(cache_folder / "list.csv", index=False)
        code = (
            "import sys, hashlib\n"
            "from faceattr import Dataset, RegressionTask\n"
            "from faceattr.data import ImageCache\n"
            "ds = Dataset.from_csv(sys.argv[1], tasks=RegressionTask('age'))\n"
            f"found = ImageCache().open(ds, {SIZE}).take(range(len(ds)))\n"
            "print(hashlib.md5(found.tobytes()).hexdigest())\n"
        )
        command = [sys.executable, "-c", code, str(cache_folder / "list.csv")]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate()[0] for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert told[0] == told[1]
        np.testing.assert_array_equal(ImageCache().open(ds, SIZE).take(range(10)), expected(ds))
        assert len(packs(cache_folder)) == 1

    def test_unreadable_images_are_named_and_the_others_kept(
        self, ds: Dataset, decoded: list[int]
    ) -> None:
        paths = [Path(path) for path in ds.table["path"]]
        paths[2].write_bytes(b"")
        paths[5].unlink()
        paths[7].write_bytes(paths[7].read_bytes()[:200])
        with pytest.raises(DataError) as caught:
            ImageCache().open(ds, SIZE)
        assert caught.value.rows == ("002.png", "005.png", "007.png")
        assert "empty" in str(caught.value.found)
        assert "verify()" in str(caught.value.hint)
        decoded.clear()
        readable = ds.verify()
        assert len(ImageCache().open(readable, SIZE)) == 7
        assert decoded == []


class Disk(NamedTuple):
    total: int
    used: int
    free: int


class TestFolder:
    def test_the_readme_says_what_lies_there(self, ds: Dataset, cache_folder: Path) -> None:
        ImageCache().open(ds, SIZE)
        text = (cache_folder / "images" / "README.txt").read_text(encoding="utf-8")
        assert "faces" in text
        assert "deleted" in text

    def test_it_tells_its_size_and_clears_itself_alone(
        self, ds: Dataset, cache_folder: Path
    ) -> None:
        store = ImageCache()
        assert store.size_bytes() == 0
        store.open(ds, SIZE)
        pixels = 10 * SIZE * SIZE * 3
        assert pixels < store.size_bytes() < pixels + 2000
        mine = [
            cache_folder / "mine.txt",
            cache_folder / "images" / f"v{DECODE_VERSION}-{SIZE}" / "x",
        ]
        for path in mine:
            path.write_text("mine")
        size = store.size_bytes()
        assert store.clear() == size
        assert store.size_bytes() == 0
        assert all(path.exists() for path in mine)
        assert store.clear() == 0

    def test_a_folder_of_ones_own(self, ds: Dataset, cache_folder: Path, tmp_path: Path) -> None:
        ImageCache(tmp_path / "own").open(ds, SIZE)
        assert len(packs(tmp_path / "own")) == 1
        assert packs(cache_folder) == []
        assert ImageCache().folder == cache_folder

    def test_without_a_setting_it_is_the_users_own(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("FACEATTR_CACHE")
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert ImageCache().folder == tmp_path / "faceattr"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert ImageCache().folder == Path.home() / ".cache" / "faceattr"
        monkeypatch.setattr(sys, "platform", "darwin")
        assert ImageCache().folder == Path.home() / "Library" / "Caches" / "faceattr"

    def test_too_little_room(self, ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Disk(10**9, 10**9, 1000))
        with pytest.raises(OutputError, match="too little room") as caught:
            ImageCache().open(ds, SIZE)
        assert "FACEATTR_CACHE" in str(caught.value.hint)
        assert ImageCache().size_bytes() == 0

    def test_a_disk_that_fills_up_meanwhile(
        self, ds: Dataset, monkeypatch: pytest.MonkeyPatch, cache_folder: Path
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(_packs.os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            ImageCache().open(ds, SIZE)
        monkeypatch.undo()
        assert packs(cache_folder) == []

    def test_a_folder_that_cannot_be_written_to(self, ds: Dataset, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="cannot be written") as caught:
            ImageCache(tmp_path / "file").open(ds, SIZE)
        assert caught.value.argument == "folder"

    def test_progress_is_shown_when_asked(
        self, ds: Dataset, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ImageCache().open(ds, SIZE, progress=True)
        assert "10/10" in capsys.readouterr().err
        ImageCache().open(ds, SIZE + 1)
        assert capsys.readouterr().err == ""


def test_memory_stays_flat(tmp_path: Path) -> None:
    few = [Image.fromarray(draw(0, index, 40)) for index in range(5)]
    folder = tmp_path / "faces"
    folder.mkdir()
    for index in range(400):
        image = few[index % 5].copy()
        image.putpixel((0, 0), (index % 256, index // 256, 7))
        image.save(folder / f"{index:03d}.png")
    ds = listed(folder)
    whole = 400 * 128 * 128 * 3
    tracemalloc.start()
    try:
        images = ImageCache().open(ds, 128)
        for start in range(0, 400, 20):
            images.take(range(start, start + 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < whole / 3
