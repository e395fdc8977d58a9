"""BRISQUE against piq's, given the same support vectors in place of piq's download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError, WeightsError
from faceattr.images import UInt8Image
from faceattr.quality import NoScore, brisque, brisque_features, brisque_scores, skin_mask
from faceattr.quality._support_vectors import support_vectors

PIQ_RHO = -153.591
CLOSE = 0.05
ONE_STEP = 0.15
"""What one step of 0.001 of a shape parameter, of which piq takes the nearest, can change."""


@pytest.fixture(scope="module", autouse=True)
def _vectors_instead_of_a_download() -> object:
    vectors = support_vectors("bundled")

    def load_url(*_: object, **__: object) -> tuple[torch.Tensor, torch.Tensor]:
        coefficients = torch.from_numpy(vectors.coefficients).float()
        return coefficients, torch.from_numpy(vectors.vectors).float()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("piq.brisque"), "load_url", load_url)
        yield


def piq_score(image: UInt8Image) -> float:
    piq = import_module("piq.brisque")
    pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float()
    score = float(piq.brisque(pixels, data_range=255, reduction="none"))
    return score + PIQ_RHO - support_vectors("bundled").rho


def differences(images: Sequence[UInt8Image]) -> npt.NDArray[np.float64]:
    ours = np.array([brisque(image) for image in images])
    return np.abs(ours - [piq_score(image) for image in images])


def drawings(count: int, size: int) -> list[UInt8Image]:
    faces = Dataset.synthetic(count, size=size, seed=5)
    return [faces.read(row) for row in range(count)]


def expect_equal(images: Sequence[UInt8Image], *, share: float = 0.9) -> None:
    found = differences(images)
    assert np.median(found) < 0.01
    assert (found <= CLOSE).mean() >= share
    assert found.max() <= ONE_STEP


def test_equals_piq_on_drawings() -> None:
    expect_equal(drawings(30, 200))


def test_equals_piq_on_gray_images() -> None:
    shades = [cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in drawings(20, 128)]
    expect_equal([np.repeat(shade[:, :, None], 3, axis=2) for shade in shades])


def test_equals_piq_where_sides_are_odd() -> None:
    sizes = [(97, 97), (64, 81), (81, 64), (33, 57), (120, 45), (17, 16), (200, 151), (51, 200)]
    faces = drawings(len(sizes), 200)
    cut = [face[:height, :width] for face, (height, width) in zip(faces, sizes, strict=True)]
    scaled = [
        cv2.resize(face, (width, height), interpolation=cv2.INTER_AREA)
        for face, (height, width) in zip(faces, sizes, strict=True)
    ]
    expect_equal([np.ascontiguousarray(image) for image in [*cut, *scaled]], share=0.8)


def test_equals_piq_on_real_chips(utkface_folder: Path) -> None:
    chips = Dataset.from_utkface(utkface_folder)
    rows = np.linspace(0, len(chips) - 1, 100).astype(int)
    expect_equal([chips.read(row) for row in rows], share=0.97)


def test_equals_piq_where_areas_are_flat() -> None:
    """Rounding decides the signs there, so it must be piq's to the last bit."""
    images = drawings(16, 200)
    for number, image in enumerate(images):
        image.flags.writeable = True
        image[:, : 60 + 5 * number] = 255 - 13 * number
    expect_equal(images)


def test_features_are_those_of_the_paper_in_number_and_order() -> None:
    features = brisque_features(drawings(1, 200)[0])
    assert features.shape == (36,)
    assert np.isfinite(features).all()
    shapes = features.reshape(2, 18)[:, [0, 2, 6, 10, 14]]
    assert ((shapes >= 0.2) & (shapes <= 10)).all()
    variances = features.reshape(2, 18)[:, [1, 4, 5, 8, 9, 12, 13, 16, 17]]
    assert (variances > 0).all()


def test_batches_of_any_sizes_give_what_single_images_give() -> None:
    images = [*drawings(3, 64), *drawings(2, 91), np.zeros((40, 40, 3), np.uint8)]
    together = brisque_scores(images)
    alone = [brisque(image) for image in images]
    np.testing.assert_array_equal(together, alone)
    assert brisque_scores([]) == []


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((200, 200, 3), np.uint8), "a flat image"),
        (np.full((31, 77, 3), 255, np.uint8), "a flat image"),
        (np.zeros((1, 1, 3), np.uint8), "smaller than 16 pixels"),
        (np.zeros((15, 900, 3), np.uint8), "smaller than 16 pixels"),
    ],
)
def test_flat_and_tiny_images_have_a_reason_and_spoil_no_neighbour(
    image: UInt8Image, reason: str
) -> None:
    face = drawings(1, 64)[0]
    before, bad, after = brisque_scores([face, image, face])
    assert isinstance(bad, NoScore)
    assert bad.reason == reason
    assert before == after == brisque(face)
    assert np.isnan(brisque_features(image)).all()


