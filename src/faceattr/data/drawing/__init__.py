"""Drawings of faces: `render` paints a `Look`."""

from __future__ import annotations

from faceattr.data.drawing.render import render
from faceattr.data.drawing.traits import Look

__all__ = ["Look", "render"]
