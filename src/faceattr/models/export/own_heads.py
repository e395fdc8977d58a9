"""Heads of the user's own, which decode by their class and so by torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch

from faceattr.exceptions import FaceAttrError, ModelFileError
from faceattr.models._head import Head
from faceattr.models.heads import build_head

if TYPE_CHECKING:
    from faceattr.models.decoding import Columns
    from faceattr.models.export.description import Description

__all__ = ["OwnHead"]


@dataclass(frozen=True)
class OwnHead:
    """A registered head with the constants that it had when it was exported.

    Attributes
    ----------
    head : Head
    """

    head: Head

    @classmethod
    def build(cls, description: Description, name: str) -> OwnHead:
        """Build the head of a task again.

        Raises
        ------
        ModelFileError
            If its class is not registered here, or has other constants.
        """
        facts = description.heads[name]
        try:
            head = build_head(
                facts.kind, description.tasks[name], description.export["num_features"], 0.0
            ).eval()
            state = head.state_dict()
            for constant, value in facts.constants.items():
                state[constant].copy_(torch.tensor(value))
        except (KeyError, RuntimeError, FaceAttrError) as error:
            raise ModelFileError(
                "a head of this file cannot be built here",
                argument=f"heads[{name!r}]",
                expected=f"the class of {facts.kind!r}, with {sorted(facts.constants)}",
                found=str(error),
                hint=f"faceattr.models.register_head({facts.kind!r}, ItsClass) before",
            ) from error
        return cls(head)

    def columns(self, outputs: npt.NDArray[Any]) -> Columns:
        """Turn raw outputs ``(N, K)`` into columns."""
        with torch.inference_mode():
            return self.head.columns(torch.from_numpy(outputs))
