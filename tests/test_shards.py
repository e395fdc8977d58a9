"""Tables in parts: what is put together is the whole, or an error says which part is at fault."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr.exceptions import (
    FaceAttrError,
    InvalidArgumentError,
    InvalidTypeError,
    OutputError,
    TableError,
)
from faceattr.tables import Shard, merge_shards, shards, write_shard

OF = 4
IDS = [f"folder/{number}, é.png" for number in range(10)]


def whole(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": pd.Series(ids, dtype="str"),
            "age": [float(row) if row % 3 else None for row in range(len(ids))],
            "sex": pd.Series(["m" if row % 2 else None for row in range(len(ids))], dtype="str"),
        }
    ).astype({"age": "float64"})


def write(folder: Path, number: int, of: int = OF, ids: list[str] = IDS, **options: Any) -> Path:
    shard = Shard(number, of)
    part = whole(ids).iloc[shard.rows(len(ids))]
    options = {"kind": "numbers", "settings": {"model": "a"}, **options}
    return write_shard(part, folder / f"part-{number}.csv", shard, ids, **options)


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    return [write(tmp_path, number) for number in range(1, OF + 1)]


def record_of(part: Path) -> Path:
    return part.with_name(part.name + ".shard.json")


class TestShard:
    @given(total=st.integers(0, 10**9), of=st.integers(1, 60))
    def test_parts_follow_each_other_and_are_even(self, total: int, of: int) -> None:
        rows = [Shard(number, of).rows(total) for number in range(1, of + 1)]
        assert rows[0].start == 0
        assert rows[-1].stop == total
        assert all(one.stop == other.start for one, other in itertools.pairwise(rows))
        assert {row.stop - row.start for row in rows} <= {total // of, total // of + 1}

    def test_text_is_a_part(self) -> None:
        assert Shard.parse("2/8") == Shard(2, 8)
        assert str(Shard(2, 8)) == "2/8"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "2",
            "2/",
            "/8",
            "2/8/1",
            "0/8",
            "9/8",
            "1/0",
            "-1/8",
            "1.0/8",
            "a/b",
            " 1/2",
            "1/2\n",
            "²/8",
            "1/" + "9" * 5000,
            "1/1000001",
        ],
    )
    def test_text_that_is_none(self, text: str) -> None:
        with pytest.raises(InvalidArgumentError, match="shard") as caught:
            Shard.parse(text)
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("number", [1.0, "1", True, None])
    def test_numbers_that_are_none(self, number: Any) -> None:
        with pytest.raises(InvalidTypeError, match="number"):
            Shard(number, 8)


class TestTogether:
    @given(total=st.integers(0, 12), of=st.integers(1, 15), order=st.randoms())
    def test_parts_are_the_whole(
        self, tmp_path_factory: pytest.TempPathFactory, total: int, of: int, order: Any
    ) -> None:
        folder, ids = tmp_path_factory.mktemp("parts"), [f"{n}" for n in range(total)]
        paths = [write(folder, number, of, ids) for number in range(1, of + 1)]
        order.shuffle(paths)
        merged = merge_shards(paths)
        pd.testing.assert_frame_equal(merged.table, whole(ids))
        assert (merged.kind, dict(merged.settings)) == ("numbers", {"model": "a"})

    def test_names_of_files_do_not_matter(self, tmp_path: Path, parts: list[Path]) -> None:
        for ending in ("", ".types.json", ".shard.json"):
            Path(f"{parts[0]}{ending}").rename(tmp_path / f"renamed.csv{ending}")
        table = merge_shards([tmp_path / "renamed.csv", *parts[1:]]).table
        assert table["sample_id"].tolist() == IDS

    def test_names_that_are_not_utf8(self, tmp_path: Path) -> None:
        ids = ["a.png", os.fsdecode(b"\xff.png")]
        paths = [write(tmp_path, number, 2, ids) for number in (1, 2)]
        assert merge_shards(paths).table["sample_id"].tolist() == ids


class TestFaults:
    def test_missing_parts_are_named(self, tmp_path: Path) -> None:
        ids = [str(number) for number in range(40)]
        kept = [write(tmp_path, number, 12, ids) for number in (1, 2, 4, 5, 6, 10, 11, 12)]
        with pytest.raises(TableError, match=r"parts 3, 7-9 of 12 are missing.*--shard 3/12"):
            merge_shards(kept)

    def test_a_part_twice(self, tmp_path: Path, parts: list[Path]) -> None:
        again = write(tmp_path / "again", 2)
        for doubled in (again, parts[1]):
            with pytest.raises(TableError, match="part 2 of 4 is given more than once") as caught:
                merge_shards([*parts, doubled])
            assert caught.value.rows == (str(parts[1]), str(doubled))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"settings": {"model": "b"}}, "model 'a', as in 3 of 4 files; found: model 'b'"),
            ({"settings": {}}, "found: model 'not told'"),
            ({"settings": {"model": "a", "size": 64}}, "found: size 64"),
            ({"kind": "words"}, "different kinds.*found: words"),
            ({"ids": [*IDS, "new"]}, "images came or went.*10 rows in all.*found: 11 rows in all"),
            ({"ids": [*IDS[:-1], "new"]}, "as many images, but other ids"),
            ({"ids": IDS[::-1]}, "as many images, but other ids"),
            ({"of": 5}, "divided differently.*found: 5 parts"),
        ],
    )
    def test_a_part_of_something_else(
        self, tmp_path: Path, parts: list[Path], options: dict[str, Any], message: str
    ) -> None:
        write(tmp_path, 3, **options)
        with pytest.raises(TableError, match=message) as caught:
            merge_shards(parts)
        assert caught.value.rows == (str(parts[2]),)

    @pytest.mark.parametrize(
        "change",
        [
            lambda part: part.write_text(part.read_text("utf-8").replace("5.0", "6.0"), "utf-8"),
            lambda part: part.write_bytes(part.read_bytes()[:-9]),
            lambda part: part.write_bytes(b""),
            lambda part: part.with_name(part.name + ".types.json").unlink(),
            lambda part: part.with_name(part.name + ".types.json").write_text("{}"),
        ],
        ids=["edited", "truncated", "emptied", "no types", "other types"],
    )
    def test_a_part_that_was_changed(
        self, parts: list[Path], change: Callable[[Path], object]
    ) -> None:
        change(parts[2])
        with pytest.raises(
            TableError, match=r"not as they were written.*make part 3 of 4 again"
        ) as e:
            merge_shards(parts)
        assert e.value.rows == (str(parts[2]),)

    def test_a_table_that_is_consistent_but_of_other_rows(self, parts: list[Path]) -> None:
        first, second = (json.loads(record_of(part).read_text()) for part in parts[1:3])
        for part, number in ((parts[1], 3), (parts[2], 2)):
            known = first if number == 3 else second
            record_of(part).write_text(json.dumps(known | {"number": number}))
        with pytest.raises(TableError, match=r"does not fit|not the whole"):
            merge_shards(parts)

    def test_all_unfinished_parts_are_named(self, parts: list[Path]) -> None:
        record_of(parts[1]).unlink()
        record_of(parts[3]).unlink()
        message = r"its job has not finished.*records of parts 1, 3 of 4"
        with pytest.raises(TableError, match=message) as caught:
            merge_shards(parts)
        assert caught.value.rows == (str(parts[1]), str(parts[3]))
        parts[1].unlink()
        with pytest.raises(TableError, match="no such file"):
            merge_shards(parts)

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"\xff\xfe",
            b"no JSON",
            b"[]",
            b"null",
            b"{}",
            b"[" * 100_000,
            b'{"format":' * 100_000,
            b"9" * 100_000,
            b" " * 2_000_000,
        ],
        ids=range(10),
    )
    def test_records_that_are_none(self, parts: list[Path], text: bytes) -> None:
        record_of(parts[1]).write_bytes(text)
        with pytest.raises(TableError, match=r"part-2\.csv\.shard\.json: not the record") as caught:
            merge_shards(parts)
        assert len(str(caught.value)) < 1000

    @pytest.mark.parametrize("value", [None, True, -1, 1.5, 10**400, "x", [], {}, "\ud800", [[]]])
    @pytest.mark.parametrize(
        "key",
        ["format", "version", "number", "of", "total", "ids_sha256", "table_sha256", "settings"],
    )
    def test_records_with_other_values(self, parts: list[Path], key: str, value: Any) -> None:
        known = json.loads(record_of(parts[1]).read_text())
        record_of(parts[1]).write_text(json.dumps(known | {key: value}))
        with pytest.raises(FaceAttrError, match=r"part-[0-9]\.csv"):
            merge_shards(parts)

    @pytest.mark.parametrize("value", ["NaN", "1e999", "[1]", '{"a": {}}'])
    def test_records_with_settings_that_cannot_be_compared(
        self, parts: list[Path], value: str
    ) -> None:
        text = record_of(parts[1]).read_text().replace('"a"', value)
        record_of(parts[1]).write_text(text)
        with pytest.raises(TableError, match=r"part-2\.csv\.shard\.json"):
            merge_shards(parts)

    def test_no_part(self) -> None:
        with pytest.raises(InvalidArgumentError, match="no part"):
            merge_shards([])
        with pytest.raises(InvalidTypeError, match="a single string"):
            merge_shards("part-1.csv")


class TestWriting:
    def test_ids_are_unique(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgumentError, match="given more than once; rows: 'b'"):
            write(tmp_path, 1, 1, ["a", "b", "b"])
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("rows", [slice(0, 3), slice(3, 5), slice(5, 1, -1), slice(0, 0)])
    def test_rows_are_those_of_the_part(self, tmp_path: Path, rows: slice) -> None:
        with pytest.raises(TableError, match="not the rows of part 2/4"):
            write_shard(whole(IDS).iloc[rows], tmp_path / "p.csv", "2/4", IDS, kind="numbers")

    @pytest.mark.parametrize("value", [float("nan"), [1], {"a": 1}, b"x", object()])
    def test_settings_that_cannot_be_kept(self, tmp_path: Path, value: Any) -> None:
        with pytest.raises(InvalidTypeError, match=r"settings.*'model'"):
            write(tmp_path, 1, settings={"model": value})

    @pytest.mark.parametrize("ids", ["abc", [1, 2], [None]])
    def test_ids_that_are_no_text(self, tmp_path: Path, ids: Any) -> None:
        with pytest.raises(InvalidTypeError, match="ids"):
            write_shard(whole([]), tmp_path / "p.csv", "1/1", ids, kind="numbers")

    @pytest.mark.parametrize("stopped_at", ["write_table", "digest_files", "write_record"])
    def test_a_job_that_is_stopped_leaves_no_record(
        self,
        tmp_path: Path,
        parts: list[Path],
        monkeypatch: pytest.MonkeyPatch,
        stopped_at: str,
    ) -> None:
        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(shards, stopped_at, stop)
            with pytest.raises(KeyboardInterrupt):
                write(tmp_path, 2)
        with pytest.raises(TableError, match="its job has not finished") as caught:
            merge_shards(parts)
        assert caught.value.rows == (str(parts[1]),)
        write(tmp_path, 2)
        assert len(merge_shards(parts).table) == len(IDS)

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="cannot be written"):
            write(tmp_path / "file", 1)
