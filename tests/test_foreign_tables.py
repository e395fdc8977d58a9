"""Tables that others wrote: plain CSV files, ids, and the tasks that columns tell of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceattr.exceptions import (
    DataError,
    FaceAttrError,
    InvalidTypeError,
    TableError,
)
from faceattr.images import image_names
from faceattr.tables import (
    check_ids,
    pred_column,
    prediction_columns,
    prob_column,
    read_table,
    tasks_from_predictions,
    write_table,
)
from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet


class TestPlainCsv:
    def test_ids_are_text_and_never_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("sample_id,path,age\n007,NA,3\nnull,,\n", encoding="utf-8")
        table = read_table(path)
        assert list(table["sample_id"]) == ["007", "null"]
        assert list(table["path"]) == ["NA", ""]
        assert table["age"].isna().tolist() == [False, True]

    def test_the_mark_that_spreadsheets_put_first_is_no_part_of_a_name(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "t.csv"
        path.write_bytes("\ufeffsample_id,é\n1,2\n".encode())
        table = read_table(path)
        assert list(table.columns) == ["sample_id", "é"]
        assert table["sample_id"][0] == "1"

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00a", b'a,b\n"open', b"a\n1,2,3\n4\n5,6"])
    def test_what_is_no_table_is_a_clear_error(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "t.csv"
        path.write_bytes(content)
        with pytest.raises(TableError) as caught:
            read_table(path)
        assert caught.value.argument == "path"

    @pytest.mark.parametrize("row", ["b,1,", "b", "b,1,,2"])
    def test_rows_of_another_width_are_named_by_line(self, tmp_path: Path, row: str) -> None:
        path = tmp_path / "t.csv"
        path.write_text(f'sample_id,x\n"a\nline",0\n\n{row}\nc,2\n')
        with pytest.raises(TableError, match="2 values in every row") as caught:
            read_table(path)
        assert [name.rpartition(":")[2] for name in caught.value.rows] == ["5"]

    def test_lines_without_a_value_are_passed_over(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("\nsample_id,x\n\na,0\n  \nb,1\n\n")
        assert read_table(path)["sample_id"].tolist() == ["a", "b"]

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(TableError, match="no such file"):
            read_table(tmp_path / "t.csv")


class TestIds:
    def test_good_ids(self) -> None:
        table = pd.DataFrame({"sample_id": ["a", "b"]})
        assert list(check_ids(table, "table")) == ["a", "b"]

    @pytest.mark.parametrize(
        "ids", [pd.Series([1, 2]), pd.Series(["a", None]), pd.Series(["a", 3], dtype=object)]
    )
    def test_ids_that_are_no_text(self, ids: pd.Series) -> None:
        with pytest.raises(TableError, match="missing or not text") as caught:
            check_ids(pd.DataFrame({"sample_id": ids}), "quality")
        assert "quality" in str(caught.value.argument)
        assert caught.value.rows

    def test_repeated_ids(self) -> None:
        table = pd.DataFrame({"sample_id": ["a", "b", "a"]})
        with pytest.raises(TableError) as caught:
            check_ids(table, "quality")
        assert caught.value.rows == ("a",)
        assert list(check_ids(table, "predictions", allow_repeats=True)) == ["a", "b", "a"]

    def test_no_column_and_no_table(self) -> None:
        with pytest.raises(TableError, match="sample_id"):
            check_ids(pd.DataFrame({"id": ["a"]}), "quality")
        with pytest.raises(InvalidTypeError):
            check_ids([], "quality")  # type: ignore[arg-type]


class TestTasksFromPredictions:
    def test_names_of_columns(self) -> None:
        tasks = TaskSet(
            [RegressionTask("age"), ClassificationTask("gender", classes=("male", "female"))]
        )
        assert prediction_columns(tasks) == [
            "sample_id",
            "path",
            "age",
            pred_column("age"),
            "gender",
            pred_column("gender"),
            prob_column("gender", "male"),
            prob_column("gender", "female"),
            "error",
        ]

    def test_a_table_of_ours_is_understood(self) -> None:
        tasks = TaskSet(
            [RegressionTask("age"), ClassificationTask("gender", classes=("male", "female"))]
        )
        table = pd.DataFrame(columns=prediction_columns(tasks), index=range(2), dtype=float)
        assert tasks_from_predictions(table) == tasks

    @pytest.mark.parametrize(
        "columns",
        [
            {"glasses": ["no", "yes"], "glasses_pred": ["no", None]},
            {"glasses": [np.nan, np.nan], "glasses_pred": ["no", "yes"]},
            {"glasses": pd.Categorical(["no", "yes"]), "glasses_pred": ["no", "no"]},
            {"glasses": ["no", None], "glasses_pred": ["no", "no"], "glasses_prob_yes": [0.1, 0.2]},
            {"glasses": pd.Series(["no", "yes"], dtype=object), "glasses_pred": ["no", "no"]},
        ],
    )
    def test_text_means_classes(self, columns: dict[str, Any]) -> None:
        (task,) = tasks_from_predictions(pd.DataFrame(columns)).values()
        assert task == ClassificationTask("glasses", classes=("no", "yes"))

    def test_booleans_mean_classes(self) -> None:
        (task,) = tasks_from_predictions(
            pd.DataFrame({"x": [True, False], "x_pred": [True, True]})
        ).values()
        assert task == ClassificationTask("x", classes=("False", "True"))

    def test_whole_numbers_mean_numbers(self) -> None:
        (task,) = tasks_from_predictions(pd.DataFrame({"x": [0, 1], "x_pred": [1, 1]})).values()
        assert task == RegressionTask("x")

    def test_no_task_tells_what_columns_are_expected(self) -> None:
        with pytest.raises(TableError) as caught:
            tasks_from_predictions(pd.DataFrame({"true_age": [1], "age_pred": [2]}))
        assert "<task>_pred" in str(caught.value.expected)
        assert "true_age" in str(caught.value.found)
        assert isinstance(caught.value, DataError)

    def test_one_label_says_too_little(self) -> None:
        table = pd.DataFrame({"glasses": ["no"], "glasses_pred": ["no"]})
        with pytest.raises(TableError, match="tasks=ClassificationTask"):
            tasks_from_predictions(table)

    def test_a_name_that_cannot_be_a_task(self) -> None:
        with pytest.raises(FaceAttrError):
            tasks_from_predictions(pd.DataFrame({"skin tone": [1], "skin tone_pred": [1]}))


def test_a_misspelt_prediction_is_told(caplog):
    table = pd.DataFrame(
        {
            "age": [1.0],
            "age_pred": [2.0],
            "gender": ["m"],
            "gendr_pred": ["f"],
            "hat_prob_yes": [1.0],
        }
    )
    with caplog.at_level("WARNING", logger="faceattr"):
        assert list(tasks_from_predictions(table)) == ["age"]
    assert "gendr_pred, hat_prob_..." in caplog.text


def test_complete_tables_are_taken_without_a_warning(caplog):
    table = pd.DataFrame({"age": [1.0], "age_pred": [2.0], "smile": ["no"]})
    tasks_from_predictions(table)
    assert not caplog.records


def test_two_codes_are_told(caplog):
    table = pd.DataFrame({"gender": [0, 1, 1], "gender_pred": [0.0, 1.0, 0.0]})
    with caplog.at_level("WARNING", logger="faceattr"):
        tasks_from_predictions(table)
    assert "--task gender=0,1" in caplog.text
    caplog.clear()
    tasks_from_predictions(table.assign(gender_pred=[0.5, 0.7, 0.1]))
    assert not caplog.records


def test_two_tables_are_no_paths():
    for function in (read_table, lambda table: write_table("a.csv", table)):
        with pytest.raises(InvalidTypeError, match=r"path: not a path|table"):
            function(pd.DataFrame({"a": [1]}))


def test_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    written = write_table(pd.DataFrame({"a": [1]}), "~/x/a.csv")
    assert (tmp_path / "x" / "a.csv").exists()
    assert read_table("~/x/a.csv")["a"].tolist() == [1]
    assert written == tmp_path / "x" / "a.csv"
    with pytest.raises(DataError, match="expanduser"):
        image_names("~/faces")
