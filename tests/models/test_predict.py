"""Prediction in batches: from the image cache as from files, column by column, in order."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from faceattr import ClassificationTask, Dataset, Model, RegressionTask, TaskSet
from faceattr._requests import StackedImages
from faceattr.data import CachedImages, ImageCache
from faceattr.exceptions import DataError, TableError
from faceattr.models.heads import Head
from faceattr.models.predict import predictions_table
from faceattr.models.torch_runtime import TorchRuntime

SIZE = 32
AGE = RegressionTask("age", unit="years", bounds=(0, 116))


@pytest.fixture
def faces(tmp_path: Path) -> Dataset:
    """Nine JPEG files named as in UTKFace, in two folders."""
    drawings = Dataset.synthetic(9, size=48)
    for position in range(9):
        folder = tmp_path / ("a" if position % 2 else "b")
        folder.mkdir(exist_ok=True)
        name = f"{10 * position}_{position % 2}_{position % 5}_{2017 + position}.jpg"
        cv2.imwrite(str(folder / name), drawings.read(position)[:, :, ::-1])
    return Dataset.from_utkface(tmp_path)


@pytest.fixture(scope="module")
def model() -> Model:
    tasks = Dataset.synthetic(1, size=8).tasks
    return Model(tasks=tasks, weights=None, image_size=SIZE).eval()


class TestCache:
    @pytest.mark.parametrize("batch_size", [1, 2, 4, 64])
    def test_the_table_is_that_of_the_files(
        self, faces: Dataset, model: Model, batch_size: int
    ) -> None:
        cached = ImageCache().open(faces, SIZE)
        assert isinstance(cached, StackedImages)
        pd.testing.assert_frame_equal(
            model.predict(cached, batch_size=batch_size),
            model.predict(faces, batch_size=batch_size),
            check_exact=True,
        )

    def test_rows_come_in_the_order_of_the_data_set(self, faces: Dataset, model: Model) -> None:
        turned = faces.select(faces.table["sample_id"][::-1])
        found = model.predict(ImageCache().open(turned, SIZE), batch_size=4)
        whole = model.predict(faces, batch_size=4)
        assert found["sample_id"].tolist() == faces.table["sample_id"].tolist()[::-1]
        assert found["age"].tolist() == whole["age"].tolist()[::-1]
        np.testing.assert_allclose(found["age_pred"], whole["age_pred"][::-1], atol=1e-4)

    def test_only_whole_batches_are_taken(
        self, faces: Dataset, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[int] = []
        real = CachedImages.take

        def counting(self: CachedImages, positions: range) -> np.ndarray:
            taken.append(len(positions))
            return real(self, positions)

        monkeypatch.setattr(CachedImages, "take", counting)
        model.predict(ImageCache().open(faces, SIZE), batch_size=4)
        assert taken == [4, 4, 1]

    def test_the_files_are_not_needed(self, faces: Dataset, model: Model) -> None:
        cached = ImageCache().open(faces, SIZE)
        expected = model.predict(faces)
        for path in faces.table["path"]:
            Path(path).unlink()
        pd.testing.assert_frame_equal(model.predict(cached), expected)
        assert (model.predict(faces)["error"] != "").all()

    def test_an_unreadable_image_is_an_error_when_the_cache_is_opened(
        self, faces: Dataset, model: Model
    ) -> None:
        Path(faces.table["path"].iloc[3]).write_bytes(b"no image")
        assert (model.predict(faces)["error"] != "").sum() == 1
        with pytest.raises(DataError, match="cannot be read") as caught:
            ImageCache().open(faces, SIZE)
        assert caught.value.rows == (faces.table["sample_id"].iloc[3],)

    def test_another_size_is_scaled_again_and_told(
        self, faces: Dataset, model: Model, caplog: pytest.LogCaptureFixture
    ) -> None:
        cached = ImageCache().open(faces, 2 * SIZE)
        with caplog.at_level(logging.WARNING):
            found = model.predict(cached)
        assert "64 pixels" in caplog.text
        expected = model.predict(cached.take(range(9)))
        np.testing.assert_allclose(found["age_pred"], expected["age_pred"])
        assert found["sample_id"].tolist() == faces.table["sample_id"].tolist()

    def test_nothing_at_all(self, faces: Dataset, model: Model) -> None:
        empty = faces.select([])
        found = model.predict(ImageCache().open(empty, SIZE))
        pd.testing.assert_frame_equal(found, model.predict(empty))
        assert "age_q95" in found

    def test_single_images(self, faces: Dataset) -> None:
        cached = ImageCache().open(faces, SIZE)
        np.testing.assert_array_equal(cached.read(np.int64(2)), cached.take([2])[0])
        with pytest.raises(IndexError):
            cached.read(9)


class TestColumns:
    def test_batches_give_the_columns_of_the_whole(self, model: Model) -> None:
        generator = torch.Generator().manual_seed(0)
        sizes = {"age": 117, "gender": 2}
        whole = {k: torch.randn(11, n, generator=generator) for k, n in sizes.items()}
        table = pd.DataFrame({"sample_id": [f"{row}" for row in range(13)]})
        positions = np.array([12, 0, 3, 2, 9, 8, 7, 6, 5, 4, 1])
        parts = [slice(0, 4), slice(4, 5), slice(5, 11)]
        batches = [{k: values[part] for k, values in whole.items()} for part in parts]
        errors = {10: "damaged", 11: "missing"}
        found = predictions_table(TorchRuntime(model), table, positions, batches, errors)
        expected = predictions_table(TorchRuntime(model), table, positions, [whole], errors)
        pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-12)
        direct = model.head("age").columns(whole["age"])["age_pred"]
        np.testing.assert_allclose(found["age_pred"].to_numpy()[positions], direct, rtol=1e-12)
        assert found["gender_pred"].dtype == "str"
        assert found["gender_pred"].isna().tolist() == [row in errors for row in range(13)]
        assert found["error"].iloc[9:].tolist() == ["", "damaged", "missing", ""]

    def test_outputs_become_columns_batch_by_batch(
        self, faces: Dataset, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows: list[int] = []
        head = model.head("age")
        real = head.columns

        def counting(outputs: torch.Tensor) -> dict[str, np.ndarray]:
            rows.append(len(outputs))
            return real(outputs)

        monkeypatch.setattr(head, "columns", counting)
        model.predict(faces, batch_size=4)
        assert rows == [4, 4, 1]

    def test_a_name_that_is_taken_is_told_after_the_first_batch(self, faces: Dataset) -> None:
        model = Model(tasks=faces.tasks["gender"], weights=None, image_size=SIZE)
        taken = Dataset(faces.table.assign(gender_pred="male").drop(columns="gender"), tasks=[AGE])
        calls: list[int] = []
        model.register_forward_hook(lambda *_: calls.append(1))
        with pytest.raises(TableError):
            model.predict(taken, batch_size=2)
        assert len(calls) == 1

    def test_many_classes_make_no_fragmented_table(self, faces: Dataset) -> None:
        mood = ClassificationTask("mood", [f"mood{number}" for number in range(120)])
        found = Model(tasks=TaskSet(mood), weights=None, image_size=SIZE).predict(faces)
        found["more"] = 1.0  # pandas warns here if columns are kept one by one
        assert len(found.columns) > 120

    def test_changing_the_predictions_changes_nothing_else(
        self, faces: Dataset, model: Model
    ) -> None:
        before = faces.table.copy(deep=True)
        cached = ImageCache().open(faces, SIZE)
        for source in (faces, cached):
            found = model.predict(source)
            found.loc[0, "sample_id"] = "other"
            found.loc[:, "age"] = 0.0
            pd.testing.assert_frame_equal(source.table, before)
        paths = faces.table["path"].tolist()
        found = model.predict(paths)
        found.loc[0, "path"] = "other"
        assert found["sample_id"].tolist() == paths


@pytest.mark.parametrize("count", [1, 4, 5, 9])
def test_few_and_many_images_are_read_alike(faces: Dataset, model: Model, count: int) -> None:
    # Few are read by the caller's thread, many by a pool.
    paths = faces.table["path"].tolist()[:count]
    paths[-1] += ".gone"
    found = model.predict(paths, batch_size=3)
    assert (found["error"] == "").tolist() == [*[True] * (count - 1), False]
    assert found["sample_id"].tolist() == paths
    whole = model.predict(faces)["age_pred"][: count - 1]
    np.testing.assert_allclose(found["age_pred"][: count - 1], whole, atol=1e-4)


def test_a_part_in_training_mode_is_set_to_evaluation(faces: Dataset, model: Model) -> None:
    expected = model.predict(faces)
    model.heads.train()
    try:
        pd.testing.assert_frame_equal(model.predict(faces), expected)
        # Each part is what it was before, not what the whole is.
        assert not model.training
        assert all(head.training for head in model.heads.children())
    finally:
        model.eval()
    assert isinstance(model.head("age"), Head)


def test_a_folder_below_the_current_one(
    faces: Dataset, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(faces.table["path"].iloc[0]).parents[1]
    monkeypatch.chdir(root)
    found = model.predict(".")
    assert found["sample_id"].tolist() == faces.table["sample_id"].tolist()
    assert found["path"].tolist() == [str(Path(name)) for name in found["sample_id"]]
    assert (found["error"] == "").all()


@pytest.mark.parametrize("heads", [None, {"age": "linear", "gender": "logit"}])
def test_a_network_that_puts_out_no_number_predicts_nothing(heads: dict[str, str] | None) -> None:
    drawings = Dataset.synthetic(3, size=SIZE)
    broken = Model(tasks=drawings.tasks, heads=heads, weights=None, image_size=SIZE)
    with torch.no_grad():
        next(broken.heads["gender"].parameters()).fill_(torch.nan)
    table = broken.predict(drawings)
    assert table["error"].str.contains("no finite number").all()
    assert table[["age_pred", "gender_pred", "gender_prob_male"]].isna().all(axis=None)


@pytest.mark.parametrize("task", ["age", "gender"])
@pytest.mark.parametrize("heads", [None, {"age": "median"}])
def test_an_infinite_output_predicts_nothing(task: str, heads: dict[str, str] | None) -> None:
    drawings = Dataset.synthetic(3, size=SIZE)
    broken = Model(tasks=drawings.tasks, heads=heads, weights=None, image_size=SIZE)
    bias = next(p for name, p in broken.heads[task].named_parameters() if name.endswith("bias"))
    with torch.no_grad():
        bias[1] = torch.inf
    table = broken.predict(drawings)
    assert table["error"].str.contains("no finite number").all()
    assert table[["age_pred", "gender_pred"]].isna().all(axis=None)


def test_minus_infinity_rules_out_a_class() -> None:
    drawings = Dataset.synthetic(3, size=SIZE)
    model = Model(tasks=drawings.tasks, weights=None, image_size=SIZE)
    with torch.no_grad():
        next(p for p in model.heads["gender"].parameters() if p.ndim == 1)[0] = -torch.inf
    table = model.predict(drawings)
    assert (table["error"] == "").all()
    assert table["gender_prob_female"].eq(1).all()


def test_a_name_that_is_no_utf8(model: Model, tmp_path: Path) -> None:
    picture = cv2.imencode(".jpg", Dataset.synthetic(1, size=48).read(0))[1].tobytes()
    name = os.fsdecode(b"\xff\xe9.jpg")
    try:
        (tmp_path / name).write_bytes(picture)
    except OSError:
        pytest.skip("this file system takes no such names")
    (tmp_path / "b.jpg").write_bytes(picture)
    table = model.predict(tmp_path)
    assert sorted(table["sample_id"]) == sorted([name, "b.jpg"])
    assert (table["error"] == "").all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data:image/jpeg;base64," + "A" * 5000, "b64decode"),
        ("https://example.org/a.jpg", "download"),
        ("S3://bucket/a.jpg", "download"),
        ("A" * 5000, "no such file or folder"),
    ],
    ids=["data", "https", "s3", "long"],
)
def test_text_that_is_no_path(model: Model, text: str, said: str) -> None:
    for images in (text, Path("x" * 5000)):
        with pytest.raises(DataError, match=said if images == text else "no such file") as error:
            model.predict(images)
        assert len(str(error.value)) < 500
