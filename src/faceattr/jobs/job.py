"""A training as one value: from a mapping or a TOML file, checked before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from faceattr._validation import check_choice
from faceattr.exceptions import InvalidArgumentError
from faceattr.jobs._checks import check_mapping, check_text
from faceattr.jobs._making import open_bins
from faceattr.jobs._settings import Known, apply_overrides, check_keys, read_toml
from faceattr.jobs.sampling import SamplerSection
from faceattr.jobs.sections import (
    NOTHING,
    DataSection,
    EvaluateSection,
    ModelSection,
    SplitSection,
)

if TYPE_CHECKING:
    from faceattr.training import TrainConfig

__all__ = ["DEMO", "TrainingJob"]

PRESETS = ("default", "study")
_SECTIONS = {
    "data": DataSection,
    "split": SplitSection,
    "model": ModelSection,
    "sampler": SamplerSection,
    "evaluate": EvaluateSection,
}
_MAY_BE_NOTHING = {
    "data": ("path", "root"),
    "split": ("groups", "column"),
    "model": ("weights",),
    "sampler": ("by", "max_repeats", "epoch_size", "quality"),
    "train": ("cycle_epochs", "clip_norm"),
    "evaluate": ("by",),
}


@dataclass(frozen=True)
class TrainingJob:
    """Everything that a training needs, from the images to the folder that takes its results.

    Parameters
    ----------
    data : DataSection
    split : SplitSection
    model : ModelSection
    train : mapping of str to object
        Fields of `TrainConfig`, and ``preset``: "study" to start from `TrainConfig.study`,
        "default" for the library's recipe.
    sampler : SamplerSection
    evaluate : EvaluateSection
    output : str, default "faceattr-output"
        Folder of the results; files of an earlier job in it are replaced.

    Examples
    --------
    >>> from faceattr.jobs import TrainingJob
    >>> job = TrainingJob.from_dict({"data": {"kind": "utkface", "path": "UTKFace/"}})
    >>> job.split.test
    0.2
    >>> job.changed(["split.test=0.1", "split.valid=0.2"]).split.valid
    0.2
    """

    data: DataSection
    split: SplitSection = field(default_factory=SplitSection)
    model: ModelSection = field(default_factory=ModelSection)
    train: Mapping[str, Any] = field(default_factory=dict)
    sampler: SamplerSection = field(default_factory=SamplerSection)
    evaluate: EvaluateSection = field(default_factory=EvaluateSection)
    output: str = "faceattr-output"

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Make a job from plain types, a mapping a section.

        Parameters
        ----------
        mapping : mapping
            As a job file holds it. ``"none"`` stands for None in ``split.groups``,
            ``model.weights``, ``train.clip_norm`` and the like.

        Raises
        ------
        InvalidArgumentError
            If a section or key is unknown (all are named), or ``data.kind`` is missing.
        InvalidTypeError
            If a section is no mapping.
        """
        return cls._from_mapping(mapping, "the job")

    @classmethod
    def from_toml(cls, path: str | Path, overrides: Iterable[str] = ()) -> Self:
        """Read a job file.

        Parameters
        ----------
        path : path
            TOML in UTF-8.
        overrides : iterable of str
            Single settings that replace those of the file, such as ``"train.epochs=3"``. Values are
            written as in TOML; text needs no quotes.

        Raises
        ------
        DataError
            If the file cannot be read or is no TOML.
        InvalidArgumentError, InvalidTypeError
            As `from_dict`; or if an override is no ``section.key=value``.
        """
        return cls._from_mapping(apply_overrides(read_toml(path), overrides), str(path))

    def changed(self, overrides: Iterable[str]) -> Self:
        """Return the job with single settings replaced; see `from_toml`."""
        return self.from_dict(apply_overrides(self.to_dict(), overrides))

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain JSON types, which `from_dict` reads."""
        plain = asdict(self)
        for section in ("evaluate", "sampler"):  # JSON has no infinite numbers
            plain[section]["bins"] = open_bins(plain[section]["bins"])
        return plain

    def train_config(self) -> TrainConfig:
        """Return the configuration of the training.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If a setting cannot be used.
        """
        from faceattr.training import TrainConfig

        settings = dict(check_mapping(self.train, "train"))
        preset = check_choice(settings.pop("preset", "default"), "train.preset", PRESETS)
        if preset == "study":
            return TrainConfig.study(**settings)
        return TrainConfig.from_dict(settings)

    def check(self) -> None:
        """Check all that can be told without looking at the data.

        Raises
        ------
        InvalidArgumentError, InvalidTypeError
            If a setting is outside its limits or of a wrong type.
        """
        for section in (self.data, self.split, self.model, self.sampler, self.evaluate):
            section.check()
        self.train_config()
        check_text(self.output, "output")

    @classmethod
    def _from_mapping(cls, mapping: Mapping[str, Any], source: str) -> Self:
        check_keys(check_mapping(mapping, source), _known(), source)
        if "kind" not in mapping.get("data", {}):
            raise InvalidArgumentError(
                "it does not say what to train on",
                argument=f"{source}, data.kind",
                expected="'utkface', 'fairface', 'csv', 'folder' or 'synthetic'",
                hint='[data] kind = "utkface", path = "UTKFace/"',
            )
        parts = {name: _with_nothing(name, mapping.get(name, {})) for name in _MAY_BE_NOTHING}
        made: dict[str, Any] = {
            name: section(**parts[name]) for name, section in _SECTIONS.items() if name in mapping
        }
        if "output" in mapping:
            made["output"] = mapping["output"]
        return cls(train=parts["train"], **made)


def _known() -> Known:
    from faceattr.training import TrainConfig

    known: dict[str, list[str] | None] = {
        name: [item.name for item in fields(section)] for name, section in _SECTIONS.items()
    }
    train = ["preset", *(item.name for item in fields(TrainConfig))]
    return known | {"train": train, "output": None}


def _with_nothing(section: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    nullable = _MAY_BE_NOTHING[section]
    return {
        key: None if key in nullable and value == NOTHING else value
        for key, value in settings.items()
    }


DEMO = TrainingJob(
    data=DataSection(kind="synthetic", n=2500, seed=0, size=64),
    model=ModelSection(weights=None, image_size=64),
    train={"epochs": 12, "batch_size": 32, "lr": 0.004, "augment": "light"},
    evaluate=EvaluateSection(n_boot=500),
    output="faceattr-demo",
)
"""A training on drawings of faces that takes minutes and needs neither data nor a network."""
