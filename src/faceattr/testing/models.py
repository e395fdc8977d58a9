"""Contract checks of heads and backbones."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from faceattr.models import Head, Model
from faceattr.tables import pred_column, prob_column
from faceattr.tasks import ClassificationTask, RegressionTask, Task
from faceattr.testing.contract import ContractError, expect

__all__ = ["check_backbone", "check_head"]

_N = 12
_FEATURES = 8


def check_head(head: type[Head], task: Task) -> None:
    """Check a head on a task.

    Its outputs have the declared size; its loss is one finite number an image, 0 where the label is
    missing, and a few steps of gradient descent lower it; its loss of blended images is that of one
    label where the other has no share, and a missing label adds nothing to it; its columns are
    complete, of the right length, and within the task's bounds or classes, also for extreme
    outputs. Of a head that supports ranges all this holds for ranges too: one without width costs
    what the label costs, and a wider one costs no more than one inside it. Of a head that learns
    from a teacher it holds for soft labels, which cost what the labels cost where the teacher has
    no part or says nothing; an image with either of the two is a labelled one.

    Parameters
    ----------
    head : type
        The class, a subclass of `faceattr.models.Head`.
    task : RegressionTask or ClassificationTask
        A task that it serves.

    Raises
    ------
    ContractError
        At the first part of the contract that does not hold.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        built = head(task, _FEATURES, 0.0)
        features = torch.randn(_N, _FEATURES)
        table = pd.DataFrame({task.name: _labels(task)})
        labels = built.encode(table)
        built.prepare(labels)
        _check_shapes(built, features)
        _check_labels(built, features, labels)
        if built.supports_ranges:
            _check_ranges(built, features, table)
        if built.supports_teacher:
            _check_teaching(built, features, labels)
        outputs = torch.randn(_N, built.output_size(task))
        for scale in (1.0, 1e4, -1e4):
            _check_columns(task, built.columns(scale * outputs))
        _check_columns(task, built.columns(outputs[:0]), n=0)


def check_backbone(module: nn.Module, *, image_size: int = 64) -> None:
    """Check a backbone of one's own.

    It has ``num_features``, maps images to that many finite numbers each, treats images
    independently of each other in evaluation mode, passes gradients on, and can be copied.

    Raises
    ------
    ContractError
        At the first part of the contract that does not hold.
    """
    task = RegressionTask("value", bounds=(0, 10))
    model = Model(copy.deepcopy(module), task, weights=None, image_size=image_size).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, image_size, image_size))
    images = torch.from_numpy(pixels.astype(np.uint8))
    together = model.features(images).detach()
    expect(
        together.shape == (3, model.num_features),
        "features have another shape than declared",
        f"(3, {model.num_features})",
        str(tuple(together.shape)),
    )
    expect(
        bool(torch.isfinite(together).all()), "features are not finite", "finite numbers", "others"
    )
    alone = torch.cat([model.features(images[row : row + 1]).detach() for row in range(3)])
    expect(
        torch.allclose(together, alone, rtol=1e-3, atol=1e-4),
        "in evaluation mode an image's features depend on the images beside it",
        "equal features",
        f"a difference of {float((together - alone).abs().max()):.3g}",
    )
    model.train()
    model(images)["value"].sum().backward()
    expect(
        any(p.grad is not None for p in model.backbone.parameters()),
        "no gradient reaches the backbone",
        "gradients",
        "none",
    )


def _labels(task: Task) -> pd.Series:
    if isinstance(task, ClassificationTask):
        names = [task.classes[row % len(task.classes)] for row in range(_N)]
        return pd.Series(names, dtype="str").mask(pd.Series(np.arange(_N) == 0))
    low, high = task.bounds or (-1.0, 3.0)
    values = pd.Series(np.linspace(low, high, _N), dtype="float64")
    return values.mask(pd.Series(np.arange(_N) == 0))


def _check_labels(head: Head, features: Tensor, labels: Tensor) -> None:
    _check_loss(head, features, labels)
    _check_mixing(head, features, labels)
    _check_learns(head, features, labels)


def _check_shapes(head: Head, features: Tensor) -> None:
    outputs = head(features)
    wanted = (_N, head.output_size(head.task))
    expect(
        outputs.shape == wanted,
        "outputs have another shape",
        str(wanted),
        str(tuple(outputs.shape)),
    )


def _check_loss(head: Head, features: Tensor, labels: Tensor) -> None:
    known = head.labelled(labels)
    expect(
        known.dtype == torch.bool and known.tolist() == [False] + [True] * (_N - 1),
        "labelled() does not tell which labels are missing",
        "False for the first label, True for the others",
        str(known.tolist()),
    )
    losses = head.loss(head(features), labels)
    expect(
        losses.shape == (_N,), "the loss is not one number an image", f"({_N},)", str(losses.shape)
    )
    expect(
        bool(torch.isfinite(losses).all()), "losses are not finite", "finite numbers", str(losses)
    )
    expect(float(losses.detach()[0]) == 0.0, "a missing label costs something", "0", str(losses[0]))


