"""Where the line is drawn, what is said of images beyond it, and what becomes of them."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import faceattr
from faceattr import ClassificationTask, Dataset, QualityFilter
from faceattr._requests import FILES
from faceattr.exceptions import (
    DataError,
    ImageReadError,
    InvalidArgumentError,
    InvalidTypeError,
    TableError,
)
from faceattr.images import read_image
from faceattr.quality import QUALITY_METRICS, Complaint, Verdict, presets, quality_metric
from faceattr.quality.thresholds import shown
from faceattr.tables import read_table, write_table
from quality_samples import LIGHT, Calls, flat, noisy

pytestmark = pytest.mark.usefixtures("calls")

LIMITS = {"t_light": (50, 200), "t_spread": (1, None)}


def make(thresholds: object = None, **options: object) -> QualityFilter:
    return QualityFilter(thresholds, metrics=LIGHT, **options)  # type: ignore[arg-type]


def make_table(**columns: object) -> pd.DataFrame:
    length = len(next(iter(columns.values())))  # type: ignore[arg-type]
    return pd.DataFrame({"sample_id": [f"{row}.png" for row in range(length)], **columns})


@pytest.fixture
def faces(photos: Path) -> Dataset:
    """The photos as a data set, of which one image cannot be read by accident."""
    for name in ("2a.png", "9.jpg"):
        (photos / name).unlink()
    rows = pd.DataFrame({"path": [f"{row}.png" for row in range(6)], "smile": ["no", "yes"] * 3})
    rows.to_csv(photos.parent / "labels.csv", index=False)
    smile = ClassificationTask("smile", ("no", "yes"))
    return Dataset.from_csv(photos.parent / "labels.csv", root=photos, tasks=smile)


# The constructor


def test_the_constructor_only_stores() -> None:
    assert faceattr.QualityFilter is QualityFilter
    given = {
        "thresholds": object(),
        "metrics": object(),
        "quantiles": object(),
        "missing": object(),
        "weights": object(),
        "cache": object(),
    }
    chosen = QualityFilter(**given)  # type: ignore[arg-type]
    assert vars(chosen) == given


@pytest.mark.parametrize(
    ("options", "error", "argument"),
    [
        ({"missing": "drop"}, InvalidArgumentError, "missing"),
        ({"weights": "mine"}, InvalidArgumentError, "weights"),
        ({"cache": 1}, InvalidTypeError, "cache"),
        ({"thresholds": "severe"}, InvalidArgumentError, "thresholds"),
        ({"thresholds": 5}, InvalidTypeError, "thresholds"),
        ({"thresholds": [("t_light", (1, 2))]}, InvalidTypeError, "thresholds"),
        ({"thresholds": {"t_dark": (1, 2)}}, InvalidArgumentError, "thresholds"),
        ({"thresholds": {3: (1, 2)}}, InvalidTypeError, "thresholds"),
        ({"thresholds": {"t_light": 5}}, InvalidTypeError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": "12"}}, InvalidTypeError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": (1, 2, 3)}}, InvalidTypeError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": ("1", 2)}}, InvalidTypeError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": (True, 2)}}, InvalidTypeError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": (None, None)}}, InvalidArgumentError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": (9, 3)}}, InvalidArgumentError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": (np.nan, 3)}}, InvalidArgumentError, "thresholds['t_light']"),
        # What a metric cannot be is a mistake: the light goes from 0 to 255.
        ({"thresholds": {"t_light": (None, 300)}}, InvalidArgumentError, "thresholds['t_light']"),
        ({"thresholds": {"t_light": (-1, None)}}, InvalidArgumentError, "thresholds['t_light']"),
    ],
)
def test_wrong_arguments(options: dict[str, object], error: type, argument: str) -> None:
    options = {"thresholds": {"t_light": (5, None)}, **options}
    chosen = QualityFilter(metrics=["t_light"], **options)  # type: ignore[arg-type]
    table = make_table(t_light=[1.0])
    calls = [chosen.score, chosen.flag, chosen.check, chosen.summary, chosen.plot]
    for call, given in zip(calls, [[flat(1)], table, flat(1), table, table], strict=True):
        with pytest.raises(error) as caught:
            call(given)
        assert caught.value.argument == argument


@pytest.mark.parametrize("thresholds", [None, {}])
def test_without_a_threshold_nothing_is_dropped(faces: Dataset, thresholds: object) -> None:
    chosen = make(thresholds)
    table = chosen.score(faces)
    calls = (
        lambda: chosen.flag(table),
        lambda: chosen.filter(faces, table),
        lambda: chosen.check(flat(3)),
    )
    for call in calls:
        with pytest.raises(InvalidArgumentError, match="no threshold") as caught:
            call()
        assert "'lenient', 'standard', 'strict'" in str(caught.value)
        assert "QualityFilter('standard')" in str(caught.value)


# Flags


def test_flags_and_reasons(photos: Path) -> None:
    chosen = make(LIMITS)
    table = chosen.score(photos)
    before = table.copy()
    flagged = chosen.flag(table)
    pd.testing.assert_frame_equal(table, before)
    assert list(flagged.columns) == [
        *table.columns, "is_t_light_issue", "is_t_spread_issue", "reasons"
    ]  # fmt: skip
    assert flagged["is_t_light_issue"].dtype == np.bool_
    by_id = flagged.set_index("sample_id")
    light = by_id.loc["0.png", "t_light"]
    assert by_id.loc["0.png", "reasons"] == f"too dark (t_light {light:.3g}, at least 50)"
    assert by_id.loc["5.png", "reasons"].startswith("too bright (t_light 2")
    assert by_id.loc["3.png", "reasons"] == ("t_spread cannot be computed: a flat image, no detail")
    assert by_id.loc["2a.png", "reasons"] == "cannot be read: the file is empty"
    assert by_id.loc[["1.png", "2.png", "4.png"], "reasons"].tolist() == ["", "", ""]
    assert by_id["is_t_light_issue"].tolist() == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
        True,
    ]
    assert by_id["is_t_spread_issue"].tolist() == [False] * 3 + [True, True, False, False, True]


def test_several_reasons_stand_side_by_side() -> None:
    chosen = make({"t_light": (50, None), "t_spread": (4.5, None), "t_red": (None, 200)})
    table = make_table(t_light=[3.0], t_spread=[0.04], t_red=[211.0], notes=[""])
    assert chosen.flag(table)["reasons"][0] == (
        "too dark (t_light 3, at least 50); spread too low (t_spread 0.04, at least 4.5); "
        "t red too high (t_red 211, at most 200)"
    )


def test_limits_are_within() -> None:
    chosen = make({"t_light": (50, 200)})
    values = [50.0, np.nextafter(50, 0), 200.0, np.nextafter(200, 300), 100.0]
    flagged = chosen.flag(make_table(t_light=values))
    assert flagged["is_t_light_issue"].tolist() == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        (31.23, 60, ("31.2", "60")),
        (59.99, 60, ("59.99", "60")),
        (60.001, 60, ("60.001", "60")),
        (1234.5, 1500, ("1,234", "1,500")),
        (0.00123, 0.5, ("0.00123", "0.5")),
        (-3.0, 0.0, ("-3", "0")),
        (0.0, 5.0, ("0", "5")),
    ],
)
def test_numbers_show_which_is_larger(value: float, limit: float, expected: tuple) -> None:
    assert shown(value, limit) == expected


def test_numbers_that_are_close_are_told_apart() -> None:
    for value in np.random.default_rng(0).uniform(0, 1000, 300):
        above, limit = shown(float(value) * (1 + 1e-13), float(value))
        assert float(above.replace(",", "")) > float(limit.replace(",", ""))


def test_flagging_anew_replaces_the_flags(photos: Path) -> None:
    table = make().score(photos)
    once = make(LIMITS).flag(table)
    pd.testing.assert_frame_equal(make(LIMITS).flag(once), once)
    other = make({"t_red": (None, 100)})
    pd.testing.assert_frame_equal(other.flag(once), other.flag(table))


def test_columns_of_others_stay() -> None:
    table = make_table(t_light=[1.0, 90.0], camera=["a", "b"], is_mine_issue=[True, False])
    flagged = make({"t_light": (50, None)}).flag(table)
    assert flagged["camera"].tolist() == ["a", "b"]
    assert flagged["is_mine_issue"].tolist() == [True, False]


@pytest.mark.parametrize("missing", ["flag", "keep"])
def test_what_has_no_score(missing: str, photos: Path) -> None:
    chosen = make({"t_spread": (1, None)}, missing=missing)
    flagged = chosen.flag(chosen.score(photos)).set_index("sample_id")
    assert flagged.loc["3.png", "is_t_spread_issue"] == (missing == "flag")
    assert bool(flagged.loc["3.png", "reasons"]) == (missing == "flag")
    for name in ("2a.png", "9.jpg"):  # nobody can tell what these show
        assert flagged.loc[name, "is_t_spread_issue"]
        assert flagged.loc[name, "reasons"].startswith("cannot be read: ")


def test_scores_of_others_need_no_notes() -> None:
    chosen = make({"t_light": (50, None)})
    assert chosen.flag(make_table(t_light=[np.nan, 60]))["reasons"].tolist() == [
        "t_light cannot be computed", ""
    ]  # fmt: skip
    noted = make_table(t_light=[60, 60], notes=[np.nan, None])
    assert chosen.flag(noted)["reasons"].tolist() == ["", ""]
    whole_numbers = make_table(t_light=[49, 50])
    assert chosen.flag(whole_numbers)["is_t_light_issue"].tolist() == [True, False]


@pytest.mark.parametrize("missing", ["flag", "keep"])
def test_images_without_any_score_or_note_cannot_be_read(missing: str) -> None:
    scores = {"t_light": [np.nan, np.nan, 90.0, 90.0], "t_spread": [np.nan, 5.0, np.nan, 5.0]}
    chosen = make({"t_light": (50, None)}, missing=missing)
    table = make_table(**scores)
    flagged = chosen.flag(table)
    expected = ["cannot be read: no score and no note", "t_light cannot be computed", "", ""]
    if missing == "keep":
        expected[1] = ""
    assert flagged["reasons"].tolist() == expected
    assert chosen.summary(table).startswith("4 images, 1 cannot be read")
    noted = table.assign(notes=["t_light: black; t_spread: black", "", "", ""])
    reason = chosen.flag(noted)["reasons"][0]  # which is known to be another
    assert reason == ("t_light cannot be computed: black" if missing == "flag" else "")


@pytest.mark.parametrize(("name", "read"), [("t_light", True), ("size", False)])
def test_one_missing_score_tells_only_where_every_image_has_it(name: str, read: bool) -> None:
    chosen = QualityFilter({name: (5, None)}, metrics=[name], missing="keep")
    flagged = chosen.flag(make_table(**{name: [np.nan, 90.0]}))
    assert flagged[f"is_{name}_issue"].tolist() == [not read, False]


def test_a_reason_stays_one_reason(photos: Path, tmp_path: Path) -> None:
    @quality_metric(
        "t_parted", label="one; two", complaints=(None, Complaint("too much; far too much", ""))
    )
    def parted(image):
        return 5.0

    above = QualityFilter({"t_parted": (None, 3)}, metrics=["t_parted"])
    below = QualityFilter({"t_parted": (7, None)}, metrics=["t_parted"])
    first = "too much, far too much (t_parted 5, at most 3)"
    second = "one, two too low (t_parted 5, at least 7)"
    for chosen, reason in ((above, first), (below, second)):
        assert chosen.flag(chosen.score(photos / "1.png"))["reasons"].tolist() == [reason]
        assert chosen.check(photos / "1.png").reasons == (reason,)
    images = [photos / "1.png"]
    page = above.to_html(tmp_path / "q.html", images, above.score(images))
    assert first in page.read_text(encoding="utf-8").replace("<wbr>", "")


def test_a_note_stays_one_note(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path):
        raise ImageReadError("torn; burnt", found="ashes; more ashes")

    monkeypatch.setattr("faceattr._requests.FILES", FILES._replace(read=fail))
    [note] = make(cache=False).score([photos / "1.png"])["notes"]
    assert note == "cannot be read: torn, burnt (ashes, more ashes)"


def test_a_flagged_table_is_kept_on_disk(photos: Path, tmp_path: Path) -> None:
    chosen = make(LIMITS)
    flagged = chosen.flag(chosen.score(photos))
    read = read_table(write_table(flagged, tmp_path / "q.csv"))
    pd.testing.assert_frame_equal(read, flagged)
    pd.testing.assert_frame_equal(chosen.flag(read), flagged)


def test_an_image_listed_twice_is_flagged_twice() -> None:
    table = pd.DataFrame({"sample_id": ["a", "a"], "t_light": [3.0, 3.0]})
    assert make({"t_light": (50, None)}).flag(table)["is_t_light_issue"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (pd.DataFrame({"t_light": [1.0]}), TableError, "sample_id"),
        (make_table(t_red=[1.0]), TableError, "metrics that have a limit are not in the table"),
        (make_table(t_light=["3"]), TableError, "scores are not numbers"),
        (make_table(t_light=[True]), TableError, "scores are not numbers"),
        ({"t_light": [1.0]}, InvalidTypeError, "not a table"),
    ],
)
def test_tables_that_cannot_be_flagged(table: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make({"t_light": (50, None)}).flag(table)  # type: ignore[arg-type]


def test_a_metric_that_the_table_lacks_is_named_with_a_way_out() -> None:
    with pytest.raises(TableError) as caught:
        make(LIMITS).flag(make_table(t_light=[1.0]))
    assert caught.value.rows == ("t_spread",)
    assert "QualityFilter(metrics=[..., 't_spread']).score(images)" in str(caught.value)


# Presets and quantiles


def test_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"standard": {"t_light": (50, None)}})
    chosen = QualityFilter("standard", metrics=["t_red"], cache=False)
    table = chosen.score([noisy(30), noisy(90)])
    assert list(table.columns) == ["sample_id", "t_red", "t_light", "notes"]
    assert chosen.flag(table)["is_t_light_issue"].tolist() == [True, False]
    with pytest.raises(InvalidArgumentError, match="'standard'"):
        QualityFilter("lenient").flag(table)


def test_the_shipped_presets_can_be_used() -> None:
    assert list(presets.PRESETS) == ["lenient", "standard", "strict"]
    for name, pairs in presets.PRESETS.items():
        if pairs:
            assert QualityFilter(name).check(noisy(90)).reasons is not None


def test_thresholds_are_learned_from_quantiles() -> None:
    table = make_table(t_light=np.arange(101.0), t_red=[*np.arange(100.0), np.nan])
    quantiles = {"t_light": (0.05, 0.9), "t_red": (None, 0.5)}
    chosen = make({"t_light": (1, 2), "t_spread": (3, None)}, quantiles=quantiles)
    assert chosen.fit(table) is chosen
    assert chosen.thresholds_ == {
        "t_light": (5.0, 90.0), "t_spread": (3.0, None), "t_red": (None, 49.5)
    }  # fmt: skip
    only = make(quantiles={"t_light": (0.05, 0.9)}).fit(table)
    assert only.flag(table)["is_t_light_issue"].sum() == 15
    assert only.thresholds is None


def test_before_fit_there_is_nothing_to_flag_by() -> None:
    chosen = make(quantiles={"t_light": (0.05, None)})
    table = make_table(t_light=[1.0, 2.0])
    for call in (chosen.flag, lambda _: chosen.check(flat(3))):
        with pytest.raises(InvalidArgumentError, match=r"not learned yet.*fit\(quality\)"):
            call(table)
    assert "no thresholds" in chosen.summary(table)


@pytest.mark.parametrize(
    ("quantiles", "error", "argument"),
    [
        (None, InvalidTypeError, "quantiles"),
        ({}, InvalidArgumentError, "quantiles"),
        ({"nope": (0, 1)}, InvalidArgumentError, "quantiles"),
        ({"t_light": (0.1, 1.5)}, InvalidArgumentError, "quantiles['t_light']"),
        ({"t_light": (5, None)}, InvalidArgumentError, "quantiles['t_light']"),
        ({"t_light": (0.9, 0.1)}, InvalidArgumentError, "quantiles['t_light']"),
        ({"t_light": 0.5}, InvalidTypeError, "quantiles['t_light']"),
    ],
)
def test_wrong_quantiles(quantiles: object, error: type, argument: str) -> None:
    with pytest.raises(error) as caught:
        make(quantiles=quantiles).fit(make_table(t_light=[1.0]))
    assert caught.value.argument == argument


def test_no_scores_teach_nothing() -> None:
    chosen = make(quantiles={"t_light": (0.1, None)})
    with pytest.raises(TableError, match="no scores to learn"):
        chosen.fit(make_table(t_light=[np.nan]))
    with pytest.raises(TableError, match="not in the table"):
        chosen.fit(make_table(t_red=[1.0]))


# Data sets


def test_a_kept_data_set_knows_what_was_dropped_and_why(faces: Dataset) -> None:
    chosen = make(LIMITS)
    table = chosen.score(faces)
    kept = chosen.filter(faces, table)
    assert kept.table["sample_id"].tolist() == ["1.png", "2.png", "4.png"]
    reasons = chosen.flag(table)["reasons"]
    assert kept.rejects["reason"].tolist() == reasons[reasons != ""].tolist()
    assert [Path(path).name for path in kept.rejects["path"]] == ["0.png", "3.png", "5.png"]
    assert len(faces) == 6
    again = make({"t_red": (70, None)}).filter(kept)  # scored here, earlier rejects stay
    assert again.table["sample_id"].tolist() == ["2.png", "4.png"]
    assert len(again.rejects) == 4


def test_a_larger_table_will_do_and_a_smaller_one_will_not(faces: Dataset) -> None:
    chosen = make(LIMITS)
    table = chosen.score(faces)
    part = faces.select(["5.png", "1.png"])
    assert chosen.filter(part, table).table["sample_id"].tolist() == ["1.png"]
    assert len(chosen.filter(part, chosen.flag(table)).rejects) == 1
    with pytest.raises(DataError, match="not in the quality table") as caught:
        chosen.filter(faces, table[table["sample_id"] != "4.png"])
    assert caught.value.rows == ("4.png",)


def test_an_image_that_vanishes_is_rejected_with_its_reason(faces: Dataset) -> None:
    Path(faces.table["path"][1]).unlink()
    kept = make({"t_light": (None, 255)}, missing="keep").filter(faces)
    assert kept.rejects["reason"].tolist() == [
        "cannot be read: the file cannot be opened (No such file or directory)"
    ]


def test_ids_on_two_rows_are_refused(faces: Dataset) -> None:
    chosen = make(LIMITS)
    table = chosen.score(faces)
    with pytest.raises(TableError, match="more than one row"):
        chosen.filter(faces, pd.concat([table, table.head(1)]))


@pytest.mark.parametrize("wrong", ["photos", None, pd.DataFrame(), [flat(3)]])
def test_what_is_no_data_set(wrong: object) -> None:
    with pytest.raises(InvalidTypeError, match="not a data set") as caught:
        make(LIMITS).filter(wrong)  # type: ignore[type-var]
    assert caught.value.argument == "dataset"


# BRISQUE and its weights


@pytest.fixture
def brisque(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    """Give BRISQUE's place to a metric whose number tells the weights: 30 or 60."""

    def make(weights):
        made = replace(QUALITY_METRICS.get("t_red", argument="x"), name="brisque", variant=weights)
        return replace(made, function=lambda image: {"bundled": 30.0, "live": 60.0}[weights])

    monkeypatch.setitem(QUALITY_METRICS._items, "brisque", make("bundled"))
    monkeypatch.setattr("faceattr.quality.finding.brisque_metric", make)


