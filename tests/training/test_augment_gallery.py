"""What policies do, to look at."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from faceattr import Dataset
from faceattr.exceptions import FaceAttrError, ImageReadError
from faceattr.training import AugmentPolicy, plot_augmentations
from faceattr.training.augment import POLICIES


@pytest.fixture(scope="module")
def face():
    return Dataset.synthetic(1, size=48)[0].image


def pictures(figure):
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes]


def test_each_policy_is_a_row_behind_the_image_as_it_is(face):
    figure = plot_augmentations(face, count=3)
    captions = [ax.get_xlabel() for ax in figure.axes]
    assert captions == [text for name in POLICIES for text in ("as it is", name, name, name)]
    shown = pictures(figure)
    for start in range(0, len(shown), 4):
        np.testing.assert_array_equal(shown[start], face)
    row = list(POLICIES).index("none")
    np.testing.assert_array_equal(shown[4 * row + 2], face)
    row = list(POLICIES).index("heavy")
    assert (shown[4 * row + 1] != shown[4 * row + 2]).any()


def test_rows_share_their_random_numbers_and_the_seed_changes_them(face):
    twice = {"one": "strong", "two": "strong", "own": AugmentPolicy(flip=1.0)}
    shown = pictures(plot_augmentations(face, twice, count=2))
    np.testing.assert_array_equal(shown[1], shown[4])
    np.testing.assert_array_equal(shown[2], shown[5])
    np.testing.assert_allclose(shown[7].astype(int), face[:, ::-1].astype(int), atol=1)
    other = pictures(plot_augmentations(face, ["strong"], count=2, seed=1))
    assert (other[1] != shown[1]).any()


def test_a_file_is_read(face, tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), face[:, :, ::-1])
    shown = pictures(plot_augmentations(tmp_path / "face.png", ["none"], count=1))
    np.testing.assert_array_equal(shown[1], face)
    with pytest.raises(ImageReadError):
        plot_augmentations(tmp_path / "nowhere.png")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"policies": ["wild"]}, "policies"),
        ({"policies": "light"}, "policies"),
        ({"policies": {"own": 0.5}}, "policies"),
        ({"policies": []}, "policies"),
        ({"count": 0}, "count"),
        ({"seed": -1}, "seed"),
        ({"image": np.zeros((4, 4, 3))}, "image"),
    ],
)
def test_wrong_arguments_are_named(face, arguments, named):
    with pytest.raises(FaceAttrError) as caught:
        plot_augmentations(**{"image": face} | arguments)
    assert caught.value.argument == named
