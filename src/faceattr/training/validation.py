"""Validation inside training: the predictions table and the evaluator that users call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from faceattr.data.cache import CachedImages
from faceattr.evaluation import BinnedEvaluator, higher_is_better
from faceattr.models import Model
from faceattr.models.predict import predictions_table
from faceattr.models.torch_runtime import (
    TorchRuntime,
    concatenate_outputs,
    evaluation_mode,
    forward,
)
from faceattr.tasks import RegressionTask
from faceattr.training.config import TrainConfig
from faceattr.training.losses import loss_figures

if TYPE_CHECKING:
    from faceattr.training.engine import Engine

__all__ = ["Validation", "Validator"]

_SHOWN = {"regression": ("mae", "rmse"), "classification": ("accuracy", "log_loss")}


@dataclass(frozen=True)
class Validation:
    """What an epoch's validation found.

    Attributes
    ----------
    figures : dict of str to float
        Columns of the history: ``valid_loss``, ``valid_<task>_loss``, ``valid_<task>_<metric>``.
    score : float
        The monitored value, turned so that smaller is better.
    """

    figures: dict[str, float]
    score: float


@dataclass(frozen=True)
class Validator:
    """Evaluates a model on the validation part.

    Attributes
    ----------
    images : CachedImages
    table : pandas.DataFrame
        The part's index table.
    labels : dict of str to torch.Tensor
        Its encoded labels.
    config : TrainConfig
    engine : Engine
        Each process predicts its share; rows are gathered and put in order before any figure.
    """

    images: CachedImages
    table: pd.DataFrame
    labels: dict[str, Tensor]
    config: TrainConfig
    engine: Engine

    def run(self, model: Model) -> Validation:
        """Predict and evaluate all validation images."""
        outputs = self._outputs(model)
        figures = self._losses(model, outputs)
        positions = np.arange(len(self.table))
        predictions = predictions_table(TorchRuntime(model), self.table, positions, [outputs], {})
        evaluation = BinnedEvaluator(by=(), n_boot=0, tasks=model.tasks).evaluate(predictions)
        for name, task in model.tasks.items():
            kind = "regression" if isinstance(task, RegressionTask) else "classification"
            for metric in _SHOWN[kind]:
                figures[f"valid_{name}_{metric}"] = evaluation.value(f"{name}/{metric}")
        if self.config.monitor == "loss":
            return Validation(figures, figures["valid_loss"])
        value = evaluation.value(self.config.monitor)
        figures["valid_" + self.config.monitor.replace("/", "_")] = value
        rises = higher_is_better(self.config.monitor.split("/")[1])
        return Validation(figures, -value if rises else value)

    def _outputs(self, model: Model) -> dict[str, Tensor]:
        own = np.arange(len(self.table))[self.engine.rank :: self.engine.world_size]
        chunks = np.array_split(own, max(round(len(own) / self.config.batch_size), 1))
        with evaluation_mode(model):
            batches = [forward(model, self.images.take(chunk)) for chunk in chunks if len(chunk)]
        local = concatenate_outputs(model, batches)
        gathered = self.engine.gather((own, local))
        order = np.argsort(np.concatenate([positions for positions, _ in gathered]))
        return {
            name: torch.cat([values[name] for _, values in gathered])[torch.from_numpy(order)]
            for name in model.tasks
        }

    def _losses(self, model: Model, outputs: dict[str, Tensor]) -> dict[str, float]:
        device = model.mean.device
        means: dict[str, float] = {}
        with torch.inference_mode():
            for name in model.tasks:
                head, labels = model.head(name), self.labels[name].to(device)
                known = head.labelled(labels)
                losses = head.loss(outputs[name].to(device), labels)[known]
                means[name] = float(losses.mean())  # NaN where nothing is labelled
        return loss_figures("valid", means, self.config.loss_weights)
