"""Models that come with the package: a folder each, beside this file.

Their weights are under licences of their own, which lie in the folders.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from faceattr.models._files import CONFIG_NAME, LICENCE_NAME, WEIGHTS_NAME

__all__ = ["bundled_folder", "bundled_models", "give_notice"]

FOLDER = Path(__file__).parent
SILENT = "FACEATTR_NO_NOTICE"

_given: set[str] = set()


def bundled_models() -> tuple[str, ...]:
    """List the models that this installation brings, for `Model.from_pretrained`.

    Returns
    -------
    tuple of str
        Their names in alphabetical order; empty where the package was built without weights.

    Examples
    --------
    >>> from faceattr.models import bundled_models
    >>> isinstance(bundled_models(), tuple)
    True
    """
    needed = (CONFIG_NAME, WEIGHTS_NAME)
    folders = [folder for folder in FOLDER.iterdir() if folder.is_dir()]
    whole = [folder for folder in folders if all((folder / name).is_file() for name in needed)]
    return tuple(sorted(folder.name for folder in whole))


def bundled_folder(name: str) -> Path:
    """Return where the files of a bundled model lie."""
    return FOLDER / name


def give_notice(folder: Path, licence: str | None) -> None:
    """Say on stderr what a bundled model may be used for, at its first use in this process.

    Nothing is said of models that are not bundled, and where ``FACEATTR_NO_NOTICE`` is set.
    """
    name = folder.name
    if name in _given or os.environ.get(SILENT) or folder.resolve().parent != FOLDER.resolve():
        return
    _given.add(name)
    if sys.stderr is not None:  # as in programs without a console
        sys.stderr.write(
            f"faceattr: the weights {name!r} have a licence of their own, not MIT: "
            f"{licence or 'read it'} ({folder / LICENCE_NAME}). They estimate appearance as "
            "labelled. Not for decisions about people, not to check anybody's age, not for "
            f"identity. {SILENT}=1 silences this notice.\n"
        )
