"""One form for whatever predicts: a model of this library, or anybody's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.images import UInt8Image
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

__all__ = [
    "DifferentiableModel",
    "ExplainableModel",
    "Output",
    "PredictFunction",
    "Predictor",
    "make_predictor",
]

Values: TypeAlias = npt.NDArray[np.float64]

_ROUNDING = 0.02
"""How far probabilities may be off, as those of float16 or with two decimals are."""

PredictFunction: TypeAlias = Callable[[UInt8Image], "npt.NDArray[Any] | Mapping[str, Any]"]
"""uint8 images (n, H, W, 3) to numbers (n, K), or to {task: (n,) or (n, classes)}."""


@runtime_checkable
class ExplainableModel(Protocol):
    """A model as the explainer sees it: `faceattr.Model`, or what `Model.from_onnx` returns."""

    @property
    def tasks(self) -> TaskSet:
        """What it predicts."""
        ...

    @property
    def image_size(self) -> int:
        """Side length in pixels of its images."""
        ...

    def predict_values(
        self, images: UInt8Image, *, batch_size: int = 64
    ) -> Mapping[str, npt.NDArray[Any]]:
        """Return by task a number an image in its unit, or probabilities, (n, 1 or classes)."""
        ...


@runtime_checkable
class DifferentiableModel(ExplainableModel, Protocol):
    """A model that also tells what its last stage rests on, as an exported one cannot."""

    def grad_cam(self, images: UInt8Image) -> Mapping[str, npt.NDArray[Any]]:
        """Return by task maps (n, 1 or classes, h, w) of what the last stage rests on."""
        ...


class Output(NamedTuple):
    """One number that a predictor puts out.

    Attributes
    ----------
    task : str
    cls : str or None
        The class whose probability it is; None for a number such as age.
    """

    task: str
    cls: str | None


@dataclass(frozen=True)
class Predictor:
    """What is explained.

    Attributes
    ----------
    tasks : TaskSet
    size : int or None
        Side length in pixels of the images that it takes; None where it takes any.
    function : callable
        Images and a batch size to what they give.
    model : ExplainableModel or None
        Where it is more than a function.
    """

    tasks: TaskSet
    size: int | None
    function: Callable[[UInt8Image], npt.NDArray[Any] | Mapping[str, Any]]
    model: ExplainableModel | None = None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The numbers that it puts out, in order of the tasks."""
        return tuple(
            Output(name, cls) for name, task in self.tasks.items() for cls in classes_of(task)
        )

    def columns(self, task: str) -> slice:
        """Return where a task's numbers stand among all."""
        names = [output.task for output in self.outputs]
        return slice(names.index(task), names.index(task) + names.count(task))

    def predict(self, images: UInt8Image) -> Values:
        """Return the numbers of images, float64 (n, outputs), checked."""
        found = self.function(images)
        if isinstance(found, Mapping):
            found = self._joined(found, len(images))
        values = _as_array(found)
        wanted = (len(images), len(self.outputs))
        if values.ndim == 1 and wanted[1] == 1:
            values = values[:, None]
        if values.shape != wanted or values.dtype.kind not in "fiub":
            raise _wrong(
                "another shape than one number an image and output", str(wanted), _shown(values)
            )
        values = values.astype(np.float64)
        if not np.isfinite(values).all():
            bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
            raise _wrong("numbers that are not finite", "numbers", f"{values[bad[0]]}")
        self._check_probabilities(values)
        return values

    def _check_probabilities(self, values: Values) -> None:
        """Raise for scores or percentages, which would be explained as probabilities."""
        for name, task in self.tasks.items():
            if not isinstance(task, ClassificationTask):
                continue
            found = values[:, self.columns(name)]
            inside = (found >= -_ROUNDING) & (found <= 1 + _ROUNDING)
            bad = ~(inside.all(axis=1) & (np.abs(found.sum(axis=1) - 1) <= _ROUNDING))
            if bad.any():
                raise _wrong(
                    f"no probabilities for {name!r}",
                    f"numbers in 0-1 that add up to 1, of {list(task.classes)}",
                    str(found[bad][0].round(3).tolist()),
                    "of scores the softmax, of percentages a hundredth",
                )

    def _joined(self, found: Mapping[str, Any], n: int) -> Values:
        missing = [name for name in self.tasks if name not in found]
        if missing:
            raise _wrong(f"nothing for task {missing[0]!r}", str(list(self.tasks)), str([*found]))
        parts: list[npt.NDArray[Any]] = []
        for name, task in self.tasks.items():
            values, width = _as_array(found[name]), len(classes_of(task))
            if values.ndim == 1 and width == 1:
                values = values[:, None]
            if values.shape != (n, width):
                raise _wrong(f"another shape for {name!r}", str((n, width)), _shown(values))
            parts.append(values)
        return np.concatenate(parts, axis=1)


