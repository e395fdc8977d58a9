"""The configuration of a training: one frozen, checked, serialisable object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral
from typing import Any, Self

from faceattr._validation import (
    check_choice,
    check_integer,
    check_known,
    check_number,
    plain_number,
)
from faceattr.exceptions import InvalidArgumentError, InvalidTypeError
from faceattr.training.augment import AugmentPolicy, as_policy

__all__ = ["TrainConfig"]

SCHEDULES = ("one_cycle", "cosine", "step", "plateau", "constant")
PRECISIONS = ("no", "bf16", "fp16", "auto")
RESTORE = ("best", "last", "ema", "average")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    The defaults are the library's own recipe; `study` gives the reference study's.

    Parameters
    ----------
    epochs : int, default 18
        Passes over the training images.
    batch_size : int, default 64
        Images a step, over all processes; at least two for each batch in each process. The images
        of an epoch are dealt evenly to ``round(n / batch_size)`` steps, so that no step is left
        with a few.
    accumulate : int, default 1
        Batches a step, in each process: a step of 256 images with 4 needs the memory of 64. The
        gradient is that of the whole step; batch norm sees each batch by itself.
    lr : float, default 0.002
        The peak learning rate.
    schedule : {"one_cycle", "cosine", "step", "plateau", "constant"}, default "one_cycle"
        Path of the learning rate; see `faceattr.training.schedule`.
    cycle_epochs : int, optional
        Epochs that the one-cycle or cosine path takes; afterwards the final rate stays. All epochs
        by default.
    pct_start : float, default 0.25
        Share of the cycle in which the rate rises, in (0, 1).
    div_factor, final_div_factor : float, default 25 and 1000
        First rate = lr / div_factor; final rate = first rate / final_div_factor (as in torch).
    step_epochs : int, default 6
        Epochs between two falls of the "step" path, and patience of "plateau".
    step_factor : float, default 0.3
        What the rate is multiplied by at each fall, in (0, 1).
    weight_decay : float, default 0.02
        AdamW's decoupled decay, on weights with two or more dimensions.
    l1 : float, default 0
        Factor of the sum of absolute weights (two or more dimensions) that is added to the loss.
    loss_weights : mapping of str to float
        Weight of a task's loss where it is not 1. The losses are of one order of magnitude; see
        `faceattr.models.heads`.
    freeze_epochs : int, default 0
        First epochs in which the backbone is held fixed.
    clip_norm : float, optional, default 5
        Largest norm of the gradient; None leaves it as it is.
    ema_decay : float, default 0.998
        Decay a step of the average of weights and batch-norm statistics, in [0, 1); 0 keeps none.
        Validation looks at the average where there is one.
    average_epochs : int, default 0
        How many of the last epochs are averaged (what validation looks at, at their ends), for
        ``restore="average"``.
    augment : str or AugmentPolicy, default "strong"
        How images are changed: a registered policy ("none", "study", "light", "strong", "heavy"),
        or one's own. `faceattr.training.plot_augmentations` shows what each does.
    repeat_augment : str or AugmentPolicy, optional
        How images are changed that a sampler shows again in the same epoch; as `augment` says by
        default. Of an image's appearances all but one count as repeats.
    mixup : float, default 0
        Parameter alpha of the Beta(alpha, alpha) distribution by which images of a step are mixed
        in pairs, and what their labels stand for (Zhang et al. 2018, arXiv:1710.09412); 0.2 to 0.4
        are usual, 0 mixes nothing.
    teacher_weight : float, default 0.5
        What part of each label is the teacher's prediction, in [0, 1], where `Trainer.fit` is
        given one.
    restore : {"best", "last", "ema", "average"}, default "ema"
        Which weights the model keeps: those of the epoch with the best `monitor`, the last ones as
        trained, their running average, or the mean of the last `average_epochs`.
    patience : int, optional
        End the training when `monitor` has not improved for so many epochs. By default it is never
        ended early.
    monitor : str, default "loss"
        What "best", "plateau" and `patience` look at: "loss" (weighted validation loss), or
        ``task/metric`` with any metric of the evaluator, such as "age/mae" or "gender/accuracy".
    mixed_precision : {"no", "bf16", "fp16", "auto"}, default "no"
        Precision of the forward pass in training. "auto" takes "bf16" on a CUDA device that
        computes in it, "fp16" on an older one, and "no" on the CPU, where both cost time.
    seed : int, default 0
        Seed of everything that is random in training: order and augmentation.

    Raises
    ------
    InvalidArgumentError
        If a value is outside its limits.
    InvalidTypeError
        If a value has a wrong type.

    Examples
    --------
    >>> from faceattr import TrainConfig
    >>> TrainConfig.study().schedule
    'one_cycle'
    """

    epochs: int = 18
    batch_size: int = 64
    accumulate: int = 1
    lr: float = 0.002
    schedule: str = "one_cycle"
    cycle_epochs: int | None = None
    pct_start: float = 0.25
    div_factor: float = 25.0
    final_div_factor: float = 1000.0
    step_epochs: int = 6
    step_factor: float = 0.3
    weight_decay: float = 0.02
    l1: float = 0.0
    loss_weights: Mapping[str, float] = field(default_factory=dict)
    freeze_epochs: int = 0
    clip_norm: float | None = 5.0
    ema_decay: float = 0.998
    average_epochs: int = 0
    augment: str | AugmentPolicy = "strong"
    repeat_augment: str | AugmentPolicy | None = None
    mixup: float = 0.0
    teacher_weight: float = 0.5
    restore: str = "ema"
    patience: int | None = None
    monitor: str = "loss"
    mixed_precision: str = "no"
    seed: int = 0

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, plain_number(getattr(self, item.name)))
        check_integer(self.epochs, "epochs", low=1)
        check_integer(self.batch_size, "batch_size", low=2)
        check_integer(self.accumulate, "accumulate", low=1, high=self.batch_size // 2)
        check_integer(self.seed, "seed", low=0, high=2**63 - 1)
        self._check_rates()
        self._check_penalties()
        check_integer(self.freeze_epochs, "freeze_epochs", low=0, high=self.epochs)
        as_policy(self.augment, "augment")
        if self.repeat_augment is not None:
            as_policy(self.repeat_augment, "repeat_augment")
        check_number(self.mixup, "mixup", low=0, high=100)
        check_number(self.teacher_weight, "teacher_weight", low=0, high=1)
        check_choice(self.mixed_precision, "mixed_precision", PRECISIONS)
        self._check_monitor()
        self._check_kept()

    def _check_rates(self) -> None:
        check_number(self.lr, "lr", low=0, low_open=True)
        check_choice(self.schedule, "schedule", SCHEDULES)
        if self.cycle_epochs is not None:
            check_integer(self.cycle_epochs, "cycle_epochs", low=1, high=self.epochs)
        _check_open_share(self.pct_start, "pct_start")
        check_number(self.div_factor, "div_factor", low=1)
        check_number(self.final_div_factor, "final_div_factor", low=1)
        check_integer(self.step_epochs, "step_epochs", low=1)
        _check_open_share(self.step_factor, "step_factor")

    def _check_penalties(self) -> None:
        check_number(self.weight_decay, "weight_decay", low=0)
        check_number(self.l1, "l1", low=0)
        self._check_loss_weights()
        if self.clip_norm is not None:
            check_number(self.clip_norm, "clip_norm", low=0, low_open=True)

    def _check_kept(self) -> None:
        check_number(self.ema_decay, "ema_decay", low=0, high=0.99999)
        check_integer(self.average_epochs, "average_epochs", low=0, high=self.epochs)
        check_choice(self.restore, "restore", RESTORE)
        if self.patience is not None:
            check_integer(self.patience, "patience", low=1)
        for restore, empty, needed in (
            ("ema", self.ema_decay == 0, "ema_decay above 0"),
            ("average", self.average_epochs == 0, "average_epochs of 1 or more"),
        ):
            if self.restore == restore and empty:
                raise InvalidArgumentError(
                    "there is no average to restore",
                    argument="restore",
                    expected=f"{needed}, or another choice",
                    found=repr(restore),
                )
        if self.average_epochs and self.restore != "average":
            raise InvalidArgumentError(
                "nobody would see this average",
                argument="average_epochs",
                expected='0, or restore="average"',
                found=f"{self.average_epochs} with restore={self.restore!r}",
            )

    def _check_loss_weights(self) -> None:
        if not isinstance(self.loss_weights, Mapping):
            raise InvalidTypeError(
                "not a mapping",
                argument="loss_weights",
                expected='{"gender": 0.9}',
                found=repr(self.loss_weights),
            )
        for name, weight in self.loss_weights.items():
            check_number(weight, f"loss_weights[{name!r}]", low=0)
        plain = {name: plain_number(weight) for name, weight in self.loss_weights.items()}
        object.__setattr__(self, "loss_weights", plain)

    def _check_monitor(self) -> None:
        parts = self.monitor.split("/") if isinstance(self.monitor, str) else []
        if self.monitor != "loss" and (len(parts) != 2 or not all(parts)):
            raise InvalidArgumentError(
                "not a thing to monitor",
                argument="monitor",
                expected='"loss" or "task/metric", such as "age/mae"',
                found=repr(self.monitor),
            )

    @classmethod
    def study(cls, **changes: Any) -> Self:
        """Return the reference study's configuration, for its linear age head and 18 epochs.

        One-cycle over 15 of 18 epochs (five sixths of another number), batches of 256, AdamW with
        L1, no average of weights; the model is as it was after the last epoch. `changes` replace
        single values.
        """
        epochs = changes.get("epochs", 18)
        study = cls(
            epochs=epochs,
            batch_size=256,
            lr=0.012321315111072404,
            cycle_epochs=max(int(epochs) * 15 // 18, 1) if isinstance(epochs, Integral) else None,
            pct_start=0.36685557351085574,
            div_factor=24.0,
            final_div_factor=2873.0,
            weight_decay=0.00019323262043373016,
            l1=0.0001,
            loss_weights={"gender": 0.9},
            clip_norm=None,
            ema_decay=0.0,
            augment="study",
            restore="last",
        )
        return cls.from_dict({**study.to_dict(), **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON types."""
        return {**asdict(self), "loss_weights": dict(self.loss_weights)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a configuration from plain types.

        Raises
        ------
        InvalidArgumentError
            If a key is unknown; all unknown keys are named.
        """
        check_known(data, [item.name for item in fields(cls)], "TrainConfig")
        return cls(**{key: _policy_from_plain(key, value) for key, value in data.items()})


def _policy_from_plain(key: str, value: Any) -> Any:
    if key in ("augment", "repeat_augment") and isinstance(value, Mapping):
        return AugmentPolicy.from_dict(value, argument=key)
    return value


def _check_open_share(value: float, argument: str) -> None:
    if check_number(value, argument, low=0, low_open=True) >= 1:
        raise InvalidArgumentError(
            "not a share", argument=argument, expected="(0, 1)", found=repr(value)
        )
