"""A calibration as it is applied and written down."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration_samples import TASKS, make_predictions
from faceattr import ClassificationTask, RegressionTask, TaskSet
from faceattr.calibration import (
    Abstention,
    Calibration,
    ClassCalibration,
    GroupQuantiles,
    GroupRule,
    Interval,
    NumberCalibration,
)
from faceattr.evaluation import Abstain, Calibrator
from faceattr.exceptions import FaceAttrError, InvalidArgumentError, InvalidTypeError, TableError
from faceattr.tables import read_table, write_table

AGE, GENDER = TASKS["age"], TASKS["gender"]
numbers = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_predictions()


@pytest.fixture(scope="module")
def calibration(table) -> Calibration:
    rules = {"gender": Abstain(right=0.8), "age": Abstain(coverage=0.9, within=5)}
    return Calibrator(by="camera", abstain=rules, tasks=TASKS).fit(table)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    names = draw(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True))
    edges = None
    if draw(st.booleans()):
        count = len(names) + 1
        inner = draw(st.lists(numbers, min_size=count, max_size=count, unique=True))
        edges = (*sorted(inner)[:-1], None)
    quantiles = [draw(st.none() | numbers) for _ in names]
    groups = GroupQuantiles(
        GroupRule("c", tuple(names), edges), tuple(quantiles), tuple(range(len(names)))
    )
    share = st.floats(0, 1)
    rule = Abstention(
        draw(numbers), 5, draw(share), draw(share), draw(st.none() | share), draw(share)
    )
    level = draw(st.floats(0.01, 0.99))
    interval = Interval(level, "quantile", draw(numbers), 9, draw(st.none() | st.just(groups)))
    return Calibration(
        (
            NumberCalibration(AGE, interval, draw(st.none() | st.just(rule))),
            ClassCalibration(GENDER, draw(st.floats(0.01, 100)), 3),
        )
    )


class TestWrittenDown:
    @given(calibrations())
    def test_nothing_is_lost(self, calibration) -> None:
        text = json.dumps(calibration.to_dict(), allow_nan=False)
        assert Calibration.from_dict(json.loads(text)) == calibration

    def test_the_same_table_afterwards(self, calibration, table) -> None:
        again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
        pd.testing.assert_frame_equal(again.apply(table), calibration.apply(table))

    def test_ids_of_people_stay_in_memory(self, calibration, table) -> None:
        assert calibration.fitted_on == set(table["sample_id"])
        assert "00000.jpg" not in json.dumps(calibration.to_dict())
        assert Calibration.from_dict(calibration.to_dict()).fitted_on == frozenset()

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda data: {},
            lambda data: data | {"format_version": 2},
            lambda data: data | {"tasks": []},
            lambda data: data | {"tasks": [{"task": AGE.to_dict()}]},
            lambda data: data | {"tasks": [data["tasks"][0] | {"interval": {"level": 2}}]},
            lambda data: data | {"tasks": [data["tasks"][1] | {"temperature": -1.0}]},
            lambda data: data | {"tasks": [data["tasks"][1] | {"temperature": "x"}]},
            lambda data: data | {"tasks": data["tasks"] * 2},
        ],
        ids=["empty", "newer", "no tasks", "no part", "level", "cold", "text", "twice"],
    )
    def test_what_is_no_calibration(self, calibration, spoil) -> None:
        with pytest.raises(FaceAttrError):
            Calibration.from_dict(spoil(calibration.to_dict()))

    def test_calibrated_tables_are_kept_without_loss(self, calibration, table, tmp_path) -> None:
        found = calibration.apply(table)
        write_table(found, tmp_path / "predictions.csv")
        pd.testing.assert_frame_equal(read_table(tmp_path / "predictions.csv"), found)


class TestApplied:
    def test_the_columns(self, calibration, table) -> None:
        before = table.copy()
        found = calibration.apply(table)
        pd.testing.assert_frame_equal(table, before)
        new = ["age_low", "age_high", "age_level", "age_abstain"]
        new += ["gender_temperature", "gender_abstain"]
        assert list(found.columns) == [*table.columns, *new]
        assert set(calibration.new_columns) == set(new)
        assert found["age_level"].eq(0.9).all()
        assert found["age_pred"].equals(table["age_pred"])
        assert (found["age_low"] <= found["age_pred"]).all()
        assert found["age_low"].min() == 0.0
        assert found["gender_pred"].equals(table["gender_pred"])
        both = found[["gender_prob_male", "gender_prob_female"]]
        np.testing.assert_allclose(both.sum(axis=1), 1.0)
        assert ((both["gender_prob_female"] > 0.5) == (found["gender_pred"] == "female")).all()

    @pytest.mark.parametrize("by", [None, "camera", "age_pred"])
    def test_a_row_is_calibrated_alone_as_among_others(self, table, by) -> None:
        calibration = Calibrator(by=by, score="normalized", tasks=TASKS).fit(table)
        whole = calibration.apply(table)
        for rows in (table.iloc[[5]], table.iloc[::-7], table.iloc[:0]):
            pd.testing.assert_frame_equal(calibration.apply(rows), whole.loc[rows.index])

    def test_a_failed_row_has_no_interval(self, calibration, table) -> None:
        broken = table.copy()
        broken.loc[2, ["age_pred", "age_std", "gender_prob_male", "gender_prob_female"]] = np.nan
        found = calibration.apply(broken).loc[2]
        assert found[["age_low", "age_high", "age_level", "gender_prob_male"]].isna().all()
        assert found[["age_abstain", "gender_abstain"]].all()

    def test_one_probability_of_two_is_enough(self, calibration, table) -> None:
        found = calibration.apply(table.drop(columns="gender_prob_male"))
        assert "gender_prob_male" not in found
        whole = calibration.apply(table)["gender_prob_female"]
        np.testing.assert_allclose(found["gender_prob_female"], whole)

    def test_missing_columns_and_text(self, calibration, table) -> None:
        for column in ("age_pred", "camera", "gender_prob_male", "age_std"):
            if column == "gender_prob_male":
                continue
            with pytest.raises(TableError, match=column):
                calibration.apply(table.drop(columns=column))
        with pytest.raises(TableError, match="age_pred"):
            calibration.apply(table.assign(age_pred="old"))
        with pytest.raises(InvalidTypeError, match="predictions"):
            calibration.apply(None)

    def test_parts_are_found_by_their_task(self, calibration) -> None:
        assert calibration["gender"].n == 600
        assert list(calibration.tasks) == ["age", "gender"]
        with pytest.raises(InvalidArgumentError, match="weight"):
            calibration["weight"]


class TestChecks:
    def test_for_tasks_takes_the_bounds_of_the_model(self, calibration) -> None:
        wider = TaskSet([RegressionTask("age", bounds=(-5, 200)), GENDER])
        assert calibration.for_tasks(wider)["age"].task.bounds == (-5, 200)

    @pytest.mark.parametrize(
        "task",
        [
            RegressionTask("weight"),
            ClassificationTask("age", ("young", "old")),
        ],
    )
    def test_for_other_tasks_it_is_none(self, calibration, task) -> None:
        with pytest.raises(InvalidArgumentError, match="another task"):
            calibration.for_tasks(TaskSet([task, GENDER]))
        with pytest.raises(InvalidArgumentError, match="another task"):
            calibration.for_tasks(TaskSet([AGE, ClassificationTask("gender", ("female", "male"))]))

    def test_columns_that_are_needed(self, calibration) -> None:
        with pytest.raises(InvalidArgumentError, match="apply it to the tables") as caught:
            calibration.check_columns(["age_pred", "gender_prob_male", "gender_prob_female"])
        assert caught.value.rows == ("camera", "age_std")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Calibration(()),
            lambda: Calibration(("age",)),
            lambda: Calibration((ClassCalibration(GENDER, 1.0, 5),) * 2),
            lambda: ClassCalibration(GENDER, 0.0, 5),
            lambda: Interval(1.0, "absolute", 2.0, 5),
            lambda: Interval(0.9, "absolute", float("inf"), 5),
            lambda: Interval(0.9, "mine", 2.0, 5),
            lambda: GroupRule("c", ()),
            lambda: GroupRule("c", ("a", "a")),
            lambda: GroupRule("c", ("a", "b"), (0, 1)),
            lambda: GroupQuantiles(GroupRule("c", ("a",)), (1.0, 2.0), (5,)),
            lambda: Abstention(float("nan"), 5, 0.5, 0.5),
        ],
        ids=map(str, range(12)),
    )
    def test_values_that_make_no_sense(self, make) -> None:
        with pytest.raises(FaceAttrError):
            make()

    def test_the_new_columns_are_no_names_for_tasks(self) -> None:
        for suffix in ("temperature", "abstain", "level"):
            with pytest.raises(InvalidArgumentError, match="reserved"):
                RegressionTask(f"age_{suffix}")
