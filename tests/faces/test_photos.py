"""Prediction of photos: a row a face, nothing lost, chips as the template wants them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from face_samples import SIDE, Remembered, drawing, placing, put
from faceattr import Dataset, Model, RegressionTask
from faceattr.cli import main
from faceattr.exceptions import (
    InvalidArgumentError,
    InvalidTypeError,
    ModelFileError,
    OutputError,
    TableError,
)
from faceattr.faces import (
    FACE_COLUMNS,
    Face,
    FaceDetector,
    align_face,
    crop_faces,
    find_faces,
    looks_like_chip,
)
from faceattr.jobs import _streaming, predicting, run_prediction, stream_prediction
from faceattr.tables import read_table, write_table

AGE = RegressionTask("age", bounds=(0, 116))


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(tasks=AGE, weights=None, image_size=32, seed=1).eval()


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remembered:
    """A folder ``photos`` of five files with 2, 0, 1 and 3 faces and a damaged one among them."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    folder.mkdir()
    detector = Remembered()
    number = 0
    for name, count in (("a", 2), ("b", 0), ("d", 1), ("e", 3)):
        photo = np.full((260, 640, 3), 40 * count, dtype=np.uint8)
        landmarks = []
        for place in range(count):
            where = placing(0.6 + 0.2 * place, 15.0 * (place - 1), (110.0 + 210 * place, 130.0))
            landmarks.append(put(drawing(number), photo, where))
            number += 1
        Image.fromarray(photo).save(folder / f"{name}.png")
        detector.add(photo, landmarks)
    (folder / "c.jpg").write_bytes(b"no image")
    return detector


IDS = ["a.png#0", "a.png#1", "b.png", "c.jpg", "d.png#0", "e.png#0", "e.png#1", "e.png#2"]


