"""From attributes to the proportions and colours of one drawn face.

Age and gender reach the drawing through several cues, each with an error of its own, as in real
faces: no cue decides alone, and together they tell. A cue of age sees the age with an error of one
year and 10 percent; a cue of gender is weak in babies and full-grown at eleven.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

from faceattr.data.drawing.canvas import Colour
from faceattr.data.variation import Variation

__all__ = ["DARK", "WHITE", "Look", "Traits", "blend", "hsv", "traits"]

WHITE: Colour = (250, 248, 244)
DARK: Colour = (38, 26, 24)

_AGE_ERROR = (1.0, 0.10)
_GENDER_ERROR = 0.55
_DYED = 0.12
"""Share of those who do not let their hair turn grey."""

_SKIN: tuple[Colour, ...] = (
    (253, 222, 199),
    (240, 196, 158),
    (205, 151, 110),
    (150, 100, 70),
    (96, 62, 46),
)
_HAIR: tuple[Colour, ...] = (
    (32, 27, 28),
    (62, 42, 32),
    (101, 66, 42),
    (140, 92, 54),
    (152, 76, 42),
    (206, 166, 104),
    (228, 200, 150),
)
_EYES: tuple[Colour, ...] = ((74, 48, 30), (104, 70, 40), (86, 110, 70), (70, 112, 150))


@dataclass(frozen=True)
class Look:
    """The attributes of one drawing, a row of the table of attributes.

    Parameters
    ----------
    age : float
        Years, 0 to 116.
    gender : str
        "male" or "female".
    skin : float
        Tone from 0 (light) to 1 (dark).
    light : float
        Brightness factor; 1 is neutral.
    blur : float
        Standard deviation of the blur in pixels of a picture 128 pixels wide.
    pose : float
        Degrees by which the head is turned; positive to the right of the picture.
    """

    age: float
    gender: str
    skin: float
    light: float
    blur: float
    pose: float


@dataclass(frozen=True)
class Head:
    """Outline and skin: lengths in face coordinates, widths of parts as shares of `width`."""

    width: float
    top: float
    chin: float
    cheek: float
    jaw: float
    chin_width: float
    neck: float
    wrinkles: float
    sag: float


@dataclass(frozen=True)
class Eyes:
    """Eyes and brows, in face coordinates; `lashes` from 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    lashes: float
    brow_width: float
    brow_gap: float


@dataclass(frozen=True)
class Mouth:
    """Nose and mouth, in face coordinates; `smile` from 0 to 1."""

    nose_y: float
    nose_width: float
    y: float
    width: float
    lip: float
    smile: float


@dataclass(frozen=True)
class Hair:
    """Strengths from 0 to 1; `volume` in face coordinates."""

    length: float
    volume: float
    density: float
    recession: float
    beard: float


@dataclass(frozen=True)
class Palette:
    """Colours in RGB, 0 to 255; `blush` is a share from 0 to 1."""

    skin: Colour
    shade: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    lips: Colour
    cloth: Colour
    blush: float


@dataclass(frozen=True)
class Traits:
    """All that is drawn of one face. Face coordinates run from -1 to 1, y downward."""

    head: Head
    eyes: Eyes
    mouth: Mouth
    hair: Hair
    palette: Palette