def _as_array(found: object) -> npt.NDArray[Any]:
    try:
        return np.asarray(found)
    except (TypeError, ValueError, RuntimeError) as error:  # torch's where gradients are wanted
        raise _wrong(
            "what is no array", "an array, or {task: array}", f"{type(found).__name__} ({error})"
        ) from error


def make_predictor(model: object, predict: object, tasks: object, batch_size: int) -> Predictor:
    """Return the predictor that a model, or a function and its tasks, make.

    Raises
    ------
    InvalidArgumentError
        If both or none are given, or a function without its tasks.
    InvalidTypeError
        If they are something else.
    """
    if (model is None) == (predict is None):
        raise InvalidArgumentError(
            "either a model or a function has to be given",
            argument="model",
            expected="Explainer(model), or Explainer(predict=f, tasks=...)",
            found="none of them" if model is None else "both",
        )
    if model is not None and tasks is not None:
        raise InvalidArgumentError(
            "a model knows its tasks itself",
            argument="tasks",
            expected="Explainer(model), or Explainer(predict=f, tasks=...)",
            found=repr(tasks)[:120],
        )
    if predict is not None:
        return Predictor(_check_tasks(tasks), None, _check_function(predict))
    if isinstance(model, ExplainableModel):
        explained = model  # what is known of it holds inside the function too
        return Predictor(
            explained.tasks,
            explained.image_size,
            lambda images: explained.predict_values(images, batch_size=batch_size),
            explained,
        )
    raise InvalidTypeError(
        "not a model of this library",
        argument="model",
        expected="a faceattr.Model, or an exported one",
        found=type(model).__name__,
        hint="Explainer(predict=f, tasks=...), where f takes uint8 images (n, H, W, 3)",
    )


def classes_of(task: Task) -> tuple[str | None, ...]:
    """Return the classes of a task, or (None,) for a number."""
    return task.classes if isinstance(task, ClassificationTask) else (None,)


def _check_function(predict: object) -> PredictFunction:
    if not callable(predict):
        raise InvalidTypeError(
            "not a function",
            argument="predict",
            expected="a function of uint8 images (n, H, W, 3)",
            found=type(predict).__name__,
        )
    return predict


def _check_tasks(tasks: object) -> TaskSet:
    if isinstance(tasks, TaskSet):
        return tasks
    if isinstance(tasks, RegressionTask | ClassificationTask | list | tuple):
        return TaskSet(tasks)
    raise InvalidTypeError(
        "the explainer needs to know what the function predicts",
        argument="tasks",
        expected="a TaskSet, a task or a list of tasks",
        found=repr(tasks),
        hint='tasks=[RegressionTask("age", unit="years")]',
    )


def _wrong(
    problem: str, expected: str, found: str, hint: str | None = None
) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"the function returns {problem}",
        argument="predict",
        expected=expected,
        found=found,
        hint=hint,
    )


def _shown(values: npt.NDArray[Any]) -> str:
    return f"{values.dtype} of shape {values.shape}"