@pytest.mark.usefixtures("brisque")
def test_weights_stand_in_the_table_and_are_kept_apart() -> None:
    data = [Image.fromarray(noisy(5))]
    buffer = io.BytesIO()
    data[0].save(buffer, format="PNG")
    for weights, value in (("bundled", 30), ("live", 60), ("bundled", 30), ("live", 60)):
        chosen = QualityFilter({"brisque": (None, 55)}, metrics=["brisque"], weights=weights)
        table = chosen.score([buffer.getvalue()])
        assert list(table.columns) == ["sample_id", "brisque", "brisque_weights", "notes"]
        assert table.iloc[0, 1:3].tolist() == [value, weights]
        assert chosen.check(buffer.getvalue()).accepted == (weights == "bundled")
    assert "brisque_weights" not in make().score(data).columns


@pytest.mark.usefixtures("brisque")
def test_scores_of_other_weights_are_refused(faces: Dataset) -> None:
    limits = {"brisque": (None, 55), "t_light": (5, None)}
    table = make(limits, weights="live").score(faces)
    ours = make(limits)
    learning = make(quantiles={"brisque": (None, 0.5)})
    calls = (
        lambda: ours.flag(table),
        lambda: ours.filter(faces, table),
        lambda: ours.summary(table),
        lambda: learning.fit(table),
    )
    for call in calls:
        with pytest.raises(TableError, match="other weights") as caught:
            call()
        assert (caught.value.expected, caught.value.found) == ("'bundled'", "'live'")
    make({"t_light": (5, None)}).flag(table)  # which does not look at brisque


