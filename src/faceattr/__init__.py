"""Several attributes of face images from one network, and honest numbers about them.

The public names are loaded on first use, so that ``import faceattr`` costs nothing and tables can
be evaluated without loading torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceattr.data import BalancedSampler, Dataset
    from faceattr.evaluation import BinnedEvaluator, compare
    from faceattr.explain import Explainer
    from faceattr.models import Model
    from faceattr.quality import QualityFilter
    from faceattr.tasks import ClassificationTask, RegressionTask, TaskSet
    from faceattr.training import TrainConfig, Trainer, cross_validate

__version__ = "0.1.0"

__all__ = [
    "BalancedSampler",
    "BinnedEvaluator",
    "ClassificationTask",
    "Dataset",
    "Explainer",
    "Model",
    "QualityFilter",
    "RegressionTask",
    "TaskSet",
    "TrainConfig",
    "Trainer",
    "__version__",
    "compare",
    "cross_validate",
]

_HOMES = {
    "BalancedSampler": "faceattr.data",
    "BinnedEvaluator": "faceattr.evaluation",
    "ClassificationTask": "faceattr.tasks",
    "Dataset": "faceattr.data",
    "Explainer": "faceattr.explain",
    "Model": "faceattr.models",
    "QualityFilter": "faceattr.quality",
    "RegressionTask": "faceattr.tasks",
    "TaskSet": "faceattr.tasks",
    "TrainConfig": "faceattr.training",
    "Trainer": "faceattr.training",
    "compare": "faceattr.evaluation",
    "cross_validate": "faceattr.training",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        value: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(_unknown(name), name=name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, _HOMES, n=1, cutoff=0.6)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"module 'faceattr' has no attribute {name!r}{guess} (public names: {', '.join(_HOMES)})"
