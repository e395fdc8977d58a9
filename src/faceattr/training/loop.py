"""The training loop: epochs, steps, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm.auto import tqdm

from faceattr._memory import keep_freed_memory
from faceattr.data.sampling import Plan
from faceattr.exceptions import TrainingError
from faceattr.models import Model
from faceattr.training.batches import Batch, Batches, Step
from faceattr.training.config import TrainConfig
from faceattr.training.interrupt import Interrupt
from faceattr.training.keeping import Keeper
from faceattr.training.losses import (
    RunningLosses,
    batch_losses,
    decayed_parameters,
    l1_norm,
    mean_losses,
    weighted_sum,
)
from faceattr.training.progress import Progress
from faceattr.training.randomness import epoch_seed
from faceattr.training.schedule import learning_rate
from faceattr.training.validation import Validation, Validator

if TYPE_CHECKING:
    from faceattr.training.engine import Engine

__all__ = ["EpochCallback", "Run"]

EpochCallback: TypeAlias = Callable[[Mapping[str, float]], bool | None]
"""Called with each epoch's row of the history; True ends the training."""

_INTERRUPTED, _NO_NUMBER = 1, 2


class Saver(Protocol):
    """Keeps a run on disk."""

    def save(self, run: Run) -> None:
        """Write a checkpoint."""
        ...


