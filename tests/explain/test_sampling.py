"""Perturbed images, local model and explanation object: equal to those of the lime package."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explain.predictors import AGE, GENDER, RACE, brightness, noise
from faceattr import Dataset, Explainer, RegressionTask, TaskSet
from faceattr.explain import Lime, Segments, grid_segments
from faceattr.explain.local_model import fit_ridge, proximity
from faceattr.explain.predicting import Predictor
from faceattr.explain.sampling import Perturber, hidden_image
from faceattr.explain.scene import Scene
from faceattr.explain.segments import SegmentsLike, make_segments
from faceattr.images import UInt8Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lime.lime_image import ImageExplanation, LimeImageExplainer


class Told:
    """A random state that hands over the matrix it was given."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def randint(self, *args: Any, **settings: Any) -> Any:
        return 7 if "high" in settings and args == (0,) else self.matrix.ravel().copy()


def by_lime(
    image: UInt8Image,
    segments: Segments,
    matrix: np.ndarray,
    predict: Any,
    hide_color: Any = None,
    **settings: Any,
) -> tuple[ImageExplanation, np.ndarray]:
    """Let the package explain, with its random draw replaced; return what it predicted on, too."""
    seen: list[np.ndarray] = []

    def watched(images: np.ndarray) -> np.ndarray:
        seen.append(images.copy())
        return np.asarray(predict(images))

    explainer = LimeImageExplainer()
    explainer.random_state = Told(matrix)
    explained = explainer.explain_instance(
        image,
        watched,
        top_labels=None,
        labels=settings.pop("labels"),
        hide_color=hide_color,
        num_samples=len(matrix),
        segmentation_fn=lambda _: segments.labels,
        **settings,
    )
    return explained, np.concatenate(seen)


def values_of(images: UInt8Image) -> np.ndarray:
    found = brightness(images)
    return np.column_stack([found["age"], found["gender"]])


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lime.lime_image.tqdm", lambda items: items)


@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
@pytest.mark.parametrize("segments", ["face", "grid", "slic", "quickshift"])
@pytest.mark.parametrize("hide_color", [None, 0, (10, 200, 90)])
def test_images_and_weights_equal_those_of_lime(segments: str, hide_color: Any) -> None:
    image = Dataset.synthetic(1, size=56).read(0)[:40].copy()
    ours = Explainer(
        predict=values_of,
        tasks=[AGE, GENDER],
        segments=segments,
        hide_color=hide_color,
        num_samples=150,
    ).explain(image, grade=False)[0]
    scene = scene_of(image, ours.segments, hide_color)
    matrix = scene.draw_masks()
    theirs, images = by_lime(image, ours.segments, matrix, values_of, hide_color, labels=(0, 1, 2))
    assert np.array_equal(scene._perturb(matrix), images)
    for label, weights in enumerate(ours.attribution.weights):
        expected = dict(theirs.local_exp[label])
        found = dict(enumerate(weights))
        assert max(abs(found[part] - expected[part]) for part in expected) < 1e-9
        assert ours.attribution.intercepts is not None
        assert ours.attribution.intercepts[label] == pytest.approx(theirs.intercept[label])
    own = ours.to_lime("gender")
    assert isinstance(own, ImageExplanation)
    order = [part for part, _ in own.local_exp[1]]
    assert order == [part for part, _ in theirs.local_exp[2]]
    assert own.intercept[1] == pytest.approx(theirs.intercept[2])
    # Of the label that comes last: here and there the less probable class.
    last = own.top_labels[-1]
    again, _ = by_lime(image, ours.segments, matrix, values_of, hide_color, labels=(1 + last,))
    assert own.score == pytest.approx(again.score)
    assert own.local_pred == pytest.approx(again.local_pred)
    pixels, mask = own.get_image_and_mask(1, positive_only=False, num_features=3)
    expected_pixels, expected_mask = theirs.get_image_and_mask(
        2, positive_only=False, num_features=3
    )
    assert np.array_equal(mask, expected_mask)
    assert np.array_equal(pixels, expected_pixels)


@pytest.mark.filterwarnings("ignore:.*:FutureWarning")
@pytest.mark.parametrize("num_features", [3, 12])
def test_selected_parts_are_those_of_lime(num_features: int) -> None:
    image = noise(2)
    method = Lime(num_features=num_features)
    ours = Explainer(
        predict=values_of, tasks=[AGE, GENDER], method=method, num_samples=100
    ).explain(image)[0]
    matrix = scene_of(image, ours.segments).draw_masks()
    matrix = matrix if len(matrix) == 100 else matrix[:100]
    theirs, _ = by_lime(
        image,
        ours.segments,
        scene_of(image, ours.segments, num_samples=100).draw_masks(),
        values_of,
        labels=(0,),
        num_features=num_features,
    )
    weights = ours.weights("age").to_numpy()
    assert np.count_nonzero(weights) == num_features
    for part, weight in theirs.local_exp[0]:
        assert weights[part] == pytest.approx(weight)
    assert ours.grade("age").r2 == pytest.approx(theirs.score)


