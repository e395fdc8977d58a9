"""What stands in a quality table beside the scores, and how it is put."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BRISQUE_WEIGHTS",
    "NOTES",
    "REASONS",
    "UNREADABLE",
    "as_one",
    "flag_column",
    "is_reserved",
    "join_texts",
    "split_texts",
]

NOTES = "notes"
REASONS = "reasons"
BRISQUE_WEIGHTS = "brisque_weights"

UNREADABLE = "cannot be read"
"""The start of the note on an image without any score."""

_BETWEEN = "; "


def flag_column(metric: str) -> str:
    """Return the column that says whether a metric has an issue with an image."""
    return f"is_{metric}_issue"


def is_reserved(name: str) -> bool:
    """Tell whether quality tables use a name themselves."""
    return name in ("sample_id", "path", "error", NOTES, REASONS, BRISQUE_WEIGHTS) or (
        name.startswith("is_") and name.endswith("_issue")
    )


def join_texts(texts: Iterable[str]) -> str:
    """Return notes or reasons as one text, each of them made by `as_one`."""
    return _BETWEEN.join(texts)


def split_texts(text: str) -> list[str]:
    """Return the notes or reasons in a text; none where it is empty."""
    return text.split(_BETWEEN) if text else []


def as_one(text: str) -> str:
    """Return a text without what stands between two."""
    return text.replace(_BETWEEN, ", ")
