"""Parts of images: no gaps, names that fit, faces drawn where faces are."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explain.predictors import noise
from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.explain import SEGMENTERS, Segments, face_segments, grid_segments, slic_segments
from faceattr.explain.face_regions import FACE_REGIONS, TEMPLATE_POINTS
from faceattr.explain.segments import make_segments


@pytest.mark.parametrize("name", list(SEGMENTERS))
@pytest.mark.parametrize("shape", [(200, 200), (64, 48), (24, 24)])
def test_labels_have_no_gaps_and_a_name_each(name: str, shape: tuple[int, int]) -> None:
    image = noise(0, *shape)
    found = make_segments(name, image)
    assert found.labels.shape == shape
    assert found.labels.dtype == np.int32
    assert np.unique(found.labels).tolist() == list(range(len(found)))
    assert len(set(found.names)) == len(found.names)
    assert found.sizes().sum() == shape[0] * shape[1]
    again = make_segments(name, image)
    assert np.array_equal(found.labels, again.labels)


@pytest.mark.parametrize(
    ("labels", "names", "error"),
    [
        ([[1, 2], [3, 4]], "abcd", InvalidArgumentError),
        ([[0, 1], [2, 3]], "ab", InvalidArgumentError),
        ([[0, 0], [2, 2]], "abc", InvalidArgumentError),
        ([[0.0, 1.0], [0.0, 1.0]], "ab", InvalidTypeError),
    ],
)
def test_parts_of_ones_own_need_their_names(
    labels: list[list[float]], names: str, error: type[Exception]
) -> None:
    given = Segments(np.array(labels), tuple(names))
    with pytest.raises(error, match="segments"):
        make_segments(given, noise(0, 2, 2))


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
)
def test_cells_of_a_grid_are_even(height: int, width: int, rows: int, columns: int) -> None:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    found = make_segments(partial(grid_segments, rows=rows, columns=columns), image)
    assert len(found) == min(rows, height) * min(columns, width)
    assert (found.sizes() > 0).all()
    down = np.bincount(found.labels[:, 0])
    assert down[down > 0].max() - down[down > 0].min() <= 1


class TestFaces:
    @pytest.mark.parametrize("size", [32, 128, 200, 224])
    def test_every_landmark_lies_in_its_region(self, size: int) -> None:
        found = face_segments(np.zeros((size, size, 3), np.uint8))
        assert found.names == FACE_REGIONS
        places = [(int(y * size), int(x * size)) for x, y in TEMPLATE_POINTS]
        names = [found.names[found.labels[place]] for place in places]
        assert names == ["left eye", "right eye", "nose", "mouth", "mouth"]

    def test_left_and_right_are_mirrored(self) -> None:
        found = face_segments(np.zeros((200, 200, 3), np.uint8))
        sizes = dict(zip(found.names, found.sizes().tolist(), strict=True))
        for name in FACE_REGIONS:
            if name.startswith("left"):
                assert sizes[name] == pytest.approx(sizes[name.replace("left", "right")], rel=0.06)
                columns = np.nonzero(found.labels == FACE_REGIONS.index(name))[1]
                assert columns.max() < 100

    def test_every_region_is_of_some_size(self) -> None:
        sizes = face_segments(np.zeros((200, 200, 3), np.uint8)).sizes() / 200**2
        assert sizes.min() > 0.01
        assert sizes.max() < 0.25

    def test_faces_elsewhere(self) -> None:
        smaller = [(0.25 + 0.5 * x, 0.3 + 0.5 * y) for x, y in TEMPLATE_POINTS]
        found = face_segments(np.zeros((200, 200, 3), np.uint8), points=smaller)
        for (x, y), name in zip(smaller, ["left eye", "right eye", "nose"], strict=False):
            assert found.names[found.labels[int(200 * y), int(200 * x)]] == name
        assert found.names[found.labels[195, 5]] == "background"

    @pytest.mark.parametrize(
        "points",
        [
            [(0.1, 0.1)] * 5,
            [(0.1, 0.1), (0.2, 0.2)],
            [(60, 57), (137, 56), (101, 100), (66, 135), (134, 134)],
            "eyes",
            [(np.nan, 0.1)] * 5,
        ],
    )
    def test_points_that_are_no_face(self, points: object) -> None:
        with pytest.raises(InvalidArgumentError, match="points"):
            face_segments(noise(), points=points)  # type: ignore[arg-type]


def test_numbers_of_ones_own_are_closed_up() -> None:
    image = noise(0, 2, 3)
    found = make_segments(np.array([[9, 9, -4], [20, 20, -4]]), image)
    assert found.labels.tolist() == [[1, 1, 0], [2, 2, 0]]
    assert found.names == ("segment -4", "segment 9", "segment 20")
    assert make_segments(found, image) is found
    assert isinstance(make_segments(lambda picture: picture[..., 0], image), Segments)


def test_slic_has_about_as_many_parts_as_asked_for() -> None:
    image = Dataset.synthetic(1, size=100).read(0)
    assert 15 <= len(slic_segments(image, count=25)) <= 35
