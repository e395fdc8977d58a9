"""`Explanations`: those of many images, as a sequence, as tables and as averages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from faceattr._validation import check_choice
from faceattr.exceptions import ImageReadError, InvalidArgumentError
from faceattr.explain.explanation import Explanation
from faceattr.explain.scene import FloatArray
from faceattr.tasks import TaskSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Explanations"]


class Explanations(Sequence[Explanation]):
    """Explanations in the order in which their images were given.

    Parameters
    ----------
    items : sequence of Explanation
        Of the images that could be read.
    errors : pandas.DataFrame
        ``position`` (among all that were asked for), ``sample_id``, ``path``, ``error``: the images
        that could not be read. Explained images and these are together all that were asked for.
    tasks : TaskSet
    """

    def __init__(self, items: Sequence[Explanation], errors: pd.DataFrame, tasks: TaskSet) -> None:
        self._items = tuple(items)
        self.errors = errors
        self.tasks = tasks

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Explanation: ...

    @overload
    def __getitem__(self, index: slice) -> Explanations: ...

    def __getitem__(self, index: int | slice) -> Explanation | Explanations:
        if isinstance(index, slice):
            return Explanations(self._items[index], self.errors, self.tasks)
        return self._items[index]

    def __repr__(self) -> str:
        return f"<{len(self)} explanations, {len(self.errors)} images not read>"

    def get(self, sample_id: str) -> Explanation:
        """Return the explanation of an image by its id; the first of several.

        Raises
        ------
        ImageReadError
            If the image could not be read.
        InvalidArgumentError
            If it was not asked for.
        """
        for item in self._items:
            if item.sample_id == sample_id:
                return item
        failed = self.errors[self.errors["sample_id"] == sample_id]
        if len(failed):
            raise ImageReadError(str(failed["error"].iloc[0]), rows=[sample_id])
        raise InvalidArgumentError("no such image", argument="sample_id", found=repr(sample_id))

    def to_frame(self) -> pd.DataFrame:
        """Return all weights as a long table.

        Returns
        -------
        pandas.DataFrame
            ``sample_id``, ``task``, ``class`` (empty for numbers), ``segment``, ``segment_name``,
            ``weight``.
        """
        frames = [item.to_frame() for item in self._items]
        columns = ["sample_id", "task", "class", "segment", "segment_name", "weight"]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

    def grades(self) -> pd.DataFrame:
        """Return the grades, a row an image and task.

        Returns
        -------
        pandas.DataFrame
            ``sample_id``, ``task``, ``class`` (the predicted one; empty for numbers), ``r2``,
            ``rank_correlation``, ``weight_correlation``, ``top_five``, ``stable``,
            ``deletion_area``, ``insertion_area``, ``random_area``, ``correlation``, ``trusted``,
            ``reasons``; see `Grade`.

        Raises
        ------
        InvalidArgumentError
            If they were not graded.
        """
        rows = [
            {"sample_id": item.sample_id, **item.grade(task).to_dict()}
            for item in self._items
            for task in self.tasks
        ]
        return pd.DataFrame(rows)

    def mean_map(self, task: str, cls: str | None = None) -> FloatArray:
        """Return the average of the maps, float64 (H, W): where the model looks in aligned faces.

        Parameters
        ----------
        task, cls : str
            As in `Explanation.weights`. Without `cls`, of a task of more than two classes, each
            image's map is that of the class predicted for it.

        Raises
        ------
        InvalidArgumentError
            If there is nothing to average, or images differ in size.
        """
        self._need_items(task)
        shapes = sorted({item.image.shape[:2] for item in self._items})
        if len(shapes) > 1:
            raise InvalidArgumentError(
                "images differ in size, so that their maps cannot be averaged",
                argument="images",
                expected="one height and width",
                found=str(shapes[:3]),
            )
        total = np.zeros(shapes[0])
        for item in self._items:
            total += item.map(task, cls)
        return total / len(self)

    def mean_weights(self, task: str, cls: str | None = None) -> pd.DataFrame:
        """Return the average weight of each part over all images that have it.

        Parameters
        ----------
        task, cls : str
            As in `mean_map`.

        Returns
        -------
        pandas.DataFrame
            By name of the part, in order of the first image: ``mean``, ``mean_absolute`` (how much
            it matters, whatever the direction), ``std`` over images, ``n`` images. Names have to
            mean the same part in all images, as those of "face" and "grid" do.
        """
        self._need_items(task)
        weights = pd.concat([item.weights(task, cls) for item in self._items])
        groups = weights.groupby(level=0, sort=False)
        sizes = weights.abs().groupby(level=0, sort=False).mean()
        return pd.DataFrame(
            {
                "mean": groups.mean(),
                "mean_absolute": sizes,
                "std": groups.std(),
                "n": groups.size(),
            }
        )

    def plot(self, task: str, *, cls: str | None = None, columns: int = 6) -> Figure:
        """Draw all of them in rows, with one scale of colours.

        Parameters
        ----------
        task, cls : str
            As in `mean_map`.
        columns : int, default 6
            Images a row.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from faceattr.explain.plots import plot_many

        self._need_items(task)
        return plot_many(self._items, task, cls, columns)

    def plot_beside(
        self,
        other: Explanations,
        task: str,
        *,
        cls: str | None = None,
        names: tuple[str, str] = ("first model", "second model"),
    ) -> Figure:
        """Draw each image twice, as two models or methods see it, with one scale of colours.

        Where only one of them is in the task's unit, as LIME is beside Grad-CAM, each side is drawn
        as shares of its own largest value.

        Parameters
        ----------
        other : Explanations
            Of the same images in the same order.
        task, cls : str
            As in `mean_map`.
        names : two str
            What the two are called.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidArgumentError
            If `other` is about other images.
        """
        from faceattr.explain.plots import plot_two

        self._need_items(task)
        mine, theirs = ([item.sample_id for item in each] for each in (self, other))
        if mine != theirs:
            raise InvalidArgumentError(
                "explanations of other images",
                argument="other",
                expected=f"{len(mine)} images: {mine[:2]}",
                found=f"{len(theirs)} images: {theirs[:2]}",
            )
        return plot_two(self._items, tuple(other), task, cls, names)

    def plot_mean(self, task: str, *, cls: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the average map over the average image; of aligned faces.

        Parameters
        ----------
        task, cls : str
            As in `mean_map`.
        ax : matplotlib.axes.Axes, optional
            A new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from faceattr.explain.plots import plot_mean

        return plot_mean(self, task, cls, ax)

    def to_html(
        self, path: str | Path, *, title: str = "Explanations", max_images: int = 96
    ) -> Path:
        """Write a page that needs no other file. It holds faces: keep it as private as they are.

        It has, for each task, how far the explanations can be trusted, which parts matter on the
        whole, the average map of images of one size, and every image with its parts in colour.

        Parameters
        ----------
        path : str or Path
            Ends in ``.html``.
        title : str, default "Explanations"
        max_images : int, default 96
            At most so many a task, in order.

        Returns
        -------
        pathlib.Path
            `path`.

        Raises
        ------
        InvalidArgumentError
            If the name does not end in ``.html``, there is no explanation, or `max_images` is
            below 0.
        OutputError
            If the page cannot be written.
        """
        from faceattr.explain.page import write_page

        self._need_items(next(iter(self.tasks)))
        return write_page(self, path, title, max_images)

    def _need_items(self, task: str) -> None:
        check_choice(task, "task", tuple(self.tasks))
        if not self._items:
            raise InvalidArgumentError("there is no explanation", argument="images")
