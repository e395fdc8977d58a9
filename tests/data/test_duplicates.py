"""Duplicates: copies are found, other pictures are not merged, and nothing is quadratic."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceattr import Dataset, RegressionTask
from faceattr.data import _core, _fingerprints, duplicates
from faceattr.data._fingerprints import difference_hash, fine_detail
from faceattr.data.duplicates import near_pairs
from faceattr.data.synthetic import draw

AGE = RegressionTask("age", bounds=(0, 116))
PIXELS = npt.NDArray[np.uint8]


def save(image: PIXELS, path: Path, quality: int = 92) -> None:
    Image.fromarray(image).save(path, quality=quality)


def listed(folder: Path) -> Dataset:
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".jpg", ".png"})
    table = pd.DataFrame({"sample_id": [path.name for path in paths], "age": 1.0})
    table["path"] = [str(path) for path in paths]
    return Dataset(table, tasks=AGE)


def grouped(found: pd.DataFrame) -> list[list[str]]:
    return sorted(rows["sample_id"].tolist() for _, rows in found.groupby("group"))


def shift(image: PIXELS, pixels: int) -> PIXELS:
    return np.roll(image, pixels, axis=1)


COPIES = {
    "compressed": lambda image: image,
    "smaller": lambda image: cv2.resize(image, (120, 120), interpolation=cv2.INTER_AREA),
    "larger": lambda image: cv2.resize(image, (300, 300), interpolation=cv2.INTER_CUBIC),
    "darker": lambda image: (image * 0.7).astype(np.uint8),
    "gray": lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 1.5),
    "redder": lambda image: np.minimum(image.astype(int) + np.array([30, 0, 0]), 255).astype(
        np.uint8
    ),
}


class TestFinding:
    @pytest.mark.parametrize("change", list(COPIES))
    def test_copies_are_found_and_others_are_not_merged(self, tmp_path: Path, change: str) -> None:
        expected = []
        for index in range(12):
            image = draw(4, index, 200)
            save(image, tmp_path / f"{index:02d}.png")
            save(COPIES[change](image), tmp_path / f"{index:02d}-{change}.jpg", quality=70)
            expected.append([f"{index:02d}-{change}.jpg", f"{index:02d}.png"])
        found = listed(tmp_path).duplicates()
        assert grouped(found) == expected
        assert set(found["kind"]) == {"near"}

    def test_faces_in_the_same_frame_are_not_merged(self, tmp_path: Path) -> None:
        expected = []
        for index in range(12):
            image = np.full((200, 200, 3), 240, dtype=np.uint8)
            image[35:165, 35:165] = draw(4, index, 130)
            save(image, tmp_path / f"{index:02d}.png")
            save(image, tmp_path / f"{index:02d}-copy.jpg", quality=30)
            expected.append([f"{index:02d}-copy.jpg", f"{index:02d}.png"])
        assert grouped(listed(tmp_path).duplicates()) == expected

    def test_pictures_upside_down_are_others(self, tmp_path: Path) -> None:
        for index in range(6):
            image = draw(4, index, 200)
            save(image, tmp_path / f"{index}.png")
            save(np.ascontiguousarray(image[::-1]), tmp_path / f"{index}-turned.png")
        assert len(listed(tmp_path).duplicates()) == 0

    def test_identical_files_have_equal_bytes(self, tmp_path: Path) -> None:
        save(draw(0, 1, 64), tmp_path / "a.jpg")
        (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes())
        save(draw(0, 1, 64), tmp_path / "c.jpg", quality=60)
        save(draw(0, 2, 64), tmp_path / "d.jpg")
        found = listed(tmp_path).duplicates()
        assert found.to_dict("list") == {
            "sample_id": ["a.jpg", "b.jpg", "c.jpg"],
            "group": [0, 0, 0],
            "kind": ["identical", "identical", "near"],
        }
        assert found.dtypes.astype(str).tolist() == ["str", "int64", "str"]

    def test_near_goes_on_from_one_to_the_next(self, tmp_path: Path) -> None:
        image = draw(4, 3, 200)
        for step in range(12):
            save(shift(image, step), tmp_path / f"{step:02d}.png")
        ends = [difference_hash(shift(image, step)) for step in (0, 11)]
        assert bits_apart(*ends) > 32  # too far from each other without those between
        assert len(grouped(listed(tmp_path).duplicates())) == 1

    def test_even_areas_are_duplicates_only_if_identical(self, tmp_path: Path) -> None:
        for level in range(0, 250, 10):
            save(np.full((50, 50, 3), level, dtype=np.uint8), tmp_path / f"{level:03d}.png")
        save(np.full((50, 50, 3), 30, dtype=np.uint8), tmp_path / "copy.png")
        found = listed(tmp_path).duplicates()
        assert grouped(found) == [["030.png", "copy.png"]]
        assert fine_detail(np.full((9, 9, 3), 7, dtype=np.uint8)) is None

    def test_files_that_cannot_be_read(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name in ("bad.jpg", "same.jpg"):
            (tmp_path / name).write_bytes(b"no image")
        (tmp_path / "empty.jpg").touch()
        save(draw(0, 0, 64), tmp_path / "good.png")
        ds = listed(tmp_path)
        table = ds.table
        for name in ("gone", "lost"):
            table.loc[len(table)] = [name, str(tmp_path / name), 1.0]
        with caplog.at_level(logging.WARNING):
            found = Dataset(table, tasks=AGE).duplicates()
        assert grouped(found) == [["bad.jpg", "same.jpg"]]
        assert "2 files cannot be opened" in caplog.text

    def test_drawings_are_told_apart_by_their_path(self) -> None:
        ds = Dataset.synthetic(20, size=32)
        assert len(ds.duplicates()) == 0
        both = Dataset.concat({"a": ds, "b": ds})
        assert len(both.duplicates()) == 40
        assert both.duplicates()["group"].nunique() == 20

    def test_details_that_are_forgotten_are_read_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for index in range(12):
            image = draw(4, index, 96)
            save(image, tmp_path / f"{index:02d}.png")
            save(image, tmp_path / f"{index:02d}-copy.jpg", quality=60)
        expected = listed(tmp_path).duplicates()
        assert expected["group"].nunique() == 12
        monkeypatch.setattr(_fingerprints, "_DETAILS_KEPT", 2)
        monkeypatch.setattr(duplicates, "_BATCH", 1)
        pd.testing.assert_frame_equal(listed(tmp_path).duplicates(), expected)

    def test_nothing_and_one(self) -> None:
        ds = Dataset.synthetic(1, size=8)
        assert len(ds.duplicates()) == 0
        assert len(ds.select([]).duplicates()) == 0

    def test_the_order_of_rows_does_not_matter(self, tmp_path: Path) -> None:
        for index in range(8):
            save(draw(4, index, 96), tmp_path / f"{index}.png")
            if index % 2:
                save(draw(4, index, 96), tmp_path / f"{index}-copy.jpg", quality=60)
        ds = listed(tmp_path)
        found = ds.duplicates()
        assert len(found) == 8
        order = np.random.default_rng(0).permutation(len(ds))
        shuffled = Dataset(ds.table.iloc[order], tasks=AGE)
        pd.testing.assert_frame_equal(shuffled.duplicates(), found)

    def test_images_are_decoded_once_for_all_parts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for index in range(8):
            save(draw(4, index, 64), tmp_path / f"{index}.png")
        calls: list[int] = []
        real = _core.take_all_prints
        monkeypatch.setattr(
            _core,
            "take_all_prints",
            lambda paths, progress: calls.append(len(paths)) or real(paths, progress=progress),
        )
        ds = listed(tmp_path)
        train, _ = ds.split(train=0.5, test=0.5)
        ds.split(train=0.5, test=0.5, seed=1)
        train.split(train=0.5, test=0.5)
        ds.with_labels(ds.table[["sample_id", "age"]]).duplicates()
        assert calls == [8]

    def test_a_split_keeps_near_duplicates_together(self, tmp_path: Path) -> None:
        for index in range(20):
            save(draw(4, index, 128), tmp_path / f"{index:02d}.png")
            save(draw(4, index, 128), tmp_path / f"{index:02d}-copy.jpg", quality=60)
        ds = listed(tmp_path)
        for seed in range(5):
            train, test = ds.split(train=0.5, test=0.5, seed=seed)
            people = [{name[:2] for name in part.table["sample_id"]} for part in (train, test)]
            assert not people[0] & people[1]
            assert [len(names) for names in people] == [10, 10]

    def test_real_chips(self, utkface_folder: Path) -> None:
        ds = Dataset.from_utkface(utkface_folder)
        babies = ds.select(ds.table["age"] <= 1)
        found = babies.duplicates()
        identical = found[found["kind"] == "identical"]
        paths = babies.table.set_index("sample_id")["path"]
        for _, rows in identical.groupby("group"):
            contents = [Path(paths[sample]).read_bytes() for sample in rows["sample_id"]]
            assert len(set(contents)) < len(contents)
        assert {"identical", "near"} == set(found["kind"])
        assert found["group"].value_counts().max() < 10  # no chain that swallows others
        groups = found.set_index("sample_id")["group"]
        train, test = babies.split(train=0.5, test=0.5)
        sides = [set(groups.reindex(part.table["sample_id"]).dropna()) for part in (train, test)]
        assert not sides[0] & sides[1]


def bits_apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


class TestNearPairs:
    @given(
        seed=st.integers(0, 10_000),
        flips=st.lists(st.integers(0, 40), min_size=1, max_size=30),
        origins=st.integers(1, 5),
    )
    def test_every_pair_within_sixteen_bits_is_found_once(
        self, seed: int, flips: list[int], origins: int
    ) -> None:
        rng = np.random.default_rng(seed)
        bits = rng.integers(0, 2, (len(flips), 256), dtype=np.uint8)
        for row in range(origins, len(flips)):
            bits[row] = bits[row % origins]
            bits[row, rng.permutation(256)[: flips[row]]] ^= 1
        hashes = np.packbits(bits, axis=1)
        pairs = [
            (min(a, b), max(a, b))
            for left, right in near_pairs(hashes)
            for a, b in zip(left.tolist(), right.tolist(), strict=True)
        ]
        assert len(pairs) == len(set(pairs))
        for one in range(len(bits)):
            for other in range(one + 1, len(bits)):
                apart = int((bits[one] != bits[other]).sum())
                if apart <= 16:
                    assert (one, other) in pairs
                if apart > 32:
                    assert (one, other) not in pairs

    def test_a_value_that_everybody_has_does_not_make_it_quadratic(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(duplicates, "_MAX_SHIFT", 16)
        hashes = np.zeros((2000, 32), dtype=np.uint8)
        count = sum(len(left) for left, _ in near_pairs(hashes))
        assert count < 2000 * 16
        neighbours = {
            frozenset(pair)
            for left, right in near_pairs(hashes)
            for pair in zip(left.tolist(), right.tolist(), strict=True)
        }
        assert len({row for pair in neighbours for row in pair}) == 2000  # none is left out

    def test_pieces_of_any_length_give_the_same_pairs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rng = np.random.default_rng(3)
        hashes = rng.integers(0, 256, (40, 32), dtype=np.uint8)[rng.integers(0, 40, 300)]
        hashes[:, 3] ^= rng.integers(0, 2, 300, dtype=np.uint8)

        def pairs() -> set[frozenset[int]]:
            found = [zip(a.tolist(), b.tolist(), strict=True) for a, b in near_pairs(hashes)]
            return {frozenset(pair) for part in found for pair in part}

        whole = pairs()
        assert len(whole) > 500
        for length in (1, 7, 299):
            monkeypatch.setattr(duplicates, "_CHUNK", length)
            assert pairs() == whole

    def test_none_and_one(self) -> None:
        assert list(near_pairs(np.zeros((0, 32), dtype=np.uint8))) == []
        assert list(near_pairs(np.zeros((1, 32), dtype=np.uint8))) == []
