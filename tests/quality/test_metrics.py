"""The library's own quality metrics: exact values, and worse under their own degradation."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceattr.data.synthetic import draw
from faceattr.images import UInt8Image
from faceattr.quality import (
    DEFAULT_METRICS,
    PRESETS,
    QUALITY_METRICS,
    NoScore,
    QualityMetric,
    sharpness,
    worst_ends,
)
from faceattr.quality.views import sharing
from faceattr.testing import check_quality_metric
from quality import pictures

Degrade = Callable[[UInt8Image, float], UInt8Image]

OWN = tuple(name for name in DEFAULT_METRICS if name != "brisque")


def metric(name: str) -> QualityMetric:
    return QUALITY_METRICS.get(name, argument="metric")


def score(name: str, image: UInt8Image) -> float:
    return metric(name)(image)


def mean_over_drawings(name: str, change: Callable[[UInt8Image], UInt8Image], n: int = 8) -> float:
    return float(np.mean([score(name, change(pictures.drawing(index))) for index in range(n)]))


class TestContract:
    @pytest.mark.parametrize("name", OWN)
    def test_holds(self, name: str) -> None:
        check_quality_metric(name)

    @pytest.mark.parametrize(
        ("name", "degrade"),
        [
            ("laplacian_variance", pictures.blurred),
            ("high_frequency_energy", pictures.blurred),
            ("luminance", pictures.darker),
            ("luminance", pictures.brighter),
            ("contrast", pictures.paler),
            ("entropy", pictures.paler),
            ("entropy", pictures.fewer_colours),
            ("unique_colours", pictures.fewer_colours),
            ("size", pictures.smaller),
            ("clipped_dark", pictures.with_black_border),
            ("clipped_bright", pictures.burnt_out),
            ("blockiness", pictures.compressed),
            ("grayscale", pictures.without_colour),
        ],
    )
    def test_is_worse_under_its_own_degradation(self, name: str, degrade: Degrade) -> None:
        check_quality_metric(name, degrade)

    @pytest.mark.parametrize("name", OWN)
    def test_is_described(self, name: str) -> None:
        known = metric(name)
        assert known.label
        assert known.source
        if known.worse in ("low", "both"):
            assert known.too_low is not None
            assert known.too_low.reason
            assert known.too_low.advice
        if known.worse in ("high", "both"):
            assert known.too_high is not None
            assert known.too_high.reason
            assert known.too_high.advice

    def test_skin_tone_is_worse_at_no_end(self) -> None:
        assert metric("ita").worse is None
        assert "ita" not in worst_ends()

    @given(height=st.integers(1, 70), width=st.integers(1, 70), kind=st.integers(0, 3))
    def test_any_size_gives_a_number_or_a_reason(self, height: int, width: int, kind: int) -> None:
        image = (
            pictures.noise(height, width),
            pictures.flat((200, 150, 120), height, width),
            pictures.as_gray(pictures.noise(height, width)),
            draw(0, 1, 70)[:height, :width],
        )[kind]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in OWN:
                value = score(name, image)
                known = metric(name)
                if isinstance(value, NoScore):
                    assert value.reason
                else:
                    assert known.low <= value <= known.high, name

    @pytest.mark.parametrize("shape", [(200, 200), (200, 130), (131, 200), (301, 299), (96, 400)])
    def test_shared_views_do_not_change_a_score(self, shape: tuple[int, int]) -> None:
        image = np.ascontiguousarray(pictures.drawing(3, 400)[: shape[0], : shape[1]])
        alone = {name: score(name, image) for name in OWN}
        with sharing():
            together = {name: score(name, image) for name in reversed(OWN)}
        assert {name: together[name] for name in OWN} == pytest.approx(alone, abs=0, nan_ok=True)


class TestSharpness:
    def test_of_a_flat_image(self) -> None:
        image = pictures.flat((250, 250, 250), 200, 200)
        assert score("laplacian_variance", image) == 0.0
        assert score("high_frequency_energy", image) == pytest.approx(10 * math.log10(1 / 12))

    def test_laplacian_variance_of_a_bright_dot(self) -> None:
        image = pictures.flat((100, 100, 100), 200, 200)
        image[100, 100] = 110
        # -40 in the middle, 10 at four neighbours, 0 elsewhere; they sum to 0
        assert score("laplacian_variance", image) == pytest.approx((1600 + 400) / 150**2)

    def test_laplacian_variance_is_the_plain_one_of_the_middle(self) -> None:
        image = pictures.drawing(2, 200)
        middle = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[25:175, 25:175].copy()
        expected = cv2.Laplacian(middle, cv2.CV_64F).var()
        assert score("laplacian_variance", image) == pytest.approx(expected, rel=1e-9)

    def test_energy_is_that_of_the_whole_spectrum(self) -> None:
        image = pictures.noise(200, 200, seed=4)
        middle = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[36:164, 36:164].astype(float)
        power = np.abs(np.fft.fft2((middle - middle.mean()) * sharpness._WINDOW)) ** 2
        frequency = np.abs(np.fft.fftfreq(128)) * 2
        high = np.hypot(frequency[:, None], frequency) > 0.25
        expected = 10 * math.log10(power[high].sum() / 128**4 + 1 / 12)
        assert score("high_frequency_energy", image) == pytest.approx(expected, abs=1e-4)

    def test_energy_of_noise_is_its_variance(self) -> None:
        values = np.random.default_rng(0).normal(128, 20, (200, 200, 1)).clip(0, 255)
        image = np.repeat(values.astype(np.uint8), 3, axis=2)
        share = 1 - math.pi * 0.25**2 / 4  # the low frequencies are a disc in a square
        expected = 10 * math.log10(400 * share)
        assert score("high_frequency_energy", image) == pytest.approx(expected, abs=0.2)

    @pytest.mark.parametrize("name", ["laplacian_variance", "high_frequency_energy"])
    def test_a_sharp_border_does_not_hide_a_blurred_face(self, name: str) -> None:
        sharp, soft = pictures.drawing(1), pictures.blurred(pictures.drawing(1), 1.0)
        soft[:, :20] = 0
        soft[180:] = 255
        assert score(name, soft) < 0.7 * score(name, sharp)

    @pytest.mark.parametrize("name", ["laplacian_variance", "high_frequency_energy"])
    def test_the_size_of_the_file_matters_little(self, name: str) -> None:
        large = pictures.blurred(pictures.drawing(1, 800), 0.5)
        scores = [
            score(name, cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA))
            for side in (200, 400, 800)
        ]
        assert max(scores) - min(scores) < 0.15 * abs(scores[0])

    @pytest.mark.parametrize("name", ["laplacian_variance", "high_frequency_energy"])
    def test_too_small(self, name: str) -> None:
        assert isinstance(score(name, pictures.noise(15, 40)), NoScore)
        assert not isinstance(score(name, pictures.noise(16, 40)), NoScore)


class TestLight:
    def test_of_two_halves(self) -> None:
        image = pictures.flat((0, 0, 0), 10, 10)
        image[:5] = 200
        assert score("luminance", image) == 100.0
        assert score("contrast", image) == 10000.0
        assert score("entropy", image) == 1.0
        assert score("clipped_dark", image) == 0.5
        assert score("clipped_bright", image) == 0.0

    def test_equals_numpy_on_a_drawing(self) -> None:
        image = pictures.drawing(5)
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        shares = np.bincount(luma.ravel()) / luma.size
        shares = shares[shares > 0]
        assert score("luminance", image) == pytest.approx(luma.mean(), rel=1e-12)
        assert score("contrast", image) == pytest.approx(luma.var(), rel=1e-12)
        assert score("entropy", image) == pytest.approx(-(shares * np.log2(shares)).sum())
        assert score("clipped_dark", image) == pytest.approx((luma <= 4).mean())
        assert score("clipped_bright", image) == pytest.approx((luma >= 251).mean())

    def test_of_a_flat_image(self) -> None:
        image = pictures.flat((255, 255, 255))
        assert score("luminance", image) == 255.0
        assert score("contrast", image) == 0.0
        assert math.copysign(1.0, score("entropy", image)) == 1.0
        assert score("entropy", image) == 0.0
        assert score("clipped_bright", image) == 1.0

    def test_extreme_values_are_reached(self) -> None:
        levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
        assert score("entropy", levels) == 8.0
        halves = np.repeat(np.array([[[0], [255]]], dtype=np.uint8), 3, axis=2)
        assert score("contrast", halves) == 127.5**2


class TestCompression:
    def test_size_is_the_shorter_side(self) -> None:
        assert score("size", pictures.noise(40, 31)) == 31.0

    def test_blockiness_of_a_board_of_blocks(self) -> None:
        levels = np.random.default_rng(0).integers(100, 120, (25, 25))
        image = np.repeat(np.kron(levels, np.ones((8, 8)))[:, :, None], 3, axis=2).astype(np.uint8)
        across = np.abs(np.diff(levels, axis=1)).mean()
        assert score("blockiness", image) == pytest.approx(across, rel=0.1)

    @pytest.mark.parametrize(("top", "left"), [(0, 0), (1, 0), (3, 5), (4, 4), (7, 2)])
    def test_a_crop_shifts_the_grid_and_not_the_score(self, top: int, left: int) -> None:
        for index in range(4):
            image = pictures.jpeg(pictures.drawing(index, 240), 10)
            whole = score("blockiness", image)
            crop = np.ascontiguousarray(image[top:, left:])
            assert score("blockiness", crop) == pytest.approx(whole, rel=0.12)

    def test_noise_has_no_blocks(self) -> None:
        found = [score("blockiness", pictures.noise(200, 200, seed)) for seed in range(20)]
        assert np.mean(found) < 0.02 * 85  # of the mean step between random values

    def test_an_edge_is_no_grid(self) -> None:
        image = pictures.flat((20, 20, 20), 200, 200)
        image[:, 104:] = 220
        assert score("blockiness", image) == 0.0

    def test_a_gradient_has_no_blocks(self) -> None:
        image = np.repeat(np.mgrid[:200, :200][1][:, :, None], 3, axis=2).astype(np.uint8)
        assert score("blockiness", image) == 0.0

    def test_too_small(self) -> None:
        assert isinstance(score("blockiness", pictures.noise(200, 31)), NoScore)
        assert not isinstance(score("blockiness", pictures.noise(32, 32)), NoScore)


class TestColour:
    @pytest.mark.parametrize(
        "shape", [(1, 1), (7, 3), (64, 64), (255, 257), (256, 256), (300, 400)]
    )
    def test_unique_colours_equals_numpy(self, shape: tuple[int, int]) -> None:
        for image in (pictures.noise(*shape), pictures.noise(*shape) // 100):
            packed = image.reshape(-1, 3).astype(np.int64) @ (1, 256, 65536)
            assert score("unique_colours", image) == len(np.unique(packed))

    @given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=30))
    def test_unique_colours_of_a_list(self, colours: list[tuple[int, int, int]]) -> None:
        image = np.array([colours], dtype=np.uint8)
        assert score("unique_colours", image) == len(set(colours))

    def test_unique_colours_of_all_shades_of_gray(self) -> None:
        image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
        assert score("unique_colours", image) == 256.0

    def test_drawings_have_colour(self) -> None:
        assert mean_over_drawings("grayscale", lambda image: image) == 0.0

    @pytest.mark.parametrize("quality", [100, 90, 50, 10])
    def test_gray_pictures_have_none_after_jpeg(self, quality: int) -> None:
        gray = mean_over_drawings(
            "grayscale", lambda image: pictures.jpeg(pictures.as_gray(image), quality)
        )
        assert gray == 1.0

    def test_grain_is_no_colour(self) -> None:
        grain = np.random.default_rng(0).normal(0, 6, (200, 200, 3))
        image = np.clip(pictures.as_gray(pictures.drawing(2)) + grain, 0, 255).astype(np.uint8)
        assert score("grayscale", image) == 1.0

    @pytest.mark.parametrize("tint", [(1.0, 0.93, 0.8), (0.8, 0.9, 1.0), (1.0, 0.85, 0.9)])
    def test_a_tint_is_no_colour(self, tint: tuple[float, float, float]) -> None:
        assert mean_over_drawings("grayscale", lambda image: pictures.tinted(image, tint)) == 1.0

    def test_sepia_is_no_colour(self) -> None:
        sepia = mean_over_drawings(
            "grayscale", lambda image: pictures.tinted(image, (1.35, 1.2, 0.94)) // 2
        )
        assert sepia == 1.0

    def test_a_flat_picture_is_judged_by_its_colour(self) -> None:
        assert score("grayscale", pictures.flat((128, 128, 128))) == 1.0
        assert score("grayscale", pictures.flat((220, 160, 130))) == 0.0


class TestDefaults:
    def test_are_registered(self) -> None:
        assert DEFAULT_METRICS[0] == "brisque"
        assert set(OWN) <= set(QUALITY_METRICS)
        assert len(set(DEFAULT_METRICS)) == len(DEFAULT_METRICS)

    def test_presets_name_default_metrics_and_valid_limits(self) -> None:
        assert list(PRESETS) == ["lenient", "standard", "strict"]
        for thresholds in PRESETS.values():
            assert set(thresholds) <= set(DEFAULT_METRICS)
            for name, (low, high) in thresholds.items():
                if name == "brisque":
                    continue
                known = metric(name)
                assert low is None or known.low <= low <= known.high
                assert high is None or known.low <= high <= known.high
                assert (low is not None) == (known.worse in ("low", "both"))
                assert (high is not None) == (known.worse in ("high", "both"))

    def test_presets_grow_stricter(self) -> None:
        names = list(PRESETS["lenient"])
        lows = [[PRESETS[preset][name][0] for name in names] for preset in PRESETS]
        highs = [[PRESETS[preset][name][1] for name in names] for preset in PRESETS]
        for weaker, stronger in itertools.pairwise(lows):
            pairs = [pair for pair in zip(weaker, stronger, strict=True) if None not in pair]
            assert all(one < two for one, two in pairs)
        for weaker, stronger in itertools.pairwise(highs):
            pairs = [pair for pair in zip(weaker, stronger, strict=True) if None not in pair]
            assert all(one > two for one, two in pairs)

    @pytest.mark.parametrize("preset", list(PRESETS))
    def test_no_preset_looks_at_skin_or_colour(self, preset: str) -> None:
        assert PRESETS[preset].keys().isdisjoint({"ita", "grayscale", "unique_colours"})


def test_the_page_tells_of_every_metric_and_its_worse_end() -> None:
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| `")]
    told = {
        name.strip(" `"): worse.strip()
        for names, worse, _ in (row for row in rows if len(row) == 3)
        for name in names.split(",")
    }
    for name in DEFAULT_METRICS:
        assert told[name] == (QUALITY_METRICS.get(name, argument="name").worse or ""), name
