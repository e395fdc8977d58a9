"""Checks of the project. `nox -l` lists them, `nox` runs the usual ones.

All sessions share one environment, `.nox/shared`, since torch is large. It holds what
constraints.txt says and is filled again only when the requirements change. The package itself is
built and installed anew for each session, so what is tested is what users install.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "typing", "imports", "tests", "parquet", "doctest", "docs"]

ROOT = Path(__file__).parent
SHARED = ROOT / ".nox" / "shared"
BIN = SHARED / ("Scripts" if os.name == "nt" else "bin")
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff: rules and layout."""
    _prepare(session, package=False)
    _run(session, "ruff", "check", ".")
    _run(session, "ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Run mypy, strict."""
    _prepare(session, package=False)
    _run(session, "mypy", *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """Check the layers of the package: imports run downward only."""
    _prepare(session)
    _run(session, "lint-imports", "--no-cache")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests against the installed package."""
    _prepare(session)
    _run(session, "pytest", *session.posargs)


@nox.session
def parquet(session: nox.Session) -> None:
    """Run the tests of tables, data and Ray with pyarrow, which also stores pandas' text."""
    _prepare(session)
    folder = str(ROOT / ".nox" / "pyarrow")
    _pip_install(session, "-c", str(CONSTRAINTS), "--upgrade", "--target", folder, "pyarrow")
    tested = [
        "tests/test_tables.py",
        "tests/test_foreign_tables.py",
        "tests/test_job_streaming.py",
        "tests/test_ray.py",
        "tests/data",
        "tests/evaluation",
    ]
    _run(session, "pytest", *tested, *session.posargs, pythonpath=folder)


@nox.session
def doctest(session: nox.Session) -> None:
    """Run the examples in docstrings."""
    _prepare(session)
    session.env["FACEATTR_CACHE"] = session.create_tmp()
    _run(session, "pytest", "--doctest-modules", "--pyargs", "faceattr", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings are errors."""
    _prepare(session)
    options = ["-n", "-W", "--keep-going", "-E", "-q", "-b", "html"]
    _run(session, "sphinx-build", *options, "docs", "docs/_build/html")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the source archive and the wheel, and look at what is in them."""
    _prepare(session, package=False)
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    _run(session, "python", "-m", "build", "--no-isolation", "--outdir", "dist")
    for archive in sorted((ROOT / "dist").iterdir()):
        _check_archive(session, archive)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the measurements: all of benchmarks/ or the scripts named after `--`, `--data FOLDER`."""
    _prepare(session)
    named = [word for word in session.posargs if word.endswith(".py")]
    options = [word for word in session.posargs if word not in named]
    for script in named or sorted(map(str, Path("benchmarks").glob("bench_*.py"))):
        on_images = "data=True" in Path(script).read_text(encoding="utf-8")
        _run(session, "python", script, *(options if on_images else []))


def _prepare(session: nox.Session, *, package: bool = True) -> None:
    session.chdir(ROOT)
    stamp = SHARED / "requirements.sha256"
    wanted = _requirements_hash()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        session.run(sys.executable, "-m", "venv", "--clear", str(SHARED), external=True)
        requirements = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
        requirements += nox.project.dependency_groups(PROJECT, "dev")
        _pip_install(session, "-c", str(CONSTRAINTS), *requirements)
        stamp.write_text(wanted, encoding="utf-8")
    if package:
        _pip_install(session, "--no-deps", "--no-build-isolation", "--force-reinstall", str(ROOT))


def _requirements_hash() -> str:
    groups = PROJECT["dependency-groups"]
    wanted = [sys.version, PROJECT["build-system"], PROJECT["project"]["dependencies"], groups]
    text = json.dumps(wanted, sort_keys=True) + CONSTRAINTS.read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def _pip_install(session: nox.Session, *what: str) -> None:
    _run(session, "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *what)


def _run(session: nox.Session, program: str, *options: str, pythonpath: str | None = None) -> None:
    # The caller's PYTHONPATH could hide the installed package.
    session.run(str(BIN / program), *options, external=True, env={"PYTHONPATH": pythonpath})


def _bundled() -> list[str]:
    """Return the files of the bundled models; those without which there is none, in any case."""
    folder = ROOT / "src" / "faceattr" / "models" / "bundled"
    there = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.*")}
    needed = ("config.json", "model.safetensors", "MODEL_CARD.md", "LICENSE.txt")
    return sorted(there | {f"utkface-mobilenetv3-small/{name}" for name in needed})


def _check_archive(session: nox.Session, archive: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = wheel.namelist()
        vectors = ["brisque-vectors.npz", "LICENSE-brisque.txt"]
        wanted = ["faceattr/__init__.py", "faceattr/py.typed"]
        wanted += [f"faceattr/quality/data/{name}" for name in vectors]
        wanted += [f"faceattr/models/bundled/{name}" for name in _bundled()]
    else:
        with tarfile.open(archive) as source:
            names = [name.partition("/")[2] for name in source.getnames()]
        wanted = ["src/faceattr/py.typed", "LICENSE", "constraints.txt", "noxfile.py"]
        wanted += [f"src/faceattr/models/bundled/{name}" for name in _bundled()]
    missing = [name for name in wanted if name not in names]
    # Figures of measured results are the only pictures there may be.
    pictures = [name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]
    images = [name for name in pictures if not name.startswith("docs/results/")]
    if missing or images:
        session.error(f"{archive.name}: missing {missing}, images that do not belong {images}")
    session.log(f"{archive.name}: {len(names)} files, {archive.stat().st_size / 1024:.0f} KiB")