# One image


def test_a_verdict() -> None:
    chosen = make({"t_light": (50, 200), "t_spread": (1, None)})
    good = chosen.check(noisy(90))
    assert good == Verdict(True, scores=good.scores)
    assert list(good.scores) == ["t_light", "t_spread"]
    light, spread = good.scores.values()
    assert str(good) == f"accepted (t_light {light:.4g}, t_spread {spread:.4g})"
    bad = chosen.check(flat(3))
    assert bad.reasons == (
        "too dark (t_light 3, at least 50)",
        "t_spread cannot be computed: a flat image, no detail",
    )
    assert bad.advice == ("turn towards the light", "take another photo")
    assert str(bad) == (
        "rejected: too dark (t_light 3, at least 50); t_spread cannot be computed: a flat image, "
        "no detail - turn towards the light; take another photo"
    )
    assert np.isnan(bad.scores["t_spread"])
    assert make({"t_spread": (1, None)}, missing="keep").check(flat(3)).accepted


def test_a_verdict_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match=r"verdict\.accepted"):
        bool(make(LIMITS).check(flat(3)))


def test_a_verdict_is_what_the_table_says(photos: Path) -> None:
    chosen = make(LIMITS)
    flagged = chosen.flag(chosen.score(photos))
    for name, reasons in zip(flagged["sample_id"], flagged["reasons"], strict=True):
        path = photos / name
        verdicts = [chosen.check(kind) for kind in (path, str(path), path.read_bytes())]
        if not reasons.startswith("cannot be read"):
            image = read_image(path)
            verdicts += [chosen.check(image), chosen.check(Image.fromarray(image))]
        for verdict in verdicts:
            assert verdict.accepted == (reasons == "")
            assert "; ".join(verdict.reasons).replace("image; no", "image, no") == reasons