class TestPredict:
    @pytest.mark.parametrize("batch_size", [1, 4, 64])
    def test_a_row_a_face_and_one_for_a_photo_without(
        self, model: Model, album: Remembered, batch_size: int
    ) -> None:
        found = model.predict("photos", faces=album, batch_size=batch_size)
        assert found["sample_id"].tolist() == IDS
        assert found["path"].tolist() == [
            str(Path("photos", name.partition("#")[0])) for name in IDS
        ]
        numbers = [0, 1, None, None, 0, 0, 1, 2]
        assert [None if n is pd.NA else n for n in found["face"]] == numbers
        bare = found["sample_id"].isin(["b.png", "c.jpg"])
        assert found["error"].tolist() == [
            *["", "", "no face was found", "not an image file"],
            *[""] * 4,
        ]
        for name in (*FACE_COLUMNS, "age_pred", "age_q95"):
            assert found[name].isna().tolist() == bare.tolist(), name
        start = ["sample_id", "path", *FACE_COLUMNS, "age_pred"]
        assert found.columns[: len(start)].tolist() == start
        np.testing.assert_allclose(found["detector_score"].dropna()[:2], [0.9, 0.89])

    def test_predicted_are_the_aligned_chips(self, model: Model, album: Remembered) -> None:
        found = model.predict("photos", faces=album)
        photo = np.array(Image.open("photos/e.png"))
        chips = [align_face(photo, face.landmarks, 32) for face in album.detect(photo)]
        alone = model.predict(np.stack(chips))
        np.testing.assert_allclose(found["age_pred"][-3:], alone["age_pred"], atol=1e-4)
        whole = model.predict([drawing(3), drawing(4), drawing(5)])
        np.testing.assert_allclose(found["age_pred"][-3:], whole["age_pred"], atol=1.0)

    def test_the_table_is_kept_without_loss(self, model: Model, album: Remembered) -> None:
        found = model.predict("photos", faces=album)
        write_table(found, "faces.csv")
        pd.testing.assert_frame_equal(read_table("faces.csv"), found)

    def test_what_is_known_of_a_photo_stands_on_each_row(
        self, model: Model, album: Remembered
    ) -> None:
        names = sorted(path.name for path in Path("photos").iterdir())
        table = pd.DataFrame(
            {
                "sample_id": names,
                "path": [f"photos/{name}" for name in names],
                "age": np.arange(5.0),
                "camera": [f"camera {name}" for name in names],
            }
        )
        photos = Dataset(table, tasks=AGE)
        found = model.predict(photos, faces=album)
        assert found["sample_id"].tolist() == IDS
        assert found["age"].tolist() == [0, 0, 1, 2, 3, 4, 4, 4]
        assert found["camera"].iloc[-1] == "camera e.png"
        with pytest.raises(TableError, match="box_w"):
            model.predict(Dataset(table.assign(box_w=1.0), tasks=AGE), faces=album)

    def test_photos_that_are_no_files(self, model: Model, album: Remembered) -> None:
        photo = np.array(Image.open("photos/a.png"))
        data = Path("photos/d.png").read_bytes()
        found = model.predict([photo, data, photo[:50]], faces=album)
        assert found["sample_id"].tolist() == [
            *["item-000000#0", "item-000000#1", "item-000001#0"],
            "item-000002",
        ]
        listed = model.predict(["photos/d.png", "photos/d.png"], faces=album)
        assert listed["sample_id"].tolist() == ["photos/d.png#0"] * 2

    def test_nothing_found_and_nothing_asked(self, model: Model, album: Remembered) -> None:
        bare = model.predict(["photos/b.png", "gone.jpg"], faces=album)
        assert (bare["error"] != "").all()
        assert bare["age_pred"].isna().all()
        nothing = model.predict([], faces=album)
        assert len(nothing) == 0
        assert nothing.columns.tolist() == bare.columns.tolist()

    def test_the_mode_of_the_model_is_left_as_it_was(self, album: Remembered) -> None:
        model = Model(tasks=AGE, weights=None, image_size=32, seed=1)
        model.train()
        found = model.predict("photos", faces=album)
        assert model.training
        pd.testing.assert_frame_equal(found, model.eval().predict("photos", faces=album))

    def test_what_is_no_detector(self, model: Model, album: Remembered) -> None:
        with pytest.raises(InvalidTypeError, match=r"faces: not a face detector.*found: bool"):
            model.predict("photos", faces=True)  # type: ignore[arg-type]
        with pytest.raises(ModelFileError, match=r"nowhere\.onnx"):
            model.predict("photos", faces="nowhere.onnx")
        with pytest.raises(InvalidArgumentError, match="batch_size"):
            model.predict("photos", faces=album, batch_size=0)

    def test_a_detector_that_returns_nothing(self, model: Model) -> None:
        class Blind:
            def detect(self, photo: np.ndarray, /) -> list[Face]:
                return None  # type: ignore[return-value]

        with pytest.raises(InvalidTypeError, match=r"Blind\.detect.*found: None"):
            model.predict([drawing(0)], faces=Blind())

    def test_points_that_cannot_be_are_the_error_of_their_photo(self, model: Model) -> None:
        class Lost:
            def detect(self, photo: np.ndarray, /) -> list[Face]:
                points = np.array([(3.0, 3.0), (7, 3), (5, 5), (3, 7), (7, 7)])
                points[0, 0] = np.nan if photo[0, 0, 0] == 0 else 3.0
                return [Face((0.0, 0.0, 9.0, 9.0), points, 0.7)]

        photos = [np.full((20, 20, 3), level, dtype=np.uint8) for level in (0, 9)]
        found = model.predict(photos, faces=Lost())
        assert found["error"].str.startswith("a face cannot be aligned").tolist() == [True, False]
        assert found["age_pred"].isna().tolist() == [True, False]

    def test_the_other_faces_of_such_a_photo_are_predicted(self, model: Model) -> None:
        class Partly:
            def detect(self, photo: np.ndarray, /) -> list[Face]:
                points = np.array([(3.0, 3.0), (7, 3), (5, 5), (3, 7), (7, 7)])
                faces = [points, np.full((5, 2), np.nan), points + 9]
                return [Face((float(n), 0.0, 9.0, 9.0), p, 0.7) for n, p in enumerate(faces)]

        photos = [np.full((20, 20, 3), level, dtype=np.uint8) for level in (0, 9)]
        found = model.predict(photos, faces=Partly(), batch_size=3)
        assert found["age_pred"].isna().tolist() == [False, True, False] * 2
        assert (found["error"] != "").tolist() == [False, True, False] * 2
        assert found["face"].tolist() == [0, 1, 2] * 2

    @pytest.mark.parametrize(
        ("answer", "named"),
        [
            ([{"box": (0, 0, 1, 1)}], r"Own\.detect\[0\]: .*no face"),
            ((None,), r"Own\.detect\[0\]: .*no face"),
            ([Face((0.0, 0.0, 9.0), np.zeros((5, 2)), 0.7)], r"Own\.detect\[0\]: .*box"),  # type: ignore[arg-type]
            ([Face((0.0,) * 4, np.zeros((3, 2)), 0.7)], r"detect\[0\]\.landmarks.*\(3, 2\)"),  # type: ignore[arg-type]
            ([Face((0.0,) * 4, [(1, 2)] * 5, 0.7)], r"detect\[0\]\.landmarks.*list"),  # type: ignore[arg-type, list-item]
        ],
        ids=["dict", "None", "box", "points", "list"],
    )
    def test_a_detector_that_finds_something_else(
        self, model: Model, answer: list[Face], named: str
    ) -> None:
        class Own:
            def detect(self, photo: np.ndarray, /) -> list[Face]:
                return answer

        with pytest.raises(InvalidTypeError, match=named):
            model.predict([drawing(0)], faces=Own())
        with pytest.raises(InvalidTypeError, match=named):
            find_faces([drawing(0)], Own())

    def test_memory_is_bounded(self, model: Model) -> None:
        class Crowd:
            def detect(self, photo: np.ndarray, /) -> list[Face]:
                points = np.array([(3.0, 3.0), (7, 3), (5, 5), (3, 7), (7, 7)])
                return [Face((0.0, 0.0, 9.0, 9.0), points, 0.7)] * 100

        sizes: list[int] = []
        handle = model.register_forward_pre_hook(lambda _, images: sizes.append(len(images[0])))
        try:
            found = model.predict([drawing(0)] * 3, faces=Crowd(), batch_size=64)
        finally:
            handle.remove()
        assert len(found) == 300
        assert sizes == [64, 64, 64, 64, 44]
        assert found["age_pred"].nunique() <= 5  # they are all the same picture


