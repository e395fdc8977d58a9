"""From images to a table of scores."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr import Dataset
from faceattr._parallel import map_processes
from faceattr._requests import FILES
from faceattr.data import ImageCache
from faceattr.exceptions import DataError, InvalidArgumentError, InvalidTypeError
from faceattr.images import read_image
from faceattr.quality import (
    QUALITY_METRICS,
    NoScore,
    QualityFilter,
    pieces,
    quality_metric,
    scoring,
)
from faceattr.quality.views import gray
from faceattr.tables import read_table, write_table
from quality_samples import LIGHT, Calls, flat, noisy, save

pytestmark = pytest.mark.usefixtures("calls")


def score(images: object, *names: str, **options: object) -> pd.DataFrame:
    return QualityFilter(metrics=names or LIGHT, **options).score(images)  # type: ignore[arg-type]


def test_a_row_a_file_and_a_column_a_metric_in_the_order_asked(photos: Path) -> None:
    table = score(photos, "t_red", "t_light")
    assert list(table.columns) == ["sample_id", "t_red", "t_light", "notes"]
    assert table["sample_id"].tolist() == [
        *("0.png", "1.png", "2.png", "2a.png", "3.png", "4.png", "5.png", "9.jpg")
    ]
    assert table["t_light"].dtype == np.float64
    for row in (0, 1, 2, 4, 5, 6):
        image = read_image(photos / table["sample_id"][row])
        assert table["t_light"][row] == image.mean()
        assert table["t_red"][row] == image[:, :, 0].mean()


def test_what_has_no_score_says_why_and_spoils_no_neighbour(photos: Path) -> None:
    table = score(photos).set_index("sample_id")
    assert table.loc["2a.png", "notes"] == "cannot be read: the file is empty"
    assert table.loc["9.jpg", "notes"] == "cannot be read: not an image file"
    assert table.loc[["2a.png", "9.jpg"], list(LIGHT)].isna().all(axis=None)
    # "; " stands between notes, so it cannot stand within one.
    assert table.loc["3.png", "notes"] == "t_spread: a flat image, no detail"
    assert table.loc["3.png", list(LIGHT)].isna().tolist() == [False, True, False]
    good = table.drop(["2a.png", "9.jpg", "3.png"])
    assert (good["notes"] == "").all()
    assert good[list(LIGHT)].notna().all(axis=None)


def test_the_table_is_kept_on_disk_without_loss(photos: Path, tmp_path: Path) -> None:
    table = score(photos)
    pd.testing.assert_frame_equal(read_table(write_table(table, tmp_path / "q.csv")), table)


def test_all_kinds_of_images(photos: Path) -> None:
    path = photos / "1.png"
    array = read_image(path)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    kinds = [path, str(path), array, Image.fromarray(array), buffer.getvalue()]
    table = score([*kinds, path])
    assert table["t_light"].tolist() == [array.mean()] * 6
    assert table["sample_id"].tolist() == [
        *(str(path), str(path), "item-000002", "item-000003", "item-000004", str(path))
    ]
    assert score(np.stack([array, flat(7)]))["t_light"].tolist() == [array.mean(), 7.0]
    assert score([])["sample_id"].tolist() == []


def test_a_list_with_an_array_of_another_type_goes_on() -> None:
    table = score([flat(9), np.zeros((4, 4)), flat(11)], "t_light")
    assert table["t_light"].tolist()[::2] == [9.0, 11.0]
    assert table["notes"][1].startswith("cannot be read: not an image (float64")


def test_a_data_set_keeps_its_ids() -> None:
    faces = Dataset.synthetic(5, seed=2, size=32).select(
        Dataset.synthetic(5, seed=2, size=32).table["sample_id"][::-1]
    )
    table = score(faces, "t_light")
    assert table["sample_id"].tolist() == faces.table["sample_id"].tolist()
    assert table["t_light"].tolist() == [faces.read(row).mean() for row in range(5)]


def test_order_and_values_do_not_depend_on_threads_or_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [noisy(value, value) for value in range(10, 90)]
    images[40] = flat(3)
    paths = [save(tmp_path / f"{number}.png", image) for number, image in enumerate(images)]
    one = score(paths, cache=False)
    monkeypatch.setattr(scoring, "_CHUNK", 7)
    monkeypatch.setattr(scoring, "_PIECE", 2)
    monkeypatch.setattr(scoring, "_KEYS", 3)
    pd.testing.assert_frame_equal(score(paths), one)  # what is new is scored
    pd.testing.assert_frame_equal(score(paths), one)  # and then read


def test_images_of_the_image_cache_are_refused() -> None:
    cached = ImageCache().open(Dataset.synthetic(2, size=32), 32)
    with pytest.raises(InvalidTypeError, match="were resized") as caught:
        score(cached)
    assert caught.value.argument == "images"


@pytest.mark.parametrize("wrong", [3, None, [3], {"a": 1}])
def test_what_is_no_image_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidTypeError):
        score(wrong)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image"):
        score(tmp_path)


def test_an_image_is_decoded_once_for_all_metrics(photos: Path, monkeypatch, calls: Calls) -> None:
    read = []

    def counting(path):
        read.append(path)
        return read_image(path)

    monkeypatch.setattr("faceattr._requests.FILES", FILES._replace(read=counting))
    score(photos)
    assert len(read) == 8
    assert calls.take() == 3 * 6


def test_views_are_shared_between_metrics_and_not_between_images(photos: Path) -> None:
    seen = []
    for name in ("t_first", "t_second"):

        @quality_metric(name)
        def look(image):
            view = gray(image)
            seen.append((id(view), view.mean()))
            return float(view.mean())

    image = noisy(50)
    QualityFilter(metrics=["t_first", "t_second"], cache=False).score([image])
    assert seen[0] == seen[1]
    table = score(photos, "t_first", "t_second")
    good = table[table["notes"] == ""]
    assert good["t_first"].tolist() == good["t_second"].tolist()
    assert good["t_first"].nunique() == 6


def test_a_metric_cannot_change_what_others_see() -> None:
    @quality_metric("t_rude")
    def rude(image):
        image[:] = 0
        return 0.0

    image = noisy(50)
    before = image.copy()
    with pytest.raises(ValueError, match="read-only"):
        score([image], "t_rude")
    assert np.array_equal(image, before)
    assert image.flags.writeable


def test_a_metric_that_fails_says_where(photos: Path) -> None:
    @quality_metric("t_broken")
    def broken(image):
        raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError) as caught:
        score(photos, "t_light", "t_broken")
    assert caught.value.__notes__ == ["while scoring t_broken of 0.png"]


@pytest.mark.parametrize(
    "value", [None, "3", np.array([1.0]), [1.0], 1j, np.array(1j), np.array("1")]
)
def test_a_metric_that_returns_no_number_is_named(value: object) -> None:
    @quality_metric("t_odd")
    def odd(image):
        return value

    with pytest.raises(InvalidTypeError, match="t_odd: the metric returned no number") as caught:
        score([flat(3)], "t_odd")
    assert caught.value.rows == ("item-000000",)


@pytest.mark.parametrize("value", [True, np.bool_(False), np.array(True)])
def test_a_metric_that_returns_a_truth_value_is_told_what_to_do(value: object) -> None:
    @quality_metric("t_odd")
    def odd(image):
        return value

    with pytest.raises(InvalidTypeError, match="t_odd: the metric returned no number") as caught:
        score([flat(3)], "t_odd")
    assert caught.value.hint == "float(...)"


@pytest.mark.parametrize("value", [-0.1, 1.5, np.inf, -np.inf])
def test_a_metric_outside_its_range_is_named(value: float) -> None:
    @quality_metric("t_odd", range=(0, 1))
    def odd(image):
        return value

    with pytest.raises(InvalidArgumentError, match=r"t_odd: .*outside its range"):
        score([flat(3)], "t_odd")


def test_infinity_is_no_score_where_there_is_no_bound() -> None:
    @quality_metric("t_odd")
    def odd(image):
        return np.inf

    with pytest.raises(InvalidArgumentError, match="t_odd"):
        score([flat(3)], "t_odd")


@pytest.mark.parametrize(
    ("value", "expected", "note"),
    [
        (np.float32(0.5), 0.5, ""),
        (1, 1.0, ""),
        (np.int64(0), 0.0, ""),
        (np.array(0.5, np.float32), 0.5, ""),
        (np.array(1), 1.0, ""),
        (np.array(np.nan), None, "t_odd: not defined"),
        (float("nan"), None, "t_odd: not defined"),
        (NoScore("because"), None, "t_odd: because"),
    ],
)
def test_numbers_of_any_kind(value: object, expected: float | None, note: str) -> None:
    @quality_metric("t_odd", range=(0, 1))
    def odd(image):
        return value

    table = score([flat(3)], "t_odd")
    assert table["notes"][0] == note
    assert pd.isna(table["t_odd"][0]) if expected is None else table["t_odd"][0] == expected


def test_all_cores_score_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceattr._parallel.cores", lambda: 2)
    monkeypatch.setattr(scoring, "_PIECE", 1)
    together = threading.Barrier(2, timeout=30)

    @quality_metric("t_meet")
    def meet(image):
        together.wait()  # breaks unless a second thread is scoring meanwhile
        return 0.0

    assert len(score([flat(1), flat(2)], "t_meet")) == 2


def test_progress_goes_to_stderr(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    QualityFilter(metrics=LIGHT).score(photos, progress=True)
    QualityFilter(metrics=LIGHT).score(photos, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("8/8") == 2
    QualityFilter(metrics=LIGHT).score(photos)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["nope"], InvalidArgumentError, "unknown quality metric"),
        (["t_light", "t_light"], InvalidArgumentError, "given more than once"),
        ([], InvalidArgumentError, "nothing to score"),
        ("t_light", InvalidTypeError, "a single string"),
        (5, InvalidTypeError, "not names"),
        ([5], InvalidTypeError, "not the name of a metric"),
        ([["t_light"]], InvalidTypeError, "not the name of a metric"),
        ([None], InvalidTypeError, "not the name of a metric"),
    ],
)
def test_wrong_metrics(names: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        QualityFilter(metrics=names).score([flat(3)])  # type: ignore[arg-type]


def test_metrics_of_thresholds_are_scored_too() -> None:
    chosen = QualityFilter(
        {"t_red": (3, None)}, metrics=["t_light"], quantiles={"t_spread": (0, 1)}
    )
    assert list(chosen.score([noisy(5)]).columns[1:4]) == ["t_light", "t_red", "t_spread"]


def test_by_default_the_usual_metrics_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceattr.quality.defaults.DEFAULT_METRICS", ("t_red", "t_light"))
    assert list(QualityFilter().score([flat(5)]).columns[1:3]) == ["t_red", "t_light"]


def test_a_metric_for_several_images_is_given_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[int]] = []

    def many(images):
        given.append([image.size for image in images])
        assert not any(image.flags.writeable for image in images)
        return [float(image.mean()) for image in images]

    metric = replace(QUALITY_METRICS.get("t_light", argument="x"), name="t_many", batch=many)
    QUALITY_METRICS.register("t_many", metric)
    monkeypatch.setattr(pieces, "_HELD_VALUES", 1000)
    images = [noisy(number, number) for number in range(20)]  # of 432 values
    images[7] = flat(7, side=50)
    paths = [save(tmp_path / f"{number}.png", image) for number, image in enumerate(images)]
    paths[3].write_bytes(b"")
    table = score(paths, "t_light", "t_many")
    assert table["t_many"].equals(table["t_light"].rename("t_many"))
    assert max(map(sum, given)) == 7500
    assert max(sum(sizes) for sizes in given if sizes != [7500]) <= 1000
    assert max(map(len, given)) == 2
    paths[3].write_bytes(paths[2].read_bytes())
    again = score(paths, "t_light", "t_many")  # now t_red is missing for all but one
    assert again["t_many"].drop(3).equals(table["t_many"].drop(3))
    every = score(paths, "t_red", "t_many")
    assert every["t_many"].equals(again["t_many"])
    assert every["t_red"].notna().all()


def test_a_metric_for_several_images_that_loses_one_is_named() -> None:
    given = QUALITY_METRICS.get("t_light", argument="x")
    QUALITY_METRICS.register("t_lossy", replace(given, name="t_lossy", batch=lambda _: [1.0]))
    with pytest.raises(InvalidTypeError, match="t_lossy: the metric returned more or fewer"):
        score([flat(3), flat(4)], "t_lossy")


def in_processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let few images be enough for worker processes; returns how many pieces they were given."""
    given: list[int] = []

    def counting(function, items):
        given.append(len(items := list(items)))
        return map_processes(function, items)

    monkeypatch.setattr(pieces, "map_processes", counting)
    monkeypatch.setattr(scoring, "cores", lambda: 2)
    monkeypatch.setattr("faceattr._parallel.cores", lambda: 2)
    monkeypatch.setattr(scoring, "_MANY", 1)
    monkeypatch.setattr(scoring, "_PIECE", 2)
    return given


