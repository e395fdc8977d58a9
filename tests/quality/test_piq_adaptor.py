"""piq's own no-reference metrics by name."""

from __future__ import annotations

import numpy as np
import piq
import pytest
import torch

from faceattr import Dataset
from faceattr.exceptions import InvalidArgumentError, WeightsError
from faceattr.images import DECODE_VERSION
from faceattr.quality import NoScore, QualityFilter
from faceattr.quality.piq_adaptor import piq_metric


def test_a_metric_of_piq_is_what_piq_says() -> None:
    face = Dataset.synthetic(1, size=64).read(0)
    pixels = torch.from_numpy(face.transpose(2, 0, 1)[None].copy()).float() / 255
    metric = piq_metric("piq.total_variation")
    assert metric.name == "piq.total_variation"
    assert metric(face) == pytest.approx(float(piq.total_variation(pixels)), rel=1e-6)
    assert metric.many([face, face]) == [metric(face)] * 2


@pytest.mark.parametrize(
    "name", ["piq.ssim", "piq.LPIPS", "piq.nothing", "total_variation", "piq.IS"]
)
def test_what_compares_images_or_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="total_variation") as caught:
        piq_metric(name)
    assert "'piq.CLIPIQA'" in str(caught.value)
    assert "'piq.brisque'" in str(caught.value)


def test_an_image_that_piq_refuses_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("Expected image with\n non zero pixels")

    monkeypatch.setattr(piq, "total_variation", refuse)
    score = piq_metric("piq.total_variation")(np.zeros((8, 8, 3), np.uint8))
    assert isinstance(score, NoScore)
    assert score.reason == "Expected image with non zero pixels"


def test_weights_that_cannot_be_downloaded_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class NeedsWeights(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            raise OSError("no route to host")

        def forward(self, x_input: torch.Tensor) -> torch.Tensor:
            return x_input

    monkeypatch.setattr(piq, "CLIPIQA", NeedsWeights)
    with pytest.raises(WeightsError, match="no route"):
        piq_metric("piq.CLIPIQA")(np.zeros((8, 8, 3), np.uint8))


def test_scores_are_kept_by_the_version_of_piq_alone() -> None:
    name = "piq.total_variation"
    versions = QualityFilter(metrics=[name]).metric_versions()
    assert versions == {name: f"{name}/1/piq-{piq.__version__}/decode {DECODE_VERSION}"}
