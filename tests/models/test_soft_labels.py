"""Labels that are in part what a teacher predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from faceattr import ClassificationTask, RegressionTask
from faceattr.exceptions import InvalidTypeError
from faceattr.models.heads import DistributionHead, Head, LinearHead, LogitHead, SoftmaxHead
from faceattr.testing import ContractError, check_head

AGE = RegressionTask("age", unit="years", bounds=(0, 116))
GENDER = ClassificationTask("gender", classes=("male", "female"))


def told_ages(*means, std=None):
    table = pd.DataFrame({"age_pred": means})
    return table if std is None else table.assign(age_std=std)


def cost(head, target, labels):
    """Return the loss of a prediction that is `target` itself."""
    return float(head.loss(target.clamp(min=1e-30).log(), labels)[0])


def test_distributions_are_mixed_by_the_teachers_part():
    head = DistributionHead(AGE, 4, 0.0)
    label, teacher = torch.tensor([20.0]), torch.tensor([60.0])
    soft = head.soft_labels(label, told_ages(60.0), 0.25)
    mixed = 0.75 * head.target(label) + 0.25 * head.target(teacher)
    assert cost(head, mixed, soft) == pytest.approx(0, abs=1e-4)
    assert cost(head, head.target(torch.tensor([30.0])), soft) > 1


def test_the_teachers_deviation_is_that_of_its_distribution():
    head = DistributionHead(AGE, 4, 0.0)
    nothing = torch.tensor([torch.nan])
    soft = head.soft_labels(nothing, told_ages(58.0, std=10.0), 0.5)
    years = head.support.double().numpy()
    target = head._normal(soft[:, 2], soft[:, 3]).double().numpy()[0]
    assert target @ years == pytest.approx(58, abs=0.01)
    assert np.sqrt(target @ (years - 58) ** 2) == pytest.approx(10, abs=0.05)
    assert cost(head, torch.from_numpy(target[None]).float(), soft) == pytest.approx(0, abs=1e-4)


def test_a_deviation_of_nothing_is_half_a_step():
    head = DistributionHead(AGE, 4, 0.0)
    soft = head.soft_labels(torch.tensor([30.0]), told_ages(31.0, std=0.0), 1.0)
    assert bool(torch.isfinite(head.loss(torch.randn(1, 117), soft)).all())
    assert float(soft[0, 3]) == 0.5


def test_ranges_keep_their_part():
    head = DistributionHead(AGE, 4, 0.0)
    outputs, label = torch.randn(1, 117), torch.tensor([[20.0, 29.0]])
    soft = head.soft_labels(label, told_ages(25.0), 0.0)
    torch.testing.assert_close(head.loss(outputs, soft), head.loss(outputs, label))


def test_numbers_are_averaged():
    head = LinearHead(AGE, 4, 0.0)
    labels = torch.tensor([20.0, torch.nan, 40.0, torch.nan])
    soft = head.soft_labels(labels, told_ages(30.0, 50.0, np.nan, np.nan), 0.25)
    np.testing.assert_allclose(soft, [22.5, 50.0, 40.0, np.nan])


@pytest.mark.parametrize("kind", [SoftmaxHead, LogitHead])
def test_classes_become_probabilities(kind):
    head = kind(GENDER, 4, 0.0)
    told = pd.DataFrame({"gender_prob_male": [0.4, 0.4, None], "gender_prob_female": [0.6, 0.6, 0]})
    soft = head.soft_labels(torch.tensor([0, -1, 1]), told, 0.5)
    torch.testing.assert_close(soft, torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.0, 1.0]]))
    outputs = torch.tensor([[0.3, -0.2]] * 3) if kind is SoftmaxHead else torch.tensor([[-0.5]] * 3)
    first, second = (head.loss(outputs, torch.full((3,), code)) for code in (0, 1))
    torch.testing.assert_close(head.loss(outputs, soft), soft[:, 0] * first + soft[:, 1] * second)


def test_a_head_without_a_way_to_learn_from_one_says_so():
    class Deaf(SoftmaxHead):
        supports_teacher = False
        soft_labels = Head.soft_labels

    with pytest.raises(InvalidTypeError, match="does not learn from a teacher"):
        Deaf(GENDER, 4, 0.0).soft_labels(torch.tensor([0]), pd.DataFrame(), 0.5)
    check_head(Deaf, GENDER)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda labels, soft: labels, "has no label"),
        (lambda labels, soft: soft.flip(1), "does not know costs another"),
    ],
)
def test_the_contract_check_finds_wrong_soft_labels(change, match):
    class Odd(SoftmaxHead):
        def soft_labels(self, labels, taught, weight):
            return change(labels, super().soft_labels(labels, taught, weight))

    with pytest.raises(ContractError, match=match):
        check_head(Odd, GENDER)
