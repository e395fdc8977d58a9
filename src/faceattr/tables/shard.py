"""One of n parts of a long job."""

from __future__ import annotations

import re
from dataclasses import dataclass

from faceattr._validation import check_integer
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError

__all__ = ["MAX_SHARDS", "Shard", "as_shard"]

MAX_SHARDS = 1_000_000
"""Parts that a whole may have."""

_TEXT = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True)
class Shard:
    """One of `of` parts of a request, by its number.

    The parts are contiguous, as even as can be, and in order: put one after the other they are the
    whole. Where there are fewer rows than parts some are empty.

    Parameters
    ----------
    number : int
        From 1 to `of`.
    of : int
        From 1 to 1,000,000.

    Raises
    ------
    InvalidArgumentError, InvalidTypeError
        If a number is outside its limits, or none.

    Examples
    --------
    >>> from faceattr.tables import Shard
    >>> [list("abcde")[Shard(number, of=3).rows(5)] for number in (1, 2, 3)]
    [['a'], ['b', 'c'], ['d', 'e']]
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        check_integer(self.of, "shard, of", low=1, high=MAX_SHARDS)
        check_integer(self.number, "shard, number", low=1, high=self.of)

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"2/8"``, the second of eight parts.

        Raises
        ------
        InvalidArgumentError
            If the text is none, or there is no such part.

        Examples
        --------
        >>> from faceattr.tables import Shard
        >>> Shard.parse("2/8")
        Shard(number=2, of=8)
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InvalidArgumentError(
                "not one of n parts",
                argument="shard",
                expected="NUMBER/PARTS, such as 2/8 for the second of eight",
                found=repr(text[:40]),
            )
        return cls(*(int(number) for number in match.groups()))

    def rows(self, total: int) -> slice:
        """Return which of `total` rows belong to this part."""
        return slice(total * (self.number - 1) // self.of, total * self.number // self.of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def as_shard(value: Shard | str) -> Shard:
    """Return a `Shard`, given as such or as text."""
    if isinstance(value, Shard):
        return value
    if isinstance(value, str):
        return Shard.parse(value)
    raise InvalidTypeError(
        "not one of n parts",
        argument="shard",
        expected='a Shard, or text such as "2/8"',
        found=f"{value!r} ({type(value).__name__})",
    )