def test_what_cannot_be_read_is_not_accepted(tmp_path: Path) -> None:
    for image in (tmp_path / "none.jpg", b"", b"text", tmp_path):
        verdict = make(LIMITS, missing="keep").check(image)
        assert not verdict.accepted
        assert verdict.reasons[0].startswith("cannot be read: ")
        assert verdict.advice == ("send another file",)
        assert verdict.scores == {}


@pytest.mark.parametrize("wrong", [None, 3, [flat(3)], np.zeros((4, 4, 3)), np.zeros((2, 4, 4, 3))])
def test_what_is_no_image(wrong: object) -> None:
    with pytest.raises(InvalidTypeError, match="not an image"):
        make(LIMITS).check(wrong)  # type: ignore[arg-type]


def test_only_what_has_a_threshold_is_scored_and_nothing_is_kept(
    calls: Calls, photos: Path, cache_folder: Path
) -> None:
    make({"t_red": (5, None)}).check(photos / "1.png")
    assert dict(calls.count) == {"t_red": 1}
    assert not list(cache_folder.iterdir())


# The text


def test_the_summary(photos: Path) -> None:
    chosen = make(LIMITS)
    text = chosen.summary(chosen.score(photos))
    assert text.splitlines()[0] == "8 images, 2 cannot be read; 5 flagged (62.5%), 3 kept"
    rows = {line.split()[0]: line.split() for line in text.splitlines()[2:] if line}
    assert rows["t_light"][1:3] == ["6", "2"]
    assert rows["t_light"][6:] == ["50", "200", "1", "1", "2"]
    assert rows["t_spread"][1:3] == ["5", "3"]
    assert rows["t_spread"][6:] == ["1", "0", "1"]
    assert rows["t_red"][1:3] == ["6", "2"]
    assert chosen.summary(chosen.flag(chosen.score(photos))) == text


