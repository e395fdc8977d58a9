from __future__ import annotations

import importlib.util
import json
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from faceattr.exceptions import (
    InvalidArgumentError,
    InvalidTypeError,
    MissingDependencyError,
    OutputError,
    TableError,
)
from faceattr.tables import (
    read_table,
    write_table,
)

NUMBERS = ["int8", "int64", "uint8", "uint64", "float16", "float32", "float64", "bool"]
NULLABLE = {"Int64": "int64", "UInt8": "uint8", "Float32": "float32", "boolean": "bool"}
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
AWKWARD = [
    "",
    "NA",
    "<NA>",
    "<NA1>",
    "nan",
    "a,b",
    'q"q',
    "line\nbreak",
    "return\r",
    "é\u2028ß",
    "\0",
]


def identical(left: pd.Series, right: pd.Series) -> bool:
    """Tell whether two columns are the same in type, bits, kind of missing value and categories."""
    if left.dtype != right.dtype or len(left) != len(right):
        return False
    if isinstance(left.dtype, pd.CategoricalDtype):
        same = left.cat.ordered == right.cat.ordered
        same &= identical(pd.Series(left.cat.categories), pd.Series(right.cat.categories))
        return same and list(left.cat.codes) == list(right.cat.codes)
    return [_fingerprint(value) for value in left.array] == [
        _fingerprint(value) for value in right.array
    ]


def _fingerprint(value: Any) -> tuple[str, str]:
    return type(value).__name__, repr(value)  # repr tells -0.0 from 0.0, None from NaN and NA


def assert_same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert list(left.columns) == list(right.columns)
    for name in left.columns:
        assert identical(left[name], right[name]), f"{name}: {left[name]} {right[name]}"


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pd.Series:
    def plain(dtype: str) -> np.ndarray:
        return draw(nps.arrays(dtype, rows))

    def gaps() -> np.ndarray:
        return draw(nps.arrays(bool, rows))

    def texts(low: int = 0) -> list[str]:
        some = st.sampled_from(AWKWARD) | TEXT
        return draw(st.lists(some, min_size=max(rows, low), max_size=max(rows, low)))

    kind = draw(st.sampled_from(["number", "nullable", "str", "string", "object", "category"]))
    if kind == "number":
        return pd.Series(plain(draw(st.sampled_from(NUMBERS))))
    if kind == "nullable":
        dtype = draw(st.sampled_from(sorted(NULLABLE)))
        return pd.Series(plain(NULLABLE[dtype])).astype(dtype).mask(gaps())
    if kind in {"str", "string"}:
        return pd.Series(texts(), dtype=object).mask(gaps()).astype(kind)
    if kind == "object":
        anything = st.one_of(
            TEXT, st.none(), st.booleans(), st.integers(), st.floats(), st.just(pd.NA)
        )
        return pd.Series(draw(st.lists(anything, min_size=rows, max_size=rows)), dtype=object)
    names = list(dict.fromkeys(texts(low=3)))
    codes = draw(nps.arrays("int8", rows, elements=st.integers(-1, len(names) - 1)))
    order = draw(st.booleans())
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(names, dtype="str"), ordered=order))


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(st.sampled_from(AWKWARD) | TEXT, min_size=1, max_size=4, unique=True))
    return pd.DataFrame(
        {name: draw(columns(rows)) for name in names}, columns=pd.Index(names, dtype=object)
    )


