"""Augmentation: against a slow reference in floats, and what each strength does exactly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from faceattr import Dataset
from faceattr.data.reader import read_sample
from faceattr.exceptions import InvalidArgumentError
from faceattr.training.augment import POLICIES, RANDOM_COLUMNS, AugmentPolicy, augment

LUMA = np.array([0.299, 0.587, 0.114])
HARD = AugmentPolicy(
    flip=0.5,
    rotation=180,
    scale=0.9,
    shift=0.5,
    brightness=1.0,
    contrast=1.0,
    saturation=1.0,
    grayscale=0.3,
    erase=0.7,
    erase_area=0.5,
)


def uniform(n, seed=0):
    return np.random.default_rng(seed).random((n, RANDOM_COLUMNS))


@pytest.fixture(scope="module")
def faces():
    paths = Dataset.synthetic(12, seed=3, size=48).table["path"]
    return np.stack([read_sample(path) for path in paths])


@pytest.fixture
def noise():
    return np.random.default_rng(1).integers(0, 256, (6, 24, 20, 3), dtype=np.uint8)


def reflected(places, side):
    """Mirror places about the outer edges of the first and the last pixel."""
    places = np.mod(places + 0.5, 2 * side)
    return np.clip(np.minimum(places, 2 * side - places) - 0.5, 0, side - 1)


def expected_move(image, policy, numbers):
    flip, angle, scale, right, down = numbers
    turn, zoom = np.radians((2 * angle - 1) * policy.rotation), 1 + (2 * scale - 1) * policy.scale
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    # The image reaches from -1 to 1 both ways, as in torch's affine_grid.
    x, y = (2 * x + 1) / width - 1, (2 * y + 1) / height - 1
    x = -x if flip < policy.flip else x
    at_x = (np.cos(turn) * x - np.sin(turn) * y) / zoom
    at_y = (np.sin(turn) * x + np.cos(turn) * y) / zoom
    at_x, at_y = at_x + (4 * right - 2) * policy.shift, at_y + (4 * down - 2) * policy.shift
    at_x = reflected(((at_x + 1) * width - 1) / 2, width)
    at_y = reflected(((at_y + 1) * height - 1) / 2, height)
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    next_x, next_y = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    over_x, over_y = (at_x - left)[:, :, None], (at_y - top)[:, :, None]
    upper = image[top, left] * (1 - over_x) + image[top, next_x] * over_x
    lower = image[next_y, left] * (1 - over_x) + image[next_y, next_x] * over_x
    return upper * (1 - over_y) + lower * over_y


def expected_colour(image, policy, numbers):
    strengths = np.array([policy.brightness, policy.contrast, policy.saturation])
    bright, contrast, colour = 1 + (2 * numbers[:3] - 1) * strengths
    colour = 0.0 if numbers[3] < policy.grayscale else colour
    luma = image @ LUMA
    mixed = colour * image + (1 - colour) * luma[:, :, None]
    return np.clip(bright * (contrast * mixed + (1 - contrast) * luma.mean()), 0, 255)


def expected_erase(image, policy, numbers):
    chosen, area, aspect, top, left = numbers
    height, width = image.shape[:2]
    side = np.sqrt(0.02 + area * (policy.erase_area - 0.02))
    ratio = np.sqrt(3.0 ** (2 * aspect - 1))
    rows = np.abs(np.arange(height) + 0.5 - top * height) < min(side * ratio, 1) * height / 2
    columns = np.abs(np.arange(width) + 0.5 - left * width) < min(side / ratio, 1) * width / 2
    within = (rows[:, None] & columns) & (chosen < policy.erase)
    return np.where(within[:, :, None], image.mean(axis=(0, 1)), image)


def expected(images, policy, numbers):
    changed = []
    for image, row in zip(images.astype(np.float64), numbers, strict=True):
        moved = expected_move(image, policy, row[:5])
        changed.append(expected_erase(expected_colour(moved, policy, row[5:9]), policy, row[9:]))
    return np.stack(changed)


@pytest.mark.parametrize("policy", [*POLICIES, HARD], ids=lambda p: p if p != HARD else "hard")
def test_pixels_are_those_of_the_reference(faces, policy):
    policy = POLICIES.get(policy, argument="policy") if isinstance(policy, str) else policy
    for shown in (faces, faces[:, 4:36]):  # square, and wider than high
        numbers = uniform(len(shown))
        difference = np.abs(augment(shown, policy, numbers) - expected(shown, policy, numbers))
        # Pixels are rounded twice, and strengths of up to 8 enlarge the first rounding.
        assert difference.mean(axis=(1, 2, 3)).max() < (1.5 if policy == HARD else 0.7)


@pytest.mark.parametrize("name", list(POLICIES))
def test_policies_keep_shape_and_images_apart(noise, name):
    policy, numbers = POLICIES.get(name, argument="name"), uniform(6)
    before = noise.copy()
    changed = augment(noise, policy, numbers)
    np.testing.assert_array_equal(noise, before)
    assert changed.shape == noise.shape
    assert changed.dtype == np.uint8
    assert changed.flags.c_contiguous
    assert not np.shares_memory(changed, noise)
    alone = [augment(noise[i : i + 1], policy, numbers[i : i + 1]) for i in range(6)]
    np.testing.assert_array_equal(changed, np.concatenate(alone))
    backwards = augment(noise[::-1], policy, numbers[::-1])
    np.testing.assert_array_equal(changed, backwards[::-1])
    assert (name == "none") == np.array_equal(changed, noise)


def test_memory_may_be_read_only_and_in_any_order(noise):
    turned = noise.transpose(0, 2, 1, 3)
    turned.setflags(write=False)
    changed = augment(turned, HARD, uniform(6))
    np.testing.assert_array_equal(changed, augment(turned.copy(order="C"), HARD, uniform(6)))
    assert changed.flags.c_contiguous
    assert augment(noise[:0], HARD, uniform(0)).shape == (0, 24, 20, 3)


def test_threads_change_nothing_and_opencv_keeps_its_own(noise):
    numbers = uniform(6)
    images = np.repeat(noise, 4, axis=1)
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        changed = augment(images, HARD, numbers)
        cv2.setNumThreads(3)
        with ThreadPoolExecutor(4) as pool:
            others = list(pool.map(lambda _: augment(images, HARD, numbers), range(40)))
        assert cv2.getNumThreads() == 3
        with pytest.raises(IndexError):
            augment(images, HARD, numbers[:3])
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
    for other in others:
        np.testing.assert_array_equal(other, changed)


def quarter(images, **strengths):
    numbers = np.full((len(images), RANDOM_COLUMNS), 0.25)
    return augment(images, AugmentPolicy(**strengths), numbers)


def test_a_flip_is_exact(noise):
    np.testing.assert_array_equal(quarter(noise, flip=1.0), noise[:, :, ::-1])
    np.testing.assert_array_equal(quarter(noise, flip=0.2), noise)


def test_a_turn_and_a_shift_by_whole_pixels_are_exact(noise):
    numbers = np.zeros((6, RANDOM_COLUMNS))
    square = noise[:, :20]
    turned = augment(square, AugmentPolicy(rotation=90), numbers)
    np.testing.assert_array_equal(turned, np.rot90(square, -1, axes=(1, 2)))
    # The source lies a quarter to the upper left: the image moves down and right, edges mirrored.
    shifted = augment(noise, AugmentPolicy(shift=0.25), numbers)
    bordered = np.pad(noise, [(0, 0), (6, 0), (5, 0), (0, 0)], mode="symmetric")
    np.testing.assert_array_equal(shifted, bordered[:, :24, :20])


def test_zoom_enlarges_about_the_centre():
    dots = np.zeros((1, 21, 21, 3), np.uint8)
    dots[:, 10, [5, 10, 15]] = 255
    numbers = np.ones((1, RANDOM_COLUMNS))
    larger = augment(dots, AugmentPolicy(scale=0.8), numbers)[0, 10, :, 0]
    assert np.flatnonzero(larger > 200).tolist() == [1, 10, 19]


def test_colours_do_what_they_say(noise):
    gray = quarter(noise, grayscale=1.0)
    assert (gray == gray[:, :, :, :1]).all()
    assert np.abs(gray[:, :, :, 0] - noise @ LUMA).max() <= 1
    assert np.abs(quarter(noise, brightness=0.4) - 0.8 * noise).max() <= 1
    flatter = quarter(noise, contrast=0.8)
    assert flatter.std() < 0.8 * noise.std()
    luma = (noise @ LUMA).mean(axis=(1, 2))
    assert np.abs((flatter @ LUMA).mean(axis=(1, 2)) - luma).max() < 1


def test_erasing_paints_one_rectangle_with_the_mean(noise):
    erased = quarter(noise, erase=1.0, erase_area=0.5)
    changed = (erased != noise).any(axis=3)
    share = changed.mean(axis=(1, 2))
    assert ((share > 0.05) & (share < 0.2)).all()
    for image, before, painted in zip(erased, noise, changed, strict=True):
        rows, columns = np.flatnonzero(painted.any(axis=1)), np.flatnonzero(painted.any(axis=0))
        inside = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (inside == np.rint(before.mean(axis=(0, 1)))).all()
    np.testing.assert_array_equal(quarter(noise, erase=0.25), noise)


@pytest.mark.parametrize("name", list(AugmentPolicy.__dataclass_fields__))
def test_wrong_strengths_are_refused(name):
    for value in (-0.1, 181.0, float("nan")):
        with pytest.raises(InvalidArgumentError) as caught:
            AugmentPolicy(**{name: value})
        assert caught.value.argument == name