def test_the_summary_without_thresholds_and_without_rows(photos: Path) -> None:
    text = make().summary(make().score(photos))
    assert text.startswith("8 images, 2 cannot be read; no thresholds\n")
    assert "at least" not in text
    assert "0 images" in make(LIMITS).summary(make().score([]))


def test_the_summary_is_narrow() -> None:
    table = {"sample_id": ["a", "b"], "notes": ["", ""]}
    limits = {}
    for number in range(3):
        name = f"t_a_metric_of_a_very_long_name_{number}"
        quality_metric(name)(lambda image: 0.0)
        table[name] = [-123456.789, 1234567.891]  # type: ignore[assignment]
        limits[name] = (-123400.123, 123400.123)
    frame = pd.concat([pd.DataFrame(table)] * 50_000, ignore_index=True)
    text = QualityFilter(limits).summary(frame)
    assert max(map(len, text.splitlines())) <= 100
    assert "100,000" in text


# Figures


def figure_texts(figure: object) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]


def test_the_figure_says_what_lies_beyond(photos: Path) -> None:
    chosen = make(LIMITS)
    table = chosen.score(photos)
    shown_text = figure_texts(chosen.plot(table))
    for words in ("t_light (n = 6, 2 missing)", "1 (16.7%) below 50", "1 (16.7%) above 200"):
        assert words in shown_text
    assert "best to worst" not in shown_text
    assert "below" not in figure_texts(make().plot(table))


