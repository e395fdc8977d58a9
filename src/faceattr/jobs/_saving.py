"""What a training job leaves behind: model, tables, figures, and what was run."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import faceattr
from faceattr._versions import installed_version
from faceattr.data import BalancedSampler, Dataset
from faceattr.jobs.job import TrainingJob
from faceattr.models import Model
from faceattr.report import gallery, plot_history
from faceattr.tables import pred_column, write_table
from faceattr.tables._disk import types_path
from faceattr.tasks import TaskSet

if TYPE_CHECKING:
    from faceattr.jobs.training import TrainingResult

__all__ = ["save_parts", "save_results", "save_sampling", "save_training"]

_DPI = 110
_RESULTS = ("predictions.csv", "metrics.csv", "evaluation.png", "gallery.png")
_SHOWN = 24
_PACKAGES = (
    *("torch", "torchvision", "timm", "accelerate", "safetensors"),
    *("numpy", "pandas", "scikit-learn", "opencv-python", "pillow"),
)


def save_training(model: Model, history: pd.DataFrame, folder: Path) -> None:
    """Write the model and the table and figure of its history; of another model nothing stays."""
    for name in _RESULTS:
        (folder / name).unlink(missing_ok=True)
        types_path(folder / name).unlink(missing_ok=True)
    model.save_pretrained(folder)
    write_table(history, folder / "history.csv")
    plot_history(history).savefig(folder / "history.png", dpi=_DPI)


def save_parts(
    job: TrainingJob,
    model: Model,
    parts: Mapping[str, Dataset],
    rejects: pd.DataFrame,
    folder: Path,
) -> None:
    """Write which image was in which part, which were left out, and what was run."""
    index = pd.concat([part.table for part in parts.values()], ignore_index=True)
    split = index[["sample_id", "split"]].sort_values("sample_id", ignore_index=True)
    write_table(split, folder / "split.csv")
    write_table(rejects, folder / "rejects.csv")
    record = _record(job, model, {name: len(part) for name, part in parts.items()}, len(rejects))
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "job.json").write_text(text + "\n", encoding="utf-8")


def save_sampling(sampler: BalancedSampler | None, folder: Path) -> None:
    """Write the shares of all cells; without a sampler remove those of an earlier job."""
    table, figure = folder / "sampling.csv", folder / "sampling.png"
    if sampler is None:
        for path in (table, types_path(table), figure):
            path.unlink(missing_ok=True)
        return
    report = sampler.report()
    write_table(report.cells, table)
    report.plot().savefig(figure, dpi=_DPI)


def save_results(job: TrainingJob, result: TrainingResult, test: Dataset) -> None:
    """Write what the model says of the test part."""
    folder = result.folder
    write_table(result.predictions, folder / "predictions.csv")
    write_table(result.evaluation.to_frame(), folder / "metrics.csv")
    result.evaluation.plot().savefig(folder / "evaluation.png", dpi=_DPI)
    if job.data.kind == "synthetic":
        _save_gallery(result, test)


def _save_gallery(result: TrainingResult, test: Dataset) -> None:
    shown = result.predictions.head(_SHOWN)
    captions = [_caption(row, test.tasks) for _, row in shown.iterrows()]
    images = [test.read(position) for position in range(len(shown))]
    gallery(images, captions, title="label and prediction").savefig(
        result.folder / "gallery.png", dpi=_DPI
    )


def _caption(row: pd.Series, tasks: TaskSet) -> str:
    truth = " ".join(_short(row[name]) for name in tasks)
    return f"{truth}\n-> " + " ".join(_short(row[pred_column(name)]) for name in tasks)


def _short(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _record(
    job: TrainingJob, model: Model, images: Mapping[str, int], rejects: int
) -> dict[str, Any]:
    return {
        "job": job.to_dict(),
        "train_config": job.train_config().to_dict(),
        "images": dict(images) | {"rejected": rejects},
        "training_seconds": model.info["training"]["seconds"],
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    own = {"faceattr": faceattr.__version__, "python": platform.python_version()}
    return own | {name: installed_version(name) for name in _PACKAGES}
