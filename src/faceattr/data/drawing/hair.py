"""Hair behind and before the head, and beards."""

from __future__ import annotations

from faceattr.data.drawing.canvas import Canvas, Colour, mirrored
from faceattr.data.drawing.traits import DARK, WHITE, Traits, blend
from faceattr.data.variation import Variation

__all__ = ["paint_back_hair", "paint_beard", "paint_front_hair"]

_SHOWS_BEHIND = 0.42
"""Hair longer than this can be seen behind the head."""


def paint_back_hair(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw long hair behind the head, or its bun."""
    length = face.hair.length
    if length < _SHOWS_BEHIND:
        return
    colour = blend(face.palette.hair, DARK, 0.18)
    if length > 0.55 and v["bun"] < 0.15:
        place = (
            face.head.width * 0.3 * (v["waves"] - 0.5),
            face.head.top - face.hair.volume - 0.06,
        )
        canvas.ellipse(place, (0.20, 0.16), colour, depth=-0.1)
        return
    grown = (length - _SHOWS_BEHIND) / (1 - _SHOWS_BEHIND)
    end = face.eyes.y + 0.12 + grown * (0.95 - face.eyes.y)
    wide = face.head.width * (1.06 + 0.15 * grown + 0.10 * v["waves"])
    outline = [(0.0, face.head.top - face.hair.volume), (wide * 0.75, face.head.top + 0.10)]
    outline += [(wide, face.eyes.y - 0.1), (wide * 1.02, (face.eyes.y + end) / 2)]
    outline += [(wide * (0.84 + 0.1 * v["waves"]), end), (0.0, end + 0.02)]
    canvas.shape(mirrored(outline), colour, depth=-0.15)


def paint_front_hair(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw the hair over forehead and temples, or what is left of it."""
    width, top, volume = (
        face.head.width,
        face.head.top,
        face.hair.volume * (0.4 + 0.6 * face.hair.density),
    )
    colour = blend(face.palette.skin, face.palette.hair, min(1.0, 0.35 + 0.75 * face.hair.density))
    bald = max(0.0, face.hair.recession - 0.72) / 0.28
    temple = face.eyes.y - 0.02 + 0.16 * min(1.0, face.hair.length / 0.6)
    line = top + (0.20 + 0.08 * (face.eyes.y - 0.0)) * (1 - 0.9 * face.hair.recession)
    crown = top - volume * (1 - bald) + 0.02 * bald
    if bald > 0.4:
        _side_hair(canvas, face, colour, temple)
        return
    outer = [(width * 0.60, top + 0.07 - volume * 0.8), (width * 0.97 + volume * 0.5, top + 0.32)]
    outer += [(width * 1.02 + volume * 0.35, face.eyes.y - 0.12), (width * 1.0 + 0.01, temple)]
    inner = _hairline(face, v, line, temple)
    outline = [(0.0, crown), *outer, *inner, *[(-x, y) for x, y in reversed(outer)]]
    canvas.shape(outline, colour, depth=0.05)
    _strands(canvas, face, v, colour, line)


def _hairline(face: Traits, v: Variation, line: float, temple: float) -> list[tuple[float, float]]:
    """Return the edge of the hair over the forehead, from the right temple to the left one."""
    width, back = face.head.width, 0.14 * face.hair.recession
    fringe = (
        0.16 * max(0.0, v["fringe"] - 0.45) / 0.55 * (1 - face.hair.recession) * face.hair.density
    )
    part = 0.5 * (v["parting"] - 0.5)
    sweep = 0.07 * (1 - face.hair.recession) * (1 if part > 0 else -1)
    right = [(width * 0.93, temple - 0.06), (width * 0.86, line + 0.16 - back + fringe * 0.4)]
    right += [(width * 0.55, line + 0.05 - back + fringe + sweep * 0.5)]
    left = [(-width * 0.55, line + 0.05 - back + fringe - sweep * 0.5)]
    left += [(-width * 0.86, line + 0.16 - back + fringe * 0.4), (-width * 0.93, temple - 0.06)]
    return [*right, (width * part, line + fringe * 0.9), *left]


def _side_hair(canvas: Canvas, face: Traits, colour: Colour, temple: float) -> None:
    width, end = face.head.width, temple + 0.06
    for sign in (-1.0, 1.0):
        patch = [(0.98, end), (1.05, face.eyes.y - 0.06), (1.03, face.eyes.y - 0.2)]
        patch += [(0.95, face.eyes.y - 0.30), (0.90, face.eyes.y - 0.18), (0.93, face.eyes.y)]
        canvas.shape([(sign * width * x, y) for x, y in patch], colour, depth=0.0)


def _strands(canvas: Canvas, face: Traits, v: Variation, colour: Colour, line: float) -> None:
    shine = blend(colour, WHITE, 0.16)
    side = 1.0 if v["shade_side"] < 0.5 else -1.0
    y = (face.head.top - face.hair.volume + line) / 2
    arc = [(side * face.head.width * 0.15, y - 0.02), (side * face.head.width * 0.45, y + 0.015)]
    arc += [(side * face.head.width * 0.70, y + 0.10)]
    if face.hair.recession < 0.5 and face.hair.density > 0.5:
        canvas.line(arc, shine, 0.030, depth=0.05)


def paint_beard(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw a beard, or a moustache alone."""
    if face.hair.beard <= 0.0:
        return
    colour = blend(face.palette.skin, face.palette.hair, 0.25 + 0.6 * face.hair.beard)
    lip_top = face.mouth.y - face.mouth.lip - 0.015
    if v["beard_kind"] < 0.65:
        width = face.head.width
        jaw_y = face.mouth.y + 0.02
        outline = [(0.0, face.mouth.y - 0.07), (face.mouth.width * 1.1, face.mouth.y - 0.06)]
        outline += [(face.head.cheek * width * 0.86, face.mouth.nose_y + 0.03)]
        outline += [(face.head.cheek * width * 0.99, face.mouth.nose_y - 0.03)]
        outline += [(face.head.jaw * width, jaw_y)]
        outline += [
            (face.head.chin_width * width, face.head.chin - 0.03),
            (0.0, face.head.chin + 0.03),
        ]
        canvas.shape(mirrored(outline), colour, depth=0.06)
    moustache = [(0.0, lip_top - 0.05), (face.mouth.width * 0.8, lip_top - 0.025)]
    moustache += [
        (face.mouth.width * 1.15, lip_top + 0.05),
        (face.mouth.width * 0.5, lip_top + 0.02),
    ]
    moustache += [(0.0, lip_top + 0.01)]
    canvas.shape(mirrored(moustache), blend(colour, face.palette.hair, 0.4), depth=0.34)
