"""A small registry: names to objects, checked when they are registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from faceattr.exceptions import InvalidArgumentError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Named objects of one kind, in the order in which they were registered.

    Parameters
    ----------
    kind : str
        What is registered, in the singular ("head"); used in messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> T:
        """Add `item` under `name` and return it.

        Raises
        ------
        InvalidArgumentError
            If the name is taken by another object or is not a plain word.
        """
        if (
            not isinstance(name, str)
            or not name
            or not name.replace("-", "_").replace(".", "_").isidentifier()
        ):
            raise InvalidArgumentError(
                f"not usable as the name of a {self.kind}",
                argument="name",
                expected="letters, digits, '_', '-' and '.', not starting with a digit",
                found=repr(name),
            )
        if self._items.get(name, item) is not item:
            raise InvalidArgumentError(
                f"a {self.kind} of this name is registered already",
                argument="name",
                found=repr(name),
                hint="choose another name",
            )
        self._items[name] = item
        return item

    def replace(self, name: str, item: T) -> T:
        """Put `item` in the place of what is registered as `name`, and return it.

        Raises
        ------
        InvalidArgumentError
            If there is nothing of this name.
        """
        self.get(name, argument="name")
        self._items[name] = item
        return item

    def get(self, name: str, *, argument: str) -> T:
        """Return what is registered as `name`; `argument` is named in the error."""
        if not isinstance(name, str) or name not in self._items:
            raise InvalidArgumentError(
                f"unknown {self.kind}",
                argument=argument,
                expected="one of " + ", ".join(repr(known) for known in self._items),
                found=repr(name),
            )
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
