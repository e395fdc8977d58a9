"""What an export did, and how far the file's predictions are from the model's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["ExportReport"]


@dataclass(frozen=True)
class ExportReport:
    """What `Model.export` returns; written beside the file as ``<file>.report.json``.

    Attributes
    ----------
    path : Path
        The file.
    format : str
        ``"onnx"`` or ``"torch.export"``.
    quantize : str or None
        ``"int8"``, or None for a file that computes as the model does.
    size : int
        Bytes of the file.
    differences : pandas.DataFrame
        How far the file's predictions, before calibration, are from the model's, a row a task:
        ``task``, ``unit`` (that of the number, or "probability"), ``n`` (images), ``largest`` and
        ``mean`` absolute difference (of all classes), ``bounded`` (which of the two had to hold),
        ``bound``.
    compared_on : str
        ``"images"`` that were given, or ``"patterns"``.
    unread : tuple of str
        Images that could not be read and took part in nothing.
    float_layers : tuple of str
        Of an int8 file, the layers with weights that were left in float, since they cost the most.
    opset : int or None
        The version of ONNX's operators.
    versions : dict of str to str
        Of the packages that took part.
    """

    path: Path
    format: str
    quantize: str | None
    size: int
    differences: pd.DataFrame
    compared_on: str
    unread: tuple[str, ...]
    float_layers: tuple[str, ...]
    opset: int | None
    versions: dict[str, str]

    @property
    def report_path(self) -> Path:
        """Where this report lies as JSON."""
        return self.path.with_name(self.path.name + ".report.json")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON holds it, the file by its name."""
        return {
            "file": self.path.name,
            "format": self.format,
            "quantize": self.quantize,
            "size": self.size,
            "differences": self.differences.to_dict(orient="records"),
            "compared_on": self.compared_on,
            "unread": list(self.unread),
            "float_layers": list(self.float_layers),
            "opset": self.opset,
            "versions": self.versions,
        }

    def to_json(self) -> str:
        """Return `to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def summary(self) -> str:
        """Return the main figures as text."""
        kind = self.format if self.quantize is None else f"{self.format}, {self.quantize}"
        lines = [f"{self.path} ({kind}, {self.size / 1e6:.1f} MB)"]
        if self.float_layers:
            lines.append(f"{len(self.float_layers)} layers with weights stay in float")
        lines += [
            f"{row['task']}: differs from the model by {row['mean']:.2g} on average, "
            f"{row['largest']:.2g} at most ({row['unit']}; {row['n']} {self.compared_on}; "
            f"bound: {row['bounded']} {row['bound']:.2g})"
            for row in self.differences.to_dict(orient="records")
        ]
        return "\n".join(lines) + "\n"
