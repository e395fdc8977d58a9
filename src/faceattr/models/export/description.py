"""What an exported file says about its model, for this library and for others; without torch.

The keys, all of them text:

``faceattr.model``
    The ``config.json`` of `Model.save_pretrained`: tasks, image size, crop, calibration, licence.
``faceattr.input``, ``faceattr.outputs``
    How images have to be, and what every output means.
``faceattr.heads``
    Kind, size and constants of each head, to decode raw outputs.
``faceattr.export``
    How the file was made.
``faceattr.card``, ``faceattr.licence_text``
    The model card, and the licence of the weights, where the model has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faceattr.calibration import Calibration
from faceattr.exceptions import FaceAttrError, ModelFileError
from faceattr.models.decoding import DECODERS
from faceattr.models.export.session import INPUT
from faceattr.tasks import ClassificationTask, Task, TaskSet

__all__ = ["EXPORT_VERSION", "Description", "HeadFacts", "describe_input", "describe_outputs"]

EXPORT_VERSION = 1

_PREFIX = "faceattr."


@dataclass(frozen=True)
class HeadFacts:
    """What is needed to decode a head's outputs.

    Attributes
    ----------
    kind : str
        As it is registered.
    size : int
        Numbers that it puts out for an image.
    constants : dict
        Its buffers as numbers and lists.
    decoded : str or None
        The output that holds what it means, for those who decode nothing; None where the head does
        not say it.
    """

    kind: str
    size: int
    constants: dict[str, Any] = field(default_factory=dict)
    decoded: str | None = None


@dataclass(frozen=True)
class Description:
    """All that a file says.

    Attributes
    ----------
    config : dict
        As `Model.save_pretrained` writes it.
    heads : dict of str to HeadFacts
        By task.
    export : dict
        ``format_version``, ``num_features``, ``weights`` (a digest), ``quantize``,
        ``float_layers``.
    card, licence_text : str or None
    """

    config: dict[str, Any]
    heads: dict[str, HeadFacts]
    export: dict[str, Any]
    card: str | None = None
    licence_text: str | None = None

    @property
    def tasks(self) -> TaskSet:
        """What the model predicts."""
        return TaskSet.from_list(self.config["tasks"])

    @property
    def image_size(self) -> int:
        """Side length of its images in pixels."""
        return int(self.config["image_size"])

    def calibration(self) -> Calibration | None:
        """Return what is applied to its tables."""
        description = self.config.get("calibration")
        return None if description is None else Calibration.from_dict(description)

    def to_metadata(self) -> dict[str, str]:
        """Return the texts of a file by key."""
        described: dict[str, Any] = {
            "model": self.config,
            "input": describe_input(self.image_size),
            "outputs": describe_outputs(self.tasks, self.heads),
            "heads": {name: vars(facts) for name, facts in self.heads.items()},
            "export": self.export,
        }
        texts = {
            _PREFIX + key: json.dumps(value, ensure_ascii=False) for key, value in described.items()
        }
        longer = {"card": self.card, "licence_text": self.licence_text}
        return texts | {_PREFIX + key: text for key, text in longer.items() if text is not None}

    @classmethod
    def from_metadata(cls, texts: Mapping[str, str], name: str) -> Description:
        """Read the texts of a file; `name` is what errors call it.

        Raises
        ------
        ModelFileError
            If they are not those of this library, damaged, or of a newer version.
        """
        if _PREFIX + "export" not in texts:
            raise ModelFileError(
                "not a file that Model.export wrote",
                rows=[name],
                expected=f"metadata {_PREFIX}model, {_PREFIX}heads and {_PREFIX}export",
                found=f"metadata {sorted(texts)}",
            )
        try:
            config, heads, export = (
                json.loads(texts[_PREFIX + key]) for key in ("model", "heads", "export")
            )
            _check_version(export, name)
            facts = {task: HeadFacts(**described) for task, described in heads.items()}
            longer = (texts.get(_PREFIX + key) for key in ("card", "licence_text"))
            read = cls(config, facts, export, *longer)
            if set(read.tasks) != set(facts) or read.image_size < 1:
                raise ValueError("tasks and heads do not belong together")
            read.calibration()
        except ModelFileError:
            raise
        except (KeyError, TypeError, ValueError, RecursionError, FaceAttrError) as error:
            raise ModelFileError(
                "what the file says about its model is damaged",
                rows=[name],
                found=f"{type(error).__name__}: {error}",
            ) from error
        return read


def _check_version(export: Mapping[str, Any], name: str) -> None:
    if export["format_version"] != EXPORT_VERSION:
        raise ModelFileError(
            "the file has a form that this version does not read",
            rows=[name],
            expected=f"format_version {EXPORT_VERSION}",
            found=repr(export["format_version"]),
        )


def describe_input(size: int) -> dict[str, Any]:
    """Return how images have to be, for programs in other languages."""
    return {
        "name": INPUT,
        "dtype": "uint8",
        "shape": ["batch", 3, size, size],
        "layout": "NCHW",
        "color": "RGB",
        "range": [0, 255],
        "normalisation": "inside",
        "preparation": "turn upright (EXIF), cut the largest centred square, scale it by averaging "
        "over areas where it shrinks, cubic where it grows",
    }


def describe_outputs(tasks: TaskSet, heads: Mapping[str, HeadFacts]) -> list[dict[str, Any]]:
    """Return what each output means, in order."""
    raw = [
        {
            "name": name,
            "task": name,
            "shape": ["batch", heads[name].size],
            "meaning": f"raw outputs of the head {heads[name].kind!r}",
            **({"support": heads[name].constants["support"]} if _has_support(heads[name]) else {}),
        }
        for name in tasks
    ]
    decoded = [
        {"name": heads[name].decoded, "task": name, **_meaning(task)}
        for name, task in tasks.items()
        if heads[name].decoded is not None
    ]
    return raw + decoded


def _has_support(facts: HeadFacts) -> bool:
    return facts.kind in DECODERS and "support" in facts.constants


def _meaning(task: Task) -> dict[str, Any]:
    if isinstance(task, ClassificationTask):
        return {
            "shape": ["batch", len(task.classes)],
            "meaning": "probability of each class, before calibration",
            "classes": list(task.classes),
        }
    return {
        "shape": ["batch"],
        "meaning": "the predicted number, within the bounds",
        "unit": task.unit,
        "bounds": None if task.bounds is None else list(task.bounds),
    }
