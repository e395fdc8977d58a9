"""The download: only when asked, only over https, only the right bytes."""

from __future__ import annotations

import hashlib
import io
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from faceattr.exceptions import InvalidArgumentError, OutputError, WeightsError
from faceattr.faces import YUNET_SHA256, YUNET_URL, fetch_detector

DATA = b"weights" * 100
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer downloads with `DATA`, and list the addresses."""
    addresses: list[str] = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        addresses.append(url)
        return io.BytesIO(DATA)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return addresses


def test_once_into_the_cache(asked: list[str], cache_folder: Path) -> None:
    path = fetch_detector(sha256=SHA256)
    assert path == cache_folder / "detectors" / "face_detection_yunet_2023mar.onnx"
    assert path.read_bytes() == DATA
    assert fetch_detector(sha256=SHA256.upper()) == path
    assert asked == [YUNET_URL]


def test_a_damaged_file_is_fetched_again(asked: list[str], tmp_path: Path) -> None:
    path = fetch_detector(tmp_path, sha256=SHA256)
    path.write_bytes(DATA[:50])
    assert fetch_detector(tmp_path, sha256=SHA256).read_bytes() == DATA
    assert len(asked) == 2


def test_other_bytes_are_refused(asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"700 bytes of SHA-256 {SHA256}") as caught:
        fetch_detector(tmp_path / "new")
    assert YUNET_SHA256 in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str, timeout: float) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(WeightsError, match=r"no route to host.*by hand"):
        fetch_detector()


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"url": "http://host/x.onnx"}, "url"),
        ({"url": "file:///etc/x.onnx"}, "url"),
        ({"url": "https://host/"}, "url"),
        ({"sha256": "abc"}, "sha256"),
        ({"sha256": "g" * 64}, "sha256"),
    ],
)
def test_what_is_never_asked(asked: list[str], setting: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        fetch_detector(**setting)
    assert asked == []


def test_a_folder_that_cannot_be_written_to(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        fetch_detector(tmp_path / "file", sha256=SHA256)
