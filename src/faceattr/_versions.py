"""Versions of installed packages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed_version"]


def installed_version(package: str) -> str:
    """Return a package's version, "unknown" where it is missing or goes by another name."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
