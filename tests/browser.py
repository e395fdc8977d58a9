"""Pages of HTML in a real browser: how wide they are, what breaks, what they load."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-first-run", "--disable-extensions", "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_MEASURE = """
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument, view = page.defaultView;
  const seen = [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll"));
  const boxes = [...page.querySelectorAll(".scroll")];
  const name = e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40);
  const entries = view.performance.getEntriesByType("resource").map(r => r.name);
  const out = {
    inner: view.innerWidth,
    scroll: page.documentElement.scrollWidth,
    outside: seen.filter(e => e.getBoundingClientRect().right > view.innerWidth + 1).map(name),
    images: page.images.length,
    broken: [...page.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt),
    loaded: entries.filter(n => !n.startsWith("data:")),
    boxes: boxes.length,
    scrolling: boxes.filter(e => e.scrollWidth > e.clientWidth).length,
    smallest: Math.min(...seen.map(e => parseFloat(view.getComputedStyle(e).fontSize))),
    missing: [...page.querySelectorAll("a")].map(a => a.getAttribute("href"))
      .filter(h => !page.getElementById(h.slice(1))),
  };
  document.querySelector("pre").textContent = JSON.stringify(out);
});
"""


def find_browser() -> str:
    """Return a Chromium; where there is none the test fails, it is not skipped."""
    named = os.environ.get("FACEATTR_BROWSER")
    found = [named] if named else [path for name in _NAMES if (path := shutil.which(name))]
    if not found:
        pytest.fail(
            "no Chromium was found, and pages are tested in one. Install it "
            "(`apt-get install chromium`), name it in FACEATTR_BROWSER, or leave these tests out: "
            "pytest -m 'not browser'"
        )
    return found[0]


def run_browser(folder: Path, *options: str) -> str:
    """Run a browser with a profile of its own; return what it prints."""
    command = [find_browser(), *_OPTIONS, f"--user-data-dir={folder / 'profile'}", *options]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout.decode("utf-8")


def screenshot(page: Path, folder: Path, width: int, height: int = 1600) -> Path:
    """Open a page as it is, and return the file of a picture of it."""
    target = folder / f"{page.stem}-{width}.png"
    size = f"--window-size={width},{height}"
    run_browser(folder, f"--screenshot={target}", size, page.resolve().as_uri())
    return target


def measure(page: str, folder: Path, width: int) -> dict[str, Any]:
    """Lay out a copy of a page in a frame of some width; return what was measured.

    In a frame, since a window of a browser cannot be as narrow as a telephone.
    """
    eager = page.replace(' loading="lazy"', "")  # so that every image is seen
    wrapper = folder / f"measure-{width}.html"
    wrapper.write_text(
        f'<!doctype html><meta charset="utf-8"><iframe width="{width}" height="800" '
        f'style="border:0" srcdoc="{html.escape(eager)}"></iframe><pre></pre>'
        f"<script>{_MEASURE}</script>",
        encoding="utf-8",
    )
    size = f"--window-size={max(width, 500)},900"
    shown = run_browser(folder, "--dump-dom", size, wrapper.resolve().as_uri())
    found = re.search(r"<pre>(.*?)</pre>", shown.rpartition("</iframe>")[2], flags=re.S)
    assert found is not None
    assert found[1], "the page was not measured"
    measured: dict[str, Any] = json.loads(html.unescape(found[1]))
    return measured


def check_layout(measured: dict[str, Any], width: int) -> None:
    """Fail unless a page fits its screen, shows all its images and loads nothing."""
    assert measured["inner"] == width
    assert measured["scroll"] <= width, measured["outside"]
    assert measured["outside"] == []
    assert measured["broken"] == []
    assert measured["loaded"] == []
    assert measured["missing"] == []


def outside_references(page: str) -> Sequence[str]:
    """Return what a page refers to that is not within it."""
    attributes = re.findall(r'(?:src|href|srcset|action|data)\s*=\s*"([^"]*)"', page)
    return [
        *(value for value in attributes if not value.startswith(("data:", "#"))),
        *re.findall(r"url\([^)]*\)|@import|<script|<link|<iframe|<object|<embed", page),
    ]