def test_processes_say_what_threads_say(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = Dataset.synthetic(7, seed=3, size=48)
    names = ["luminance", "brisque", "size", "ita", "laplacian_variance"]
    expected = [score(images, *names, cache=False) for images in (photos, faces)]
    given = in_processes(monkeypatch)
    for _ in range(2):  # the second time from the store
        for images, table in zip((photos, faces), expected, strict=True):
            found = score(images, *names)
            pd.testing.assert_frame_equal(found, table, rtol=0, atol=1e-9)
            assert found["notes"].tolist() == table["notes"].tolist()
    assert given == [4, 4]  # of two each; the two unreadable ones are read like the others
    assert expected[0]["notes"].str.contains("brisque: ").any()


def test_a_function_of_the_library_under_another_name_stays_here(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(photos, "luminance", cache=False)["luminance"]
    quality_metric("t_own")(QUALITY_METRICS.get("luminance", argument="x").function)
    given = in_processes(monkeypatch)
    table = score(photos, "t_own", "size", cache=False)
    assert table["t_own"].equals(expected.rename("t_own"))
    assert given == []


def test_metrics_of_others_and_images_of_others_stay_here(
    photos: Path, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    class Others:
        table = pd.DataFrame({"sample_id": [f"{row}" for row in range(9)]})

        def read(self, position):
            return noisy(position, position)

    given = in_processes(monkeypatch)
    score(photos, "t_light", "luminance", cache=False)
    assert calls.take() == 6
    score(Others(), "luminance")
    monkeypatch.setattr(scoring, "_MANY", 10)
    score(photos, "luminance", cache=False)  # too few to start processes for
    assert given == []
