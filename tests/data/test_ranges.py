"""Numbers known as a range: what an index table may hold, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr import ClassificationTask, Dataset, RegressionTask, TaskSet
from faceattr._ranges import known_rows, range_ends
from faceattr.exceptions import DataError, InvalidArgumentError, TableError
from faceattr.tables import read_table, write_table

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
SCORE = RegressionTask("score", bounds=(0, 10))
GENDER = ClassificationTask("gender", ("male", "female"))


def index(**columns: object) -> pd.DataFrame:
    n = len(next(iter(columns.values())))  # type: ignore[call-overload]
    ids = [f"s{row}" for row in range(n)]
    return pd.DataFrame(
        {"sample_id": ids, "path": [f"synthetic:0/{row}/16" for row in range(n)], **columns}
    )


class TestTable:
    def test_ranges_are_read_and_stand_behind_their_task(self) -> None:
        table = index(
            site=["x", "y", "z"],
            age_max=["29", None, ""],
            gender=["male", None, "female"],
            age=[None, 40, None],
            age_min=[20, np.nan, None],
        )
        ds = Dataset(table, tasks=[AGE, GENDER])
        assert ds.table.columns.tolist() == [
            "sample_id", "path", "age", "age_min", "age_max", "gender", "site",
        ]  # fmt: skip
        assert ds.table[["age", "age_min", "age_max"]].dtypes.eq("float64").all()
        assert known_rows(ds.table, AGE).tolist() == [True, True, False]
        assert known_rows(ds.table, GENDER).tolist() == [True, False, True]
        assert ds[0].labels == {"age": None, "gender": "male"}
        assert ds[1].labels["age"] == 40.0

    def test_a_label_inside_its_range_is_used(self) -> None:
        ds = Dataset(index(age=[25.0], age_min=[20], age_max=[29]), tasks=AGE)
        low, high = range_ends(ds.table, AGE)
        assert (low.tolist(), high.tolist()) == ([25.0], [25.0])

    def test_ranges_alone_need_no_column_of_labels(self) -> None:
        ds = Dataset(index(age_min=[20, 0], age_max=[29, 2]), tasks=AGE)
        assert ds.table["age"].isna().all()
        assert ds.table["age"].dtype == "float64"

    @pytest.mark.parametrize(
        ("columns", "match"),
        [
            ({"age_min": [20, 30], "age_max": [29, None]}, "one end of a range.*'s1'.*age_min 30"),
            ({"age_min": [20, 30], "age_max": [19, 31]}, "wrong way round.*'s0'"),
            ({"age_min": [20, 30], "age_max": [29, 200]}, "age_max: a label cannot be read.*'s1'"),
            ({"age_min": ["x", 30], "age_max": [29, 31]}, "age_min: a label cannot be read.*'s0'"),
            (
                {"age": [19.9, 30], "age_min": [20, 30], "age_max": [29, 39]},
                "label outside its range.*'s0'.*age_min 20, age_max 29, age 19.9",
            ),
        ],
    )
    def test_errors_name_the_rows(self, columns: dict[str, object], match: str) -> None:
        with pytest.raises(DataError, match=match):
            Dataset(index(**{"age": [None, None], **columns}), tasks=AGE)

    def test_an_age_range_has_two_columns(self) -> None:
        for columns in ({"age": [1]}, {}):
            with pytest.raises(TableError, match=r"a column is missing.*'age_max'"):
                Dataset(index(**columns, age_min=[1]), tasks=AGE)

    def test_of_other_tasks_one_such_column_is_a_group(self) -> None:
        ds = Dataset(index(score=[1.0, None], score_min=["low", "high"]), tasks=SCORE)
        assert ds.table["score_min"].tolist() == ["low", "high"]
        assert known_rows(ds.table, SCORE).tolist() == [True, False]
        both = Dataset(index(score_min=[1, 2], score_max=[3, 4]), tasks=SCORE)
        assert known_rows(both.table, SCORE).all()

    def test_without_the_task_they_are_columns_like_others(self) -> None:
        ds = Dataset(index(gender=["male"], age_min=[9], age_max=[3]), tasks=GENDER)
        assert ds.table.columns.tolist()[2:] == ["gender", "age_min", "age_max"]
        groups = ClassificationTask("age", ("young", "old"))
        table = Dataset(index(age=["old"], age_min=[9], age_max=[3]), tasks=groups).table
        assert table["age_min"].tolist() == [9]

    def test_a_range_and_tasks_of_these_names_do_not_go_together(self) -> None:
        ends = [RegressionTask("score_min"), RegressionTask("score_max")]
        assert len(TaskSet([SCORE, ends[0]])) == 2
        with pytest.raises(InvalidArgumentError, match="'score_min', 'score_max'"):
            TaskSet([SCORE, *ends])

    @given(
        rows=st.lists(
            st.one_of(
                st.none(),
                st.floats(0, 116),
                st.tuples(st.floats(0, 116), st.floats(0, 116)).map(sorted),
            ),
            min_size=1,
            max_size=10,
        )
    )
    def test_what_was_written_is_read_back(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[float | list[float] | None]
    ) -> None:
        folder = tmp_path_factory.mktemp("tables")
        ages = [row if isinstance(row, float) else np.nan for row in rows]
        ends = [row if isinstance(row, list) else [np.nan, np.nan] for row in rows]
        low, high = zip(*ends, strict=True)
        ds = Dataset(index(age=ages, age_min=low, age_max=high), tasks=AGE)
        assert known_rows(ds.table, AGE).tolist() == [row is not None for row in rows]
        write_table(ds.table, folder / "index.csv")
        pd.testing.assert_frame_equal(
            Dataset(read_table(folder / "index.csv"), tasks=AGE).table, ds.table
        )
        if any(row is not None for row in rows):
            ds.table.to_csv(folder / "plain.csv", index=False)
            again = Dataset.from_csv(folder / "plain.csv", tasks=AGE)
            pd.testing.assert_frame_equal(again.table, ds.table)


class TestUse:
    @pytest.fixture
    def ds(self) -> Dataset:
        decade = np.tile(np.arange(5) * 10.0, 40)
        table = index(age=[np.nan] * 200, age_min=decade, age_max=decade + 9)
        return Dataset(table, tasks=AGE)

    def test_parts_have_like_shares_of_all_ranges(self, ds: Dataset) -> None:
        for part in ds.split(train=0.5, test=0.5, groups=None):
            assert part.table["age_min"].value_counts().eq(20).all()
            assert part.table.columns.tolist()[2:] == ["age", "age_min", "age_max", "split"]
        for _, test in ds.folds(4, groups=None):
            assert test.table["age_min"].value_counts().eq(10).all()

    def test_a_label_and_the_middle_of_a_range_are_one_stratum(self) -> None:
        table = index(age=[24.5] * 40 + [np.nan] * 40 + [60.0] * 80)
        table["age_min"] = [np.nan] * 40 + [20.0] * 40 + [np.nan] * 80
        table["age_max"] = table["age_min"] + 9
        train, _ = Dataset(table, tasks=AGE).split(train=0.5, test=0.5, groups=None)
        assert train.table["age"].eq(60).sum() == 40

    def test_selection_keeps_ranges(self, ds: Dataset) -> None:
        chosen = ds.select(ds.table["age_min"] == 30)
        assert set(chosen.table["age_max"]) == {39}

    def test_other_labels(self, ds: Dataset) -> None:
        new = pd.DataFrame(
            {"sample_id": ["s1", "s2"], "age_min": ["11", ""], "age_max": [12, None]}
        )
        found = ds.with_labels(new).table
        assert found["age_min"].iloc[[0, 1]].tolist() == [0, 11]
        assert np.isnan(found["age_max"].iloc[2])
        label = pd.DataFrame({"sample_id": ["s1"], "age": [50]})
        with pytest.raises(DataError, match=r"label outside its range.*'s1'"):
            ds.with_labels(label)
        relabelled = ds.with_labels(label.assign(age_min=None, age_max=None))
        assert relabelled[1].labels["age"] == 50
        one = pd.DataFrame({"sample_id": ["s1"], "age_max": [15]})
        assert ds.with_labels(one).table["age_max"].iloc[1] == 15
        with pytest.raises(DataError, match=r"age_min: a label cannot be read.*'s1'"):
            ds.with_labels(pd.DataFrame({"sample_id": ["s1"], "age_min": ["x"]}))

    def test_a_new_task_may_have_ranges_alone(self, ds: Dataset) -> None:
        new = ds.table[["sample_id"]].assign(score_min=1, score_max=2)
        found = ds.with_labels(new, tasks=SCORE)
        assert known_rows(found.table, SCORE).all()
        assert found.table.columns.tolist()[5:] == ["score", "score_min", "score_max"]


class TestFromCsv:
    def read(self, folder: Path, text: str, **options: object) -> Dataset:
        (folder / "labels.csv").write_text(text, encoding="utf-8")
        return Dataset.from_csv(folder / "labels.csv", tasks=AGE, **options)  # type: ignore[arg-type]

    def test_ranges_are_labels(self, tmp_path: Path) -> None:
        text = "path,age_max,age,age_min,site\na.jpg,29,,20,x\nb.jpg,,31,,y\n"
        ds = self.read(tmp_path, text, groups=[])
        assert ds.table.columns.tolist()[2:] == ["age", "age_min", "age_max"]
        assert ds.table["age_min"].iloc[0] == 20

    def test_ranges_alone(self, tmp_path: Path) -> None:
        ds = self.read(tmp_path, "path,age_min,age_max\na.jpg,20,29\nb.jpg,,\n")
        assert known_rows(ds.table, AGE).tolist() == [True, False]

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("path,age_min,age_max\na.jpg,,\n", "holds no label"),
            ("path,age,age_min\na.jpg,3,2\n", "lacks a column.*'age_max'"),
            ("path,age_min,age_max\na.jpg,20,\n", "one end.*'a.jpg'"),
        ],
    )
    def test_errors(self, tmp_path: Path, text: str, match: str) -> None:
        with pytest.raises(DataError, match=match):
            self.read(tmp_path, text)
