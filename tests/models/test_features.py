"""Feature vectors of images: those of the batch, a row a request, whatever cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from faceattr import Dataset, Model
from faceattr.data import ImageCache
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.images import resize_image

SIZE = 32


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return Dataset.synthetic(9, size=48)


@pytest.fixture(scope="module")
def model(faces: Dataset) -> Model:
    return Model(tasks=faces.tasks, weights=None, image_size=SIZE)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_they_are_those_of_the_scaled_images(faces: Dataset, model: Model, batch_size: int) -> None:
    found = model.extract_features(faces, batch_size=batch_size)
    assert found.dtype == np.float32
    assert found.shape == (9, model.num_features)
    images = np.stack([resize_image(faces.read(row), SIZE) for row in range(9)])
    model.eval()
    with torch.no_grad():
        expected = model.features(torch.from_numpy(images).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_the_heads_make_the_predictions_of_them(faces: Dataset, model: Model) -> None:
    features = torch.from_numpy(model.extract_features(faces))
    model.eval()
    with torch.no_grad():
        columns = model.head("age").columns(model.head("age")(features))
    predicted = model.predict(faces)["age_pred"]
    np.testing.assert_allclose(np.array(columns["age_pred"], float), predicted, atol=1e-3)


def test_the_cache_gives_the_same(faces: Dataset, model: Model) -> None:
    cached = ImageCache().open(faces, SIZE)
    np.testing.assert_allclose(
        model.extract_features(cached), model.extract_features(faces), atol=1e-5
    )


def test_an_image_that_cannot_be_read_has_no_numbers(faces: Dataset, model: Model) -> None:
    found = model.extract_features([faces.read(0), b"no image", faces.read(1)])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False]
    assert np.isfinite(found[[0, 2]]).all()


def test_the_model_is_left_as_it_was(faces: Dataset, model: Model) -> None:
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first, second = (model.extract_features(faces) for _ in range(2))
    assert model.training
    assert np.array_equal(first, second)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_what_is_no_image_is_refused(model: Model) -> None:
    with pytest.raises(InvalidTypeError, match="not an image"):
        model.extract_features([3])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="batch_size"):
        model.extract_features(b"", batch_size=0)
