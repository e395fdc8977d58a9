"""Training: configuration, loop, trainer."""

from faceattr.training.augment import AugmentPolicy, register_policy
from faceattr.training.augment_gallery import plot_augmentations
from faceattr.training.batches import Sampler
from faceattr.training.config import TrainConfig
from faceattr.training.cross_validation import cross_validate
from faceattr.training.saving import forget_finished
from faceattr.training.trainer import Trainer

__all__ = [
    "AugmentPolicy",
    "Sampler",
    "TrainConfig",
    "Trainer",
    "cross_validate",
    "forget_finished",
    "plot_augmentations",
    "register_policy",
]