def scene_of(
    image: UInt8Image, segments: SegmentsLike, hide_color: Any = None, num_samples: int = 150
) -> Scene:
    parts = make_segments(segments, image)
    hidden = hidden_image(image, parts, hide_color)
    predictor = Predictor(TaskSet([AGE, GENDER]), None, values_of)
    return Scene(image, parts, hidden, predictor, num_samples, seed=0)


@given(
    seed=st.integers(0, 1000),
    rows=st.integers(2, 30),
    parts=st.integers(1, 40),
    alpha=st.floats(0.01, 10),
)
def test_the_regression_is_that_of_scikit_learn(
    seed: int, rows: int, parts: int, alpha: float
) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 2, (rows, parts)).astype(np.uint8)
    masks[0] = 1
    values = rng.normal(size=(rows, 3)) * [1, 50, 1e-3]
    distances = pairwise_distances(masks, masks[:1], metric="cosine").ravel()
    weights = np.sqrt(np.exp(-(distances**2) / 0.25**2))
    assert np.abs(proximity(masks, 0.25) - weights).max() < 1e-12
    found = fit_ridge(masks, values, weights, alpha)
    for column in range(3):
        ridge = Ridge(alpha=alpha).fit(masks, values[:, column], sample_weight=weights)
        scale = np.abs(values[:, column]).max()
        assert np.abs(found.weights[column] - ridge.coef_).max() < 1e-8 * scale
        assert abs(found.intercepts[column] - ridge.intercept_) < 1e-8 * scale
        score = ridge.score(masks, values[:, column], sample_weight=weights)
        assert found.r2[column] == pytest.approx(score, abs=1e-8)


@given(seed=st.integers(0, 1000), height=st.integers(1, 23), width=st.integers(1, 23))
def test_parts_are_hidden_where_the_matrix_says_so(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    # More parts than a byte can number, where there are pixels for them.
    parts = make_segments(rng.integers(0, 400, (height, width)), image)
    hidden = hidden_image(image, parts)
    masks = rng.integers(0, 2, (5, len(parts))).astype(np.uint8)
    found = Perturber(image, hidden, parts)(masks)
    shown = masks[:, parts.labels].astype(bool)[..., None]
    assert np.array_equal(found, np.where(shown, image, hidden))
    for part in range(len(parts)):
        inside = parts.labels == part
        assert hidden[inside][0].tolist() == image[inside].mean(axis=0).astype(np.uint8).tolist()


def test_memory_is_bounded_by_the_batch() -> None:
    sizes: list[int] = []

    def counted(images: UInt8Image) -> np.ndarray:
        sizes.append(len(images))
        return images.mean(axis=(1, 2, 3))

    explainer = Explainer(predict=counted, tasks=RegressionTask("light"), num_samples=100)
    explainer.explain(noise(), batch_size=16)
    assert max(sizes) == 16
    assert sum(sizes) == 100 + 1 + 14 + 29


def test_one_set_of_images_serves_all_tasks() -> None:
    calls = {1: 0, 3: 0}

    def counting(tasks: int) -> Any:
        def predict(images: UInt8Image) -> np.ndarray:
            calls[tasks] += len(images)
            return np.repeat(images.mean(axis=(1, 2, 3))[:, None], tasks, axis=1)

        return predict

    for tasks in (1, 3):
        names = [RegressionTask(f"t{number}") for number in range(tasks)]
        Explainer(predict=counting(tasks), tasks=names).explain(noise(), grade=False)
    assert calls[1] == calls[3] == 501


def test_occlusion_is_what_the_prediction_loses() -> None:
    image = noise(4)
    found = Explainer(predict=values_of, tasks=[AGE, GENDER], method="occlusion").explain(image)[0]
    for name in ("left eye", "chin"):
        part = found.segments.names.index(name)
        changed = image.copy()
        inside = found.segments.labels == part
        changed[inside] = image[inside].mean(axis=0).astype(np.uint8)
        loss = values_of(image[None])[0, 0] - values_of(changed[None])[0, 0]
        assert found.weights("age")[name] == pytest.approx(loss)
    with pytest.raises(ValueError, match="only linear models"):
        found.to_lime("age")


def test_random_numbers_depend_on_seed_pixels_and_purpose_alone() -> None:
    one, other = (scene_of(noise(seed), grid_segments) for seed in (0, 1))
    assert np.array_equal(one.draw_masks(), one.draw_masks())
    assert not np.array_equal(one.draw_masks(), other.draw_masks())
    assert one.draw_masks()[0].all()
    assert abs(float(one.draw_masks()[1:].mean()) - 0.5) < 0.02
    assert one.random(0).random() != one.random(1).random()


def test_races_sum_to_nothing() -> None:
    def races(images: UInt8Image) -> np.ndarray:
        scores = np.stack([images[:, row::3].mean(axis=(1, 2, 3)) for row in range(3)], axis=1)
        powers = np.exp(scores / 20)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    found = Explainer(predict=races, tasks=RACE, hide_color=0).explain(noise())
    table = found.to_frame().groupby("segment")["weight"].sum()
    assert table.abs().max() < 1e-9
