"""Skin tone: known colours give known angles, and bands have the published edges."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from faceattr.data.synthetic import attributes, draw
from faceattr.exceptions import InvalidTypeError
from faceattr.images import UInt8Image, read_image
from faceattr.quality import ITA_BANDS, NoScore, ita_band, skin_mask
from faceattr.quality.skin import ita
from quality import pictures


def patch(lightness: float, red: float, yellow: float, side: int = 64) -> UInt8Image:
    """Return a flat picture of a colour of known L*, a* and b*."""
    lab = np.array([[[lightness, red, yellow]]], dtype=np.float32)
    rgb = (cv2.cvtColor(lab, cv2.COLOR_Lab2RGB) * 255).round().astype(np.uint8)
    return pictures.flat(tuple(int(value) for value in rgb[0, 0]), side, side)


class TestAngle:
    @pytest.mark.parametrize("lightness", [32.0, 40.0, 50.0, 60.0, 70.0, 82.0])
    @pytest.mark.parametrize("yellow", [12.0, 18.0, 25.0])
    def test_of_a_patch_is_its_definition(self, lightness: float, yellow: float) -> None:
        expected = np.degrees(np.arctan((lightness - 50) / yellow))
        assert ita(patch(lightness, 13.0, yellow)) == pytest.approx(expected, abs=1.6)

    def test_a_patch_of_rounded_lab_is_exact(self) -> None:
        image = pictures.flat((198, 134, 103))
        exact = cv2.cvtColor(np.float32(image[:1, :1] / 255), cv2.COLOR_RGB2Lab)[0, 0]
        expected = np.degrees(np.arctan((exact[0] - 50) / exact[2]))
        assert ita(image) == pytest.approx(float(expected), abs=1e-3)

    def test_is_the_median_of_the_skin_alone(self) -> None:
        image = patch(65.0, 13.0, 18.0, 200)
        expected = ita(image)
        image[:30] = 0  # a black border
        image[:, :20] = (30, 90, 200)
        image[60:66, 50:80] = (40, 30, 25)  # an eye
        assert ita(image) == pytest.approx(expected, abs=0.5)

    def test_of_drawings_follows_their_tone(self) -> None:
        table = attributes(0, range(60))
        angles = [ita(draw(0, index, 128)) for index in range(60)]
        found = pd.DataFrame({"skin": table["skin"], "ita": angles}).dropna()
        assert len(found) >= 30
        assert found.corr("spearman").loc["skin", "ita"] < -0.7

    @pytest.mark.parametrize(
        ("image", "reason"),
        [
            (pictures.as_gray(pictures.drawing(0)), "without colour"),
            (pictures.tinted(pictures.drawing(0), (1.0, 0.93, 0.8)), "without colour"),
            (pictures.flat((20, 200, 40)), "too little skin found"),
            (pictures.flat((60, 80, 220)), "too little skin found"),
            (pictures.flat((200, 150, 120), 15, 15), "smaller than 16 pixels"),
            (pictures.flat((178, 160, 162)), "skin without yellow: the light is tinted"),
        ],
    )
    def test_undefined(self, image: UInt8Image, reason: str) -> None:
        score = ita(image)
        assert isinstance(score, NoScore)
        assert score.reason == reason

    def test_of_real_chips(self, utkface_folder: Path) -> None:
        # Who is called what is a label of the data set; it is read to see that nobody is left out.
        paths = sorted(utkface_folder.glob("*.jpg"))[::20]
        rows = []
        for path in paths:
            score = ita(read_image(path))
            reason = score.reason if isinstance(score, NoScore) else ""
            named = re.match(r"\d+_\d_([0-4])_", path.name)
            rows.append((named and named.group(1), score, reason))
        table = pd.DataFrame(rows, columns=["label", "ita", "reason"])
        coloured = table[table["reason"] != "without colour"]
        assert len(coloured) > 0.9 * len(table)
        assert coloured["ita"].notna().mean() > 0.97
        assert coloured.groupby("label")["ita"].agg(lambda group: group.notna().mean()).min() > 0.94


class TestBands:
    def test_edges(self) -> None:
        angles = [90, 55.01, 55, 41.01, 41, 28.01, 28, 10.01, 10, -29.99, -30, -90]
        expected = [
            *("very light", "very light", "light", "light", "intermediate", "intermediate"),
            *("tan", "tan", "brown", "brown", "dark", "dark"),
        ]
        assert list(ita_band(angles)) == expected

    def test_missing_angles_stay_missing(self) -> None:
        bands = ita_band(pd.Series([np.nan, 30.0, NoScore("without colour")]))
        assert list(pd.isna(bands)) == [True, False, True]
        assert bands[1] == "intermediate"

    def test_are_ordered(self) -> None:
        bands = ita_band(np.array([-40.0, 60.0]))
        assert bands.ordered
        assert tuple(bands.categories) == ITA_BANDS
        assert bands.min() == "dark"
        assert bands.max() == "very light"

    def test_nullable_numbers(self) -> None:
        bands = ita_band(pd.Series([None, 50.0], dtype="Float64"))
        assert list(bands.codes) == [-1, ITA_BANDS.index("light")]

    @pytest.mark.parametrize("values", [["tan"], "55 degrees", np.zeros((2, 2))])
    def test_what_is_no_angle(self, values: object) -> None:
        with pytest.raises(InvalidTypeError, match="not angles"):
            ita_band(values)

    def test_of_nothing(self) -> None:
        assert list(ita_band([]).categories) == list(ITA_BANDS)


class TestMask:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (49, 50), (64, 64), (131, 77), (200, 200)])
    def test_has_the_shape_of_the_image(self, shape: tuple[int, int]) -> None:
        mask = skin_mask(pictures.noise(*shape))
        assert mask.shape == shape
        assert mask.dtype == np.bool_

    def test_lies_on_the_skin(self) -> None:
        image = pictures.flat((30, 60, 160), 200, 200)
        face = np.zeros((200, 200), np.uint8)
        cv2.ellipse(face, (100, 104), (70, 88), 0, 0, 360, 1, -1)
        image[face == 1] = (205, 150, 120)
        image[70:80, 50:80] = image[70:80, 120:150] = (30, 25, 20)
        face[70:80, 50:80] = face[70:80, 120:150] = 0
        found, true = skin_mask(image), face == 1
        assert (found & true).sum() > 0.9 * true.sum()
        assert (found & ~true).sum() < 0.02 * true.sum()

    def test_is_empty_without_colour(self) -> None:
        assert not skin_mask(pictures.as_gray(pictures.drawing(0))).any()
