"""ONNX Runtime; the only file that knows onnxruntime."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from faceattr._parallel import cores
from faceattr._validation import check_integer
from faceattr.exceptions import InvalidArgumentError, MissingDependencyError, ModelFileError
from faceattr.images import UInt8Image

__all__ = ["CPU", "INPUT", "Session", "check_runtime", "has_runtime", "measure_ranges", "to_int8"]

INPUT = "images"
"""The name of the network's input."""

CPU = ("CPUExecutionProvider",)

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


def has_runtime() -> bool:
    """Return whether onnxruntime is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def check_runtime(argument: str) -> None:
    """Raise MissingDependencyError without onnxruntime."""
    if not has_runtime():
        raise MissingDependencyError(
            "ONNX files are run by onnxruntime",
            argument=argument,
            hint='pip install "faceattr[onnx]"',
        )


class Session:
    """An ONNX network, loaded.

    Attributes
    ----------
    metadata : dict of str to str
        What the file says about itself.
    outputs : tuple of str
        Names of the outputs.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.outputs: tuple[str, ...] = tuple(output.name for output in session.get_outputs())

    @classmethod
    def open(
        cls,
        source: Path | bytes,
        *,
        threads: int | None = None,
        providers: Sequence[str] = CPU,
    ) -> Session:
        """Load a network.

        Parameters
        ----------
        source : path or bytes
            An ONNX file, or what stands in one.
        threads : int, optional
            Threads that one network pass uses; as many as there are cores by default.
        providers : sequence of str, default ("CPUExecutionProvider",)
            Where it is computed, in order of preference.

        Raises
        ------
        MissingDependencyError
            Without onnxruntime.
        InvalidArgumentError
            If this onnxruntime lacks a provider.
        ModelFileError
            If the file is missing, damaged, or asks for what this onnxruntime lacks.
        """
        check_runtime("path")
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        _check_providers(providers, onnxruntime.get_available_providers())
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.intra_op_num_threads = (
            cores() if threads is None else check_integer(threads, "threads", low=1)
        )
        content = source if isinstance(source, bytes) else str(source)
        refusals = (
            *(state.Fail, state.NoSuchFile, state.InvalidProtobuf, state.InvalidGraph),
            *(state.InvalidArgument, state.NotImplemented, state.RuntimeException),
        )
        try:
            return cls(onnxruntime.InferenceSession(content, options, providers=list(providers)))
        except refusals as error:
            raise ModelFileError(
                "no ONNX file that onnxruntime can load",
                rows=[] if isinstance(source, bytes) else [str(source)],
                found=str(error),
            ) from error

    def run(self, images: UInt8Image, names: Sequence[str]) -> Arrays:
        """Return outputs by name.

        Parameters
        ----------
        images : numpy.ndarray of uint8, shape (N, H, W, 3)
        names : sequence of str
        """
        channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        found = self._session.run(list(names), {INPUT: channels_first})
        return dict(zip(names, found, strict=True))


def _check_providers(providers: Sequence[str], available: Sequence[str]) -> None:
    lacking = [name for name in providers if name not in available]
    if lacking or not providers or isinstance(providers, str):
        raise InvalidArgumentError(
            "not what this onnxruntime offers",
            argument="providers",
            expected=f"a sequence of names among {list(available)}",
            found=repr(providers),
        )


def measure_ranges(network: bytes, batches: Iterable[UInt8Image]) -> Any:
    """Return the lowest and highest value of every tensor between layers.

    Parameters
    ----------
    network : bytes
        An ONNX file's content.
    batches : iterable of numpy.ndarray of uint8, shape (n, H, W, 3)
        Images to calibrate with.
    """
    from onnxruntime.quantization import CalibrationMethod, create_calibrator

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(network)
        calibrator = create_calibrator(
            path,
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(_Reader(batches))
        return calibrator.compute_data()


class _Reader:
    """Images as onnxruntime's calibration asks for them."""

    def __init__(self, batches: Iterable[UInt8Image]) -> None:
        self._feeds = iter(self._feed(batches))

    @staticmethod
    def _feed(batches: Iterable[UInt8Image]) -> Iterator[Mapping[str, UInt8Image]]:
        for batch in batches:
            yield {INPUT: np.ascontiguousarray(batch.transpose(0, 3, 1, 2))}

    def get_next(self) -> Mapping[str, UInt8Image] | None:
        """Return the next batch by the input's name; None after the last."""
        return next(self._feeds, None)

    def __iter__(self) -> Iterator[Mapping[str, UInt8Image]]:
        return self._feeds


def to_int8(model: Any, ranges: Any, nodes: Sequence[str]) -> bytes:
    """Return a network some of whose layers compute in 8 bits.

    Weights become signed 8-bit numbers with a scale for each channel, what goes into and out of
    these layers unsigned ones with a scale for each tensor ("QDQ").

    Parameters
    ----------
    model : onnx.ModelProto
        With shapes; it is changed.
    ranges : object
        Of `measure_ranges`.
    nodes : sequence of str
        Names of the layers.
    """
    from onnxruntime.quantization import QDQQuantizer, QuantType

    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=list(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=sorted({n.op_type for n in model.graph.node if n.name in set(nodes)}),
        extra_options={},
    )
    quantizer.quantize_model()
    content: bytes = quantizer.model.model.SerializeToString()
    return content
