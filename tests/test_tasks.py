"""Tasks as values: what makes two of them the same."""

from __future__ import annotations

import pytest

from faceattr import ClassificationTask, TaskSet

CODES = {0: "male", 1: "female"}
GENDER = ClassificationTask("gender", ("male", "female"), codes=CODES)


def test_codes_are_for_reading_and_do_not_make_another_task() -> None:
    plain = ClassificationTask("gender", ("male", "female"))
    assert plain == GENDER
    assert hash(plain) == hash(GENDER)
    assert TaskSet(plain) == TaskSet(GENDER)
    assert GENDER.parse([1, "0", "Male"], ["a", "b", "c"]).tolist() == ["female", "male", "male"]


@pytest.mark.parametrize(
    "other",
    [
        ClassificationTask("sex", ("male", "female"), codes=CODES),
        ClassificationTask("gender", ("female", "male"), codes=CODES),
        ClassificationTask("gender", ("male", "female"), codes=CODES, positive="male"),
    ],
)
def test_everything_else_makes_another_task(other: ClassificationTask) -> None:
    assert other != GENDER


def test_codes_are_kept_in_descriptions() -> None:
    assert TaskSet.from_list(TaskSet(GENDER).to_list())["gender"].to_dict() == GENDER.to_dict()