class TestRoundTrip:
    @given(table=tables())
    def test_any_table_comes_back_unchanged(
        self, tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame
    ) -> None:
        path = write_table(table, tmp_path_factory.mktemp("tables") / "table.csv")
        assert_same(table, read_table(path))

    def test_every_awkward_text_beside_a_missing_one(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"text": [*AWKWARD, None]})
        assert_same(table, read_table(write_table(table, tmp_path / "t.csv")))

    def test_floats_keep_their_bits(self, tmp_path: Path) -> None:
        values = [0.1 + 0.2, -0.0, 5e-324, np.inf, -np.inf, np.nan, 1 / 3, 1e300]
        single = np.array([0.1, -0.0, 1e-45, np.inf, -np.inf, np.nan, 1 / 3, 3e38], dtype="float32")
        table = pd.DataFrame({"x": values, "single": single})
        back = read_table(write_table(table, tmp_path / "t.csv"))
        for name in table:
            assert table[name].to_numpy().tobytes() == back[name].to_numpy().tobytes()

    def test_a_nullable_nan_is_no_missing_value(self, tmp_path: Path) -> None:
        values = pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.array([False, True]))
        back = read_table(write_table(pd.DataFrame({"x": values}), tmp_path / "t.csv"))
        assert np.isnan(back["x"].array[0])
        assert back["x"].array[1] is pd.NA

    @pytest.mark.parametrize("ordered", [True, False])
    @pytest.mark.parametrize(
        "categories", [["old", "young", "unseen"], [2.5, 0.1, -1.0], [7, 3, 1], [True, False]]
    )
    def test_categories_keep_their_order(
        self, tmp_path: Path, categories: list[Any], ordered: bool
    ) -> None:
        codes = [1, 0, -1, 1]
        values = pd.Categorical.from_codes(codes, pd.Index(categories), ordered=ordered)
        table = pd.DataFrame({"group": values})
        assert_same(table, read_table(write_table(table, tmp_path / "t.csv")))

    def test_categories_of_objects_stay_objects(self, tmp_path: Path) -> None:
        categories = pd.Index(["b", "a"], dtype=object)
        table = pd.DataFrame({"group": pd.Categorical.from_codes([1, 0], categories)})
        assert_same(table, read_table(write_table(table, tmp_path / "t.csv")))

    def test_names_of_files_that_are_not_utf8(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"path": pd.Series(["caf\udce9.jpg"], dtype=object)})
        assert_same(table, read_table(write_table(table, tmp_path / "t.csv")))

    def test_rows_are_numbered_afresh(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"x": [1, 2, 3]})
        part = table[table["x"] > 1]
        back = read_table(write_table(part, tmp_path / "t.csv"))
        assert list(back.index) == [0, 1]
        assert list(part.index) == [1, 2]

    def test_a_table_without_rows_keeps_its_types(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"path": pd.Series([], dtype="str"), "n": pd.Series([], dtype="int8")})
        assert_same(table, read_table(write_table(table, tmp_path / "t.csv")))

    def test_what_is_written_is_a_csv_for_everyone(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"sample_id": ["a", "b"], "age": [1.5, np.nan]})
        path = write_table(table, tmp_path / "t.csv")
        assert path.read_text() == "sample_id,age\na,1.5\nb,\n"
        pd.testing.assert_frame_equal(pd.read_csv(path), table)

    def test_folders_are_made_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        path = write_table(pd.DataFrame({"x": [1]}), str(tmp_path / "a" / "b" / "t.csv"))
        assert path == tmp_path / "a" / "b" / "t.csv"
        assert {file.name for file in path.parent.iterdir()} == {"t.csv", "t.csv.types.json"}

    def test_a_table_can_be_overwritten(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        write_table(pd.DataFrame({"x": ["", None]}), path)
        newer = pd.DataFrame({"y": [1, 2, 3]})
        write_table(newer, path)
        assert_same(newer, read_table(path))

    def test_a_crash_between_the_files_leaves_no_wrong_types(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_table(pd.DataFrame({"x": ["", None]}), tmp_path / "t.csv")
        replace = Path.replace

        def crash(self: Path, target: Path) -> Path:
            if str(target).endswith(".types.json"):
                raise OSError(28, "No space left on device")
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", crash)
        with pytest.raises(OutputError, match="No space left"):
            write_table(pd.DataFrame({"x": [1, 2]}), path)
        assert list(read_table(path)["x"]) == [1, 2]
        assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]

    def test_parquet(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow", reason="Parquet needs the extra 'parquet'")
        group = pd.Categorical(["b", "a", None], categories=["z", "b", "a"], ordered=True)
        table = pd.DataFrame(
            {
                "sample_id": ["1", "", None],
                "x": [0.1, np.nan, -0.0],
                "n": pd.array([1, None, 3], dtype="Int8"),
                "group": group,
            }
        )
        back = read_table(write_table(table, tmp_path / "t.parquet"))
        assert_same(table, back)


GOOD = {"format": "faceattr-table", "version": 1, "missing": "", "rows": 2}
COLUMN = {"name": "x", "dtype": "int64"}
DAMAGED: dict[str, Any] = {
    "no JSON": "{",
    "deep": "[" * 100_000,
    "a list": "[]",
    "no columns": json.dumps(GOOD),
    "another version": json.dumps(GOOD | {"version": 2, "columns": [COLUMN]}),
    "another name": json.dumps(GOOD | {"columns": [COLUMN | {"name": "y"}]}),
    "a name twice": json.dumps(GOOD | {"columns": [COLUMN, COLUMN]}),
    "no name": json.dumps(GOOD | {"columns": [{"dtype": "int64"}]}),
    "no type": json.dumps(GOOD | {"columns": [{"name": "x"}]}),
    "more rows": json.dumps(GOOD | {"rows": 3, "columns": [COLUMN]}),
    "a pickle": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": "pickle"}]}),
    "code": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": "__import__('os')"}]}),
    "a list as type": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": ["int64"]}]}),
    "too small": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": "int8"}]}),
    "booleans": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": "bool"}]}),
    "missing in int": json.dumps(GOOD | {"missing": "1000", "columns": [COLUMN]}),
    "no categories": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": "category"}]}),
    "object": json.dumps(GOOD | {"columns": [COLUMN | {"dtype": "object"}]}),
    "nested": json.dumps(
        GOOD
        | {
            "columns": [
                COLUMN
                | {
                    "dtype": "category",
                    "ordered": True,
                    "categories": {"dtype": "category", "cells": ["1", "1000"]},
                }
            ]
        }
    ),
    "unknown category": json.dumps(
        GOOD
        | {
            "columns": [
                COLUMN
                | {
                    "dtype": "category",
                    "ordered": True,
                    "categories": {"dtype": "str", "cells": ["1", "2"]},
                }
            ]
        }
    ),
    "a category twice": json.dumps(
        GOOD
        | {
            "columns": [
                COLUMN
                | {
                    "dtype": "category",
                    "ordered": False,
                    "categories": {"dtype": "str", "cells": ["1", "1000", "1"]},
                }
            ]
        }
    ),
}


class TestDamage:
    @pytest.mark.parametrize("kind", sorted(DAMAGED))
    def test_damaged_types_are_a_clear_error(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "t.csv"
        path.write_text("x\n1\n1000\n", encoding="utf-8")
        (tmp_path / "t.csv.types.json").write_text(DAMAGED[kind], encoding="utf-8")
        with pytest.raises(TableError):
            read_table(path)

    def test_a_number_too_large_for_its_type(self, tmp_path: Path) -> None:
        path = write_table(pd.DataFrame({"x": np.array([1, 2], "float16")}), tmp_path / "t.csv")
        path.write_text("x\n1.0\n70000.0\n")
        with pytest.raises(TableError):
            read_table(path)

    @given(text=st.text(max_size=40))
    def test_any_text_as_types(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        path = tmp_path_factory.mktemp("damage") / "t.csv"
        path.write_text("x\n1\n", encoding="utf-8")
        path.with_name("t.csv.types.json").write_text(text, encoding="utf-8")
        with pytest.raises(TableError):
            read_table(path)

    @pytest.mark.parametrize("content", ["x,y\n1,3\n", "x,y\n1,3\n2,4\n9,9\n", "x,y\n1,3\n2,"])
    def test_a_file_cut_short_or_grown(self, tmp_path: Path, content: str) -> None:
        path = write_table(pd.DataFrame({"x": [1, 2], "y": [3, 4]}), tmp_path / "t.csv")
        path.write_text(content)
        with pytest.raises(TableError) as caught:
            read_table(path)
        assert "types.json" in str(caught.value.hint)

    def test_an_open_quote_at_the_end(self, tmp_path: Path) -> None:
        path = write_table(pd.DataFrame({"x": ["a", "b,c"]}), tmp_path / "t.csv")
        path.write_text('x\na\n"b,c')
        with pytest.raises(TableError):
            read_table(path)

    def test_a_row_of_another_width_is_named(self, tmp_path: Path) -> None:
        path = write_table(pd.DataFrame({"x": [1, 2], "y": [3, 4]}), tmp_path / "t.csv")
        path.write_text("x,y\n1,3\n2\n")
        with pytest.raises(TableError) as caught:
            read_table(path)
        assert caught.value.rows == ("1",)

    def test_a_plain_csv_remains_when_the_types_are_deleted(self, tmp_path: Path) -> None:
        path = write_table(pd.DataFrame({"sample_id": ["1"], "x": [1]}), tmp_path / "t.csv")
        path.with_name("t.csv.types.json").unlink()
        assert_same(read_table(path), pd.DataFrame({"sample_id": ["1"], "x": [1]}))


class TestRefusals:
    @pytest.mark.parametrize(
        "table",
        [
            pd.DataFrame(),
            pd.DataFrame([[1, 2]], columns=["x", "x"]),
            pd.DataFrame({1: [2]}),
            pd.DataFrame({"x": [1]}, index=["a"]),
            pd.DataFrame({"x": [1]}, index=pd.Index([0], name="id")),
            pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([(0, 1)])),
            pd.DataFrame({"x": [1j]}),
            pd.DataFrame({"x": [[1]]}),
            pd.DataFrame({"x": pd.Series([np.float64(1)], dtype=object)}),
            pd.DataFrame({"x": pd.to_datetime(["2020-01-01"])}),
            pd.DataFrame({"x": pd.cut([1, 2], 2)}),
            pd.DataFrame({"x": ["a" * 200_000]}),
        ],
    )
    def test_what_would_be_lost_is_refused(self, tmp_path: Path, table: pd.DataFrame) -> None:
        with pytest.raises(TableError):
            write_table(table, tmp_path / "t.csv")
        assert not list(tmp_path.iterdir())

    def test_no_table(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidTypeError):
            write_table({"x": [1]}, tmp_path / "t.csv")  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["t.txt", "t", "t.csv.gz"])
    def test_other_kinds_of_file(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            write_table(pd.DataFrame({"x": [1]}), tmp_path / name)
        assert caught.value.argument == "path"
        with pytest.raises(InvalidArgumentError):
            read_table(tmp_path / name)

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError) as caught:
            write_table(pd.DataFrame({"x": [1]}), tmp_path / "file" / "t.csv")
        assert isinstance(caught.value, OSError)

    def test_a_target_that_is_a_folder_leaves_no_rest(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").mkdir()
        with pytest.raises(OutputError):
            write_table(pd.DataFrame({"x": [1]}), tmp_path / "t.csv")
        assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]

    def test_a_folder_without_permission(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The superuser may write anywhere, so the system's answer is played.
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(OutputError, match="Permission denied"):
            write_table(pd.DataFrame({"x": [1]}), tmp_path / "t.csv")

    def test_parquet_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingDependencyError, match=r"faceattr\[parquet\]"):
            write_table(pd.DataFrame({"x": [1]}), tmp_path / "t.parquet")

    @pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
    def test_files_can_be_read_by_whom_the_user_allows(self, tmp_path: Path) -> None:
        path = write_table(pd.DataFrame({"x": [1]}), tmp_path / "t.csv")
        other = tmp_path / "other"
        other.write_text("")
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
