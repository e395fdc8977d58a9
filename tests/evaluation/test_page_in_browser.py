"""The page of an evaluation as people see it, on a telephone and on a wide screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import browser
from browser import check_layout, find_browser, measure, outside_references, screenshot
from faceattr import BinnedEvaluator
from page_samples import drawings

pytestmark = pytest.mark.browser

NARROW, WIDE = 390, 1200


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faces, table = drawings()
    # As long as names of files get, and without a place to break.
    longest = {table["sample_id"].iloc[0]: "a/" + "x" * 240 + ".jpg"}
    table["sample_id"] = table["sample_id"].replace(longest)
    table["camera"] = np.where(np.arange(len(table)) % 2, "telephone " * 8, "<b>webcam</b>")
    by = ["age", "gender", "camera", ("age", "gender")]
    evaluation = BinnedEvaluator(by, n_boot=20).evaluate(table)
    target = tmp_path_factory.mktemp("page") / "evaluation.html"
    return evaluation.to_html(target, faces, title="Drawings", worst=8, samples=3)


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_page_fits_its_screen(page: Path, width: int, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = measure(text, tmp_path, width)
    check_layout(found, width)
    assert found["images"] == text.count("<img ")
    assert found["images"] > 60
    assert found["boxes"] > 10
    assert found["smallest"] >= 12
    if width == NARROW:
        assert found["scrolling"] > 5  # wide tables scroll in boxes of their own


@pytest.mark.parametrize("width", [500, WIDE])
def test_the_browser_opens_the_file(page: Path, width: int, tmp_path: Path) -> None:
    seen = np.asarray(Image.open(screenshot(page, tmp_path, width)).convert("L"))
    assert seen.shape == (1600, width)
    assert (seen < 128).mean() > 0.005
    assert (seen[:, -8:] > 250).all()  # a margin at the right: nothing is cut


def test_the_page_refers_to_nothing_outside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert outside_references(text) == []
    assert "http:" not in text
    assert "https:" not in text


def test_what_does_not_fit_is_seen(tmp_path: Path) -> None:
    bad = '<!doctype html><body><div style="width:900px">x</div><img src="data:image/png;base64,x">'
    bad += '<a href="#nowhere">y</a>'
    found = measure(bad, tmp_path, NARROW)
    assert found["scroll"] > NARROW
    assert found["outside"] == ["DIV. x"]
    assert found["broken"] == [""]
    assert found["missing"] == ["#nowhere"]
    with pytest.raises(AssertionError):
        check_layout(found, NARROW)
    assert outside_references('<link href="a.css"><img src="http://a.b/c.png">') == [
        "a.css", "http://a.b/c.png", "<link",
    ]  # fmt: skip


def test_without_a_browser_the_test_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEATTR_BROWSER", raising=False)
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        find_browser()
