"""The warp: drawings come back, shrinking averages, and no face is mirrored."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_samples import ASTRONAUT, SIDE, drawing, placing, put
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.faces import (
    CROP_TEMPLATE,
    LANDMARKS,
    align_face,
    similarity_transform,
    template_points,
)
from faceattr.images import resize_image


def apart(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second).mean())


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage import data  # Eileen Collins, NASA, public domain; part of scikit-image's package

    return data.astronaut()


class TestWarp:
    @pytest.mark.parametrize(
        ("scale", "degrees", "largest"),
        [(1.0, 0.0, 1.0), (1.7, 25.0, 1.6), (1.0, -60.0, 1.8), (2.5, 170.0, 1.4), (0.8, 10.0, 2.3)],
    )
    def test_a_drawing_in_a_photo_comes_back(
        self, scale: float, degrees: float, largest: float
    ) -> None:
        chip = drawing(0)
        photo = np.full((640, 720, 3), 90, dtype=np.uint8)
        landmarks = put(chip, photo, placing(scale, degrees, (350.0, 310.0)))
        back = align_face(photo, landmarks, SIDE)
        inner = slice(3, -3)  # the rim is mixed with the photo
        error = apart(back[inner, inner], chip[inner, inner])
        assert error < largest
        moved = align_face(photo, landmarks + 0.5 * scale, SIDE)  # by half a pixel of the chip
        assert apart(moved[inner, inner], chip[inner, inner]) > error + 1

    def test_a_chip_stays_as_it_is(self) -> None:
        chip = drawing(1)
        np.testing.assert_array_equal(align_face(chip, template_points(SIDE), SIDE), chip)

    @pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
    def test_shrinking_averages_as_resizing_does(self, factor: int) -> None:
        side = 48 * factor
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        chip = align_face(noise, template_points(side), 48)
        difference = np.abs(chip.astype(int) - resize_image(noise, 48))
        assert difference.max() <= 2

    def test_shrinking_does_not_alias(self) -> None:
        stripes = np.zeros((1600, 1600, 3), dtype=np.uint8)
        stripes[:, ::2] = 255
        landmarks = template_points(1600) @ placing(1, 3, (0, 0))[:, :2].T
        landmarks += 800 - landmarks.mean(axis=0)
        chip = align_face(stripes, landmarks, 64)[8:-8, 8:-8]
        assert np.abs(chip.astype(int) - 127).max() <= 12

    @pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 3.0])
    def test_any_scale_shows_the_same_face(self, scale: float) -> None:
        size = 64
        sharp = resize_image(drawing(2), size)
        photo = cv2.resize(
            drawing(2), None, fx=scale * 8, fy=scale * 8, interpolation=cv2.INTER_CUBIC
        )
        chip = align_face(photo, template_points(photo.shape[0]), size)
        assert apart(chip, sharp) < (4 if scale * 8 * SIDE >= size else 20)

    def test_what_is_outside_is_black(self) -> None:
        white = np.full((100, 100, 3), 255, dtype=np.uint8)
        chip = align_face(white, template_points(SIDE) - 100, SIDE)
        assert (chip[:98, :98] == 0).all()
        assert (align_face(white, template_points(SIDE) - 5000, SIDE) == 0).all()
        assert (align_face(white, 8 * template_points(SIDE) - 50_000, SIDE) == 0).all()
        corner = align_face(white, 20 * (template_points(SIDE) - 100), SIDE)
        assert corner[:99].max() == 0
        assert corner[100:105, 100:105].min() > 200

    def test_gray_images(self) -> None:
        gray = drawing(0)[:, :, 0]
        chip = align_face(gray, template_points(SIDE), 50)
        assert chip.shape == (50, 50, 3)
        assert (chip[:, :, 0] == chip[:, :, 2]).all()

    def test_an_image_of_one_pixel(self) -> None:
        chip = align_face(np.full((1, 1, 3), 200, np.uint8), template_points(1), 20)
        assert chip.shape == (20, 20, 3)

    def test_a_template_of_ones_own(self) -> None:
        chip = drawing(0)
        smaller = template_points(SIDE) / 2 + 50
        framed = align_face(chip, template_points(SIDE), SIDE, template=smaller)
        assert (framed[:48] == 0).all()
        assert apart(framed[50:150, 50:150], resize_image(chip, 100)) < 1


class TestPortrait:
    """Warped by landmarks that were set by hand."""

    def test_eyes_come_to_their_places(self, astronaut: np.ndarray) -> None:
        chip = align_face(astronaut, ASTRONAUT, SIDE)
        gray = cv2.GaussianBlur(chip.mean(axis=2), (0, 0), 3)
        for x, y in template_points(SIDE)[:2].round().astype(int):
            near = gray[y - 14 : y + 15, x - 20 : x + 21]
            row, column = np.unravel_index(near.argmin(), near.shape)
            assert abs(row - 14) <= 7  # the pupil is the darkest spot around
            assert abs(column - 20) <= 7

    @pytest.mark.parametrize(("scale", "degrees"), [(1.5, 30.0), (3.0, -80.0), (6.0, 10.0)])
    def test_a_turned_and_enlarged_photo_gives_the_same_chip(
        self, astronaut: np.ndarray, scale: float, degrees: float
    ) -> None:
        size = round(512 * scale * 1.5)
        turn = cv2.getRotationMatrix2D((256, 256), degrees, scale)
        turn[:, 2] += size / 2 - 256
        photo = cv2.warpAffine(astronaut, turn, (size, size), flags=cv2.INTER_CUBIC)
        landmarks = (ASTRONAUT - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
        expected = align_face(astronaut, ASTRONAUT, 128)
        assert apart(align_face(photo, landmarks, 128), expected) < 3


class TestSimilarity:
    @given(
        st.floats(0.01, 100),
        st.floats(-180, 180),
        st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    )
    def test_a_similarity_is_found_again(
        self, scale: float, degrees: float, centre: tuple[float, float]
    ) -> None:
        place = placing(scale, degrees, centre)
        source = template_points(SIDE)
        found = similarity_transform(source, source @ place[:, :2].T + place[:, 2])
        np.testing.assert_allclose(found, place, rtol=1e-7, atol=1e-7 * (1 + abs(place).max()))

    @given(st.integers(0, 10**6))
    def test_no_other_similarity_is_nearer(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        source, target = rng.normal(size=(2, 5, 2)) * 30
        found = similarity_transform(source, target)
        rest = np.sum((source @ found[:, :2].T + found[:, 2] - target) ** 2)
        assert np.linalg.det(found[:, :2]) > 0
        np.testing.assert_allclose(found[0, 0], found[1, 1])
        np.testing.assert_allclose(found[0, 1], -found[1, 0])
        for _ in range(5):
            a, b, x, y = rng.normal(size=4) * [0.02, 0.02, 1, 1]
            other = found + np.array([[a, -b, x], [b, a, y]])
            assert np.sum((source @ other[:, :2].T + other[:, 2] - target) ** 2) > rest

    def test_it_is_that_of_scikit_image(self) -> None:
        from skimage.transform import SimilarityTransform

        rng = np.random.default_rng(1)
        source, target = template_points(SIDE), rng.normal(size=(5, 2)) * 5 + template_points(80)
        theirs = SimilarityTransform.from_estimate(source, target)
        np.testing.assert_allclose(similarity_transform(source, target), theirs.params[:2])

    def test_a_mirrored_face_is_not_mirrored_back(self) -> None:
        target = template_points(SIDE)
        found = similarity_transform(target * [-1, 1], target)
        assert np.linalg.det(found[:, :2]) > 0

    @pytest.mark.parametrize("width", [0.6, 0.3, 0.1, -0.1])
    def test_a_face_from_the_side_keeps_its_size(self, width: float) -> None:
        # Eyes and corners of the mouth fall together, and may change sides.
        target = template_points(SIDE)
        turned = (target - target.mean(axis=0)) * [width, 1]
        found = similarity_transform(turned, target)
        assert 0.8 < np.hypot(found[0, 0], found[1, 0]) < 1.3
        assert abs(np.degrees(np.arctan2(found[1, 0], found[0, 0]))) < 5

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            (np.zeros((5, 2)), InvalidArgumentError),
            (np.full((5, 2), 7e5), InvalidArgumentError),
            (np.full((5, 2), np.nan), InvalidArgumentError),
            (np.zeros((4, 2)), InvalidTypeError),
            (np.zeros((5, 3)), InvalidTypeError),
            (np.zeros(10), InvalidTypeError),
            ([("a", "b")] * 5, InvalidTypeError),
        ],
    )
    def test_what_is_no_face(self, source: object, error: type[Exception]) -> None:
        with pytest.raises(error):
            similarity_transform(source, template_points(SIDE))  # type: ignore[arg-type]
        with pytest.raises(error, match=r"landmarks|source"):
            align_face(drawing(0), source, 50)  # type: ignore[arg-type]

    def test_landmarks_are_five(self) -> None:
        with pytest.raises(InvalidTypeError, match=r"landmarks: .*found: shape \(68, 2\)"):
            align_face(drawing(0), np.random.default_rng(0).normal(size=(68, 2)))


def test_one_template_for_all() -> None:
    from faceattr.models import pretrained

    assert pretrained.CROP_TEMPLATE is CROP_TEMPLATE
    assert [CROP_TEMPLATE[name] for name in LANDMARKS] == template_points(200).tolist()