def _check_mixing(head: Head, features: Tensor, labels: Tensor) -> None:
    outputs = head(features).detach()
    other = labels.flip(0)  # the last is missing there, the first here
    share = torch.linspace(0.1, 0.9, _N)
    mine, theirs = head.loss(outputs, labels), head.loss(outputs, other)
    _expect_close(
        "a share of 1 is not the loss of the label",
        mine,
        head.mixed_loss(outputs, labels, other, torch.ones(_N)),
    )
    _expect_close(
        "a share of 0 is not the loss of the other label",
        theirs,
        head.mixed_loss(outputs, labels, other, torch.zeros(_N)),
    )
    mixed = head.mixed_loss(outputs, labels, other, share)
    expect(bool(torch.isfinite(mixed).all()), "mixed losses are not finite", "numbers", str(mixed))
    _expect_close(
        "a missing label adds something to the mixed loss",
        torch.stack([(1 - share[0]) * theirs[0], share[-1] * mine[-1]]),
        mixed[[0, -1]],
    )
    alone = head.mixed_loss(outputs, labels, labels, share)[:1]
    _expect_close("two missing labels cost something", torch.zeros(1), alone)


def _check_ranges(head: Head, features: Tensor, table: pd.DataFrame) -> None:
    task = head.task
    if not isinstance(task, RegressionTask):
        raise ContractError("only numbers have ranges", expected="RegressionTask", found=repr(task))
    low, high = task.bounds or (-1.0, 3.0)
    middle = table[task.name]
    outputs = head(features).detach()

    def encode(width: float) -> Tensor:
        ends = ((middle - width).clip(low, high), (middle + width).clip(low, high))
        columns = dict(zip(task.range_columns, ends, strict=True))
        return head.encode(pd.DataFrame({task.name: np.nan, **columns}))

    _expect_close(
        "a range without width is not the label",
        head.loss(outputs, head.encode(table)),
        head.loss(outputs, encode(0.0)),
    )
    narrow, wide = encode((high - low) / 20), encode((high - low) / 5)
    _check_labels(head, features, narrow)
    excess = head.loss(outputs, wide) - head.loss(outputs, narrow)
    expect(
        bool((excess <= 1e-4).all()),
        "a wider range costs more than one inside it",
        "no more",
        str(excess),
    )


def _check_teaching(head: Head, features: Tensor, labels: Tensor) -> None:
    outputs = head(features).detach()
    told = pd.DataFrame(head.columns(outputs.flip(0)))
    half = head.soft_labels(labels, told, 0.5)
    known = head.labelled(half)
    expect(bool(known.all()), "an image that the teacher knows has no label", "all", str(known))
    _check_learns(head, features, half)
    told.loc[:1] = None  # the first has no label either
    soft = head.soft_labels(labels, told, 0.5)
    _check_labels(head, features, soft)
    plain, whole = head.loss(outputs, labels), head.loss(outputs, soft)
    _expect_close(
        "an image that the teacher does not know costs another loss", plain[:2], whole[:2]
    )
    without = head.loss(outputs, head.soft_labels(labels, told, 0.0))
    _expect_close("a teacher without a part changes the loss", plain, without)
    _expect_other("a teacher with a part does not change the loss", plain[2:], whole[2:])


def _check_learns(head: Head, features: Tensor, labels: Tensor) -> None:
    learner = copy.deepcopy(head)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    first = last = float(learner.loss(learner(features), labels).detach().mean())
    for _ in range(60):
        optimizer.zero_grad()
        loss = learner.loss(learner(features), labels).mean()
        torch.autograd.backward(loss)
        optimizer.step()
        last = float(loss.detach())
    expect(
        last < first,
        "gradient descent does not lower the loss",
        f"below {first:.3g}",
        f"{last:.3g}",
    )


def _check_columns(task: Task, columns: Mapping[str, npt.NDArray[np.generic]], n: int = _N) -> None:
    wanted = [pred_column(task.name)]
    if isinstance(task, ClassificationTask):
        wanted += [prob_column(task.name, label) for label in task.classes]
    missing = [name for name in wanted if name not in columns]
    expect(not missing, "columns are missing", str(wanted), str(list(columns)))
    lengths = {name: len(values) for name, values in columns.items() if len(values) != n}
    expect(not lengths, "columns have another length", str(n), str(lengths))
    predicted = columns[pred_column(task.name)]
    if isinstance(task, ClassificationTask):
        _check_classes(task, columns, predicted)
        return
    numbers = predicted.astype(np.float64)
    low, high = task.bounds or (-np.inf, np.inf)
    expect(
        bool(((numbers >= low) & (numbers <= high) & np.isfinite(numbers)).all()),
        "predictions leave the task's bounds",
        f"finite numbers in [{low:g}, {high:g}]",
        str(numbers),
    )


def _check_classes(
    task: ClassificationTask,
    columns: Mapping[str, npt.NDArray[np.generic]],
    predicted: npt.NDArray[np.generic],
) -> None:
    strange = sorted(set(predicted.tolist()) - set(task.classes))
    expect(not strange, "predictions are no classes", str(task.classes), str(strange))
    names = [prob_column(task.name, label) for label in task.classes]
    probabilities = np.stack([columns[name].astype(np.float64) for name in names], axis=1)
    expect(
        bool(np.allclose(probabilities.sum(axis=1), 1) and (probabilities >= 0).all()),
        "probabilities are not such",
        "numbers of at least 0 that sum to 1",
        str(probabilities),
    )
    best = [task.classes[row] for row in probabilities.argmax(axis=1)]
    expect(
        predicted.tolist() == best,
        "the prediction is not the most probable class",
        str(best),
        str(predicted),
    )


def _expect_other(problem: str, other: Tensor, found: Tensor) -> None:
    near = torch.allclose(other, found, rtol=1e-5, atol=1e-6)
    expect(not near, problem, f"others than {other}", str(found))


def _expect_close(problem: str, expected: Tensor, found: Tensor) -> None:
    near = expected.shape == found.shape and torch.allclose(expected, found, rtol=1e-5, atol=1e-6)
    expect(near, problem, str(expected), str(found))
