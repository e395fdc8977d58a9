"""Figures of explanations: signed colours, one scale, a legend with the unit, n in the title."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure

from explain.predictors import AGE, GENDER, RACE, brightness
from faceattr import Dataset, Explainer
from faceattr.exceptions import InvalidArgumentError
from faceattr.explain import Explanations, face_segments, grid_segments
from faceattr.report import Overlay, new_figure, plot_overlay, plot_overlay_rows


@pytest.fixture(scope="module")
def explanations() -> Explanations:
    explainer = Explainer(predict=brightness, tasks=[AGE, GENDER], num_samples=60)
    return explainer.explain(Dataset.synthetic(5, size=40))


def texts(figure: Figure) -> str:
    found = [figure.get_suptitle()]
    for ax in figure.axes:
        found += [ax.get_title("left"), ax.get_title("center"), ax.get_xlabel(), ax.get_ylabel()]
    return "\n".join(found)


def gray(value: int = 128) -> np.ndarray:
    return np.full((6, 6, 3), value, dtype=np.uint8)


class TestOverlay:
    def test_blue_lowers_orange_raises_and_nothing_stays_gray(self) -> None:
        plane = np.zeros((6, 6))
        plane[:, :2], plane[:, 4:] = -2.0, 2.0
        ax = new_figure()[1][0][0]
        assert plot_overlay(ax, Overlay(gray(), plane), label="years", title="age") is ax
        drawn = np.asarray(ax.images[0].get_array())
        assert drawn[0, 0, 2] > drawn[0, 0, 0] + 0.2
        assert drawn[0, 5, 0] > drawn[0, 5, 2] + 0.2
        assert np.ptp(drawn[0, 2]) < 1e-9
        assert "years" in texts(ax.figure)

    def test_a_limit_makes_pictures_comparable(self) -> None:
        plane = np.full((6, 6), 1.0)
        drawn = []
        for limit in (1.0, 10.0):
            ax = new_figure()[1][0][0]
            plot_overlay(ax, Overlay(gray(), plane), limit=limit)
            drawn.append(np.asarray(ax.images[0].get_array())[0, 0])
        assert np.ptp(drawn[0]) > 2 * np.ptp(drawn[1]) > 0

    def test_zeros_and_values_of_another_size(self) -> None:
        ax = new_figure()[1][0][0]
        plot_overlay(ax, Overlay(gray(), np.zeros((6, 6))))
        with pytest.raises(InvalidArgumentError, match="another size"):
            plot_overlay(ax, Overlay(gray(), np.zeros((3, 6))))
        with pytest.raises(InvalidArgumentError, match="nothing to draw"):
            plot_overlay_rows([[]])

    def test_rows_share_one_scale(self) -> None:
        planes = [np.full((6, 6), value) for value in (1.0, 4.0)]
        figure = plot_overlay_rows([[Overlay(gray(), plane, "caption")] for plane in planes])
        weak, strong = (np.asarray(ax.images[0].get_array())[0, 0] for ax in figure.axes[:2])
        assert np.ptp(strong) > 2 * np.ptp(weak) > 0
        assert len(figure.axes) == 3  # two images and one bar


class TestExplanations:
    def test_one_says_prediction_unit_samples_and_doubt(self, explanations: Explanations) -> None:
        item = explanations[0]
        shown = texts(item.plot("age").figure)
        assert f"age: {item.prediction('age'):.1f} years" in shown
        assert "lowers   age (years)   raises" in shown
        assert "n = 60 samples" in shown
        doubtful = next(
            (each, task) for each in explanations for task in each.tasks if each.grade(task).reasons
        )
        assert "not to be trusted" in texts(doubtful[0].plot(doubtful[1]).figure).replace("\n", " ")
        assert "probability of female" in texts(item.plot("gender").figure)
        assert "probability of male" in texts(item.plot("gender", cls="male").figure)
        ax = new_figure()[1][0][0]
        assert item.plot("age", ax=ax) is ax

    def test_many_two_and_the_mean(self, explanations: Explanations) -> None:
        many = explanations.plot("gender", columns=3)
        assert "n = 5 images" in texts(many)
        assert sum(ax.get_visible() for ax in many.axes) == 6
        beside = explanations.plot_beside(explanations, "age", names=("before", "after"))
        assert {"before", "after"} <= set(texts(beside).split("\n"))
        mean = explanations.plot_mean("age")
        assert "age (n = 5 images)" in texts(mean.figure)
        assert np.allclose(
            explanations.mean_map("age"), np.mean([item.map("age") for item in explanations], 0)
        )

    def test_averages_by_part(self, explanations: Explanations) -> None:
        found = explanations.mean_weights("age")
        table = explanations.to_frame()
        nose = table[(table["task"] == "age") & (table["segment_name"] == "nose")]["weight"]
        assert found.loc["nose", "mean"] == pytest.approx(nose.mean())
        assert found.loc["nose", "mean_absolute"] == pytest.approx(nose.abs().mean())
        assert found.loc["nose", "n"] == 5

    def test_what_cannot_be_drawn(self, explanations: Explanations) -> None:
        with pytest.raises(InvalidArgumentError, match="explanations of other images"):
            explanations.plot_beside(explanations[:2], "age")
        with pytest.raises(InvalidArgumentError, match="task"):
            explanations.plot("weight")
        with pytest.raises(InvalidArgumentError, match="there is no explanation"):
            explanations[:0].plot("age")
        with pytest.raises(InvalidArgumentError, match="cls"):
            explanations[0].plot("gender", cls="other")
        with pytest.raises(InvalidArgumentError, match="a number has no classes"):
            explanations[0].weights("age", "old")
        mixed = Explainer(predict=brightness, tasks=[AGE, GENDER], num_samples=20).explain(
            [gray(), np.zeros((8, 8, 3), np.uint8)]
        )
        with pytest.raises(InvalidArgumentError, match="differ in size"):
            mixed.mean_map("age")

    def test_several_classes_and_grad_cam_without_unit(self) -> None:
        def races(images: np.ndarray) -> np.ndarray:
            first = images[..., 0].mean(axis=(1, 2)) / 512
            return np.stack([first, first / 2, 1 - 1.5 * first], axis=1)

        explainer = Explainer(
            predict=races, tasks=RACE, segments=partial(grid_segments, rows=2), num_samples=30
        )
        found = explainer.explain(Dataset.synthetic(2, size=24))
        assert "the predicted class" in texts(found.plot("race"))
        assert "probability of b" in texts(found.plot("race", cls="b"))


def test_faces_elsewhere_are_named_by_points() -> None:
    points = [(0.4, 0.46), (0.615, 0.455), (0.51, 0.62), (0.42, 0.69), (0.6, 0.69)]
    explainer = Explainer(
        predict=brightness,
        tasks=[AGE, GENDER],
        segments=partial(face_segments, points=points),
        num_samples=30,
    )
    assert "left eye" in explainer.explain(Dataset.synthetic(1, size=64))[0].segments.names
