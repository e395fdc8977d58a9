"""The error of all contract checks."""

from __future__ import annotations

from faceattr.exceptions import FaceAttrError

__all__ = ["ContractError", "expect"]


class ContractError(FaceAttrError, AssertionError):
    """A part does not do what the library relies on."""


def expect(holds: bool, problem: str, expected: str, found: str) -> None:
    """Raise `ContractError` unless a part of the contract holds."""
    if not holds:
        raise ContractError(problem, expected=expected, found=found)
