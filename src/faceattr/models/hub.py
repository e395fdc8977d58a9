"""The Hugging Face hub: the only file that knows its package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from faceattr.exceptions import ModelFileError
from faceattr.models._files import CARD_NAME, CONFIG_NAME, LICENCE_NAME, WEIGHTS_NAME

__all__ = ["download", "is_hub_name"]

FILES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME, LICENCE_NAME, "LICENSE")
"""All that is ever downloaded: no code, no pickle."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?", re.ASCII)


def is_hub_name(name: str) -> bool:
    """Tell whether a name has the form ``user/name`` or ``user/name@revision``."""
    return _NAME.fullmatch(name) is not None


def download(name: str) -> Path:
    """Return the folder of a model of the hub, downloading what is not in the hub's cache.

    Parameters
    ----------
    name : str
        ``user/name``, or ``user/name@revision`` for a branch, a tag or a commit.

    Raises
    ------
    ModelFileError
        If it cannot be had, or is no model of faceattr.
    """
    repository, _, revision = name.partition("@")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The bases of its error are those of whatever package it makes its requests with.
    others = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    failures: tuple[type[Exception], ...] = (OSError, ValueError, *others)
    try:
        folder = snapshot_download(
            repository, revision=revision or None, allow_patterns=list(FILES)
        )
    except failures as error:
        raise ModelFileError(
            "no such folder or bundled model, and the Hugging Face hub does not give it",
            argument="name_or_folder",
            expected="user/name or user/name@revision of a repository there, and a network",
            found=f"{name!r}: {type(error).__name__}: {error}",
            hint="check the spelling and the connection; what was downloaded once is found without"
            " one; a folder is given by its path, such as './folder/name'",
        ) from error
    if not (Path(folder) / CONFIG_NAME).is_file():
        raise ModelFileError(
            "the repository on the hub holds no model of faceattr",
            argument="name_or_folder",
            expected=f"{CONFIG_NAME} and {WEIGHTS_NAME}, as save_pretrained writes them",
            found=repr(name),
        )
    return Path(folder)
