from __future__ import annotations

import difflib
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import faceattr
from update_api import SNAPSHOT, public_modules, render_api

REFERENCE = Path(__file__).parents[1] / "docs" / "api" / "index.md"


def test_signatures_are_those_written_down() -> None:
    written = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    found = render_api().splitlines()
    diff = "\n".join(difflib.unified_diff(written, found, "written", "found", lineterm="", n=0))
    assert not diff, (
        f"public signatures changed:\n{diff}\n"
        "If that is meant: `python -m tests.update_api`, and a line in CHANGELOG.md that says why."
    )


@pytest.mark.parametrize("name", public_modules())
def test_every_public_module_names_what_it_offers(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == sorted(module.__all__, key=_ruff_order)
    for public in module.__all__:
        assert getattr(module, public) is not None
        assert not public.startswith("_") or public == "__version__"


def _ruff_order(name: str) -> tuple[int, str]:
    constant = name.isupper() and len(name) > 1
    return (0 if constant else 1 if name[:1].isupper() else 2, name)


def test_the_reference_has_a_page_for_every_public_module() -> None:
    listed = re.findall(r"^   (faceattr\.\w+)$", REFERENCE.read_text(encoding="utf-8"), flags=re.M)
    # The command line has a page of its own.
    assert listed == [name for name in public_modules() if name not in {"faceattr", "faceattr.cli"}]


def test_the_top_level_names_are_the_objects_of_their_modules() -> None:
    for name, home in faceattr._HOMES.items():
        assert getattr(faceattr, name) is getattr(importlib.import_module(home), name)
    assert set(faceattr.__all__) == {*faceattr._HOMES, "__version__"}


def test_dir_lists_names_that_are_not_loaded_yet() -> None:
    code = "import faceattr; exit(len(set(faceattr.__all__) - set(dir(faceattr))))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_mistyped_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(AttributeError, match="did you mean 'Dataset'"):
        faceattr.Datset  # noqa: B018


def test_an_unknown_name_is_answered_with_all_names() -> None:
    with pytest.raises(AttributeError, match="BinnedEvaluator") as caught:
        faceattr.zzz  # noqa: B018
    assert caught.value.name == "zzz"


def test_from_import_of_an_unknown_name_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="Explainerr"):
        from faceattr import Explainerr  # noqa: F401