def test_the_figure_with_a_strip_of_images(photos: Path) -> None:
    chosen = make(LIMITS)
    table = chosen.score(photos)
    figure = chosen.plot(table, photos)
    strips = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in strips] == [
        "lowest to highest", "best to worst", "lowest to highest"
    ]  # fmt: skip
    assert [len(ax.images) for ax in strips] == [6, 5, 6]
    captions = [text.get_text() for text in strips[1].texts]
    spread = table["t_spread"].dropna().sort_values(ascending=False)
    assert captions == [f"{value:.2f}".rstrip("0") for value in spread]
    centres = ((np.arange(12) + 0.5) * 160 / 12).astype(int)  # drawn at 160 pixels
    first = np.asarray(strips[1].images[0].get_array())[np.ix_(centres, centres)]
    best = read_image(photos / table.set_index("sample_id")["t_spread"].idxmax())
    assert np.array_equal(first, best)
    (photos / "5.png").unlink()
    (photos / "5.png").write_bytes(b"gone")
    assert len(chosen.plot(table, photos).axes[1].images) == 5


def test_a_figure_of_other_images_is_refused(photos: Path) -> None:
    chosen = make(LIMITS)
    table = chosen.score(photos)
    with pytest.raises(DataError, match="not among these") as caught:
        chosen.plot(table, [photos / "0.png"])
    assert len(caught.value.rows) == 8
    with pytest.raises(TableError, match="no scores"):
        make().plot(make_table(camera=["a"]))


