"""Heads: their contract, their losses and what their columns mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceattr import ClassificationTask, RegressionTask
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models.heads import (
    HEADS,
    DistributionHead,
    Head,
    LinearHead,
    LogitHead,
    MedianHead,
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
    "median": [AGE, SHARE],
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
        ("softmax", AGE, "'distribution', 'median', 'linear'"),
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


@given(
    logits=st.lists(st.floats(-30, 30), min_size=117, max_size=117),
    seed=st.integers(0, 99),
    level=st.sampled_from([0.05, 0.43, 0.5, 0.95]),
)
def test_the_median_is_where_half_of_the_mass_lies(logits, seed, level):
    head = MedianHead(AGE, 4, 0.0)
    assert head.level == 0.5
    head.level = level
    outputs = torch.cat([torch.tensor([logits]), random_outputs(seed, 1)])
    outputs.requires_grad_()
    median = head.columns(outputs.detach())["age_pred"]
    np.testing.assert_allclose(head.scores(outputs).detach()[:, 0], median, atol=2e-3)
    torch.autograd.backward(head.scores(outputs).sum())
    assert bool(torch.isfinite(outputs.grad).all())
    # Mass spread evenly over steps: half of it lies below, except where that is outside the bounds.
    mass = torch.softmax(outputs.detach().double(), dim=1).numpy()
    below = [
        np.interp(m, np.arange(118) - 0.5, np.insert(p.cumsum(), 0, 0))
        for m, p in zip(median, mass, strict=True)
    ]
    inside = (median > 0) & (median < 116)
    np.testing.assert_allclose(np.array(below)[inside], level, atol=1e-6)


def test_mean_and_median_differ_in_the_prediction_alone():
    outputs = random_outputs(3, 5)
    mean = DistributionHead(AGE, 4, 0.0).columns(outputs)
    median = MedianHead(AGE, 4, 0.0).columns(outputs)
    assert np.abs(mean["age_pred"] - median["age_pred"]).max() > 0.1
    for name in ("age_std", "age_q05", "age_q95"):
        np.testing.assert_array_equal(mean[name], median[name])


@pytest.mark.parametrize("level", [0, 0.04, 1, float("nan"), True, "0.5", None])
def test_a_level_that_is_none_is_refused(level):
    head = MedianHead(AGE, 4, 0.0)
    with pytest.raises((InvalidArgumentError, InvalidTypeError), match="level"):
        head.level = level
    assert head.level == 0.5
    assert DistributionHead(AGE, 4, 0.0).level is None


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


def old_distribution_loss(head, outputs, labels):
    """The loss of plain labels, as it was before there were ranges."""
    log_probabilities = torch.log_softmax(outputs, dim=1)
    target = head.target(labels)
    divergence = (torch.xlogy(target, target) - target * log_probabilities).sum(dim=1)
    expected = (log_probabilities.exp() * head.support).sum(dim=1)
    return divergence + (expected - labels).abs() / head.scale


def random_outputs(seed, n=1, size=117, scale=3.0):
    return scale * torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


ends = st.tuples(st.floats(0, 116), st.floats(0, 116)).map(sorted)


class TestRanges:
    def test_only_distributions_support_them(self):
        supporting = [kind for kind in HEADS if HEADS.get(kind, argument="").supports_ranges]
        assert supporting == ["distribution", "median"]

    def test_encoding(self):
        table = pd.DataFrame({"age": [30.0, np.nan, np.nan]})
        head = DistributionHead(AGE, 4, 0.0)
        assert head.encode(table)[0].tolist() == [30, 30]
        assert head.labelled(head.encode(table)).tolist() == [True, False, False]
        table = table.assign(age_min=[20.0, 20.0, np.nan], age_max=[40.0, 29.0, np.nan])
        labels = head.encode(table)
        assert labels.dtype == torch.float32
        assert labels[:2].tolist() == [[30, 30], [20, 29]]
        assert head.labelled(labels).tolist() == [True, True, False]
        # Other heads, also those of others, see plain labels as before.
        linear = LinearHead(AGE, 4, 0.0)
        assert linear.encode(table).shape == (3,)
        assert linear.labelled(linear.encode(table)).tolist() == [True, False, False]

    def test_constants_come_from_labels_and_middles(self):
        head = DistributionHead(AGE, 4, 0.0)
        columns = {"age": [10, np.nan, np.nan, np.nan], "age_min": [np.nan, 16, 50, np.nan]}
        head.prepare(head.encode(pd.DataFrame({**columns, "age_max": [np.nan, 24, 70, np.nan]})))
        assert float(head.center) == 20
        assert float(head.scale) == pytest.approx(50 / 3)

    def test_no_label_leaves_the_constants(self):
        head = DistributionHead(AGE, 4, 0.0)
        head.prepare(torch.full((3, 2), torch.nan))
        assert not bool(head.prepared)
        assert float(head.center) == 58

    @given(st.lists(st.floats(0, 116, width=32), min_size=1, max_size=8), st.integers(0, 999))
    def test_plain_labels_cost_what_they_cost_before(self, ages, seed):
        head = DistributionHead(AGE, 4, 0.0)
        labels, outputs = torch.tensor(ages), random_outputs(seed, len(ages))
        before, now = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
        expected = old_distribution_loss(head, before, labels)
        found = head.loss(now, torch.stack([labels, labels], dim=1))
        assert torch.equal(found, expected)
        assert torch.equal(head.loss(outputs, labels), expected)
        torch.autograd.backward(expected.sum())
        torch.autograd.backward(found.sum())
        assert torch.equal(now.grad, before.grad)

    @given(ends, st.integers(0, 999), st.sampled_from([0.1, 3.0, 30.0]))
    def test_a_range_costs_the_logarithm_of_its_probability(self, pair, seed, scale):
        low, high = (float(np.float32(end)) for end in pair)
        if low == high:
            return
        head = DistributionHead(AGE, 4, 0.0).double()
        outputs = random_outputs(seed, scale=scale).double()
        direct, found = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
        distance = torch.clamp(torch.maximum(low - head.support, head.support - high), min=0)
        inside = distance <= 0.5
        assert bool(inside.any())
        log_probabilities = torch.log_softmax(direct, dim=1)
        expected = (log_probabilities.exp() * head.support).sum(dim=1)
        away = torch.relu(low - expected) + torch.relu(expected - high)
        wanted = away / head.scale - torch.logsumexp(log_probabilities[:, inside], dim=1)
        loss = head.loss(found, torch.tensor([[low, high]], dtype=torch.float64))
        torch.testing.assert_close(loss, wanted)
        torch.autograd.backward(wanted.sum())
        torch.autograd.backward(loss.sum())
        torch.testing.assert_close(found.grad, direct.grad)

    @pytest.mark.parametrize("task", [AGE, SHARE], ids=lambda task: task.name)
    @given(
        shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
        seed=st.integers(0, 99),
        scale=st.sampled_from([1.0, 1e4]),
    )
    def test_any_range_gives_a_finite_loss_and_gradient(self, task, shares, seed, scale):
        head = build_head("distribution", task, 4, 0.0)
        outputs = random_outputs(seed, size=head.output_size(task), scale=scale).requires_grad_()
        labels = torch.tensor([shares]) * task.bounds[1]
        loss = head.loss(outputs, labels)
        torch.autograd.backward(loss.sum())
        assert float(loss.detach()) >= -1e-5
        assert bool(torch.isfinite(loss).all())
        assert bool(torch.isfinite(outputs.grad).all())

    def test_there_is_a_value_in_every_range(self):
        head = DistributionHead(SHARE, 4, 0.0)
        low = torch.linspace(0, 1, 4001)
        within = head._within(low, low + 1e-6)
        assert bool(within.any(dim=1).all())
        assert int(within.sum(dim=1).max()) <= 2
        whole = DistributionHead(AGE, 4, 0.0)
        values = whole._within(torch.tensor([20.0]), torch.tensor([29.0]))[0].nonzero().flatten()
        assert values.tolist() == list(range(20, 30))

    @given(st.integers(0, 107), st.integers(0, 99))
    def test_the_loss_falls_when_mass_moves_inside(self, low, seed):
        head = DistributionHead(AGE, 4, 0.0)
        outputs, labels = random_outputs(seed, scale=1.0), torch.tensor([[low, low + 9.0]])
        inside = head._within(labels[:, 0], labels[:, 1])
        losses = [
            float(head.loss(outputs + rise * inside, labels)) for rise in (0.0, 1.0, 4.0, 40.0)
        ]
        assert losses == sorted(losses, reverse=True)
        assert losses[0] > losses[2]
        assert losses[-1] == pytest.approx(0, abs=1e-4)

    def test_the_contract_check_finds_a_range_that_is_a_number(self):
        class Middle(DistributionHead):
            def encode(self, table):
                return super().encode(table).mean(dim=1)

        with pytest.raises(ContractError, match="wider range"):
            check_head(Middle, AGE)

    def test_the_contract_check_finds_ranges_that_are_not_read(self):
        class Deaf(DistributionHead):
            def encode(self, table):
                return super().encode(table[["age"]])

        with pytest.raises(ContractError, match="range without width"):
            check_head(Deaf, AGE)


class TestMixedLoss:
    def test_classes_are_linear_in_the_target(self):
        outputs, share = torch.randn(4, 3), torch.rand(4)
        first, second = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 1, 0, 2])
        one_hot = torch.nn.functional.one_hot
        target = share[:, None] * one_hot(first, 3) + (1 - share)[:, None] * one_hot(second, 3)
        wanted = torch.nn.functional.cross_entropy(outputs, target, reduction="none")
        found = SoftmaxHead(RACE, 4, 0.0).mixed_loss(outputs, first, second, share)
        torch.testing.assert_close(found, wanted)

    def test_distributions_are_mixed_and_not_numbers(self):
        head = DistributionHead(AGE, 4, 0.0)
        young, old, half = (
            torch.tensor([[8.0] * 2]),
            torch.tensor([[80.0] * 2]),
            torch.tensor([0.5]),
        )
        both = 0.5 * (head.target(young[:, 0]) + head.target(old[:, 0]))
        middle = head.target(torch.tensor([44.0]))
        cost = {
            name: float(head.mixed_loss(target.clamp(min=1e-30).log(), young, old, half))
            for name, target in (("both", both), ("middle", middle))
        }
        assert cost["both"] == pytest.approx(0, abs=1e-4)
        assert cost["middle"] > 1

    @given(pairs=st.lists(st.tuples(ends, ends), min_size=1, max_size=6), seed=st.integers(0, 99))
    def test_a_whole_share_is_the_loss_itself(self, pairs, seed):
        head = DistributionHead(AGE, 4, 0.0)
        first, second = (torch.tensor(labels) for labels in zip(*pairs, strict=True))
        first[0] = torch.nan
        outputs = random_outputs(seed, len(pairs)).requires_grad_()
        one = torch.ones(len(pairs))
        assert torch.equal(head.mixed_loss(outputs, first, second, one), head.loss(outputs, first))
        assert torch.equal(
            head.mixed_loss(outputs, first, second, 0 * one), head.loss(outputs, second)
        )
        mixed = head.mixed_loss(outputs, first, second, torch.linspace(0.05, 0.95, len(pairs)))
        torch.autograd.backward(mixed.sum())
        assert bool(torch.isfinite(mixed).all())
        assert bool(torch.isfinite(outputs.grad).all())

    def test_what_is_missing_adds_nothing(self):
        head = DistributionHead(AGE, 4, 0.0)
        outputs, share = random_outputs(0, 3), torch.tensor([0.3, 0.3, 0.3])
        labels = torch.tensor([[20.0, 29.0], [torch.nan] * 2, [torch.nan] * 2])
        other = torch.tensor([[torch.nan] * 2, [50.0, 50.0], [torch.nan] * 2])
        found = head.mixed_loss(outputs, labels, other, share)
        wanted = 0.3 * head.loss(outputs, labels) + 0.7 * head.loss(outputs, other)
        torch.testing.assert_close(found, wanted)
        assert float(found[2]) == 0

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda share, mine, theirs: mine + theirs, "share of 1"),
            (lambda share, mine, theirs: mine, "share of 0"),
            (lambda share, mine, theirs: mine.where(share > 0.5, theirs), "missing label adds"),
        ],
    )
    def test_the_contract_check_finds_wrong_mixtures(self, change, match):
        class Odd(SoftmaxHead):
            def mixed_loss(self, outputs, labels, other, share):
                return change(share, self.loss(outputs, labels), self.loss(outputs, other))

        with pytest.raises(ContractError, match=match):
            check_head(Odd, GENDER)
