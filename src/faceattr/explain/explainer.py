"""`Explainer`: which parts of an image a model uses, for all tasks at once."""

from __future__ import annotations

import logging

import pandas as pd
from tqdm.auto import tqdm

from faceattr._memory import keep_freed_memory
from faceattr._requests import ImagesInput, Requests, gather_requests
from faceattr._validation import check_integer
from faceattr.exceptions import ImageReadError, InvalidTypeError
from faceattr.explain.explanation import Explanation
from faceattr.explain.explanations import Explanations
from faceattr.explain.faithfulness import GradeLimits, grade_explanation
from faceattr.explain.methods import ExplanationMethod, run_method
from faceattr.explain.predicting import (
    ExplainableModel,
    PredictFunction,
    Predictor,
    make_predictor,
)
from faceattr.explain.sampling import HideColor, hidden_image
from faceattr.explain.scene import Scene
from faceattr.explain.segments import SegmentsLike, make_segments
from faceattr.images import UInt8Image, resize_image
from faceattr.tasks import Task, TaskSet

__all__ = ["Explainer"]

_log = logging.getLogger(__name__)


class Explainer:
    """Explains the predictions of a model, or of any function of images.

    Every image is read and, for a model, cut and scaled to its size once, as prediction does; parts
    are hidden in those pixels. A function gets images as they are read. One set of perturbed images
    serves all tasks.

    Parameters
    ----------
    model : Model, optional
        A model of this library.
    predict : callable, optional
        Instead of a model: a function of uint8 RGB images ``(n, H, W, 3)`` that returns numbers
        ``(n, K)``, the tasks' side by side in order (a number for regression, a probability for
        each class), or a mapping of task to ``(n,)`` or ``(n, classes)``.
    tasks : TaskSet, task or list of tasks, optional
        What `predict` predicts.
    method : str or callable, default "lime"
        "lime", "occlusion", for a model "grad_cam", a registered name, or a function of a `Scene`,
        such as ``Lime(kernel_width=0.5)``.
    segments : str, array, Segments or callable, default "face"
        The parts: "face" (regions of aligned faces), "grid" (8 x 8), "slic", "quickshift", whole
        numbers ``(H, W)``, or a function of the image.
    num_samples : int, default 500
        Perturbed images for methods that draw them, at least 2.
    hide_color : int or three ints, optional
        What is seen where a part is hidden; its mean colour by default.
    seed : int, default 0
        The same seed gives the same explanation of an image, whatever is explained beside it.

    Examples
    --------
    >>> import numpy as np
    >>> from faceattr import Explainer, RegressionTask
    >>> def brightness(images):
    ...     return images.mean(axis=(1, 2, 3))
    >>> explainer = Explainer(predict=brightness, tasks=RegressionTask("light"), hide_color=0)
    >>> explanations = explainer.explain(np.full((64, 64, 3), 200, dtype=np.uint8))
    >>> weights = explanations[0].weights("light")
    >>> bool((weights > 0).all())
    True
    """

    def __init__(
        self,
        model: ExplainableModel | None = None,
        *,
        predict: PredictFunction | None = None,
        tasks: TaskSet | Task | list[Task] | None = None,
        method: str | ExplanationMethod = "lime",
        segments: SegmentsLike = "face",
        num_samples: int = 500,
        hide_color: HideColor = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.predict = predict
        self.tasks = tasks
        self.method = method
        self.segments = segments
        self.num_samples = num_samples
        self.hide_color = hide_color
        self.seed = seed

    def explain(
        self,
        images: ImagesInput,
        *,
        grade: bool | GradeLimits = True,
        batch_size: int = 64,
        progress: bool = False,
    ) -> Explanations:
        """Explain images, for every task.

        Parameters
        ----------
        images : path, folder, array, PIL image, bytes, Dataset, or a sequence
            As in `Model.predict`.
        grade : bool or GradeLimits, default True
            Whether every explanation tells how far it can be trusted, and below which limits it
            cannot. It costs 14 predictions a task and 29 for all of them.
        batch_size : int, default 64
            Perturbed images that are made and predicted at a time. It bounds the memory; results
            change with it no more than the predictor's do.
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        Explanations
            In order. Images that cannot be read stand in its `errors` with the reason.

        Raises
        ------
        InvalidTypeError
            If something is no image, no model or no function.
        InvalidArgumentError
            If a parameter is outside its limits, or the function returns other numbers than its
            tasks ask for.
        ImageReadError
            If none of the images can be read.
        """
        check_integer(batch_size, "batch_size", low=1)
        check_integer(self.num_samples, "num_samples", low=2)
        check_integer(self.seed, "seed", low=0)
        limits = _check_grade(grade)
        predictor = make_predictor(self.model, self.predict, self.tasks, batch_size)
        requests = gather_requests(images, "images")
        known = pd.DataFrame(requests.known)[["sample_id", "path"]]
        found: list[Explanation] = []
        errors: dict[int, str] = {}
        with keep_freed_memory():
            for position in tqdm(range(len(requests)), unit="image", disable=not progress):
                image = _read(requests, position, predictor.size, errors)
                if image is not None:
                    scene = self._scene(image, predictor, batch_size)
                    found.append(
                        self._explain(scene, str(known["sample_id"].iloc[position]), limits)
                    )
        return Explanations(found, _errors_table(known, errors, len(found)), predictor.tasks)

    def _scene(self, image: UInt8Image, predictor: Predictor, batch_size: int) -> Scene:
        segments = make_segments(self.segments, image)
        hidden = hidden_image(image, segments, self.hide_color)
        return Scene(image, segments, hidden, predictor, self.num_samples, self.seed, batch_size)

    def _explain(self, scene: Scene, sample_id: str, limits: GradeLimits | None) -> Explanation:
        attribution = run_method(self.method, scene)
        grades = None if limits is None else grade_explanation(scene, attribution, limits)
        return Explanation(
            sample_id,
            scene.image,
            scene.segments,
            scene.predictor.tasks,
            _method_name(self.method),
            attribution.without_samples(),
            scene.original,
            grades,
        )


def _check_grade(grade: bool | GradeLimits) -> GradeLimits | None:
    if isinstance(grade, GradeLimits):
        return grade
    if not isinstance(grade, bool):
        raise InvalidTypeError(
            "not a choice of grading",
            argument="grade",
            expected="True, False or GradeLimits",
            found=repr(grade),
        )
    return GradeLimits() if grade else None


def _read(
    requests: Requests, position: int, size: int | None, errors: dict[int, str]
) -> UInt8Image | None:
    try:
        image = requests.read(position)
    except (ImageReadError, InvalidTypeError) as error:
        found = "" if error.found is None else f" ({error.found})"
        errors[position] = error.problem + found
        return None
    return image if size is None else resize_image(image, size)


def _errors_table(known: pd.DataFrame, errors: dict[int, str], explained: int) -> pd.DataFrame:
    rows = known.iloc[list(errors)].reset_index(drop=True)
    if errors and not explained:
        raise ImageReadError(
            f"no image can be read: {next(iter(errors.values()))}", rows=rows["sample_id"].tolist()
        )
    if errors:
        _log.warning("%d of %d images cannot be read; see .errors", len(errors), len(known))
    rows.insert(0, "position", pd.Series(list(errors), dtype="int64"))
    rows["error"] = pd.array(list(errors.values()), dtype="str")
    return rows


def _method_name(method: str | ExplanationMethod) -> str:
    if isinstance(method, str):
        return method
    return str(getattr(method, "__name__", type(method).__name__)).lower()
