"""Fixtures of all tests: a cache folder for each test, real chips where there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import HealthCheck, settings

mpl.use("Agg")

# The same examples on every run, and no test that fails because a machine is slow.
settings.register_profile(
    "faceattr",
    derandomize=True,
    deadline=None,
    max_examples=50,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("faceattr")

_BESIDE_THE_PROJECT = Path(__file__).parents[2] / "shared" / "data" / "utkface"


@pytest.fixture(scope="session", autouse=True)
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # For fixtures that outlive a test: nothing of a test run goes to the user's own cache.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEATTR_CACHE", str(tmp_path_factory.mktemp("shared-cache")))
        yield


@pytest.fixture(autouse=True)
def cache_folder(
    _shared_cache: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give the test an empty image cache of its own, and return its folder."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FACEATTR_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def utkface_folder() -> Path:
    """Return a folder of real UTKFace chips; skip the test where there is none."""
    chosen = os.environ.get("FACEATTR_UTKFACE")
    folder = Path(chosen) if chosen else _BESIDE_THE_PROJECT
    if not folder.is_dir() or next(folder.glob("*.jpg"), None) is None:
        pytest.skip(f"no UTKFace chips in {folder}; set FACEATTR_UTKFACE to a folder of them")
    return folder
