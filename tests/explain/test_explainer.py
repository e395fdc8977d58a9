"""What the public Explainer says of predictors that are known through and through."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from explain.predictors import AGE, GENDER, RACE, brightness, linear, noise
from faceattr import Dataset, Explainer, Model, RegressionTask
from faceattr.exceptions import ImageReadError, InvalidArgumentError, InvalidTypeError
from faceattr.explain import Explanations, Lime, face_segments, grid_segments
from faceattr.images import UInt8Image, resize_image


class TestKnownPredictors:
    @given(seed=st.integers(0, 2**32 - 1))
    def test_a_linear_function_of_parts_gets_its_coefficients_in_order(self, seed: int) -> None:
        image = noise(seed)
        segments = face_segments(image)
        rng = np.random.default_rng(seed)
        # Distances of 4 at least, of any sign and order.
        coefficients = 4.0 * (rng.permutation(len(segments)) - len(segments) // 2)
        coefficients += rng.uniform(-0.5, 0.5, len(segments))
        predict = linear(segments, coefficients)
        explainer = Explainer(predict=predict, tasks=RegressionTask("age"), hide_color=0)
        found = explainer.explain(image)[0]
        weights = found.weights("age").to_numpy()
        assert np.argsort(weights).tolist() == np.argsort(coefficients).tolist()
        assert np.abs(weights - coefficients).max() < 0.05 * np.abs(coefficients).max()
        assert found.grade("age").trusted
        assert found.grade("age").r2 > 0.99

    @pytest.mark.parametrize("method", ["lime", "occlusion"])
    @pytest.mark.parametrize("segments", ["face", "grid", "slic"])
    def test_a_constant_gets_zeros_and_no_trust(self, method: str, segments: str) -> None:
        def constant(images: UInt8Image) -> dict[str, np.ndarray]:
            return {"age": np.full(len(images), 31.7), "race": np.full((len(images), 3), 1 / 3)}

        explainer = Explainer(
            predict=constant, tasks=[AGE, RACE], method=method, segments=segments, num_samples=50
        )
        found = explainer.explain(noise())
        assert (found.to_frame()["weight"] == 0).all()
        assert not found.grades()["trusted"].any()
        assert set(found.grades()["reasons"]) == {
            "the prediction does not change when parts are hidden"
        }

    @pytest.mark.parametrize("method", ["lime", "occlusion"])
    @pytest.mark.parametrize(("eye", "x"), [("left eye", 60), ("right eye", 137)])
    def test_who_looks_at_one_eye_is_explained_by_it(self, method: str, eye: str, x: int) -> None:
        face = resize_image(noise(3, 25, 25), 200)

        def iris(images: UInt8Image) -> np.ndarray:
            return images[:, 47:67, x - 12 : x + 12].std(axis=(1, 2, 3))

        explainer = Explainer(
            predict=iris, tasks=RegressionTask("age", unit="years"), method=method
        )
        found = explainer.explain(face)[0]
        weights = found.weights("age")
        assert weights.idxmax() == eye
        assert weights.abs().drop(eye).max() < 0.05 * weights[eye]
        inside = found.map("age")[52:62, x - 8 : x + 8]
        assert (inside == weights[eye]).all()
        assert found.grade("age").trusted

    def test_other_classes_than_the_positive_one(self) -> None:
        def races(images: UInt8Image) -> np.ndarray:
            first = 0.1 + 0.5 * (images[:, :24].std(axis=(1, 2, 3)) > 10)
            return np.stack([first, 0.7 * (1 - first), 0.3 * (1 - first)], axis=1)

        found = Explainer(predict=races, tasks=RACE, segments="grid").explain(noise())[0]
        assert found.prediction("race") == "a"
        pd.testing.assert_series_equal(found.weights("race"), found.weights("race", "a"))
        whole = sum(found.weights("race", cls) for cls in "abc")
        assert np.abs(whole).max() < 1e-9
        assert found.probability("race", "b") == pytest.approx(0.28)

    def test_two_classes_are_mirrored_and_the_positive_one_is_shown(self) -> None:
        found = Explainer(predict=brightness, tasks=[AGE, GENDER]).explain(noise())[0]
        female, male = found.weights("gender"), found.weights("gender", "male")
        assert np.abs(female + male).max() < 1e-9
        assert np.abs(female).max() > 0


class TestSeeds:
    def test_the_same_seed_gives_the_same_explanation(self) -> None:
        images = [noise(n) for n in range(3)]
        make = partial(Explainer, predict=brightness, tasks=[AGE, GENDER], num_samples=100)
        first, again = (make(seed=5).explain(images) for _ in range(2))
        pd.testing.assert_frame_equal(first.to_frame(), again.to_frame(), check_exact=True)
        pd.testing.assert_frame_equal(first.grades(), again.grades(), check_exact=True)
        other = make(seed=6).explain(images).to_frame()
        assert (first.to_frame()["weight"] != other["weight"]).any()

    @pytest.mark.parametrize("batch_size", [1, 7, 1000])
    def test_neither_batches_nor_other_images_matter(self, batch_size: int) -> None:
        images = [noise(n) for n in range(3)]
        explainer = Explainer(predict=brightness, tasks=[AGE, GENDER], num_samples=60)
        together = explainer.explain(images)
        alone = explainer.explain(images[1], batch_size=batch_size)[0]
        for task in ("age", "gender"):
            pd.testing.assert_series_equal(
                together[1].weights(task), alone.weights(task), check_exact=True
            )
            assert together[1].grade(task).to_dict() == alone.grade(task).to_dict()

    def test_global_random_state_is_left_alone(self) -> None:
        np.random.seed(3)  # noqa: NPY002 - the state that others use
        before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
        Explainer(predict=brightness, tasks=[AGE, GENDER], segments="slic").explain(noise())
        assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


class TestInputs:
    def test_images_that_cannot_be_read_are_told(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        good, bad = tmp_path / "a.png", tmp_path / "b.png"
        cv2.imwrite(str(good), noise())
        bad.write_bytes(b"no image")
        explainer = Explainer(predict=brightness, tasks=[AGE, GENDER], num_samples=20)
        found = explainer.explain([bad, good, noise(1), tmp_path / "absent.png"])
        assert [item.sample_id for item in found] == [str(good), "item-000002"]
        assert found.errors["position"].tolist() == [0, 3]
        assert found.errors["sample_id"].tolist() == [str(bad), str(tmp_path / "absent.png")]
        assert found.errors["error"].tolist()[0] == "not an image file"
        assert "2 of 4 images cannot be read" in caplog.text
        assert found.get(str(good)) is found[0]
        with pytest.raises(ImageReadError, match="not an image file"):
            found.get(str(bad))
        with pytest.raises(InvalidArgumentError, match="no such image"):
            found.get("c.png")
        with pytest.raises(ImageReadError, match=r"no image can be read.*b\.png"):
            explainer.explain(bad)

    def test_folders_and_data_sets(self, tmp_path: Path) -> None:
        faces = Dataset.synthetic(2, size=40)
        for number in range(2):
            cv2.imwrite(str(tmp_path / f"{number}.png"), faces.read(number)[..., ::-1])
        explainer = Explainer(predict=brightness, tasks=[AGE, GENDER], num_samples=20)
        ours, files = explainer.explain(faces), explainer.explain(tmp_path, grade=False)
        assert [item.sample_id for item in files] == ["0.png", "1.png"]
        assert [item.sample_id for item in ours] == faces.table["sample_id"].tolist()
        weights = [found.to_frame()["weight"].tolist() for found in (ours, files)]
        assert weights[0] == weights[1]

    def test_the_long_table(self) -> None:
        found = Explainer(predict=brightness, tasks=[AGE, GENDER], num_samples=20).explain(
            [noise(), noise(1)], grade=False
        )
        table = found.to_frame()
        parts = len(found[0].segments)
        assert len(table) == 2 * 3 * parts
        assert table.columns.tolist() == [
            "sample_id",
            "task",
            "class",
            "segment",
            "segment_name",
            "weight",
        ]
        one = table[(table["sample_id"] == "item-000001") & (table["class"] == "female")]
        assert one["weight"].tolist() == found[1].weights("gender", "female").tolist()
        assert one["segment_name"].tolist() == list(found[1].segments.names)
        with pytest.raises(InvalidArgumentError, match="not graded"):
            found[0].grade("age")

    @pytest.mark.parametrize(
        ("settings", "error", "message"),
        [
            ({}, InvalidArgumentError, "either a model or a function"),
            ({"predict": brightness}, InvalidTypeError, "needs to know what the function predicts"),
            ({"model": brightness}, InvalidTypeError, r"Explainer\(predict=f, tasks"),
            ({"predict": 3, "tasks": AGE}, InvalidTypeError, "predict: not a function"),
            ({"method": "shap"}, InvalidArgumentError, "unknown explanation method.*'occlusion'"),
            ({"method": 3}, InvalidTypeError, "not an explanation method"),
            ({"method": "grad_cam"}, InvalidArgumentError, "a function has no gradients"),
            ({"segments": "nose"}, InvalidArgumentError, "unknown segmentation.*'face', 'grid'"),
            ({"segments": np.ones((4, 4), int)}, InvalidArgumentError, "image of another size"),
            ({"segments": np.ones((48, 48))}, InvalidTypeError, "not parts of an image"),
            ({"num_samples": 1}, InvalidArgumentError, "num_samples"),
            ({"hide_color": 256}, InvalidArgumentError, "not a colour"),
            ({"hide_color": (1, 2)}, InvalidArgumentError, "not a colour"),
            ({"seed": -1}, InvalidArgumentError, "seed"),
            ({"method": Lime(kernel_width=0)}, InvalidArgumentError, "kernel_width"),
        ],
    )
    def test_settings_that_cannot_be_used(
        self, settings: dict[str, object], error: type[Exception], message: str
    ) -> None:
        common: dict[str, object] = {"predict": brightness, "tasks": [AGE, GENDER]}
        if not settings or {"predict", "model"} & set(settings):
            common = {}
        explainer = Explainer(**{**common, **settings})  # type: ignore[arg-type]
        with pytest.raises(error, match=message):
            explainer.explain(noise())

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            (lambda images: np.zeros((len(images), 2)), r"expected: \(\d+, 3\)"),
            (lambda images: np.zeros(len(images)), "another shape"),
            (lambda images: {"age": np.zeros(len(images))}, "nothing for task 'gender'"),
            (lambda images: np.full((len(images), 3), np.nan), "not finite"),
            (
                lambda images: {"age": np.zeros(len(images)), "gender": np.zeros(len(images))},
                "another shape for 'gender'",
            ),
        ],
    )
    def test_functions_that_return_something_else(self, returned: object, message: str) -> None:
        explainer = Explainer(predict=returned, tasks=[AGE, GENDER])  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match=message):
            explainer.explain(noise())


def striped(seed: int, contrast: float) -> UInt8Image:
    """Return noise in which the left eye has stripes."""
    face = resize_image(noise(seed, 12, 12), 48)
    stripes = np.where(np.arange(8) % 2, 1.0, -1.0)[None, :, None]
    face[12:16, 8:16] = (128 + 120 * contrast * stripes).astype(np.uint8)
    return face


@pytest.fixture(scope="module")
def models() -> tuple[Model, Model]:
    """Return a network with random weights, and one that has learned to see a striped eye."""
    stripes = np.random.default_rng(0).uniform(0, 1, 96)
    faces = np.stack([striped(n, stripe) for n, stripe in enumerate(stripes)])
    target = torch.from_numpy(10 + 90 * stripes).float()
    batch = torch.from_numpy(faces).permute(0, 3, 1, 2)

    def build() -> Model:
        with torch.random.fork_rng([]):  # a module of one's own is not seeded by Model
            torch.manual_seed(0)
            return Model(Places(), [AGE, GENDER], weights=None, dropout=0.0, image_size=48, seed=1)

    trained = build()
    optimizer = torch.optim.Adam(trained.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        out = trained(batch)["age"].softmax(dim=1)
        loss = ((out * torch.arange(117)).sum(dim=1) - target).square().mean()
        torch.autograd.backward(loss)
        optimizer.step()
    return build().eval(), trained.eval()


class Places(nn.Module):
    """A small network that knows where something is: a vector of its last map."""

    num_features = 4 * 36

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.ReLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stage(images).flatten(1)


def eye_share(explanations: Explanations) -> float:
    sizes = explanations.mean_weights("age")["mean_absolute"]
    return float(sizes["left eye"] / sizes.sum())


class TestModels:
    @pytest.mark.parametrize("method", ["lime", "occlusion", "grad_cam"])
    def test_random_weights_are_explained_in_another_way(
        self, models: tuple[Model, Model], method: str
    ) -> None:
        faces = [striped(200 + n, 0.9) for n in range(8)]
        before, after = (Explainer(model, method=method).explain(faces) for model in models)
        alike = [
            one.weights("age").corr(other.weights("age"), method="spearman")
            for one, other in zip(before, after, strict=True)
        ]
        assert np.mean(alike) < 0.5
        if method != "grad_cam":  # which averages gradients over places, and cannot tell them apart
            strongest = [item.weights("age").abs().idxmax() for item in after]
            assert strongest.count("left eye") >= 7
            assert eye_share(after) > 2 * eye_share(before)

    def test_values_are_those_of_predict(self, models: tuple[Model, Model]) -> None:
        model = models[1]
        faces = Dataset.synthetic(3, size=60)
        found = Explainer(model, num_samples=20).explain(faces)
        table = model.predict(faces)
        for row, item in enumerate(found):
            assert item.image.shape == (48, 48, 3)
            assert item.prediction("age") == pytest.approx(table["age_pred"][row], abs=1e-4)
            assert item.prediction("gender") == table["gender_pred"][row]
            female = table["gender_prob_female"][row]
            assert item.probability("gender") == pytest.approx(female, abs=1e-6)

    def test_batches_change_no_more_than_rounding(self, models: tuple[Model, Model]) -> None:
        explainer = Explainer(models[1], num_samples=100)
        one, other = (explainer.explain(noise(), batch_size=n).to_frame() for n in (3, 64))
        assert np.abs(one["weight"] - other["weight"]).max() < 1e-3

    def test_the_model_stays_as_it_was(self, models: tuple[Model, Model]) -> None:
        model = models[0].train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        for method in ("lime", "grad_cam"):
            Explainer(model, method=method, num_samples=20).explain(noise())
        assert model.training
        assert all(parameter.grad is None for parameter in model.parameters())
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name])
        model.eval()


def test_grid_and_own_parts_with_names() -> None:
    image = noise(0, 30, 20)
    halves = np.repeat([[3, 7]], 30, axis=0).repeat(10, axis=1)
    found = Explainer(
        predict=brightness, tasks=[AGE, GENDER], segments=halves, num_samples=30
    ).explain(image)[0]
    assert found.weights("age").index.tolist() == ["segment 3", "segment 7"]
    cells = partial(grid_segments, rows=2, columns=1)
    found = Explainer(
        predict=brightness, tasks=[AGE, GENDER], segments=cells, num_samples=30
    ).explain(image)[0]
    assert found.weights("age").index.tolist() == ["row 1, column 1", "row 2, column 1"]


@pytest.mark.parametrize(
    "found",
    [
        lambda n: (np.zeros((n, 1)), np.zeros((n, 2))),
        lambda n: {"light": [[1.0], [1.0, 2.0]]},
        lambda n: torch.zeros((n, 1), requires_grad=True),
    ],
    ids=["tuple", "ragged", "graph"],
)
def test_what_is_no_array_is_told(found):
    explainer = Explainer(
        predict=lambda images: found(len(images)),
        tasks=[RegressionTask("light")],
        num_samples=20,
    )
    with pytest.raises(InvalidArgumentError, match=r"what is no array|another shape"):
        explainer.explain(np.zeros((32, 32, 3), np.uint8))


class TestWhatIsNoProbability:
    @pytest.mark.parametrize(
        ("male", "female"), [(16.0, -16.0), (97.0, 3.0), (0.9, 0.9), (1.2, -0.2)]
    )
    def test_scores_and_percentages_are_refused(self, male: float, female: float) -> None:
        def predict(images: UInt8Image) -> np.ndarray:
            return np.tile([male, female], (len(images), 1))

        with pytest.raises(InvalidArgumentError, match=r"no probabilities for 'gender'.*softmax"):
            Explainer(predict=predict, tasks=GENDER).explain(noise())

    def test_rounded_ones_are_not(self) -> None:
        def predict(images: UInt8Image) -> np.ndarray:
            female = brightness(images)["gender"][:, 1].round(2)
            return np.stack([1 - female, female], 1).astype(np.float16)

        assert len(Explainer(predict=predict, tasks=GENDER, num_samples=20).explain(noise())) == 1


def test_a_model_has_its_own_tasks() -> None:
    model = Model(tasks=[AGE], weights=None, image_size=32)
    with pytest.raises(InvalidArgumentError, match="tasks"):
        Explainer(model, tasks=GENDER).explain(noise())


def test_an_exported_model_is_explained_as_the_model_is(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = Model(tasks=[AGE, GENDER], weights=None, image_size=32).eval()
    model.export(tmp_path / "model.onnx")
    exported = Model.from_onnx(tmp_path / "model.onnx")
    mine, its = (
        Explainer(each, num_samples=40).explain(noise(), grade=False)[0]
        for each in (model, exported)
    )
    np.testing.assert_allclose(its.weights("age"), mine.weights("age"), atol=1e-3)
    with pytest.raises(InvalidArgumentError, match="OnnxModel has no gradients"):
        Explainer(exported, method="grad_cam").explain(noise())


def test_methods_of_other_units_stand_side_by_side() -> None:
    model = Model(tasks=[AGE], weights=None, image_size=32).eval()
    lime, cam = (
        Explainer(model, method=method, num_samples=40).explain(noise(), grade=False)
        for method in ("lime", "grad_cam")
    )
    figure = lime.plot_beside(cam, "age")
    labels = {ax.get_ylabel() or ax.get_xlabel() for ax in figure.axes}
    assert any("share of each side's largest" in label for label in labels)
    same = lime.plot_beside(lime, "age")
    assert any("age (years)" in (ax.get_ylabel() or ax.get_xlabel()) for ax in same.axes)
