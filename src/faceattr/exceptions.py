"""Errors of faceattr.

Every error derives from `FaceAttrError` and from the builtin that fits it, so ``except ValueError``
works as well as ``except FaceAttrError``. An error says which argument or rows are meant, what was
expected, what was found and how to mend it, and carries all of these as attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "DataError",
    "ExportError",
    "FaceAttrError",
    "ImageReadError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "MissingDependencyError",
    "ModelFileError",
    "OutputError",
    "TableError",
    "TrainingError",
    "WeightsError",
]

_MAX_ROWS_SHOWN = 5


class FaceAttrError(Exception):
    """Base of every error that faceattr raises on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, one sentence without a full stop.
    argument : str, optional
        The argument, column or key that is at fault.
    expected, found : str, optional
        What would have been right, and what was there.
    rows : sequence of str, optional
        The offending rows (sample ids, paths or positions); all are kept, the first five are shown.
    hint : str, optional
        How to mend it, ready to paste where possible.

    Attributes
    ----------
    problem, argument, expected, found, rows, hint
        The parameters, unchanged; ``rows`` is a tuple.
    """

    def __init__(
        self,
        problem: str,
        *,
        argument: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        rows: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.argument = argument
        self.expected = expected
        self.found = found
        self.rows = tuple(rows)
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        parts = [f"{self.argument}: {self.problem}" if self.argument else self.problem]
        if self.rows:
            shown = ", ".join(repr(row) for row in self.rows[:_MAX_ROWS_SHOWN])
            more = len(self.rows) - _MAX_ROWS_SHOWN
            parts.append(f"rows: {shown}" + (f" and {more} more" if more > 0 else ""))
        if self.expected is not None:
            parts.append(f"expected: {self.expected}")
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.hint is not None:
            parts.append(f"to mend it: {self.hint}")
        return "; ".join(parts)


class InvalidArgumentError(FaceAttrError, ValueError):
    """An argument has a value outside its declared limits."""


class InvalidTypeError(FaceAttrError, TypeError):
    """An argument has a type that is not accepted."""


class DataError(FaceAttrError, ValueError):
    """Labels, file names or images of a data set cannot be used as asked."""


class TableError(DataError):
    """A table lacks a column, repeats an id or holds a value that its schema forbids."""


class ImageReadError(FaceAttrError, OSError):
    """One image cannot be read; ``rows`` holds its path or name."""


class ModelFileError(FaceAttrError, ValueError):
    """A saved model is damaged, or does not fit the model it is loaded into."""


class WeightsError(FaceAttrError, FileNotFoundError):
    """Pre-trained weights cannot be had from where they were asked for."""


class ExportError(FaceAttrError, RuntimeError):
    """A model cannot be exported, or the file does not predict what the model predicts."""


class OutputError(FaceAttrError, OSError):
    """A file or folder cannot be written."""


class TrainingError(FaceAttrError, RuntimeError):
    """Training cannot start or go on."""


class MissingDependencyError(FaceAttrError, ImportError):
    """An optional package is not installed; ``hint`` names the extra that brings it."""
