"""Paints one cartoon face: a drawing with the attributes of a face, in no way a photograph.

The parts are painted from back to front at twice the final size or more and averaged down. Light,
blur and grain come last, as a camera's would.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceattr.data.canvas import Canvas, Colour, Points, mirrored
from faceattr.data.traits import Look, Traits, blend, hsv, traits
from faceattr.data.variation import Variation
from faceattr.images import UInt8Image, resize_image

__all__ = ["render"]

_SMALLEST_CANVAS = 256
_WHITE: Colour = (250, 248, 244)
_DARK: Colour = (38, 26, 24)
_GRAIN = 5
_SHOWS_BEHIND = 0.42


def render(look: Look, v: Variation, size: int) -> UInt8Image:
    """Draw a face.

    Parameters
    ----------
    look : Look
        The attributes.
    v : mapping of str to float
        What is individual about the drawing, from `faceattr.data.variation.variation`.
    size : int
        Side length in pixels.

    Returns
    -------
    numpy.ndarray of uint8, shape (size, size, 3)
        RGB.
    """
    side = max(_SMALLEST_CANVAS, 2 * size)
    face = traits(look, v)
    canvas = Canvas(_background(v, side))
    shift = (0.035 * v["x"], 0.02 + 0.03 * v["y"])
    scale = 0.98 * (1 + 0.035 * v["scale"])
    canvas.set_pose(yaw=0.3 * look.pose, scale=scale, shift=shift)
    _clothes(canvas, face, v)
    canvas.set_pose(yaw=look.pose, roll=3.0 * v["roll"], scale=scale, shift=shift)
    _back_hair(canvas, face, v)
    _neck(canvas, face)
    _ears(canvas, face, v)
    _head(canvas, face, v)
    _wrinkles(canvas, face)
    _beard(canvas, face, v)
    _mouth(canvas, face, v)
    _nose(canvas, face)
    for side_sign in (-1.0, 1.0):
        _eye(canvas, face, v, side_sign)
    _front_hair(canvas, face, v)
    for side_sign in (-1.0, 1.0):
        _brow(canvas, face, v, side_sign)
    _glasses(canvas, face, v)
    return _photograph(canvas.pixels, look, v, size)


def _background(v: Variation, side: int) -> UInt8Image:
    near = np.array(hsv(v["back_hue"], 0.5 * v["back_saturation"], 0.25 + 0.7 * v["back_value"]))
    far = near * (0.75 + 0.5 * v["back_tilt"])
    across = near * (0.85 + 0.3 * v["back_side"])
    corners = np.array([[near, across], [across, far]])
    wide = cv2.resize(np.clip(corners, 0, 255), (side, side), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(wide.astype(np.uint8))


def _clothes(canvas: Canvas, face: Traits, v: Variation) -> None:
    top = face.chin + 0.17
    half = face.neck
    outline = [(0.0, top - 0.02), (half * 1.1, top - 0.05), (half * 1.9, top + 0.03)]
    outline += [(half * 2.6 + 0.1, top + 0.16), (half * 2.8 + 0.2, 1.35), (0.0, 1.6)]
    canvas.shape(mirrored(outline), face.cloth)
    trim = blend(face.cloth, _DARK if v["collar"] < 0.5 else _WHITE, 0.35)
    collar = [(-half * 1.15, top - 0.04), (-half * 0.7, top + 0.10), (0.0, top + 0.15)]
    collar += [(half * 0.7, top + 0.10), (half * 1.15, top - 0.04)]
    canvas.line(collar, trim, 0.05)


def _back_hair(canvas: Canvas, face: Traits, v: Variation) -> None:
    length = face.hair_length
    if length < _SHOWS_BEHIND:
        return
    colour = blend(face.hair, _DARK, 0.18)
    if length > 0.55 and v["bun"] < 0.15:
        place = (face.width * 0.3 * (v["waves"] - 0.5), face.top - face.hair_volume - 0.06)
        canvas.ellipse(place, (0.20, 0.16), colour, depth=-0.1)
        return
    grown = (length - _SHOWS_BEHIND) / (1 - _SHOWS_BEHIND)
    end = face.eye_y + 0.12 + grown * (0.95 - face.eye_y)
    wide = face.width * (1.06 + 0.15 * grown + 0.10 * v["waves"])
    outline = [(0.0, face.top - face.hair_volume), (wide * 0.75, face.top + 0.10)]
    outline += [(wide, face.eye_y - 0.1), (wide * 1.02, (face.eye_y + end) / 2)]
    outline += [(wide * (0.84 + 0.1 * v["waves"]), end), (0.0, end + 0.02)]
    canvas.shape(mirrored(outline), colour, depth=-0.15)


def _neck(canvas: Canvas, face: Traits) -> None:
    half = face.neck
    base = face.chin + 0.20
    outline = [(0.0, face.chin - 0.25), (half, face.chin - 0.25), (half * 0.97, base - 0.1)]
    outline += [(half * 1.06, base), (half * 0.6, base + 0.08), (0.0, base + 0.11)]
    canvas.shape(mirrored(outline), blend(face.skin, face.shade, 0.45))
    canvas.ellipse((0, face.chin - 0.06), (half * 0.98, 0.15), blend(face.skin, face.shade, 0.95))


def _ears(canvas: Canvas, face: Traits, v: Variation) -> None:
    if face.hair_length > 0.66:
        return
    middle = face.eye_y + 0.08
    size = 0.11 * (1 + 0.08 * v["ears"] + 0.15 * face.sag)
    for sign in (-1.0, 1.0):
        centre = (sign * face.width * 0.99, middle)
        canvas.ellipse(centre, (size * 0.6, size), face.skin, depth=-0.08)
        inner = (sign * (face.width * 0.99 + 0.012), middle)
        canvas.ellipse(inner, (size * 0.3, size * 0.6), face.shade, depth=-0.08)


def _head(canvas: Canvas, face: Traits, v: Variation) -> None:
    canvas.shape(_outline(face), face.skin, depth=0.04)
    blush = blend(face.skin, (232, 98, 90), face.blush)
    for sign in (-1.0, 1.0):
        cheek = (sign * face.width * 0.60, face.nose_y + 0.06)
        canvas.ellipse(cheek, (face.width * 0.23, face.width * 0.17), blush, depth=0.25)
        if v["freckles"] < 0.12:
            for dx, dy in ((-0.05, 0.0), (0.0, -0.03), (0.05, 0.01), (0.01, 0.035)):
                spot = (cheek[0] + dx, cheek[1] - 0.05 + dy)
                canvas.ellipse(spot, (0.009, 0.009), face.shade, depth=0.25)


def _outline(face: Traits) -> Points:
    width, top = face.width, face.top
    jaw_y = face.mouth_y + 0.02
    return mirrored(
        [
            (0.0, top),
            (0.58 * width, top + 0.08),
            (0.93 * width, top + 0.34),
            (width, face.eye_y - 0.02),
            (face.cheek * width, face.nose_y),
            (face.jaw * width, jaw_y),
            (face.chin_width * width, face.chin - 0.045),
            (0.0, face.chin),
        ]
    )


def _wrinkles(canvas: Canvas, face: Traits) -> None:
    """Draw folds that come one after another and deepen with age."""
    strength = face.wrinkles
    for start, points in _folds(face):
        shown = min(1.0, (strength - start) / 0.35)
        if shown > 0.05:
            colour = blend(face.skin, face.shade, shown * (0.8 + 0.6 * strength))
            canvas.line(points, colour, 0.012 + 0.010 * strength, depth=0.28)


def _folds(face: Traits) -> list[tuple[float, Points]]:
    width, eye_x, eye_y = face.width, face.eye_x, face.eye_y
    brow = eye_y - face.brow_gap
    folds: list[tuple[float, Points]] = []
    for row, start in enumerate((0.25, 0.42, 0.62)):
        y = brow - 0.085 - 0.062 * row
        half = width * (0.52 - 0.05 * row)
        folds.append((start, [(-half, y + 0.01), (-half / 2, y - 0.012), (0.0, y + 0.004),
                              (half / 2, y - 0.012), (half, y + 0.01)]))  # fmt: skip
    for sign in (-1.0, 1.0):
        outer = eye_x + face.eye_width
        for row, start in enumerate((0.30, 0.45, 0.65)):
            tip = (sign * (outer + 0.085), eye_y - 0.05 + 0.05 * row)
            folds.append((start, [(sign * (outer + 0.03), eye_y - 0.012 + 0.018 * row), tip]))
        bag = eye_y + face.eye_height + 0.03
        folds.append((0.12, [(sign * (eye_x - 0.09), bag - 0.01), (sign * eye_x, bag + 0.025),
                             (sign * (eye_x + 0.09), bag - 0.005)]))  # fmt: skip
        wing, corner = face.nose_width + 0.025, face.mouth_width + 0.045
        folds.append((0.02, [(sign * wing, face.nose_y - 0.02),
                             (sign * (corner + 0.01), (face.nose_y + face.mouth_y) / 2),
                             (sign * (corner + 0.005), face.mouth_y + 0.01)]))  # fmt: skip
        folds.append((0.5, [(sign * (corner - 0.005), face.mouth_y + 0.04),
                            (sign * (corner + 0.01), face.mouth_y + 0.10)]))  # fmt: skip
    return folds


def _beard(canvas: Canvas, face: Traits, v: Variation) -> None:
    if face.beard <= 0.0:
        return
    colour = blend(face.skin, face.hair, 0.25 + 0.6 * face.beard)
    lip_top = face.mouth_y - face.lip - 0.015
    if v["beard_kind"] < 0.65:
        width = face.width
        jaw_y = face.mouth_y + 0.02
        outline = [(0.0, face.mouth_y - 0.07), (face.mouth_width * 1.1, face.mouth_y - 0.06)]
        outline += [(face.cheek * width * 0.86, face.nose_y + 0.03)]
        outline += [(face.cheek * width * 0.99, face.nose_y - 0.03)]
        outline += [(face.jaw * width, jaw_y)]
        outline += [(face.chin_width * width, face.chin - 0.03), (0.0, face.chin + 0.03)]
        canvas.shape(mirrored(outline), colour, depth=0.06)
    moustache = [(0.0, lip_top - 0.05), (face.mouth_width * 0.8, lip_top - 0.025)]
    moustache += [
        (face.mouth_width * 1.15, lip_top + 0.05),
        (face.mouth_width * 0.5, lip_top + 0.02),
    ]
    moustache += [(0.0, lip_top + 0.01)]
    canvas.shape(mirrored(moustache), blend(colour, face.hair, 0.4), depth=0.34)


def _mouth(canvas: Canvas, face: Traits, v: Variation) -> None:
    half, y, lip = face.mouth_width, face.mouth_y, face.lip
    lift = 0.012 + 0.048 * face.smile - 0.010 * face.sag
    corner = (half, y - lift)
    upper = [
        (0.0, y - lip * 0.7),
        (half * 0.22, y - lip),
        corner,
        (half * 0.4, y + 0.012),
        (0.0, y + 0.014),
    ]
    opened = 0.055 * max(0.0, v["open_mouth"] - 0.6) / 0.4 * (0.4 + face.smile)
    lower = [(0.0, y + 0.004), (half * 0.5, y), corner]
    lower += [(half * 0.5, y + lip * 1.1 + opened), (0.0, y + lip * 1.4 + opened)]
    canvas.shape(mirrored(lower), face.lip_colour, depth=0.30)
    if opened > 0.006:
        inner = [(0.0, y), (half * 0.5, y - 0.006), (half * 0.86, y - lift * 0.9)]
        inner += [(half * 0.45, y + opened), (0.0, y + opened * 1.25)]
        canvas.shape(mirrored(inner), _WHITE, depth=0.30)
    canvas.shape(mirrored(upper), blend(face.lip_colour, _DARK, 0.14), depth=0.30)
    seam = [(-half * 1.04, y - lift * 1.1), (-half * 0.5, y), (0.0, y + 0.012)]
    seam += [(half * 0.5, y), (half * 1.04, y - lift * 1.1)]
    canvas.line(seam, blend(face.shade, _DARK, 0.45), 0.016, depth=0.30)


def _nose(canvas: Canvas, face: Traits) -> None:
    half, y = face.nose_width, face.nose_y
    tip = blend(face.skin, face.shade, 0.22)
    canvas.ellipse((0.0, y - 0.02), (half * 0.8, 0.05), tip, depth=0.40)
    under = [(-half, y - 0.025), (-half * 0.8, y + 0.008), (0.0, y + 0.024)]
    under += [(half * 0.8, y + 0.008), (half, y - 0.025)]
    canvas.line(under, blend(face.shade, _DARK, 0.12), 0.018, depth=0.40)


def _eye(canvas: Canvas, face: Traits, v: Variation, sign: float) -> None:
    x, y, half, tall = sign * face.eye_x, face.eye_y, face.eye_width, face.eye_height
    inner, outer = x - sign * half, x + sign * half
    droop = 0.02 * face.sag - 0.012
    lid = [(inner, y + 0.012), (x - sign * half * 0.5, y - tall * 0.8), (x, y - tall)]
    lid += [(x + sign * half * 0.6, y - tall * 0.75), (outer, y + droop)]
    below = [(x + sign * half * 0.5, y + tall * 0.72), (x - sign * half * 0.45, y + tall * 0.72)]
    canvas.shape([*lid, *below], _WHITE, depth=0.28)
    ball = (x + 0.010 * v["gaze"], y - tall * 0.06)
    radius = min(tall * 0.80, half * 0.62)
    canvas.ellipse(ball, (radius, radius), face.iris, depth=0.28)
    canvas.ellipse(ball, (radius * 0.55, radius * 0.55), _DARK, depth=0.28)
    glint = (ball[0] - radius * 0.35, ball[1] - radius * 0.38)
    canvas.ellipse(glint, (radius * 0.27, radius * 0.27), _WHITE, depth=0.28)
    lash = blend(face.shade, _DARK, 0.5 + 0.5 * face.lashes)
    canvas.line(lid, lash, 0.012 + 0.022 * face.lashes, depth=0.28)
    if face.lashes > 0.35:
        reach = 0.06 * face.lashes
        flick = [(outer - sign * 0.01, y + droop), (outer + sign * reach, y + droop - reach * 0.9)]
        canvas.line(flick, lash, 0.010 + 0.014 * face.lashes, depth=0.28)


def _brow(canvas: Canvas, face: Traits, v: Variation, sign: float) -> None:
    y = face.eye_y - face.brow_gap
    tilt = 0.009 * v["brow_tilt"] - 0.004
    reach = sign * face.eye_width * 1.15
    x, thick = sign * face.eye_x, face.brow_width
    outline = [(x - reach * 0.88, y + 0.010 + tilt), (x - reach * 0.1, y - 0.012)]
    outline += [(x + reach, y + 0.018 - tilt), (x + reach * 0.05, y + thick - 0.010)]
    outline += [(x - reach * 0.86, y + 0.010 + thick * 0.85 + tilt)]
    colour = blend(face.skin, face.brow, 0.35 + 0.65 * face.hair_density)
    canvas.shape(outline, colour, depth=0.30)


def _front_hair(canvas: Canvas, face: Traits, v: Variation) -> None:
    width, top, volume = face.width, face.top, face.hair_volume * (0.4 + 0.6 * face.hair_density)
    colour = blend(face.skin, face.hair, min(1.0, 0.35 + 0.75 * face.hair_density))
    bald = max(0.0, face.recession - 0.72) / 0.28
    temple = face.eye_y - 0.02 + 0.16 * min(1.0, face.hair_length / 0.6)
    line = top + (0.20 + 0.08 * (face.eye_y - 0.0)) * (1 - 0.9 * face.recession)
    crown = top - volume * (1 - bald) + 0.02 * bald
    if bald > 0.4:
        _side_hair(canvas, face, colour, temple)
        return
    outer = [(width * 0.60, top + 0.07 - volume * 0.8), (width * 0.97 + volume * 0.5, top + 0.32)]
    outer += [(width * 1.02 + volume * 0.35, face.eye_y - 0.12), (width * 1.0 + 0.01, temple)]
    inner = _hairline(face, v, line, temple)
    outline = [(0.0, crown), *outer, *inner, *[(-x, y) for x, y in reversed(outer)]]
    canvas.shape(outline, colour, depth=0.05)
    _strands(canvas, face, v, colour, line)


def _hairline(face: Traits, v: Variation, line: float, temple: float) -> list[tuple[float, float]]:
    """Return the edge of the hair over the forehead, from the right temple to the left one."""
    width, back = face.width, 0.14 * face.recession
    fringe = 0.16 * max(0.0, v["fringe"] - 0.45) / 0.55 * (1 - face.recession) * face.hair_density
    part = 0.5 * (v["parting"] - 0.5)
    sweep = 0.07 * (1 - face.recession) * (1 if part > 0 else -1)
    right = [(width * 0.93, temple - 0.06), (width * 0.86, line + 0.16 - back + fringe * 0.4)]
    right += [(width * 0.55, line + 0.05 - back + fringe + sweep * 0.5)]
    left = [(-width * 0.55, line + 0.05 - back + fringe - sweep * 0.5)]
    left += [(-width * 0.86, line + 0.16 - back + fringe * 0.4), (-width * 0.93, temple - 0.06)]
    return [*right, (width * part, line + fringe * 0.9), *left]


def _side_hair(canvas: Canvas, face: Traits, colour: Colour, temple: float) -> None:
    width, end = face.width, temple + 0.06
    for sign in (-1.0, 1.0):
        patch = [(0.98, end), (1.05, face.eye_y - 0.06), (1.03, face.eye_y - 0.2)]
        patch += [(0.95, face.eye_y - 0.30), (0.90, face.eye_y - 0.18), (0.93, face.eye_y)]
        canvas.shape([(sign * width * x, y) for x, y in patch], colour, depth=0.0)


def _strands(canvas: Canvas, face: Traits, v: Variation, colour: Colour, line: float) -> None:
    shine = blend(colour, _WHITE, 0.16)
    side = 1.0 if v["shade_side"] < 0.5 else -1.0
    y = (face.top - face.hair_volume + line) / 2
    arc = [(side * face.width * 0.15, y - 0.02), (side * face.width * 0.45, y + 0.015)]
    arc += [(side * face.width * 0.70, y + 0.10)]
    if face.recession < 0.5 and face.hair_density > 0.5:
        canvas.line(arc, shine, 0.030, depth=0.05)


def _glasses(canvas: Canvas, face: Traits, v: Variation) -> None:
    if v["glasses"] > 0.13:
        return
    colour = blend(_DARK, hsv(v["glasses_colour"], 0.6, 0.6), 0.5)
    radius = (face.eye_width * 1.32, face.eye_height * 1.75)
    for sign in (-1.0, 1.0):
        x, y = sign * face.eye_x, face.eye_y + 0.01
        ring = [(x + radius[0] * a, y + radius[1] * b) for a, b in _RING]
        canvas.line(ring, colour, 0.018, depth=0.32)
        arm = [(x + sign * radius[0], y - 0.02), (sign * face.width * 0.98, y - 0.03)]
        canvas.line(arm, colour, 0.018, depth=0.2)
    inner = face.eye_x - radius[0]
    canvas.line(
        [(-inner, face.eye_y), (0.0, face.eye_y - 0.025), (inner, face.eye_y)],
        colour,
        0.018,
        depth=0.36,
    )


_RING: Points = [
    (0.0, -1.0), (0.8, -0.75), (1.0, 0.0), (0.75, 0.75), (0.0, 1.0),
    (-0.75, 0.75), (-1.0, 0.0), (-0.8, -0.75), (0.0, -1.0),
]  # fmt: skip


def _photograph(pixels: UInt8Image, look: Look, v: Variation, size: int) -> UInt8Image:
    small = resize_image(pixels, size)
    sigma = look.blur * size / 128
    if sigma > 0.15:
        small = cv2.GaussianBlur(small, (0, 0), sigma).astype(np.uint8, copy=False)
    generator = np.random.default_rng(int(v["grain"] * 2**53))
    grain = generator.integers(-_GRAIN, _GRAIN + 1, (size, size, 1), dtype=np.int8)
    lit = cv2.convertScaleAbs(small, alpha=look.light).astype(np.int16)
    return np.asarray(np.clip(lit + grain, 0, 255), dtype=np.uint8)