def traits(look: Look, v: Variation) -> Traits:
    """Work out how a face of these attributes and this individual variation is drawn."""
    head = _head(look, v)
    eyes = _eyes(look, v, head)
    mouth = _mouth(look, v, head, eyes)
    return Traits(head, eyes, mouth, _hair(look, v), _palette(look, v))


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Mix `share` of the second colour into the first."""
    red, green, blue = (_mix(a, b, share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the RGB colour of a hue, saturation and value, each from 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return 255 * red, 255 * green, 255 * blue


def _seen_age(look: Look, error: float) -> float:
    return max(0.0, look.age + error * (_AGE_ERROR[0] + _AGE_ERROR[1] * look.age))


def _femininity(look: Look, error: float) -> float:
    """About +1 for women and -1 for men, less in children."""
    grown = _grown(look)
    return (grown if look.gender == "female" else -grown) + _GENDER_ERROR * error


def _grown(look: Look) -> float:
    """How far the differences between the genders have grown, from 0.5 to 1."""
    return 0.5 + 0.5 * _ramp(look.age, 0, 11)


def _grown_up(look: Look, error: float) -> float:
    """0 for a baby, 0.89 at eighteen: how far childish proportions are left behind."""
    return 1 - math.exp(-_seen_age(look, error) / 8.0)


def _head(look: Look, v: Variation) -> Head:
    growth = _grown_up(look, v["age_head"])
    sag = _ramp(_seen_age(look, v["age_sag"]), 22, 82)
    soft = _femininity(look, v["gender_jaw"])
    slender = _femininity(look, v["gender_neck"]) * growth
    width = _mix(0.62, 0.51, growth) + 0.018 * v["face_width"]
    return Head(
        width=width,
        top=-0.74,
        chin=_mix(0.52, 0.68, growth) - 0.012 * soft * growth,
        cheek=_mix(1.04, 0.93, growth) + 0.04 * sag,
        jaw=_mix(0.84, 0.75, growth) - 0.055 * soft + 0.12 * sag,
        chin_width=_mix(0.40, 0.37, growth) - 0.045 * soft,
        neck=width * (_mix(0.50, 0.66, growth) - 0.09 * slender),
        wrinkles=_ramp(_seen_age(look, v["age_wrinkles"]), 16, 80),
        sag=sag,
    )


def _eyes(look: Look, v: Variation, head: Head) -> Eyes:
    seen = _seen_age(look, v["age_eyes"])
    growth = 1 - math.exp(-seen / 8.0)
    size = _mix(1.42, 1.0, growth) * (1 - 0.30 * _ramp(seen, 22, 85)) + 0.05 * v["eye_size"]
    lashes = _femininity(look, v["gender_lashes"])
    fine = _femininity(look, v["gender_brows"])
    return Eyes(
        x=head.width * (0.43 + 0.02 * v["eye_distance"]),
        y=_mix(0.14, -0.06, _grown_up(look, v["age_head"])),
        width=0.118 * size,
        height=0.078 * size * (1 + 0.05 * lashes),
        lashes=_limit(0.12 + 0.30 * growth + 0.36 * lashes * _grown(look)),
        brow_width=max(0.014, _mix(0.022, 0.038, growth) - 0.013 * fine),
        brow_gap=_mix(0.135, 0.115, growth) + 0.010 * v["brow_height"] + 0.012 * fine,
    )


def _mouth(look: Look, v: Variation, head: Head, eyes: Eyes) -> Mouth:
    growth = _grown_up(look, v["age_head"])
    thin = _ramp(_seen_age(look, v["age_mouth"]), 20, 85)
    full = _femininity(look, v["gender_lips"]) * growth
    nose = 1 - 0.09 * _femininity(look, v["gender_nose"]) + 0.08 * v["nose_size"] + 0.3 * head.sag
    y = eyes.y + (head.chin - eyes.y) * _mix(0.60, 0.64, growth)
    return Mouth(
        nose_y=eyes.y + (y - eyes.y) * 0.62,
        nose_width=_mix(0.070, 0.096, growth) * nose,
        y=y,
        width=_mix(0.125, 0.185, growth) * (1 + 0.08 * v["mouth_width"]),
        lip=max(0.010, 0.036 + 0.010 * full - 0.020 * thin),
        smile=max(0.1, _limit(0.5 + 0.22 * v["smile"])),
    )


def _hair(look: Look, v: Variation) -> Hair:
    seen = _seen_age(look, v["age_hairline"])
    long = _femininity(look, v["gender_hair"])
    return Hair(
        length=_limit(0.42 + 0.34 * long) * (0.35 + 0.65 * _ramp(seen, 0, 5)),
        volume=max(0.02, 0.075 + 0.022 * v["volume"]),
        density=_ramp(seen, -0.6, 3.0),
        recession=_limit(0.62 - 0.26 * long) * _ramp(seen, 20, 80),
        beard=_beard(look, v),
    )


def _palette(look: Look, v: Variation) -> Palette:
    skin = _skin(look, v)
    hair = _hair_colour(look, v)
    full = _femininity(look, v["gender_lips"]) * _grown_up(look, v["age_head"])
    saturation, value = 0.15 + 0.6 * v["cloth_saturation"], 0.3 + 0.65 * v["cloth_value"]
    return Palette(
        skin=skin,
        shade=(0.80 * skin[0], 0.68 * skin[1], 0.64 * skin[2]),
        hair=hair,
        brow=blend(blend(hair, (30, 22, 20), 0.35), skin, 0.1),
        iris=_pick(_EYES, v["eye_colour"]),
        lips=_lip_colour(skin, full, v),
        cloth=hsv(v["cloth_hue"], saturation, value),
        blush=(0.10 + 0.20 * v["blush"]) * (1 - 0.6 * look.skin),
    )


def _beard(look: Look, v: Variation) -> float:
    if look.gender != "male" or v["beard"] > 0.4:
        return 0.0
    return _ramp(look.age, 15, 24) * (0.35 + 0.65 * v["beard"] / 0.4)


def _skin(look: Look, v: Variation) -> Colour:
    place = min(max(look.skin, 0.0), 1.0) * (len(_SKIN) - 1)
    lower = min(int(place), len(_SKIN) - 2)
    tone = blend(_SKIN[lower], _SKIN[lower + 1], place - lower)
    return blend(tone, (235, 170, 120), 0.12 * v["warmth"])


def _hair_colour(look: Look, v: Variation) -> Colour:
    young = blend(_pick(_HAIR, v["hair_colour"]), (172, 140, 104), 0.25 * v["hair_shade"])
    light = 135 + 105 * v["grey_shade"]
    seen = _seen_age(look, 1.3 * v["age_grey"])
    greyed = 0.95 * _ramp(seen, 30, 78) if v["dye"] > _DYED else 0.0
    return blend(young, (light, light, light + 3), greyed)


def _lip_colour(skin: Colour, full: float, v: Variation) -> Colour:
    red = blend((196, 62, 72), (176, 60, 96), v["lip_hue"])
    return blend(skin, red, min(0.85, max(0.15, 0.42 + 0.25 * full)))


def _pick(colours: tuple[Colour, ...], place: float) -> Colour:
    return colours[int(place * len(colours))]


def _mix(first: float, second: float, share: float) -> float:
    return first + (second - first) * share


def _ramp(value: float, low: float, high: float) -> float:
    return _limit((value - low) / (high - low))


def _limit(value: float) -> float:
    return min(1.0, max(0.0, value))
