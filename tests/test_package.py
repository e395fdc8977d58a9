from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

import pytest

import faceattr

ROOT = Path(__file__).parents[1]
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_installed_version_is_the_one_in_the_source() -> None:
    try:
        installed = metadata.version("faceattr")
    except metadata.PackageNotFoundError:
        pytest.skip("faceattr runs from its source folder and is not installed")
    assert installed == faceattr.__version__


def test_types_are_shipped() -> None:
    assert resources.files("faceattr").joinpath("py.typed").is_file()


def test_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(faceattr.__version__)}\] - \d{{4}}-\d\d-\d\d$", text, re.M)


def test_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(faceattr.__version__)}$", text, re.M)


def test_every_dependency_has_an_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_normal(line.partition("==")[0]) for line in lines if "==" in line}
    project = PROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    lists += PROJECT["dependency-groups"].values()
    wanted = [entry for entries in lists for entry in entries if isinstance(entry, str)]
    names = {_requirement(entry) for entry in wanted}
    assert names - {"faceattr"} <= pinned


def test_every_imported_package_is_a_dependency() -> None:
    needed = {_requirement(entry) for entry in PROJECT["project"]["dependencies"]}
    wanted = _foreign(at_import=False)
    assert "numpy" in wanted
    # Of an extra, and so imported inside functions alone.
    extras = PROJECT["project"]["optional-dependencies"].values()
    optional = {_requirement(entry) for entries in extras for entry in entries}
    assert wanted - needed == {"cleanlab", "onnx", "onnxruntime", "pyarrow"}
    assert wanted - needed <= optional
    assert _foreign(at_import=True) <= needed


def test_no_image_lies_in_the_package() -> None:
    suffixes = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
    package = Path(faceattr.__file__).parent
    assert not [path for path in package.rglob("*") if path.suffix.lower() in suffixes]


def _foreign(*, at_import: bool) -> set[str]:
    """Return the distributions that the package imports, all or those outside of functions."""
    sources = Path(faceattr.__file__).parent.rglob("*.py")
    names = {name for source in sources for name in _imports(source, at_import=at_import)}
    names -= set(sys.stdlib_module_names) | {"faceattr"}
    return {_normal(_DISTRIBUTIONS.get(name, name)) for name in names}


def _walk(node: ast.AST, *, at_import: bool) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not (at_import and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from _walk(child, at_import=at_import)


def _imports(path: Path, *, at_import: bool) -> Iterator[str]:
    for node in _walk(ast.parse(path.read_text(encoding="utf-8")), at_import=at_import):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def _requirement(entry: str) -> str:
    return _normal(re.split(r"[\[<>=~! ]", entry)[0])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