class TestFindAndCrop:
    def test_a_table_of_faces(self, album: Remembered) -> None:
        found = find_faces("photos", album)
        assert found["sample_id"].tolist() == IDS
        (face,) = album.detect(np.array(Image.open("photos/d.png")))
        row = found[found["sample_id"] == "d.png#0"].iloc[0]
        np.testing.assert_allclose(row[["nose_x", "nose_y"]].astype(float), face.landmarks[2])
        np.testing.assert_allclose(row["box_x"], face.box[0])
        assert found["error"].iloc[2] == "no face was found"
        assert len(find_faces([], album)) == 0
        with pytest.raises(ModelFileError, match=r"gone\.onnx"):
            find_faces("photos", "gone.onnx")
        with pytest.raises(InvalidTypeError, match="detector: not a face detector"):
            crop_faces("photos", "chips", 3)  # type: ignore[arg-type]

    def test_chips_as_files(self, album: Remembered) -> None:
        found = crop_faces("photos", "chips", album, size=SIDE)
        assert found["sample_id"].tolist() == IDS
        files = found.loc[found["error"] == "", "chip"]
        assert [Path(name).name for name in files] == [f"00000{n}.png" for n in range(6)]
        assert found.loc[found["error"] != "", "chip"].tolist() == ["", ""]
        for number, name in enumerate(files):
            chip = np.array(Image.open(name)).astype(float)
            assert np.abs(chip - drawing(number))[8:-8, 8:-8].mean() < 8
        assert len(list(Path("chips").iterdir())) == 6

    def test_nothing_is_replaced(self, album: Remembered) -> None:
        Path("photos/000001.png").write_bytes(Path("photos/d.png").read_bytes())
        before = Path("photos/000001.png").read_bytes()
        with pytest.raises(OutputError, match=r"output.*replace.*000001\.png"):
            crop_faces("photos", "photos", album, size=SIDE)
        assert Path("photos/000001.png").read_bytes() == before
        crop_faces("photos", "chips", album, size=SIDE)
        with pytest.raises(OutputError, match="another folder"):
            crop_faces("photos", "chips", album, size=SIDE)

    def test_where_nothing_can_be_written(self, album: Remembered) -> None:
        Path("file").touch()
        with pytest.raises(OutputError, match="output"):
            crop_faces("photos", "file", album)


