"""Write down every public signature: `python -m tests.update_api` renews tests/public_api.txt."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path

SNAPSHOT = Path(__file__).with_name("public_api.txt")
HEADER = "# All public signatures. Renew with: python -m tests.update_api\n"


def render_api() -> str:
    """Return every public name of every public module with its signature, one a line."""
    lines = [line for name in public_modules() for line in _module_lines(name)]
    return HEADER + "\n".join(lines) + "\n"


def public_modules() -> list[str]:
    """Return the package and the modules right below it; what lies deeper is theirs."""
    import faceattr

    names = [info.name for info in pkgutil.iter_modules(faceattr.__path__)]
    return ["faceattr", *sorted(f"faceattr.{name}" for name in names if not name.startswith("_"))]


def _module_lines(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    for public in sorted(module.__all__):
        value = getattr(module, public)
        is_class = inspect.isclass(value)
        if not is_class and not inspect.isfunction(value):
            yield f"{name}.{public}: {type(value).__name__}"
        elif name != _public_home(value.__module__):
            yield f"{name}.{public} -> {_public_home(value.__module__)}"
        elif is_class:
            yield from _class_lines(f"{name}.{public}", value)
        else:
            yield f"{name}.{public}{_signature(value)}"


def _public_home(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _class_lines(path: str, cls: type) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__bases__ if base is not object]
    own = vars(cls).keys() & {"__init__", "__new__"}
    yield f"{path}({', '.join(bases)}){_signature(cls) if own else ''}"
    for name, member in sorted(_members(cls).items()):
        if name.startswith("_") and name != "__call__":
            continue
        if isinstance(member, staticmethod | classmethod):
            yield f"{path}.{name}{_signature(getattr(cls, name))}  [{type(member).__name__}]"
        elif inspect.isfunction(member):
            yield f"{path}.{name}{_signature(member)}"
        elif isinstance(member, property | functools.cached_property):
            yield f"{path}.{name}  [property]"


def _members(cls: type) -> dict[str, object]:
    """Return what a class offers itself or takes over from a class that is not public."""
    members: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        private = base.__module__.startswith("faceattr.") and "._" in base.__module__
        if base is cls or private or base.__name__.startswith("_"):
            members.update(vars(base))
    return members


def _signature(value: Callable[..., object]) -> str:
    try:
        text = str(inspect.signature(value))
    except (ValueError, TypeError):
        return "(...)"
    # Defaults that show an address would differ from run to run.
    return re.sub(r" at 0x[0-9a-f]+", "", text)


if __name__ == "__main__":
    SNAPSHOT.write_text(render_api(), encoding="utf-8")
