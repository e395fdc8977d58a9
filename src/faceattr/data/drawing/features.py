"""Eyes, brows, nose, mouth and glasses."""

from __future__ import annotations

from faceattr.data.drawing.canvas import Canvas, Points, mirrored
from faceattr.data.drawing.traits import DARK, WHITE, Traits, blend, hsv
from faceattr.data.variation import Variation

__all__ = ["paint_brow", "paint_eye", "paint_glasses", "paint_mouth", "paint_nose"]


def paint_mouth(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw lips, teeth where the mouth is open, and the line between the lips."""
    half, y, lip = face.mouth.width, face.mouth.y, face.mouth.lip
    lift = 0.012 + 0.048 * face.mouth.smile - 0.010 * face.head.sag
    corner = (half, y - lift)
    upper = [
        (0.0, y - lip * 0.7),
        (half * 0.22, y - lip),
        corner,
        (half * 0.4, y + 0.012),
        (0.0, y + 0.014),
    ]
    opened = 0.055 * max(0.0, v["open_mouth"] - 0.6) / 0.4 * (0.4 + face.mouth.smile)
    lower = [(0.0, y + 0.004), (half * 0.5, y), corner]
    lower += [(half * 0.5, y + lip * 1.1 + opened), (0.0, y + lip * 1.4 + opened)]
    canvas.shape(mirrored(lower), face.palette.lips, depth=0.30)
    if opened > 0.006:
        inner = [(0.0, y), (half * 0.5, y - 0.006), (half * 0.86, y - lift * 0.9)]
        inner += [(half * 0.45, y + opened), (0.0, y + opened * 1.25)]
        canvas.shape(mirrored(inner), WHITE, depth=0.30)
    canvas.shape(mirrored(upper), blend(face.palette.lips, DARK, 0.14), depth=0.30)
    seam = [(-half * 1.04, y - lift * 1.1), (-half * 0.5, y), (0.0, y + 0.012)]
    seam += [(half * 0.5, y), (half * 1.04, y - lift * 1.1)]
    canvas.line(seam, blend(face.palette.shade, DARK, 0.45), 0.016, depth=0.30)


def paint_nose(canvas: Canvas, face: Traits) -> None:
    """Draw the tip of the nose and its lower edge."""
    half, y = face.mouth.nose_width, face.mouth.nose_y
    tip = blend(face.palette.skin, face.palette.shade, 0.22)
    canvas.ellipse((0.0, y - 0.02), (half * 0.8, 0.05), tip, depth=0.40)
    under = [(-half, y - 0.025), (-half * 0.8, y + 0.008), (0.0, y + 0.024)]
    under += [(half * 0.8, y + 0.008), (half, y - 0.025)]
    canvas.line(under, blend(face.palette.shade, DARK, 0.12), 0.018, depth=0.40)


def paint_eye(canvas: Canvas, face: Traits, v: Variation, sign: float) -> None:
    """Draw the left (-1) or right (+1) eye of the picture."""
    x, y, half, tall = sign * face.eyes.x, face.eyes.y, face.eyes.width, face.eyes.height
    inner, outer = x - sign * half, x + sign * half
    droop = 0.02 * face.head.sag - 0.012
    lid = [(inner, y + 0.012), (x - sign * half * 0.5, y - tall * 0.8), (x, y - tall)]
    lid += [(x + sign * half * 0.6, y - tall * 0.75), (outer, y + droop)]
    below = [(x + sign * half * 0.5, y + tall * 0.72), (x - sign * half * 0.45, y + tall * 0.72)]
    canvas.shape([*lid, *below], WHITE, depth=0.28)
    ball = (x + 0.010 * v["gaze"], y - tall * 0.06)
    radius = min(tall * 0.80, half * 0.62)
    canvas.ellipse(ball, (radius, radius), face.palette.iris, depth=0.28)
    canvas.ellipse(ball, (radius * 0.55, radius * 0.55), DARK, depth=0.28)
    glint = (ball[0] - radius * 0.35, ball[1] - radius * 0.38)
    canvas.ellipse(glint, (radius * 0.27, radius * 0.27), WHITE, depth=0.28)
    lash = blend(face.palette.shade, DARK, 0.5 + 0.5 * face.eyes.lashes)
    canvas.line(lid, lash, 0.012 + 0.022 * face.eyes.lashes, depth=0.28)
    if face.eyes.lashes > 0.35:
        reach = 0.06 * face.eyes.lashes
        flick = [(outer - sign * 0.01, y + droop), (outer + sign * reach, y + droop - reach * 0.9)]
        canvas.line(flick, lash, 0.010 + 0.014 * face.eyes.lashes, depth=0.28)


def paint_brow(canvas: Canvas, face: Traits, v: Variation, sign: float) -> None:
    """Draw the left (-1) or right (+1) brow of the picture."""
    y = face.eyes.y - face.eyes.brow_gap
    tilt = 0.009 * v["brow_tilt"] - 0.004
    reach = sign * face.eyes.width * 1.15
    x, thick = sign * face.eyes.x, face.eyes.brow_width
    outline = [(x - reach * 0.88, y + 0.010 + tilt), (x - reach * 0.1, y - 0.012)]
    outline += [(x + reach, y + 0.018 - tilt), (x + reach * 0.05, y + thick - 0.010)]
    outline += [(x - reach * 0.86, y + 0.010 + thick * 0.85 + tilt)]
    colour = blend(face.palette.skin, face.palette.brow, 0.35 + 0.65 * face.hair.density)
    canvas.shape(outline, colour, depth=0.30)


def paint_glasses(canvas: Canvas, face: Traits, v: Variation) -> None:
    """Draw glasses on about one face in eight, whatever its attributes."""
    if v["glasses"] > 0.13:
        return
    colour = blend(DARK, hsv(v["glasses_colour"], 0.6, 0.6), 0.5)
    radius = (face.eyes.width * 1.32, face.eyes.height * 1.75)
    for sign in (-1.0, 1.0):
        x, y = sign * face.eyes.x, face.eyes.y + 0.01
        ring = [(x + radius[0] * a, y + radius[1] * b) for a, b in _RING]
        canvas.line(ring, colour, 0.018, depth=0.32)
        arm = [(x + sign * radius[0], y - 0.02), (sign * face.head.width * 0.98, y - 0.03)]
        canvas.line(arm, colour, 0.018, depth=0.2)
    inner = face.eyes.x - radius[0]
    canvas.line(
        [(-inner, face.eyes.y), (0.0, face.eyes.y - 0.025), (inner, face.eyes.y)],
        colour,
        0.018,
        depth=0.36,
    )


_RING: Points = [
    (0.0, -1.0), (0.8, -0.75), (1.0, 0.0), (0.75, 0.75), (0.0, 1.0),
    (-0.75, 0.75), (-1.0, 0.0), (-0.8, -0.75), (0.0, -1.0),
]  # fmt: skip
