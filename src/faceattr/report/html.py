"""Pages of HTML that need no other file: text, tables, figures and images, all in one.

Every text is escaped; only what these functions made themselves is taken for markup. A page loads
nothing from elsewhere, and its content policy forbids it to.
"""

from __future__ import annotations

import base64
import io
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from faceattr.exceptions import InvalidArgumentError, OutputError

__all__ = [
    "Markup",
    "check_page_path",
    "html_cards",
    "html_contents",
    "html_figure",
    "html_figures",
    "html_groups",
    "html_image",
    "html_page",
    "html_points",
    "html_section",
    "html_subsection",
    "html_table",
    "html_text",
    "privacy_note",
    "write_html",
]

_QUALITY = 80
_PRIVATE = (
    "This page holds pictures of the images, and with them faces: keep it as private as the "
    "images themselves, and delete it with them."
)
_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; background: #fff; color: #262626;
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #d9d9d9; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
.contents { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .75rem 0; }
.contents a { color: #005a8c; padding: .25rem 0; }
.note { border-left: 4px solid #D55E00; padding: .25rem .75rem; background: #fdf3ec; }
/* A shadow at the side where there is more to scroll to. */
.scroll { overflow-x: auto; background:
  linear-gradient(to right, #fff 30%, transparent) left / 2rem 100% no-repeat local,
  linear-gradient(to left, #fff 30%, transparent) right / 2rem 100% no-repeat local,
  radial-gradient(farthest-side at 0 50%, #0003, transparent) left / .6rem 100% no-repeat,
  radial-gradient(farthest-side at 100% 50%, #0003, transparent) right / .6rem 100% no-repeat; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #e3e3e3; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #8c8c8c; }
.figure { max-width: 100%; height: auto; display: block; }
.scroll, .figure { margin: .75rem 0; }
.keep th:first-child, .keep td:first-child { position: sticky; left: 0; background: #fff; }
.figures { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); }
.figures .figure { margin: 0; }
.large { grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
.cards { display: grid; gap: 1rem .75rem;
  grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
.cards figure { margin: 0; min-width: 0; }
.cards img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #f2f2f2; }
.cards figcaption { font-size: .8rem; line-height: 1.35; overflow-wrap: anywhere; }
.groups { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; align-items: flex-start; }
.groups > div { max-width: 100%; border-left: 3px solid #d9d9d9; padding-left: .5rem; }
.groups p { margin: 0 0 .25rem; font-size: .8rem; color: #595959; }
.groups .cards { display: flex; flex-wrap: wrap; gap: .75rem .5rem; }
.groups .cards figure { width: 7.5rem; }
@media (max-width: 32rem) {
  table { font-size: .8rem; }
  th, td { padding: .2rem .4rem; }
  .strips > div { width: 100%; }
  .strips .cards figure { width: calc((100% - 1rem) / 3); }
}
.wide { min-width: 38rem; }
.point { margin: .75rem 0; padding-left: .75rem; border-left: 4px solid #8c8c8c; }
.point p { margin: 0; }
.high { border-color: #D55E00; }
.medium { border-color: #E69F00; }
.blank { aspect-ratio: 1; background: #f2f2f2; color: #595959; font-size: .8rem; padding: .5rem; }
.value { font-weight: 600; }
@media print { .cards figure { break-inside: avoid; } }
"""


class Markup(str):
    """Text that is HTML already; any other text is escaped where it is put into a page."""

    __slots__ = ()


def html_text(text: str, *, kind: str = "p") -> Markup:
    """Return text as a paragraph, or as ``kind="note"``, a paragraph that stands out."""
    return Markup(f'<p class="{escape(kind)}">{_safe(text)}</p>\n')


def privacy_note() -> Markup:
    """Return what a page that shows images has to say before it shows them."""
    return html_text(_PRIVATE, kind="note")


def html_section(title: str, *parts: str, anchor: str = "") -> Markup:
    """Return parts under a heading; parts that are plain text become paragraphs.

    An anchor is what `html_contents` leads to.
    """
    place = f' id="{escape(anchor)}"' if anchor else ""
    return Markup(f"<section{place}>\n<h2>{_safe(title)}</h2>\n{_join(parts)}</section>\n")


def html_subsection(title: str, *parts: str) -> Markup:
    """Return parts under a smaller heading, within a section."""
    return Markup(f"<h3>{_safe(title)}</h3>\n{_join(parts)}")


def html_contents(sections: Iterable[tuple[str, str]]) -> Markup:
    """Return links to the sections of a page, each given as (anchor, title)."""
    links = (f'<a href="#{escape(anchor)}">{_safe(title)}</a>\n' for anchor, title in sections)
    return Markup(f'<nav class="contents">\n{"".join(links)}</nav>\n')


def html_table(table: pd.DataFrame, *, keep_first: bool = False) -> Markup:
    """Return a table; numbers are written as they are, so they are best rounded to text before.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is not shown. Missing values are left blank.
    keep_first : bool, default False
        Whether the first column stays in sight when the others are scrolled; for short names.

    Returns
    -------
    Markup
        In a box of its own that scrolls sideways on a narrow screen.
    """
    head = "".join(f"<th>{_safe(str(name))}</th>" for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>\n"
        for row in table.itertuples(index=False, name=None)
    )
    box = "scroll keep" if keep_first else "scroll"
    return Markup(
        f'<div class="{box}"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def html_figure(figure: Figure, description: str, *, dpi: int = 110, wide: bool = False) -> Markup:
    """Return a matplotlib figure as an image within the page; `description` says what it shows.

    A wide one is not shrunk to a narrow screen, but scrolls sideways.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    data = _data_uri(buffer.getvalue(), "image/png")
    if wide:
        image = f'<img class="figure wide" src="{data}" alt="{_safe(description)}">'
        return Markup(f'<div class="scroll">{image}</div>\n')
    return Markup(f'<img class="figure" src="{data}" alt="{_safe(description)}">\n')


def html_figures(figures: Iterable[Markup], *, large: bool = False) -> Markup:
    """Return what `html_figure` returned, as many side by side as fit; large ones at most two."""
    kind = "figures large" if large else "figures"
    return Markup(f'<div class="{kind}">\n{"".join(figures)}</div>\n')


def html_image(image: npt.NDArray[np.uint8], description: str, *, side: int = 224) -> Markup:
    """Return an image within the page, as a JPEG.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (H, W, 3)
        RGB.
    description : str
        What is read out in place of it.
    side : int, default 224
        Larger images are scaled down until their longer side has so many pixels.

    Returns
    -------
    Markup
    """
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    source = _data_uri(data.tobytes(), "image/jpeg")
    return Markup(f'<img src="{source}" alt="{_safe(description)}" loading="lazy">')


def html_cards(cards: Iterable[Sequence[str]]) -> Markup:
    """Return pictures with captions, as many side by side as fit.

    Parameters
    ----------
    cards : iterable of (picture, heading, line, ...)
        The picture is what `html_image` returned; any other text stands in its place.

    Returns
    -------
    Markup
    """
    return Markup(f'<div class="cards">\n{"".join(map(_card, cards))}</div>\n')


def html_groups(groups: Iterable[tuple[str, Markup]], *, strips: bool = False) -> Markup:
    """Return titles, each with what `html_cards` returned, as many side by side as fit.

    Strips have three pictures in a row on a narrow screen.
    """
    kind = "groups strips" if strips else "groups"
    shown = (f"<div><p>{_safe(title)}</p>{cards}</div>\n" for title, cards in groups)
    return Markup(f'<div class="{kind}">\n{"".join(shown)}</div>\n')


def html_points(points: Iterable[tuple[str, str, str]]) -> Markup:
    """Return points of a list, each with a mark at its side.

    Parameters
    ----------
    points : iterable of (kind, heading, text)
        The kind is "high", "medium" or "low", and stands before the heading.

    Returns
    -------
    Markup
    """
    return Markup(
        "".join(
            f'<div class="point {escape(kind)}"><p><span class="value">{escape(kind)}: '
            f"{_safe(heading)}</span></p><p>{_safe(text)}</p></div>\n"
            for kind, heading, text in points
        )
    )


def _card(card: Sequence[str]) -> str:
    picture, heading, *lines = card
    shown = (
        picture if isinstance(picture, Markup) else f'<div class="blank">{escape(picture)}</div>'
    )
    caption = "<br>".join([f'<span class="value">{_safe(heading)}</span>', *map(_breakable, lines)])
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>\n"


def _breakable(line: str) -> str:
    """Let long names break after a "_" or "/" rather than within a word."""
    if isinstance(line, Markup):
        return line
    return escape(line).replace("_", "_<wbr>").replace("/", "/<wbr>")


def html_page(title: str, *parts: str) -> Markup:
    """Return a whole page; parts that are plain text become paragraphs."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return Markup(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{_safe(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{_safe(title)}</h1>\n{_join(parts)}</body>\n</html>\n"
    )


def check_page_path(path: str | Path, argument: str) -> Path:
    """Return the path of a page to be written."""
    target = Path(path)
    if target.suffix.lower() not in {".html", ".htm"}:
        raise InvalidArgumentError(
            "not the name of a page",
            argument=argument,
            expected="a name that ends in .html",
            found=str(path),
        )
    return target


def write_html(page: Markup, path: Path) -> Path:
    """Write a page, whole or not at all; its folder is made where needed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file name that is not UTF-8 reaches Python as lone surrogates, which no page can hold.
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            "the page cannot be written",
            argument="path",
            found=f"{path} ({error.strerror or error})",
            hint="give a file in a folder that you may write to",
        ) from error
    finally:
        with suppress(OSError):  # such as a folder that is none
            temporary.unlink()
    return path


def _safe(text: str) -> str:
    return text if isinstance(text, Markup) else escape(text)


def _join(parts: Iterable[str]) -> str:
    return "".join(part if isinstance(part, Markup) else html_text(part) for part in parts)


def _cell(value: object) -> str:
    return "" if pd.isna(value) else _safe(str(value))  # type: ignore[call-overload]


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