def test_images_without_any_score_are_drawn_as_such() -> None:
    table = make().score([b"", b""])
    assert figure_texts(make().plot(table, [b"", b""])).count("no image with a score") == 3


# The page


def test_the_page(photos: Path, tmp_path: Path) -> None:
    (photos / "0.png").rename(photos / "<script>alert(1)&.png")
    chosen = make(LIMITS)
    table = chosen.score(photos)
    path = chosen.to_html(tmp_path / "new" / "page.html", photos, table)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&amp;.png" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|https?://|url\(""", text)
    assert "holds pictures of the images, and with them faces" in text
    assert "8 images, 2 cannot be read; 5 flagged (62.5%), 3 kept." in text
    assert "t_light: 2 of 2 beyond the limits, worst first" in text
    assert text.count("data:image/jpeg") == 2
    assert text.count("data:image/png") == 3
    assert "2 images cannot be read" in text
    assert "the file is empty" in text
    assert list(path.parent.iterdir()) == [path]


def test_the_page_shows_the_worst_first(photos: Path, tmp_path: Path) -> None:
    chosen = make({"t_light": (150, None)})
    table = chosen.score(photos)
    text = chosen.to_html(tmp_path / "p.html", photos, table, worst=2).read_text()
    assert "t_light: 2 of 4 beyond the limits" in text
    light = text[text.index("t_light: 2 of 4") :]
    assert [light.index(f'alt="{name}"') for name in ("0.png", "1.png")] == sorted(
        light.index(f'alt="{name}"') for name in ("0.png", "1.png")
    )
    assert 'alt="2.png"' not in light.partition("<h2>")[0]


