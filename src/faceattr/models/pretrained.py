"""Saving and loading models: safetensors for numbers, JSON for everything else, no pickle."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from faceattr._validation import check_choice, check_output_folder
from faceattr._versions import installed_version
from faceattr.calibration import Calibration
from faceattr.exceptions import FaceAttrError, InvalidTypeError, ModelFileError, OutputError
from faceattr.faces.template import CROP_TEMPLATE
from faceattr.models._files import CARD_NAME, CONFIG_NAME, LICENCE_NAME, WEIGHTS_NAME
from faceattr.models.bundled import give_notice
from faceattr.models.precision import PRECISIONS, in_precision
from faceattr.tasks import TaskSet

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = [
    "describe_model",
    "describe_network",
    "load_model",
    "save_model",
    "to_json",
    "weights_digests",
    "write_weights",
]

_log = logging.getLogger(__name__)

FORMAT_VERSION = 1

_VERSIONS = ("faceattr", "torch", "torchvision", "timm", "safetensors")


def save_model(model: Model, folder: str | Path, *, precision: str = "full") -> Path:
    """Write ``model.safetensors``, ``config.json``, card and licence into a folder.

    The JSON holds tasks, heads, backbone, image size, mean and std, the crop template that images
    are expected to follow, versions, the calibration where there is one, and what ``model.info``
    tells: ``training_data``, ``licence`` (null where not told) and the configuration of the
    training. The card becomes ``MODEL_CARD.md`` and the licence's text ``LICENSE.txt``, where the
    model has them; where it has none, a card that is there goes, and a licence stays, with a
    warning in the log. Each file is written under another name first, so it is whole or absent.

    Parameters
    ----------
    model : Model
    folder : path
        Made where needed.
    precision : {"full", "half"}, default "full"
        "half" writes large parameters as float16, which about halves the file; loaded again they
        are float32. Small parameters, buffers (statistics of batch normalisation, constants of
        heads) and what float16 cannot hold stay as they are.

    Returns
    -------
    pathlib.Path
        `folder`.

    Raises
    ------
    InvalidArgumentError
        If there is no such precision.
    InvalidTypeError
        If ``model.info`` holds what JSON cannot.
    OutputError
        If the folder cannot be written to.
    """
    check_choice(precision, "precision", PRECISIONS)
    config = to_json({**describe_model(model), "precision": precision})
    path = check_output_folder(folder, "folder")
    write_weights(model, path / WEIGHTS_NAME, precision)
    _write_text(path / CONFIG_NAME, config + "\n")
    if model.card is None:  # there may be one of the model that was here before
        (path / CARD_NAME).unlink(missing_ok=True)
    if model.licence_text is None and (path / LICENCE_NAME).exists():
        _log.warning(
            "%s is left as it is, though this model has no licence text of its own: delete it if "
            "it is that of another model",
            path / LICENCE_NAME,
        )
    for name, text in ((CARD_NAME, model.card), (LICENCE_NAME, model.licence_text)):
        if text is not None:
            _write_text(path / name, text)
    return path


def _write_text(path: Path, text: str) -> None:
    _write(path, lambda target: target.write_text(text, encoding="utf-8"))


def write_weights(model: Model, path: Path, precision: str = "full") -> None:
    """Write the weights file of a model, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    state = in_precision(model, precision)
    _write(
        path, lambda target: target.write_bytes(save(state))
    )  # `save_file` lets nobody else read


def weights_digests(model: Model) -> dict[str, str]:
    """Return what tells these weights from all others: by precision the SHA-256 of their file."""
    files = {precision: save(in_precision(model, precision)) for precision in PRECISIONS}
    return {precision: hashlib.sha256(file).hexdigest() for precision, file in files.items()}


def load_model(folder: str | Path, *, backbone: nn.Module | None = None) -> Model:
    """Load what `save_model` wrote.

    Parameters
    ----------
    folder : path
        Holds ``model.safetensors`` and ``config.json``.
    backbone : torch.nn.Module, optional
        An untrained instance of the backbone, where the model was built on a module of one's own.

    Returns
    -------
    Model
        In evaluation mode.

    Raises
    ------
    ModelFileError
        If a file is missing or damaged, written by a newer version, or its heads or tensors are not
        exactly those that the description calls for; missing and extra ones are named in `rows`.
    """
    path = Path(folder)
    config = _read_config(path / CONFIG_NAME)
    model = _build(config, path, backbone)
    _load_strictly(model, _read_weights(path / WEIGHTS_NAME), path)
    model.card = _read_text(path / CARD_NAME)
    model.licence_text = _read_text(path / LICENCE_NAME)
    _load_calibration(model, config, path)
    give_notice(path, config.get("licence"))
    return model.eval()


def describe_network(model: Model) -> dict[str, Any]:
    """Return what is needed to build the network again, without its weights."""
    return {
        "backbone": model.backbone_name,
        "tasks": model.tasks.to_list(),
        "heads": model.head_kinds,
        "dropout": model.dropout,
        "image_size": model.image_size,
        "mean": (model.mean.flatten() / 255).tolist(),
        "std": (model.std.flatten() / 255).tolist(),
    }