def test_one_pixel_of_structure_is_too_little() -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    image[20, 20] = 129
    score = brisque(image)
    assert isinstance(score, NoScore)
    assert score.reason == "too little structure"


@given(st.integers(16, 90), st.integers(16, 90), st.integers(0, 2**32 - 1))
def test_any_size_gives_a_number(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)), (0, 0), 1.5)
    image = smooth.astype(np.uint8)
    untouched = image.copy()
    score = brisque(image)
    if min(height, width) < 32 and np.isnan(score):  # no product below 0 among so few
        assert isinstance(score, NoScore)
        return
    assert np.isfinite(score)
    assert score == brisque(np.asfortranarray(image))
    np.testing.assert_array_equal(image, untouched)


def test_more_blur_noise_and_compression_look_less_natural() -> None:
    faces = drawings(12, 200)
    rng = np.random.default_rng(0)

    def mean(images: Sequence[UInt8Image]) -> float:
        return float(np.mean(brisque_scores(images)))

    blurred = [
        mean([cv2.GaussianBlur(face, (0, 0), sigma) for face in faces]) for sigma in (1, 2, 4)
    ]
    assert blurred == sorted(blurred)
    noise = rng.normal(0, 1, faces[0].shape)
    noisy = [
        mean([np.clip(face + sigma * noise, 0, 255).astype(np.uint8) for face in faces])
        for sigma in (0, 20, 60)
    ]
    assert noisy == sorted(noisy)


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="weights"):
        brisque(drawings(1, 64)[0], weights="LIVE")  # type: ignore[arg-type]


def test_live_weights_are_those_that_piq_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in torch's folder stands for what the download leaves there."""
    from faceattr.quality import _support_vectors, piq_adaptor

    rng = np.random.default_rng(0)
    coefficients = torch.from_numpy(rng.normal(0, 50, 774)).float()
    vectors = torch.from_numpy(rng.uniform(-1, 1, (774, 36))).float()
    (tmp_path / "checkpoints").mkdir()
    torch.save((coefficients, vectors), tmp_path / "checkpoints" / "brisque_svm_weights.pt")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    _support_vectors._live.cache_clear()
    try:
        face = drawings(1, 96)[0]
        found = brisque(face, weights="live")
        piq = import_module("piq.brisque")
        monkeypatch.setattr(piq, "load_url", lambda *_, **__: (coefficients, vectors.clone()))
        pixels = torch.from_numpy(face.transpose(2, 0, 1)[None].copy()).float()
        assert found == pytest.approx(float(piq.brisque(pixels, data_range=255)), abs=0.1)
        assert found != pytest.approx(brisque(face), abs=1)
        assert piq_adaptor._LIVE_URL in Path(piq.__file__).read_text(encoding="utf-8").replace(
            "' \\\n          '", ""
        )
    finally:
        _support_vectors._live.cache_clear()


def test_live_weights_without_a_network_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise OSError("no route to host")

    from faceattr.quality import _support_vectors

    _support_vectors._live.cache_clear()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(WeightsError, match="bundled"):
        brisque(drawings(1, 64)[0], weights="live")


def test_the_vectors_come_with_their_licence() -> None:
    folder = files("faceattr.quality") / "data"
    licence = (folder / "LICENSE-brisque.txt").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Changed:" in licence
    vectors = support_vectors("bundled")
    assert vectors.vectors.shape == (770, 36)
    assert vectors.coefficients.shape == (770,)
    assert (vectors.rho, vectors.gamma) == (-155.845, 0.05)


@pytest.mark.parametrize("function", [brisque, brisque_features, skin_mask])
@pytest.mark.parametrize(
    "wrong",
    [
        "face.jpg",
        np.zeros((32, 32, 3), np.uint16),
        np.zeros((32, 32, 3)),
        np.zeros((32, 32, 4), np.uint8),
        None,
    ],
)
def test_what_is_no_image_is_refused(function: Callable[..., object], wrong: object) -> None:
    with pytest.raises(InvalidTypeError) as caught:
        function(wrong)
    assert caught.value.argument == "image"


def test_large_images_are_summed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from faceattr.quality import _scene_statistics

    face = drawings(1, 200)[0]
    whole = brisque_features(face)
    for size in (1, 7 * 201, 100 * 201):
        monkeypatch.setattr(_scene_statistics, "_BLOCK", size)
        np.testing.assert_allclose(brisque_features(face), whole, rtol=1e-4)
