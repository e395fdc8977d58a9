"""ONNX graphs as files; the only file that knows onnx."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from faceattr.exceptions import MissingDependencyError

__all__ = ["check_exporter", "finish_graph", "layers", "opset_of", "with_shapes"]

_LAYERS = ("Conv", "Gemm", "MatMul")


def check_exporter(argument: str) -> None:
    """Raise MissingDependencyError where something is lacking that writes ONNX files."""
    needed = ("onnx", "onnxscript", "onnxruntime")
    lacking = [name for name in needed if importlib.util.find_spec(name) is None]
    if lacking:
        raise MissingDependencyError(
            f"ONNX files are written with {' and '.join(lacking)}",
            argument=argument,
            hint='pip install "faceattr[onnx]"',
        )


def finish_graph(content: bytes, metadata: Mapping[str, str], text: str) -> bytes:
    """Return an ONNX file with metadata, without traces of where it was made.

    Exporters note the lines of source, with the folders of this machine, at every node. Nodes
    without a name get one, so that they can be told apart.

    Parameters
    ----------
    content : bytes
    metadata : mapping of str to str
        Takes the place of what is there.
    text : str
        Describes the model in a sentence or two.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    model.doc_string = text
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        del graph.metadata_props[:]
        graph.doc_string = ""
        for node in graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        for value in graph.value_info:
            del value.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    taken = {node.name for node in model.graph.node}
    for position, node in enumerate(model.graph.node):
        if not node.name:
            node.name = _free(f"node_{position}", taken)
    onnx.helper.set_model_props(model, dict(metadata))
    finished: bytes = model.SerializeToString()
    return finished


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def layers(content: bytes) -> list[str]:
    """Return the names of the nodes that multiply by weights, in order."""
    import onnx

    graph = onnx.load_model_from_string(content).graph
    weights = {tensor.name for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type in _LAYERS and any(name in weights for name in node.input)
    ]


def with_shapes(content: bytes) -> Any:
    """Return an onnx.ModelProto that tells the shape of every tensor."""
    import onnx

    return onnx.shape_inference.infer_shapes(onnx.load_model_from_string(content))


def opset_of(content: bytes) -> int:
    """Return the version of ONNX's operators that a file asks for."""
    import onnx

    imports = onnx.load_model_from_string(content).opset_import
    return max(int(entry.version) for entry in imports if entry.domain in ("", "ai.onnx"))
