"""Contract check of explanation methods."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from faceattr.data.synthetic import draw
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.explain import Attribution, Scene, grid_segments
from faceattr.explain.methods import ExplanationMethod, run_method
from faceattr.explain.predicting import PredictFunction, Predictor
from faceattr.explain.sampling import hidden_image
from faceattr.images import UInt8Image
from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet
from faceattr.testing.contract import ContractError, expect

__all__ = ["check_explanation_method"]

_SIDE = 32
_SAMPLES = 200
_TASKS = (RegressionTask("number"), ClassificationTask("kind", ("a", "b")))
_COEFFICIENTS = np.array([40.0, -30.0, 0.0, 20.0, -10.0, 5.0, 0.0, 60.0, 1.0])
_STRONGEST = 7


def check_explanation_method(method: str | ExplanationMethod) -> None:
    """Check an explanation method.

    It returns finite weights, a row an output and a column a part, and maps and refits of the right
    shape where it has them; the same ones again; it changes neither the image nor its parts and
    leaves NumPy's global random state alone; a predictor that never changes gets zeros; a predictor
    that adds up coefficients of parts has the part of the largest one found; and the weights of two
    complementary classes are opposite.

    Parameters
    ----------
    method : str or callable
        A registered name, or a function of a `faceattr.explain.Scene` that needs no gradients.

    Raises
    ------
    ContractError
        At the first part of the contract that does not hold.

    Examples
    --------
    >>> from faceattr.explain import occlusion
    >>> from faceattr.testing import check_explanation_method
    >>> check_explanation_method(occlusion)
    """
    for predict in (_sums, _constant):
        image = draw(0, 0, size=_SIDE)
        image = np.maximum(image, 1)  # black is what hidden parts are known by
        state = np.random.get_state()  # noqa: NPY002 - the one that must not be touched
        scene = _scene(image.copy(), predict)
        first, again = _run(method, scene), _run(method, _scene(image.copy(), predict))
        expect(
            str(state) == str(np.random.get_state()),  # noqa: NPY002
            "the method draws from NumPy's global random state",
            "scene.random()",
            "np.random",
        )
        expect(
            np.array_equal(scene.image, image), "the method changes its image", "the same", "others"
        )
        expect(
            np.array_equal(first.weights, again.weights),
            "other weights the second time",
            str(first.weights),
            str(again.weights),
        )
        _check_refit(first)
        if predict is _constant:
            expect(
                bool((first.weights == 0).all()),
                "a predictor that never changes has weights",
                "zeros",
                str(first.weights),
            )
        else:
            _check_weights(first.weights)


def _scene(image: UInt8Image, predict: PredictFunction) -> Scene:
    segments = grid_segments(image, rows=3, columns=3)
    predictor = Predictor(TaskSet(_TASKS), None, predict)
    hidden = hidden_image(image, segments, 0)
    return Scene(image, segments, hidden, predictor, num_samples=_SAMPLES, seed=0)


def _run(method: str | ExplanationMethod, scene: Scene) -> Attribution:
    try:
        return run_method(method, scene)
    except (InvalidArgumentError, InvalidTypeError) as error:
        raise ContractError(error.problem, expected=error.expected, found=error.found) from error
    except Exception as error:
        raise ContractError(
            "the method raises an exception", expected="an Attribution", found=repr(error)
        ) from error


def _check_refit(found: Attribution) -> None:
    if found.refit is None:
        return
    expect(found.n_samples >= 2, "refits without samples", "n_samples", str(found.n_samples))
    weights = np.asarray(found.refit(np.arange(found.n_samples)))
    expect(
        weights.shape == found.weights.shape and np.allclose(weights, found.weights, atol=1e-8),
        "a refit with all samples gives other weights",
        str(found.weights),
        str(weights),
    )


def _check_weights(weights: npt.NDArray[np.float64]) -> None:
    strongest = int(weights[0].argmax())
    expect(
        strongest == _STRONGEST,
        "the part of the largest coefficient does not have the largest weight",
        f"part {_STRONGEST}",
        f"part {strongest} of {weights[0]}",
    )
    expect(
        bool(np.allclose(weights[1], -weights[2], atol=1e-6)),
        "weights of two complementary classes are not opposite",
        str(-weights[1]),
        str(weights[2]),
    )


def _sums(images: UInt8Image) -> npt.NDArray[np.float64]:
    segments = grid_segments(images[0], rows=3, columns=3)
    shown = (images.max(axis=3) > 0).reshape(len(images), -1)
    shares = [shown[:, segments.labels.ravel() == part].mean(axis=1) for part in range(9)]
    sums = np.stack(shares, axis=1) @ _COEFFICIENTS
    second = 1 / (1 + np.exp(-sums / 50))
    return np.stack([sums, 1 - second, second], axis=1)


def _constant(images: UInt8Image) -> npt.NDArray[np.float64]:
    return np.tile([3.0, 0.25, 0.75], (len(images), 1))
