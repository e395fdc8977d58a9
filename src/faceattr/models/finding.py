"""Where a model lies that is asked for: a folder, a bundled model, or one of the hub."""

from __future__ import annotations

import difflib
import logging
import os
from pathlib import Path

from faceattr._folders import is_folder
from faceattr.exceptions import InvalidTypeError, ModelFileError
from faceattr.models._files import CONFIG_NAME
from faceattr.models.bundled import bundled_folder, bundled_models
from faceattr.models.hub import download, is_hub_name

__all__ = ["find_model"]

_log = logging.getLogger(__name__)


def find_model(name_or_folder: str | Path) -> Path:
    """Return the folder of a model.

    An existing folder goes first, then a bundled name; neither needs a network. A folder of a
    bundled name that holds no model is passed over, one that holds a model is told of in the log.
    Only text of the form ``user/name`` is asked for at the hub, and not where there is a folder
    ``user``: then it is taken for a path in it.

    Raises
    ------
    InvalidTypeError
        If it is neither text nor a path.
    ModelFileError
        If there is no such model; it says what was tried.
    """
    if not isinstance(name_or_folder, str | os.PathLike):
        raise InvalidTypeError(
            "neither a name nor a folder",
            argument="name_or_folder",
            expected="text or a path",
            found=repr(name_or_folder),
        )
    path = Path(name_or_folder).expanduser()
    name = name_or_folder if isinstance(name_or_folder, str) else None
    bundled = name is not None and name in bundled_models()
    if is_folder(path) and (not bundled or (path / CONFIG_NAME).is_file()):
        if bundled:
            _log.warning("taken is the folder %s, not the bundled model of its name", path)
        return path
    if name is not None and bundled:
        return bundled_folder(name)
    if name is not None and is_hub_name(name) and not path.parent.is_dir():
        return download(name)
    raise _not_found(path, name)


def _not_found(path: Path, name: str | None) -> ModelFileError:
    known = bundled_models()
    tried = [f"no folder {path.absolute()}"]
    if name is not None:
        tried.append("not a bundled model")
        tried.append(
            f"not asked for at the hub, since there is a folder {str(path.parent)!r}"
            if is_hub_name(name)
            else "not of the form user/name, so not asked for at the hub"
        )
    near = difflib.get_close_matches(name or "", known, n=1)
    ways = (
        "name a folder (on the command line by --model): "
        'model.save_pretrained("folder") makes one, and so does faceattr demo'
    )
    return ModelFileError(
        "no saved model here, and none of this name",
        argument="name_or_folder",
        expected="a folder, a bundled model "
        f"({', '.join(known) or 'this installation has none'}), or user/name on the hub",
        found=f"{str(path if name is None else name)!r}: " + ", ".join(tried),
        hint=f"did you mean {near[0]!r}?" if near else ways,
    )
