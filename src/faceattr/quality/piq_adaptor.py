"""The one place that knows piq: its no-reference metrics, and the original BRISQUE vectors.

piq and torch are loaded by the functions that need them, so that all other quality scores do
without.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from faceattr.exceptions import InvalidArgumentError, WeightsError
from faceattr.images import UInt8Image
from faceattr.quality.metric import NoScore, QualityMetric

__all__ = ["PIQ_PREFIX", "live_support_vectors", "piq_metric"]

PIQ_PREFIX = "piq."

_LIVE_URL = (
    "https://github.com/photosynthesis-team/piq/releases/download/v0.4.0/brisque_svm_weights.pt"
)
# Of the original implementation's model, as in piq's own code.
_LIVE_RHO = -153.591
_LIVE_GAMMA = 0.05

FloatArray = npt.NDArray[np.float64]


def live_support_vectors() -> tuple[FloatArray, FloatArray, float, float]:
    """Return BRISQUE's original vectors (774, 36), coefficients (774,), rho and gamma.

    They are downloaded once, from where piq takes them, into torch's folder of weights.

    Raises
    ------
    WeightsError
        If they cannot be downloaded.
    """
    from torch.hub import load_state_dict_from_url

    try:
        loaded: Any = load_state_dict_from_url(
            _LIVE_URL, map_location="cpu", progress=False, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            "BRISQUE's original support vectors cannot be downloaded",
            argument="weights",
            found=f"{_LIVE_URL} ({error})",
            hint='weights="bundled" needs no network',
        ) from error
    coefficients, vectors = loaded
    arrays = (
        np.asarray(vectors.numpy(), dtype=np.float64),
        np.asarray(coefficients.numpy(), dtype=np.float64).reshape(-1),
    )
    return (*arrays, _LIVE_RHO, _LIVE_GAMMA)


def piq_metric(name: str) -> QualityMetric:
    """Make a quality metric of any no-reference metric of piq.

    Parameters
    ----------
    name : str
        ``"piq."`` and the name in piq: ``"piq.total_variation"``, ``"piq.brisque"``,
        ``"piq.CLIPIQA"``. Some download weights when they are first used.

    Returns
    -------
    QualityMetric
        Without a known range or worse end.

    Raises
    ------
    InvalidArgumentError
        If piq has no such metric, or it compares two images.

    Examples
    --------
    >>> import numpy as np
    >>> from faceattr.quality.piq_adaptor import piq_metric
    >>> metric = piq_metric("piq.total_variation")
    >>> metric(np.zeros((32, 32, 3), np.uint8))
    0.0
    """
    import piq

    function = getattr(piq, name.removeprefix(PIQ_PREFIX), None)
    if not name.startswith(PIQ_PREFIX) or not callable(function) or not _takes_one_image(function):
        known = [
            key for key, item in vars(piq).items() if callable(item) and _takes_one_image(item)
        ]
        raise InvalidArgumentError(
            "not a no-reference metric of piq",
            argument="metrics",
            expected="one of " + ", ".join(f"'{PIQ_PREFIX}{key}'" for key in sorted(known)),
            found=repr(name),
        )
    return QualityMetric(
        name=name,
        label=name,
        unit="",
        low=-np.inf,
        high=np.inf,
        worse=None,
        version=1,
        source=f"piq {piq.__version__}",
        too_low=None,
        too_high=None,
        function=_scorer(function),
        variant=f"piq-{piq.__version__}",
    )


def _takes_one_image(item: Any) -> bool:
    """Tell whether a function, or the forward pass of a module, has one input: an image x."""
    if inspect.isclass(item):
        # Losses are the functions once more.
        item = None if item.__name__.endswith("Loss") else getattr(item, "forward", None)
    if not callable(item):
        return False
    needed = [
        name
        for name, parameter in inspect.signature(item).parameters.items()
        if parameter.default is parameter.empty and name != "self"
    ]
    return needed in (["x"], ["x_input"])


def _scorer(function: Callable[..., Any]) -> Callable[[UInt8Image], float]:
    made: list[Callable[..., Any]] = [] if inspect.isclass(function) else [function]

    def score(image: UInt8Image) -> float:
        import torch

        pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        try:
            if not made:  # a module may download its weights
                made.append(function())
            with torch.inference_mode():
                return float(made[0](pixels))
        except AssertionError as error:  # piq's way of refusing an image
            return NoScore(" ".join(str(error).split()) or "refused by piq")
        except OSError as error:
            raise WeightsError(
                "weights of a metric of piq cannot be downloaded",
                argument="metrics",
                found=str(error),
            ) from error

    return score
