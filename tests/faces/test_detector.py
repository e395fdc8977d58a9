"""The detector: what is made of the network's boxes, and what YuNet finds where its file is."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from face_samples import ASTRONAUT, SIDE, drawing, placing, put
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, ModelFileError
from faceattr.faces import Face, FaceDetector, align_face, detector, template_points
from faceattr.faces.detector import _best
from faceattr.images import read_image


class Squares:
    """A network for which each bright square is a face; its landmarks are those of a chip."""

    seen: tuple[tuple[int, int], ...] = ()

    def __init__(self, weights: bytes, name: str, min_score: float, max_overlap: float) -> None:
        pass

    def detect(self, image: np.ndarray) -> np.ndarray:
        Squares.seen += (image.shape[:2],)
        bright = (image.min(axis=2) > 150).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        rows = []
        for left, top, width, height, _ in stats[1:count].astype(float):
            points = template_points(200) / 200 * [width, height] + [left, top]
            rows.append([left, top, width, height, *points.reshape(-1), min(0.99, width / 1000)])
        return np.array(rows).reshape(-1, 15)


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FaceDetector:
    monkeypatch.setattr(detector, "YuNet", Squares)
    monkeypatch.setattr(Squares, "seen", ())
    path = tmp_path / "any.onnx"
    path.touch()
    return FaceDetector(path)


def with_squares(height: int, width: int, *squares: tuple[int, int, int]) -> np.ndarray:
    photo = np.zeros((height, width, 3), dtype=np.uint8)
    for left, top, side in squares:
        photo[top : top + side, left : left + side] = 250
    return photo


class TestBoxes:
    def test_faces_come_from_left_to_right(self, squares: FaceDetector) -> None:
        photo = with_squares(600, 900, (700, 20, 90), (20, 300, 60), (400, 50, 120), (430, 400, 60))
        found = squares.detect(photo)
        boxes = np.array([face.box for face in found])
        np.testing.assert_allclose(
            boxes, [(20, 300, 60, 60), (400, 50, 120, 120), (430, 400, 60, 60), (700, 20, 90, 90)],
            atol=3,
        )  # fmt: skip
        for face in found:
            expected = template_points(200) / 200 * face.box[2:] + face.box[:2]
            np.testing.assert_allclose(face.landmarks, expected, atol=4)

    def test_a_large_photo_is_searched_smaller_and_told_in_its_own_pixels(
        self, squares: FaceDetector
    ) -> None:
        found = squares.detect(with_squares(3000, 4500, (3000, 600, 900), (100, 2000, 300)))
        np.testing.assert_allclose([face.box[0] for face in found], [100, 3000], atol=6)
        np.testing.assert_allclose([face.box[2] for face in found], [300, 900], atol=10)
        scales = [shape[1] - 64 for shape in Squares.seen[:3]]
        assert scales == [1280, 640, 320]

    def test_boxes_end_at_the_border(self, squares: FaceDetector) -> None:
        (face,) = squares.detect(with_squares(300, 300, (200, 200, 100)))
        left, top, width, height = face.box
        assert left >= 0
        assert top >= 0
        assert left + width <= 300
        assert top + height <= 300

    def test_small_ones_are_left_out(self, squares: FaceDetector) -> None:
        photo = with_squares(300, 300, (10, 10, 20), (100, 100, 100))
        assert len(squares.detect(photo)) == 2
        squares.min_size = 30
        assert len(squares.detect(photo)) == 1

    def test_the_better_of_two_that_overlap_is_kept(self) -> None:
        rows = np.zeros((4, 15))
        rows[:, :4] = [(0, 0, 10, 10), (1, 1, 10, 10), (100, 0, 10, 10), (5, 0, 10, 10)]
        rows[:, 14] = [0.7, 0.9, 0.5, 0.8]
        assert _best(rows, 0.3)[:, 14].tolist() == [0.9, 0.5]
        assert _best(rows, 0.4)[:, 14].tolist() == [0.9, 0.8, 0.5]
        assert _best(rows[:0], 0.3).shape == (0, 15)

    def test_a_part_of_a_face_is_no_other_face(self) -> None:
        rows = np.zeros((4, 15))
        # The face; a part within it; one that reaches out by two fifths; the face beside it.
        rows[:, :4] = [(0, 0, 100, 100), (30, 30, 50, 50), (70, 0, 50, 50), (120, 0, 100, 100)]
        rows[:, 14] = [0.95, 0.85, 0.8, 0.7]
        assert _best(rows, 0.3)[:, 14].tolist() == [0.95, 0.8, 0.7]

    @pytest.mark.parametrize(
        "shape", [(1, 1, 3), (1, 5000), (5000, 2, 3), (7, 9), (33, 31, 3), (20_000, 30, 3)]
    )
    def test_strange_shapes(self, squares: FaceDetector, shape: tuple[int, ...]) -> None:
        assert squares.detect(np.zeros(shape, dtype=np.uint8)) == []

    def test_points_that_fall_together_are_no_face(
        self, squares: FaceDetector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = np.full((1, 15), 50.0)
        monkeypatch.setattr(Squares, "detect", lambda self, image: row.copy())
        assert squares.detect(np.zeros((200, 200, 3), dtype=np.uint8)) == []


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "error"),
        [
            ({"min_score": 1.5}, InvalidArgumentError),
            ({"min_size": -1}, InvalidArgumentError),
            ({"max_side": 16}, InvalidArgumentError),
            ({"max_side": 640.0}, InvalidTypeError),
            ({"max_overlap": 2}, InvalidArgumentError),
            ({"model_path": None}, InvalidTypeError),
        ],
    )
    def test_wrong_ones(self, setting: dict[str, object], error: type[Exception]) -> None:
        (name,) = setting
        with pytest.raises(error, match=name):
            FaceDetector(**{"model_path": "x.onnx", **setting}).check()  # type: ignore[arg-type]

    def test_making_one_reads_nothing(self) -> None:
        assert FaceDetector("nowhere.onnx").model_path == "nowhere.onnx"

    def test_a_file_that_is_missing(self) -> None:
        with pytest.raises(ModelFileError, match=r"nowhere\.onnx.*fetch_detector"):
            FaceDetector("nowhere.onnx").detect(drawing(0))

    @pytest.mark.parametrize("content", [b"", b"not ONNX at all" * 20])
    def test_a_file_that_is_no_network(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "bad.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="not a face detector"):
            FaceDetector(path).check()

    def test_a_network_of_another_kind(self, tmp_path: Path, yunet: Path) -> None:
        path = tmp_path / "short.onnx"
        path.write_bytes(yunet.read_bytes()[:200_000])
        with pytest.raises(ModelFileError, match="not a face detector"):
            FaceDetector(path).check()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="module")
def faces(yunet: Path) -> FaceDetector:
    return FaceDetector(yunet)


class TestYuNet:
    """With the file; skipped without it."""

    def test_the_portrait(self, faces: FaceDetector, astronaut: np.ndarray) -> None:
        (face,) = faces.detect(astronaut)
        assert face.score > 0.9
        np.testing.assert_allclose(face.landmarks, ASTRONAUT, atol=6)
        left, top, width, height = face.box
        assert (np.array([left, top]) < ASTRONAUT.min(axis=0)).all()
        assert (np.array([left + width, top + height]) > ASTRONAUT.max(axis=0)).all()
        chip = align_face(astronaut, face.landmarks, 128)
        by_hand = align_face(astronaut, ASTRONAUT, 128)
        assert np.abs(chip.astype(float) - by_hand).mean() < 20

    @pytest.mark.parametrize("side", [1000, 2000])
    def test_a_chip_that_is_enlarged_is_one_face(
        self, faces: FaceDetector, utkface_folder: Path, side: int
    ) -> None:
        for path in sorted(utkface_folder.glob("*.jpg"))[::2400]:
            photo = cv2.resize(read_image(path), (side, side), interpolation=cv2.INTER_CUBIC)
            frame = [side // 10] * 4
            framed = cv2.copyMakeBorder(photo, *frame, cv2.BORDER_CONSTANT, value=(128, 128, 128))
            assert len(faces.detect(np.asarray(framed))) <= 1, path.name

    @pytest.mark.parametrize("scale", [0.2, 0.5, 3.0])
    def test_small_and_large_faces(
        self, faces: FaceDetector, astronaut: np.ndarray, scale: float
    ) -> None:
        photo = np.full((1600, 1800, 3), 120, dtype=np.uint8)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        part = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=method)
        photo[30 : 30 + len(part), 100 : 100 + len(part)] = part
        (face,) = FaceDetector(faces.model_path, min_size=8).detect(photo)
        expected = np.array([203.6, 101]) * scale + [100, 30]
        np.testing.assert_allclose(face.landmarks[0], expected, atol=max(2, 8 * scale))

    def test_max_side_is_what_finds_the_smallest(
        self, faces: FaceDetector, astronaut: np.ndarray
    ) -> None:
        photo = np.full((1600, 1800, 3), 120, dtype=np.uint8)
        photo[40:117, 900:977] = cv2.resize(astronaut, (77, 77), interpolation=cv2.INTER_AREA)
        found = [
            len(FaceDetector(faces.model_path, min_size=8, max_side=side).detect(photo))
            for side in (640, 1800)
        ]
        assert found == [0, 1]

    def test_a_hundred_faces(self, faces: FaceDetector, astronaut: np.ndarray) -> None:
        head = cv2.resize(astronaut[20:220, 120:320], (80, 80), interpolation=cv2.INTER_AREA)
        found = faces.detect(np.tile(head, (10, 10, 1)))
        assert len(found) == 100
        middles = [face.box[0] + face.box[2] / 2 for face in found]
        assert middles == sorted(middles)

    def test_files_upright_gray_and_of_16_bits(
        self, faces: FaceDetector, astronaut: np.ndarray, tmp_path: Path
    ) -> None:
        (expected,) = faces.detect(astronaut)
        turned = Image.fromarray(np.rot90(astronaut, 1))  # the camera was held on its side
        exif = Image.Exif()
        exif[0x0112] = 6
        turned.save(tmp_path / "turned.png", exif=exif)
        (face,) = faces.detect(tmp_path / "turned.png")
        np.testing.assert_allclose(face.landmarks, expected.landmarks)
        gray = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
        cv2.imwrite(str(tmp_path / "deep.png"), gray.astype(np.uint16) * 257)
        for photo in (gray, tmp_path / "deep.png"):
            (face,) = faces.detect(photo)
            np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=6)

    @pytest.mark.parametrize("value", [0, 128, 255])
    def test_nobody(self, faces: FaceDetector, value: int) -> None:
        assert faces.detect(np.full((300, 400, 3), value, dtype=np.uint8)) == []
        for side in (1, 8, 20):
            assert faces.detect(np.full((side, side), value, dtype=np.uint8)) == []

    def test_a_higher_score_leaves_faces_out(
        self, faces: FaceDetector, astronaut: np.ndarray
    ) -> None:
        assert FaceDetector(faces.model_path, min_score=0.999).detect(astronaut) == []

    @pytest.mark.parametrize("degrees", [0.0, 25.0, -20.0])
    def test_drawings_are_brought_upright(self, faces: FaceDetector, degrees: float) -> None:
        photo = np.full((500, 600, 3), 150, dtype=np.uint8)
        chip = drawing(3)
        place = placing(1.2, degrees, (300.0, 250.0))
        put(chip, photo, place)
        straight = np.full((500, 600, 3), 150, dtype=np.uint8)
        put(chip, straight, placing(1.2, 0.0, (300.0, 250.0)))
        (face,), (upright,) = faces.detect(photo), faces.detect(straight)
        undone = (face.landmarks - place[:, 2]) @ np.linalg.inv(place[:, :2]).T
        there = (upright.landmarks - [180, 130]) / 1.2
        np.testing.assert_allclose(undone, there, atol=0.06 * SIDE)

    def test_threads_and_copies_find_the_same(
        self, faces: FaceDetector, astronaut: np.ndarray, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (expected,) = faces.detect(astronaut)
        sent = copy.deepcopy(faces)
        with ThreadPoolExecutor(3) as pool:
            results = list(pool.map(sent.detect, [astronaut[:, : 400 + n] for n in range(6)]))
        assert capfd.readouterr().err == ""  # no notes of OpenCV's, from no thread
        for (face,) in results:
            np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=6)
        (again,) = faces.detect(astronaut)
        np.testing.assert_array_equal(again.landmarks, expected.landmarks)
        assert isinstance(again, Face)

    def test_chips_of_real_faces_follow_the_template(
        self, faces: FaceDetector, utkface_folder: Path
    ) -> None:
        # The frame in which the template was measured; chips are only read.
        found = []
        for path in sorted(utkface_folder.glob("*.jpg"))[::400]:
            framed = cv2.copyMakeBorder(cv2.imread(str(path)), *[60] * 4, cv2.BORDER_CONSTANT)
            seen = faces.detect(np.ascontiguousarray(framed[:, :, ::-1]))
            found += [max(seen, key=lambda face: face.score).landmarks - 60] if seen else []
        assert len(found) >= 40
        np.testing.assert_allclose(np.median(found, axis=0), template_points(200), atol=3)
