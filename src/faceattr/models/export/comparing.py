"""Whether a file predicts what the model predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from faceattr._requests import ImagesInput, Requests, gather_requests
from faceattr._validation import check_known, check_number
from faceattr.exceptions import ExportError, InvalidArgumentError
from faceattr.images import UInt8Image
from faceattr.models.predict import DEFAULT_BATCH_SIZE, value_columns
from faceattr.models.reading import read_batches
from faceattr.models.runtimes import Runtime
from faceattr.tasks import ClassificationTask, TaskSet

__all__ = [
    "Bounds",
    "Pictures",
    "check_differences",
    "check_enough",
    "compare_values",
    "make_bounds",
    "values_of",
]

Values = dict[str, npt.NDArray[np.float64]]

MOST_PICTURES = 512
"""Images of those given that are read, evenly spread."""

_PATTERNS = 32
_PROBABILITY = {"largest": 1e-3, "mean": 0.02}
_SHARE_OF_RANGE = {"largest": 1e-4, "mean": 0.005}
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Pictures:
    """Images to compare with.

    Attributes
    ----------
    images : numpy.ndarray of uint8, shape (n, size, size, 3)
    kind : str
        ``"images"`` that a user gave, or ``"patterns"``.
    unread : tuple of str
        Ids of those that could not be read.
    """

    images: UInt8Image
    kind: str
    unread: tuple[str, ...] = ()

    @classmethod
    def read(cls, inputs: ImagesInput, size: int) -> Pictures:
        """Read images as prediction does, at most `MOST_PICTURES`, evenly spread.

        Raises
        ------
        InvalidTypeError, InvalidArgumentError
            If they are no images, or a folder holds none.
        """
        requests = gather_requests(inputs, "images")
        rows = np.arange(len(requests))
        if len(rows) > MOST_PICTURES:
            rows = np.linspace(0, len(rows) - 1, MOST_PICTURES).astype(np.int64)
        chosen = _Chosen(requests, rows)
        images = [np.empty((0, size, size, 3), np.uint8)]
        unread: list[int] = []
        for batch in read_batches(gather_requests(chosen), size, DEFAULT_BATCH_SIZE):
            images.append(batch.images)
            unread += list(batch.errors)
        names = chosen.table["sample_id"]
        return cls(np.concatenate(images), "images", tuple(str(names[row]) for row in unread))

    @classmethod
    def draw(cls, size: int) -> Pictures:
        """Make smooth patches of colour with some noise, the same every time.

        They are no faces: they show whether two ways compute the same, and nothing else.
        """
        rng = np.random.default_rng(0)
        patterns = []
        for number in range(_PATTERNS):
            coarse = rng.integers(0, 256, (2 + number % 7, 2 + number % 7, 3), dtype=np.uint8)
            smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).astype(float)
            noisy = smooth + rng.normal(0, number, smooth.shape)
            patterns.append(noisy.round().clip(0, 255).astype(np.uint8))
        return cls(np.stack(patterns), "patterns")


class _Chosen:
    """Some of the images that were asked for, as prediction sees them."""

    def __init__(self, requests: Requests, rows: npt.NDArray[np.int64]) -> None:
        self._requests = requests
        self._rows = rows
        ids = pd.DataFrame({"sample_id": requests.known["sample_id"]})
        self.table = ids.iloc[rows].reset_index(drop=True)

    def read(self, position: int) -> UInt8Image:
        return self._requests.read(int(self._rows[position]))


def values_of(runtime: Runtime, images: UInt8Image, *, alone: int = 1) -> Values:
    """Return what is predicted of images before calibration, by task ``(n, 1 or classes)``.

    The first `alone` images go through the network by themselves, so that a network that depends on
    the number of images is found out.
    """
    edges = [*range(alone), *range(alone, len(images), DEFAULT_BATCH_SIZE), len(images)]
    with runtime.working():
        batches = [runtime.run(images[start:stop]) for start, stop in pairwise(edges)]
    columns = runtime.columns(runtime.join(batches))
    return {
        name: np.stack([columns[key].astype(np.float64) for key in value_columns(task)], axis=1)
        for name, task in runtime.tasks.items()
    }


@dataclass(frozen=True)
class Bounds:
    """How far a file may be from its model.

    Attributes
    ----------
    bounded : str
        ``"largest"`` or ``"mean"``: which difference has to stay within the bound.
    by_task : dict of str to float
        In probability or the task's unit.
    """

    bounded: str
    by_task: dict[str, float]


def make_bounds(
    tasks: TaskSet, bounded: str, tolerance: float | Mapping[str, float] | None, spread: Values
) -> Bounds:
    """Return the bound of each task.

    Parameters
    ----------
    tasks : TaskSet
    bounded : {"largest", "mean"}
    tolerance : float, mapping of str to float, or None
        Bounds by task or of all; where there is none, 0.001 (largest) or 0.02 (mean) of
        probability, and of numbers 1/10,000 or 1/200 of the task's range.
    spread : dict of str to numpy.ndarray
        Values that the model predicts: the range of tasks without bounds.
    """
    if tolerance is not None and not isinstance(tolerance, Mapping):
        tolerance = dict.fromkeys(tasks, check_number(tolerance, "tolerance", low=0, low_open=True))
    given = dict(tolerance or {})
    check_known(given, list(tasks), "tolerance", what="tasks")
    for name, bound in given.items():
        check_number(bound, f"tolerance[{name!r}]", low=0, low_open=True)
    usual: dict[str, float] = {}
    for name, task in tasks.items():
        if isinstance(task, ClassificationTask):
            usual[name] = _PROBABILITY[bounded]
        else:
            low, high = task.bounds or (float(spread[name].min()), float(spread[name].max()))
            # Where predictions hardly vary: not less than float32 can tell apart.
            least = _ROUNDING * max(abs(low), abs(high), 1.0)
            usual[name] = max(_SHARE_OF_RANGE[bounded] * (high - low), least)
    return Bounds(bounded, {name: float(given.get(name, usual[name])) for name in tasks})


def compare_values(
    tasks: TaskSet, wanted: Values, found: Sequence[Values], bounds: Bounds
) -> pd.DataFrame:
    """Return the table of `ExportReport`, the largest that several ways of decoding give."""
    rows = []
    for name, task in tasks.items():
        apart = [np.abs(values[name] - wanted[name]) for values in found if name in values]
        classes = isinstance(task, ClassificationTask)
        rows.append(
            {
                "task": name,
                "unit": "probability" if classes else getattr(task, "unit", None) or "",
                "n": len(wanted[name]),
                "largest": max(float(difference.max()) for difference in apart),
                "mean": max(float(difference.mean()) for difference in apart),
                "bounded": bounds.bounded,
                "bound": bounds.by_task[name],
            }
        )
    return pd.DataFrame(rows)


def check_differences(differences: pd.DataFrame, what: str) -> None:
    """Raise ExportError if a difference is larger than its bound, or no number."""
    rows = differences.to_dict(orient="records")
    beyond = [row for row in rows if not row[row["bounded"]] <= row["bound"]]
    if not beyond:
        return
    raise ExportError(
        f"{what} does not predict what the model predicts, so no file was left",
        argument="tolerance",
        rows=[str(row["task"]) for row in beyond],
        expected="; ".join(
            f"{row['task']}: a {row['bounded']} difference of at most {row['bound']:.3g} "
            f"{row['unit']}".rstrip()
            for row in beyond
        ),
        found="; ".join(
            f"{row['task']}: mean {row['mean']:.3g}, largest {row['largest']:.3g}, "
            f"of {row['n']} images"
            for row in beyond
        ),
        hint="tolerance={"
        + ", ".join(f"{row['task']!r}: {2 * row[row['bounded']]:.2g}" for row in beyond)
        + "} if that is good enough",
    )


def check_enough(pictures: Pictures, least: int) -> None:
    """Raise if too few images could be read."""
    if len(pictures.images) < least:
        raise InvalidArgumentError(
            "too few images to compare with",
            argument="images",
            rows=list(pictures.unread),
            expected=f"at least {least} that can be read",
            found=f"{len(pictures.images)}, and {len(pictures.unread)} that cannot be read",
        )
