"""Drawings of faces: pure, driven by their attributes, and without shortcuts to the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr.data.drawing import Look, render
from faceattr.data.drawing.canvas import Canvas
from faceattr.data.drawing.traits import traits
from faceattr.data.synthetic import AGE_NOISE_YEARS, attributes, draw, noisy_labels
from faceattr.data.variation import normals, uniforms, variation
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, TableError

SOMEBODY = Look(age=30.0, gender="female", skin=0.3, light=1.0, blur=0.0, pose=0.0)
PEOPLE = [variation(11, index) for index in range(12)]
N_DRAWN, DRAWN_SIZE = 1000, 16


def _difference(first: Look, second: Look, size: int = 64) -> float:
    """Mean absolute difference of the pixels, over several people."""
    pairs = [(render(first, v, size), render(second, v, size)) for v in PEOPLE]
    return float(np.mean([cv2.absdiff(one, other).mean() for one, other in pairs]))


@pytest.fixture(scope="module")
def drawn() -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return labels and pixels (one row a drawing) of a collection."""
    pixels = [draw(3, index, DRAWN_SIZE).ravel() for index in range(N_DRAWN)]
    return attributes(3, range(N_DRAWN)), np.array(pixels, dtype=np.float64)


# Attributes


def test_attributes_have_the_columns_and_types_of_an_index() -> None:
    table = attributes(0, range(2000))
    assert list(table.columns) == ["age", "gender", "skin", "light", "blur", "pose"]
    assert table.index.equals(pd.RangeIndex(2000))
    assert table["gender"].dtype == "str"
    assert set(table["gender"]) == {"male", "female"}
    assert (table.drop(columns="gender").dtypes == "float64").all()
    assert (table["age"] == table["age"].round()).all()
    assert table["age"].between(0, 116).all()
    assert table["skin"].between(0, 1).all()
    assert table["light"].between(0.58, 1.42).all()
    assert table["blur"].between(0, 2.2).all()
    assert table["pose"].between(-28, 28).all()


def test_ages_are_spread_like_those_of_a_real_data_set() -> None:
    age = attributes(1, range(20_000))["age"]
    assert 0.12 < (age < 10).mean() < 0.22
    assert 0.35 < age.between(18, 40).mean() < 0.50
    assert 0 < (age > 90).mean() < 0.01


def test_attributes_do_not_change_between_versions() -> None:
    table = attributes(0, [0, 5, 6, 10**12])
    assert table["age"].tolist() == [68.0, 18.0, 10.0, 8.0]
    assert table["gender"].tolist() == ["male", "female", "male", "male"]
    assert table["skin"].iloc[0] == pytest.approx(0.4314193908154047, abs=1e-12)


@given(seed=st.integers(0, 2**53), indices=st.lists(st.integers(0, 2**53), min_size=1, max_size=20))
def test_attributes_of_one_do_not_depend_on_the_others(seed: int, indices: list[int]) -> None:
    together = attributes(seed, indices)
    alone = pd.concat([attributes(seed, [index]) for index in indices], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)


def test_attributes_of_different_seeds_and_indices_are_unrelated() -> None:
    first, second = attributes(1, range(4000)), attributes(2, range(4000))
    for column in ("age", "skin", "light", "blur", "pose"):
        assert abs(first[column].corr(second[column])) < 0.06
        assert abs(first[column].corr(first[column].shift())) < 0.06
    numbers = first.assign(gender=(first["gender"] == "female").astype(float))
    unrelated = numbers.corr().to_numpy() - np.eye(6)
    assert np.abs(unrelated).max() < 0.06


def test_no_index_gives_an_empty_table_of_the_same_types() -> None:
    pd.testing.assert_series_equal(attributes(0, []).dtypes, attributes(0, [1]).dtypes)