class TestNoDetector:
    @pytest.mark.parametrize(
        ("height", "width", "may_be"),
        [
            *[(200, 200, True), (218, 178, True), (1, 1, False), (1024, 1024, True)],
            *[(2000, 1900, True), (100, 130, True), (480, 640, False), (1350, 1080, True)],
            *[(16, 16, True), (15, 15, False)],
            *[(4000, 6000, False), (2400, 2400, False), (900, 1600, False), (1, 10, False)],
        ],
    )
    def test_what_may_be_a_chip(self, height: int, width: int, may_be: bool) -> None:
        assert looks_like_chip(height, width) is may_be

    def test_photos_are_told_once(
        self, model: Model, album: Remembered, caplog: pytest.LogCaptureFixture
    ) -> None:
        Image.fromarray(drawing(0)).save("photos/f.png")
        with caplog.at_level(logging.WARNING):
            found = model.predict("photos", batch_size=2)
        assert found["error"].tolist() == ["", "", "not an image file", "", "", ""]
        (record,) = caplog.records
        assert "4 of 6 images are plainly no face chips" in record.getMessage()
        assert "a.png (640x260), b.png (640x260), d.png (640x260):" in record.getMessage()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            model.extract_features(["photos/e.png"])
        assert "1 of 1 images are plainly no face chips" in caplog.text

    def test_chips_drawings_and_searched_photos_are_not(
        self, model: Model, album: Remembered, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            model.predict(Dataset.synthetic(6, size=64))
            model.predict([drawing(0), drawing(0)[:, :160], cv2.resize(drawing(1), (1024, 1024))])
            model.predict("photos", faces=album)
        assert caplog.records == []

    def test_the_central_square_is_what_is_predicted(self, model: Model, album: Remembered) -> None:
        photo = np.array(Image.open("photos/e.png"))
        both = model.predict([photo, photo[:, 190:450]])["age_pred"]
        assert both[0] == pytest.approx(both[1], abs=1e-4)


class TestCommand:
    @pytest.fixture
    def folder(self, model: Model, album: Remembered) -> Path:
        return model.save_pretrained("model")

    def test_with_the_detector(
        self, folder: Path, yunet: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = [
            "predict",
            "photos",
            "--model",
            str(folder),
            "--faces",
            str(yunet),
            "--json",
            "--quiet",
        ]
        assert main(argv) == 0
        shown = capsys.readouterr()
        rows = json.loads(shown.out)["predictions"]
        by_hand = Model.from_pretrained(folder).predict("photos", faces=FaceDetector(yunet))
        assert [row["sample_id"] for row in rows] == by_hand["sample_id"].tolist()
        assert [row["face"] for row in rows if row["sample_id"].startswith("e")] == [0, 1, 2]
        assert next(row for row in rows if row["sample_id"] == "b.png")["face"] is None
        assert "6 faces in 5 photos" in shown.err
        assert "no face in 2 of 5 photos" in shown.err
        assert "b.png: no face was found" in shown.err
        assert main(["predict", "photos/b.png", *argv[2:]]) == 1
        assert "0 faces in 1 photo\n" in capsys.readouterr().err

    def test_without_its_file(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            main(["predict", "photos", "--model", str(folder), "--faces", "gone.onnx", "--quiet"])
            == 1
        )
        assert "the face detector cannot be opened" in capsys.readouterr().err

    def test_not_in_parts(self, folder: Path) -> None:
        with pytest.raises(InvalidArgumentError, match=r"shard.*not known before they are found"):
            run_prediction(folder, "photos", shard="1/2", output="p.csv", faces="any.onnx")


class TestStreaming:
    """Photos that are predicted into a file, in pieces of two."""

    @pytest.fixture
    def folder(self, model: Model, album: Remembered, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(_streaming, "PIECE", 2)
        monkeypatch.setattr(predicting, "_open_detector", lambda faces: (album, {"faces": "his"}))
        return model.save_pretrained("model")

    def test_a_run_that_was_stopped_ends_as_another(
        self, folder: Path, album: Remembered, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = {"batch_size": 1, "faces": "yunet.onnx"}
        whole = Model.from_pretrained(folder).predict("photos", faces=album, batch_size=1)
        detect, seen = Remembered.detect, []

        def stopped(self: Remembered, photo: np.ndarray, /) -> list[Face]:
            seen.append(photo)
            if len(seen) == 3:
                raise KeyboardInterrupt
            return detect(self, photo)

        monkeypatch.setattr(Remembered, "detect", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_prediction(folder, "photos", output="f.csv", **options)
        monkeypatch.setattr(Remembered, "detect", detect)
        made = stream_prediction(folder, "photos", output="f.csv", **options)
        pd.testing.assert_frame_equal(read_table("f.csv"), whole)
        counts = made.counts
        assert (counts.images, counts.rows, counts.failed) == (5, 8, 2)
        assert counts.first_failed == ("b.png", "no face was found")

    def test_another_detector_does_not_go_on(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(_streaming, "join_tables", fail)
        with pytest.raises(KeyboardInterrupt):
            run_prediction(folder, "photos", output="f.csv", faces="yunet.onnx")
        monkeypatch.setattr(predicting, "_open_detector", lambda faces: (None, {"faces": "mine"}))
        with pytest.raises(InvalidArgumentError) as caught:
            run_prediction(folder, "photos", output="f.csv", faces="yunet.onnx")
        assert list(caught.value.rows) == ["faces"]


def test_a_missing_detector_is_told_before_anything_is_made(
    model: Model, album: Remembered
) -> None:
    folder = model.save_pretrained("model")
    with pytest.raises(ModelFileError, match="cannot be opened"):
        run_prediction(folder, "photos", output="f.csv", faces="gone.onnx")
    assert not Path("f.csv.parts").exists()


def test_one_warning_for_all_pieces(
    model: Model, album: Remembered, caplog: pytest.LogCaptureFixture, monkeypatch
) -> None:
    monkeypatch.setattr(_streaming, "PIECE", 1)
    folder = model.save_pretrained("model")
    run_prediction(folder, "photos", output="f.csv", batch_size=1)
    told = [r.getMessage() for r in caplog.records if "no face chips" in r.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("4 of 5 images")
    assert "a.png (640x260), b.png (640x260), d.png (640x260)" in told[0]
