"""Pages that need no other file, in which every text is text."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceattr.exceptions import InvalidArgumentError, OutputError
from faceattr.report import new_figure
from faceattr.report.html import (
    Markup,
    check_page_path,
    html_cards,
    html_contents,
    html_figure,
    html_figures,
    html_groups,
    html_image,
    html_page,
    html_points,
    html_section,
    html_subsection,
    html_table,
    html_text,
    privacy_note,
    write_html,
)

EVIL = '<script>alert(\'x\')</script>" onload="alert(1)" & <img src=http://a.b/c.png>'
VOID = {"meta", "img", "br", "wbr"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and sees whether tags are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def image(height: int = 20, width: int = 30) -> np.ndarray:
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[:, :, 0] = 255
    return picture


def embedded(markup: str) -> Image.Image:
    data = re.search(r'src="data:image/\w+;base64,([^"]+)"', markup)
    assert data is not None
    return Image.open(io.BytesIO(base64.b64decode(data[1])))


def everything(text: str) -> Markup:
    figure, _ = new_figure()
    return html_page(
        text,
        text,
        html_text(text, kind="note"),
        html_section(text, text, html_table(pd.DataFrame({text: [text, None]}))),
        html_figures([html_figure(figure, text, dpi=20)]),
        html_cards([(html_image(image(), text), text, text), (text, text)]),
    )


def test_every_text_is_escaped() -> None:
    page = Reader(everything(EVIL))
    assert set(page.tags) == {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "section", "h2"),
        *("div", "table", "thead", "tr", "th", "tbody", "td", "img", "figure", "figcaption"),
        *("span", "br", "wbr"),
    }
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(EVIL) == 12
    assert [value for name, value in page.attributes if name == "alt"] == [EVIL, EVIL]


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = Reader(everything("x"))
    addresses = [value or "" for name, value in page.attributes if name in {"src", "href"}]
    assert [value.partition(";")[0] for value in addresses] == ["data:image/png", "data:image/jpeg"]
    assert "url(" not in everything("x")
    policy = dict(page.attributes)["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_a_phone_shows_the_page_in_its_own_width() -> None:
    assert 'name="viewport" content="width=device-width' in html_page("x")
    assert html_page("x").startswith('<!doctype html>\n<html lang="en">')


def test_markup_is_not_escaped_again_and_plain_text_is() -> None:
    assert html_section("A", html_text("1 < 2"), "2 > 1").count("&lt;") == 1
    assert "<p>" not in html_section("A", Markup("<b>x</b>"))
    assert "&lt;b&gt;" in html_section("A", "<b>x</b>")
    # What is made of markup by str's own methods is text again.
    assert "&lt;b&gt;" in html_section("A", Markup("<b>").lower())


def test_a_table_has_a_row_a_row() -> None:
    table = html_table(pd.DataFrame({"a": ["1", "2"], "b": [np.nan, "x"]}, index=[5, 6]))
    assert table.count("<tr>") == 3
    assert "<tr><td>1</td><td></td></tr>" in table
    assert "5" not in table
    assert "<tbody>\n</tbody>" in html_table(pd.DataFrame({"a": []}))


def test_an_image_is_inlined_upright_and_small() -> None:
    shown = embedded(html_image(image(20, 30), "x"))
    assert (shown.format, shown.size) == ("JPEG", (30, 20))
    red, green, blue = shown.convert("RGB").getpixel((15, 10))
    assert red > 240
    assert max(green, blue) < 20
    assert embedded(html_image(image(1000, 500), "x")).size == (112, 224)
    assert embedded(html_image(image(1000, 2), "x", side=100)).size == (1, 100)
    assert embedded(html_figure(new_figure(width=2, height=1)[0], "x", dpi=50)).size == (100, 50)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "page.html"
    assert write_html(html_page("é"), target) == target
    before = target.read_text(encoding="utf-8")
    assert "<title>é</title>" in before
    assert list(target.parent.iterdir()) == [target]
    with pytest.raises(OutputError, match="the page cannot be written"):
        write_html(html_page("y"), target / "page.html")
    with pytest.raises(OutputError):
        write_html(html_page("y"), target.parent)
    assert target.read_text(encoding="utf-8") == before
    assert list(target.parent.iterdir()) == [target]


def test_a_name_that_is_not_unicode_can_be_shown(tmp_path: Path) -> None:
    page = write_html(
        html_page("x", b"\xff.jpg".decode("utf-8", "surrogateescape")), tmp_path / "p.html"
    )
    assert "\\udcff.jpg" in page.read_text(encoding="utf-8")


def test_a_page_ends_in_html() -> None:
    assert check_page_path("a.HTML", "page") == Path("a.HTML")
    with pytest.raises(InvalidArgumentError) as caught:
        check_page_path("a.pdf", "page")
    assert caught.value.argument == "page"


def test_points_and_groups_escape_what_they_show() -> None:
    points = html_points([("high", "a < b", "<script>"), ("low", "c", "d")])
    assert points.count('class="point') == 2
    assert "a &lt; b" in points
    assert "<script>" not in points
    groups = html_groups([("group <1>", html_cards([["no picture", "26"]]))])
    assert "group &lt;1&gt;" in groups
    assert "no picture" in groups


def test_the_note_of_privacy_stands_out() -> None:
    assert 'class="note"' in privacy_note()
    assert "as private as" in privacy_note()


def test_a_wide_figure_scrolls() -> None:
    figure, _ = new_figure()
    assert html_figure(figure, "wide", wide=True).startswith('<div class="scroll">')
    assert html_figure(figure, "narrow").startswith("<img")


def test_links_lead_to_sections() -> None:
    page = Reader(
        html_page(
            "x",
            html_contents([("a1", EVIL), ("a2", "b")]),
            html_section("b", html_subsection(EVIL, "c"), anchor="a2"),
        )
    )
    assert [value for name, value in page.attributes if name == "href"] == ["#a1", "#a2"]
    assert ("id", "a2") in page.attributes
    assert page.tags.count("h3") == 1
    assert page.text.count(EVIL) == 2
    assert "id=" not in html_section("b")


def test_tables_figures_and_groups_come_in_two_kinds() -> None:
    table = pd.DataFrame({"a": [1]})
    assert 'class="scroll keep"' in html_table(table, keep_first=True)
    assert 'class="scroll"' in html_table(table)
    assert 'class="figures large"' in html_figures([], large=True)
    assert 'class="groups strips"' in html_groups([], strips=True)
