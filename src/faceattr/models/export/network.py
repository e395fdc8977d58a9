"""A model as exporters trace it: pixels in, raw and decoded outputs out."""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from faceattr.exceptions import ExportError, InvalidArgumentError, InvalidTypeError
from faceattr.models._head import Head
from faceattr.models.export.description import EXPORT_VERSION, Description, HeadFacts
from faceattr.models.export.session import INPUT
from faceattr.models.pretrained import describe_model, to_json, weights_digests
from faceattr.tasks import ClassificationTask

if TYPE_CHECKING:
    from faceattr.models.model import Model

__all__ = ["ExportedNetwork", "describe", "to_onnx", "to_program"]


class ExportedNetwork(nn.Module):
    """A copy of a model on the CPU, in evaluation mode, in the layout that exports cleanly.

    Parameters
    ----------
    model : Model
        It is not changed.

    Attributes
    ----------
    names : list of str
        Of the outputs: a task's raw outputs are called as the task, ``<task>_pred`` is a number,
        ``<task>_prob`` the probabilities of classes.
    decoded : dict of str to str
        The decoded outputs by task, of the heads that say what they mean.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        # Channels-last weights make exporters write index arithmetic in place of pooling.
        own = copy.deepcopy(model).cpu().float().to(memory_format=torch.contiguous_format)
        self.model = own.requires_grad_(False).eval()
        self.decoded = {
            name: f"{name}_{'prob' if isinstance(task, ClassificationTask) else 'pred'}"
            for name, task in own.tasks.items()
            if _decodes(own.head(name))
        }
        self.names = [*own.tasks, *self.decoded.values()]
        self.eval()
        _check_names([INPUT, *self.names])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map uint8 ``(N, 3, H, W)`` to all outputs, raw ones first."""
        own = self.model
        features = own.backbone((images.to(own.mean.dtype) - own.mean) / own.std)
        raw = {name: own.head(name)(features) for name in own.tasks}
        decoded = [_decode(own.head(name), raw[name]) for name in self.decoded]
        return (*raw.values(), *decoded)

    def example(self, n: int = 2) -> Tensor:
        """Return images to trace with."""
        size = self.model.image_size
        return torch.arange(n * 3 * size * size).remainder(251).byte().view(n, 3, size, size)


def _check_names(names: list[str]) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InvalidArgumentError(
            "two things in the file would have one name",
            argument="tasks",
            rows=sorted(set(repeated)),
            hint="rename this task",
        )


def _decodes(head: Head) -> bool:
    """Return whether a head says in tensors what its outputs mean."""
    if isinstance(head.task, ClassificationTask):
        return callable(getattr(head, "probabilities", None))
    try:
        scores = head.scores(torch.zeros(2, head.output_size(head.task)))
    except InvalidTypeError:
        return False
    return tuple(scores.shape) == (2, 1)


def _decode(head: Head, raw: Tensor) -> Tensor:
    if isinstance(head.task, ClassificationTask):
        probabilities: Tensor = head.probabilities(raw)  # type: ignore[operator]
        return probabilities
    value = head.scores(raw)[:, 0]
    return value if head.task.bounds is None else value.clamp(*head.task.bounds)


def describe(network: ExportedNetwork, model: Model, **facts: Any) -> Description:
    """Return what a file says; `facts` are added to how it was made."""
    own = network.model
    heads = {
        name: HeadFacts(
            own.head_kinds[name],
            own.head(name).output_size(task),
            _constants(own.head(name)),
            network.decoded.get(name),
        )
        for name, task in own.tasks.items()
    }
    export = {
        "format_version": EXPORT_VERSION,
        "num_features": own.num_features,
        "weights": weights_digests(model),
        **facts,
    }
    config = describe_model(model)
    to_json(config)  # says what is wrong with info
    return Description(config, heads, export, model.card, model.licence_text)


def _constants(head: Head) -> dict[str, Any]:
    """Return all numbers of a head but the weights of its layer."""
    state = head.state_dict()
    return {name: state[name].tolist() for name in state if not name.startswith("linear.")}


def to_onnx(network: ExportedNetwork) -> bytes:
    """Return the content of an ONNX file, as torch writes it.

    Raises
    ------
    ExportError
        If the network does something that ONNX cannot say.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (network.example(),),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[INPUT],
                output_names=network.names,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, *_REFUSALS) as error:
        raise _no_export("ONNX", error) from error
    if program is None:
        raise ExportError("torch wrote no ONNX file", argument="model")
    content: bytes = program.model_proto.SerializeToString()
    return content


def to_program(network: ExportedNetwork, texts: dict[str, str]) -> bytes:
    """Return the content of a ``.pt2`` file, which torch.export.load reads.

    Raises
    ------
    ExportError
        If the network cannot be traced.
    """
    target = io.BytesIO()
    shapes = ({0: torch.export.Dim("batch")},)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(network, (network.example(),), dynamic_shapes=shapes)
            torch.export.save(program, target, extra_files=dict(texts))
    except _REFUSALS as error:
        raise _no_export("torch.export", error) from error
    return target.getvalue()


_REFUSALS = (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError, KeyError)


def _no_export(what: str, error: BaseException) -> ExportError:
    reason = str(error).strip().partition("\n")[0]
    return ExportError(
        f"the network does something that {what} cannot say",
        argument="model",
        found=f"{type(error).__name__}: {reason}",
        hint="a backbone must not choose by the values or the number of images",
    )
