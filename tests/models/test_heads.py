"""Heads: their contract, their losses and what their columns mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceattr import ClassificationTask, RegressionTask
from faceattr.exceptions import InvalidArgumentError
from faceattr.models.heads import (
    HEADS,
    DistributionHead,
    Head,
    LinearHead,
    LogitHead,
    SoftmaxHead,
    build_head,
    default_head,
    register_head,
)
from faceattr.testing import ContractError, check_head

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
SHARE = RegressionTask("share", bounds=(0, 1))
FREE = RegressionTask("angle")
GENDER = ClassificationTask("gender", classes=("male", "female"))
RACE = ClassificationTask("race", classes=("a", "b", "c"))

SERVED = {
    "distribution": [AGE, SHARE],
    "linear": [AGE, SHARE, FREE],
    "softmax": [GENDER, RACE],
    "logit": [GENDER],
}


def test_every_registered_head_is_checked():
    assert set(HEADS) == set(SERVED)


@pytest.mark.parametrize(
    ("kind", "task"),
    [(kind, task) for kind, tasks in SERVED.items() for task in tasks],
    ids=lambda value: getattr(value, "name", value),
)
def test_contract(kind, task):
    check_head(HEADS.get(kind, argument="kind"), task)


def test_contract_check_finds_a_head_that_leaves_the_bounds():
    class Unbounded(LinearHead):
        def columns(self, outputs):
            return {"age_pred": outputs[:, 0].double().numpy()}

    with pytest.raises(ContractError, match="bounds"):
        check_head(Unbounded, AGE)


def test_contract_check_finds_a_loss_that_counts_missing_labels():
    class Counting(SoftmaxHead):
        def loss(self, outputs, labels):
            return super().loss(outputs, labels.clamp(min=0))

    with pytest.raises(ContractError, match="missing label"):
        check_head(Counting, GENDER)


def test_default_heads():
    assert [default_head(task) for task in (AGE, FREE, GENDER, RACE)] == [
        "distribution",
        "linear",
        "softmax",
        "softmax",
    ]


@pytest.mark.parametrize(
    ("kind", "task", "expected"),
    [
        ("softmax", AGE, "'distribution', 'linear'"),
        ("linear", GENDER, "'softmax', 'logit'"),
        ("logit", RACE, "two classes"),
        ("distribution", FREE, "bounds"),
        ("no_such", AGE, "'distribution'"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(kind, task, expected):
    with pytest.raises(InvalidArgumentError) as caught:
        build_head(kind, task, 4, 0.0)
    assert expected in caught.value.expected


def test_a_head_of_ones_own_is_registered_once():
    class Mine(LinearHead):
        pass

    try:
        assert register_head("mine", Mine) is Mine
        assert isinstance(build_head("mine", AGE, 4, 0.0), Mine)
        with pytest.raises(InvalidArgumentError):
            register_head("mine", LinearHead)
    finally:
        HEADS._items.pop("mine", None)
    with pytest.raises(InvalidArgumentError):
        register_head("abstract", Head)


def test_distribution_support_is_whole_years():
    head = DistributionHead(AGE, 4, 0.0)
    assert head.support.tolist() == list(range(117))
    assert DistributionHead.output_size(SHARE) == 101


@given(st.floats(0, 116))
def test_distribution_target_sums_to_one_and_peaks_at_the_label(age):
    target = DistributionHead(AGE, 4, 0.0).target(torch.tensor([age]))[0]
    assert float(target.sum()) == pytest.approx(1, abs=1e-5)
    assert abs(int(target.argmax()) - age) <= 0.5 + 1e-4


def test_distribution_columns_of_a_known_distribution():
    head = DistributionHead(AGE, 4, 0.0)
    probabilities = torch.zeros(1, 117)
    probabilities[0, 20], probabilities[0, 40] = 0.25, 0.75
    columns = head.columns(probabilities.clamp(min=1e-30).log())
    assert columns["age_pred"][0] == pytest.approx(35)
    assert columns["age_std"][0] == pytest.approx(np.sqrt(0.25 * 15**2 + 0.75 * 5**2))
    # A twentieth of all mass is a fifth of what lies between 19.5 and 20.5.
    assert columns["age_q05"][0] == pytest.approx(19.7)
    assert columns["age_q95"][0] == pytest.approx(39.5 + 0.7 / 0.75)


@given(st.lists(st.floats(-30, 30), min_size=117, max_size=117))
def test_distribution_quantiles_are_ordered_and_bounded(logits):
    columns = DistributionHead(AGE, 4, 0.0).columns(torch.tensor([logits]))
    low, high = columns["age_q05"][0], columns["age_q95"][0]
    assert 0 <= low <= high <= 116
    assert 0 <= columns["age_pred"][0] <= 116


def test_linear_head_uses_median_and_spread_of_the_known_labels():
    head = LinearHead(AGE, 4, 0.0)
    labels = head.encode(pd.DataFrame({"age": [10.0, 20.0, 60.0, np.nan]}))
    head.prepare(labels)
    assert float(head.center) == 20
    assert float(head.scale) == pytest.approx(50 / 3)
    assert head.columns(torch.tensor([[0.6]]))["age_pred"][0] == pytest.approx(30)


def test_equal_labels_leave_a_usable_scale():
    head = LinearHead(AGE, 4, 0.0)
    head.prepare(torch.tensor([30.0, 30.0]))
    assert float(head.scale) == 1


def test_softmax_and_logit_agree():
    logits = torch.randn(5, 1)
    both = torch.cat([torch.zeros(5, 1), logits], dim=1)
    labels = torch.tensor([0, 1, -1, 1, 0])
    soft, single = SoftmaxHead(GENDER, 4, 0.0), LogitHead(GENDER, 4, 0.0)
    torch.testing.assert_close(soft.loss(both, labels), single.loss(logits, labels))
    left, right = soft.columns(both), single.columns(logits)
    np.testing.assert_allclose(left["gender_prob_female"], right["gender_prob_female"])


@pytest.mark.parametrize(
    ("kind", "task"), [(kind, task) for kind, tasks in SERVED.items() for task in tasks[:1]]
)
@given(known=st.lists(st.booleans(), min_size=1, max_size=12), seed=st.integers(0, 999))
def test_missing_labels_change_nothing_for_the_others(kind, task, known, seed):
    head = build_head(kind, task, 4, 0.0)
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(len(known), head.output_size(task), generator=generator)
    if isinstance(task, RegressionTask):
        labels = 116 * torch.rand(len(known), generator=generator)
        missing = torch.full_like(labels, torch.nan)
    else:
        labels = torch.randint(0, len(task.classes), (len(known),), generator=generator)
        missing = torch.full_like(labels, -1)
    mask = torch.tensor(known)
    partial = head.loss(outputs, torch.where(mask, labels, missing))
    assert head.labelled(torch.where(mask, labels, missing)).tolist() == known
    torch.testing.assert_close(partial[mask], head.loss(outputs, labels)[mask])
    assert float(partial[~mask].abs().sum()) == 0