def test_a_page_without_thresholds_and_one_without_images(photos: Path, tmp_path: Path) -> None:
    table = make().score(photos)
    text = make().to_html(tmp_path / "p.html", photos, table, worst=3).read_text()
    assert "no thresholds" in text
    assert "t_spread: the 3 worst" in text
    assert "t_red: " not in text  # of which neither end is worse
    assert "spread, in levels." in text
    bare = make().to_html(tmp_path / "q.html", photos, table, worst=0).read_text()
    assert "data:image/jpeg" not in bare
    assert "faces" not in bare


@pytest.mark.parametrize(
    ("path", "worst", "error", "argument"),
    [
        ("page.pdf", 3, InvalidArgumentError, "path"),
        ("page.html", -1, InvalidArgumentError, "worst"),
        ("page.html", 1.5, InvalidTypeError, "worst"),
        ("photos/0.png/page.html", 3, OSError, "path"),
    ],
)
def test_pages_that_cannot_be_written(
    path: str, worst: object, error: type, argument: str, photos: Path
) -> None:
    table = make().score(photos)
    with pytest.raises(error) as caught:
        make().to_html(photos.parent / path, photos, table, worst=worst)  # type: ignore[arg-type]
    assert caught.value.argument == argument


def test_every_combination_of_flags_adds_up() -> None:
    values = [np.nan, 10.0, 100.0, 250.0]
    pairs = list(itertools.product(values, values))
    table = make_table(t_light=[a for a, _ in pairs], t_red=[b for _, b in pairs])
    chosen = make({"t_light": (50, 200), "t_red": (None, 99)})
    flagged = chosen.flag(table)
    for (light, red), row in zip(pairs, flagged.itertuples(), strict=True):
        assert row.is_t_light_issue == (not 50 <= light <= 200)
        assert row.is_t_red_issue == (not red <= 99)
        assert (row.reasons == "") == (not row.is_t_light_issue and not row.is_t_red_issue)
        if not np.isnan([light, red]).all():  # which is one reason
            assert row.reasons.count(";") == (row.is_t_light_issue and row.is_t_red_issue)
