"""The head that predicts a distribution over evenly spaced values, such as years."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from faceattr._ranges import range_ends
from faceattr._validation import check_number
from faceattr.exceptions import InvalidArgumentError
from faceattr.models._head import RegressionHead
from faceattr.models.decoding import Columns, distribution_columns
from faceattr.tables import pred_column
from faceattr.tasks import RegressionTask, Task

__all__ = ["DistributionHead", "MedianHead"]


class _Guess(NamedTuple):
    """What is predicted: ``(N, K)`` and ``(N,)``."""

    log_probabilities: Tensor
    expected: Tensor


class _Aim(NamedTuple):
    """What should have been: a distribution ``(N, K)`` and its value ``(N,)``, both constants."""

    target: Tensor
    value: Tensor


class DistributionHead(RegressionHead):
    """Probabilities of evenly spaced values: whole years for ages.

    The prediction is the expected value, so it never leaves the bounds. The loss is the divergence
    from a normal distribution around the label plus the distance of the expected value in units of
    the training labels' spread (Gao et al. 2018, "Age Estimation Using Expectation of Label
    Distribution Learning"). The normal distribution widens with the value (one step and 4 % of the
    distance from the lower bound), as people's disagreement about ages does.

    A label known as a range costs the negative logarithm of the probability that the prediction
    gives to it, the likelihood of an interval-censored observation (Turnbull 1976, "The Empirical
    Distribution Function with Arbitrarily Grouped, Censored and Truncated Data"), plus the distance
    of the expected value from the range. Values within half a step of the range belong to it.

    What a teacher predicts is a normal distribution of its mean and deviation, cut to the support;
    label and teacher are mixed as distributions, and so are their values.

    Encoded labels are float32 of shape ``(N, 2)``, the ends of the range, equal for a plain label
    and NaN where nothing is known. Soft labels have three more columns: the teacher's mean, its
    deviation and its part. Labels of shape ``(N,)`` are understood too, as plain ones.
    """

    widening = 0.04
    supports_ranges: ClassVar[bool] = True
    supports_teacher: ClassVar[bool] = True
    support: Tensor

    def __init__(self, task: Task, num_features: int, dropout: float) -> None:
        super().__init__(task, num_features, dropout)
        low, high = _bounds(self.task)
        self.register_buffer("support", torch.linspace(low, high, self.output_size(task)))

    @classmethod
    def output_size(cls, task: Task) -> int:
        """Return the number of values: one a unit where that makes 3 to 512, otherwise 101."""
        low, high = _bounds(task)
        units = round(high - low) + 1
        whole = low.is_integer() and high.is_integer() and 3 <= units <= 512
        return units if whole else 101

    @property
    def level(self) -> float | None:
        """Which quantile is predicted; None for the expected value."""
        return None

    @property
    def step(self) -> float:
        """Distance between neighbouring values, in the task's unit."""
        return float(self.support[1] - self.support[0])

    def encode(self, table: pd.DataFrame) -> Tensor:
        """Return the lowest and highest possible label of each row, ``(N, 2)`` of float32."""
        ends = np.stack(range_ends(table, self.task), axis=1)
        return torch.from_numpy(ends.astype(np.float32))

    def labelled(self, labels: Tensor) -> Tensor:
        """Return of which rows a label, a range or a prediction is known, ``(N,)``."""
        low, high = _ends(labels)
        known = ~torch.isnan(low + high)
        return known | (labels[:, 4] > 0) if _is_soft(labels) else known

    def soft_labels(self, labels: Tensor, taught: pd.DataFrame, weight: float) -> Tensor:
        """Return the ends of the range, the teacher's mean and deviation, and its part, (N, 5).

        Where the table has no ``<task>_std``, the distribution is as wide as that of a label.
        """
        name = self.task.name
        mean = _column(taught, pred_column(name))
        told = ~torch.isnan(mean)
        mean = torch.where(told, mean, self.support[0]).clamp(self.support[0], self.support[-1])
        std = self._width(mean)
        if f"{name}_std" in taught:
            given = _column(taught, f"{name}_std")
            std = torch.where(given >= 0, given, std)
        part = torch.where(self.labelled(labels), weight, 1.0) * told
        ends = torch.stack(_ends(labels), dim=1)
        return torch.cat([ends, torch.stack([mean, std.clamp(min=self.step / 2), part], 1)], dim=1)

    def prepare(self, labels: Tensor) -> None:
        """Take centre and scale from the labels and the middles of ranges."""
        low, high = _ends(labels)
        super().prepare((low + high) / 2)

    def target(self, labels: Tensor) -> Tensor:
        """Return the distribution ``(N, K)`` that stands for plain labels ``(N,)``."""
        return self._normal(labels, self._width(labels))

    def _width(self, values: Tensor) -> Tensor:
        return self.step + self.widening * (values - self.support[0])

    def _normal(self, mean: Tensor, std: Tensor) -> Tensor:
        distance = (self.support - mean[:, None]) / std[:, None]
        return torch.softmax(-0.5 * distance.square(), dim=1)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return divergence plus distance of the expected value, ``(N,)``."""
        guess = self._guess(outputs)
        losses = self._miss(guess, self._aim(guess, labels))
        return torch.where(self.labelled(labels), losses, 0.0)

    def mixed_loss(self, outputs: Tensor, labels: Tensor, other: Tensor, share: Tensor) -> Tensor:
        """Return the loss against the mixture of both labels' distributions, ``(N,)``.

        The distributions are mixed and never the numbers: half a child and half an old man are not
        a person of middle age. See `Head.mixed_loss`.
        """
        guess = self._guess(outputs)
        first, second = self._aim(guess, labels), self._aim(guess, other)
        weight = share * self.labelled(labels)
        total = weight + (1 - share) * self.labelled(other)
        mixed = _mix(first, second, weight / torch.where(total > 0, total, 1.0))
        return torch.where(total > 0, total * self._miss(guess, mixed), 0.0)

    def _guess(self, outputs: Tensor) -> _Guess:
        log_probabilities = torch.log_softmax(outputs, dim=1)
        return _Guess(log_probabilities, (log_probabilities.exp() * self.support).sum(dim=1))

    def _aim(self, guess: _Guess, labels: Tensor) -> _Aim:
        aim = self._label_aim(guess, *_ends(labels))
        if not _is_soft(labels):
            return aim
        mean, std, part = labels[:, 2:].unbind(dim=1)
        return _mix(_Aim(self._normal(mean, std), mean), aim, part)

    def _label_aim(self, guess: _Guess, low: Tensor, high: Tensor) -> _Aim:
        known = ~torch.isnan(low + high)
        low, high = (torch.where(known, end, self.support[0]) for end in (low, high))
        # The divergence from the prediction itself, restricted to the range, has the value and the
        # gradient of -log(probability of the range).
        inside = guess.log_probabilities.detach().masked_fill(~self._within(low, high), -torch.inf)
        is_range = (high > low)[:, None]
        target = torch.where(is_range, torch.softmax(inside, dim=1), self.target(low))
        return _Aim(target, guess.expected.detach().clamp(low, high))

    def _within(self, low: Tensor, high: Tensor) -> Tensor:
        """Return which values belong to each range, ``(N, K)``; there is always one."""
        below, above = low[:, None] - self.support, self.support - high[:, None]
        distance = torch.maximum(below, above).clamp(min=0)
        return distance <= distance.amin(dim=1, keepdim=True).clamp(min=self.step / 2)

    def _miss(self, guess: _Guess, aim: _Aim) -> Tensor:
        target = aim.target
        divergence = (torch.xlogy(target, target) - target * guess.log_probabilities).sum(dim=1)
        return divergence + (guess.expected - aim.value).abs() / self.scale

    def scores(self, outputs: Tensor) -> Tensor:
        """Return the expected value, ``(N, 1)``, in the task's unit."""
        return self._guess(outputs).expected[:, None]

    def columns(self, outputs: Tensor) -> Columns:
        """Return ``<task>_pred``, ``_std``, ``_q05`` and ``_q95``."""
        probabilities = torch.softmax(outputs.cpu().double(), dim=1).numpy()
        support = self.support.cpu().double().numpy()
        level = self.level
        return distribution_columns(self.task, support, probabilities, level=level)


class MedianHead(DistributionHead):
    """The same distribution, learned in the same way, of which the median is predicted.

    Of all predictions the median has the smallest mean absolute error, and the expected value the
    smallest mean squared error, if the distribution is right (Gneiting 2011, "Making and Evaluating
    Point Forecasts", arXiv:0912.0902). Mass is spread evenly over a step.

    It is not quite right where it was learned from distributions that are symmetric, as those of a
    teacher are, of labels that are not: then more or less than half of the labels of new images lie
    below the median. `level` moves the prediction to the quantile below which half of them lie;
    choose it on images that neither trained nor will judge the model, and before a calibration.
    """

    predicted: Tensor

    def __init__(self, task: Task, num_features: int, dropout: float) -> None:
        super().__init__(task, num_features, dropout)
        self.register_buffer("predicted", torch.tensor(0.5))

    @property
    def level(self) -> float:
        """Which quantile is predicted, 0.05 to 0.95; 0.5 unless it is set. Saved with the model.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            When set: if it is no number of this range.
        """
        return round(float(self.predicted), 6)  # kept as float32

    @level.setter
    def level(self, value: float) -> None:
        self.predicted.fill_(check_number(value, "level", low=0.05, high=0.95))

    def scores(self, outputs: Tensor) -> Tensor:
        """Return the median, or what quantile `level` says, ``(N, 1)``, in the task's unit."""
        probabilities = torch.softmax(outputs, dim=1)
        cumulated = probabilities.cumsum(dim=1)
        last = len(self.support) - 1
        first = (cumulated < self.predicted).sum(dim=1, keepdim=True).clamp(max=last)
        mass = probabilities.gather(1, first).clamp(min=torch.finfo(probabilities.dtype).tiny)
        share = 1 - (cumulated.gather(1, first) - self.predicted) / mass
        reached = self.support[first] + (share.clamp(0, 1) - 0.5) * (
            self.support[1] - self.support[0]
        )
        return reached.clamp(self.support[0], self.support[-1])


def _column(table: pd.DataFrame, name: str) -> Tensor:
    return torch.from_numpy(table[name].to_numpy(np.float32, copy=True, na_value=np.nan))


def _ends(labels: Tensor) -> tuple[Tensor, Tensor]:
    return (labels, labels) if labels.ndim == 1 else (labels[:, 0], labels[:, 1])


def _is_soft(labels: Tensor) -> bool:
    return labels.ndim == 2 and labels.shape[1] > 2


def _mix(first: _Aim, second: _Aim, part: Tensor) -> _Aim:
    """Return what is `part` the first and the rest the second."""
    rest = 1 - part
    return _Aim(
        part[:, None] * first.target + rest[:, None] * second.target,
        part * first.value + rest * second.value,
    )


def _bounds(task: Task) -> tuple[float, float]:
    if not isinstance(task, RegressionTask) or task.bounds is None:
        raise InvalidArgumentError(
            "the distribution head needs to know the range of the labels",
            argument=f"task {task.name!r}",
            expected="bounds",
            found="none",
            hint=f'RegressionTask("{task.name}", bounds=(low, high)), or the head "linear"',
        )
    return task.bounds
