"""Clothes, neck, ears, the head itself and its folds."""

from __future__ import annotations

from faceattr.data.drawing.canvas import Canvas, Points, mirrored
from faceattr.data.drawing.traits import DARK, WHITE, Traits, blend
from faceattr.data.variation import Variation

__all__ = ["paint_clothes", "paint_ears", "paint_head", "paint_neck", "paint_wrinkles"]


def paint_clothes(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw shoulders and collar."""
    top = face.head.chin + 0.17
    half = face.head.neck
    outline = [(0.0, top - 0.02), (half * 1.1, top - 0.05), (half * 1.9, top + 0.03)]
    outline += [(half * 2.6 + 0.1, top + 0.16), (half * 2.8 + 0.2, 1.35), (0.0, 1.6)]
    canvas.shape(mirrored(outline), face.palette.cloth)
    trim = blend(face.palette.cloth, DARK if v["collar"] < 0.5 else WHITE, 0.35)
    collar = [(-half * 1.15, top - 0.04), (-half * 0.7, top + 0.10), (0.0, top + 0.15)]
    collar += [(half * 0.7, top + 0.10), (half * 1.15, top - 0.04)]
    canvas.line(collar, trim, 0.05)


def paint_neck(canvas: Canvas, face: Traits) -> None:
    """Draw the neck and the shadow of the chin on it."""
    half = face.head.neck
    base = face.head.chin + 0.20
    outline = [
        (0.0, face.head.chin - 0.25),
        (half, face.head.chin - 0.25),
        (half * 0.97, base - 0.1),
    ]
    outline += [(half * 1.06, base), (half * 0.6, base + 0.08), (0.0, base + 0.11)]
    canvas.shape(mirrored(outline), blend(face.palette.skin, face.palette.shade, 0.45))
    canvas.ellipse(
        (0, face.head.chin - 0.06),
        (half * 0.98, 0.15),
        blend(face.palette.skin, face.palette.shade, 0.95),
    )


def paint_ears(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw the ears unless long hair hides them."""
    if face.hair.length > 0.66:
        return
    middle = face.eyes.y + 0.08
    size = 0.11 * (1 + 0.08 * v["ears"] + 0.15 * face.head.sag)
    for sign in (-1.0, 1.0):
        centre = (sign * face.head.width * 0.99, middle)
        canvas.ellipse(centre, (size * 0.6, size), face.palette.skin, depth=-0.08)
        inner = (sign * (face.head.width * 0.99 + 0.012), middle)
        canvas.ellipse(inner, (size * 0.3, size * 0.6), face.palette.shade, depth=-0.08)


def paint_head(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw the head with blush and, on some, freckles."""
    canvas.shape(_outline(face), face.palette.skin, depth=0.04)
    blush = blend(face.palette.skin, (232, 98, 90), face.palette.blush)
    for sign in (-1.0, 1.0):
        cheek = (sign * face.head.width * 0.60, face.mouth.nose_y + 0.06)
        canvas.ellipse(cheek, (face.head.width * 0.23, face.head.width * 0.17), blush, depth=0.25)
        if v["freckles"] < 0.12:
            for dx, dy in ((-0.05, 0.0), (0.0, -0.03), (0.05, 0.01), (0.01, 0.035)):
                spot = (cheek[0] + dx, cheek[1] - 0.05 + dy)
                canvas.ellipse(spot, (0.009, 0.009), face.palette.shade, depth=0.25)


def _outline(face: Traits) -> Points:
    width, top = face.head.width, face.head.top
    jaw_y = face.mouth.y + 0.02
    return mirrored(
        [
            (0.0, top),
            (0.58 * width, top + 0.08),
            (0.93 * width, top + 0.34),
            (width, face.eyes.y - 0.02),
            (face.head.cheek * width, face.mouth.nose_y),
            (face.head.jaw * width, jaw_y),
            (face.head.chin_width * width, face.head.chin - 0.045),
            (0.0, face.head.chin),
        ]
    )


def paint_wrinkles(canvas: Canvas, face: Traits) -> None:
    """Draw folds that come one after another and deepen with age."""
    strength = face.head.wrinkles
    for start, points in _folds(face):
        shown = min(1.0, (strength - start) / 0.35)
        if shown > 0.05:
            colour = blend(face.palette.skin, face.palette.shade, shown * (0.75 + 0.6 * strength))
            canvas.line(points, colour, 0.012 + 0.013 * strength, depth=0.28)


def _folds(face: Traits) -> list[tuple[float, Points]]:
    width, eye_x, eye_y = face.head.width, face.eyes.x, face.eyes.y
    brow = eye_y - face.eyes.brow_gap
    folds: list[tuple[float, Points]] = []
    for row, start in enumerate((0.25, 0.42, 0.62)):
        y = brow - 0.085 - 0.062 * row
        half = width * (0.52 - 0.05 * row)
        folds.append((start, [(-half, y + 0.01), (-half / 2, y - 0.012), (0.0, y + 0.004),
                              (half / 2, y - 0.012), (half, y + 0.01)]))  # fmt: skip
    for sign in (-1.0, 1.0):
        outer = eye_x + face.eyes.width
        for row, start in enumerate((0.30, 0.45, 0.65)):
            tip = (sign * (outer + 0.085), eye_y - 0.05 + 0.05 * row)
            folds.append((start, [(sign * (outer + 0.03), eye_y - 0.012 + 0.018 * row), tip]))
        bag = eye_y + face.eyes.height + 0.03
        folds.append((0.12, [(sign * (eye_x - 0.09), bag - 0.01), (sign * eye_x, bag + 0.025),
                             (sign * (eye_x + 0.09), bag - 0.005)]))  # fmt: skip
        wing, corner = face.mouth.nose_width + 0.025, face.mouth.width + 0.045
        folds.append((0.02, [(sign * wing, face.mouth.nose_y - 0.02),
                             (sign * (corner + 0.01), (face.mouth.nose_y + face.mouth.y) / 2),
                             (sign * (corner + 0.005), face.mouth.y + 0.01)]))  # fmt: skip
        folds.append((0.5, [(sign * (corner - 0.005), face.mouth.y + 0.04),
                            (sign * (corner + 0.01), face.mouth.y + 0.10)]))  # fmt: skip
    return folds