@pytest.mark.parametrize("indices", [[-1], [3, 2**53 + 1], [0.5], [[0, 1]], ["a"], [True]])
def test_bad_indices_are_named(indices: Sequence[Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="indices"):
        attributes(0, indices)


@pytest.mark.parametrize("seed", [-1, 2**60])
def test_bad_seeds_are_named(seed: int) -> None:
    with pytest.raises(InvalidArgumentError, match="seed"):
        attributes(seed, [0])
    with pytest.raises(InvalidArgumentError, match="seed"):
        draw(seed, 0)


# Random numbers


def test_random_numbers_have_the_stated_distributions() -> None:
    flat = uniforms(1, 5, range(5000), 4)
    bell = normals(1, 5, range(5000), 4)
    assert flat.min() >= 0
    assert flat.max() < 1
    np.testing.assert_allclose(flat.mean(axis=0), 0.5, atol=0.02)
    np.testing.assert_allclose(flat.std(axis=0), 12**-0.5, atol=0.02)
    np.testing.assert_allclose(bell.mean(axis=0), 0.0, atol=0.06)
    np.testing.assert_allclose(bell.std(axis=0), 1.0, atol=0.06)
    assert np.abs(np.corrcoef(bell.T) - np.eye(4)).max() < 0.06


def test_seed_and_stream_are_not_interchangeable() -> None:
    assert (uniforms(1, 2, [0], 8) != uniforms(2, 1, [0], 8)).all()
    assert (uniforms(1, 0, [1], 8) != uniforms(1, 1, [0], 8)).all()


# Pictures


@pytest.mark.parametrize("size", [1, 16, 37, 128, 200])
def test_a_drawing_is_a_square_rgb_picture(size: int) -> None:
    image = draw(0, 5, size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


def test_a_drawing_is_the_same_whenever_it_is_drawn() -> None:
    first = [draw(4, index, 48) for index in range(6)]
    again = [draw(4, index, 48) for index in reversed(range(6))]
    np.testing.assert_array_equal(first, again[::-1])


def test_drawings_of_other_seeds_and_indices_differ() -> None:
    images = [draw(seed, index, 32) for seed in (0, 1) for index in (0, 1, 2)]
    assert len({image.tobytes() for image in images}) == len(images)


def test_a_drawing_shows_the_same_face_at_every_size() -> None:
    for index in range(8):
        large = cv2.resize(draw(9, index, 256), (64, 64), interpolation=cv2.INTER_AREA)
        assert cv2.absdiff(large, draw(9, index, 64)).mean() < 5


def test_drawing_shows_the_attributes_of_its_row() -> None:
    row: dict[str, Any] = {str(name): v for name, v in attributes(0, [7]).iloc[0].items()}
    image = render(Look(**row), variation(0, 7), 40)
    np.testing.assert_array_equal(image, draw(0, 7, 40))


@pytest.mark.parametrize("size", [0, 1025, -3])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="size"):
        draw(0, 0, size)


def test_a_size_that_is_no_whole_number_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="size"):
        draw(0, 0, 12.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"age": 1.0},
        {"age": 8.0},
        {"age": 55.0},
        {"age": 80.0},
        {"gender": "male"},
        {"skin": 0.8},
        {"light": 0.8},
        {"blur": 2.0},
        {"pose": 15.0},
    ],
    ids=str,
)
def test_each_attribute_drives_the_picture(change: dict[str, Any]) -> None:
    assert _difference(SOMEBODY, replace(SOMEBODY, **change)) > 2


def test_the_picture_changes_more_the_more_years_lie_between() -> None:
    steps = [_difference(SOMEBODY, replace(SOMEBODY, age=age)) for age in (33.0, 45.0, 60.0, 85.0)]
    assert steps == sorted(steps)


def test_girls_and_boys_look_more_alike_than_women_and_men() -> None:
    apart = [
        _difference(replace(SOMEBODY, age=age), replace(SOMEBODY, age=age, gender="male"))
        for age in (1.0, 30.0)
    ]
    assert apart[0] < 0.6 * apart[1]


