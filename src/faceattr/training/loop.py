"""The training loop: epochs, steps, and what is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from faceattr.data import Dataset
from faceattr.exceptions import TrainingError
from faceattr.models import Model
from faceattr.training.batches import Batch, Batches, Plan, Sampler, shuffled_plan
from faceattr.training.checks import check_plan
from faceattr.training.config import TrainConfig
from faceattr.training.ema import WeightAverage
from faceattr.training.engine import Engine
from faceattr.training.losses import (
    RunningLosses,
    decayed_parameters,
    l1_norm,
    task_losses,
    weighted_sum,
)
from faceattr.training.randomness import epoch_seed
from faceattr.training.schedule import learning_rate
from faceattr.training.validation import Validation, Validator

__all__ = ["Run"]


@dataclass
class Run:
    """One training, from the first epoch to the weights that are kept.

    Attributes
    ----------
    model : Model
        Trained in place.
    train : Dataset
    batches : Batches
    validator : Validator or None
    config : TrainConfig
    engine : Engine
    sampler : Sampler or None
    progress : bool
    """

    model: Model
    train: Dataset
    batches: Batches
    validator: Validator | None
    config: TrainConfig
    engine: Engine
    sampler: Sampler | None = None
    progress: bool = True
    history: list[dict[str, float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        decay = self.config.ema_decay
        self._was_frozen = self.model.backbone_frozen
        self._weights = decayed_parameters(self.model)
        self.model.to(self.engine.device)
        # Before the model is wrapped: the average is always evaluated in full precision.
        self._average = WeightAverage(self.model, decay) if decay else None
        self._network, self._optimizer_ = self.engine.prepare(self.model, self._optimizer())
        self._best: dict[str, Tensor] | None = None
        self._step = 0

    def run(self) -> None:
        """Train all epochs and leave the chosen weights in the model, in evaluation mode."""
        # Dropout draws from torch's global generator: lent, seeded for each epoch, given back.
        with torch.random.fork_rng():
            for epoch in range(self.config.epochs):
                torch.manual_seed(epoch_seed(self.config.seed, epoch, self.engine.rank))
                self._epoch(epoch, self._plan(epoch))
        if self.config.restore == "best" and self._best is not None:
            self.model.load_state_dict(self._best)
        elif self.config.restore == "ema" and self._average is not None:
            self.model.load_state_dict(self._average.model.state_dict())
        self.engine.agree(self.model)
        self.model.freeze_backbone(self._was_frozen).eval()

    def _optimizer(self) -> torch.optim.Optimizer:
        heavy = {id(parameter) for parameter in self._weights}
        light = [p for p in self.model.parameters() if id(p) not in heavy]
        groups = [
            {"params": self._weights, "weight_decay": self.config.weight_decay},
            {"params": light, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.config.lr, fused=True)

    def _plan(self, epoch: int) -> Plan:
        n = len(self.train)
        if self.sampler is None:
            return shuffled_plan(n, self.config.seed, epoch)
        return check_plan(self.sampler.plan(epoch), n)

    def _epoch(self, epoch: int, plan: Plan) -> None:
        started = time.perf_counter()
        frozen = self._was_frozen or epoch < self.config.freeze_epochs
        self.model.freeze_backbone(frozen).train()
        steps = self.batches.steps(len(plan))
        losses = RunningLosses(self.config.loss_weights)
        lr = self.config.lr
        with self._bar(epoch, len(plan)) as bar:
            for batch in self.batches.epoch(plan, epoch):
                lr = learning_rate(self.config, self._step, steps, self.scores)
                losses.add(self._train_step(batch, lr), batch.counts)
                self._step += 1
                self._show(bar, losses, lr, len(batch.indices))
        trained = time.perf_counter() - started
        row = {"epoch": float(epoch + 1), "lr": lr, **losses.means(self.engine.gather)}
        row |= {"images_per_second": len(plan) / trained}
        row |= self._validate()
        row["seconds"] = time.perf_counter() - started
        self.history.append(row)

    def _train_step(self, batch: Batch, lr: float) -> dict[str, Tensor]:
        for group in self._optimizer_.param_groups:
            group["lr"] = lr
        outputs = self._network(batch.images)
        losses = task_losses(self.model, outputs, batch.labels, batch.counts)
        total = weighted_sum(losses, self.config.loss_weights)
        self._check_finite(total, losses, batch)
        # What does not depend on the images is the same in every process, so it is shared out.
        penalty = self.config.l1 * l1_norm(self._weights) if self.config.l1 else 0.0
        self.engine.backward(total + penalty / self.engine.world_size)
        if self.config.clip_norm is not None:
            self.engine.clip(self._network, self.config.clip_norm)
        self._optimizer_.step()
        self._optimizer_.zero_grad(set_to_none=True)
        if self._average is not None:
            self._average.update(self.model)
        return {name: loss.detach() for name, loss in losses.items()}

    def _check_finite(self, total: Tensor, losses: dict[str, Tensor], batch: Batch) -> None:
        if self.engine.all_finite(total):
            return
        bad = [name for name, loss in losses.items() if not bool(torch.isfinite(loss))]
        raise TrainingError(
            f"the loss is no longer a number (step {self._step}, tasks {bad})",
            rows=self.train.table["sample_id"].iloc[batch.indices].tolist(),
            hint="lower lr, or set clip_norm",
        )

    def _validate(self) -> dict[str, float]:
        if self.validator is None:
            return {}
        seen = self.model if self._average is None else self._average.model
        self.engine.agree(self.model, seen)
        found: Validation = self.validator.run(seen)
        self._check_score(found)
        if self.config.restore == "best" and found.score < min(self.scores, default=np.inf):
            self._best = {key: value.detach().clone() for key, value in seen.state_dict().items()}
        self.scores.append(found.score)
        return found.figures

    def _check_score(self, found: Validation) -> None:
        needed = self.config.restore == "best" or self.config.schedule == "plateau"
        if needed and not np.isfinite(found.score):
            raise TrainingError(
                "what is monitored is no number on the validation part",
                argument="monitor",
                found=f"{self.config.monitor!r} = {found.score}",
                hint="monitor another metric, or validate on images of all classes",
            )

    def _bar(self, epoch: int, n: int) -> tqdm[Any]:
        return tqdm(
            total=n,
            desc=f"epoch {epoch + 1}/{self.config.epochs}",
            unit="img",
            leave=epoch + 1 == self.config.epochs,
            disable=not (self.progress and self.engine.is_main),
        )

    def _show(self, bar: tqdm[Any], losses: RunningLosses, lr: float, n: int) -> None:
        if bar.disable:
            return
        # The bar knows this process's share alone, which stands for the others'.
        share = n * self.engine.world_size
        loss = losses.total() * self.engine.world_size
        bar.set_postfix(loss=f"{loss:.3f}", lr=f"{lr:.1e}", refresh=False)
        bar.update(min(share, bar.total - bar.n))