def describe_model(model: Model) -> dict[str, Any]:
    """Return all that ``config.json`` says."""
    return {
        "format_version": FORMAT_VERSION,
        **describe_network(model),
        "color": "RGB",
        "crop_template": CROP_TEMPLATE,
        "versions": {name: installed_version(name) for name in _VERSIONS},
        "training_data": model.info.get("training_data"),
        "licence": model.info.get("licence"),
        "info": model.info,
        **({} if model.calibration is None else {"calibration": model.calibration.to_dict()}),
    }


def to_json(description: Mapping[str, Any]) -> str:
    """Return a description as text; InvalidTypeError if JSON cannot hold it."""
    try:
        return json.dumps(description, indent=2, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(
            "holds something that JSON cannot",
            argument="model.info",
            expected="text, numbers, lists and dicts with text as keys",
            found=str(error),
        ) from error


def _write(target: Path, write: Callable[[Path], object]) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        write(partial)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            "the file cannot be written", argument="folder", found=f"{target} ({error})"
        ) from error


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFileError(
            "no saved model here",
            argument="folder",
            expected=f"a folder with {CONFIG_NAME} and {WEIGHTS_NAME}",
            found=str(path.parent),
            hint='model.save_pretrained("folder") makes one',
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(
            "the description is damaged", rows=[str(path)], found=str(error)
        ) from error
    if not isinstance(config, dict) or config.get("format_version") != FORMAT_VERSION:
        found = config.get("format_version") if isinstance(config, dict) else type(config).__name__
        raise ModelFileError(
            "the description has a form that this version does not read",
            rows=[str(path)],
            expected=f"format_version {FORMAT_VERSION}",
            found=repr(found),
        )
    return config


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{path.name} cannot be read", rows=[str(path)], found=str(error)
        ) from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelFileError(
            "the weights are missing or damaged", rows=[str(path)], found=str(error)
        ) from error


def _build(config: Mapping[str, Any], path: Path, backbone: nn.Module | None) -> Model:
    from faceattr.models.model import Model

    chosen = config.get("backbone") if backbone is None else backbone
    if chosen is None:
        raise ModelFileError(
            "the model was built on a module of the user's own",
            argument="backbone",
            expected="an instance of that module",
            found="None",
            hint=f"Model.from_pretrained({str(path)!r}, backbone=MyBackbone())",
        )
    try:
        model = Model(
            chosen,
            TaskSet.from_list(config["tasks"]),
            weights=None,
            heads=config["heads"],
            dropout=config["dropout"],
            image_size=config["image_size"],
        )
        model.mean.copy_(255 * torch.tensor(config["mean"]).view(1, 3, 1, 1))
        model.std.copy_(255 * torch.tensor(config["std"]).view(1, 3, 1, 1))
        if not (model.std > 0).all():
            raise ValueError(f"std {config['std']}, where each has to be above 0")
        info = dict(config.get("info", {}))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, FaceAttrError) as error:
        raise ModelFileError(
            "the description does not describe a model",
            rows=[str(path / CONFIG_NAME)],
            found=str(error),
        ) from error
    model.info = info
    return model


def _load_calibration(model: Model, config: Mapping[str, Any], path: Path) -> None:
    description = config.get("calibration")
    if description is None:
        return
    try:
        model.calibration = Calibration.from_dict(description)
    except FaceAttrError as error:
        raise ModelFileError(
            "the calibration is damaged, or not one of this model",
            rows=[str(path / CONFIG_NAME)],
            found=str(error),
        ) from error


def _load_strictly(model: Model, state: Mapping[str, Tensor], path: Path) -> None:
    wanted = model.state_dict()
    _compare_heads(wanted, state, path)
    missing = sorted(set(wanted) - set(state))
    extra = sorted(set(state) - set(wanted))
    misshapen = sorted(k for k in set(wanted) & set(state) if wanted[k].shape != state[k].shape)
    if missing or extra or misshapen:
        raise ModelFileError(
            "the weights are not those that the description calls for",
            argument=str(path),
            rows=[*missing, *extra, *misshapen],
            found=f"{len(missing)} tensors missing, {len(extra)} extra, "
            f"{len(misshapen)} of another shape",
        )
    model.load_state_dict(state)


def _compare_heads(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> None:
    missing = sorted(_heads(wanted) - _heads(state))
    extra = sorted(_heads(state) - _heads(wanted))
    if missing or extra:
        raise ModelFileError(
            "the weights hold other heads than the description",
            argument=str(path),
            rows=[*missing, *extra],
            expected=f"heads {sorted(_heads(wanted))}",
            found=f"missing {missing}, extra {extra}",
        )


def _heads(state: Mapping[str, Tensor]) -> set[str]:
    return {key.split(".")[1] for key in state if key.startswith("heads.")}
