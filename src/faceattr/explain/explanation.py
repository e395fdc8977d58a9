"""`Explanation`: what each part of one image adds to each prediction, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from faceattr._validation import check_choice
from faceattr.exceptions import InvalidArgumentError
from faceattr.explain.attribution import Attribution
from faceattr.explain.faithfulness import Grade
from faceattr.explain.lime_model import lime_explanation
from faceattr.explain.local_model import LinearFit
from faceattr.explain.predicting import classes_of
from faceattr.explain.scene import FloatArray
from faceattr.explain.segments import Segments
from faceattr.images import UInt8Image
from faceattr.tasks import ClassificationTask, TaskSet

if TYPE_CHECKING:
    from lime.lime_image import ImageExplanation
    from matplotlib.axes import Axes

__all__ = ["Explanation"]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why one image is predicted as it is.

    Attributes
    ----------
    sample_id : str
    image : numpy.ndarray of uint8, shape (H, W, 3)
        As the predictor was given it: at the model's size, or as read for a function.
    segments : Segments
        Its S parts.
    tasks : TaskSet
    method : str
    attribution : Attribution
        A row of weights a number that is predicted: one for age, one a class.
    predictions : numpy.ndarray of float64, shape (K,)
        What was predicted of the image, in the same order.
    grades : dict of str to Grade, or None
        By task; None where it was not graded.
    """

    sample_id: str
    image: UInt8Image
    segments: Segments
    tasks: TaskSet
    method: str
    attribution: Attribution
    predictions: FloatArray
    grades: Mapping[str, Grade] | None = field(default=None)

    def weights(self, task: str, cls: str | None = None) -> pd.Series:
        """Return what showing each part adds to a prediction.

        Parameters
        ----------
        task : str
        cls : str, optional
            A class of a classification task. By default the positive one of two classes (the other
            one's weights are the same with the sign turned), and the predicted one of more.

        Returns
        -------
        pandas.Series of float64, length S
            In the task's unit for numbers, in probability for classes (of Grad-CAM in none), by
            name of the part.

        Raises
        ------
        InvalidArgumentError
            If there is no such task or class.
        """
        names = pd.Index(self.segments.names, name="segment_name")
        values = self.attribution.weights[self._row(task, cls)].copy()
        return pd.Series(values, index=names, name=task)

    def map(self, task: str, cls: str | None = None) -> FloatArray:
        """Return the weight of each pixel, float64 (H, W): that of its part, or the method's own.

        Raises
        ------
        InvalidArgumentError
            As `weights` does.
        """
        row = self._row(task, cls)
        if self.attribution.maps is not None:
            own: FloatArray = self.attribution.maps[row].copy()
            return own
        plane: FloatArray = self.attribution.weights[row][self.segments.labels]
        return plane

    def prediction(self, task: str) -> float | str:
        """Return the predicted number, or the name of the most probable class."""
        known, values = self._task(task), self.predictions[self._columns(task)]
        if isinstance(known, ClassificationTask):
            return known.classes[int(values.argmax())]
        return float(values[0])

    def probability(self, task: str, cls: str | None = None) -> float:
        """Return the predicted probability of a class; by default of that which `weights` takes.

        Raises
        ------
        InvalidArgumentError
            If there is no such task or class, or the task is a number.
        """
        if not isinstance(self._task(task), ClassificationTask):
            raise InvalidArgumentError(
                "a number has no probability", argument="task", found=repr(task)
            )
        return float(self.predictions[self._row(task, cls)])

    def explained_class(self, task: str, cls: str | None = None) -> str | None:
        """Return the class that `weights` are about; None for numbers."""
        known = self._task(task)
        if not isinstance(known, ClassificationTask):
            if cls is not None:
                raise InvalidArgumentError(
                    "a number has no classes", argument="cls", expected="None", found=repr(cls)
                )
            return None
        if cls is not None:
            return check_choice(cls, "cls", known.classes)
        return known.positive if len(known.classes) == 2 else str(self.prediction(task))

    def grade(self, task: str) -> Grade:
        """Return how far a task's explanation can be trusted.

        Raises
        ------
        InvalidArgumentError
            If there is no such task, or the explanation was not graded.
        """
        self._task(task)
        if self.grades is None:
            raise InvalidArgumentError(
                "this explanation was not graded",
                argument="grade",
                hint="explainer.explain(images, grade=True)",
            )
        return self.grades[task]

    def to_frame(self) -> pd.DataFrame:
        """Return all weights as a long table.

        Returns
        -------
        pandas.DataFrame
            ``sample_id``, ``task``, ``class`` (empty for numbers), ``segment`` (int, from 0),
            ``segment_name``, ``weight``: a row a part and number that is predicted.
        """
        outputs = [
            (name, cls or "") for name, task in self.tasks.items() for cls in classes_of(task)
        ]
        parts, count = len(self.segments), len(outputs)
        return pd.DataFrame(
            {
                "sample_id": self.sample_id,
                "task": np.repeat([task for task, _ in outputs], parts),
                "class": np.repeat([cls for _, cls in outputs], parts),
                "segment": np.tile(np.arange(parts), count),
                "segment_name": np.tile(np.array(self.segments.names, dtype=object), count),
                "weight": self.attribution.weights.ravel(),
            }
        ).astype({"sample_id": "str", "task": "str", "class": "str", "segment_name": "str"})

    def plot(self, task: str, *, cls: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the image with its parts in signed colours, and a legend in the task's unit.

        Parameters
        ----------
        task : str
        cls : str, optional
            As in `weights`.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            ``ax.figure.savefig("why.png")`` keeps it.
        """
        from faceattr.explain.plots import plot_explanation

        return plot_explanation(self, task, cls, ax)

    def to_lime(self, task: str) -> ImageExplanation:
        """Return the explanation as an object of the lime package.

        Parameters
        ----------
        task : str
            Labels are the positions of its classes; a number has the label 0.

        Returns
        -------
        lime.lime_image.ImageExplanation
            With ``local_exp``, ``intercept``, ``top_labels``, ``score`` and ``local_pred``.

        Raises
        ------
        InvalidArgumentError
            If the method has no linear model.
        """
        made, columns = self.attribution, self._columns(task)
        if made.intercepts is None or made.r2 is None:
            raise InvalidArgumentError(
                "only linear models are explanations of lime",
                argument="method",
                expected="'lime'",
                found=repr(self.method),
            )
        fit = LinearFit(made.weights[columns], made.intercepts[columns], made.r2[columns])
        order = np.argsort(self.predictions[columns])[::-1]
        return lime_explanation(self.image, self.segments, fit, order.tolist())

    def __repr__(self) -> str:
        shown = ", ".join(f"{task}={self._shown(task)}" for task in self.tasks)
        parts = f"{len(self.segments)} parts"
        return f"<Explanation of {self.sample_id!r} by {self.method}: {shown}, {parts}>"

    def _shown(self, task: str) -> str:
        found = self.prediction(task)
        return found if isinstance(found, str) else f"{found:.4g}"

    def _task(self, task: str) -> object:
        check_choice(task, "task", tuple(self.tasks))
        return self.tasks[task]

    def _columns(self, task: str) -> slice:
        self._task(task)
        start = 0
        for name, known in self.tasks.items():
            width = len(classes_of(known))
            if name == task:
                return slice(start, start + width)
            start += width
        raise KeyError(task)

    def _row(self, task: str, cls: str | None) -> int:
        start = self._columns(task).start
        chosen = self.explained_class(task, cls)
        known = self.tasks[task]
        if isinstance(known, ClassificationTask) and chosen is not None:
            return int(start + known.classes.index(chosen))
        return int(start)
