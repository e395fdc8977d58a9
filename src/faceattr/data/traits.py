"""From attributes to the proportions and colours of one drawn face.

Age and gender reach the drawing through several cues, each with an error of its own, as in real
faces: no cue decides alone, and together they tell. A cue of age sees the age with an error of one
year and 15 percent; a cue of gender is weak in babies and full-grown at about sixteen.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

from faceattr.data.canvas import Colour
from faceattr.data.variation import Variation

__all__ = ["Look", "Traits", "blend", "hsv", "traits"]

_AGE_ERROR = (1.0, 0.15)
_GENDER_ERROR = 0.8

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
class Traits:
    """Proportions in face coordinates (-1 to 1), strengths from 0 to 1, colours in RGB."""

    width: float
    top: float
    chin: float
    cheek: float
    jaw: float
    chin_width: float
    eye_y: float
    eye_x: float
    eye_width: float
    eye_height: float
    nose_y: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    lip: float
    smile: float
    brow_width: float
    brow_gap: float
    lashes: float
    wrinkles: float
    sag: float
    hair_length: float
    hair_volume: float
    hair_density: float
    recession: float
    beard: float
    neck: float
    skin: Colour
    shade: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    lip_colour: Colour
    blush: float
    cloth: Colour


def traits(look: Look, v: Variation) -> Traits:
    """Work out how a face of these attributes and this individual variation is drawn."""
    growth = 1 - math.exp(-_seen_age(look, v["age_head"]) / 7.0)
    eyes_growth = 1 - math.exp(-_seen_age(look, v["age_eyes"]) / 8.0)
    late_eyes = _ramp(_seen_age(look, v["age_eyes"]), 25, 90)
    sag = _ramp(_seen_age(look, v["age_sag"]), 28, 85)
    thin_lips = _ramp(_seen_age(look, v["age_mouth"]), 20, 85)
    jaw = _femininity(look, v["gender_jaw"])
    width = _mix(0.60, 0.52, growth) + 0.018 * v["face_width"]
    chin = _mix(0.54, 0.68, growth) - 0.012 * jaw * growth
    eye_y = _mix(0.13, -0.05, growth)
    mouth_y = eye_y + (chin - eye_y) * _mix(0.60, 0.64, growth)
    eye_size = _mix(1.34, 1.0, eyes_growth) * (1 - 0.22 * late_eyes) + 0.05 * v["eye_size"]
    lashes = _femininity(look, v["gender_lashes"])
    nose = _femininity(look, v["gender_nose"])
    lips = _femininity(look, v["gender_lips"])
    brows = _femininity(look, v["gender_brows"])
    skin = _skin(look, v)
    hair = _hair(look, v)
    return Traits(
        width=width,
        top=-0.74,
        chin=chin,
        cheek=_mix(1.04, 0.93, growth) + 0.03 * sag,
        jaw=_mix(0.84, 0.75, growth) - 0.045 * jaw + 0.09 * sag,
        chin_width=_mix(0.40, 0.37, growth) - 0.045 * jaw,
        eye_y=eye_y,
        eye_x=width * (0.43 + 0.02 * v["eye_distance"]),
        eye_width=0.118 * eye_size,
        eye_height=0.078 * eye_size * (1 + 0.05 * lashes),
        nose_y=eye_y + (mouth_y - eye_y) * 0.62,
        nose_width=_mix(0.070, 0.096, growth)
        * (1 - 0.09 * nose + 0.08 * v["nose_size"] + 0.2 * sag),
        mouth_y=mouth_y,
        mouth_width=_mix(0.125, 0.185, growth) * (1 + 0.08 * v["mouth_width"]),
        lip=max(0.010, 0.036 + 0.009 * lips * growth - 0.020 * thin_lips),
        smile=min(1.0, max(0.1, 0.5 + 0.22 * v["smile"])),
        brow_width=max(0.014, _mix(0.022, 0.038, growth) - 0.012 * brows),
        brow_gap=_mix(0.135, 0.115, growth) + 0.010 * v["brow_height"] + 0.012 * brows,
        lashes=min(1.0, max(0.0, 0.12 + 0.30 * eyes_growth + 0.36 * lashes * _grown(look))),
        wrinkles=_ramp(_seen_age(look, v["age_wrinkles"]), 18, 82),
        sag=sag,
        hair_length=_hair_length(look, v),
        hair_volume=max(0.02, 0.075 + 0.022 * v["volume"]),
        hair_density=_ramp(_seen_age(look, v["age_hairline"]), -0.6, 3.0),
        recession=_recession(look, v),
        beard=_beard(look, v),
        neck=width
        * (_mix(0.50, 0.66, growth) - 0.07 * _femininity(look, v["gender_neck"]) * growth),
        skin=skin,
        shade=blend(skin, (92, 30, 24), 0.30),
        hair=hair,
        brow=blend(blend(hair, (30, 22, 20), 0.35), skin, 0.1),
        iris=_pick(_EYES, v["eye_colour"]),
        blush=(0.10 + 0.20 * v["blush"]) * (1 - 0.6 * look.skin),
        lip_colour=_lip_colour(skin, lips, growth, v),
        cloth=hsv(
            v["cloth_hue"], 0.15 + 0.6 * v["cloth_saturation"], 0.3 + 0.65 * v["cloth_value"]
        ),
    )


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
    """How far the differences between the genders have grown, from 0.25 to 1."""
    return 0.25 + 0.75 * _ramp(look.age, 0, 15)


def _hair_length(look: Look, v: Variation) -> float:
    wish = 0.42 + 0.34 * _femininity(look, v["gender_hair"])
    possible = 0.25 + 0.75 * _ramp(_seen_age(look, v["age_hairline"]), 0, 6)
    return min(1.0, max(0.0, wish)) * possible


def _recession(look: Look, v: Variation) -> float:
    share = 0.62 - 0.26 * _femininity(look, v["gender_hair"])
    return min(1.0, max(0.0, share)) * _ramp(_seen_age(look, v["age_hairline"]), 20, 80)


def _beard(look: Look, v: Variation) -> float:
    if look.gender != "male" or v["beard"] > 0.4:
        return 0.0
    return _ramp(look.age, 15, 24) * (0.35 + 0.65 * v["beard"] / 0.4)


def _skin(look: Look, v: Variation) -> Colour:
    place = min(max(look.skin, 0.0), 1.0) * (len(_SKIN) - 1)
    lower = min(int(place), len(_SKIN) - 2)
    tone = blend(_SKIN[lower], _SKIN[lower + 1], place - lower)
    return blend(tone, (235, 170, 120), 0.12 * v["warmth"])


def _hair(look: Look, v: Variation) -> Colour:
    young = blend(_pick(_HAIR, v["hair_colour"]), (120, 84, 56), 0.3 * v["hair_shade"])
    light = 165 + 70 * v["grey_shade"]
    grey = (light, light, light + 3)
    return blend(young, grey, 0.95 * _ramp(_seen_age(look, v["age_grey"]), 30, 78))


def _lip_colour(skin: Colour, lips: float, growth: float, v: Variation) -> Colour:
    red = blend((196, 62, 72), (176, 60, 96), v["lip_hue"])
    return blend(skin, red, min(0.85, max(0.15, 0.42 + 0.2 * lips * growth)))


def _pick(colours: tuple[Colour, ...], place: float) -> Colour:
    return colours[int(place * len(colours))]


def _mix(first: float, second: float, share: float) -> float:
    return first + (second - first) * share


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