@dataclass
class Run:
    """One training, from the first epoch to the weights that are kept.

    Attributes
    ----------
    model : Model
        Trained in place.
    ids : sequence of str
        Of the training images, for errors.
    batches : Batches
    plan : callable
        Returns an epoch's plan.
    validator : Validator or None
    config : TrainConfig
    engine : Engine
    saver : Saver, optional
        Asked to write a checkpoint after each epoch.
    on_epoch : callable, optional
    show : bool, default True
        Show a progress bar.
    """

    model: Model
    ids: Sequence[str]
    batches: Batches
    plan: Callable[[int], Plan]
    validator: Validator | None
    config: TrainConfig
    engine: Engine
    saver: Saver | None = None
    on_epoch: EpochCallback | None = None
    show: bool = True
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self._was_frozen = self.model.backbone_frozen
        self._weights = decayed_parameters(self.model)
        self.model.to(self.engine.device)
        self.engine.agree(self.model)
        # Before the model is wrapped: averages are always evaluated in full precision.
        self.keeper = Keeper(self.model, self.config)
        self._network, wrapped = self.engine.prepare(self.model, self._optimizer())
        self.optimizer: torch.optim.Optimizer = wrapped
        self._interrupt = Interrupt()

    def run(self) -> None:
        """Train all epochs and leave the chosen weights in the model, in evaluation mode.

        Raises
        ------
        KeyboardInterrupt
            If interrupted before the first epoch was done; the model is as it was then.
        """
        # Dropout draws from torch's global generator: lent, seeded for each epoch, given back.
        devices = [self.engine.device] if self.engine.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices), self._interrupt, keep_freed_memory():
                while not self.progress.stopped:
                    self._epoch(self.progress.epoch)
            if self.progress.epoch == 0:
                raise KeyboardInterrupt
            self.keeper.choose()
            self.engine.agree(self.model)
        finally:
            self.model.freeze_backbone(self._was_frozen).eval()

    def _optimizer(self) -> torch.optim.Optimizer:
        heavy = {id(parameter) for parameter in self._weights}
        light = [p for p in self.model.parameters() if id(p) not in heavy]
        groups = [
            {"params": self._weights, "weight_decay": self.config.weight_decay},
            {"params": light, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.config.lr, fused=True)

    def _epoch(self, epoch: int) -> None:
        started = time.perf_counter()
        torch.manual_seed(epoch_seed(self.config.seed, epoch, self.engine.rank))
        row = self._train(epoch, self.plan(epoch))
        if row is None:
            self.keeper.rewind()
            self.progress.stopped = "interrupt"
            return
        found = self._validate()
        improved = found is not None and found.score < min(self.progress.scores, default=np.inf)
        if found is not None:
            row |= found.figures
            self.progress.scores.append(found.score)
        row["seconds"] = time.perf_counter() - started
        self.progress.history.append(row)
        self.progress.epoch += 1
        self.keeper.after_epoch(self.progress.epoch, improved=improved)
        if self.progress.epoch == self.config.epochs:
            self.progress.stopped = "epochs"
        elif self.config.patience and self.progress.waited() >= self.config.patience:
            self.progress.stopped = "patience"
        if self.saver is not None:
            self.saver.save(self)
        self.engine.track(row, self.progress.epoch)
        self._ask_to_stop(row)

    def _ask_to_stop(self, row: Mapping[str, float]) -> None:
        """End the run where somebody wishes so; what is on disk can go on."""
        asked = self.on_epoch is not None and bool(self.on_epoch(dict(row)))
        if self.engine.largest(int(asked)) and not self.progress.stopped:
            self.progress.stopped = "callback"
        if self.engine.largest(int(self._interrupt.requested)):
            self.progress.stopped = "interrupt"

    def _train(self, epoch: int, plan: Plan) -> dict[str, float] | None:
        """Take the steps of an epoch; None if interrupted."""
        started = time.perf_counter()
        self.model.freeze_backbone(self._was_frozen or epoch < self.config.freeze_epochs).train()
        losses = RunningLosses(self.config.loss_weights)
        steps = self.batches.steps(len(plan))
        lr = self.config.lr
        with self._bar(epoch, len(plan)) as bar:
            for number, step in enumerate(self.batches.epoch(plan, epoch)):
                # Counted from this epoch's own length: a sampler's plans may differ in it.
                place = epoch * steps + number
                lr = learning_rate(self.config, place, steps, self.progress.scores)
                found = self._step(step, lr)
                if found is None:
                    return None
                losses.add(found, step.counts)
                self.progress.step += 1
                self._tell(bar, losses, lr, sum(len(batch) for batch in step.batches))
        seconds = time.perf_counter() - started
        row = {"epoch": float(epoch + 1), "lr": lr, **losses.means(self.engine.gather)}
        return row | {"images_per_second": len(plan) / seconds}

    def _step(self, step: Step, lr: float) -> dict[str, Tensor] | None:
        """Take a step; return this process's share of the tasks' losses, None if interrupted."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        parts = [self._batch(batch, step, batch is step.batches[-1]) for batch in step.batches]
        sums = {name: torch.stack([part[name].sum() for part in parts]).sum() for name in parts[0]}
        shares = mean_losses(sums, step.counts)
        finite = bool(torch.isfinite(torch.stack(list(shares.values()))).all())
        finite &= self.engine.clip(self._network, self.config.clip_norm)
        wish = int(self._interrupt.requested)
        trouble = self.engine.largest(wish if finite else _NO_NUMBER)
        if trouble == _NO_NUMBER:
            raise self._no_number(step, parts)
        if trouble == _INTERRUPTED:
            return None
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.keeper.after_step()
        return shares

    def _batch(self, batch: Batch, step: Step, last: bool) -> dict[str, Tensor]:
        """Compute gradients of a batch; return each task's loss of each image."""
        with self.engine.gradient_sync(self._network, enabled=last):
            losses = batch_losses(self.model, self._network(batch.images), batch)
            total = weighted_sum(mean_losses(losses, step.counts), self.config.loss_weights)
            if last and self.config.l1:
                # The same in every process, so it is shared out.
                total = total + self.config.l1 * l1_norm(self._weights) / self.engine.world_size
            self.engine.backward(total)
        return {name: loss.detach() for name, loss in losses.items()}

    def _no_number(self, step: Step, parts: Sequence[Mapping[str, Tensor]]) -> TrainingError:
        found = self.engine.gather(self._not_finite(step, parts))
        tasks = sorted({task for own, _ in found for task in own})
        where = f"in epoch {self.progress.epoch + 1}, step {self.progress.step + 1} of the training"
        if tasks:
            problem = f"the loss is no longer a number {where}, for tasks {tasks}"
        else:
            problem = f"the gradient is no longer a number {where}, though the losses are"
        return TrainingError(
            problem,
            rows=list(dict.fromkeys(row for _, own in found for row in own)),
            expected="finite losses and gradients of these images",
            hint="lower lr, or set clip_norm; look at these images. The weights are those before "
            "this step (statistics of batch norm have seen it)",
        )

    def _not_finite(
        self, step: Step, parts: Sequence[Mapping[str, Tensor]]
    ) -> tuple[list[str], list[str]]:
        """Return tasks and images without a finite loss; all images where every loss is finite."""
        tasks: list[str] = []
        rows: list[str] = []
        for batch, losses in zip(step.batches, parts, strict=True):
            for name, loss in losses.items():
                bad = ~torch.isfinite(loss).cpu().numpy()
                tasks += [name] if bad.any() else []
                rows += self._ids(batch.indices[bad])
        if not tasks:
            rows = [row for batch in step.batches for row in self._ids(batch.indices)]
        return tasks, rows

    def _ids(self, indices: npt.NDArray[np.int64]) -> list[str]:
        return [self.ids[index] for index in indices.reshape(-1).tolist()]

    def _validate(self) -> Validation | None:
        if self.validator is None:
            return None
        self.engine.agree(self.model, self.keeper.seen)
        found = self.validator.run(self.keeper.seen)
        config = self.config
        needed = config.restore == "best" or config.schedule == "plateau" or config.patience
        if needed and not np.isfinite(found.score):
            raise TrainingError(
                "what is monitored is no number on the validation part",
                argument="monitor",
                found=f"{self.config.monitor!r} = {found.score}",
                hint="monitor another metric, or validate on images of all classes",
            )
        return found

    def _bar(self, epoch: int, n: int) -> tqdm[Any]:
        return tqdm(
            total=n,
            desc=f"epoch {epoch + 1}/{self.config.epochs}",
            unit="img",
            leave=epoch + 1 == self.config.epochs,
            disable=not (self.show and self.engine.is_main),
        )

    def _tell(self, bar: tqdm[Any], losses: RunningLosses, lr: float, n: int) -> None:
        if bar.disable:
            return
        # The bar knows this process's share alone, which stands for the others'.
        share = n * self.engine.world_size
        loss = losses.total() * self.engine.world_size
        bar.set_postfix(loss=f"{loss:.3f}", lr=f"{lr:.1e}", refresh=False)
        bar.update(min(share, bar.total - bar.n))
