"""`check_explanation_method` finds each way in which a method can break its contract."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from faceattr import Explainer, RegressionTask
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.explain import (
    EXPLANATION_METHODS,
    Attribution,
    Lime,
    Scene,
    occlusion,
    register_method,
)
from faceattr.testing import ContractError, check_explanation_method


def alone(scene: Scene) -> np.ndarray:
    """Show one part at a time: what it adds to nothing."""
    parts = len(scene.segments)
    values = scene.predict(np.concatenate([np.zeros((1, parts)), np.eye(parts)]).astype(np.uint8))
    return (values[1:] - values[0]).T


def noisy(scene: Scene) -> np.ndarray:
    return alone(scene) + np.random.default_rng().normal(size=(1, len(scene.segments)))


def greedy(scene: Scene) -> np.ndarray:
    np.random.random()  # noqa: NPY002 - what it must not do
    return alone(scene)


def painting(scene: Scene) -> np.ndarray:
    weights = alone(scene)
    scene.image[:] = 0
    return weights


def offset(scene: Scene) -> np.ndarray:
    return alone(scene) + 1.0


def turned(scene: Scene) -> np.ndarray:
    return -alone(scene)


def absolute(scene: Scene) -> np.ndarray:
    return np.abs(alone(scene))


def falling(scene: Scene) -> np.ndarray:
    raise KeyError("part")


def refitting(scene: Scene) -> Attribution:
    weights = alone(scene)
    return Attribution(weights, n_samples=9, refit=lambda rows: 2 * weights)


@pytest.mark.parametrize("method", ["lime", "occlusion", Lime(kernel_width=1.0), alone])
def test_good_methods_pass(method: Callable[[Scene], np.ndarray]) -> None:
    check_explanation_method(method)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (noisy, "other weights the second time"),
        (greedy, "NumPy's global random state"),
        (painting, "changes its image"),
        (offset, "a predictor that never changes|complementary"),
        (turned, "largest coefficient"),
        (absolute, "largest coefficient|complementary"),
        (falling, r"raises an exception.*KeyError\('part'\)"),
        (refitting, "a refit with all samples"),
        (lambda scene: alone(scene)[0], r"other weights than it should.*shape \(3, 9\)"),
        (lambda scene: alone(scene) * np.nan, "not all finite"),
        (lambda scene: alone(scene).tolist(), "something else than an explanation.*list"),
        (lambda scene: Attribution(alone(scene), maps=np.zeros((3, 2, 2))), "other maps"),
        (3, "not an explanation method"),
    ],
)
def test_broken_methods_are_found(method: Callable[[Scene], np.ndarray], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_explanation_method(method)


def test_a_registered_method_is_known_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EXPLANATION_METHODS, "_items", dict(EXPLANATION_METHODS._items))
    register_method("alone", alone)
    image = np.full((16, 16, 3), 200, dtype=np.uint8)
    explainer = Explainer(
        predict=lambda images: images.mean(axis=(1, 2, 3)),
        tasks=RegressionTask("light"),
        method="alone",
        hide_color=0,
    )
    found = explainer.explain(image)[0]
    assert found.method == "alone"
    assert found.weights("light").sum() == pytest.approx(200)
    with pytest.raises(InvalidArgumentError, match="registered already"):
        register_method("alone", occlusion)
    with pytest.raises(InvalidTypeError, match="not an explanation method"):
        register_method("none", None)  # type: ignore[arg-type]