def test_light_scales_brightness() -> None:
    dim, bright = (
        render(replace(SOMEBODY, light=light), PEOPLE[0], 64).mean() for light in (0.7, 1.2)
    )
    assert dim / bright == pytest.approx(0.7 / 1.2, rel=0.1)


def test_blur_takes_detail_away() -> None:
    detail = [
        cv2.Laplacian(render(replace(SOMEBODY, blur=blur), PEOPLE[0], 128), cv2.CV_64F).var()
        for blur in (0.0, 0.7, 2.0)
    ]
    # Grain is laid over the blurred picture, so that some detail always stays.
    assert detail[0] > 1.3 * detail[1] > 1.6 * detail[2]


def test_skin_tone_darkens_the_cheeks() -> None:
    cheeks = [
        np.mean([render(replace(SOMEBODY, skin=tone), v, 64)[34:40, 28:36].mean() for v in PEOPLE])
        for tone in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert cheeks == sorted(cheeks, reverse=True)


def test_pose_moves_the_features_sideways() -> None:
    for v in PEOPLE[:4]:
        left, right = (
            render(replace(SOMEBODY, pose=pose), v, 128)[40:96, 32:96].mean(axis=2)
            for pose in (-12.0, 12.0)
        )
        (shift, _), _ = cv2.phaseCorrelate(left, right)
        assert shift > 1


# No shortcuts


def _balanced_accuracy(values: npt.NDArray[np.float64], is_female: Any) -> Any:
    """Return what the best threshold on each column reaches."""
    ordered = np.asarray(is_female)[np.argsort(values, axis=0, kind="stable")]
    hits = np.cumsum(ordered, axis=0) / ordered.sum(axis=0)
    misses = np.cumsum(~ordered, axis=0) / (~ordered).sum(axis=0)
    return 0.5 + np.abs(hits - misses).max(axis=0) / 2


def _age_correlation(values: npt.NDArray[np.float64], age: Any) -> Any:
    centred = values - values.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0) * ((age - age.mean()) ** 2).sum())
    return np.abs(centred.T @ (age - age.mean()).to_numpy()) / scale


