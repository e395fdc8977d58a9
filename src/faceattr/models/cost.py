"""What models cost: parameters, file, multiply-adds, memory, latency, throughput, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._memory import keep_freed_memory
from faceattr._validation import check_integer, check_no_text, check_number, check_unique
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.models import _measures as measures
from faceattr.models.backbones import published_parameters
from faceattr.models.model import Model
from faceattr.models.torch_runtime import evaluation_mode, forward
from faceattr.tasks import ClassificationTask, RegressionTask, Task, TaskSet

__all__ = ["model_cost"]

Costed: TypeAlias = Model | str
_Seconds: TypeAlias = npt.NDArray[np.float64]

_MEGABYTE = 1e6
_PUBLISHED_SIZE = 224
_COUNTED = ["parameters", "file_mb", "multiply_adds", "memory_mb", "memory_batch_mb"]


def model_cost(
    models: Mapping[str, Costed] | Sequence[Costed],
    *,
    tasks: TaskSet | Task | list[Task] | None = None,
    image_size: int | None = None,
    batch_size: int = 64,
    seconds: float = 30.0,
    threads: int | None = None,
) -> pd.DataFrame:
    """Measure what models cost, side by side in one run.

    What is timed is the forward pass as `Model.predict` makes it, from uint8 images that are cut
    and scaled already to raw outputs of all heads on the CPU: in evaluation and inference mode,
    channels last, on the device that the model is on. The models take turns, each round beginning
    with another one, so that what disturbs the machine disturbs all of them. Reading images and
    filling the table come on top of it and are the same for every model.

    Parameters
    ----------
    models : sequence, or mapping of str to model
        Each a `Model` or the name of a backbone as `Model` takes it. A name is built with random
        weights, which cost what trained ones cost; nothing is downloaded. In a sequence models are
        called by their backbone. The first is what the others are compared with.
    tasks : TaskSet, task or list of tasks, optional
        What models that are given by name predict; age from 0 to 116 and gender by default.
    image_size : int, optional
        Side in pixels at which names are built, from 16 to 1024. A `Model` is measured at its own.
        By default that of the first `Model`, or 224, at which publishers count, if there is none.
    batch_size : int, default 64
        Images of a batch for the throughput and for ``memory_batch_mb``.
    seconds : float, default 30.0
        How long rounds go on, one half for the latency, the other for the throughput. Three rounds
        of each are made in any case, and warming up comes before, so slow models take longer.
    threads : int, optional
        Of torch, while it measures; as it is set by default.

    Returns
    -------
    pandas.DataFrame
        A row a model, in order:

        - ``name``, ``backbone`` (missing for a module of one's own), ``image_size`` in pixels;
        - ``parameters``, of backbone and heads; ``parameters_published``, of the backbone with
          the classifier it was published with (missing for a module of one's own);
        - ``file_mb``: the weights that `Model.save_pretrained` writes, in 10^6 bytes;
        - ``multiply_adds`` of one image: convolutions, matrix products and attention, half of the
          operations that torch counts; additions, activations and normalisation are not in it;
        - ``memory_mb`` of one image, ``memory_batch_mb`` of a batch, in 10^6 bytes: weights, input
          and the largest sum of tensors that live at once during the pass. It is counted, the same
          on every machine, and does not hold what kernels take for themselves nor the libraries;
        - ``latency_ms`` of one image in milliseconds, the median of ``latency_n`` rounds, with the
          quartiles ``_low`` and ``_high``;
        - ``throughput`` in images a second in batches, likewise with ``throughput_n``;
        - ``batch_size``, ``threads`` and ``device`` of the run;
        - ``<figure>_relative``: how many times the first model's figure. For the timed ones it is
          the median of the ratios within a round, with their quartiles ``_low`` and ``_high``.

    Raises
    ------
    InvalidTypeError
        If `models` or one of them is something else.
    InvalidArgumentError
        If there is no model, a name stands twice, a backbone is not known or does not take the
        size, or another argument is outside its limits.

    Examples
    --------
    >>> from faceattr.models import model_cost
    >>> costs = model_cost(["mobilenet_v3_small"], image_size=32, batch_size=2, seconds=0.01)
    >>> costs["parameters"].tolist(), costs["parameters_published"].tolist()
    ([995671], [2542856])
    """
    named = _check_models(models)
    check_integer(batch_size, "batch_size", low=1)
    check_number(seconds, "seconds", low=0, low_open=True)
    if threads is not None:
        check_integer(threads, "threads", low=1)
    built = _build(named, tasks, image_size)
    with ExitStack() as stack:
        used = stack.enter_context(measures.torch_threads(threads))
        for model in built.values():
            stack.enter_context(evaluation_mode(model))
        counted = pd.DataFrame([_count(model, batch_size) for model in built.values()])
        latency, batches = _time(list(built.values()), batch_size, seconds / 2)
    timed = pd.concat(
        [
            _timed("latency_ms", 1e3 * latency, latency / latency[:, :1]),
            _timed("throughput", batch_size / batches, batches[:, :1] / batches),
        ],
        axis=1,
    )
    devices = [str(model.mean.device) for model in built.values()]
    run = pd.DataFrame({"batch_size": batch_size, "threads": used, "device": devices})
    ratios = counted[_COUNTED] / counted[_COUNTED].iloc[0]
    last = timed.filter(like="_relative")
    first = [counted, timed.drop(columns=last.columns), run]
    names = pd.DataFrame({"name": list(built)})
    return pd.concat([names, *first, ratios.add_suffix("_relative"), last], axis=1)


def _check_models(models: Mapping[str, Costed] | Sequence[Costed]) -> dict[str, Costed]:
    expected = 'models or names of backbones, such as ["resnet50", "mobilenet_v3_small"]'
    check_no_text(models, "models", expected)
    if isinstance(models, Mapping):
        named = dict(models)
    elif isinstance(models, Sequence):
        names = [_name(model) for model in models]
        check_unique(names, "models")
        named = dict(zip(names, models, strict=True))
    else:
        raise InvalidTypeError(
            "not a list of models",
            argument="models",
            expected=expected,
            found=type(models).__name__,
        )
    if not named:
        raise InvalidArgumentError(
            "no model to measure", argument="models", expected=expected, found="none"
        )
    for name, model in named.items():
        if not isinstance(name, str) or not isinstance(model, Model | str):
            raise InvalidTypeError(
                "not a model",
                argument=f"models[{name!r}]",
                expected="a name and a Model or the name of a backbone",
                found=type(model).__name__,
            )
    return named


def _name(model: object) -> str:
    if isinstance(model, Model):
        return model.backbone_name or type(model.backbone).__name__
    return model if isinstance(model, str) else repr(model)


def _build(
    named: Mapping[str, Costed], tasks: TaskSet | Task | list[Task] | None, image_size: int | None
) -> dict[str, Model]:
    sizes = [model.image_size for model in named.values() if isinstance(model, Model)]
    side = image_size if image_size is not None else next(iter(sizes), _PUBLISHED_SIZE)
    chosen = _usual_tasks() if tasks is None else tasks
    return {
        name: model
        if isinstance(model, Model)
        else Model(model, chosen, weights=None, image_size=side)
        for name, model in named.items()
    }


def _usual_tasks() -> TaskSet:
    age = RegressionTask("age", unit="years", bounds=(0, 116))
    return TaskSet([age, ClassificationTask("gender", classes=("male", "female"))])


def _count(model: Model, batch_size: int) -> dict[str, object]:
    name = model.backbone_name
    return {
        "backbone": name,
        "image_size": model.image_size,
        "parameters": measures.count_parameters(model),
        "parameters_published": np.nan if name is None else published_parameters(name),
        "file_mb": measures.file_bytes(model) / _MEGABYTE,
        "multiply_adds": measures.count_multiply_adds(model),
        "memory_mb": measures.memory_bytes(model, 1) / _MEGABYTE,
        "memory_batch_mb": measures.memory_bytes(model, batch_size) / _MEGABYTE,
    }


def _time(models: Sequence[Model], batch_size: int, seconds: float) -> tuple[_Seconds, _Seconds]:
    """Return the seconds of one image and of a batch, shape (rounds, models) each."""
    latency = measures.time_rounds([_pass(model, 1) for model in models], seconds)
    with keep_freed_memory():  # as `Model.predict` does with more than a batch
        return latency, measures.time_rounds([_pass(m, batch_size) for m in models], seconds)


def _pass(model: Model, count: int) -> Callable[[], object]:
    shape = (count, model.image_size, model.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return partial(forward, model, images)


def _timed(name: str, values: _Seconds, ratios: _Seconds) -> pd.DataFrame:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    ratio_low, ratio, ratio_high = np.quantile(ratios, [0.25, 0.5, 0.75], axis=0)
    return pd.DataFrame(
        {
            name: middle,
            f"{name}_low": low,
            f"{name}_high": high,
            f"{name.removesuffix('_ms')}_n": len(values),
            f"{name}_relative": ratio,
            f"{name}_relative_low": ratio_low,
            f"{name}_relative_high": ratio_high,
        }
    )
