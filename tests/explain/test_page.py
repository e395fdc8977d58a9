"""The page of explanations, as text and in a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from browser import check_layout, measure, outside_references
from explain.predictors import AGE, GENDER, brightness, noise
from faceattr import Explainer
from faceattr.exceptions import InvalidArgumentError
from faceattr.explain import Explanations
from faceattr.report import Overlay, blend_overlay


def explain(
    count: int, height: int = 48, *, segments: str = "face", grade: bool = True
) -> Explanations:
    explainer = Explainer(
        predict=brightness, tasks=[AGE, GENDER], segments=segments, num_samples=60, seed=0
    )
    images = [noise(seed, height + (seed % 2) * (height != 48)) for seed in range(count)]
    return explainer.explain(images, grade=grade)


@pytest.fixture(scope="module")
def explanations() -> Explanations:
    return explain(5)


@pytest.fixture(scope="module")
def page(explanations: Explanations, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "why.html"
    assert explanations.to_html(target, title="Noise & more", max_images=4) == target
    return target


def test_each_task_has_its_figures_and_images(page: Path, explanations: Explanations) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<title>Noise &amp; more</title>" in text
    assert text.index("keep it as private") < text.index("<img ")
    assert "5 images explained by lime with 60 samples an image; 0 could not be read." in text
    for task in ("age", "gender"):
        section = text.split(f"<h2>Task: {task}</h2>")[1].split("</section>")[0]
        assert section.count('loading="lazy"') == 4
        assert "The first 4 of 5 images." in section
        assert "right cheek" in section
        trusted = int(explanations.grades().query("task == @task")["trusted"].sum())
        assert f"<td>trusted</td><td>{trusted}</td>" in section
    weights = explanations[0].weights("age")
    strongest = weights.abs().idxmax()
    assert f"most: {strongest} {weights[strongest]:+.3g} years" in text


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
def test_it_fits_a_telephone_and_a_wide_screen(page: Path, width: int, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    check_layout(measure(text, tmp_path, width), width)
    assert outside_references(text) == []


def test_images_of_several_sizes_without_grades(tmp_path: Path) -> None:
    several = explain(3, 40, segments="grid", grade=False)
    text = several.to_html(tmp_path / "why.html").read_text(encoding="utf-8")
    assert "Average map" not in text
    assert "trusted</td>" not in text
    assert text.count('loading="lazy"') == 6


def test_what_cannot_be_written(explanations: Explanations, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="html"):
        explanations.to_html(tmp_path / "why.pdf")
    with pytest.raises(InvalidArgumentError, match="max_images"):
        explanations.to_html(tmp_path / "why.html", max_images=-1)
    with pytest.raises(InvalidArgumentError, match="no explanation"):
        explanations[:0].to_html(tmp_path / "why.html")


def test_colours_are_signed_and_leave_the_rest_gray() -> None:
    image = np.full((2, 3, 3), 120, dtype=np.uint8)
    shown = blend_overlay(Overlay(image, np.array([[1.0, -1.0, 0.0]] * 2)))
    up, down, none = (pixel.astype(int) for pixel in shown[0])
    assert up[0] > up[2]
    assert down[2] > down[0]
    assert none.tolist() == [120] * 3
    half = blend_overlay(Overlay(image, np.array([[1.0, -1.0, 0.0]] * 2)), limit=10.0)
    assert abs(int(half[0, 0, 0]) - 120) < abs(up[0] - 120)