def _means(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    colours = pixels.reshape(len(pixels), -1, 3).mean(axis=1)
    return np.column_stack([colours, colours.mean(axis=1)])


def test_no_single_pixel_tells_the_gender(drawn: tuple[pd.DataFrame, Any]) -> None:
    table, pixels = drawn
    female = (table["gender"] == "female").to_numpy()
    assert _balanced_accuracy(pixels, female).max() < 0.66
    assert _balanced_accuracy(_means(pixels), female).max() < 0.60


def test_no_single_pixel_tells_the_age(drawn: tuple[pd.DataFrame, Any]) -> None:
    table, pixels = drawn
    assert _age_correlation(pixels, table["age"]).max() < 0.5
    assert _age_correlation(_means(pixels), table["age"]).max() < 0.15


@pytest.mark.parametrize("change", [{"age": 4.0}, {"age": 85.0}, {"gender": "male"}], ids=str)
def test_background_and_clothes_have_nothing_to_do_with_labels(change: dict[str, Any]) -> None:
    other = replace(SOMEBODY, **change)
    for v in PEOPLE:
        assert traits(SOMEBODY, v).palette.cloth == traits(other, v).palette.cloth
        first, second = (render(look, v, 64)[:8, [0, 1, -2, -1]] for look in (SOMEBODY, other))
        np.testing.assert_array_equal(first, second)


def test_hair_has_the_same_colours_in_women_and_men() -> None:
    for v in PEOPLE:
        man = traits(replace(SOMEBODY, gender="male"), v)
        assert man.palette.hair == traits(SOMEBODY, v).palette.hair


# Label noise


@pytest.mark.parametrize("amount", [0.05, 0.3, 1.0])
def test_noise_swaps_and_shifts_at_the_stated_rates(amount: float) -> None:
    n = 8000
    table = attributes(2, range(n)).assign(age=58.0)
    noisy = noisy_labels(table, amount, seed=1)
    flipped = int((noisy["gender"] != table["gender"]).sum())
    assert abs(flipped - n * amount) <= 4 * np.sqrt(n * amount * (1 - amount))
    error = noisy["age"] - table["age"]
    assert abs(error.mean()) < 4 * AGE_NOISE_YEARS * amount / np.sqrt(n)
    # Clipping at 0 and 116 takes a little off the widest errors.
    assert error.std() == pytest.approx(AGE_NOISE_YEARS * amount, rel=0.06)
    assert (noisy["age"] == noisy["age"].round()).all()
    assert noisy["age"].between(0, 116).all()


def test_no_noise_changes_nothing_and_noise_changes_labels_only() -> None:
    table = attributes(0, range(50))
    pd.testing.assert_frame_equal(noisy_labels(table, 0.0), table)
    before = table.copy(deep=True)
    noisy = noisy_labels(table, 0.5, seed=3)
    pd.testing.assert_frame_equal(table, before)
    labels = ["age", "gender"]
    pd.testing.assert_frame_equal(noisy.drop(columns=labels), table.drop(columns=labels))
    pd.testing.assert_series_equal(noisy.dtypes, table.dtypes)
    pd.testing.assert_frame_equal(noisy, noisy_labels(table, 0.5, seed=3))
    assert not noisy["gender"].equals(noisy_labels(table, 0.5, seed=4)["gender"])


def test_more_noise_swaps_the_same_rows_and_more() -> None:
    table = attributes(0, range(400))
    little, much = (noisy_labels(table, a)["gender"] != table["gender"] for a in (0.1, 0.4))
    assert (little <= much).all()
    assert little.sum() < much.sum()


def test_missing_labels_stay_missing_under_noise() -> None:
    table = attributes(0, range(6))
    table.loc[[0, 3], "age"] = np.nan
    table.loc[[1, 3], "gender"] = None
    noisy = noisy_labels(table, 1.0)
    pd.testing.assert_frame_equal(noisy[["age", "gender"]].isna(), table[["age", "gender"]].isna())


def test_noise_keeps_the_index_of_its_table() -> None:
    table = attributes(0, range(5)).set_index(pd.Index([9, 7, 5, 3, 1]))
    assert noisy_labels(table, 0.5).index.equals(table.index)


def test_bad_arguments_of_noise_are_named() -> None:
    table = attributes(0, range(3))
    with pytest.raises(InvalidArgumentError, match="amount"):
        noisy_labels(table, 1.1)
    with pytest.raises(TableError, match="gender"):
        noisy_labels(table.drop(columns="gender"), 0.1)


# The canvas


def test_a_curve_goes_through_its_points() -> None:
    canvas = Canvas(np.zeros((200, 200, 3), np.uint8))
    points = [(-0.8, 0.0), (-0.2, -0.5), (0.3, 0.4), (0.8, 0.0)]
    canvas.line(points, (255, 0, 0), 0.03)
    for x, y in points:
        assert canvas.pixels[round(99.5 + 100 * y), round(99.5 + 100 * x), 0] > 200
    assert canvas.pixels[..., 1:].max() == 0


def test_a_filled_ellipse_has_its_area() -> None:
    canvas = Canvas(np.zeros((200, 200, 3), np.uint8))
    canvas.ellipse((0.1, -0.1), (0.5, 0.3), (0, 255, 0))
    area = canvas.pixels[..., 1].sum() / 255
    assert area == pytest.approx(np.pi * 50 * 30, rel=0.03)


def test_a_full_turn_of_the_head_is_no_turn() -> None:
    plain, turned = (Canvas(np.zeros((100, 100, 3), np.uint8)) for _ in range(2))
    turned.set_pose(roll=360.0)
    for canvas in (plain, turned):
        canvas.shape([(0.0, -0.5), (0.5, 0.2), (-0.3, 0.4)], (9, 9, 9), depth=0.3)
    assert cv2.absdiff(plain.pixels, turned.pixels).max() <= 1
