"""Augmentation, held against the same changes written down in torch."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError
from faceattr.training.augment import POLICIES, RANDOM_COLUMNS, AugmentPolicy, augment

GRAY = torch.tensor([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def drawings():
    faces = Dataset.synthetic(8, seed=0, size=64)
    return np.stack([faces.read(row) for row in range(8)])


def numbers(n, seed=0):
    return np.random.default_rng(seed).random((n, RANDOM_COLUMNS))


def reference(images, policy, numbers):
    """Return float RGB, changed by grid sampling and matrices in torch."""
    changed = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    numbers = torch.from_numpy(numbers).float()
    if policy.flip or policy.rotation or policy.scale or policy.shift:
        changed = reference_move(changed, policy, numbers[:, 0:5])
    if policy.brightness or policy.contrast or policy.saturation or policy.grayscale:
        changed = reference_recolour(changed, policy, numbers[:, 5:9])
    return changed.permute(0, 2, 3, 1).numpy()


def reference_move(images, policy, numbers):
    flip, angle, scale, right, down = numbers.unbind(1)
    turn = (2 * angle - 1) * math.radians(policy.rotation)
    zoom = 1 + (2 * scale - 1) * policy.scale
    mirror = torch.where(flip < policy.flip, -1.0, 1.0)
    cos, sin = turn.cos() / zoom, turn.sin() / zoom
    first = torch.stack([cos * mirror, -sin, (4 * right - 2) * policy.shift], dim=1)
    second = torch.stack([sin * mirror, cos, (4 * down - 2) * policy.shift], dim=1)
    theta = torch.stack([first, second], dim=1)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def reference_recolour(images, policy, numbers):
    brightness, contrast, saturation, gray = (numbers[:, i, None, None, None] for i in range(4))
    luma = GRAY[None, :, None, None]
    colour = torch.where(gray < policy.grayscale, 0.0, 1 + (2 * saturation - 1) * policy.saturation)
    mean = (images.mean(dim=(2, 3), keepdim=True) * luma).sum(dim=1, keepdim=True)
    flat = colour * images + (1 - colour) * (images * luma).sum(dim=1, keepdim=True)
    contrasted = 1 + (2 * contrast - 1) * policy.contrast
    bright = 1 + (2 * brightness - 1) * policy.brightness
    return (bright * (contrasted * flat + (1 - contrasted) * mean)).clamp(0, 255)


@pytest.mark.parametrize("name", ["study", "light", "strong"])
def test_it_is_what_torch_computes_but_for_rounding(drawings, name):
    policy = POLICIES.get(name, argument="name")
    policy = AugmentPolicy(**{**vars(policy), "erase": 0.0})
    for seed in range(3):
        given_numbers = numbers(8, seed)
        found = augment(drawings, policy, given_numbers).astype(float)
        expected = reference(drawings, policy, given_numbers)
        # OpenCV resamples at 32nds of a pixel and rounds to bytes in between.
        assert np.abs(found - expected).mean() < 1.5
        assert np.quantile(np.abs(found - expected), 0.99) < 12
        assert np.abs(found - drawings).mean() > 4 * np.abs(found - expected).mean()


@pytest.mark.parametrize("name", list(POLICIES))
def test_shape_and_type_stay_and_images_are_apart(images, name):
    policy = POLICIES.get(name, argument="name")
    before, given_numbers = images.copy(), numbers(6)
    changed = augment(images, policy, given_numbers)
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8
    assert changed.flags.c_contiguous
    np.testing.assert_array_equal(images, before)
    rows = [slice(row, row + 1) for row in range(6)]
    alone = np.concatenate([augment(images[row], policy, given_numbers[row]) for row in rows])
    np.testing.assert_array_equal(changed, alone)
    assert name == "none" or not np.array_equal(changed, images)


def test_the_number_of_opencvs_threads_stays_as_it_was(images):
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        augment(images, POLICIES.get("strong", argument="name"), numbers(6))
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_no_augmentation_changes_nothing(images):
    changed = augment(images, AugmentPolicy(), numbers(6))
    np.testing.assert_array_equal(changed, images)
    assert not np.shares_memory(changed, images)


def test_each_strength_does_what_it_says(images):
    def one(**strengths):
        return augment(images, AugmentPolicy(**strengths), np.full((6, RANDOM_COLUMNS), 0.25))

    np.testing.assert_array_equal(one(flip=1.0), images[:, :, ::-1])
    gray = one(grayscale=1.0)
    np.testing.assert_array_equal(gray[..., 0], gray[..., 2])
    assert one(brightness=0.4).mean() == pytest.approx(0.8 * images.mean(), rel=0.02)
    assert one(contrast=0.8).std() < 0.8 * images.std()
    erased = one(erase=1.0, erase_area=0.5)
    assert 0.05 < (erased != images).any(axis=3).mean() < 0.5


def test_a_shift_moves_the_picture_against_its_frame():
    black = np.zeros((1, 24, 24, 3), dtype=np.uint8)
    black[:, 12, 12] = 255
    moved = augment(black, AugmentPolicy(shift=0.25), np.full((1, RANDOM_COLUMNS), 1 - 1e-9))
    assert int(moved[0, :, :, 0].argmax()) == 6 * 24 + 6


def test_erased_rectangles_have_the_mean_colour(drawings):
    policy = AugmentPolicy(erase=1.0, erase_area=0.3)
    changed = augment(drawings, policy, numbers(8, 4))
    for before, after in zip(drawings, changed, strict=True):
        painted = (before != after).any(axis=2)
        assert painted.any()
        mean = np.rint(before.reshape(-1, 3).mean(axis=0))
        assert (np.abs(after[painted] - mean) <= 1).all()


@given(
    n=st.integers(1, 4), height=st.integers(1, 30), width=st.integers(1, 30), seed=st.integers(0, 9)
)
def test_any_size_goes_through_every_policy(n, height, width, seed):
    drawn = np.random.default_rng(seed)
    images = drawn.integers(0, 256, (n, height, width, 3)).astype(np.uint8)
    for name in POLICIES:
        policy = POLICIES.get(name, argument="name")
        assert augment(images, policy, numbers(n, seed)).shape == images.shape


@pytest.mark.parametrize("name", list(AugmentPolicy.__dataclass_fields__))
def test_wrong_strengths_are_refused(name):
    for value in (-0.1, 181.0, float("nan")):
        with pytest.raises(InvalidArgumentError) as caught:
            AugmentPolicy(**{name: value})
        assert caught.value.argument == name
