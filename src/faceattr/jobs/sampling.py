"""The section of a job that says how the images of an epoch are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from faceattr._validation import check_choice, check_integer, check_known, check_number
from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._checks import check_mapping, check_text, check_texts
from faceattr.jobs._making import open_bins

if TYPE_CHECKING:
    from faceattr.data import BalancedSampler, Dataset

__all__ = ["SamplerSection", "make_sampler"]


@dataclass(frozen=True)
class SamplerSection:
    """How the images of an epoch are chosen; see `BalancedSampler`, whose arguments these are.

    Parameters
    ----------
    by : sequence of str, optional
        Columns to balance by. Without any, every image is shown once an epoch.
    bins : mapping of str to edges or int
        A first or last edge that is None or infinite is an open end.
    smoothing : mapping of str to mapping
        Arguments of `LabelDistributionSmoothing` by column, in the place of bins.
    strength : float, default 1.0
    max_repeats : int, optional
    epoch_size : int, optional
    seed : int, default 0
    quality : str, optional
        The file of a quality table, for columns such as "luminance".
    missing : {"refuse", "cell"}, default "refuse"
    """

    by: Sequence[str] | None = None
    bins: Mapping[str, Any] = field(default_factory=dict)
    smoothing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    strength: float = 1.0
    max_repeats: int | None = None
    epoch_size: int | None = None
    seed: int = 0
    quality: str | None = None
    missing: str = "refuse"

    def check(self) -> None:
        """Raise InvalidArgumentError or InvalidTypeError if a setting cannot be used."""
        if self.by is None:
            self._check_unused()
            return
        check_texts(self.by, "sampler.by")
        check_mapping(self.bins, "sampler.bins")
        for column, settings in check_mapping(self.smoothing, "sampler.smoothing").items():
            check_mapping(settings, f"sampler.smoothing.{column}")
        check_number(self.strength, "sampler.strength", low=0, high=1)
        for name in ("max_repeats", "epoch_size"):
            if getattr(self, name) is not None:
                check_integer(getattr(self, name), f"sampler.{name}", low=1)
        check_integer(self.seed, "sampler.seed", low=0)
        if self.quality is not None:
            check_text(self.quality, "sampler.quality")
        check_choice(self.missing, "sampler.missing", ("refuse", "cell"))

    def _check_unused(self) -> None:
        given = [
            item.name for item in fields(self) if getattr(self, item.name) != _DEFAULTS[item.name]
        ]
        if given:
            raise InvalidArgumentError(
                "nothing is balanced",
                argument=", ".join(f"sampler.{name}" for name in given),
                expected="sampler.by beside it",
                found="no sampler.by",
                hint='sampler.by=["age", "gender"]',
            )


_DEFAULTS = vars(SamplerSection())


def make_sampler(section: SamplerSection, train: Dataset) -> BalancedSampler | None:
    """Return the sampler of a training part, which has looked at its data; None without one.

    Raises
    ------
    DataError, TableError, InvalidArgumentError, InvalidTypeError
        As `BalancedSampler`; or if the quality table cannot be read.
    """
    if section.by is None:
        return None
    from faceattr.data import BalancedSampler, LabelDistributionSmoothing
    from faceattr.tables import read_table

    known = [item.name for item in fields(LabelDistributionSmoothing)]
    for column, settings in section.smoothing.items():
        check_known(settings, known, f"sampler.smoothing.{column}")
    smoothed = {
        column: LabelDistributionSmoothing(**settings)
        for column, settings in section.smoothing.items()
    }
    sampler = BalancedSampler(
        train,
        section.by,
        {**open_bins(section.bins), **smoothed},
        strength=section.strength,
        max_repeats=section.max_repeats,
        epoch_size=section.epoch_size,
        seed=section.seed,
        quality=None if section.quality is None else read_table(section.quality),
        missing=section.missing,
    )
    sampler.plan(0)
    return sampler
